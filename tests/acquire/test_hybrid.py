import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from querist.acquire.hybrid import weighted_kmeans

DIGITS = load_digits().data


def test_weighted_kmeans_stays_in_the_best_rows_by_score():
    scores = np.random.default_rng(0).random(len(DIGITS))
    rows = weighted_kmeans(scores=scores, embed=DIGITS, n=10, rng=np.random.default_rng(0), prefilter=3)
    assert scores[rows].min() >= np.sort(scores)[-30]


def test_weighted_kmeans_is_as_tight_as_scikit_learn_with_the_same_weights():
    scores = np.random.default_rng(0).random(len(DIGITS))
    near = np.argsort(-scores)[:200]

    def left(rows):
        return scores[near] @ np.square(DIGITS[near][:, None] - DIGITS[rows]).sum(axis=2).min(axis=1)

    ours = [weighted_kmeans(scores=scores, embed=DIGITS, n=20, rng=np.random.default_rng(s)) for s in range(3)]
    theirs = []
    for seed in range(3):
        model = KMeans(20, n_init=1, random_state=seed).fit(DIGITS[near], sample_weight=scores[near])
        theirs.append(near[[np.square(DIGITS[near] - c).sum(axis=1).argmin() for c in model.cluster_centers_]])
    assert np.mean([left(rows) for rows in ours]) <= 1.05 * np.mean([left(rows) for rows in theirs])


def test_weighted_kmeans_takes_no_near_duplicates_of_one_row():
    x = np.concatenate([np.zeros((30, 2)), [[5.0, 0], [0, 5.0]]]) + np.random.default_rng(0).normal(0, 0.01, (32, 2))
    scores = np.concatenate([np.full(30, 0.9), [0.8, 0.8]])
    rows = weighted_kmeans(scores=scores, embed=x, n=3, rng=np.random.default_rng(0), prefilter=20)
    assert {30, 31} <= set(rows.tolist())
