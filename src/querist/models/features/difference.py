"""Pairs as the difference of their two sides: what a model of preferences learns from."""

# A pipeline takes the arguments of all methods, whether it needs them or not.
# ruff: noqa: ARG003

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from querist.errors import BadValue
from querist.models import features as pipelines
from querist.models import files
from querist.models.features import FittedFeatures
from querist.types import Array, Content, Features, Json

_DEFAULTS: Final[Mapping[str, Any]] = {"of": "auto"}
_FOLDER: Final = "side"


@dataclass(frozen=True)
class DifferencePipeline:
    """Features of the first side minus those of the second; `of` is the method for one side, by its kind if `auto`.

    Swapping the sides turns the sign of a row, so a linear model without an intercept holds that whoever wins, wins
    from either side (Bradley & Terry, Biometrika 1952; with features: Chu & Ghahramani, ICML 2005).
    """

    side: FittedFeatures

    defaults: ClassVar[Mapping[str, Any]] = _DEFAULTS

    @property
    def dim(self) -> int:
        return self.side.dim

    @property
    def report(self) -> Json:
        return {"of": self.side.method, **self.side.report}

    @classmethod
    def fit(
        cls, sample: Sequence[Any], settings: Mapping[str, Any], *, seed: int, media: Path | None
    ) -> DifferencePipeline:
        both = [side for content in sample for side in _sides(content) if side is not None]
        if not both:
            raise BadValue("pool", 0, "has no pairs to fit features on")
        kind, of = both[0].kind, settings["of"]
        return cls(pipelines.fit_features(lambda: both, kind=kind, method=of, seed=seed, media=media))

    def transform(self, batch: Sequence[Any], *, media: Path | None) -> Features:
        sides = [_sides(content) for content in batch]
        first, second = (self.side.transform([pair[k] for pair in sides], media=media) for k in (0, 1))
        embed: Array = np.asarray(first.embed) - np.asarray(second.embed)
        return Features(embed if first.one_space else (first.input - second.input).tocsr(), embed)

    def save(self) -> dict[str, bytes]:
        return files.nest(_FOLDER, self.side.save())

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> DifferencePipeline:
        return cls(pipelines.load_features(files.inside(_FOLDER, saved)))


def _sides(content: Content | None) -> tuple[Content | None, Content | None]:
    """Both sides of a pair; an erased one becomes two that say nothing."""
    if content is None:
        return None, None
    first, second = content.value["first"], content.value["second"]
    return Content(first["kind"], first["value"]), Content(second["kind"], second["value"])
