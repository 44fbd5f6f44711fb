"""What other libraries do for the same work; each function returns None where its library is not installed.

Their known faults on current numpy and scikit-learn are mended here, by name, so that they run at all.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

Work = Callable[[], Any]


def installed(*modules: str) -> bool:
    return all(find_spec(module) is not None for module in modules)


class Given:
    """A model whose predictions are a table, for libraries that insist on a model."""

    def __init__(self, proba: np.ndarray) -> None:
        self.proba = proba

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return self.proba[np.asarray(rows).reshape(-1)]


def modal_uncertainty(name: str, proba: np.ndarray, n: int) -> Work | None:
    if not installed("modAL"):
        return None
    from modAL.uncertainty import entropy_sampling, margin_sampling, uncertainty_sampling

    peer = {"margin": margin_sampling, "entropy": entropy_sampling, "least_confidence": uncertainty_sampling}[name]
    return lambda: peer(Given(proba), np.arange(len(proba)), n_instances=n)


def skactiveml_uncertainty(name: str, proba: np.ndarray, n: int) -> Work | None:
    if not installed("skactiveml"):
        return None
    from skactiveml.pool import UncertaintySampling

    method = {"margin": "margin_sampling", "entropy": "entropy", "least_confidence": "least_confident"}[name]
    strategy = UncertaintySampling(method=method, random_state=0)
    rows, unknown = np.arange(len(proba), dtype=np.float32)[:, None], np.full(len(proba), np.nan)
    return lambda: strategy.query(rows, unknown, clf=table_classifier(proba), fit_clf=False, batch_size=n)


def table_classifier(proba: np.ndarray) -> Any:
    from skactiveml.base import SkactivemlClassifier

    class Table(SkactivemlClassifier):
        def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Table:
            return self

        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            return proba[rows[:, 0].astype(np.int64)]

    made = Table(classes=list(range(proba.shape[1])))
    made.classes_ = np.arange(proba.shape[1])
    return made


def baal_bald(proba_samples: np.ndarray) -> Work | None:
    """Its form is (rows, classes, draws)."""
    if not installed("baal"):
        return None
    with quiet():
        from baal.active.heuristics import BALD

    swapped = np.ascontiguousarray(proba_samples.transpose(1, 2, 0))
    return lambda: BALD()(swapped)


def skactiveml_bald(proba_samples: np.ndarray) -> Work | None:
    if not installed("skactiveml"):
        return None
    from skactiveml.pool._query_by_committee import average_kl_divergence  # BALD by another name

    return lambda: average_kl_divergence(proba_samples)


def skactiveml_selector(name: str, x: np.ndarray, n: int, **settings: Any) -> Work | None:
    """`CoreSet`, `TypiClust`, `MaxHerding`, `ProbCover`: a query without labels, or with that of the first row."""
    if not installed("skactiveml"):
        return None
    from skactiveml import pool

    known = np.full(len(x), np.nan)
    known[0] = 0
    strategy = getattr(pool, name)(random_state=0, **settings)
    return lambda: strategy.query(x, known, batch_size=n)


def skactiveml_badge(x: np.ndarray, proba: np.ndarray, n: int) -> Work | None:
    if not installed("skactiveml"):
        return None
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge

    class Whole(SkactivemlClassifier):
        def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Whole:
            return self

        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            return proba[-len(rows) :]

    made = Whole(classes=list(range(proba.shape[1])))
    made.classes_ = np.arange(proba.shape[1])
    known = np.full(len(x), np.nan)
    return lambda: Badge(random_state=0).query(x, known, clf=made, fit_clf=False, batch_size=n)


def written_out_badge(x: np.ndarray, proba: np.ndarray, n: int) -> Work:
    """BADGE as published: the n × c·d gradients written out, and a pass over all of them for each pick."""

    def run() -> list[int]:
        rng = np.random.default_rng(0)
        error = proba.copy()
        error[np.arange(len(x)), proba.argmax(axis=1)] -= 1
        gradients = (error[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        picks = [int(np.square(gradients).sum(axis=1).argmax())]
        distance = np.square(gradients - gradients[picks[0]]).sum(axis=1)
        while len(picks) < n:
            cumulated = np.cumsum(distance, dtype=np.float64)
            picks.append(int(np.searchsorted(cumulated, rng.random() * cumulated[-1])))
            np.minimum(distance, np.square(gradients - gradients[picks[-1]]).sum(axis=1), out=distance)
        return picks

    return run


def pass_per_pick(x: np.ndarray, n: int) -> Work:
    """Farthest-first with one pass over the pool for each pick: what every other implementation of k-center does."""

    def run() -> list[int]:
        norms = np.einsum("ij,ij->i", x, x)
        picks, distance = [0], np.full(len(x), np.inf, x.dtype)
        while len(picks) < n:
            to = norms - 2 * (x @ x[picks[-1]])
            to += norms[picks[-1]]
            np.minimum(distance, to, out=distance)
            picks.append(int(distance.argmax()))
        return picks

    return run


def bmdal(method: str, x: np.ndarray, n: int) -> Work | None:
    if not installed("bmdal_reg", "torch"):
        return None
    np.Inf = np.inf  # type: ignore[attr-defined]  # bmdal_reg 3.0.2 needs what numpy 2 took away
    with quiet():
        import torch
        from bmdal_reg.bmdal.algorithms import select_batch
        from bmdal_reg.bmdal.feature_data import TensorFeatureData

    data = {"train": TensorFeatureData(torch.from_numpy(x[:1])), "pool": TensorFeatureData(torch.from_numpy(x))}
    given = {"models": [torch.nn.Linear(x.shape[1], 1)], "data": data, "y_train": None, "base_kernel": "linear"}
    more = {"kernel_transforms": [], "selection_method": method, "sel_with_train": True}
    return lambda: select_batch(batch_size=n, **given, **more)


def skactiveml_igs(x: np.ndarray, mean: np.ndarray, n: int) -> Work | None:
    if not installed("skactiveml"):
        return None
    from skactiveml.pool import GreedySamplingTarget
    from skactiveml.regressor import SklearnRegressor
    from sklearn.linear_model import LinearRegression

    known = np.full(len(x), np.nan)
    known[:2] = mean[:2]
    strategy = GreedySamplingTarget(method="GSi", random_state=0)
    return lambda: strategy.query(x, known, reg=SklearnRegressor(LinearRegression()), batch_size=n)


def redux_batch_bald(proba_samples: np.ndarray, n: int) -> Work | None:
    if not installed("batchbald_redux", "torch"):
        return None
    with quiet():
        import torch
        from batchbald_redux.batchbald import get_batchbald_batch

    logs = torch.from_numpy(np.log(proba_samples.transpose(1, 0, 2)).copy())
    return lambda: get_batchbald_batch(logs, n, 10_000, dtype=torch.float64)


def skactiveml_parzen(pool: np.ndarray, seen: np.ndarray, labels: np.ndarray) -> Work | None:
    if not installed("skactiveml"):
        return None
    from skactiveml.classifier import ParzenWindowClassifier
    from skactiveml.pool import MonteCarloEER

    rows = np.vstack([seen, pool])
    known = np.concatenate([labels, np.full(len(pool), np.nan)])
    strategy = MonteCarloEER(method="log_loss", random_state=0)
    return lambda: strategy.query(rows, known, ParzenWindowClassifier(classes=range(10)))


def modal_error_reduction(pool: np.ndarray, seen: np.ndarray, labels: np.ndarray, share: float) -> Work | None:
    """It looks at a random share of the candidates, all others being targets."""
    if not installed("modAL"):
        return None
    np.float = float  # type: ignore[attr-defined]  # modAL 0.4.2.1 needs what numpy 2 took away
    from modAL.expected_error import expected_error_reduction
    from sklearn.linear_model import LogisticRegression

    class Learner:
        estimator = LogisticRegression(max_iter=1000)
        X_training, y_training = seen, labels

        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            return self.estimator.predict_proba(rows)

    learner = Learner()
    learner.estimator.fit(seen, labels)

    def run() -> Any:
        np.random.seed(0)
        return expected_error_reduction(learner, pool, loss="log", p_subsample=share)

    return run


def modal_density(x: np.ndarray) -> Work | None:
    if not installed("modAL"):
        return None
    from modAL.density import information_density

    return lambda: information_density(x, "cosine")


@contextlib.contextmanager
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
