"""Columns by which items can be told apart: the fields of a table, the length of a text, the cluster they lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from querist.acquire.clusters import k_means
from querist.types import Array, Content

PREDICTED: Final = "predicted_class"
"""A filter on what the model says; there is none before the first model."""
CLUSTER: Final = "cluster"
"""A filter on neighbourhoods in the space of the features, numbered from 1, the largest first."""
MOST_CLUSTERS: Final = 8
EACH: Final = 25
"""Items a cluster has at least, on average."""


def fields(content: Content | None) -> Mapping[str, Any]:
    """Return what can be compared of an item: its fields, the length of its text, what is kept beside it.

    Nothing of an erased one.

    >>> fields(Content("text", {"text": "Hello"}))
    {'length': 5}
    """
    if content is None:
        return {}
    own: Mapping[str, Any] = content.value.get("fields", {})
    if content.kind == "text":
        own = {"length": len(str(content.value["text"]))}
    return {**own, **content.value.get("about", {})}


def table(contents: Sequence[Content | None]) -> dict[str, list[Any]]:
    """Return name → the values of all items, None where an item has none.

    >>> table([Content("row", {"fields": {"age": 3}}), None])
    {'age': [3, None]}
    """
    rows = [fields(content) for content in contents]
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def clusters(embed: Any, *, seed: int) -> tuple[Array, Array]:
    """Return (n,) the cluster of each row, from 1, the largest first; and the row that is nearest to each one's middle.

    >>> x = np.repeat([[0.0], [9.0]], [60, 40], axis=0)
    >>> number, middle = clusters(x, seed=0)
    >>> number[[0, 99]].tolist(), x[middle].ravel().tolist()[:2]
    ([1, 2], [0.0, 9.0])
    """
    k = int(np.clip(embed.shape[0] // EACH, 1, MOST_CLUSTERS))
    found = k_means(embed, k, rng=np.random.default_rng(seed))
    order = np.argsort(-found.sizes, kind="stable")
    order = order[found.sizes[order] > 0]
    place: Array = np.empty(k, dtype=np.int64)
    place[order] = np.arange(1, len(order) + 1)
    # The first row among those of a cluster, by distance.
    by_distance = np.argsort(found.distance, kind="stable")
    nearest = [int(by_distance[np.argmax(found.assignment[by_distance] == cluster)]) for cluster in order]
    return place[found.assignment], np.array(nearest, dtype=np.intp)
