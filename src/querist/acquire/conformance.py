"""What every scorer and selector must keep, checked on one: `check(entry)` lists what is wrong.

The test suite runs it over the registry, so that a new strategy is tested before its author writes a test; users run it
on their own with `querist check my_package.my_strategy`.
"""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist import signals
from querist.acquire.supply import describes_candidates, take
from querist.registry import Entry
from querist.types import Array

LENGTHS: Final = {"n": 40, "l": 12, "q": 3, "t": 25, "c": 3, "d": 5, "m": 6, "k": 4}
"""How long each dimension of the made-up arrays is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise that a function breaks: the name of the check, and what was seen."""

    check: str
    message: str


class Broken(Exception):
    """Raised inside a check with what was seen; `check` turns it into a finding."""


Signals = Mapping[str, Any]
Case = tuple[str, dict[str, Any]]


def check(entry: Entry) -> list[Finding]:
    """Return what is wrong with a registered scorer, selector or filter; empty is good.

    >>> from querist import registry
    >>> check(registry.find("scorer", "margin"))
    []
    """
    checks: Mapping[str, tuple[Callable[[Entry], None], ...]] = {
        "scorer": SCORER_CHECKS,
        "selector": SELECTOR_CHECKS,
        "filter": FILTER_CHECKS,
    }
    findings = []
    for one in (*checks.get(entry.kind, ()), documented):
        try:
            one(entry)
        except Broken as broken:
            findings.append(Finding(one.__name__, str(broken)))
        except Exception as error:  # noqa: BLE001 - whatever a stranger's function raises is the finding
            findings.append(Finding(one.__name__, f"raised {type(error).__name__}: {error}"))
    return findings


# What is asked of scorers ---------------------------------------------------------------------------------------------


def gives_one_finite_score_per_row(entry: Entry) -> None:
    """On ordinary, duplicated, constant and certain rows alike."""
    for name, given in cases(entry):
        scores = _scores(entry, given)
        if scores.shape != (_rows(given),):
            raise Broken(f"{name}: shape {scores.shape} for {_rows(given)} rows")
        if not np.isfinite(scores).all():
            raise Broken(f"{name}: scores that are not finite: {scores[~np.isfinite(scores)][:3]}")
        if not entry.signed and scores.min(initial=0) < 0:
            raise Broken(f"{name}: negative score {scores.min()}; declare signed=True, or shift it")


def leaves_its_input_alone(entry: Entry) -> None:
    """Arrays are passed read-only."""
    given = made(entry)
    before = {name: np.array(array) for name, array in given.items()}
    for array in given.values():
        array.setflags(write=False)
    _call(entry, given)
    for name, array in given.items():
        if not np.array_equal(array, before[name], equal_nan=True):
            raise Broken(f"changed {name}")


def repeats(entry: Entry) -> None:
    """The same input and seed give the same output."""
    given = made(entry)
    first, second = _call(entry, given, seed=3), _call(entry, given, seed=3)
    if not np.array_equal(np.asarray(first), np.asarray(second)):
        raise Broken("two calls with the same seed differ")


def follows_a_permutation(entry: Entry) -> None:
    """Scores belong to rows, whatever their order."""
    given = made(entry)
    order = np.random.default_rng(1).permutation(_rows(given))
    straight, turned = _scores(entry, given), _scores(entry, _cut(given, order))
    if not np.allclose(straight[order], turned, rtol=1e-6, atol=1e-9):
        raise Broken(f"scores change by up to {np.abs(straight[order] - turned).max():.3g} when rows change places")


def may_be_sharded(entry: Entry) -> None:
    """Scores of a part are the part of the scores; not asked of functions that see the whole pool."""
    if entry.whole_pool:
        return
    given = made(entry)
    half = _rows(given) // 3
    parts = [_scores(entry, _cut(given, rows)) for rows in (np.arange(half), np.arange(half, _rows(given)))]
    if not np.allclose(np.concatenate(parts), _scores(entry, given), rtol=1e-6, atol=1e-9):
        raise Broken("scores of a block depend on rows outside of it; declare whole_pool=True")


def agrees_in_single_precision(entry: Entry) -> None:
    """Scores from float32 arrays are those from float64, to three digits."""
    given = made(entry)
    wide, narrow = _scores(entry, given), _scores(entry, _narrowed(given))
    scale = max(float(np.abs(wide).max(initial=0)), 1e-3)
    if not np.allclose(wide, narrow, rtol=1e-3, atol=1e-3 * scale):
        raise Broken(f"float32 is off by up to {np.abs(wide - narrow).max():.3g}")


# What is asked of selectors -------------------------------------------------------------------------------------------


def gives_distinct_rows(entry: Entry) -> None:
    """As many as asked, or all there are; on duplicates and constants, too."""
    for name, given in cases(entry):
        rows = _rows(given)
        for n in (1, 7, rows, rows + 5):
            picks = _picks(entry, given, n)
            if picks.ndim != 1 or picks.dtype.kind not in "iu":
                raise Broken(f"{name}: an array of {picks.dtype} with {picks.ndim} dimensions, not (n,) integers")
            if len(picks) != min(n, rows):
                raise Broken(f"{name}: {len(picks)} rows for n={n} of {rows}")
            if len(np.unique(picks)) < len(picks) or picks.min() < 0 or picks.max() >= rows:
                raise Broken(f"{name}: rows that do not exist, or twice the same: {picks.tolist()}")


def takes_single_precision(entry: Entry) -> None:
    """It runs on float32 arrays and gives distinct rows there."""
    picks = _picks(entry, _narrowed(made(entry)), 7)
    if len(np.unique(picks)) != 7:
        raise Broken(f"{len(np.unique(picks))} distinct rows for n=7 on float32 arrays")


def states_probabilities(entry: Entry) -> None:
    """A sampling selector gives, if asked, the rows that it would give and a chance in (0, 1] for each."""
    if not entry.sampling:
        return
    if "probabilities" not in entry.reserved:
        raise Broken("is declared as sampling, but has no argument `probabilities`")
    given = made(entry)
    rows, chances = _call(entry, given, n=7, seed=5, probabilities=True)
    if not np.array_equal(rows, _picks(entry, given, 7, seed=5)):
        raise Broken("picks other rows when probabilities are asked for")
    if chances.shape != rows.shape or not ((chances > 0) & (chances <= 1 + 1e-12)).all():
        raise Broken(f"probabilities {chances}")


def minds_what_is_pending(entry: Entry) -> None:
    """It runs with and without labelled and pending rows, and with none of them."""
    given = made(entry)
    optional = {name for name in given if name in entry.can_use}
    _picks(entry, {name: array for name, array in given.items() if name not in optional}, 7)
    for role in ("labelled", "pending"):
        none = {name: array[:, :0] if array.ndim == 3 else array[:0] for name, array in given.items() if role in name}
        if set(none) <= optional:
            _picks(entry, {**given, **none}, 7)


# What is asked of filters ---------------------------------------------------------------------------------------------


def gives_a_mask(entry: Entry) -> None:
    """One bool for each row, not all of them False, with and without what is optional."""
    for name, given in cases(entry):
        needed = {key: array for key, array in given.items() if key in entry.needs}
        for arrays in (given, needed):
            mask = np.asarray(_call(entry, arrays))
            if mask.shape != (_rows(given),) or mask.dtype != bool:
                raise Broken(f"{name}: shape {mask.shape} of {mask.dtype}, not ({_rows(given)},) of bool")
            if not mask.any():
                raise Broken(f"{name}: lets no row pass")


def documented(entry: Entry) -> None:
    """The docstring says what it is in a line, and has an example that runs and gives what it says."""
    text = inspect.getdoc(entry.function) or ""
    if not text:
        raise Broken("has no docstring")
    names = {"np": np, **entry.function.__globals__, entry.name: entry.function}
    example = doctest.DocTestParser().get_doctest(text, names, entry.name, None, 0)
    if not example.examples:
        raise Broken("the docstring has no example that runs")
    said: list[str] = []
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    if doctest.DocTestRunner(optionflags=flags).run(example, out=said.append).failed:
        raise Broken("the example in the docstring fails: " + " ".join("".join(said).split()))


SCORER_CHECKS: Final = (
    gives_one_finite_score_per_row,
    leaves_its_input_alone,
    repeats,
    follows_a_permutation,
    may_be_sharded,
    agrees_in_single_precision,
)
SELECTOR_CHECKS: Final = (
    gives_distinct_rows,
    leaves_its_input_alone,
    repeats,
    takes_single_precision,
    states_probabilities,
    minds_what_is_pending,
)

FILTER_CHECKS: Final = (gives_a_mask, leaves_its_input_alone, repeats)


# Arrays made from the vocabulary --------------------------------------------------------------------------------------


def cases(entry: Entry) -> Iterator[Case]:
    """Yield named sets of arrays: ordinary ones, and those on which implementations break."""
    yield "ordinary", made(entry)
    for name, flawed in {"duplicates": _duplicated, "constant features": _constant, "certain": _certain}.items():
        yield name, {key: flawed(key, array) for key, array in made(entry).items()}
    yield (
        "one class seen",
        {key: np.zeros_like(array) if key == "labelled_target" else array for key, array in made(entry).items()},
    )
    yield "one row", _cut(made(entry), np.array([0]))


def made(entry: Entry, *, seed: int = 0) -> dict[str, Any]:
    """Return random arrays for every signal that the function needs or can use."""
    rng = np.random.default_rng(seed)
    given = {name: _random(name, rng) for name in (*entry.needs, *entry.can_use)}
    if "scores" in entry.reserved:
        given["scores"] = rng.random(LENGTHS["n"])
    return given


def _random(name: str, rng: np.random.Generator) -> Array:
    signal = signals.find(name)
    assert signal is not None, name
    base = name.split("_", 1)[1] if name.split("_", 1)[0] in signals.ROLES else name
    rows = LENGTHS[signals.ROLES.get(name.split("_", 1)[0], "n")]
    if base.startswith("parts_"):
        offsets = np.arange(rows + 1) * 3
        return offsets if base == "parts_offsets" else rng.dirichlet(np.ones(LENGTHS["c"]), int(offsets[-1]))
    shape = tuple(LENGTHS[letter] for letter in signal.shape)
    if base in ("proba", "proba_samples"):
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    if base == "label_proba":
        return rng.random(shape)
    if name == "labelled_target":
        return np.arange(shape[0]) % LENGTHS["c"]
    if name == "target_mean":
        return rng.normal(size=shape) / shape[0]
    if base == "group":
        return rng.integers(0, 5, shape)
    if base in ("cost", "std", "expected_risk"):
        return rng.random(shape) + 0.1
    if name == "head_l2":
        return np.array(0.5)
    return rng.normal(size=shape)


def _duplicated(name: str, array: Array) -> Array:
    """Make all candidate rows copies of three."""
    if not _candidates(name) or name.startswith("parts_"):
        return array
    rows = np.arange(LENGTHS["n"]) % 3
    return array[:, rows] if name in ("proba_samples", "mean_samples") else array[rows]


def _constant(name: str, array: Array) -> Array:
    return np.ones_like(array) if "embed" in name else array


def _certain(name: str, array: Array) -> Array:
    """Make every prediction sure of the first class, and every spread 0."""
    if "proba" in name:
        return np.broadcast_to(np.arange(array.shape[-1]) == 0, array.shape).astype(array.dtype)
    return np.zeros_like(array) if name in ("std", "scores") else array


def _candidates(name: str) -> bool:
    return name == "scores" or describes_candidates(name)


def _rows(given: Signals) -> int:
    if "parts_offsets" in given:
        return len(given["parts_offsets"]) - 1
    name = next(name for name in given if _candidates(name))
    array = given[name]
    return int(array.shape[1] if name in ("proba_samples", "mean_samples") else array.shape[0])


def _cut(given: Signals, rows: Array) -> dict[str, Any]:
    own = take({name: array for name, array in given.items() if describes_candidates(name)}, rows)
    return {**given, **own, **({"scores": given["scores"][rows]} if "scores" in given else {})}


def _narrowed(given: Signals) -> dict[str, Any]:
    return {name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in given.items()}


def _call(entry: Entry, given: Signals, *, n: int = 7, seed: int = 0, **more: Any) -> Any:
    own = {"n": n, "rng": np.random.default_rng(seed)}
    return entry.function(**given, **{name: value for name, value in own.items() if name in entry.reserved}, **more)


def _scores(entry: Entry, given: Signals) -> Array:
    return np.asarray(_call(entry, given))


def _picks(entry: Entry, given: Signals, n: int, *, seed: int = 0) -> Array:
    return np.asarray(_call(entry, given, n=n, seed=seed))
