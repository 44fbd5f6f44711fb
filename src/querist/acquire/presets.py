"""Strategies by name: a table, no classes. Any registered scorer or selector is a strategy, too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from querist import registry
from querist.acquire.draws import TRANSFORMS
from querist.acquire.scoring import scorer_of
from querist.acquire.select import required_signals, selector_of
from querist.errors import BadValue, UnknownName
from querist.signals import ROLES
from querist.types import Json, Strategy


def _narrowed(slow: str, quick: str, keep: int) -> Strategy:
    return Strategy(
        f"narrow_{slow}", selector="narrow", selector_settings={"parts": [quick], "final": slow, "keep": keep}
    )


PRESETS: Final = {
    preset.name: preset
    for preset in (
        Strategy("random", selector="random"),
        Strategy("margin", scorer="margin"),
        Strategy("entropy", scorer="entropy"),
        Strategy("least_confidence", scorer="least_confidence"),
        Strategy("ratio", scorer="ratio"),
        Strategy("power_margin", scorer="margin", selector="gumbel_top", selector_settings={"how": "power"}),
        Strategy("power_bald", scorer="bald", selector="gumbel_top", selector_settings={"how": "power"}),
        Strategy("k_center", selector="k_center"),
        Strategy("kmeans", selector="kmeans"),
        Strategy("kmeans_plus_plus", selector="kmeans_plus_plus"),
        Strategy("max_herding", selector="max_herding"),
        Strategy("typiclust", selector="typiclust"),
        Strategy("badge", selector="badge"),
        Strategy("bait", selector="bait"),
        Strategy("uncertainty_herding", selector="uncertainty_herding"),
        Strategy("cluster_margin", scorer="margin", selector="cluster_margin"),
        Strategy("weighted_kmeans", scorer="margin", selector="weighted_kmeans"),
        Strategy(
            "information_density", scorer="product", scorer_settings={"parts": ["entropy", "information_density"]}
        ),
        Strategy("margin_per_cost", scorer="per_cost", scorer_settings={"parts": ["margin"]}),
        Strategy("refine", selector="refine"),
        Strategy("narrow", selector="narrow"),
        _narrowed("eer_newton", "margin", 200),
        _narrowed("eer_ridge", "margin", 1000),
        _narrowed("eer_parzen", "kmeans_plus_plus", 1000),
        _narrowed("eer_knn", "kmeans_plus_plus", 1000),
    )
}

_OWN: Final = ("shortlist", "random_share", "filters", "quotas", "group_limit")
"""Settings of every strategy, whatever it is made of."""


def strategy(value: str | Mapping[str, Any] | Strategy, settings: Mapping[str, Any] | None = None) -> Strategy:
    """Return the strategy of that name, with settings given to the part that declares them.

    Args:
        value: a preset; a scorer or combinator (its best rows are taken); a selector (over `margin` where it wants
            scores); a scorer with `power_`, `softmax_` or `softrank_` in front (rows are drawn by its scores); the JSON
            form of a strategy; or a strategy.
        settings: by name, of the scorer or the selector, or one of `shortlist`, `random_share`, `filters`, `quotas`,
            `group_limit`.

    Raises:
        UnknownName: there is no such strategy, or it has no such setting.
        BadValue: a setting has a value of the wrong type.

    >>> strategy("power_margin", {"beta": 2.0, "random_share": 0.1}).selector_settings
    {'how': 'power', 'beta': 2.0}
    >>> strategy("margn")
    Traceback (most recent call last):
    querist.errors.UnknownName: unknown strategy 'margn'; did you mean 'margin'? have: ...
    """
    if isinstance(value, Strategy):
        found = value
    elif isinstance(value, str):
        found = _by_name(value)
    elif "selector" in value or "scorer" in value:
        found = Strategy.from_json(value)
    else:
        return strategy(value["name"], {**value.get("settings", {}), **(settings or {})})
    return _with_settings(found, settings or {})


def names() -> list[str]:
    """Return all names that `strategy` knows, save those with a transform in front."""
    registered = [entry.name for kind in ("scorer", "selector") for entry in registry.entries(kind)]
    return sorted({*PRESETS, *registered})


def served_by(offered: Collection[str]) -> list[str]:
    """Return the names of what a model that offers these signals can serve; features and answers give the rest.

    >>> "mmc" in served_by({"label_proba"}), "margin" in served_by({"label_proba"})
    (True, False)
    """
    given = {*offered, "embed", "labelled_target", "target_mean"}

    def base(name: str) -> str:
        role, _, rest = name.partition("_")
        return rest if role in ROLES else name

    needs = {name: required_signals(strategy(name)).needs for name in names()}
    return [name for name, wanted in needs.items() if all(need in given or base(need) in given for need in wanted)]


def _by_name(name: str) -> Strategy:
    if name in PRESETS:
        return PRESETS[name]
    if registry.has("scorer", name) or registry.has("combinator", name):
        return Strategy(name, scorer=name)
    if registry.has("selector", name):
        entry = registry.find("selector", name)
        return Strategy(name, scorer="margin" if "scores" in entry.reserved else None, selector=name)
    how, _, scorer = name.partition("_")
    if how in TRANSFORMS and registry.has("scorer", scorer):
        return Strategy(name, scorer=scorer, selector="gumbel_top", selector_settings={"how": how})
    drawn = [f"{how}_{known}" for known in names() if registry.has("scorer", known)] if how in TRANSFORMS else []
    raise UnknownName("strategy", name, [*names(), *drawn])


def _with_settings(found: Strategy, settings: Mapping[str, Any]) -> Strategy:
    scorer = _settings_of(scorer_of(found.scorer)) if found.scorer else {}
    selector = _settings_of(selector_of(found.selector))
    own: dict[str, Any] = {}
    for_scorer, for_selector = dict(found.scorer_settings), dict(found.selector_settings)
    for name, value in settings.items():
        if name in _OWN:
            own[name] = tuple(value) if name == "filters" else value
        elif name in scorer:
            for_scorer[name] = _checked(name, value, scorer[name])
        elif name in selector:
            for_selector[name] = _checked(name, value, selector[name])
        else:
            raise UnknownName(f"setting of strategy {found.name!r}:", name, [*scorer, *selector, *_OWN])
    _check_own(own)
    made = replace(found, **own, scorer_settings=for_scorer, selector_settings=for_selector)
    _refuse_signed(made)
    return made


def _settings_of(entry: registry.Entry) -> dict[str, Any]:
    """Return settings with their defaults; a combinator has its parts, too."""
    return {"parts": [], **entry.settings} if entry.kind == "combinator" else dict(entry.settings)


def _checked(name: str, value: Any, default: Any) -> Any:
    """Return the value, which must be of the default's type; an int will do for a float, None for no check."""
    if default is None or value is None:
        return value
    alike: dict[type, tuple[type, ...]] = {float: (int, float), tuple: (list, tuple), list: (list, tuple)}
    wanted = alike.get(type(default), (type(default),))
    if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(default, bool)):
        raise BadValue(name, value, f"must be of type {type(default).__name__}, like its default {default!r}")
    return value


def _refuse_signed(made: Strategy) -> None:
    """Raise where scores that may be negative would be taken to a power or multiplied."""
    parts = made.scorer_settings.get("parts", [made.scorer] if made.scorer else [])
    signed = [part for part in parts if registry.has("scorer", part) and registry.find("scorer", part).signed]
    if signed and made.selector == "gumbel_top" and made.selector_settings.get("how", "power") == "power":
        ways = f"softmax_{signed[0]} or softrank_{signed[0]}"
        raise BadValue("scorer", signed[0], f"may be negative, which has no power; use {ways}")
    if signed and made.scorer in ("product", "per_cost"):
        raise BadValue("parts", signed[0], "may be negative and cannot be multiplied; use rank_mean")


def _check_own(own: Mapping[str, Any]) -> None:
    if not 0 <= own.get("random_share", 0) <= 1:
        raise BadValue("random_share", own["random_share"], "must be between 0 and 1")
    for name in ("shortlist", "group_limit"):
        if own.get(name, 0) < 0:
            raise BadValue(name, own[name], "must not be negative")


def describe() -> list[Json]:
    """Return the catalogue as a flat JSON list: scorers, selectors, combinators, filters, policies and presets.

    >>> next(entry for entry in describe() if entry["name"] == "margin" and entry["kind"] == "preset")["signals"]
    ['proba']
    """
    kinds: tuple[registry.Kind, ...] = ("scorer", "selector", "combinator", "filter", "policy")
    registered = [entry.to_json() for kind in kinds for entry in registry.entries(kind)]
    return registered + [_describe(preset) for preset in PRESETS.values()]


def _describe(preset: Strategy) -> Json:
    required = required_signals(preset)
    selector = selector_of(preset.selector)
    main = scorer_of(preset.scorer) if preset.scorer and preset.selector == "top" else selector
    scorer = _settings_of(scorer_of(preset.scorer)) if preset.scorer else {}
    return {
        "kind": "preset",
        "name": preset.name,
        "signals": list(required.needs),
        "optional_signals": list(required.can_use),
        "settings": {**_settings_of(selector), **scorer, **preset.selector_settings, **preset.scorer_settings},
        "uses_scores": "scores" in selector.reserved,
        "signed": False,
        "whole_pool": False,
        "sampling": selector.sampling,
        "summary": main.summary,
        "strategy": preset.to_json(),
    }
