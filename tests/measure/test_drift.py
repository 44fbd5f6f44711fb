"""Has something changed? Each test beside its slow twin, and the rate of false alarms over the life of a watch."""

import itertools
import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from querist.errors import BadValue
from querist.measure import drift
from querist.measure.drift import (
    Change,
    alarms,
    change_of_columns,
    change_of_mean,
    change_of_shares,
    classifier_test,
    level_of,
)

LEAST = {"a": 0.0, "b": 0.0}


def test_the_mean_against_all_permutations_one_by_one() -> None:
    a, b = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.9, 1.2, 0.7])
    together = np.concatenate([a, b])
    seen = abs(b.mean() - together.mean())
    pairs = [together[list(rows)].mean() for rows in itertools.combinations(range(7), 3)]
    exact = np.mean([abs(mean - together.mean()) >= seen - 1e-12 for mean in pairs])
    assert change_of_mean(a, b).p == pytest.approx(exact, abs=0.01)


def test_shares_against_fisher_by_enumeration() -> None:
    def choose(n: int, k: int) -> int:
        return math.comb(n, k)

    before, recent = np.repeat([0, 1], [9, 3]), np.repeat([0, 1], [2, 6])
    chances = {x: choose(11, x) * choose(9, 12 - x) / choose(20, 12) for x in range(3, 12)}
    exact = sum(chance for chance in chances.values() if chance <= chances[9] * (1 + 1e-9))
    assert change_of_shares(before, recent, classes=["x", "y"]).p == pytest.approx(exact)


def test_three_classes_are_corrected_by_holm_and_the_clearest_is_named() -> None:
    rng = np.random.default_rng(0)
    before, recent = rng.choice(3, 200, p=[0.5, 0.3, 0.2]), rng.choice(3, 200, p=[0.5, 0.1, 0.4])
    found = change_of_shares(before, recent, classes=["x", "y", "z"])
    assert found.about in ("y", "z")
    assert found.p < 0.001


def test_columns_against_the_distribution_functions_written_out() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(40, 3)), rng.normal(size=(30, 3)) + np.array([0, 0, 1.5])
    found = change_of_columns(a, b)
    apart = [
        max(abs((a[:, k] <= x).mean() - (b[:, k] <= x).mean()) for x in np.concatenate([a[:, k], b[:, k]]))
        for k in range(3)
    ]
    assert found.about == "2"
    assert found.size == pytest.approx(apart[2])


def test_the_classifier_sees_what_no_column_shows_alone() -> None:
    rng = np.random.default_rng(2)
    x, noise = rng.normal(size=(400, 1)), 0.1 * rng.normal(size=(400, 1))
    together, apart = np.c_[x, x + noise], np.c_[x, -x + noise]
    assert change_of_columns(together, apart).p > 0.01
    assert classifier_test(together, apart).p < 1e-6
    assert classifier_test(together[:200], together[200:]).p > 0.01


def test_the_classifier_reads_sparse_rows() -> None:
    rng = np.random.default_rng(3)
    a = csr_matrix((rng.random((200, 30)) < 0.1).astype(float))
    b = csr_matrix((rng.random((150, 30)) < np.r_[0.6, np.full(29, 0.1)]).astype(float))
    assert classifier_test(a, b).p < 1e-4


def test_what_a_look_may_spend_adds_up_to_five_per_cent() -> None:
    assert sum(level_of(look) for look in range(1, 50_000)) < 0.05
    with pytest.raises(BadValue, match="counted from 1"):
        level_of(0)


def test_an_alarm_must_be_significant_and_large() -> None:
    clear = Change(1e-6, 0.2, 50, 50)
    assert alarms({"a": clear}, 1, least=LEAST) == ["a"]
    assert alarms({"a": clear}, 1, least={"a": 0.3}) == []
    assert alarms({"a": Change(0.02, 0.2, 50, 50)}, 1, least=LEAST) == ["a"]
    assert alarms({"a": Change(0.02, 0.2, 50, 50), "b": Change(0.9, 0.2, 50, 50)}, 1, least=LEAST) == []
    assert alarms({}, 3, least=LEAST) == []


def test_nothing_to_compare_is_an_error() -> None:
    for test in (change_of_columns, classifier_test):
        with pytest.raises(BadValue):
            test(np.zeros((0, 2)), np.zeros((5, 2)))
    with pytest.raises(BadValue, match="both sides"):
        change_of_mean(np.zeros(1), np.zeros(4))
    with pytest.raises(BadValue, match="both sides"):
        change_of_shares(np.zeros(0, int), np.zeros(4, int), classes=["x"])
    with pytest.raises(BadValue, match="before"):
        change_of_columns(np.zeros((5, 3)), np.zeros((5, 2)))


def test_a_mean_without_scatter() -> None:
    assert change_of_mean(np.zeros(30), np.ones(30)).p == 0.0
    assert change_of_mean(np.zeros(30), np.zeros(30)).p == 1.0


@pytest.mark.long
def test_over_six_looks_a_quiet_project_hears_an_alarm_in_fewer_than_five_of_a_hundred_lives(monkeypatch) -> None:
    monkeypatch.setattr(drift, "DRAWS", 499)
    rng = np.random.default_rng(4)
    fired = 0
    lives = 150
    for _ in range(lives):
        labels, gaps, seen = np.empty(0, int), np.empty(0), 0
        for look in range(1, 7):
            size = round(40 * 1.5 ** (look - 1))
            labels = np.r_[labels, rng.choice(3, size - seen, p=[0.6, 0.3, 0.1])]
            gaps = np.r_[gaps, rng.normal(0, 0.3, size - seen)]
            cut = seen or size // 2
            found = {
                "labels": change_of_shares(labels[:cut], labels[cut:], classes=["x", "y", "z"]),
                "calibration": change_of_mean(gaps[:cut], gaps[cut:], seed=look),
                "features": change_of_columns(rng.normal(size=(50, 5)), rng.normal(size=(40, 5))),
            }
            seen = size
            if alarms(found, look, least=dict.fromkeys(found, 0.0)):
                fired += 1
                break
    assert fired <= 12, "5 % of 150, and two standard errors"
