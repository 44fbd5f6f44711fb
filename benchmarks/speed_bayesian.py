"""How fast the committee, Bayesian, error-reduction and regression strategies are, beside one read of their input.

    python benchmarks/speed_bayesian.py [--small] [--only NAME] [--json FILE]

Prints for each piece of work: our seconds (median of repeats), the seconds that one read of the largest input takes in
the same run, their ratio, the peak of extra memory, and the peer's seconds and the ratio to ours where the peer is
installed (scikit-activeml; the others have no plain function for arrays, or need torch). Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from querist import acquire
from querist.types import Array

Call = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """One row of the table: `read` is the array whose single read is the yardstick.

    A slow peer may be given a part of the work; its seconds are multiplied by `peer_times`, and marked with a star.
    """

    name: str
    ours: Call
    read: Array
    peer: Call | None = None
    peer_times: int = 1
    repeats: int = 3


def draws(n: int, *, m: int = 20, c: int = 10) -> Array:
    """Probabilities of m linear heads, which agree about most rows."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 16)).astype(np.float32)
    heads = rng.normal(size=(16, c)) + 0.5 * rng.normal(size=(m, 16, c))
    proba = np.empty((m, n, c), np.float32)
    for member, head in enumerate(heads.astype(np.float32)):
        odds = np.exp(rows @ head)
        proba[member] = odds / odds.sum(axis=1, keepdims=True)
    return proba


def clusters(n: int, d: int, c: int = 10) -> tuple[Array, Array]:
    """Rows around c centres, and the number of each row's centre."""
    rng = np.random.default_rng(1)
    target = rng.integers(c, size=n)
    rows = rng.normal(size=(c, d))[target] * 1.5 + rng.normal(size=(n, d))
    return rows.astype(np.float32), target


def works(small: bool) -> Iterator[Work]:
    """Yield the rows of the table, making each one's arrays when it is reached."""
    scale = 10 if small else 1
    rng = np.random.default_rng

    n = 1_000_000 // scale
    proba = draws(n)
    yield Work(
        f"bald, 20 draws, n = {n:,}, c = 10", lambda: acquire.bald(proba_samples=proba), proba, bald_peer(proba), 10
    )
    few = proba[:5]
    yield Work(f"vote_entropy, 5 members, n = {n:,}", lambda: acquire.vote_entropy(proba_samples=few), few)
    part, targets = proba[:, : n // 100], proba[:, -500:]
    yield Work(
        f"epig, n = {n // 100:,}, 500 targets",
        lambda: acquire.epig(proba_samples=part, target_proba_samples=targets),
        part,
    )
    yield Work(
        f"core_mse, n = {n // 10:,}, 2,000 targets",
        lambda: acquire.core_mse(proba_samples=proba[:, : n // 10], target_proba_samples=proba[:, -2000:]),
        proba[:, : n // 10],
    )
    pool = proba[:, : 100_000 // scale].copy()
    yield Work(
        f"batch_bald, 20 draws, n = {pool.shape[1]:,}, c = 10, 10 picks",
        lambda: acquire.batch_bald(proba_samples=pool, n=10, rng=rng(0)),
        pool,
        repeats=1,
    )

    for n in (500, 2_000 // (4 if small else 1)):
        yield error_reduction(n)
    yield newton(2_000 // scale)

    n = 100_000 // scale
    rows, _ = clusters(n, 64)
    mean = rows[:, 0] * rows[:, 1]
    yield Work(f"lcmd, n = {n:,}, d = 64, 100 picks", lambda: acquire.lcmd(embed=rows, n=100), rows)
    yield Work(f"max_det, n = {n:,}, d = 64, 100 picks", lambda: acquire.max_det(embed=rows, n=100), rows)
    short, values = rows[: n // 10], mean[: n // 10]
    yield Work(f"igs, n = {n // 10:,}, d = 64, 100 picks", lambda: acquire.igs(embed=short, mean=values, n=100), short)


def error_reduction(n: int) -> Work:
    """Parzen windows: 100 labels, all rows are targets."""
    rows, target = clusters(n + 100, 64)
    pool, seen, labels = rows[100:], rows[:100], target[:100]
    return Work(
        f"eer_parzen, n = {n:,}, c = 10",
        lambda: acquire.eer_parzen(embed=pool, labelled_embed=seen, labelled_target=labels, classes=10),
        pool,
        parzen_peer(pool, seen, labels) if n <= 500 else None,
    )


def newton(n: int) -> Work:
    """Softmax head: 100 labels, all rows are targets."""
    from sklearn.linear_model import LogisticRegression

    rows, target = clusters(n + 100, 64)
    model = LogisticRegression(max_iter=1000).fit(rows[:100], target[:100])
    given = {
        "proba": model.predict_proba(rows[100:]).astype(np.float32),
        "embed": rows[100:],
        "labelled_embed": rows[:100],
        "labelled_target": target[:100],
        "head_weight": model.coef_,
        "head_bias": model.intercept_,
        "head_l2": np.array(1.0),
    }
    return Work(f"eer_newton, n = {n:,}, d = 64, c = 10", lambda: acquire.eer_newton(**given), rows, repeats=1)


def bald_peer(proba: Array) -> Call | None:
    if find_spec("skactiveml") is None:
        return None
    from skactiveml.pool._query_by_committee import average_kl_divergence  # a bald by another name

    swapped = np.ascontiguousarray(proba[:, : proba.shape[1] // 10].astype(np.float64))
    return lambda: average_kl_divergence(swapped)


def parzen_peer(pool: Array, seen: Array, labels: Array) -> Call | None:
    if find_spec("skactiveml") is None:
        return None
    from skactiveml.classifier import ParzenWindowClassifier
    from skactiveml.pool import MonteCarloEER

    rows = np.vstack([seen, pool])
    known = np.concatenate([labels, np.full(len(pool), np.nan)])
    strategy = MonteCarloEER(method="log_loss", random_state=0)
    return lambda: strategy.query(rows, known, ParzenWindowClassifier(classes=range(10)))


def seconds(call: Call, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def extra_megabytes(call: Call) -> float:
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="a tenth of the sizes")
    options.add_argument("--only", default="", help="part of a name")
    options.add_argument("--json", type=Path, help="also write the table there")
    chosen = options.parse_args()
    table = []
    print(f"{'work':58} {'ours s':>9} {'one read':>9} {'ratio':>7} {'MiB':>7} {'peer s':>9} {'ratio':>7}")
    for work in works(chosen.small):
        if chosen.only not in work.name:
            continue
        read = seconds(lambda work=work: work.read.max(), 3)
        ours = seconds(work.ours, work.repeats)
        peer = seconds(work.peer, 1) * work.peer_times if work.peer else float("nan")
        row = {"work": work.name, "ours": ours, "read": read, "extra_mib": extra_megabytes(work.ours), "peer": peer}
        table.append(row)
        print(
            f"{work.name:58} {ours:9.4f} {read:9.4f} {ours / read:7.1f} {row['extra_mib']:7.1f} {peer:9.3f} "
            f"{peer / ours:7.1f}{'*' if work.peer_times > 1 else ''}",
            flush=True,
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(table, indent=1).replace("NaN", "null"))


if __name__ == "__main__":
    main()
