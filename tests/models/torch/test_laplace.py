"""The last layer's Laplace approximation, against autograd's Hessian, and against laplace-torch where that is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; `make test-torch` installs it")

from torch.nn import functional

from querist.models.torch import learner
from querist.models.torch.laplace import Posterior, posterior
from querist.types import Features


def problem(n: int = 40, d: int = 4, c: int = 3) -> tuple[Any, Any, Any, Any]:
    generator = torch.Generator().manual_seed(0)
    embed = torch.randn((n, d), generator=generator).double()
    weight = torch.randn((c, d + 1), generator=generator).double()
    target = torch.randint(0, c, (n,), generator=generator)
    rows = torch.cat([embed, torch.ones((n, 1))], dim=1)
    return embed, weight, target, rows


def dense(found: Posterior, classes: int) -> Any:
    """The Hessian that a posterior stands for, written out."""
    if not found.class_vectors.numel():
        return found.vectors @ torch.diag(found.values) @ found.vectors.T
    vectors = torch.kron(found.class_vectors, found.vectors)
    return vectors @ torch.diag(found.values.flatten()) @ vectors.T


def test_the_exact_one_is_the_hessian_of_the_loss() -> None:
    embed, weight, target, rows = problem()
    importance = torch.linspace(0.5, 2, 40).double()

    def loss(flat: Any) -> Any:
        return (functional.cross_entropy(rows @ flat.reshape(3, 5).T, target, reduction="none") * importance).sum()

    hessian = torch.autograd.functional.hessian(loss, weight.flatten())
    found = posterior(embed, torch.softmax(rows @ weight.T, dim=1), importance, 1.0)
    assert torch.allclose(dense(found, 3).double(), hessian, atol=1e-4)


def test_the_factors_are_exact_for_one_row() -> None:
    embed, weight, _, rows = problem(n=1)
    proba = torch.softmax(rows @ weight.T, dim=1)
    exact, factors = (posterior(embed, proba, torch.ones(1), 1.0, exact=most) for most in (1000, 0))
    assert torch.allclose(dense(exact, 3), dense(factors, 3), atol=1e-5)


@pytest.mark.parametrize("exact", [1000, 0])
def test_draws_have_the_posterior_covariance(exact: int) -> None:
    embed, weight, _, rows = problem()
    found = posterior(embed, torch.softmax(rows @ weight.T, dim=1), torch.ones(40), 2.0, exact=exact)
    drawn = found.draws(weight.float(), 60_000, 0).flatten(1)
    expected = torch.linalg.inv(dense(found, 3) + 2.0 * torch.eye(15))
    assert torch.allclose(drawn.mean(dim=0), weight.float().flatten(), atol=0.02)
    assert torch.allclose(torch.cov(drawn.T), expected, atol=0.02)


def test_far_from_the_labels_it_is_less_sure() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    model = learner("mlp", {"posterior": "laplace", "hidden": [], "steps": 200, "draws": 200}).fit(
        Features(x, x), y, classes=2
    )
    near, far = (np.array([[1.0, side]], dtype=np.float32) for side in (0.0, 30.0))
    spread = [
        model.signals({"proba_samples"}, Features(rows, rows), rng=np.random.default_rng(0))["proba_samples"].std()
        for rows in (near, far)
    ]
    assert spread[1] > 2 * spread[0]


@pytest.mark.parametrize(("structure", "exact"), [("full", 10_000), ("kron", 0)])
@pytest.mark.filterwarnings("ignore")
def test_the_library_finds_the_same(structure: str, exact: int) -> None:
    library = pytest.importorskip("laplace", reason="laplace-torch is not installed", exc_type=ImportError)
    embed, weight, target, rows = problem()
    network = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Linear(4, 3))
    with torch.no_grad():
        network[1].weight.copy_(weight[:, :-1])
        network[1].bias.copy_(weight[:, -1])
    theirs = library.Laplace(
        network, "classification", subset_of_weights="last_layer", hessian_structure=structure, prior_precision=2.0
    )
    data = torch.utils.data.TensorDataset(embed.float(), target)
    theirs.fit(torch.utils.data.DataLoader(data, batch_size=40))
    ours = posterior(embed, torch.softmax(rows @ weight.T, dim=1), torch.ones(40), 2.0, exact=exact)
    precision = dense(ours, 3) + 2.0 * torch.eye(15)
    # They order weights before biases; we keep a class's bias beside its weights.
    order = [row * 5 + column for row in range(3) for column in range(4)] + [row * 5 + 4 for row in range(3)]
    expected = theirs.posterior_precision
    if structure == "kron":
        # They keep the biases apart from the weights; compare the block of the weights.
        block = torch.kron(
            *[v @ torch.diag(w) @ v.T for v, w in zip(expected.eigenvectors[0], expected.eigenvalues[0], strict=True)]
        )
        assert torch.allclose(precision[order][:, order][:12, :12] - 2.0 * torch.eye(12), block, atol=1e-3)
    else:
        assert torch.allclose(precision[order][:, order], expected, atol=1e-3)
