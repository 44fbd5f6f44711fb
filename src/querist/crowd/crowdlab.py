"""CROWDLAB: people's answers and a model's probabilities in one weighted mean; ActiveLab: what to ask next of whom."""

from __future__ import annotations

import math

import numpy as np

from querist.crowd.consensus import Answers, Consensus, likeliest, read_answers
from querist.errors import BadValue
from querist.types import Array

_LEAST_WEIGHT = 1e-6


def crowdlab(
    *,
    item: Array,
    annotator: Array,
    label: Array,
    proba: Array | None = None,
    classes: int | None = None,
    items: int | None = None,
) -> Consensus:
    """Let the model be one more annotator: best where items have one to three answers and a model exists.

    Each person is weighed by how much better than always answering the commonest class they agree with others; the
    model by how much better it agrees with the majority of items that have several answers. No iteration, linear in
    the number of answers. The weights are those of the majority vote (its ties broken by the model).

    Args:
        item: (a,) item number of each answer, from 0.
        annotator: (a,) number of the person, who answers an item once.
        label: (a,) class number.
        proba: (items, c) the model's probabilities, out of fold; without them only people count.
        classes: c; by default the columns of `proba`, or one more than the largest that occurs.
        items: by default the rows of `proba`, or one more than the largest that occurs.

    Returns:
        The consensus; `skill` is each person's weight. Where no item has two answers, nobody's skill is known: everyone
        then weighs as much as the model.

    Goh, Tkachenko & Mueller, NeurIPS 2022 Human in the Loop Learning workshop (CROWDLAB).

    >>> model = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.1, 0.9]])
    >>> item, annotator = [0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 0, 1, 0, 1, 0, 1]
    >>> found = crowdlab(item=item, annotator=annotator, label=[0, 0, 1, 1, 0, 1, 1, 1], proba=model)
    >>> found.label, found.proba[2].round(2)
    (array([0, 1, 0, 1]), array([0.73, 0.27]))
    """
    if proba is not None:
        proba = np.asarray(proba, dtype=float)
        if proba.ndim != 2:
            raise BadValue("proba", proba.shape, "must be (items, c)")
        items, classes = items or proba.shape[0], classes or proba.shape[1]
    answers = read_answers(item, annotator, label, classes=classes, items=items)
    if proba is not None and proba.shape != (answers.items, answers.classes):
        raise BadValue("proba", proba.shape, f"must be {(answers.items, answers.classes)}")
    counts = answers.counts
    prior = counts.sum(axis=0) / counts.sum()
    majority = likeliest(counts + (0.0 if proba is None else 0.5 * proba), prior)
    skill, model_weight, right = _weights(answers, counts, majority, proba)
    posterior = _average(answers, skill, right, model_weight, proba, prior)
    return Consensus(posterior, likeliest(posterior, prior), posterior.mean(axis=0), None, skill, model_weight)


def active_lab(
    *,
    item: Array,
    annotator: Array,
    label: Array,
    proba: Array,
    unlabelled_proba: Array,
) -> tuple[Array, Array]:
    """Score a further opinion on each answered item and a first one on each new item, in one comparable list.

    A score is 1 minus how good the consensus would be if one more answer of an average person were drawn uniformly;
    higher means: ask sooner.

    Args:
        item: (a,) item number of each answer, from 0.
        annotator: (a,) number of the person.
        label: (a,) class number.
        proba: (items, c) the model's probabilities of the answered items, out of fold.
        unlabelled_proba: (n, c) its probabilities of the items without an answer.

    Returns:
        (items,) scores of the answered items and (n,) of the others.

    Goh & Mueller, ICLR 2023 Trustworthy ML workshop (ActiveLab).

    >>> answered, new = active_lab(item=[0, 0, 1, 1], annotator=[0, 1, 0, 1], label=[0, 0, 1, 0],
    ...     proba=np.array([[0.9, 0.1], [0.5, 0.5]]), unlabelled_proba=np.array([[0.5, 0.5], [1.0, 0.0]]))
    >>> bool(answered[1] > answered[0]), bool(new[0] > new[1])
    (True, True)
    """
    found = crowdlab(item=item, annotator=annotator, label=label, proba=proba)
    answers = read_answers(item, annotator, label, items=len(proba), classes=proba.shape[1])
    assert found.skill is not None
    assert found.model_weight is not None
    people = np.bincount(answers.item, weights=found.skill[answers.annotator], minlength=answers.items)
    given = np.unique(answers.annotator)
    one_more, model = float(found.skill[given].mean()), found.model_weight
    drawn = one_more / answers.classes
    quality = np.take_along_axis(found.proba, found.label[:, None], axis=1)[:, 0]
    answered = ((people + model) * quality + drawn) / (people + model + one_more)
    new = (model * np.asarray(unlabelled_proba).max(axis=1) + drawn) / (model + one_more)
    return 1 - answered, 1 - new


def _weights(answers: Answers, counts: Array, majority: Array, proba: Array | None) -> tuple[Array, float, float]:
    """Return the weight of each person and of the model, and the chance that an answer is the majority's."""
    votes = counts.sum(axis=1)
    several = votes > 1
    if not several.any():
        return np.ones(answers.annotators), 0.0 if proba is None else 1.0, 1.0
    chosen = majority[several]
    # Nobody is better than the one who always says the commonest class, unless they make fewer errors than that.
    guessing = max(float(np.mean(chosen != np.bincount(chosen).argmax())), _LEAST_WEIGHT)
    others = np.bincount(answers.annotator, weights=votes[answers.item] - 1, minlength=answers.annotators)
    agreeing = np.bincount(
        answers.annotator, weights=counts[answers.item, answers.label] - 1, minlength=answers.annotators
    )
    agreement = np.divide(agreeing, others, out=np.full(answers.annotators, np.nan), where=others > 0)
    agreement[np.isnan(agreement)] = np.nanmean(agreement)  # people who share no item count as the average one
    skill = np.maximum(1 - (1 - agreement) / guessing, _LEAST_WEIGHT)
    right = float(np.mean(counts[several, chosen] / votes[several]))
    if proba is None:
        return skill, 0.0, right
    error = float(np.mean(proba[several].argmax(axis=1) != chosen))
    answered = votes[votes > 0]
    return skill, max(1 - error / guessing, _LEAST_WEIGHT) * math.sqrt(answered.mean()), right


def _average(
    answers: Answers, skill: Array, right: float, model_weight: float, proba: Array | None, prior: Array
) -> Array:
    """Return the weighted mean of the model's probabilities and of what each answer says."""
    c = answers.classes
    weight = skill[answers.annotator]
    for_class = np.bincount(answers.item * c + answers.label, weights=weight, minlength=answers.items * c)
    for_class = for_class.reshape(answers.items, c)
    total = for_class.sum(axis=1, keepdims=True)
    wrong = (1 - right) / max(c - 1, 1)
    said = for_class * right + (total - for_class) * wrong
    if c == 1:
        said = total
    if proba is None:
        return np.where(total > 0, said / np.where(total > 0, total, 1), prior)
    mean: Array = (said + model_weight * proba) / (total + model_weight)
    return mean
