"""Filters: which rows of a large pool to look at, before anything is scored. They make any strategy quicker."""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, spans
from querist.acquire.distances import Space, nearest
from querist.acquire.greedy import spread
from querist.registry import register
from querist.types import Array


@register("filter")
def seals(*, embed: Any, labelled_embed: Any = None, neighbours: int = 100, memory_limit: int = MEMORY_LIMIT) -> Array:
    """Look only at the nearest neighbours of labelled rows: finds more of rare classes in pools of millions.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        labelled_embed: (l, d) labelled rows; without any, every row passes.
        neighbours: of each labelled row.
        memory_limit: bytes of working memory.

    Returns:
        (n,) bool, True where a row is among the neighbours of a label.

    Coleman et al., "Similarity Search for Efficient Active Learning and Search of Rare Concepts", AAAI 2022; neighbours
    are exact here.

    >>> seals(embed=np.array([[0.0], [1.0], [9.0]]), labelled_embed=np.array([[0.2]]), neighbours=2)
    array([ True,  True, False])
    """
    if labelled_embed is None or not labelled_embed.shape[0]:
        return np.ones(embed.shape[0], bool)
    space = Space(embed, memory_limit=memory_limit)
    return _near(space, space.place(labelled_embed), neighbours)


@register("filter")
def anchors(
    *,
    embed: Any,
    labelled_embed: Any = None,
    labelled_target: Array | None = None,
    anchors: int = 10,
    neighbours: int = 50,
    seed: int = 0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Look only at the neighbours of a few labelled rows of each class, so that rare classes get their share.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        labelled_embed: (l, d) labelled rows; without any, every row passes.
        labelled_target: (l,) class numbers.
        anchors: at most so many for each class, spread by k-means++.
        neighbours: of each anchor.
        seed: of that.
        memory_limit: bytes of working memory.

    Returns:
        (n,) bool, True where a row is among the neighbours of an anchor.

    Lesci & Vlachos, "AnchorAL: Computationally Efficient Active Learning for Large and Imbalanced Datasets", NAACL
    2024.

    >>> x, target = np.array([[0.0], [1.0], [9.0]]), np.array([0, 0, 1])
    >>> anchors(embed=x, labelled_embed=x, labelled_target=target, anchors=1, neighbours=1)
    array([ True, False,  True])
    """
    if labelled_embed is None or labelled_target is None or not labelled_embed.shape[0]:
        return np.ones(embed.shape[0], bool)
    space, rng = Space(embed, memory_limit=memory_limit), np.random.default_rng(seed)
    points, chosen = space.place(labelled_embed), []
    for label in np.unique(labelled_target):
        mine = Space(points[labelled_target == label])
        first = int(mine.norms.argmin())
        distance = nearest(mine, mine.centred([first]))[1]
        count = min(anchors, len(mine))
        rows = [first, *spread(mine, distance, count - 1, rng, already=[first])]
        chosen.append(points[labelled_target == label][rows])
    return _near(space, np.concatenate(chosen), neighbours)


def _near(space: Space, points: Array, neighbours: int) -> Array:
    """Return (n,) bool, True for the nearest rows of each point."""
    found = np.zeros(len(space), bool)
    count = min(neighbours, len(space))
    for some in spans(len(points), len(space) * space.dtype.itemsize, max(1, space.memory_limit // 4)):
        squared = np.concatenate(
            [space.to(span, points[some]) for span in spans(len(space), 1, space.block_rows(len(points[some])))]
        )
        for column in squared.T:
            found[np.argpartition(column, count - 1)[:count]] = True
    return found
