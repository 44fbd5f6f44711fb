"""What several people's answers amount to: the result that every consensus method returns, and how answers come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue
from querist.types import Array


@dataclass(frozen=True, slots=True)
class Consensus:
    """Targets of items from many people's answers.

    Fields:
        proba: (items, c) probability of each class; row i is item number i.
        label: (items,) the likeliest class; ties go to the class that is likelier overall, then to the lower number.
        prior: (c,) share of each class.
        confusion: (annotators, c, c) how each person answers (column) when the truth is the row; None where the method
            has none.
        skill: (annotators,) how good each person is, as the method measures it; None where it does not.
        model_weight: how much the model's probabilities counted beside people's answers; None where it has none.
    """

    proba: Array
    label: Array
    prior: Array
    confusion: Array | None = None
    skill: Array | None = None
    model_weight: float | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """Checked answers, all (a,) int64: numbers of items, people and classes; and how many there are of each."""

    item: Array
    annotator: Array
    label: Array
    items: int
    annotators: int
    classes: int

    @property
    def counts(self) -> Array:
        """How often each item got each class, (items, c)."""
        flat = np.bincount(self.item * self.classes + self.label, minlength=self.items * self.classes)
        return flat.reshape(self.items, self.classes)


def read_answers(
    item: Array, annotator: Array, label: Array, *, classes: int | None = None, items: int | None = None
) -> Answers:
    """Return answers as checked int64 arrays.

    Raises:
        BadValue: lengths differ, nothing is there, a number is negative or not whole, or a class is out of range.

    >>> read_answers([0, 0, 1], [0, 1, 0], [1, 1, 0]).counts
    array([[0, 2],
           [1, 0]])
    """
    named = {"item": np.asarray(item), "annotator": np.asarray(annotator), "label": np.asarray(label)}
    for name, values in named.items():
        if values.ndim != 1 or len(values) == 0 or len(values) != len(named["item"]):
            raise BadValue(name, values.shape, "item, annotator and label must be equally long, and not empty")
        if values.dtype.kind not in "iu":
            raise BadValue(name, str(values.dtype), "must be whole numbers from 0 on")
        if values.min() < 0:
            raise BadValue(name, int(values.min()), "numbers start at 0")
    i, a, k = (values.astype(np.int64) for values in named.values())
    for name, given, largest in (("classes", classes, int(k.max())), ("items", items, int(i.max()))):
        if given is not None and largest >= given:
            raise BadValue(name, given, f"number {largest} occurs")
    return Answers(
        i,
        a,
        k,
        items=int(i.max()) + 1 if items is None else items,
        annotators=int(a.max()) + 1,
        classes=int(k.max()) + 1 if classes is None else classes,
    )


def likeliest(proba: Array, prior: Array) -> Array:
    """Return the class of highest probability; ties go to the class of higher prior, then to the lower number.

    >>> likeliest(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([0.4, 0.6]))
    array([1, 0])
    """
    order = np.argsort(-prior, kind="stable")
    found: Array = order[np.argmax(np.round(proba[:, order], 12), axis=1)]
    return found
