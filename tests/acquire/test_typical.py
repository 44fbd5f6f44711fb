import numpy as np
from sklearn.datasets import load_digits

from querist.acquire.clusters import k_means
from querist.acquire.distances import Space
from querist.acquire.typical import most_typical, typiclust

X = load_digits().data[:400]


def by_definition(x, found, labels, n, neighbours=20):
    """The authors' loop: clusters by (labels, −size), small ones dropped, most typical unlabelled row of each."""
    order = sorted(range(len(found.centres)), key=lambda c: (labels[c], -found.sizes[c]))
    order = [c for c in order if found.sizes[c] > 5]
    left, picks = {c: np.flatnonzero(found.assignment == c).tolist() for c in order}, []
    for i in range(n):
        rows = left[order[i % len(order)]]
        table = np.sqrt(np.square(x[rows][:, None] - x[rows]).sum(axis=2))
        k = min(neighbours, len(rows) // 2)
        typicality = [1 / (np.sort(line)[1 : k + 1].mean() + 1e-5) for line in table]
        picks.append(rows[int(np.argmax(typicality))])
        rows.remove(picks[-1])
    return picks


def test_it_is_the_authors_loop_on_the_same_clusters():
    rng = np.random.default_rng
    found = k_means(Space(X), 12, rng=rng(3), iterations=30)
    picks = typiclust(embed=X, n=12, rng=rng(3), unit=False)
    assert picks.tolist() == by_definition(X, found, [0] * 12, 12)


def test_clusters_with_labels_wait():
    x = np.concatenate([np.random.default_rng(i).normal(20 * i, 1, (30 + i, 3)) for i in range(4)])
    rows = typiclust(
        embed=x, labelled_embed=x[:2], pending_embed=x[40:41], n=2, rng=np.random.default_rng(0), unit=False, clusters=4
    )
    places = np.searchsorted([30, 61, 93], rows, side="right")
    assert places.tolist() == [3, 2]


def test_tiny_clusters_are_asked_only_when_nothing_else_is_left():
    x = np.concatenate([np.random.default_rng(0).normal(0, 1, (40, 2)), [[90.0, 90], [-90, 90], [90, -90]]])
    rows = typiclust(embed=x, n=4, rng=np.random.default_rng(0), unit=False)
    assert rows.max() < 40
    assert len(set(typiclust(embed=x, n=43, rng=np.random.default_rng(0), unit=False).tolist())) == 43


def test_typicality_is_blocked_without_effect():
    small = Space(X, memory_limit=4096)
    assert most_typical(small, np.arange(200), 20) == most_typical(Space(X), np.arange(200), 20)


def test_the_best_of_some_candidates_is_nearly_the_best_of_all():
    space, rows = Space(X), np.arange(len(X))
    table = np.sqrt(np.square(X[:, None] - X).sum(axis=2))
    mean = np.sort(table, axis=1)[:, 1:21].mean(axis=1)
    found = [most_typical(space, rows, 20, 100, np.random.default_rng(seed)) for seed in range(30)]
    assert np.mean([np.mean(mean < mean[row]) for row in found]) < 0.03
    assert most_typical(space, rows, 20, 400, np.random.default_rng(0)) == mean.argmin()
