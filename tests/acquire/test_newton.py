"""Newton steps against refitting: exact on a quadratic problem, near in rank on real tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import spearmanr

from querist.acquire.newton import eer_newton
from querist.errors import BadValue
from querist.types import Array


def softmax(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def fit(embed: Array, target: Array, classes: int, l2: float, start: Array) -> Array:
    """The head (c, d + 1) that minimises the summed log loss and the penalty on the weights alone."""
    lifted, truth = np.column_stack([embed, np.ones(len(embed))]), np.eye(classes)[target]

    def loss(flat: Array) -> tuple[float, Array]:
        head = flat.reshape(classes, -1)
        proba = softmax(lifted @ head.T)
        weights = head * (np.arange(head.shape[1]) < head.shape[1] - 1)
        value = -np.log(np.maximum(proba[np.arange(len(target)), target], 1e-300)).sum() + l2 / 2 * (weights**2).sum()
        return float(value), ((proba - truth).T @ lifted + l2 * weights).ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 2000, "gtol": 1e-7})
    return found.x.reshape(classes, -1)


def risks(head: Array, embed: Array, loss: str) -> float:
    proba = softmax(embed @ head[:, :-1].T + head[:, -1])
    if loss == "zero_one":
        return float((1 - proba.max(axis=1)).mean())
    return float(-(proba * np.log(np.maximum(proba, 1e-300))).sum(axis=1).mean())


def table(name: str, seed: int, labels: int, candidates: int) -> dict[str, Array]:
    """A trained head on a real table, standardised, and what `eer_newton` is given."""
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    order = np.random.default_rng(seed).permutation(len(x))
    seen = np.concatenate([order[:labels], [np.flatnonzero(y == c)[0] for c in range(y.max() + 1)]])
    rows, at = order[labels : labels + candidates], order[-120:]
    classes = int(y.max()) + 1
    head = fit(x[seen], y[seen], classes, 1.0, np.zeros((classes, x.shape[1] + 1)))
    return {
        "proba": softmax(x[rows] @ head[:, :-1].T + head[:, -1]),
        "embed": x[rows],
        "labelled_embed": x[seen],
        "labelled_target": y[seen],
        "target_embed": x[at],
        "head_weight": head[:, :-1],
        "head_bias": head[:, -1],
        "head_l2": np.array(1.0),
    }


def refitted(given: dict[str, Array], loss: str) -> Array:
    head = np.column_stack([given["head_weight"], given["head_bias"]])
    seen, target, at = given["labelled_embed"], given["labelled_target"], given["target_embed"]
    now = risks(head, at, loss)
    scores = []
    for x, label in zip(given["embed"], given["proba"], strict=True):
        heads = [
            fit(np.vstack([seen, x[None]]), np.append(target, y), len(head), float(given["head_l2"]), head)
            for y in range(len(head))
        ]
        scores.append(now - sum(p * risks(h, at, loss) for p, h in zip(label, heads, strict=True)))
    return np.array(scores)


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "iris"])
def test_ranks_as_exact_refitting_does(name: str) -> None:
    given = table(name, 0, 25, 16)
    exact = refitted(given, "log")
    for hessian in ("full", "diagonal"):
        assert spearmanr(eer_newton(**given, hessian=hessian), exact)[0] > 0.9


@pytest.mark.long
@pytest.mark.parametrize("loss", ["log", "zero_one"])
@pytest.mark.parametrize("name", ["wine", "breast_cancer", "digits"])
def test_ranks_as_exact_refitting_does_with_more_candidates(name: str, loss: str) -> None:
    for seed in range(2):
        given = table(name, seed, 30, 30)
        exact = refitted(given, loss)
        assert spearmanr(eer_newton(**given, loss=loss), exact)[0] > 0.9


def test_corrections_lead_to_the_refit() -> None:
    given = table("wine", 1, 20, 6)
    exact = refitted(given, "log")
    errors = [np.abs(eer_newton(**given, hessian="full", corrections=k) - exact).max() for k in (0, 1, 12)]
    assert errors[2] < 0.1 * errors[0]
    assert errors[1] < errors[0]
    assert errors[2] < 0.05 * np.ptp(exact)


def test_is_exact_where_the_penalty_outweighs_the_labels() -> None:
    given = table("iris", 0, 10, 8)
    head = fit(given["labelled_embed"], given["labelled_target"], 3, 500.0, np.zeros((3, 5)))
    given |= {"head_weight": head[:, :-1], "head_bias": head[:, -1], "head_l2": np.array(500.0)}
    found, exact = eer_newton(**given, hessian="full", corrections=3), refitted(given, "log")
    np.testing.assert_allclose(found, exact, atol=1e-3 * np.abs(exact).max())


def test_blocks_and_types_change_nothing_but_rounding() -> None:
    given = table("wine", 2, 15, 20)
    for hessian in ("full", "diagonal"):
        exact = eer_newton(**given, hessian=hessian)
        tight = eer_newton(**given, hessian=hessian, memory_limit=200_000)
        np.testing.assert_allclose(tight, exact, atol=1e-4 * np.abs(exact).max())
        narrow = {name: array.astype(np.float32) if array.dtype == float else array for name, array in given.items()}
        single = eer_newton(**narrow, hessian=hessian)
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, exact, atol=5e-3 * np.abs(exact).max())


def test_says_what_is_wrong() -> None:
    given = table("iris", 0, 10, 3)
    with pytest.raises(BadValue, match="loss = 'hinge'"):
        eer_newton(**given, loss="hinge")
    with pytest.raises(BadValue, match="must be full or diagonal"):
        eer_newton(**given, hessian="exact")
    with pytest.raises(BadValue, match="take 'diagonal'"):
        eer_newton(**given, hessian="full", memory_limit=1000)
    nothing = {**given, "head_l2": np.array(0.0), "labelled_embed": given["embed"][:0]}
    with pytest.raises(BadValue, match=r"head_l2 = 0\.0"):
        eer_newton(**nothing | {"labelled_target": np.zeros(0, int)})
