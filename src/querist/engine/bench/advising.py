"""Before anyone labels: is active learning likely to pay on these data? Numbers, and the reasons on both sides.

What can be measured is measured: copies, near copies and, where some labels are there, class balance, the model's skill
and calibration, and a rehearsal on those labels. Without labels all that is known is how it went on other data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from querist.engine.bench.advice import ENOUGH_FOR_A_REHEARSAL, Facts, Plan, weigh
from querist.engine.bench.labelled import Labelled, load
from querist.engine.bench.simulate import simulate
from querist.errors import BadValue
from querist.types import Array, Content, Features, Json, Rejected

MOST_FOR_A_REHEARSAL: Final = 1_600
SPENT: Final = 0.3
"""Share of the labels that a rehearsal spends: where most of a pool is labelled, every way ends with the same rows."""
LOOKED_AT: Final = 4_000
"""Items of a larger pool that are turned into arrays, drawn at random."""
NEAR: Final = 0.98
"""Cosine from which two items count as near copies."""


def advise(
    data: Any,
    *,
    plan: Plan,
    text: str | None = None,
    columns: Sequence[str] = (),
    image: str | None = None,
    label: str | None = None,
    features: str = "auto",
    model: str = "logistic_regression",
    seed: int = 0,
) -> Json:
    """Return whether active learning is likely to pay: verdict, estimate, reasons for and against, what is not known.

    Args:
        data: what a pool can be read from: a file, a folder, a list, an array.
        plan: what labelling costs.
        text: the column with the text; where no column is named they are guessed as `querist init` does.
        columns: those of a table.
        image: the column with the image paths.
        label: the column with labels that are there, empty where there are none; they should be a random sample.
        features: how items become arrays.
        model: what would learn.
        seed: of all chance.

    Raises:
        NotFound: there is no such file.
        BadValue: it cannot be read, or holds no item.
        UnknownName: no such column.

    >>> rng = np.random.default_rng(0)
    >>> found = advise(rng.normal(size=(80, 3)), plan=Plan(labels=100))
    >>> found["verdict"], found["against"][0]["sentence"]
    ('unlikely', 'The pool is tiny: 100 of 80 items without a label would be labelled, which leaves nothing to choose.')
    """
    facts = look(data, text=text, columns=columns, image=image, label=label, features=features, model=model, seed=seed)
    return weigh(facts, plan)


# --- what the data say


def look(
    data: Any,
    *,
    text: str | None = None,
    columns: Sequence[str] = (),
    image: str | None = None,
    label: str | None = None,
    features: str = "auto",
    model: str = "logistic_regression",
    seed: int = 0,
) -> Facts:
    """Return what the data themselves say; see `advise` for the arguments."""
    from querist.pools import read_pool

    roles = _roles(data, text, columns, image, label)
    reader = read_pool(data, **roles)
    items = [item for item in reader.read() if not isinstance(item, Rejected)]
    if not items:
        raise BadValue("data", str(data)[:80], "holds no item that can be read")
    summary = reader.summary
    known = [item for item in items if item.label is not None]
    drawn = np.sort(np.random.default_rng(seed).permutation(len(items))[:LOOKED_AT])
    embed = _embedded([items[k].content for k in drawn], features, reader.media, seed).embed
    facts = Facts(
        items=len(items),
        unlabelled=len(items) - len(known),
        duplicates=summary.duplicates,
        rejected=summary.rejected,
        near_copies=None if hasattr(embed, "tocsr") else near_copies(embed),
        classes=dict(summary.labels),
    )
    return _tried(facts, known, features, reader.media, model, seed)


def _roles(data: Any, text: str | None, columns: Sequence[str], image: str | None, label: str | None) -> Json:
    """The columns as named; those that are not, as `querist init` would guess."""
    given: Json = {"text": text, "columns": list(columns) or None, "image": image, "label": label}
    if text or columns or image or not isinstance(data, str | Path) or str(data).startswith("sample:"):
        return given
    from querist.pools import inspect

    guess = inspect(data).suggestion
    label = label or guess.label
    named = None if guess.columns is None else [name for name in guess.columns if name != label]
    return {"text": guess.text, "columns": named, "image": guess.image, "label": label, "id": guess.id}


def _embedded(contents: Sequence[Content], method: str, media: Any, seed: int) -> Features:
    from querist.models.features import fit_features

    fitted = fit_features(lambda: contents, kind=contents[0].kind, method=method, seed=seed, media=media)
    return fitted.transform(contents, media=media)


def near_copies(embed: Array) -> float:
    """Return the share of rows with a cosine of 0.98 or more to an earlier row: what a random sample pays for twice.

    >>> near_copies(np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [2.0, 0.0]]))
    0.5
    """
    from querist.acquire.constraints import near

    size = 500
    found = np.zeros(len(embed), dtype=bool)
    for start in range(0, len(embed), size):
        block = embed[start : start + size]
        found[start : start + size] = near(block, embed[:start], NEAR)
        left = np.flatnonzero(~found[start : start + size])
        for place in left[1:].tolist():
            found[start + place] = near(block[place : place + 1], block[:place], NEAR)[0]
    return float(found.mean())


def _tried(facts: Facts, known: Sequence[Any], features: str, media: Any, model: str, seed: int) -> Facts:
    """Add what the labels that are there can tell: skill and calibration out of fold, and a rehearsal."""
    from querist.engine.training import fit
    from querist.errors import ModelFailure
    from querist.models import learner
    from querist.tasks.targets import OneClass

    if len(facts.classes) < 2:
        return facts
    names = list(facts.classes)
    target = np.array([names.index(_text(item.label)) for item in known])
    try:
        fitted = fit(
            learner(model),
            _embedded([item.content for item in known], features, media, seed),
            target,
            kind=OneClass(tuple(names)),
            calibrate="temperature",
            seed=seed,
        )
    except ModelFailure as error:
        return replace(facts, skill={"failed": str(error)})
    facts = replace(facts, skill=fitted.skill, calibration=fitted.calibration)
    on_disk = media is not None and known[0].content.kind == "image"
    if len(known) < ENOUGH_FOR_A_REHEARSAL or on_disk:
        return facts
    labelled = load([item.content for item in known], [_text(item.label) for item in known], features=features)
    return replace(facts, saved=rehearsed(labelled, model=model, seed=seed))


def _text(label: Any) -> str:
    from querist.pools.reader import label_text

    return label_text(label)


def rehearsed(labelled: Labelled, *, model: str = "logistic_regression", seed: int = 0) -> Json | None:
    """Return the share of labels that `auto` saved on data whose labels are known, tried on the rows held out.

    {"value", "low", "high", "labels", "of"}: shares of what random labelling needed, with the 95 % range over 5 splits;
    `labels` is the size at which it was measured, `of` how many rows were used. None where no split got there.
    """
    labelled = labelled.take(MOST_FOR_A_REHEARSAL, seed=seed)
    budget = int(SPENT * len(labelled))
    first = max(10, min(20, budget // 4))
    batch = max(5, (budget - first) // 10)
    result = simulate(
        labelled, strategies=["auto"], model=model, budget=budget, batch=batch, seed_set=first, seeds=5, jobs=1
    )
    own = next(entry for entry in result.summary["strategies"] if entry["strategy"] == "auto")
    found = own.get("labels_saved") or {}
    needed = found.get("needed_by_baseline")
    if not needed or found.get("low") is None:
        return None
    value, low, high = (float(np.clip(found[end] / needed, -1.0, 0.95)) for end in ("saved", "low", "high"))
    return {"value": value, "low": low, "high": high, "labels": budget, "of": len(labelled)}
