"""The rows of the speed table: what is done, on which arrays, beside whom, and what the goal is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from benchmarks import speed_peers as peers

from querist import acquire

Work = Callable[[], Any]


@dataclass(frozen=True)
class Beside:
    """A peer's work and ours on the same arrays, which may be smaller than those of the row; `at` says how large.

    A very slow peer does a part of the work; its seconds are multiplied by `times`, and marked with a star.
    """

    name: str
    theirs: Work | None
    ours: Work
    at_least: float
    at: str = ""
    times: float = 1.0


@dataclass(frozen=True)
class Piece:
    """A row: `make` gives our work, the arrays that must be read once, and who is beside us.

    `reads` is the goal in multiples of one read of those arrays (None: no goal); `size` divides the rows.
    """

    name: str
    work: str
    make: Callable[[int], tuple[Work, list[np.ndarray], list[Beside]]]
    reads: float | None = None
    repeats: int = 5
    goal: str = ""
    seen: list[np.ndarray] = field(default_factory=list)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def proba(n: int, c: int) -> np.ndarray:
    values = rng().random((n, c), dtype=np.float32)
    values /= values.sum(axis=1, keepdims=True)
    return values


def clustered(n: int, d: int, groups: int = 50) -> np.ndarray:
    draw = rng()
    centres = 1.5 * draw.standard_normal((groups, d), dtype=np.float32)
    rows = draw.standard_normal((n, d), dtype=np.float32)
    rows += centres[draw.integers(0, groups, n)]
    return rows


def draws(n: int, m: int = 20, c: int = 10) -> np.ndarray:
    """Probabilities of m linear heads, which agree about most rows."""
    draw = rng()
    rows = draw.normal(size=(n, 16)).astype(np.float32)
    heads = draw.normal(size=(16, c)) + 0.5 * draw.normal(size=(m, 16, c))
    made = np.empty((m, n, c), np.float32)
    for member, head in enumerate(heads.astype(np.float32)):
        odds = np.exp(rows @ head)
        made[member] = odds / odds.sum(axis=1, keepdims=True)
    return made


def labelled(n: int, d: int = 64, c: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pool around c centres, and 100 labelled rows with their classes."""
    draw = rng()
    target = draw.integers(c, size=n + 100)
    rows = (1.5 * draw.normal(size=(c, d))[target] + draw.normal(size=(n + 100, d))).astype(np.float32)
    return rows[100:], rows[:100], target[:100]


def uncertainty(name: str, c: int, picks: int = 100) -> Piece:
    def make(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
        p = proba(1_000_000 // size, c)

        def run() -> np.ndarray:
            return acquire.top(scores=getattr(acquire, name)(proba=p), n=picks)

        beside = [Beside("modAL", peers.modal_uncertainty(name, p, picks), run, 2.0)]
        part = p[:100_000]
        if picks == 100:
            theirs = peers.skactiveml_uncertainty(name, part, picks)
            ours = lambda: acquire.top(scores=getattr(acquire, name)(proba=part), n=picks)  # noqa: E731
            beside.append(Beside("scikit-activeml", theirs, ours, 20.0 if c == 10 else 0.0, f"n = {len(part):,}"))
        return run, [p], beside

    limit = 20.0 if c == 10 else 12.0
    return Piece(name, f"{name}, top {picks:,} of n = 1M, c = {c}", make, limit, goal="< 64 MB extra")


def bald(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
    samples = draws(1_000_000 // size)
    part = np.ascontiguousarray(samples[:, : max(1000, 100_000 // size)])
    ours = lambda: acquire.bald(proba_samples=part)  # noqa: E731
    at = f"n = {part.shape[1]:,}"
    beside = [
        Beside("baal", peers.baal_bald(part), ours, 7.0, at),
        Beside("scikit-activeml", peers.skactiveml_bald(part), ours, 0.0, at),
    ]
    return lambda: acquire.bald(proba_samples=samples), [samples], beside


def k_center(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
    x = clustered(1_000_000 // size, 512)
    part = x[: 100_000 // size]
    ours = lambda: acquire.k_center(embed=part, labelled_embed=part[:1], n=100)  # noqa: E731
    theirs = peers.skactiveml_selector("CoreSet", part, 100)
    beside = [Beside("scikit-activeml", theirs, ours, 30.0, f"n = {len(part):,}")]
    return lambda: acquire.k_center(embed=x, labelled_embed=x[:1], n=100), [x], beside


def k_center_on(name: str, n: int, data: Callable[[int], np.ndarray], picks: int) -> Piece:
    def make(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
        x = data(n // size)
        run = lambda: acquire.k_center(embed=x, labelled_embed=x[:1], n=picks)  # noqa: E731
        return run, [x], [Beside("a pass per pick", peers.pass_per_pick(x, picks), run, 1.0)]

    return Piece("k_center", f"k_center, {picks:,} picks, {name}", make, repeats=7)


def badge(n: int, d: int, times: float | None) -> Piece:
    def make(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
        x, p = clustered(n // size, d), proba(n // size, 10)
        run = lambda: acquire.badge(embed=x, proba=p, n=100, rng=rng())  # noqa: E731
        beside = []
        if times:
            few = 10
            part, q = x[: 10_000 // size], p[: 10_000 // size]
            small = lambda: acquire.badge(embed=part, proba=q, n=100, rng=rng())  # noqa: E731
            theirs = peers.skactiveml_badge(part, q, 100)
            at = f"{few} picks × 10"
            beside = [
                Beside("gradients written out", peers.written_out_badge(x, p, few), run, times, at, 100 / few),
                Beside("scikit-activeml", theirs, small, 0.0, f"n = {len(part):,}"),
            ]
        return run, [x, p], beside

    return Piece("badge", f"badge, 100 picks of n = {n:,}, d = {d}, c = 10", make, None if times else 40.0, repeats=3)


def selector(name: str, n: int, d: int, peer: Callable[[np.ndarray], list[Beside]] | None = None, **more: Any) -> Piece:
    def make(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
        x = clustered(n // size, d)
        x = x.astype(more.get("dtype", x.dtype))
        given = {"proba": proba(len(x), 10)} if more.get("proba") else {}
        if more.get("scores"):
            given["scores"] = rng().random(len(x), dtype=np.float32)
        run = lambda: getattr(acquire, name)(embed=x, n=100, rng=rng(), **given)  # noqa: E731
        return run, [x], peer(x[: max(200, more.get("part", len(x)) // size)]) if peer else []

    title = f"{name}, 100 picks of n = {n:,}, d = {d}{more.get('title', '')}"
    return Piece(name, title, make, more.get("reads"), repeats=3)


def beside_skactiveml(name: str, ours: str, at_least: float, **settings: Any) -> Callable[[np.ndarray], list[Beside]]:
    def beside(x: np.ndarray) -> list[Beside]:
        theirs = peers.skactiveml_selector(name, x, 100, **settings)
        run = lambda: getattr(acquire, ours)(embed=x, n=100, rng=rng())  # noqa: E731
        return [Beside("scikit-activeml", theirs, run, at_least, f"n = {len(x):,}")]

    return beside


def beside_bmdal(method: str, ours: str) -> Callable[[np.ndarray], list[Beside]]:
    def beside(x: np.ndarray) -> list[Beside]:
        run = lambda: getattr(acquire, ours)(embed=x, labelled_embed=x[:1], n=100, rng=rng())  # noqa: E731
        return [Beside("bmdal_reg", peers.bmdal(method, x, 100), run, 3.0)]

    return beside


def igs(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
    x = clustered(10_000 // size, 64)
    mean = x[:, 0] * x[:, 1]
    given = {"labelled_embed": x[:2], "labelled_target": mean[:2]}
    run = lambda: acquire.igs(embed=x, mean=mean, n=100, **given)  # noqa: E731
    return run, [x], [Beside("scikit-activeml", peers.skactiveml_igs(x, mean, 100), run, 500.0)]


def batch_bald(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
    samples = draws(100_000 // size)
    part = np.ascontiguousarray(samples[:, : 1_000 // size])
    run = lambda: acquire.batch_bald(proba_samples=samples, n=10, rng=rng())  # noqa: E731
    ours = lambda: acquire.batch_bald(proba_samples=part, n=10, rng=rng())  # noqa: E731
    return run, [samples], [
        Beside("batchbald_redux", peers.redux_batch_bald(part, 10), ours, 10.0, f"n = {part.shape[1]:,}")
    ]  # fmt: skip


def parzen(n: int, *, peer: bool) -> Piece:
    def make(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
        pool, seen, target = labelled(n // size)
        given = {"labelled_embed": seen, "labelled_target": target, "classes": 10}
        run = lambda: acquire.eer_parzen(embed=pool, **given)  # noqa: E731
        small = pool[: 100 // size]
        ours = lambda: acquire.eer_parzen(embed=small, **given)  # noqa: E731
        theirs = peers.skactiveml_parzen(pool if peer else small, seen, target)
        return run, [pool], [
            Beside("scikit-activeml", theirs, run if peer else ours, 1000.0 if peer else 0.0,
                   "" if peer else f"n = {len(small)}")
        ]  # fmt: skip

    return Piece("eer_parzen", f"eer_parzen, n = {n:,}, c = 10, all rows are targets", make, repeats=3)


def newton(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
    from sklearn.linear_model import LogisticRegression

    pool, seen, target = labelled(2_000 // size)
    model = LogisticRegression(max_iter=1000).fit(seen, target)
    given = {
        "proba": model.predict_proba(pool).astype(np.float32), "embed": pool, "labelled_embed": seen,
        "labelled_target": target, "head_weight": model.coef_, "head_bias": model.intercept_,
        "head_l2": np.array(1.0),
    }  # fmt: skip
    run = lambda: acquire.eer_newton(**given)  # noqa: E731
    share = 0.005
    looked_at = np.random.RandomState(0).rand(len(pool)) <= share
    theirs = peers.modal_error_reduction(pool, seen, target, share) if looked_at.any() else None
    at = f"{looked_at.sum()} candidates"
    return run, [pool], [Beside("modAL", theirs, run, 100.0, at, len(pool) / max(1, looked_at.sum()))]


def density(size: int) -> tuple[Work, list[np.ndarray], list[Beside]]:
    x = clustered(1_000_000 // size, 64)
    part = x[: 5_000 // size]
    ours = lambda: acquire.information_density(embed=part)  # noqa: E731
    beside = [Beside("modAL", peers.modal_density(part), ours, 2.0, f"n = {len(part):,}")]
    return lambda: acquire.information_density(embed=x), [x], beside


def pieces() -> Iterator[Piece]:
    """Yield the rows of the table, in its order."""
    for c in (10, 100):
        yield from (uncertainty(name, c) for name in ("margin", "entropy", "least_confidence"))
    yield uncertainty("margin", 10, 1000)
    yield Piece("bald", "bald, 20 draws, n = 1M, c = 10", bald, 12.0, repeats=3)
    yield Piece("k_center", "k_center, 100 picks of n = 1M, d = 512, clusters", k_center, 40.0, repeats=3)
    flat = lambda n: rng().standard_normal((n, 2), dtype=np.float32)  # noqa: E731
    wide = lambda n: rng().standard_normal((n, 64), dtype=np.float32)  # noqa: E731
    yield k_center_on("one cloud, n = 100k, d = 2", 100_000, flat, 100)
    yield k_center_on("one cloud, n = 100k, d = 2", 100_000, flat, 1000)
    yield k_center_on("one cloud, n = 100k, d = 64", 100_000, wide, 100)
    yield k_center_on("all rows equal, n = 100k, d = 64", 100_000, lambda n: np.ones((n, 64), np.float32), 100)
    yield badge(1_000_000, 512, None)
    yield badge(100_000, 64, 50.0)
    yield selector("kmeans_plus_plus", 100_000, 64, beside_bmdal("kmeanspp", "kmeans_plus_plus"))
    yield selector("lcmd", 100_000, 64, beside_bmdal("lcmd", "lcmd"))
    yield Piece("igs", "igs, 100 picks of n = 10,000, d = 64", igs)
    yield selector("bait", 200_000, 384, proba=True, reads=200.0)
    yield selector("bait", 200_000, 384, proba=True, dtype=np.float16, title=", float16")
    yield selector("typiclust", 100_000, 64, beside_skactiveml("TypiClust", "typiclust", 5.0))
    yield selector("max_herding", 200_000, 384, beside_skactiveml("MaxHerding", "max_herding", 5.0), part=5_000)
    yield selector("uncertainty_herding", 200_000, 384, proba=True)
    yield selector("prob_cover", 200_000, 384, beside_skactiveml("ProbCover", "prob_cover", 5.0), part=5_000)
    yield selector("weighted_kmeans", 200_000, 384, scores=True)
    yield selector("graph_cut", 200_000, 384)
    yield Piece("batch_bald", "batch_bald, 10 picks, 20 draws, n = 100k, c = 10", batch_bald, repeats=1)
    yield parzen(500, peer=True)
    yield parzen(2_000, peer=False)
    yield Piece("eer_newton", "eer_newton, n = 2,000, d = 64, c = 10, all rows are targets", newton, repeats=1)
    yield Piece("information_density", "information_density, cosine, n = 1M, d = 64", density)
