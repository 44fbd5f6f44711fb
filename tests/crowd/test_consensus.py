"""Consensus methods against slow twins, and against the truth of made crowds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.crowd import active_lab, crowdlab, dawid_skene, majority
from querist.errors import BadValue

answers = st.integers(1, 8).flatmap(
    lambda items: st.lists(
        st.tuples(st.integers(0, items - 1), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=25
    )
)


def split(triples):
    """Return item, annotator, label arrays with one answer a person and item."""
    kept = {(i, a): k for i, a, k in triples}
    item, annotator = np.array(list(kept)).T
    return item, annotator, np.array(list(kept.values()))


@given(answers)
@settings(max_examples=50, deadline=None)
def test_majority_counts_votes(triples):
    item, annotator, label = split(triples)
    found = majority(item=item, annotator=annotator, label=label, classes=3)
    for i in range(item.max() + 1):
        votes = [int(np.sum(label[item == i] == k)) for k in range(3)]
        if sum(votes):
            np.testing.assert_allclose(found.proba[i], np.array(votes) / sum(votes))
            assert votes[found.label[i]] == max(votes)
        else:
            np.testing.assert_allclose(found.proba[i], found.prior)
    for a in range(annotator.max() + 1):
        own = annotator == a
        if own.any():
            assert found.skill[a] == pytest.approx(np.mean(label[own] == found.label[item[own]]))
        else:
            assert np.isnan(found.skill[a])


def slow_dawid_skene(item, annotator, label, classes, smoothing, rounds):
    items, people = max(item) + 1, max(annotator) + 1
    proba = np.zeros((items, classes))
    for i, k in zip(item, label, strict=True):
        proba[i, k] += 1
    for i in range(items):
        proba[i] = proba[i] / proba[i].sum() if proba[i].sum() else 1 / classes
    seen = sorted(set(item))

    def maximise():
        prior = np.mean([proba[i] for i in seen], axis=0)
        confusion = np.zeros((people, classes, classes))
        for i, a, k in zip(item, annotator, label, strict=True):
            for j in range(classes):
                confusion[a, j, k] += proba[i, j]
        for a in range(people):
            for j in range(classes):
                for k in range(classes):
                    confusion[a, j, k] += smoothing * (classes if j == k else 1)
                confusion[a, j] /= confusion[a, j].sum()
        return prior, confusion

    for _ in range(rounds):
        prior, confusion = maximise()
        for i in range(items):
            for j in range(classes):
                proba[i, j] = prior[j]
                for i2, a, k in zip(item, annotator, label, strict=True):
                    if i2 == i:
                        proba[i, j] *= confusion[a, j, k]
            proba[i] /= proba[i].sum()
    return (proba, *maximise())


@given(answers, st.sampled_from([0.01, 0.5]))
@settings(max_examples=25, deadline=None)
def test_dawid_skene_equals_its_slow_twin(triples, smoothing):
    item, annotator, label = split(triples)
    found = dawid_skene(
        item=item, annotator=annotator, label=label, classes=3, smoothing=smoothing, iterations=5, tolerance=0
    )
    proba, prior, confusion = slow_dawid_skene(item, annotator, label, 3, smoothing, 5)
    np.testing.assert_allclose(found.proba, proba, atol=1e-9)
    np.testing.assert_allclose(found.prior, prior, atol=1e-9)
    np.testing.assert_allclose(found.confusion, confusion, atol=1e-9)


def test_dawid_skene_beats_the_majority_where_people_differ(crowd):
    gains = []
    for seed in range(6):
        item, annotator, label, truth, accuracy = crowd(seed, items=400, skill=(0.2, 0.95))
        plain = majority(item=item, annotator=annotator, label=label)
        weighed = dawid_skene(item=item, annotator=annotator, label=label)
        gains.append(np.mean(weighed.label == truth) - np.mean(plain.label == truth))
        assert np.corrcoef(weighed.skill, accuracy)[0, 1] > 0.8
    assert np.mean(gains) > 0.02


def test_dawid_skene_finds_confusions_and_prior(crowd):
    rng = np.random.default_rng(0)
    truth = rng.choice(2, 600, p=[0.7, 0.3])
    item, annotator = np.repeat(np.arange(600), 5), np.tile(np.arange(5), 600)
    matrix = np.array([[0.95, 0.05], [0.4, 0.6]])  # sees class 1 as 0 in four cases of ten
    label = (rng.random(3000) < matrix[truth[item], 1]).astype(int)
    found = dawid_skene(item=item, annotator=annotator, label=label)
    np.testing.assert_allclose(found.confusion.mean(axis=0), matrix, atol=0.05)
    np.testing.assert_allclose(found.prior, [0.7, 0.3], atol=0.04)
    assert np.mean(found.label == truth) > np.mean(majority(item=item, annotator=annotator, label=label).label == truth)


@pytest.mark.parametrize("method", [majority, dawid_skene, crowdlab])
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_answers_and_the_numbers_of_people_do_not_matter(method, seed):
    rng = np.random.default_rng(seed)
    item, annotator = np.repeat(np.arange(12), 3), rng.integers(0, 6, 36)
    label = rng.integers(0, 3, 36)
    one = method(item=item, annotator=annotator, label=label, classes=3)
    order, renamed = rng.permutation(36), rng.permutation(6)
    other = method(item=item[order], annotator=renamed[annotator[order]], label=label[order], classes=3)
    np.testing.assert_allclose(one.proba, other.proba, atol=1e-9)


@pytest.mark.parametrize("method", [majority, dawid_skene, crowdlab])
def test_every_method_gives_probabilities_for_all_items(method):
    found = method(item=[0, 2], annotator=[0, 0], label=[1, 0], classes=3, items=4)
    assert found.proba.shape == (4, 3)
    np.testing.assert_allclose(found.proba.sum(axis=1), 1)
    assert found.label.tolist()[0] == 1
    assert found.label.tolist()[2] == 0


def slow_crowdlab(item, annotator, label, proba):
    """CROWDLAB as the paper has it, over a dense table with gaps."""
    items, c = proba.shape
    people = max(annotator) + 1
    table = np.full((items, people), np.nan)
    table[item, annotator] = label
    n = (~np.isnan(table)).sum(axis=1)
    counts = np.array([[np.sum(row == k) for k in range(c)] for row in table])
    overall = counts.sum(axis=0)
    vote = np.array([max(range(c), key=lambda k: (counts[i, k], proba[i, k], overall[k], -k)) for i in range(items)])
    several = n > 1
    commonest = max(range(c), key=lambda k: (np.sum(vote[several] == k), -k))
    guessing = max(np.mean(vote[several] != commonest), 1e-6)
    right = np.mean([np.sum(table[i] == vote[i]) / n[i] for i in range(items) if n[i] > 1])
    agreement = []
    for a in range(people):
        agreeing = pairs = 0
        for i in range(items):
            if not np.isnan(table[i, a]) and n[i] > 1:
                agreeing += np.sum(table[i] == table[i, a]) - 1
                pairs += n[i] - 1
        agreement.append(agreeing / pairs if pairs else np.nan)
    agreement = np.where(np.isnan(agreement), np.nanmean(agreement), agreement)
    skill = np.maximum(1 - (1 - agreement) / guessing, 1e-6)
    error = np.mean(proba[several].argmax(axis=1) != vote[several])
    model = max(1 - error / guessing, 1e-6) * math.sqrt(n.mean())
    out = np.zeros((items, c))
    for i in range(items):
        for k in range(c):
            value, total = model * proba[i, k], model
            for a in range(people):
                if not np.isnan(table[i, a]):
                    value += skill[a] * (right if table[i, a] == k else (1 - right) / (c - 1))
                    total += skill[a]
            out[i, k] = value / total
    return out, skill, model


@given(st.integers(0, 10_000), st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_crowdlab_equals_its_slow_twin(seed, c):
    rng = np.random.default_rng(seed)
    given_ = rng.random((12, 5)) < 0.5
    given_[np.arange(12), rng.integers(0, 5, 12)] = True
    given_[0, :3] = True
    item, annotator = np.nonzero(given_)
    truth = rng.integers(0, c, 12)
    label = np.where(rng.random(len(item)) < 0.7, truth[item], rng.integers(0, c, len(item)))
    proba = rng.dirichlet(np.ones(c), 12)
    found = crowdlab(item=item, annotator=annotator, label=label, proba=proba)
    expected, skill, model = slow_crowdlab(item, annotator, label, proba)
    np.testing.assert_allclose(found.proba, expected)
    np.testing.assert_allclose(found.skill[: annotator.max() + 1], skill)
    assert found.model_weight == pytest.approx(model)


def test_crowdlab_uses_the_model_where_answers_are_few(crowd):
    gains = []
    for seed in range(6):
        item, annotator, label, truth, _ = crowd(seed, each=2)
        rng = np.random.default_rng(seed)
        proba = np.full((150, 3), 0.1)
        proba[np.arange(150), np.where(rng.random(150) < 0.9, truth, rng.integers(0, 3, 150))] = 0.8
        plain = majority(item=item, annotator=annotator, label=label)
        both = crowdlab(item=item, annotator=annotator, label=label, proba=proba)
        gains.append(np.mean(both.label == truth) - np.mean(plain.label == truth))
    assert np.mean(gains) > 0.05


def test_crowdlab_without_any_second_answer_trusts_people_and_model_alike():
    proba = np.array([[0.9, 0.1], [0.2, 0.8]])
    found = crowdlab(item=[0, 1], annotator=[0, 1], label=[0, 0], proba=proba)
    np.testing.assert_allclose(found.proba, [[0.95, 0.05], [0.6, 0.4]])


def test_active_lab_is_the_formula():
    rng = np.random.default_rng(0)
    item, annotator = np.repeat(np.arange(20), 2), np.tile([0, 1], 20)
    label = rng.integers(0, 3, 40)
    proba, new_proba = rng.dirichlet(np.ones(3), 20), rng.dirichlet(np.ones(3), 5)
    answered, new = active_lab(item=item, annotator=annotator, label=label, proba=proba, unlabelled_proba=new_proba)
    found = crowdlab(item=item, annotator=annotator, label=label, proba=proba)
    people, model, mean = found.skill.sum(), found.model_weight, found.skill.mean()
    for i in range(20):
        quality = found.proba[i].max()
        assert answered[i] == pytest.approx(1 - ((people + model) * quality + mean / 3) / (people + model + mean))
    np.testing.assert_allclose(new, 1 - (model * new_proba.max(axis=1) + mean / 3) / (model + mean))


def test_active_lab_asks_again_where_people_differ(crowd):
    item, annotator, label, truth, _ = crowd(1, each=3)
    proba = np.full((150, 3), 0.2)
    proba[np.arange(150), truth] = 0.6
    answered, _ = active_lab(item=item, annotator=annotator, label=label, proba=proba, unlabelled_proba=proba[:3])
    split_votes = np.array([len(set(label[item == i])) == 3 for i in range(150)])
    agreed = np.array([set(label[item == i]) == {truth[i]} for i in range(150)])
    assert answered[split_votes].min() > answered[agreed].max()


@pytest.mark.parametrize("method", [majority, dawid_skene, crowdlab])
@pytest.mark.parametrize(
    ("item", "annotator", "label", "named"),
    [
        ([0, 1], [0], [0, 0], "annotator"),
        ([], [], [], "item"),
        ([0, -1], [0, 0], [0, 0], "item"),
        ([0, 1], [0, 0], [0.5, 1.0], "label"),
    ],
)
def test_bad_answers_are_refused_by_name(method, item, annotator, label, named):
    with pytest.raises(BadValue) as caught:
        method(item=item, annotator=annotator, label=label)
    assert caught.value.field == named


def test_numbers_beyond_what_was_declared_are_refused():
    with pytest.raises(BadValue, match="number 2 occurs"):
        majority(item=[0, 1], annotator=[0, 0], label=[0, 2], classes=2)
    with pytest.raises(BadValue, match="number 4 occurs"):
        crowdlab(item=[0, 4], annotator=[0, 0], label=[0, 1], proba=np.full((2, 2), 0.5))
