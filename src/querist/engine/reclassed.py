"""The last good model under the classes now in force: the class set may have changed since it was trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from querist.types import Array, Features, Model, Rng


@dataclass(frozen=True, slots=True)
class Reclassed:
    """A model whose columns are those of other classes: `share` (old, new) says how each column is passed on.

    A linear head is not offered any more: its rows are the old classes.
    """

    model: Model
    share: Array

    @property
    def name(self) -> str:
        """The learner's name."""
        return self.model.name

    @property
    def classes(self) -> int:
        """How many classes there are now."""
        return int(self.share.shape[1])

    @property
    def offers(self) -> frozenset[str]:
        """What the model offers, but for the head."""
        return frozenset(name for name in self.model.offers if not name.startswith("head_"))

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:
        """Return the signals of the model, those of classes in the columns now in force."""
        given = self.model.signals(wanted, features, rng=rng)
        for name in ("proba", "label_proba", "proba_samples"):
            if name in given:
                given[name] = given[name] @ self.share.astype(given[name].dtype)
        return given

    def save(self) -> dict[str, bytes]:
        """Return the files of the model as it was trained."""
        return self.model.save()


def reclassed(
    model: Model,
    have: Sequence[str],
    want: Sequence[str],
    *,
    renamed: Mapping[str, str],
    split: Mapping[str, Sequence[str]],
) -> Model:
    """Return the model under other classes; itself where they are the same.

    Classes that were merged add up. Of a class that was split the model cannot tell the parts, so that each gets an
    equal share. A new class gets nothing.

    Args:
        model: as it was trained.
        have: (old,) the classes of its columns.
        want: (new,) the classes now in force.
        renamed: names of old classes now, merged ones among them.
        split: the parts of each class that was split.

    >>> from querist.models import learner
    >>> x = np.array([[0.0], [1.0]])
    >>> model = learner("logistic_regression").fit(Features(x, x), np.array([0, 1]), classes=2)
    >>> parts = {"dog": ("hound", "terrier")}
    >>> now = reclassed(model, ["cat", "dog"], ["cat", "hound", "terrier"], renamed={}, split=parts)
    >>> proba = now.signals(["proba"], Features(x, x), rng=np.random.default_rng(0))["proba"]
    >>> bool(np.allclose(proba[:, 1], proba[:, 2])), bool(np.allclose(proba.sum(axis=1), 1))
    (True, True)
    """
    names = [renamed.get(name, name) for name in have]
    if names == list(want):
        return model
    share = np.zeros((len(have), len(want)))
    place = {name: number for number, name in enumerate(want)}
    for row, name in enumerate(names):
        parts = [part for part in _parts(name, names, renamed, split) if part in place]
        for part in parts:
            share[row, place[part]] += 1 / len(parts)
    return Reclassed(model, share)


def _parts(
    name: str, known: Sequence[str], renamed: Mapping[str, str], split: Mapping[str, Sequence[str]]
) -> list[str]:
    """The classes that an old one has become."""
    parts = [renamed.get(part, part) for part in split.get(name, ())]
    others = [part for part in parts if part != name]
    if not others or any(part in known for part in others):
        return [name]  # never split, or the model was trained after that
    deeper = [found for part in others for found in _parts(part, known, renamed, split)]
    return deeper + [name] * (name in parts)
