"""What other libraries compute, beside ours; `pip install 'querist[peers]'` brings them, and each test skips without.

Where they differ for a reason, the reason is in FAULTS, and a test shows that it still holds.
"""

import numpy as np
import pytest
from scipy.stats import chisquare, spearmanr
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from querist import acquire

pytestmark = pytest.mark.filterwarnings("ignore")

FAULTS = {
    "scikit-activeml Badge": "has a centre at the origin, and can repeat rows in pools of duplicates",
    "scikit-activeml MaxHerding": "its rbf kernel has gamma = 1 / dimensions, not the radius 1 of the paper",
    "scikit-activeml TypiClust": "measures typicality by a fixed number of neighbours, and drops no small clusters",
    "scikit-activeml BatchBALD": "ignores the seed that it is given; samples where the joint could be enumerated",
    "modAL information_density": "is the mean of 1 / (1 + distance), not of a similarity; takes n² numbers",
    "modAL expected_error": "cannot be imported on numpy ≥ 1.24 (np.float)",
    "small-text greedy_coreset": "uses positions among the unlabelled rows as rows of the whole array",
    "baal BALD": "gives the same scores, from draws in the last axis",
}

RNG = np.random.default_rng
DIGITS = load_digits().data / 16
PROBA = RNG(0).dirichlet(np.full(5, 0.6), 400)
DRAWS = RNG(1).dirichlet(np.full(4, 0.8), (6, 200))


def peer(module, fault=""):
    return pytest.importorskip(module, reason=f"{module} is not installed: pip install 'querist[peers]'")


class Table:
    """A fitted model whose predictions for row numbers are given."""

    def __init__(self, proba):
        self.proba = proba

    def predict_proba(self, rows):
        return self.proba[np.asarray(rows).reshape(-1)]


# --- scikit-activeml --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("margin", "margin_sampling"), ("entropy", "entropy"), ("least_confidence", "least_confident")],
)
def test_scikit_activeml_uncertainty(ours, theirs):
    found = peer("skactiveml.pool").uncertainty_scores(PROBA, method=theirs)
    np.testing.assert_allclose(getattr(acquire, ours)(proba=PROBA), found, atol=1e-12)


def test_scikit_activeml_committees():
    theirs = peer("skactiveml.pool")
    np.testing.assert_allclose(
        acquire.kl_disagreement(proba_samples=DRAWS), theirs.average_kl_divergence(DRAWS), atol=1e-5
    )
    votes = DRAWS.argmax(axis=2).T
    entropy = theirs.vote_entropy(votes, classes=range(4))
    assert spearmanr(acquire.vote_entropy(proba_samples=DRAWS), entropy).statistic > 0.9999
    ratio = peer("skactiveml.pool._query_by_committee").variation_ratios(votes)
    np.testing.assert_allclose(acquire.variation_ratio(proba_samples=DRAWS), ratio, atol=1e-12)


@pytest.mark.parametrize("x", [DIGITS, StandardScaler().fit_transform(load_wine().data)], ids=["digits", "wine"])
def test_scikit_activeml_core_set_picks_the_same_rows(x):
    known = np.full(len(x), np.nan)
    known[:3] = 0
    theirs = peer("skactiveml.pool").CoreSet(random_state=0).query(x, known, batch_size=30)
    ours = acquire.k_center(embed=x, labelled_embed=x[:3], n=30)

    def radius(picks):
        return np.square(x[:, None] - x[[0, 1, 2, *picks]]).sum(axis=2).min(axis=1).max()

    # Integer pixels are full of ties, which they break by chance.
    assert ours.tolist() == theirs.tolist() or radius(ours) == pytest.approx(radius(theirs), rel=0.05)


def test_scikit_activeml_max_herding_with_the_same_kernel():
    x = DIGITS[:300]
    known = np.full(len(x), np.nan)
    known[0] = 0
    more = {"metric_dict": {"gamma": 1.0}}
    theirs = peer("skactiveml.pool").MaxHerding(random_state=0, **more).query(x, known, batch_size=20)
    ours = acquire.max_herding(embed=x[1:], target_embed=x[1:], labelled_embed=x[:1], n=20, radius=1.0, sample=0)
    exact = acquire.max_herding(embed=x[1:], labelled_embed=x[:1], n=20, radius=1.0, sample=0)
    assert (exact + 1).tolist() == theirs.tolist()
    assert len(set(ours) & set(exact)) >= 15


def test_scikit_activeml_greedy_samplings_pick_the_same_rows():
    pool = peer("skactiveml.pool")
    regressor = peer("skactiveml.regressor").SklearnRegressor
    from sklearn.linear_model import LinearRegression

    x, y = DIGITS[:200] + RNG(0).normal(0, 0.01, (200, 64)), DIGITS[:200] @ RNG(0).normal(size=64)
    known = np.full(len(x), np.nan)
    known[:70] = y[:70]
    mean = LinearRegression().fit(x[:70], y[:70]).predict(x[70:])
    given = {"labelled_embed": x[:70], "labelled_target": y[:70]}
    first = {
        "GSy": acquire.gsy(mean=mean, labelled_target=y[:70], n=1)[0],
        "GSi": acquire.igs(embed=x[70:], mean=mean, n=1, **given)[0],
    }
    for method, row in first.items():
        strategy = pool.GreedySamplingTarget(method=method, random_state=0)
        assert strategy.query(x, known, reg=regressor(LinearRegression()), batch_size=1)[0] - 70 == row, method
    theirs = pool.GreedySamplingX(random_state=0).query(x, known, batch_size=20)
    assert (acquire.gsx(embed=x[70:], labelled_embed=x[:70], n=20) + 70).tolist() == theirs.tolist()


def test_scikit_activeml_contrastive():
    pool, base = peer("skactiveml.pool"), peer("skactiveml.classifier")
    x, y = load_wine(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    known = np.where(np.arange(len(x)) % 6 == 0, y, np.nan)
    model = base.SklearnClassifier(LogisticRegression(), classes=[0, 1, 2]).fit(x, known)
    strategy = pool.ContrastiveAL(nearest_neighbors_dict={"n_neighbors": 5}, random_state=0)
    _, scores = strategy.query(x, known, model, fit_clf=False, return_utilities=True)
    has, left = ~np.isnan(known), np.isnan(known)
    proba = model.predict_proba(x)
    ours = acquire.contrastive(
        proba=proba[left], embed=x[left], labelled_proba=proba[has], labelled_embed=x[has], neighbours=5
    )
    np.testing.assert_allclose(ours, scores[0][left], atol=1e-4)


def test_scikit_activeml_badge_has_a_centre_at_the_origin():
    """FAULTS: after the longest gradient, rows are drawn by the distance to it or to 0, whichever is less."""
    pool, base = peer("skactiveml.pool"), peer("skactiveml.classifier")
    x, y = load_wine(return_X_y=True)
    # All gradients of a class point the same way, so that the origin is often nearer than the first row.
    x, y = StandardScaler().fit_transform(x)[::15] + 2, y[::15]
    known = np.where(np.isin(np.arange(len(x)), [0, 5, 11]), y, np.nan)
    model = base.SklearnClassifier(LogisticRegression(C=0.1), classes=[0, 1, 2]).fit(x, known)
    left = np.flatnonzero(np.isnan(known))
    proba = model.predict_proba(x[left])
    error = proba - np.eye(3)[proba.argmax(axis=1)]
    gradient = (error[:, :, None] * x[left][:, None]).reshape(len(left), -1)
    first = np.square(gradient).sum(axis=1).argmax()
    plain = np.square(gradient - gradient[first]).sum(axis=1)
    with_origin = np.minimum(plain, np.square(gradient).sum(axis=1))
    theirs, ours = np.zeros(len(left)), np.zeros(len(left))
    for seed in range(500):
        rows = pool.Badge(random_state=seed).query(x, known, model, fit_clf=False, batch_size=2)
        assert rows[0] == left[first]
        theirs[np.searchsorted(left, rows[1])] += 1
        mine = acquire.badge(proba=proba, embed=x[left], n=2, rng=RNG(seed))
        assert mine[0] == first
        ours[mine[1]] += 1
    assert fits(theirs, with_origin)
    assert not fits(theirs, plain)
    assert fits(ours, plain)


def fits(counts, weight):
    possible = weight > 0
    assert not counts[~possible].any()
    return chisquare(counts[possible], counts.sum() * weight[possible] / weight.sum()).pvalue > 0.001


# --- modAL ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("margin", "margin_sampling"), ("entropy", "entropy_sampling"), ("least_confidence", "uncertainty_sampling")],
)
def test_modal_uncertainty_picks_the_same_rows(ours, theirs):
    rows, _ = getattr(peer("modAL.uncertainty"), theirs)(Table(PROBA), np.arange(len(PROBA)), n_instances=25)
    scores = getattr(acquire, ours)(proba=PROBA)
    assert set(acquire.top(scores=scores, n=25)) == set(np.asarray(rows).tolist())


def test_modal_committees():
    theirs = peer("modAL.disagreement")

    class Members:
        classes_ = np.arange(4)

        def __len__(self):
            return len(DRAWS)

        def vote(self, rows):
            return DRAWS.argmax(axis=2).T

        def vote_proba(self, rows):
            return DRAWS.transpose(1, 0, 2)

        def predict_proba(self, rows):
            return DRAWS.mean(axis=0)

    members, rows = Members(), np.arange(DRAWS.shape[1])
    consensus = theirs.consensus_entropy(members, rows)
    np.testing.assert_allclose(acquire.consensus_entropy(proba_samples=DRAWS), consensus, atol=1e-9)
    votes = theirs.vote_entropy(members, rows)
    np.testing.assert_allclose(acquire.vote_entropy(proba_samples=DRAWS), votes, atol=1e-9)


def test_modal_information_density_is_of_distances():
    """FAULTS: 1 / (1 + distance) is not the cosine; with the cosine put in its place, ours agrees."""
    theirs = peer("modAL.density")
    x = DIGITS[:150]
    z = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(acquire.information_density(embed=x), (1 + (z @ z.T).mean(axis=1)) / 2, atol=1e-9)
    found = theirs.information_density(x, "cosine")
    np.testing.assert_allclose(found, (1 / (2 - z @ z.T)).mean(axis=1), atol=1e-9)
    assert spearmanr(acquire.information_density(embed=x), found).statistic > 0.95


def test_modal_expected_error_cannot_be_imported():
    """FAULTS: on a numpy without np.float."""
    peer("modAL.uncertainty")
    if hasattr(np, "float"):
        pytest.skip("something has put np.float back")
    with pytest.raises(AttributeError, match="float"):
        __import__("modAL.expected_error")


# --- baal -------------------------------------------------------------------------------------------------------------


def test_baal_bald_entropy_and_margin():
    theirs = peer("baal.active.heuristics")
    swapped = DRAWS.transpose(1, 2, 0)
    np.testing.assert_allclose(acquire.bald(proba_samples=DRAWS), theirs.BALD().get_uncertainties(swapped), atol=1e-5)
    np.testing.assert_allclose(
        acquire.consensus_entropy(proba_samples=DRAWS), theirs.Entropy().get_uncertainties(swapped), atol=1e-5
    )
    margins = theirs.Margin().get_uncertainties(swapped)
    ours = acquire.margin(proba=DRAWS.mean(axis=0))
    assert abs(spearmanr(ours, margins).statistic) > 0.9999


# --- small-text -------------------------------------------------------------------------------------------------------


def test_small_text_greedy_core_set_confuses_positions_with_rows():
    """FAULTS: right where all rows are unlabelled candidates in order, wrong where they are not."""
    greedy = peer("small_text.query_strategies.coresets").greedy_coreset
    x = RNG(0).normal(size=(120, 4))
    labelled, left = np.arange(60), np.arange(60, 120)
    theirs = greedy(x, left, labelled, 15, distance_metric="euclidean")
    ours = acquire.k_center(embed=x[left], labelled_embed=x[labelled], n=15)

    def radius(picks):
        return np.square(x[left][:, None] - np.concatenate([x[labelled], x[left][picks]])).sum(axis=2).min(axis=1).max()

    assert radius(ours) <= radius(theirs)
    assert ours.tolist() != theirs.tolist()
