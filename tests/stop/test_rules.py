"""Stopping rules on histories whose truth is known."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist import registry
from querist.errors import BadValue, UnknownName
from querist.measure.intervals import anytime
from querist.stop import History, Round, Verdict, combine, judge, verdicts
from querist.stop.history import kappa, last_doubling, macro_overlap
from querist.stop.rules import (
    budget,
    classification_change,
    error_stability,
    f1_change,
    gain,
    overall_uncertainty,
    price,
    settled,
    stabilised,
    target,
)


def project(accuracies, *, step=20, reserve=400, evaluated=200, churn=0.0, seed=0):
    """Return a history of models with the given accuracies: items become right in a fixed order, plus flicker."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, reserve + evaluated)
    ease = rng.random(reserve + evaluated)
    rounds = []
    for i, accuracy in enumerate(accuracies):
        right = (ease < accuracy) ^ (rng.random(len(ease)) < churn)
        predicted = np.where(right, truth, 1 - truth)
        rounds.append(Round(step * (i + 1), predicted[:reserve], right[reserve:]))
    return History(tuple(rounds))


FLAT = [0.9] * 20
RISING = np.linspace(0.5, 0.9, 20)
LEVELLING = [0.6, 0.7, 0.8, 0.85, *np.linspace(0.86, 0.9, 4), *([0.9] * 12)]


def slow_kappa(a, b):
    classes = sorted(set(a) | set(b))
    table = [[sum((x == i) & (y == j) for x, y in zip(a, b, strict=True)) for j in classes] for i in classes]
    n = len(a)
    observed = sum(table[i][i] for i in range(len(classes))) / n
    chance = sum(sum(table[i]) * sum(row[i] for row in table) for i in range(len(classes))) / n**2
    return 1.0 if chance == 1 else (observed - chance) / (1 - chance)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_kappa_is_the_textbook_formula(pairs):
    a, b = np.array(pairs).T
    assert kappa(a, b) == pytest.approx(slow_kappa(a, b))


def test_kappa_of_five_and_ten_flips_in_a_thousand():
    even = np.tile([0, 1], 500)
    for flips, expected in ((5, 0.990), (10, 0.980)):
        other = even.copy()
        other[:flips] = 1 - other[:flips]
        assert kappa(even, other) == pytest.approx(expected, abs=1e-4)


def test_settled_predictions_stop_the_project_and_say_so():
    verdict = stabilised(project(FLAT))
    assert verdict.fired
    assert verdict.evidence["kappa"] == 1
    assert verdict.sentence == (
        "Predictions have settled: three rounds changed under 1 % of them. "
        "More labels of this kind will hardly change the model."
    )


def test_the_sentence_never_claims_less_change_than_there_was():
    verdict = stabilised(project(FLAT, churn=0.01, reserve=2000), kappa=0.9)
    assert verdict.fired
    claimed = int(verdict.sentence.split("under ")[1].split(" %")[0])
    assert claimed / 100 > verdict.evidence["changed"] > 0.01


def test_changing_predictions_do_not_stop_it():
    verdict = stabilised(project(RISING))
    assert not verdict.fired
    assert "still change" in verdict.sentence


def test_one_class_is_not_settled():
    constant = History(tuple(Round(20 + 20 * i, np.zeros(50, int), np.ones(9, bool)) for i in range(12)))
    for rule in (stabilised, gain, settled, f1_change, classification_change):
        assert not rule(constant).fired
        assert "one class" in rule(constant).sentence


@pytest.mark.parametrize("rule", [stabilised, gain, settled, classification_change, f1_change])
def test_no_rule_about_learning_fires_before_160_labels(rule):
    early = project([0.9] * 7)  # 140 labels
    assert not rule(early).fired
    assert rule(early).sentence == "Too early to say: 140 of 160 training labels."
    assert not rule(History(())).fired


def slow_last_doubling(history, level_z, window=3):
    rounds = history.rounds
    middle = rounds[-1].labelled / 2
    half = min(range(len(rounds)), key=lambda i: (abs(rounds[i].labelled - middle), i))
    late, early = rounds[-window:], rounds[half - 1 : half + 2]
    n = len(rounds[0].correct)
    d = [sum(r.correct[i] for r in late) / 3 - sum(r.correct[i] for r in early) / 3 for i in range(n)]
    mean = sum(d) / n
    spread = math.sqrt(sum((x - mean) ** 2 for x in d) / (n - 1))
    changed = sum(x != y for x, y in zip(rounds[half].predictions, rounds[-1].predictions, strict=True)) / len(
        rounds[half].predictions
    )
    return min(mean + level_z * max(spread, 0.5 / math.sqrt(n)) / math.sqrt(n), changed)


@given(st.integers(0, 1000), st.integers(8, 24), st.floats(0, 0.1))
@settings(max_examples=30, deadline=None)
def test_the_bound_on_the_last_doubling_is_the_formula_of_the_page(seed, rounds, churn):
    history = project(np.linspace(0.6, 0.9, rounds), churn=churn, seed=seed, reserve=100, evaluated=60)
    found = last_doubling(history, level=0.99)
    assert found.upper == pytest.approx(slow_last_doubling(history, 2.3263478740408408))
    assert found.half == pytest.approx(found.labelled / 2, abs=10)


def test_gain_fires_when_labels_stop_paying_twice_running():
    history = project(LEVELLING, evaluated=600, churn=0.0)
    fired = [gain(History(history.rounds[:i])).fired for i in range(1, 21)]
    assert fired[-1]
    assert not any(fired[:12])
    once = [gain(History(history.rounds[:i]), twice=False).fired for i in range(1, 21)]
    assert once.index(True) == fired.index(True) - 1
    waiting = gain(History(history.rounds[: once.index(True) + 1]))
    assert "a second such round is awaited" in waiting.sentence


def test_gain_says_how_much_is_still_learnt():
    verdict = gain(project(RISING, evaluated=500))
    assert not verdict.fired
    assert verdict.sentence.startswith("Still learning: the last doubling gained ")
    assert verdict.evidence["low"] > 0.1


def test_unchanged_predictions_bound_the_gain_without_any_evaluation_label():
    history = project(FLAT, evaluated=0)
    verdict = gain(history)
    assert verdict.fired
    assert verdict.evidence["upper"] == verdict.evidence["changed"] == 0


def test_a_project_that_began_with_many_labels_has_no_doubling_yet():
    flat = project(FLAT)
    begun = History(tuple(Round(r.labelled + 1000, r.predictions, r.correct) for r in flat.rounds))
    assert last_doubling(begun) is None
    assert "models at half as many labels" in gain(begun).sentence


def test_items_are_matched_by_their_ids():
    history = project(RISING, churn=0.02)
    rng = np.random.default_rng(1)
    shuffled = []
    for r in history.rounds:
        reserve, evaluated = rng.permutation(400), rng.permutation(200)
        shuffled.append(
            Round(r.labelled, r.predictions[reserve], r.correct[evaluated], reserve, evaluated.astype(str)),
        )
    assert last_doubling(History(tuple(shuffled))) == last_doubling(history)
    assert History(tuple(shuffled)).agreements(3) == history.agreements(3)


def test_grown_samples_are_compared_on_what_they_share():
    history = project(RISING)
    grown = []
    for i, r in enumerate(history.rounds):
        seen = 200 + 10 * i
        grown.append(Round(r.labelled, r.predictions[:seen], r.correct[:100], np.arange(seen), np.arange(100)))
    assert last_doubling(History(tuple(grown))).n == 100
    unnamed = History(tuple(Round(r.labelled, r.predictions, r.correct) for r in grown))
    with pytest.raises(BadValue, match="need the ids"):
        last_doubling(unnamed)


def test_settled_is_either_of_its_parts_and_says_which():
    by_kappa = settled(project(FLAT))
    assert by_kappa.fired
    assert "stabilised" in by_kappa.evidence["by"]
    flicker = settled(project(FLAT, churn=0.02, evaluated=5000))
    assert flicker.fired
    assert flicker.evidence["by"] == ["gain"]
    assert flicker.sentence.startswith("The last doubling of labels gained less than 1 point (99 % bound).")
    learning = settled(project(RISING))
    assert not learning.fired
    assert learning.evidence["by"] == []


def test_the_target_is_judged_by_the_bound_and_not_by_the_figure():
    history = History((), promises={"accuracy": anytime(180, 200)})
    assert target(history, at_least=0.81).fired
    missed = target(history, at_least=0.85)
    assert not missed.fired
    assert missed.sentence == (
        "The target of 85 % is not certain yet: accuracy is at least 81 %, and this holds however often you look."
    )
    assert not target(History(())).fired
    with pytest.raises(UnknownName, match="accuracy"):
        target(history, metric="f1")


@given(st.integers(0, 2000), st.integers(1, 2000))
@settings(max_examples=30, deadline=None)
def test_budget_fires_exactly_when_it_is_used_up(spent, limit):
    verdict = budget(History((), labels=spent), labels=limit)
    assert verdict.fired == (spent >= limit)
    assert verdict.evidence["left"]["labels"] == max(limit - spent, 0)


def test_the_first_budget_that_ends_counts():
    history = History((), labels=500, money=120.0, hours=2.5, currency="EUR")
    verdict = budget(history, labels=1000, money=100, hours=3)
    assert verdict.fired
    assert verdict.sentence == "The budget is used up: 100 EUR."
    assert budget(history, labels=1000, hours=3).sentence == "500 labels are left of 1000, 0.50 hours are left of 3."
    with pytest.raises(BadValue):
        budget(history)


def test_other_rules():
    assert classification_change(project(FLAT)).fired
    assert not classification_change(project(FLAT, churn=0.01)).fired
    assert classification_change(project(FLAT, churn=0.01), share=0.05).fired
    sure = [Round(r.labelled, r.predictions, r.correct, entropy=0.05) for r in project(FLAT).rounds]
    assert overall_uncertainty(History(tuple(sure))).fired
    assert not overall_uncertainty(History(tuple(sure)), below=0.01).fired
    assert not overall_uncertainty(project(FLAT)).fired
    rounds = project(RISING).rounds
    assert price(History(rounds, price=1.0), value_per_point=1.0).fired
    assert not price(History(rounds, price=1.0), value_per_point=1000.0).fired
    with pytest.raises(BadValue, match="value_per_point"):
        price(History(rounds, price=1.0))


def test_a_rare_class_that_flickers_is_seen_by_f1_and_not_by_kappa():
    rng = np.random.default_rng(0)
    common = np.tile([0, 1], 1000)
    rounds = []
    for i in range(12):
        predicted = common.copy()
        predicted[rng.permutation(20)[:8]] = 2  # eight of twenty items, others each time
        rounds.append(Round(20 * (i + 1), predicted, np.ones(50, bool)))
    history = History(tuple(rounds))
    assert stabilised(history, kappa=0.98).fired
    assert not f1_change(history).fired
    assert f1_change(project(FLAT)).fired


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_overlap_is_scikit_learns_macro_f1(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    a, b = np.array(pairs).T
    assert macro_overlap(a, b) == pytest.approx(metrics.f1_score(a, b, average="macro"))


def test_error_stability_solves_its_bound():
    """exp(W(x) + 1) − 1 with x = (KL − 1)/e is the u for which (1 + u) log(1 + u) − u = KL."""
    shifts = [2.0, 0.5, 1e-3]
    rounds = [Round(200 + i, np.zeros(3), np.ones(3), posterior_shift=kl) for i, kl in enumerate(shifts)]
    verdict = error_stability(History(tuple(rounds)))

    def solve(kl):
        low, high = 0.0, 1e3
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if (1 + middle) * math.log1p(middle) - middle < kl else (low, middle)
        return low

    assert verdict.evidence["ratio"] == pytest.approx(solve(1e-3) / solve(2.0), rel=1e-6)
    assert verdict.fired == (verdict.evidence["ratio"] <= 0.03)


def test_a_tree_of_rules_is_judged_as_written():
    history = project(FLAT)
    spent = History(history.rounds, labels=300)
    both = {"all": [{"rule": "stabilised"}, {"rule": "budget", "labels": 1000}]}
    assert not judge(spent, both).fired
    either = {"any": [{"rule": "budget", "labels": 1000}, {"rule": "settled"}, both]}
    assert judge(spent, either).fired
    assert judge(spent, either).rule == "settled"
    assert [v.rule for v in verdicts(spent, either)] == ["budget", "settled", "stabilised", "budget"]


@given(st.lists(st.booleans(), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_combining_is_any_or_all(fired):
    parts = [Verdict(f"r{i}", f, {}, f"S{i}.") for i, f in enumerate(fired)]
    assert combine(parts, "any").fired == any(fired)
    assert combine(parts, "all").fired == all(fired)
    for how in ("any", "all"):
        told = combine(parts, how)
        assert told.sentence.split() == [p.sentence for p in parts if p.fired == told.fired]


def test_misuse_is_refused_by_name():
    history = History((), labels=5)
    with pytest.raises(UnknownName, match="did you mean 'settled'"):
        judge(history, {"rule": "setled"})
    with pytest.raises(UnknownName, match="'label'; did you mean 'labels'"):
        judge(history, {"rule": "budget", "label": 5})
    with pytest.raises(BadValue, match="rule, any, all"):
        judge(history, {"some": []})
    with pytest.raises(BadValue):
        combine([], "any")
    with pytest.raises(BadValue):
        combine([Verdict("a", True, {}, "")], "most")


@pytest.mark.parametrize("entry", registry.entries("stop_rule"), ids=lambda e: e.name)
def test_every_rule_leaves_json_and_a_sentence_on_any_history(entry):
    needed = {"budget": {"labels": 10}, "price": {"value_per_point": 5.0}}.get(entry.name, {})
    for history in (project([]), project(RISING[:2]), project(FLAT), project(RISING, evaluated=0)):
        priced = History(history.rounds, labels=3, price=0.5)
        verdict = entry.function(priced, **needed)
        json.dumps(verdict.to_json(), allow_nan=False)
        assert isinstance(verdict.fired, bool)
        assert verdict.sentence.endswith(".")


@pytest.mark.parametrize("entry", registry.entries("stop_rule"), ids=lambda e: e.name)
def test_every_rule_and_setting_has_its_place_in_the_docs(entry):
    page = (Path(__file__).parents[2] / "docs" / "stopping.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{entry.name}` |"))
    for setting in entry.settings:
        assert f"`{setting}`" in row


def labelled_by_margin(x, target, seed, *, budget=700, step=20):
    """Return the history of a real project (digits, ridge regression, margin), and each model's true accuracy."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    test, reserve, pool = order[:600], order[600:1000], order[1000:]
    labelled, rounds, truth = list(pool[:step]), [], []
    while len(labelled) <= min(budget, len(pool) - step):
        f = x[labelled]
        weight = np.linalg.solve(f.T @ f + 5 * np.eye(f.shape[1]), f.T @ np.eye(10)[target[labelled]])
        scores = x @ weight
        predicted = scores.argmax(axis=1)
        rounds.append(Round(len(labelled), predicted[reserve], (predicted == target)[reserve[:200]]))
        truth.append(np.mean((predicted == target)[test]))
        left = np.setdiff1d(pool, labelled)
        top = np.sort(scores[left], axis=1)
        labelled += left[np.argsort(top[:, -1] - top[:, -2])[:step]].tolist()
    return rounds, np.array(truth)


@pytest.mark.long
def test_settled_loses_little_on_real_digits_and_a_plateau_loses_much():
    datasets = pytest.importorskip("sklearn.datasets")
    x, target = datasets.load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    x = np.cos(x @ (0.05 * rng.normal(size=(64, 300))) + rng.uniform(0, 2 * np.pi, 300))
    lost, by_plateau = [], []
    for seed in range(8):
        rounds, truth = labelled_by_margin(x, target, seed)
        stops = [settled(History(tuple(rounds[: i + 1]))).fired for i in range(len(rounds))]
        lost.append(truth[-1] - truth[stops.index(True)] if True in stops else 0.0)
        measured = [r.correct.mean() for r in rounds]
        flat = [i >= 8 and max(measured[i - 2 : i + 1]) <= max(measured[: i - 2]) for i in range(len(rounds))]
        by_plateau.append(truth[-1] - truth[flat.index(True)] if True in flat else 0.0)
    assert np.mean(np.array(lost) > 0.01) <= 0.15
    assert np.mean(np.array(by_plateau) > 0.01) >= 0.5
