import numpy as np
import pytest
from scipy.stats import rankdata

from querist.acquire import entropy, margin
from querist.acquire.combine import per_cost, product, rank_mean, refine, weighted_sum
from querist.acquire.presets import strategy
from querist.acquire.scoring import score
from querist.acquire.select import choose, required_signals
from querist.errors import BadValue, UnknownName
from querist.types import Strategy

RNG = np.random.default_rng(0)
PROBA = RNG.dirichlet(np.ones(3), 50)
COST = RNG.random(50) + 0.5


def test_rank_mean_is_the_mean_of_scaled_ranks():
    a, b = np.round(RNG.normal(size=30), 1), np.round(RNG.normal(size=30), 1)
    scaled = [(rankdata(part) - 1) / 29 for part in (a, b)]
    np.testing.assert_allclose(rank_mean([a, b]), np.mean(scaled, axis=0))


def test_weighted_sum_minds_no_scale_and_constant_parts_add_nothing():
    a, b = RNG.random(20), RNG.random(20)
    np.testing.assert_allclose(weighted_sum([a, b]), weighted_sum([100 * a - 7, b]))
    assert np.argmax(weighted_sum([a, np.ones(20)])) == np.argmax(a)


def test_a_strategy_may_name_a_combinator_in_place_of_a_scorer():
    made = Strategy("mine", scorer="product", scorer_settings={"parts": ["entropy", "margin"], "powers": [1, 2]})
    expected = entropy(proba=PROBA) * margin(proba=PROBA) ** 2
    np.testing.assert_allclose(score(made, {"proba": PROBA}), expected)
    assert required_signals(made).needs == ("proba",)
    batch = choose(made, {"proba": PROBA}, n=4, rng=RNG)
    assert batch.rows.tolist() == np.argsort(-expected)[:4].tolist()


def test_the_signals_of_a_combinator_count_too():
    made = strategy("margin_per_cost")
    assert required_signals(made).needs == ("cost", "proba")
    eligible = np.arange(50) < 30
    batch = choose(made, {"proba": PROBA, "cost": COST}, n=3, rng=RNG, eligible=eligible, budget=4.0)
    expected = per_cost([margin(proba=PROBA)], cost=COST)
    np.testing.assert_allclose(batch.scores, expected[batch.rows])
    assert COST[batch.rows].sum() <= 4


def test_what_cannot_be_combined_is_refused():
    with pytest.raises(BadValue, match="use rank_mean"):
        product([np.array([-1.0])])
    with pytest.raises(BadValue, match="one for each of the 2 parts"):
        weighted_sum([np.ones(2), np.ones(2)], weights=[1])
    with pytest.raises(BadValue, match=r"cost = 0\.0"):
        per_cost([np.ones(2)], cost=np.array([1.0, 0.0]))
    with pytest.raises(UnknownName, match="did you mean 'entropy'"):
        required_signals(Strategy("mine", scorer="product", scorer_settings={"parts": ["entrop"]}))
    with pytest.raises(BadValue, match="names of the scores"):
        required_signals(Strategy("mine", scorer="product"))


def test_refine_chooses_among_what_its_parts_propose():
    given = {"proba": PROBA, "embed": RNG.normal(size=(50, 3))}
    made = strategy("refine", {"parts": ["margin"], "final": "margin", "subset": 50})
    batch = choose(made, given, n=5, rng=np.random.default_rng(0))
    assert batch.rows.tolist() == np.argsort(-margin(proba=PROBA))[:5].tolist()
    assert np.isnan(batch.probabilities).all()
    whole = choose(strategy("refine"), given, n=5, rng=np.random.default_rng(0), eligible=np.arange(50) % 2 == 0)
    assert len(set(whole.rows.tolist())) == 5
    assert (whole.rows % 2 == 0).all()


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_refine_is_its_definition_where_every_strategy_sees_all_that_is_left(rounds):
    scores = {name: np.random.default_rng(i).random(60) for i, name in enumerate(("a", "b", "last"))}

    def best(name, rows, n):
        return np.array(sorted(rows, key=lambda row: -scores[name][row])[:n])

    pool = list(range(60))
    for _ in range(rounds):
        wanted = max(4, round(0.5 * len(pool)))
        if wanted >= len(pool):
            break
        share = -(-wanted // 2)
        pool = sorted({*best("a", pool, share), *best("b", pool, share)})
    found = refine(
        best, np.arange(60), 4, rng=np.random.default_rng(0), parts=("a", "b"), final="last", rounds=rounds, shrink=0.5
    )
    assert found.tolist() == best("last", pool, 4).tolist()


def test_narrow_is_the_slow_strategy_among_what_the_quick_ones_name():
    given = {"proba": PROBA, "embed": RNG.normal(size=(50, 3))}
    made = strategy("narrow", {"parts": ["margin"], "final": "entropy", "keep": 12})
    named = np.argsort(-margin(proba=PROBA))[:12]
    expected = sorted(named, key=lambda row: -entropy(proba=PROBA)[row])[:4]
    batch = choose(made, given, n=4, rng=np.random.default_rng(0))
    assert batch.rows.tolist() == [int(row) for row in expected]
    everything = choose(strategy(made, {"keep": 50}), given, n=4, rng=np.random.default_rng(0))
    assert everything.rows.tolist() == np.argsort(-entropy(proba=PROBA))[:4].tolist()
    some = choose(made, given, n=9, rng=np.random.default_rng(0), eligible=np.arange(50) < 10)
    assert sorted(some.rows.tolist()) == sorted(set(range(10)) - {int(entropy(proba=PROBA)[:10].argmin())})


@pytest.mark.parametrize("name", ["narrow_eer_newton", "narrow_eer_ridge", "narrow_eer_parzen", "narrow_eer_knn"])
def test_the_forms_of_expected_error_reduction_look_at_a_shortlist(name):
    made = strategy(name)
    assert made.selector_settings["keep"] <= 1000
    needs, _ = required_signals(made)
    assert {"embed", "labelled_embed", "labelled_target"} <= set(needs)
    assert ("proba" in needs) == (name in ("narrow_eer_newton", "narrow_eer_ridge"))


def test_refine_asks_for_the_signals_of_all_its_parts():
    needs, can_use = required_signals(strategy("refine"))
    assert needs == ("embed", "proba")
    assert {"target_embed", "labelled_proba"} <= set(can_use)
