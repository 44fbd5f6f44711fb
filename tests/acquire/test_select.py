import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist import registry
from querist.acquire import entropy, margin
from querist.acquire.presets import PRESETS, strategy
from querist.acquire.scoring import NotFinite, score
from querist.acquire.select import choose, required_signals
from querist.errors import BadValue, MissingSignal
from querist.types import Strategy

RNG = np.random.default_rng(0)
PROBA = RNG.dirichlet(np.ones(3), 60)
EMBED = RNG.normal(size=(60, 4))
GIVEN = {"proba": PROBA, "embed": EMBED}


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", ["random", "margin", "power_margin", "k_center", "kmeans", "weighted_kmeans"])
def test_only_eligible_rows_are_asked_and_repeatably(name):
    eligible = np.arange(60) % 3 == 0
    batch = choose(strategy(name), GIVEN, n=8, rng=rng(), eligible=eligible)
    assert len(set(batch.rows.tolist())) == 8
    assert eligible[batch.rows].all()
    assert batch.short == 0
    again = choose(strategy(name), GIVEN, n=8, rng=rng(), eligible=eligible)
    np.testing.assert_array_equal(batch.rows, again.rows)


def test_a_scorer_with_top_is_the_sorted_scores():
    batch = choose(strategy("entropy"), GIVEN, n=5, rng=rng())
    scores = entropy(proba=PROBA)
    np.testing.assert_array_equal(batch.rows, np.argsort(-scores)[:5])
    np.testing.assert_allclose(batch.scores, np.sort(scores)[::-1][:5])
    assert np.isnan(batch.probabilities).all()


def test_scores_of_blocks_concatenate_to_the_scores():
    parts = [score(strategy("margin"), {"proba": PROBA[start : start + 7]}) for start in range(0, 60, 7)]
    whole = choose(strategy("margin"), {"proba": PROBA}, n=9, rng=rng())
    fed = choose(strategy("margin"), {}, n=9, rng=rng(), scores=np.concatenate(parts))
    np.testing.assert_array_equal(whole.rows, fed.rows)


def test_scoring_chosen_rows_in_small_shards_changes_nothing():
    rows = np.array([5, 3, 50])
    np.testing.assert_array_equal(
        score(strategy("margin"), GIVEN, rows=rows, memory_limit=64), margin(proba=PROBA[rows])
    )


def test_the_pool_may_be_known_by_its_size_alone():
    batch = choose(strategy("random"), {}, n=4, rng=rng(), size=10)
    np.testing.assert_allclose(batch.probabilities, [1 / 10, 1 / 9, 1 / 8, 1 / 7])
    with pytest.raises(BadValue, match="how many rows"):
        choose(strategy("random"), {}, n=4, rng=rng())


def test_a_sampling_selector_sees_the_whole_pool_whatever_the_shortlist():
    batch = choose(strategy("power_margin", {"shortlist": 5}), GIVEN, n=3, rng=rng(4))
    scores = margin(proba=PROBA)
    assert batch.probabilities[0] == pytest.approx(scores[batch.rows[0]] / scores.sum())


def test_a_shortlist_keeps_the_best_by_score():
    wide = Strategy("s", scorer="margin", selector="k_center", shortlist=12)
    batch = choose(wide, GIVEN, n=6, rng=rng())
    assert margin(proba=PROBA)[batch.rows].min() >= np.sort(margin(proba=PROBA))[-12]


@given(st.floats(0, 1), st.integers(1, 30), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_random_share_is_exact_on_average_and_states_its_chance(share, n, seed):
    batch = choose(strategy("margin", {"random_share": share}), GIVEN, n=n, rng=rng(seed))
    drawn = int(batch.random.sum())
    assert abs(drawn - share * n) < 1
    np.testing.assert_allclose(np.sort(batch.probabilities[batch.random]), 1 / (60 - np.arange(drawn)))
    assert np.isnan(batch.probabilities[~batch.random]).all()
    assert len(set(batch.rows.tolist())) == n


def test_the_random_share_is_spread_over_the_batch():
    batch = choose(strategy("margin", {"random_share": 0.5}), GIVEN, n=20, rng=rng())
    assert 4 <= batch.random[:10].sum() <= 6


def test_quotas_hold_by_class_name_and_a_shortage_is_explained():
    predicted = PROBA.argmax(axis=1)
    batch = choose(strategy("margin", {"quotas": {"a": 2, "*": 3}}), GIVEN, n=20, rng=rng(), classes=["a", "b", "c"])
    assert np.bincount(predicted[batch.rows]).tolist() == [2, 3, 3]
    assert batch.short == 12
    assert batch.removed == {"quotas": 52}


def test_a_group_limit_counts_pending_rows_of_the_group():
    group = np.arange(60) // 20
    given_groups = {**GIVEN, "group": group, "pending_group": np.array([0])}
    batch = choose(strategy("margin", {"group_limit": 1}), given_groups, n=5, rng=rng())
    assert sorted(group[batch.rows]) == [1, 2]


def test_a_budget_is_kept_and_a_batch_with_rules_states_no_probability():
    cost = np.linspace(1, 4, 60)
    batch = choose(strategy("power_margin"), {**GIVEN, "cost": cost}, n=30, rng=rng(), budget=12.0)
    assert cost[batch.rows].sum() <= 12
    assert np.isnan(batch.probabilities).all()


def test_rows_kept_under_a_rule_are_pending_when_asked_again():
    x = np.array([[0.0], [10.0], [10.1], [5.0]])
    group = np.array([0, 1, 1, 2])
    batch = choose(
        strategy("k_center", {"group_limit": 1}),
        {"embed": x, "group": group, "labelled_embed": x[:1]},
        n=2,
        rng=rng(),
    )
    assert batch.rows.tolist() == [2, 3]


def test_fewer_rows_than_asked_is_a_shortage():
    batch = choose(strategy("margin"), GIVEN, n=100, rng=rng())
    assert (len(batch.rows), batch.short) == (60, 40)
    none = choose(strategy("kmeans"), GIVEN, n=2, rng=rng(), eligible=np.zeros(60, bool))
    assert (len(none.rows), none.short) == (0, 2)


def test_what_is_missing_is_named():
    with pytest.raises(MissingSignal, match="strategy 'weighted_kmeans' needs the signal 'embed', which model 'm7'"):
        choose(strategy("weighted_kmeans"), {"proba": PROBA}, n=2, rng=rng(), model="m7")


def test_a_score_that_is_not_finite_names_its_row():
    proba = PROBA.copy()
    proba[17] = np.nan
    with pytest.raises(NotFinite, match="row 17") as caught:
        choose(strategy("margin"), {"proba": proba}, n=2, rng=rng())
    assert caught.value.row == 17
    eligible = np.arange(60) >= 10
    with pytest.raises(NotFinite, match="row 17"):
        choose(strategy("margin"), {"proba": proba}, n=2, rng=rng(), eligible=eligible)
    assert len(choose(strategy("margin"), {"proba": proba}, n=2, rng=rng(), eligible=np.arange(60) > 17).rows) == 2


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(BadValue, match="different numbers of rows"):
        choose(strategy("margin"), {"proba": PROBA, "embed": EMBED[:5]}, n=2, rng=rng())


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_asks_for_signals_that_suffice(name):
    needs, _ = required_signals(PRESETS[name])
    from querist.acquire import conformance

    entry = registry.Entry("selector", name, choose, needs=needs)
    made = conformance.made(entry)
    batch = choose(PRESETS[name], made, n=5, rng=rng(), size=40)
    assert len(set(batch.rows.tolist())) == 5


def test_a_chance_everywhere_is_told_from_a_chance_somewhere():
    def everywhere(name, given=GIVEN, **more):
        return choose(strategy(name, more.pop("settings", None)), given, n=3, rng=rng(), **more).everywhere

    sure = {"proba": np.concatenate([PROBA, [[1.0, 0.0, 0.0]]])}
    assert everywhere("random")
    assert everywhere("power_margin")
    assert not everywhere("power_margin", sure)
    assert everywhere("power_margin", sure, eligible=np.arange(61) < 60)
    assert everywhere("softmax_margin", sure)
    assert not everywhere("margin")
    assert not everywhere("margin", settings={"random_share": 0.5})
    assert not everywhere("random", settings={"quotas": {"0": 1}})


def test_weighted_estimates_are_refused_where_some_row_had_no_chance():
    from querist.errors import BadValue
    from querist.measure.unbiased import lure

    sure = {"proba": np.concatenate([np.full((20, 2), 0.5), [[1.0, 0.0]]])}
    for name, allowed in (("power_margin", False), ("softmax_margin", True)):
        batch = choose(strategy(name), sure, n=5, rng=rng())
        assert np.isfinite(batch.probabilities).all()
        if allowed:
            assert lure(np.ones(5), batch.probabilities, 21, everywhere=batch.everywhere) > 0
        else:
            with pytest.raises(BadValue, match="had no chance of being picked"):
                lure(np.ones(5), batch.probabilities, 21, everywhere=batch.everywhere)
    with pytest.raises(BadValue, match="a strategy that ranks"):
        lure(np.ones(5), choose(strategy("margin"), sure, n=5, rng=rng()).probabilities, 21)
