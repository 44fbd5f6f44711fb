"""What registers itself: the built-in modules first, then entry points of group "querist"."""

from __future__ import annotations

import functools
import importlib
from importlib.metadata import entry_points
from typing import Final

BUILTINS: Final = (
    "querist.acquire.bayesian",
    "querist.acquire.combine",
    "querist.acquire.coverage",
    "querist.acquire.density",
    "querist.acquire.disagreement",
    "querist.acquire.diversity",
    "querist.acquire.draws",
    "querist.acquire.error_reduction",
    "querist.acquire.fisher",
    "querist.acquire.gradient",
    "querist.acquire.gradient_embeddings",
    "querist.acquire.hybrid",
    "querist.acquire.multilabel",
    "querist.acquire.newton",
    "querist.acquire.numeric_batches",
    "querist.acquire.perturbed",
    "querist.acquire.policies",
    "querist.acquire.regression",
    "querist.acquire.ridge",
    "querist.acquire.subpools",
    "querist.acquire.typical",
    "querist.acquire.uncertainty",
    "querist.stop.rules",
)


@functools.cache
def load() -> None:
    """Import every built-in module and every installed plugin once; importing is registering."""
    for module in BUILTINS:
        importlib.import_module(module)
    for point in entry_points(group="querist"):
        point.load()
