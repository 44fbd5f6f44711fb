"""Active learning in a few lines of Python: the same engine, over a memory of this process."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from querist.engine.due import Freeze, Select, Stop, Train, Wait
from querist.engine.project import Project
from querist.engine.round import next_step
from querist.engine.spec import ProjectSpec
from querist.engine.steps import run, select
from querist.engine.training import prediction
from querist.errors import BadValue, NotFound
from querist.events import AnswerSubmitted, ClassesChanged, ModelFailed, PoolImported, ProjectCreated
from querist.store.protocol import NewEvent
from querist.tasks import task_type
from querist.tasks.structured import encode
from querist.types import Array, Content, Features, Json, Learner, Strategy, short_hash


class ActiveLearner:
    """Ask which rows to label next, tell the answers, predict. Use it where labels come from your own code.

    A project with people, a server and evidence is `querist init` and `querist serve`; both are the same engine, and
    the same seed gives the same batches.

    Args:
        model: a scikit-learn classifier, its registered name ("logistic_regression"), or a `types.Learner`.
        pool: (n, d) array or CSR matrix; `types.Features`, where input and embedding differ; or a list of texts, of
            dicts (table rows) or of `types.Content`.
        strategy: a preset's name, a `Strategy`, or a policy's name; "auto" decides by itself.
        settings: of the strategy.
        seed: of all chance; recorded.
        ids: one for each row of the pool; without them `ask` gives row numbers.
        classes: all labels that may come; without them they are learnt from what is told.
        features: how texts and table rows become arrays ("auto", "tfidf", "svd", "columns"); arrays stay as they are.
        calibrate: correct the probabilities on out-of-fold rows before uncertainty is used (five more fits a round):
            True lets cross-validation choose how, a name says it ("temperature").
        batch: how many `ask()` gives when no number is said.
        seed_set: labels from which a named strategy takes over from coverage; None asks for what projects do (20, or 5
            for each class, and a model that beats the largest class); 1 lets it choose as soon as there is a model.
        groups: (n,) rows of a group stay on one side of each calibration split.
        task: the kind of label: "single_label"; "multi_label", where a label is a list of names; "numeric", a number;
            "pairwise", "first" or "second", over a pool of `Content` pairs or of differences.
        task_settings: of the kind of label, such as {"low": 0, "high": 80}.

    Raises:
        BadValue: an empty pool, ids that are not distinct.
        UnknownName: a strategy or model that does not exist.

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> x, y = load_digits(return_X_y=True)
    >>> learner = ActiveLearner(LogisticRegression(max_iter=1000), pool=x[:1200] / 16, strategy="margin", seed=0)
    >>> for _ in range(5):
    ...     ids = learner.ask(20)
    ...     learner.tell(ids, y[ids])
    >>> bool((learner.predict(x[1200:] / 16) == y[1200:]).mean() > 0.8)
    True
    """

    def __init__(
        self,
        model: Any,
        *,
        pool: Any,
        strategy: str | Strategy = "auto",
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        ids: Sequence[Any] | None = None,
        classes: Sequence[Any] | None = None,
        features: str = "auto",
        calibrate: bool | str = False,
        batch: int = 50,
        seed_set: int | None = None,
        groups: Sequence[Any] | None = None,
        task: str = "single_label",
        task_settings: Mapping[str, Any] | None = None,
    ) -> None:
        from querist.models import learner

        size = _length(pool)
        self._ids: Sequence[Any] = range(size) if ids is None else list(ids)
        self._row_ids = None if ids is None else {str(name): name for name in self._ids}
        if len(self._ids) != size or (self._row_ids is not None and len(self._row_ids) != size):
            raise BadValue("ids", f"{len(self._ids)} ids", f"must be {size} distinct ids, one for each row of the pool")
        self._labels: dict[str, Any] = {}
        names = self._names(classes or ())
        recipe: Learner = learner(model, signal=_signal(task, names, task_settings or {}))
        spec = _spec(strategy, settings, seed, batch, calibrate, seed_set, features, recipe, names)
        spec = spec.changed(project={"task": task, "settings": dict(task_settings or {})})
        self._project = _project(spec, recipe, pool, self._ids, groups)
        if isinstance(strategy, Strategy):
            self._project.cache["strategy"] = strategy

    # --- the loop

    def ask(self, n: int | None = None) -> list[Any]:
        """Return the ids of the n rows to label next, the most valuable first; fewer when the pool has fewer.

        Learns from everything told so far first. Rows that were asked and not answered yet are not asked again.
        """
        wanted = self._project.spec.batch_size if n is None else n
        if wanted < 1:
            raise BadValue("n", n, "must be at least 1")
        self._learn()
        state = self._project.state()
        step = next_step(state)
        number, part = (step.round, step.part) if isinstance(step, Select) else (state.round, state.batch.parts)
        select(self._project, state, number, part, n=wanted)
        recorded = self._project.store.find(f"r{number}/select/{part}")
        assert recorded is not None
        return [self._id(item) for item in recorded.event.items]  # type: ignore[attr-defined]

    def tell(self, ids: Sequence[Any], labels: Sequence[Any]) -> None:
        """Record the labels of some rows, asked or not; a row that is told again is corrected.

        Raises:
            BadValue: not as many labels as ids, a label that is no class.
            NotFound: an id that is not in the pool.
        """
        if len(ids) != len(labels):
            raise BadValue("labels", f"{len(labels)} labels", f"must be one for each of the {len(ids)} ids")
        items = [self._item(name) for name in ids]
        self._project.store.rows(items)
        values = self._values(labels)
        state = self._project.state()
        asked = dict.fromkeys(state.batch.items, state.round)
        events = []
        for item, value in zip(items, values, strict=True):
            earlier = state.live.get(item, ())
            event = AnswerSubmitted(
                item=item,
                task=self._project.spec.project.task,
                outcome="answered",
                value=value,
                lane="query" if item in asked else "seed",
                round=asked.get(item),
                replaces=earlier[-1].seq if earlier else None,
                source="oracle",
            )
            events.append(NewEvent(str(uuid.uuid4()), event, "oracle"))
        self._project.store.append_many(events)

    def predict(self, rows: Any) -> Array:
        """Return the likeliest label of each row: a class, a list of names (as objects), a number.

        Raises:
            NotReady: no model yet: labels of two kinds are needed.
        """
        matrix = self.predict_proba(rows)
        if self._one_class:
            names = self.classes
            return np.asarray([names[number] for number in matrix.argmax(axis=1)])
        predicted = self._project.target.predicted(matrix)
        if self._project.target.signal == "label_proba":
            return encode(self._project.task.decode(predicted))
        return np.asarray(self._project.task.decode(predicted))

    def predict_proba(self, rows: Any) -> Array:
        """Return (n, c) probabilities, columns in the order of `classes`; of numbers (n, 2) means and deviations.

        Raises:
            NotReady: no model yet: labels of two kinds are needed.
        """
        self._learn()
        project = self._project
        return prediction(project.model(), self._features_of(rows), project.target, seed=project.seed)

    # --- what is known

    @property
    def classes(self) -> list[Any]:
        """The labels, in the order of the columns of `predict_proba`."""
        if not self._one_class:
            return list(self._project.target.columns)
        return [self._labels[name] for name in self._project.state().classes]

    @property
    def labelled_ids(self) -> list[Any]:
        """The ids of all rows with a label, in the order they were told."""
        live = self._project.state().live
        order = sorted(live, key=lambda item: live[item][0].seq)
        return [self._id(item) for item in order]

    @property
    def rounds(self) -> list[Json]:
        """What each round asked for and why: strategy, evidence, scores; the latest last."""
        events = (recorded.event for recorded in self._project.store.events(kinds=["batch_selected"]))
        return [event.to_json() for event in events]

    @property
    def project(self) -> Project:
        """The project underneath: ledger, artefacts, state."""
        return self._project

    # --- keeping

    def save(self, folder: str | Path) -> None:
        """Write a project folder that `load` and every `querist` command can open."""
        from querist.engine.keeping import save_project

        save_project(self._project, Path(folder), {"labels": self._labels, "ids": self._row_ids is not None})

    @classmethod
    def load(cls, folder: str | Path, model: Any = None) -> ActiveLearner:
        """Return the learner that `save` wrote.

        Args:
            folder: the project's folder.
            model: the recipe, if it was an estimator of your own.
        """
        from querist.engine.keeping import load_project

        project, about = load_project(Path(folder), model)
        learner = cls.__new__(cls)
        learner._project = project
        learner._labels = about["labels"]
        items = project.pool().items
        learner._row_ids = {item: item for item in items} if about["ids"] else None
        learner._ids = list(items) if about["ids"] else range(len(items))
        return learner

    # --- inside

    def _learn(self) -> None:
        """Run what is due, up to the next choice of a batch; labels told so far are learnt from at once."""
        while True:
            state = self._project.state()
            step = next_step(state)
            if isinstance(step, Select | Wait | Stop):
                if not state.fresh:
                    return
                step = Freeze(state.round if state.phase in ("seed", "collect") else state.round + 1)
            run(self._project, step)
            if isinstance(step, Train):
                self._warn_of_failure(step.round)

    def _warn_of_failure(self, number: int) -> None:
        """The last good model stays in force, or coverage goes on; whoever wrote the model must hear of it."""
        failed = self._project.last("model_failed")
        if failed is not None and isinstance(failed.event, ModelFailed) and failed.event.round == number:
            warnings.warn(f"training failed in round {number}: {failed.event.error}", RuntimeWarning, stacklevel=4)

    @property
    def _one_class(self) -> bool:
        return self._project.spec.project.task == "single_label"

    def _values(self, labels: Sequence[Any]) -> list[Any]:
        """Labels as the ledger keeps them; classes of one class each are learnt from what is told."""
        if not self._one_class:
            plain = [label.tolist() if isinstance(label, np.generic | np.ndarray) else label for label in labels]
            return [self._project.task.check(label) for label in plain]
        names = self._names(labels)
        self._declare(names)
        return list(names)

    def _declare(self, names: Sequence[str]) -> None:
        known = self._project.state().classes
        new = set(names) - set(known)
        if new and self._project.spec.project.classes:
            raise BadValue("label", self._labels[min(new)], "is not among the classes", choices=known)
        if new:
            # The whole list anew, sorted, so that the order of answers changes no column.
            listed = sorted({*known, *new}, key=lambda name: _sortable(self._labels[name]))
            event = ClassesChanged(operation="add", before=list(known), after=listed)
            self._project.record(str(uuid.uuid4()), event)

    def _names(self, labels: Sequence[Any]) -> list[str]:
        plain = [label.item() if isinstance(label, np.generic) else label for label in labels]
        names = [str(label) for label in plain]
        self._labels.update(zip(names, plain, strict=True))
        return names

    def _item(self, name: Any) -> str:
        item = str(int(name)) if self._row_ids is None and isinstance(name, int | np.integer) else str(name)
        if self._row_ids is not None and item not in self._row_ids:
            raise NotFound(f"id {name!r} is not in the pool", field="id", value=name)
        return item

    def _id(self, item: str) -> Any:
        return int(item) if self._row_ids is None else self._row_ids[item]

    def _features_of(self, rows: Any) -> Features:
        if self._project.arrays is not None:
            return _as_features(rows)
        features: Features = self._project.pipeline().transform(_contents(rows))
        return features


def _signal(task: str, classes: Sequence[str], settings: Mapping[str, Any]) -> str:
    """What the task needs of its model.

    Raises:
        BadValue: the learner of this kind of label is still to come, or its classes or settings cannot be.
    """
    if task == "single_label":
        return "proba"
    target = task_type(task, classes=classes, settings=settings).target
    if target is None:
        raise BadValue("task", task, "its learner is still to come; people can label it: querist init --task")
    return target.signal


def _spec(
    strategy: str | Strategy,
    settings: Mapping[str, Any] | None,
    seed: int,
    batch: int,
    calibrate: bool | str,
    seed_set: int | None,
    features: str,
    recipe: Learner,
    classes: Sequence[str],
) -> ProjectSpec:
    named = strategy if isinstance(strategy, str) else strategy.name
    how = calibrate if isinstance(calibrate, str) else "auto" if calibrate else "off"
    begun = {} if seed_set is None else {"seed_set": {"least": seed_set, "per_class": 0}}
    return ProjectSpec.from_json(
        {
            "project": {"name": "learner", "classes": list(classes), "seed": seed},
            "features": {"method": features},
            "strategy": {"name": named, "settings": dict(settings or {})},
            "loop": {"mode": "batch", "batch": batch, "retrain_every": {"least": 1, "share": 0.0}, **begun},
            "lanes": {"reserve": 0, "evaluation": 0.0, "control": 0.0, "control_after": 0.0},
            "model": {"name": recipe.name, "calibrate": how},
            "stop": {"any": []},
        }
    )


def _project(
    spec: ProjectSpec, recipe: Learner, pool: Any, ids: Sequence[Any], groups: Sequence[Any] | None
) -> Project:
    from querist.store import MemoryStore

    is_array = hasattr(pool, "shape") or isinstance(pool, Features)
    store = MemoryStore()
    order = _shuffled(pool, spec.project.seed)
    arrays = None
    if is_array:
        arrays = _as_features(pool)
        arrays = arrays if order is None else arrays.rows(order)
    project = Project(spec, store, learner=recipe, arrays=arrays)
    places = range(len(ids)) if order is None else order.tolist()
    contents = None if is_array else _contents(pool)
    ordered = list(map(str, places if isinstance(ids, range) else (ids[place] for place in places)))
    store.items.add_all(
        ordered,
        contents=None if contents is None else [contents[place] for place in places],
        group=None if groups is None else [str(groups[place]) for place in places],
    )
    versions: dict[str, str] = {}
    project.record(
        "created", ProjectCreated(spec=spec.to_json(), spec_hash=spec.hash, seed=spec.project.seed, versions=versions)
    )
    fingerprint = short_hash(ordered if len(ordered) < 100_000 else [ordered[0], ordered[-1], len(ordered)])
    columns: dict[str, Sequence[Any]] = {"item": ordered, "row": list(range(len(ordered)))}
    imported = PoolImported(
        source="arrays" if is_array else "memory",
        fingerprint=fingerprint,
        items=store.artefacts.put_table(columns),
        added=len(ordered),
        duplicates=0,
        size=len(ordered),
    )
    project.record(f"import/{fingerprint}", imported)
    return project


def _shuffled(pool: Any, seed: int) -> Array | None:
    """The order in which rows are kept: by lot, so that ties go to a random row; a file on disk keeps its own."""
    if isinstance(pool, np.memmap):
        return None
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2**30,))).permutation(_length(pool))


def _length(pool: Any) -> int:
    size = int(pool.shape[0]) if hasattr(pool, "shape") else len(pool)
    if size == 0:
        raise BadValue("pool", "empty", "must hold at least one row")
    return size


def _contents(rows: Sequence[Any]) -> list[Content]:
    return [_content(row) for row in rows]


def _content(row: Any) -> Content:
    match row:
        case Content():
            return row
        case str():
            return Content("text", {"text": row})
        case Mapping():
            return Content("row", {"fields": dict(row)})
        case _:
            raise BadValue("pool", type(row).__name__, "rows must be arrays, texts, dicts or Content")


def _as_features(rows: Any) -> Features:
    return rows if isinstance(rows, Features) else Features.of(rows)


def _sortable(label: Any) -> tuple[str, Any]:
    return (type(label).__name__, label)
