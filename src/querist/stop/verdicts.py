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
    if "rule" not in rules:
        raise BadValue("stop", sorted(rules), "needs one of rule, any, all", choices=["rule", "any", "all"])
    entry = registry.find("stop_rule", rules["rule"])
    settings = {name: value for name, value in rules.items() if name != "rule"}
    for name in settings:
        if name not in entry.settings:
            raise UnknownName(f"setting of the stop rule {entry.name!r}", name, entry.settings)
    verdict: Verdict = entry.function(history, **settings)
    return verdict


def verdicts(history: History, rules: Mapping[str, Any]) -> list[Verdict]:
    """Return what each single rule of a tree says, in its order: the table "why stop, and why not".

    >>> [v.rule for v in verdicts(History((), labels=5), {"any": [{"rule": "budget", "labels": 5}]})]
    ['budget']
    """
    for how in ("any", "all"):
        if how in rules:
            return [verdict for rule in rules[how] for verdict in verdicts(history, rule)]
    return [judge(history, rules)]


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
