"""The closed vocabulary of arrays that strategies may ask for: name, shape, dtype, meaning.

A strategy names what it needs in its signature; the engine asks the model for exactly that. A *base* signal describes
the candidate rows. The same name with a role in front (`labelled_`, `pending_`, `target_`) describes other rows; all
roles of one call come from the same model and the same draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Signal:
    """One array of the vocabulary; `shape` uses the letters of `DIMENSIONS`."""

    name: str
    shape: tuple[str, ...]
    dtype: str
    meaning: str


DIMENSIONS: Final = {
    "n": "candidate rows",
    "l": "labelled rows",
    "q": "pending rows: asked, and not answered yet",
    "t": "target rows: a sample of where predictions will be needed",
    "c": "classes",
    "d": "dimensions of the embedding",
    "m": "draws from the posterior, or members of a committee",
    "k": "labels of a multi-label task",
    "p": "parts (tokens, boxes) of all rows together",
}

BASE: Final = {
    s.name: s
    for s in (
        Signal("proba", ("n", "c"), "float", "calibrated class probabilities, rows sum to 1"),
        Signal("proba_samples", ("m", "n", "c"), "float", "class probabilities by each draw or committee member"),
        Signal("embed", ("n", "d"), "float", "the space in which distances between items mean something"),
        Signal("mean", ("n",), "float", "predicted mean of a numeric target"),
        Signal("std", ("n",), "float", "predictive standard deviation of a numeric target, same unit"),
        Signal("mean_samples", ("m", "n"), "float", "predicted mean by each draw or committee member"),
        Signal("label_proba", ("n", "k"), "float", "marginal probability of each label of a multi-label item"),
        Signal("parts_proba", ("p", "c"), "float", "class probabilities of the parts of all rows, concatenated"),
        Signal("parts_offsets", ("n+1",), "int", "where each row's parts begin in parts_proba; last entry is p"),
        Signal("cost", ("n",), "float", "what labelling the row costs, in the project's currency"),
        Signal("group", ("n",), "int", "number of the group (document, patient, video) that the row belongs to"),
        Signal("expected_risk", ("n",), "float", "expected risk after labelling the row, by refitting the model"),
    )
}

ROLES: Final = {"labelled": "l", "pending": "q", "target": "t"}

SPECIAL: Final = {
    s.name: s
    for s in (
        Signal("labelled_target", ("l",), "int | float | int8 (l, k)", "class number, value, or 0/1 per label"),
        Signal("target_mean", ("d",), "float", "mean over the whole pool of the length-normalised embeddings"),
        Signal("head_weight", ("c", "d"), "float", "weights of a linear softmax head on embed"),
        Signal("head_bias", ("c",), "float", "biases of that head"),
        Signal("head_l2", (), "float", "its L2 penalty: the loss adds head_l2 / 2 · ‖head_weight‖²"),
    )
}

RESERVED: Final = {
    "scores": "(n,) float scores, higher means ask sooner",
    "n": "how many rows to choose",
    "rng": "numpy.random.Generator, the only source of chance",
    "memory_limit": "bytes of working memory; changes speed, and picks only within rounding",
    "probabilities": "also return the probability of each pick among what was left of the pool",
}


def find(name: str) -> Signal | None:
    """Return the signal of that name, or None when the name is not in the vocabulary.

    >>> find("labelled_embed").shape
    ('l', 'd')
    >>> find("embedding") is None
    True
    """
    if name in BASE:
        return BASE[name]
    if name in SPECIAL:
        return SPECIAL[name]
    role, _, base = name.partition("_")
    if role not in ROLES or base not in BASE:
        return None
    described = BASE[base]
    shape = tuple(dimension.replace("n", ROLES[role]) for dimension in described.shape)
    return Signal(name, shape, described.dtype, f"{described.meaning} ({DIMENSIONS[ROLES[role]]})")


def names() -> list[str]:
    """Return every name of the vocabulary, sorted.

    >>> len(names())
    53
    """
    roles = [f"{role}_{base}" for role in ROLES for base in BASE]
    return sorted([*BASE, *SPECIAL, *roles])
