import itertools

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tests.acquire import textbook

from querist.acquire.hybrid import clue, cluster_margin, discriminative, falcun, weighted_kmeans

DIGITS = load_digits().data


def groups(seed, k=4):
    """Return rows around k far places, so that where Lloyd's iterations end does not hang on the last digit."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.concatenate([rng.normal(rng.normal(0, 9, 3), 1, (12, 3)) for _ in range(k)]))


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


def test_clue_weighs_by_entropy():
    x = np.concatenate([np.random.default_rng(i).normal(9 * i, 0.3, (30, 2)) for i in range(3)])
    proba = np.repeat([[0.5, 0.5], [0.999, 0.001], [0.5, 0.5]], 30, axis=0)
    assert sorted(clue(proba=proba, embed=x, n=2, rng=np.random.default_rng(0)) // 30) == [0, 2]


@pytest.mark.parametrize("seed", range(6))
def test_clue_is_the_entropy_weighted_k_means_of_its_definition(seed):
    x, proba = groups(seed), np.random.default_rng(seed).dirichlet(np.ones(3), 48)
    weight = -(proba * np.log(proba)).sum(axis=1)
    expected = textbook.medoids(x, *textbook.lloyd(x, 4, np.random.default_rng(seed), weight))
    rows = clue(proba=proba, embed=x, n=4, rng=np.random.default_rng(seed), iterations=300)
    assert rows.tolist() == expected


@pytest.mark.parametrize("seed", range(6))
def test_cluster_margin_is_the_round_robin_of_its_definition(seed):
    x, scores = groups(seed), np.random.default_rng(seed).random(48)
    rows = cluster_margin(scores=scores, embed=x, n=8, rng=np.random.default_rng(seed), prefilter=4, clusters=0.5)
    looked_at, rng = np.sort(np.argsort(-scores)[:32]), np.random.default_rng(seed)
    _, assignment = textbook.lloyd(x[looked_at], 4, rng)
    order = rng.permutation(32)
    queues = [[int(looked_at[i]) for i in order if assignment[i] == c] for c in range(4)]
    # Small clusters first; of equal ones that of the lower number.
    turn, expected = sorted(range(4), key=lambda c: (len(queues[c]), c)), []
    while len(expected) < 8:
        for c in turn:
            if queues[c] and len(expected) < 8:
                expected.append(queues[c].pop(0))
    assert rows.tolist() == expected


def test_cluster_margin_goes_round_the_clusters_small_ones_first():
    x = np.concatenate([np.random.default_rng(i).normal(20 * i, 0.3, (size, 2)) for i, size in enumerate((9, 6, 3))])
    rows = cluster_margin(scores=np.ones(18), embed=x, n=6, rng=np.random.default_rng(0), prefilter=3, clusters=0.5)
    places = np.searchsorted([9, 15], rows, side="right")
    assert places.tolist() == [2, 1, 0, 2, 1, 0]


@pytest.mark.parametrize("pending", [False, True])
def test_falcun_follows_its_definition(pending):
    proba = np.array([[0.5, 0.5], [0.8, 0.2], [0.95, 0.05], [0.3, 0.7]])
    doubt = 1 - np.abs(proba[:, 0] - proba[:, 1])
    out = np.array([[0.6, 0.4]])
    table = {}
    for order in itertools.permutations(range(4), 2):
        distance = doubt.copy()
        if pending:
            distance = np.minimum(distance, np.abs(proba - out).sum(axis=1))
        chance, left = 1.0, [0, 1, 2, 3]
        for row in order:
            low, high = distance[left].min(), distance[left].max()
            weight = np.zeros(4)
            weight[left] = (doubt[left] + (distance[left] - low) / (high - low)) ** 2
            chance *= weight[row] / weight.sum()
            left.remove(row)
            distance = np.minimum(distance, np.abs(proba - proba[row]).sum(axis=1))
        table[order] = chance
    table = {order: chance for order, chance in table.items() if chance > 0}
    counts, rng = dict.fromkeys(table, 0), np.random.default_rng(2)
    for _ in range(3000):
        rows = falcun(proba=proba, n=2, rng=rng, gamma=2.0, pending_proba=out if pending else None)
        counts[tuple(rows.tolist())] += 1
    assert chisquare(list(counts.values()), [3000 * p for p in table.values()]).pvalue > 0.001


@pytest.mark.parametrize("seed", range(4))
def test_discriminative_is_the_loop_of_its_definition(seed):
    rng = np.random.default_rng(seed)
    x, known = groups(seed), rng.normal(size=(6, 3))
    scale = np.sqrt(np.square(x - x.mean(axis=0)).sum(axis=1).mean())
    picks = []
    for _ in range(3):
        left = [row for row in range(48) if row not in picks]
        done = np.concatenate([known, x[picks]])
        rows = (np.concatenate([done, x[left]]) - x.mean(axis=0)) / scale
        model = LogisticRegression(class_weight="balanced", max_iter=5000, tol=1e-10)
        unlike = model.fit(rows, [0] * len(done) + [1] * len(left)).predict_proba(rows[len(done) :])[:, 1]
        picks += [left[i] for i in np.argsort(-unlike)[:2]]
    found = discriminative(embed=x, labelled_embed=known, n=6, batches=3, rng=rng)
    assert found.tolist() == picks


def test_discriminative_goes_where_no_label_is():
    x = np.concatenate([np.random.default_rng(i).normal(4 * i, 0.5, (50, 3)) for i in range(3)])
    rows = discriminative(embed=x, labelled_embed=x[:20], n=4, rng=np.random.default_rng(0))
    assert (rows >= 100).all()
