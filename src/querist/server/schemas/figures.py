"""Curves, rounds, classes, slices, calibration and time: the figures behind the overview."""

from __future__ import annotations

from typing import Literal

from querist.server.schemas.projects import Filter, Point
from querist.server.schemas.wire import Estimate, Micros, Reply


class Curve(Reply):
    """A learning curve; it ends where measuring ends."""

    name: str
    """"Active model", "Random labelling"."""
    points: list[Point]
    """By growing `labels`; empty until there is something to draw."""
    ends: str
    """Why it ends there: "random is measured to here, from 186 control and 420 evaluation labels; …"."""


class Settle(Reply):
    """Labels where the two models disagree, which settle an undecided comparison."""

    state: Literal["none", "offer", "asked", "open", "settled"]
    """`offer`: a manager may ask for them; `asked`: the worker looks for them; `open`: they are out."""
    sentence: str
    """What they settled, or how far they are."""
    done: int
    """Answers so far."""
    of: int
    """Items asked."""


class Comparison(Reply):
    """Better than random? At equal numbers of labels."""

    state: Literal["missing", "undecided", "better", "worse", "no_gain"]
    """`missing`: too few evaluation answers; `no_gain`: no useful gain is visible (amber); `worse`: the alarm."""
    sentence: str
    """"Better than random: +4.1 points (+0.5 to +7.7) at 222 labels."."""
    detail: str
    """What would settle it; what was switched."""
    missing: int
    """Evaluation answers still missing before anything may be said; 0 otherwise."""
    at: int | None
    """The number of labels at which it was compared."""
    difference: Estimate | None
    """Active minus random, as a fraction (0.041 = 4.1 points)."""
    active: float | None
    """Accuracy of the active model there."""
    random: float | None
    """Accuracy of random labelling there."""
    visible: float | None
    """The smallest difference that could have been seen, as a fraction."""
    settle: Settle
    """What would settle it."""


class Saved(Reply):
    """Labels saved at equal accuracy, inside the measured range."""

    state: Literal["missing", "unclear", "saved", "lost"]
    """`unclear`: the interval holds 0."""
    sentence: str
    """"Labels saved: not measurable yet (between 160 lost and 190 saved)."."""
    detail: str
    """Where it was measured, and that nothing is claimed beyond."""
    gross: Estimate | None
    """By the strategy alone, in labels."""
    net: float | None
    """Less the evaluation labels that prove it."""
    net_sentence: str
    """"Net of the evaluation labels: −83 so far."."""
    proof: int
    """Evaluation labels so far."""
    random_labels: int | None
    """Labels that random labelling needed, m*."""
    active_labels: float | None
    """Labels that this project needed for the same accuracy."""
    accuracy: float | None
    """That accuracy."""


class Curves(Reply):
    """`GET /projects/P/curves`: is it better than random labelling?"""

    metric: str
    """Registered name, `accuracy`."""
    axis: str
    """"Correct on the evaluation items, %"."""
    active: Curve
    """Of the project's models, on all evaluation answers so far."""
    random: Curve
    """Of shadow models, cross-fitted over control and evaluation items."""
    comparison: Comparison
    """The answer."""
    saved: Saved
    """Labels saved."""
    evaluation: int
    """Evaluation answers so far."""
    needed: dict[Literal["curve", "accuracy", "comparison"], int]
    """Evaluation answers needed for a curve (10), an accuracy (50), a comparison (100)."""
    missing: str
    """"Too early: 32 of 50 evaluation labels.", or nothing."""


class Round(Reply):
    """One round."""

    round: int
    """Its number."""
    at: Micros
    """When its model was trained, else when its batch was chosen."""
    labels: int
    """Training labels of its data set."""
    strategy: str
    """That chose its batch."""
    reason: str
    """Why this strategy."""
    accuracy: Estimate | None
    """Of its model, re-scored on all evaluation answers so far."""
    calibration_error: float | None
    """After calibration."""
    median_ms: float | None
    """Median active time per answer in this round."""
    train_seconds: float | None
    """How long training took."""
    model: str | None
    """`m31`."""
    dataset: str | None
    """Hash of the data set."""
    lanes: dict[str, int]
    """Picks by lane."""
    notices: list[str]
    """Fallbacks and failures."""


class Rounds(Reply):
    """`GET /projects/P/rounds?cursor=`: newest first."""

    rounds: list[Round]
    """At most 100."""
    next: str | None
    """Cursor of the next page."""


class ClassRow(Reply):
    """One class."""

    name: str
    """The class."""
    labels: int
    """Training labels."""
    share: float
    """Of the training labels."""
    pool: Estimate | None
    """Share in the pool, from control and evaluation answers; None while too early."""
    recall: Estimate | None
    """Found by the last model, on evaluation items of this class."""
    sentence: str
    """"No example of fraud among the 200 evaluation items: its recall is unknown.", or nothing."""


class Classes(Reply):
    """`GET /projects/P/classes`."""

    sentence: str
    """"Refund is thin: 65 labels."."""
    classes: list[ClassRow]
    """In the order of their keys."""


class Slice(Reply):
    """Evaluation items that share a value, and how many of them the model gets right."""

    column: str
    """`class` is the true class; else a field, `group`, `cost`, `length` or `cluster`."""
    value: str
    """The value in words."""
    right: Estimate
    """Share that is right; the intervals hold for all slices together."""
    below: bool
    """The whole interval lies under the share over all items."""
    where: Filter | None
    """The filter that asks for more of it."""


class Confusion(Reply):
    """Counts of the measured items; `counts[i][j]` are of true class i and predicted class j."""

    classes: list[str]
    """Their names."""
    counts: list[list[int]]
    """A row for each true class."""


class Slices(Reply):
    """`GET /projects/P/slices`: where is it weak?"""

    sentence: str
    """"Class refund: 41 % right of 22, against 83 % of all."."""
    n: int
    """Evaluation items with an answer."""
    slices: list[Slice]
    """The weakest first; empty while it is too early."""
    confusion: Confusion | None
    """Of one class for each item; null for other kinds of label."""
    where: list[Filter]
    """The filters in force."""


class Bin(Reply):
    """One bar of the reliability diagram."""

    certainty: float
    """What the model said on average."""
    correct: Estimate
    """How often it was right."""


class Calibration(Reply):
    """`GET /projects/P/calibration`: can its certainty be trusted?"""

    state: Literal["missing", "good", "poor"]
    """`missing`: too few answers."""
    sentence: str
    """"Yes. What it says is 2 points off on average (9 before calibration)."."""
    bins: list[Bin]
    """On evaluation items, after calibration; empty when missing."""
    before: float | None
    """Expected calibration error without the temperature."""
    after: float | None
    """With it."""
    method: str
    """"temperature", or why there is none."""
    parameters: dict[str, float]
    """{"temperature": 1.7}."""
    n: int
    """Evaluation items."""


class TimeBin(Reply):
    """One bar of the histogram."""

    low: float
    """Seconds from."""
    high: float | None
    """Seconds to; None: and longer."""
    n: int
    """Answers."""


class Timing(Reply):
    """`GET /projects/P/timing`: seconds per label, by active time."""

    sentence: str
    """"About 780 labels an hour of active time.", or "too early to say"."""
    n: int
    """Answers with a measured time."""
    median_ms: float | None
    """Half take less."""
    per_hour: float | None
    """Answers in an hour of active time."""
    bins: list[TimeBin]
    """The histogram."""
