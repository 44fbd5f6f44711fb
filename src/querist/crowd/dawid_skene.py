"""Dawid–Skene: each person has a confusion matrix, and the truth is what explains all answers best."""

from __future__ import annotations

import numpy as np

from querist.crowd.consensus import Answers, Consensus, likeliest, read_answers
from querist.errors import BadValue
from querist.types import Array


def dawid_skene(
    *,
    item: Array,
    annotator: Array,
    label: Array,
    classes: int | None = None,
    items: int | None = None,
    smoothing: float = 0.5,
    iterations: int = 200,
    tolerance: float = 1e-6,
) -> Consensus:
    """Weigh each answer by who gave it: better than a majority where people differ in skill or in what they mix up.

    Expectation–maximisation in logs over sparse answers, started from the votes; time is answers × classes × rounds,
    memory people × classes². It needs people with a dozen answers or more, and items with two or more.

    Args:
        item: (a,) item number of each answer, from 0.
        annotator: (a,) number of the person.
        label: (a,) class number.
        classes: c; by default one more than the largest that occurs.
        items: by default one more than the largest that occurs; an item without an answer gets the prior.
        smoothing: pseudo-answers in each cell of a confusion matrix, c times as many on the diagonal, so that a person
            of few answers counts as a little better than chance. 0 is the original, which is too sure of itself: with
            50 answers a person it can fall behind a majority.
        iterations: at most.
        tolerance: largest change of a probability at which it ends.

    Returns:
        The consensus; `skill` is the expected share of right answers under the prior.

    Dawid & Skene, Applied Statistics 1979.

    >>> item = np.repeat(np.arange(6), 3); annotator = np.tile([0, 1, 2], 6)
    >>> truth = np.array([0, 1, 0, 1, 0, 1])[item]
    >>> label = np.where(annotator == 2, 1 - truth, truth)  # person 2 always says the opposite
    >>> found = dawid_skene(item=item, annotator=annotator, label=label)
    >>> found.label, found.skill.round(1)
    (array([0, 1, 0, 1, 0, 1]), array([0.9, 0.9, 0.2]))
    """
    if smoothing < 0:
        raise BadValue("smoothing", smoothing, "cannot be negative")
    answers = read_answers(item, annotator, label, classes=classes, items=items)
    counts = answers.counts
    votes = counts.sum(axis=1, keepdims=True)
    proba = np.where(votes > 0, counts / np.maximum(votes, 1), 1 / answers.classes)
    prior, confusion = _maximise(answers, proba, smoothing)
    for _ in range(iterations):
        found = _expect(answers, prior, confusion)
        moved = float(np.abs(found - proba).max())
        proba = found
        prior, confusion = _maximise(answers, proba, smoothing)
        if moved < tolerance:
            break
    skill = np.einsum("k,akk->a", prior, confusion)
    return Consensus(proba, likeliest(proba, prior), prior, confusion, skill)


def _maximise(answers: Answers, proba: Array, smoothing: float) -> tuple[Array, Array]:
    """Return the prior and the confusion matrices that the item probabilities make likeliest."""
    c = answers.classes
    cell = answers.annotator * c + answers.label
    size = answers.annotators * c
    weight = proba[answers.item]
    table = np.stack([np.bincount(cell, weights=weight[:, k], minlength=size) for k in range(c)])
    pseudo = smoothing * (1 + (c - 1) * np.eye(c))
    counted: Array = table.reshape(c, answers.annotators, c).transpose(1, 0, 2) + pseudo
    total = counted.sum(axis=2, keepdims=True)
    confusion: Array = np.divide(counted, total, out=np.full(counted.shape, 1 / c), where=total > 0)
    answered = np.bincount(answers.item, minlength=answers.items) > 0
    prior = proba[answered].mean(axis=0)
    return prior, confusion


def _expect(answers: Answers, prior: Array, confusion: Array) -> Array:
    """Return the probability of each class for each item, given the prior and the confusion matrices."""
    floor = np.finfo(float).tiny
    each = np.log(np.maximum(confusion, floor))[answers.annotator, :, answers.label]
    logs = np.stack(
        [np.bincount(answers.item, weights=each[:, k], minlength=answers.items) for k in range(answers.classes)],
        axis=1,
    )
    logs += np.log(np.maximum(prior, floor))
    logs -= logs.max(axis=1, keepdims=True)
    proba = np.exp(logs)
    found: Array = proba / proba.sum(axis=1, keepdims=True)
    return found
