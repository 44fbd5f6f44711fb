"""What rules say, one by one and together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from querist import registry
from querist.errors import BadValue, UnknownName
from querist.stop.history import History
from querist.types import Json


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says: whether it fired, the numbers behind it, and one sentence for people."""

    rule: str
    fired: bool
    evidence: Json
    sentence: str

    def to_json(self) -> Json:
        """Return the record that `model_evaluated` keeps."""
        return {"rule": self.rule, "fired": self.fired, "evidence": self.evidence, "sentence": self.sentence}


def judge(history: History, rules: Mapping[str, Any]) -> Verdict:
    """Return the verdict of a tree of rules, as `stop` in `querist.toml` has it.

    Args:
        history: of the project.
        rules: `{"rule": name, **settings}`, or `{"any": [...]}`, or `{"all": [...]}`, nested at will.

    Raises:
        UnknownName: no such rule, or no such setting of it.
        BadValue: neither rule nor any nor all.

    >>> judge(History((), labels=5), {"any": [{"rule": "budget", "labels": 5}]}).fired
    True
    """
    for how in ("any", "all"):
        if how in rules:
            return combine([judge(history, rule) for rule in rules[how]], how)
    entry, settings = _rule(rules)
    verdict: Verdict = entry.function(history, **settings)
    return verdict


def check(rules: Any) -> None:
    """Refuse a tree of rules that cannot be asked, before anybody relies on it.

    Raises:
        UnknownName: no such rule, or no such setting of it.
        BadValue: neither rule nor any nor all, more than one of them, or an empty list; a number below zero.

    >>> check({"all": [{"rule": "settled"}, {"rule": "target", "at_leest": 0.9}]})
    Traceback (most recent call last):
    querist.errors.UnknownName: unknown setting of the stop rule 'target' 'at_leest'; did you mean 'at_least'? ...
    """
    how = [word for word in ("any", "all") if isinstance(rules, Mapping) and word in rules]
    if not how:
        _rule(rules)
        return
    if len(rules) > 1:
        raise BadValue("stop", sorted(rules), f"{how[0]!r} stands alone; put the other rules into its list")
    inner = rules[how[0]]
    if not isinstance(inner, list | tuple) or not inner:
        raise BadValue(f"stop.{how[0]}", inner, "must be a list of one rule or more")
    for rule in inner:
        check(rule)


def leaves(rules: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the single rules of a tree, in its order.

    >>> [rule["rule"] for rule in leaves({"any": [{"rule": "a"}, {"all": [{"rule": "b"}, {"rule": "c"}]}]})]
    ['a', 'b', 'c']
    """
    for how in ("any", "all"):
        if how in rules:
            return [leaf for rule in rules[how] for leaf in leaves(rule)]
    return [rules]


def _rule(rules: Any) -> tuple[registry.Entry, dict[str, Any]]:
    if not isinstance(rules, Mapping) or not isinstance(rules.get("rule"), str):
        named = sorted(rules) if isinstance(rules, Mapping) else rules
        raise BadValue("stop", named, "needs one of rule, any, all", choices=["rule", "any", "all"])
    entry = registry.find("stop_rule", rules["rule"])
    settings = {name: value for name, value in rules.items() if name != "rule"}
    for name, value in settings.items():
        if name not in entry.settings:
            raise UnknownName(f"setting of the stop rule {entry.name!r}", name, entry.settings)
        if isinstance(value, int | float) and value < 0:
            raise BadValue(f"{name} of the stop rule {entry.name!r}", value, "must not be below zero")
    return entry, settings


def verdicts(history: History, rules: Mapping[str, Any]) -> list[Verdict]:
    """Return what each single rule of a tree says, in its order: the table "why stop, and why not".

    >>> [v.rule for v in verdicts(History((), labels=5), {"any": [{"rule": "budget", "labels": 5}]})]
    ['budget']
    """
    return [judge(history, rule) for rule in leaves(rules)]


def combine(parts: Sequence[Verdict], how: str = "any") -> Verdict:
    """Return one verdict of several: fired when any of them did, or when all did.

    The evidence is every part's; the sentence is told by those that decided.

    >>> a, b = Verdict("a", True, {}, "A."), Verdict("b", False, {}, "B.")
    >>> combine([a, b], "any").sentence, combine([a, b], "all").sentence
    ('A.', 'B.')
    """
    if how not in ("any", "all"):
        raise BadValue("how", how, "unknown", choices=["any", "all"])
    if not parts:
        raise BadValue(how, [], "needs at least one rule")
    fired = (any if how == "any" else all)(part.fired for part in parts)
    deciding = [part for part in parts if part.fired == fired]
    return Verdict(
        rule=f" {'or' if how == 'any' else 'and'} ".join(part.rule for part in (deciding if how == "any" else parts)),
        fired=fired,
        evidence={how: [part.to_json() for part in parts]},
        sentence=" ".join(part.sentence for part in deciding),
    )
