"""Has something changed? Tests of what came lately against what was there before, and when they may raise an alarm.

Each test gives a p-value that holds for its own several columns or classes. A watch looks again and again, at several
things each time: `alarms` spends 5 % over all looks for ever, so that a project in which nothing changes hears a false
alarm in fewer than 5 of 100 lives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist.errors import BadValue
from querist.measure.comparison import holm
from querist.types import Array, Json

ALPHA: Final = 0.05
"""The chance of any false alarm in the life of a project."""
DRAWS: Final = 9_999
"""Permutations of `change_of_mean`."""
MOST_COLUMNS: Final = 256
"""Columns that are tested one by one."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a test found: `p` corrected for its columns or classes; `size` how far apart the two samples are.

    `before` and `recent` are the two figures that are compared, where there are two; `about` names the column or class
    in which they differ most clearly.
    """

    p: float
    size: float
    n_before: int
    n_recent: int
    before: float | None = None
    recent: float | None = None
    about: str = ""

    def to_json(self) -> Json:
        """Return the fields."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def level_of(look: int, *, alpha: float = ALPHA) -> float:
    """Return what a look may spend: alpha / (j (j + 1)), which adds up to alpha over all looks for ever.

    >>> [round(level_of(look), 4) for look in (1, 2, 3)], round(sum(map(level_of, range(1, 100_000))), 4)
    ([0.025, 0.0083, 0.0042], 0.05)
    """
    if look < 1:
        raise BadValue("look", look, "looks are counted from 1")
    return alpha / (look * (look + 1))


def alarms(found: Mapping[str, Change], look: int, *, least: Mapping[str, float], alpha: float = ALPHA) -> list[str]:
    """Return the names of the changes that are alarms at a look: significant among all that were tested, and large.

    Args:
        found: what was tested at this look.
        look: its number, from 1.
        least: the size below which a change is of no consequence, by name.
        alpha: the chance of any false alarm over all looks.

    Holm, Scandinavian Journal of Statistics 1979, within a look.

    >>> quiet, loud = Change(0.2, 0.3, 50, 50), Change(0.001, 0.3, 50, 50)
    >>> alarms({"labels": quiet, "features": loud}, 1, least={"labels": 0.05, "features": 0.1})
    ['features']
    """
    names = list(found)
    corrected = holm([found[name].p for name in names]) if names else []
    level = level_of(look, alpha=alpha)
    return [name for name, p in zip(names, corrected, strict=True) if p <= level and found[name].size >= least[name]]


# --- two samples of rows


def change_of_columns(before: Array, recent: Array, *, names: Sequence[str] = ()) -> Change:
    """Return whether any column has another distribution: Kolmogorov–Smirnov in each, by Holm over the columns.

    Use it on features, or on predicted probabilities. It sees each column by itself; `classifier_test` sees them
    together. Of more than 256 columns the first 256 are tested.

    Args:
        before: (n, d) rows.
        recent: (m, d) rows.
        names: (d,) of the columns, for `about`; their numbers without.

    Returns:
        `size` is the largest distance between the two distribution functions, from 0 to 1.

    Rabanser, Günnemann & Lipton, NeurIPS 2019 (for probabilities: Lipton, Wang & Smola, ICML 2018).

    >>> rng = np.random.default_rng(0); same = rng.normal(size=(300, 2)); moved = rng.normal(size=(200, 2)) + [0, 1]
    >>> found = change_of_columns(same, moved, names=["age", "income"])
    >>> found.about, round(found.size, 1), found.p < 0.001
    ('income', 0.4, True)
    """
    from scipy.stats import ks_2samp

    a, b = _two(before, recent)
    columns = range(min(a.shape[1], MOST_COLUMNS))
    tests = [ks_2samp(a[:, k], b[:, k], method="asymp") for k in columns]
    corrected = holm([float(test.pvalue) for test in tests])
    clearest = int(np.argmin([(p, -float(t.statistic)) for p, t in zip(corrected, tests, strict=True)], axis=0)[0])
    about = names[clearest] if len(names) > clearest else str(clearest)
    return Change(corrected[clearest], float(tests[clearest].statistic), len(a), len(b), about=about)


def classifier_test(before: Any, recent: Any, *, seed: int = 0) -> Change:
    """Return whether a classifier can tell the two samples apart on rows that it has not seen: half of each.

    Args:
        before: (n, d) rows, dense or sparse.
        recent: (m, d) rows; of the larger sample as many are drawn as the smaller has.
        seed: of the draw and of the classifier: a forest, or logistic regression on sparse rows.

    Returns:
        `recent` is the share it tells right, `before` what guessing gives, 0.5; `size` what it is above that.

    Lopez-Paz & Oquab, ICLR 2017.

    >>> rng = np.random.default_rng(0); x = rng.normal(size=(300, 2))
    >>> together = np.c_[x[:, :1], x[:, :1] + 0.1 * x[:, 1:]]; apart = np.c_[x[:, :1], -x[:, :1] + 0.1 * x[:, 1:]]
    >>> found = classifier_test(together, apart)
    >>> found.recent > 0.8, found.p < 1e-6
    (True, True)
    """
    from scipy.stats import binomtest

    rng = np.random.default_rng(seed)
    n = min(before.shape[0], recent.shape[0])
    if n < 4:
        raise BadValue("recent", n, "at least 4 rows of each are needed")
    kept = [part[np.sort(rng.choice(part.shape[0], n, replace=False))] for part in (before, recent)]
    halves = [rng.permutation(n) for _ in kept]
    cut = n // 2
    train = _joined([part[rows[:cut]] for part, rows in zip(kept, halves, strict=True)])
    test = _joined([part[rows[cut:]] for part, rows in zip(kept, halves, strict=True)])
    model = _told_apart_by(train, seed)
    model.fit(train, np.repeat([0, 1], cut))
    right = int((model.predict(test) == np.repeat([0, 1], n - cut)).sum())
    share = right / test.shape[0]
    p = float(binomtest(right, test.shape[0], 0.5, alternative="greater").pvalue)
    return Change(p, share - 0.5, before.shape[0], recent.shape[0], 0.5, share)


def _told_apart_by(rows: Any, seed: int) -> Any:
    if hasattr(rows, "tocsr"):
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=200)
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=50, min_samples_leaf=3, max_features="sqrt", random_state=seed)


def _joined(parts: Sequence[Any]) -> Any:
    if hasattr(parts[0], "tocsr"):
        from scipy.sparse import vstack

        return vstack(parts, format="csr")
    return np.concatenate(parts)


def _two(before: Array, recent: Array) -> tuple[Array, Array]:
    a, b = np.asarray(before, dtype=float), np.asarray(recent, dtype=float)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):
        raise BadValue("recent", b.shape, f"must be (m, d) beside before {a.shape}, with rows in both")
    return a, b


# --- shares and means


def change_of_shares(before: Array, recent: Array, *, classes: Sequence[str]) -> Change:
    """Return whether any class has another share: Fisher's exact test for each class, by Holm over the classes.

    Use it for labels lately against labels before, or for labels against predictions on other random items.

    Args:
        before: (n,) class numbers.
        recent: (m,) class numbers.
        classes: their names.

    Returns:
        The two shares of the class in which they differ most clearly; `size` is their distance.

    >>> found = change_of_shares(np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [20, 20]), classes=["fine", "fraud"])
    >>> found.about, found.before, found.recent, round(found.p, 6)
    ('fraud', 0.1, 0.5, 1e-06)
    """
    from scipy.stats import fisher_exact

    a, b = np.asarray(before), np.asarray(recent)
    if not len(a) or not len(b):
        raise BadValue("recent", len(b), "labels are needed on both sides")
    counts = [np.bincount(part, minlength=len(classes)) for part in (a, b)]
    raw = [
        float(fisher_exact([[x, len(a) - x], [y, len(b) - y]]).pvalue)
        for x, y in zip(*(c.tolist() for c in counts), strict=True)
    ]
    # Two classes are one question.
    corrected = raw if len(classes) == 2 else holm(raw)
    shares = [counts[0] / len(a), counts[1] / len(b)]
    # Of two that differ alike the one that grew.
    clearest = min(range(len(classes)), key=lambda k: (round(corrected[k], 15), shares[0][k] - shares[1][k]))
    was, now = float(shares[0][clearest]), float(shares[1][clearest])
    return Change(corrected[clearest], abs(now - was), len(a), len(b), was, now, classes[clearest])


def change_of_mean(before: Array, recent: Array, *, seed: int = 0) -> Change:
    """Return whether a mean has moved: a permutation test, exact whatever the distribution.

    Use it for calibration (certainty less correctness, item by item) and for disagreement between people. Where none of
    9,999 permutations is as extreme, Welch's t is asked how small p is.

    Args:
        before: (n,) values.
        recent: (m,) values.
        seed: of the permutations.

    >>> rng = np.random.default_rng(0)
    >>> found = change_of_mean(rng.normal(size=80), rng.normal(size=60) + 1)
    >>> found.p < 0.0001, found.n_before, found.n_recent
    (True, 80, 60)
    """
    a, b = np.asarray(before, dtype=float), np.asarray(recent, dtype=float)
    if len(a) < 2 or len(b) < 2:
        raise BadValue("recent", len(b), "two values are needed on both sides")
    was, now = float(a.mean()), float(b.mean())
    together = np.concatenate([a, b])
    rng = np.random.default_rng(seed)
    extreme, done = 0, 0
    middle, seen = together.mean(), abs(now - together.mean()) - 1e-12
    while done < DRAWS:
        block = min(DRAWS - done, max(1, 4_000_000 // len(together)))
        drawn = rng.permuted(np.tile(together, (block, 1)), axis=1)[:, : len(b)]
        extreme += int((np.abs(drawn.mean(axis=1) - middle) >= seen).sum())
        done += block
    p = (extreme + 1) / (DRAWS + 1)
    if extreme == 0:
        p = min(p, _welch(a, b))
    return Change(p, abs(now - was), len(a), len(b), was, now)


def _welch(a: Array, b: Array) -> float:
    """Two-sided p of Welch's t."""
    from scipy.special import stdtr

    parts = [float(x.var(ddof=1)) / len(x) for x in (a, b)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return 0.0 if a.mean() != b.mean() else 1.0
    freedom = sum(parts) ** 2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True))
    return float(2 * stdtr(freedom, -abs(float(b.mean() - a.mean())) / error))
