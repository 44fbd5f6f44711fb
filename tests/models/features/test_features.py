"""What holds for every method: fitted once, saved without pickle, row by row, sampled when the pool is large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, issparse, vstack
from sklearn.datasets import load_digits, load_wine

from querist.errors import BadValue, Damaged, UnknownName
from querist.models.features import AUTO, METHODS, FittedFeatures, fit_features, load_features
from querist.types import Array, Content, Features

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def texts(n: int = 60) -> list[Content]:
    rng = np.random.default_rng(0)
    return [Content("text", {"text": " ".join(rng.choice(WORDS, 6))}) for _ in range(n)]


def rows(n: int = 60) -> list[Content]:
    data = load_wine()
    names = ["alcohol", "acid", "ash"]
    return [Content("row", {"fields": dict(zip(names, row[:3].tolist(), strict=True))}) for row in data.data[:n]]


def images(n: int = 60) -> list[Content]:
    pixels = (load_digits().images[:n] * 15).astype(int)
    return [Content("image", {"pixels": each.tolist(), "width": 8, "height": 8}) for each in pixels]


POOLS: dict[str, tuple[str, Callable[[], list[Content]]]] = {
    "tfidf": ("text", texts),
    "svd": ("text", texts),
    "columns": ("row", rows),
    "pixels": ("image", images),
}
every_method = pytest.mark.parametrize("method", POOLS)


def fitted(method: str, **more: Any) -> tuple[FittedFeatures, list[Content]]:
    kind, make = POOLS[method]
    pool = make()
    return fit_features(lambda: pool, kind=kind, method=method, **more), pool


def same(a: Features, b: Features) -> bool:
    dense = [each.input.toarray() if issparse(each.input) else each.input for each in (a, b)]
    return bool(np.allclose(*dense, atol=1e-6) and np.allclose(a.embed, b.embed, atol=1e-6))


@every_method
def test_shape_and_type(method: str) -> None:
    features, pool = fitted(method)
    given = features.transform(pool)
    assert given.embed.shape == (len(pool), features.dim)
    assert given.embed.dtype == np.float32
    assert given.input.shape[0] == len(pool)
    assert given.one_space == (method != "tfidf")
    assert (features.method, features.fitted_on) == (method, len(pool))
    assert isinstance(features.report, dict)


@every_method
def test_round_trip_without_pickle(method: str) -> None:
    features, pool = fitted(method)
    saved = features.save()
    assert all(name.endswith((".json", ".npy")) for name in saved)
    loaded = load_features(saved)
    assert same(loaded.transform(pool), features.transform(pool))
    assert (loaded.method, loaded.dim, dict(loaded.settings)) == (method, features.dim, dict(features.settings))
    assert loaded.save() == saved


@every_method
def test_the_same_seed_gives_the_same_files(method: str) -> None:
    assert fitted(method, seed=3)[0].save() == fitted(method, seed=3)[0].save()


@every_method
def test_rows_do_not_depend_on_their_neighbours(method: str) -> None:
    features, pool = fitted(method)
    order = np.random.default_rng(1).permutation(len(pool))
    shuffled = features.transform([pool[row] for row in order])
    assert same(shuffled, features.transform(pool).rows(order))


@every_method
def test_many_batches_are_one(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features, pool = fitted(method)
    whole = features.transform(pool)
    monkeypatch.setattr("querist.models.features._BATCH", 7)
    parts = features.transform(iter(pool))
    assert same(parts, whole)
    assert parts.one_space == whole.one_space


@every_method
def test_erased_and_no_contents(method: str) -> None:
    features, pool = fitted(method)
    given = features.transform([None, pool[0]])
    assert np.isfinite(given.embed).all()
    assert same(given.rows(np.array([1])), features.transform(pool[:1]))
    assert len(features.transform([])) == 0


@every_method
def test_a_large_pool_is_represented_by_a_sample(method: str) -> None:
    features, pool = fitted(method, settings={"fit_rows": 20}, seed=1)
    assert features.fitted_on == 20
    assert features.settings["fit_rows"] == 20
    assert features.save() == fitted(method, settings={"fit_rows": 20}, seed=1)[0].save()
    assert len(features.transform(pool)) == len(pool)


def test_the_sample_is_uniform_and_in_order() -> None:
    from querist.models.features import _sample

    counts = np.zeros(20)
    for seed in range(2000):
        chosen = _sample(iter(range(20)), 5, seed, blocks=False)
        assert chosen == sorted(chosen)
        counts[chosen] += 1
    # 500 expected in each; the standard deviation is 19.4
    assert np.abs(counts - 500).max() < 5 * 19.4


def test_contents_are_asked_for_once() -> None:
    times = 0
    pool = texts()

    def contents() -> Iterator[Content]:
        nonlocal times
        times += 1
        yield from pool

    fit_features(contents, kind="text")
    assert times == 1


def test_auto_reads_the_words_of_a_table_of_nothing_but_text() -> None:
    told = [{"asked": f"May I send back order number {n} tomorrow?", "said": f"You may call {n} us"} for n in range(40)]
    pool = [Content("row", {"fields": fields}) for fields in told]
    assert fit_features(lambda: pool, kind="row").method == "words"
    with_price = [Content("row", {"fields": {**fields, "price": n}}) for n, fields in enumerate(told)]
    assert fit_features(lambda: with_price, kind="row").method == "columns"


@pytest.mark.parametrize("kind", AUTO)
def test_auto_has_a_method_that_reads_the_kind(kind: str) -> None:
    assert kind in METHODS[AUTO[kind]][1]


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(UnknownName, match="did you mean 'tfidf'"):
        fit_features(texts, kind="text", method="tfdif")
    with pytest.raises(BadValue, match="does not read row items; have: columns"):
        fit_features(rows, kind="row", method="svd")
    with pytest.raises(UnknownName, match="kind of item"):
        fit_features(rows, kind="video")
    with pytest.raises(UnknownName, match="setting of features 'svd' 'dims'; did you mean 'dim'"):
        fit_features(texts, kind="text", settings={"dims": 3})
    with pytest.raises(BadValue, match="no items to fit"):
        fit_features(list, kind="text")


@pytest.mark.parametrize("saved", [{}, {"features.json": b"{}"}, {"features.json": b'{"method": "pickle"}'}])
def test_files_that_are_no_features(saved: dict[str, bytes]) -> None:
    with pytest.raises(Damaged):
        load_features(saved)


def test_a_missing_file_is_named() -> None:
    saved = fitted("svd")[0].save()
    del saved["axes.npy"]
    with pytest.raises(Damaged, match=r"axes\.npy"):
        load_features(saved)


class TestArray:
    """Rows that are numbers already."""

    def fit(self, *blocks: Any, **settings: Any) -> FittedFeatures:
        return fit_features(lambda: list(blocks), kind="array", settings=settings)

    def test_they_pass_through_untouched(self) -> None:
        matrix = load_wine().data
        given = self.fit(matrix).transform(matrix)
        assert given.one_space
        assert np.array_equal(given.embed, matrix)

    def test_blocks_or_one_matrix(self) -> None:
        matrix = load_wine().data
        assert self.fit(matrix[:100], matrix[100:]).save() == fit_features(lambda: matrix, kind="array").save()

    def test_standardised(self) -> None:
        matrix = load_wine().data
        given = self.fit(matrix, standardise=True).transform(matrix)
        assert np.allclose(given.embed.mean(axis=0), 0, atol=1e-5)
        assert np.allclose(given.embed.std(axis=0), 1, atol=1e-5)

    def test_a_constant_column(self) -> None:
        matrix = np.column_stack([np.ones(5), np.arange(5.0)])
        assert np.array_equal(self.fit(matrix, standardise=True).transform(matrix).embed[:, 0], np.zeros(5))

    def test_missing_values_reach_the_model_and_not_the_distances(self) -> None:
        matrix = np.array([[1.0, np.nan], [2.0, 5.0], [9.0, 7.0]])
        given = self.fit(matrix).transform(matrix)
        assert np.isnan(given.input[0, 1])
        assert given.embed[0, 1] == 6.0
        both = self.fit(matrix).transform([matrix[1:], matrix[:1]])
        assert (np.isnan(both.input).sum(), np.isnan(both.embed).sum()) == (1, 0)

    def test_sparse_rows_stay_sparse(self) -> None:
        matrix = csr_matrix(
            np.random.default_rng(0).random((30, 12)) * (np.random.default_rng(1).random((30, 12)) < 0.3)
        )
        features = self.fit(matrix, dim=4)
        given = features.transform(matrix)
        assert issparse(given.input)
        assert (given.embed.shape, given.one_space) == ((30, 4), False)
        assert np.allclose(np.linalg.norm(given.embed, axis=1)[np.diff(matrix.indptr) > 0], 1, atol=1e-5)
        parts = load_features(features.save()).transform([matrix[:10], matrix[10:]])
        assert (parts.input != vstack([matrix])).nnz == 0
        assert np.allclose(parts.embed, given.embed)

    @pytest.mark.parametrize("matrix", [np.eye(4), csr_matrix(np.eye(4))], ids=["dense", "sparse"])
    def test_no_rows(self, matrix: Any) -> None:
        features = self.fit(matrix)
        for nothing in ([], matrix[:0]):
            given = features.transform(nothing)
            assert (given.input.shape[0], given.embed.shape) == (0, (0, features.dim))
        for nothing in ([], [matrix[:0]]):
            with pytest.raises(BadValue, match="no items to fit"):
                self.fit(*nothing)

    @pytest.mark.parametrize(
        ("matrix", "reason"),
        [
            (np.array([["a"]]), "must be a table of numbers"),
            (np.zeros(3), "must be a table of numbers"),
            (np.array([[np.inf]]), "must be finite"),
        ],
    )
    def test_what_is_no_table_of_numbers(self, matrix: Array, reason: str) -> None:
        with pytest.raises(BadValue, match=reason):
            self.fit(matrix)

    def test_another_width_is_refused(self) -> None:
        features = self.fit(np.zeros((3, 2)) + np.arange(2))
        with pytest.raises(BadValue, match="were fitted on 2 dense columns"):
            features.transform(np.zeros((3, 3)))
        with pytest.raises(BadValue, match="fitted on 2 others"):
            features.transform(csr_matrix(np.zeros((3, 2))))
