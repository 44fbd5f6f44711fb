"""Better than random? What the evaluation of a model records about it: the comparison, the saving, the alarms.

The comparison and the saving are made at planned looks only; the alarm may look after every 20 random labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.engine.archive import Archived, archive, said_of
from querist.engine.project import Project
from querist.engine.random_arm import compared_baseline
from querist.engine.reserve import Measuring
from querist.engine.round import State
from querist.engine.watching import watched
from querist.errors import NotReady
from querist.measure import words
from querist.measure.alarm import Watch, no_useful_gain, watch
from querist.measure.evidence import Difference, difference
from querist.measure.metrics import Metric, arm_of, metric
from querist.measure.saving import LabelsSaved, labels_saved
from querist.measure.shadow import Arm
from querist.types import Array, ItemId, Json

CONTROL_WHEN_WORSE: Final = 0.5
"""Share of labels drawn at random once the strategy was found worse than random."""
CONTROL_WHEN_NO_BETTER: Final = 0.3
"""The same once a gain of 2 points or more was ruled out: enough to see sooner whether the strategy pays."""
FEWEST_OF_A_CLASS: Final = 20
"""Evaluation items that must count in the metric of a class before a saving is given."""
SUGGESTED: Final = "Try another strategy under Settings, or random."


@dataclass(frozen=True, slots=True)
class Compared:
    """Both arms on the same items, and what they say."""

    metric: Metric
    active: Arm
    random: Arm
    difference: Difference
    saved: LabelsSaved | None

    @property
    def no_useful_gain(self) -> bool:
        """Whether a gain of 2 points or more is ruled out; an error has no points."""
        return not self.active.squared and no_useful_gain(self.difference)


def metric_of(project: Project, state: State) -> Metric:
    """Return the metric of the project, its class under the name now in force."""
    found = metric(project.spec.evaluation.metric)
    return Metric(found.kind, state.renamed.get(found.name, found.name)) if found.name is not None else found


def active_arm(
    wanted: Metric, archived: Sequence[Archived], items: Sequence[ItemId], target: Array, classes: Sequence[str]
) -> Arm | None:
    """Return the arm of the archived models on some items; of models with equally many labels, the last.

    Args:
        wanted: the metric.
        archived: in order of training.
        items: the items.
        target: (n,) class numbers under the classes now in force, or the numbers that are right (`truth_of`).
        classes: those classes.
    """
    by_size = {entry.labelled: entry for entry in archived}
    if not by_size or not items:
        return None
    sizes = sorted(by_size)
    if wanted.kind == "rmse":
        said = np.array([_numbers(by_size[size], items) for size in sizes])
    else:
        said = np.array([said_of(by_size[size], items, classes) for size in sizes])
    return arm_of(wanted, np.array(sizes), said, target, positive=_positive(wanted, classes))


def _numbers(entry: Archived, items: Sequence[ItemId]) -> Array:
    """(n,) predicted numbers."""
    place = {item: k for k, item in enumerate(entry.items)}
    found: Array = entry.kind.predicted(entry.proba)[[place[item] for item in items]]
    return found


def truth_of(wanted: Metric, measured: Measuring) -> Array:
    """Return (n,) what is right for each item that measures: numbers for an RMSE, else codes."""
    return measured.values if wanted.kind == "rmse" else measured.target


def random_arm(
    wanted: Metric, kept: Json, items: Sequence[ItemId], target: Array, state: State, classes: Sequence[str] | None
) -> Arm | None:
    """Return the arm of kept shadow predictions; None where an old ledger kept too little for the metric.

    `classes` are those now in force; None where what was predicted is kept in other codes.
    """
    place = {item: k for k, item in enumerate(kept["items"])}
    columns = [place[item] for item in items]
    labels = np.array(kept["labels"])
    if (kept.get("of", "codes") == "values") != (wanted.kind == "rmse"):
        return None  # the metric was changed since
    if "predicted" not in kept:
        return Arm(labels, np.array(kept["right"])[:, columns]) if wanted.kind == "accuracy" else None
    said = np.array(kept["predicted"])[:, :, columns]
    if classes is None:
        return arm_of(wanted, labels, said, target)
    number = {name: k for k, name in enumerate(classes)}
    now = np.array([number.get(state.renamed.get(name, name), -1) for name in kept["classes"]])
    return arm_of(wanted, labels, now[said], target, positive=_positive(wanted, classes))


def classes_of(project: Project) -> Sequence[str] | None:
    """Return the classes whose numbers stand for predictions; None where other codes do."""
    return project.target.columns if project.target.signal == "proba" else None


def _positive(wanted: Metric, classes: Sequence[str]) -> int:
    return next((k for k, name in enumerate(classes) if name == wanted.name), -1)


def compare(
    project: Project,
    state: State,
    measured: Measuring,
    archived: Sequence[Archived],
    *,
    new: str | None = None,
) -> Compared | None:
    """Return difference and saving at the last planned look; None while there was none, or no item was chosen yet.

    Args:
        project: the project.
        state: its fold.
        measured: what measures, with the answers so far.
        archived: past models.
        new: a random arm whose event is not in the ledger yet.
    """
    kept = compared_baseline(project, new=new)
    if kept is None or not archived or not state.lanes.get("query"):
        return None
    wanted = metric_of(project, state)
    known = measured.known
    truth = dict(zip(np.asarray(measured.items)[known].tolist(), truth_of(wanted, measured)[known], strict=True))
    items = [item for item in kept["items"] if item in truth]
    target = np.array([truth[item] for item in items])
    columns = project.target.columns
    active = active_arm(wanted, archived, items, target, columns)
    random = random_arm(wanted, kept, items, target, state, classes_of(project)) if items else None
    if active is None or random is None:
        return None
    try:
        found = difference(active, random)
    except NotReady:
        return None
    try:
        saved = labels_saved(active, random, seed=project.seed) if _enough(active) else None
    except NotReady:
        saved = None
    return Compared(wanted, active, random, found, saved)


def _enough(active: Arm) -> bool:
    """Whether enough items count in the metric: with fewer of a class the bootstrap of a saving was seen to fail."""
    return active.of is None or float(active.of[-1].sum()) >= FEWEST_OF_A_CLASS


def against_random(
    project: Project, state: State, measured: Measuring, latest: Archived, baseline: str | None
) -> tuple[Json, str | None]:
    """Return what an evaluation records about random labelling, and the artefact of what the alarm has seen."""
    archived = [*archive(project), latest]
    # The alarm compares what was said by name, and so far of classes only.
    by_name = project.target.signal == "proba"
    harm, seen = watched(project, state, measured, archived) if by_name else (watch([]), None)
    found = compare(project, state, measured, archived, new=baseline)
    enough = int(measured.known.sum()) >= words.ENOUGH_FOR_COMPARISON
    evidence: Json = {
        "metric": str(metric_of(project, state)),
        "comparison": found.difference.to_json() if found is not None and enough else None,
        "saved": found.saved.to_json() if found is not None and found.saved is not None and enough else None,
        "watch": harm.to_json(),
        "alarms": _alarms(harm, found if found is not None and enough else None),
    }
    return evidence, seen


def _alarms(watch: Watch, found: Compared | None) -> Json:
    """The alarms that have fired, each with its sentence and the share of random labels that it asks for."""
    alarms: Json = {}
    if watch.red:
        evidence = {**watch.to_json(), "control": CONTROL_WHEN_WORSE}
        alarms["worse_than_random"] = {"sentence": f"{words.red(watch)} {_raised(CONTROL_WHEN_WORSE)}", **evidence}
    if found is not None and found.difference.finding != "better" and found.no_useful_gain:
        sentence = f"{words.amber(found.difference)} {_raised(CONTROL_WHEN_NO_BETTER)}"
        alarms["no_better_than_random"] = {
            "sentence": sentence,
            "comparison": found.difference.to_json(),
            "control": CONTROL_WHEN_NO_BETTER,
        }
    return alarms


def _raised(share: float) -> str:
    return f"{100 * share:.0f} % of the labels are now drawn at random. {SUGGESTED}"
