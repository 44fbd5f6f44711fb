"""Real data that comes with scikit-learn: for `make run`, `make demo` and tests, without a download."""

from __future__ import annotations

import numpy as np

from querist.pools.memory import MemorySource
from querist.pools.reader import PoolReader
from querist.pools.table import Roles
from querist.types import Content

DIGITS = tuple("0123456789")
"""The classes of the digits."""


def digits(*, labelled: bool = False) -> PoolReader:
    """Return 1,797 handwritten digits, 8 × 8 pixels of ink from 0 to 255, with their labels only if asked.

    Alpaydin & Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998.

    >>> item = next(digits().read())
    >>> item.content.value["width"], item.label
    (8, None)
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)
    contents = [Content("image", {"pixels": image.tolist(), "width": 8, "height": 8, "ink": True}) for image in pixels]
    labels = [str(number) for number in data.target] if labelled else None
    name = "sample:digits:labelled" if labelled else "sample:digits"
    return PoolReader(MemorySource(contents, labels, roles=Roles(), name=name))
