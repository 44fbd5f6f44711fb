"""Majority vote: the plain consensus, and the baseline of the others."""

from __future__ import annotations

import numpy as np

from querist.crowd.consensus import Consensus, likeliest, read_answers
from querist.types import Array


def majority(
    *, item: Array, annotator: Array, label: Array, classes: int | None = None, items: int | None = None
) -> Consensus:
    """Count the votes; good while people are about equally good and their mistakes independent.

    Args:
        item: (a,) item number of each answer, from 0.
        annotator: (a,) number of the person.
        label: (a,) class number.
        classes: c; by default one more than the largest that occurs.
        items: by default one more than the largest that occurs; an item without an answer gets the prior.

    Returns:
        The consensus, `proba` being shares of votes, `skill` how often each person agrees with the majority.

    >>> found = majority(item=[0, 0, 0, 1], annotator=[0, 1, 2, 0], label=[1, 1, 0, 0])
    >>> found.label, found.proba.round(2)
    (array([1, 0]), array([[0.33, 0.67],
           [1.  , 0.  ]]))
    """
    answers = read_answers(item, annotator, label, classes=classes, items=items)
    counts = answers.counts
    votes = counts.sum(axis=1, keepdims=True)
    prior = counts.sum(axis=0) / counts.sum()
    proba = np.where(votes > 0, counts / np.maximum(votes, 1), prior)
    chosen = likeliest(proba, prior)
    right = np.bincount(answers.annotator, weights=chosen[answers.item] == answers.label, minlength=answers.annotators)
    given = np.bincount(answers.annotator, minlength=answers.annotators)
    skill = np.divide(right, given, out=np.full(answers.annotators, np.nan), where=given > 0)
    return Consensus(proba, chosen, prior, skill=skill)
