"""The Laplace approximation of the last layer: a Gaussian posterior over the head's weights, in closed form.

MacKay, Neural Computation 1992; for last layers: Kristiadi, Hein, Hennig, ICML 2020; Daxberger et al., NeurIPS 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

EXACT: Final = 1_024
"""Weights of the head up to which the whole Hessian is used; beyond, its Kronecker factors."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """Draws of the head's weights and biases about the trained ones.

    The Hessian of the summed log loss is vectors · diag(values) · vectorsᵀ, of classes · (d + 1) rows, or where
    `class_vectors` is given its Kronecker approximation, with factors of classes and of d + 1 rows.
    """

    values: Tensor  # (c·(d+1),), or (c, d+1)
    vectors: Tensor  # (c·(d+1), c·(d+1)), or (d+1, d+1)
    class_vectors: Tensor  # empty, or (c, c)
    precision: float

    def draws(self, weight: Tensor, count: int, seed: int) -> Tensor:
        """Return (count, c, d + 1) weights, biases last: drawn on the CPU, the same on every device.

        Args:
            weight: (c, d + 1) the trained ones.
            count: how many.
            seed: of the draws.
        """
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn((count, *weight.shape), generator=generator).to(weight)
        spread = (self.values.to(weight) + self.precision).clamp_min(1e-10).rsqrt()
        vectors = self.vectors.to(weight)
        if not self.class_vectors.numel():
            away = (noise.flatten(1) * spread) @ vectors.T
            return weight + away.reshape(noise.shape)
        return weight + self.class_vectors.to(weight) @ (noise * spread) @ vectors.T


def posterior(embed: Tensor, proba: Tensor, weight: Tensor, precision: float, *, exact: int = EXACT) -> Posterior:
    """Return the posterior of a softmax head.

    Args:
        embed: (n, d) what comes into the head, of the training rows.
        proba: (n, c) what comes out.
        weight: (n,) weights of the rows.
        precision: of the prior: the L2 penalty of the summed loss, also on the bias.
        exact: weights of the head up to which no approximation is made.
    """
    rows = torch.cat([embed, torch.ones_like(embed[:, :1])], dim=1).double()
    proba, weight = proba.double(), weight.double()
    classes, width = proba.shape[1], rows.shape[1]
    if classes * width <= exact:
        hessian = _hessian(rows, proba, weight)
        values, vectors = torch.linalg.eigh(hessian)
        return Posterior(values.clamp_min(0).float(), vectors.float(), torch.zeros(0), precision)
    # Σ Bₙ ⊗ Aₙ ≈ Σ Bₙ ⊗ Σ Aₙ / Σ wₙ: curvature and embedding taken as independent.
    outer = (rows * weight[:, None]).T @ rows / weight.sum()
    curved = torch.diag((proba * weight[:, None]).sum(dim=0)) - (proba * weight[:, None]).T @ proba
    row_values, row_vectors = torch.linalg.eigh(outer)
    class_values, class_vectors = torch.linalg.eigh(curved)
    values = class_values.clamp_min(0)[:, None] * row_values.clamp_min(0)
    return Posterior(values.float(), row_vectors.float(), class_vectors.float(), precision)


def _hessian(rows: Tensor, proba: Tensor, weight: Tensor) -> Tensor:
    """Return Σ wₙ (diag pₙ − pₙ pₙᵀ) ⊗ (rₙ rₙᵀ), class by class: no array of n × c × c."""
    width, classes = rows.shape[1], proba.shape[1]
    hessian = rows.new_zeros((classes, width, classes, width))
    for one in range(classes):
        for other in range(one + 1):
            curved = proba[:, one] * (float(one == other) - proba[:, other]) * weight
            block = (rows * curved[:, None]).T @ rows
            hessian[one, :, other], hessian[other, :, one] = block, block
    return hessian.reshape(classes * width, classes * width)
