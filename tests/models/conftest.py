"""torchvision beside a torch that it was not built for."""

from __future__ import annotations

from importlib.util import find_spec


def _torchvision_without_its_operators() -> None:
    """Declare what torchvision's own library would, where that does not load beside torch's build for CPUs.

    Its classifiers are plain torch and need none of the operators; importing it needs their names. Before anything
    else imports it, which transformers does.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


if find_spec("torch") and find_spec("torchvision"):
    _torchvision_without_its_operators()
