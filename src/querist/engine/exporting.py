"""What leaves a project: labels, predictions, the model."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from querist.engine.project import Project
from querist.engine.sources import read_like
from querist.engine.training import prediction
from querist.engine.versions import versions
from querist.errors import NotReady
from querist.events import AnswerSubmitted, DatasetFrozen, ModelEvaluated, ModelTrained
from querist.exchange import labels, model_folder
from querist.exchange.labels import LabelRow
from querist.exchange.predictions import predictions_file
from querist.types import Item, Json, Model, Rejected

BLOCK = 4096
"""Items that are predicted at a time."""


def label_rows(project: Project) -> Iterator[LabelRow]:
    """Yield every answer in force that is a label, by its place in the ledger."""
    state, task = project.state(), project.task
    for recorded in project.store.events(kinds=["answer_submitted"]):
        event = recorded.event
        assert isinstance(event, AnswerSubmitted)
        if recorded.seq not in state.item_of or event.outcome != "answered" or event.item in state.withdrawn:
            continue
        value = task.renamed(event.value, state.renamed)
        yield LabelRow(event.item, value, recorded.actor, recorded.at, event.lane, event.round, recorded.seq)


def export_labels(project: Project, out: Path | None, format: str | None = None) -> int:
    """Write all labels to a file, or to standard output; return how many.

    Args:
        project: whose labels.
        out: the file; None: standard output.
        format: of `exchange.labels`; None: the ending of the file, where it is one of them, else CSV.

    Raises:
        UnknownName: no such format.
    """
    if format is None:
        ending = "" if out is None else out.suffix.removeprefix(".")
        format = ending if ending in labels.FORMATS else "csv"
    if out is not None:
        return labels.write(label_rows(project), out, format)
    count = itertools.count()
    rows = (row for row in label_rows(project) if next(count) >= 0)
    for block in labels.stream(rows, format):
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()
    return next(count)


def write_predictions(project: Project, model: Model, name: str, data: str, out: Path) -> tuple[int, list[Rejected]]:
    """Predict the items of a file or folder of the project's form; return how many, and the rows set aside.

    Raises:
        NotFound: no such file.
        UnknownName: a column that the project's data have and this file has not; a kind of file not written here.
    """
    classes = classes_of(project, name)
    reader = read_like(project, data, keep_duplicates=True)
    pipeline = project.pipeline(trained(project, name).features)

    count = 0
    rejected: list[Rejected] = []

    def usable() -> Iterator[Item]:
        for entry in reader.read():
            if isinstance(entry, Item):
                yield entry
            else:
                rejected.append(entry)

    items = usable()
    kind, task = project.target, project.task
    form: Json = {} if kind.signal == "proba" else {"labels": lambda matrix: task.decode(kind.predicted(matrix))}
    prefix = "" if kind.signal == "mean" else "proba_"
    with predictions_file(out, classes, certainty=kind.certainty, prefix=prefix, **form) as write:
        while block := list(itertools.islice(items, BLOCK)):
            features = pipeline.transform((entry.content for entry in block), media=reader.media)
            write([entry.id for entry in block], prediction(model, features, project.target, seed=project.seed))
            count += len(block)
    return count, rejected


def classes_of(project: Project, model: str) -> list[str]:
    """Return the classes of a model, under the names now in force."""
    renamed = project.state().renamed
    return [renamed.get(name, name) for name in trained(project, model).learner["classes"]]


def trained(project: Project, model: str) -> ModelTrained:
    """Return the event of a model's training."""
    for event in project.trained():
        if event.model == model:
            return event
    raise NotReady(f"no model {model!r} has been trained")


def export_model(project: Project, folder: Path, *, model: str | None = None) -> Path:
    """Write the last good model with features, classes, calibration and a card.

    Raises:
        NotReady: nothing has been trained.
        BadValue: the folder is there already and is not empty.
    """
    name = model or project.state().model
    fitted = project.model(name)
    assert name is not None
    return model_folder.export_model(
        folder,
        model=fitted.save(),
        features=project.pipeline(trained(project, name).features).save(),
        classes=classes_of(project, name),
        about=about_model(project, name),
    )


def about_model(project: Project, name: str) -> Json:
    """Return what a model's card says: what it learnt from, how it was calibrated, how good it was."""
    event = trained(project, name)
    metrics: Json = {}
    for recorded in project.store.events(kinds=["model_evaluated"]):
        assert isinstance(recorded.event, ModelEvaluated)
        if recorded.event.model == name:
            metrics = recorded.event.metrics
    frozen = project.store.find(f"r{event.round}/freeze")
    counts = frozen.event.counts if frozen is not None and isinstance(frozen.event, DatasetFrozen) else {}
    return {
        "project": project.spec.project.name,
        "model": name,
        "dataset": event.dataset,
        "labels": event.labelled,
        "counts": counts,
        "learner": str(event.learner["name"]),
        "settings": event.learner["settings"],
        "features": event.features,
        "calibration": event.calibration,
        "metrics": metrics,
        "versions": versions(),
    }
