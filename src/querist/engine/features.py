"""Features of the pool: fitted without labels, and for rows that joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from querist.engine.project import Project
from querist.engine.round import State
from querist.events import (
    FeaturesBuilt,
)
from querist.types import Content, short_hash

if TYPE_CHECKING:
    from querist.models.features import FittedFeatures


def build_features(project: Project, state: State) -> None:
    """Fit the pipeline on the pool, without labels, and transform it; or transform only the rows that joined."""
    if project.arrays is not None:
        _keep_arrays(project)
        return
    built = project.last("features_built")
    event = built.event if built is not None and not state.refit else None
    if isinstance(event, FeaturesBuilt):
        arrays = [*event.arrays, _transform(project, event.rows, state.pool_size, project.pipeline())]
        joined = FeaturesBuilt(
            features=event.features,
            pipeline=event.pipeline,
            arrays=arrays,
            method=event.method,
            settings=event.settings,
            dim=event.dim,
            rows=state.pool_size,
            fitted_on=event.fitted_on,
        )
        project.record(f"features/{event.features}/{state.pool_size}", joined)
        return
    _fit_features(project, state)


def _keep_arrays(project: Project) -> None:
    given = project.arrays
    assert given is not None
    name = project.keep_features(given)
    features = short_hash({"arrays": name})
    event = FeaturesBuilt(
        features=features,
        pipeline=name,
        arrays=[name],
        method="array",
        settings={},
        dim=int(given.embed.shape[1]),
        rows=len(given),
        fitted_on=len(given),
    )
    project.record(f"features/{features}/{len(given)}", event)


def _fit_features(project: Project, state: State) -> None:
    from querist.models.features import fit_features

    size = state.pool_size
    kind = next(content.kind for content in project.store.iter_contents(0, size) if content is not None)
    section = project.spec.features

    may_fit = np.asarray(project.pool().u_eval)[:size] >= state.reserve

    def contents() -> Iterator[Content]:
        # What measures is not fitted on, not even without its labels.
        pool = zip(project.store.iter_contents(0, size), may_fit.tolist(), strict=True)
        return (content for content, allowed in pool if allowed and content is not None)

    media = project.media()
    pipeline = fit_features(
        contents, kind=kind, method=section.method, settings=section.settings, seed=project.seed, media=media
    )
    files = project.store.artefacts.put_files(pipeline.save())
    features = short_hash({"pipeline": files, "pool": state.pool, "refit": state.refit and state.seq})
    project.cache["pipeline", files] = pipeline
    event = FeaturesBuilt(
        features=features,
        pipeline=files,
        arrays=[_transform(project, 0, size, pipeline)],
        method=pipeline.method,
        settings=dict(pipeline.settings),
        dim=pipeline.dim,
        rows=size,
        fitted_on=pipeline.fitted_on,
    )
    project.record(f"features/{features}/{size}", event)


def _transform(project: Project, start: int, stop: int, pipeline: FittedFeatures) -> str:
    contents = project.store.iter_contents(start, stop)
    return project.keep_features(pipeline.transform(contents, media=project.media()))
