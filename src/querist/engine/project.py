"""An opened project: its settings, its memory, and what has been loaded from it so far."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from querist.engine import snapshot
from querist.engine.guesses import Guesses
from querist.engine.reclassed import reclassed
from querist.engine.round import State
from querist.engine.snapshot import Remembered
from querist.engine.spec import ProjectSpec
from querist.engine.spec_file import check_names, read_spec
from querist.engine.timesheet import Timesheet
from querist.errors import NotFound, NotReady
from querist.events import Event, FeaturesBuilt, ModelFailed, ModelTrained, Recorded, SpecChanged
from querist.store.protocol import PoolTable, Store
from querist.types import Array, Features, ItemId, Learner, Model, Rng, ShortHash, TargetKind, TaskType

if TYPE_CHECKING:
    from querist.models.features import FittedFeatures
    from querist.store.sql import SqlStore

STEP_NUMBERS: Final = {"features": 0, "select": 1, "train": 2, "evaluate": 3, "baseline": 4, "health": 5}
"""Which stream of random numbers a step draws from; a number is never given to another step."""


class Project:
    """One project, opened. Safe to share between threads; every process opens its own.

    Args:
        spec: the settings.
        store: the memory.
        folder: where the project lies; None for one that lives in this process only.
        learner: takes the place of the one that the settings name (`ActiveLearner` brings its own).
        arrays: the pool as arrays, in row order; then there is no content and no pipeline.
    """

    def __init__(
        self,
        spec: ProjectSpec,
        store: Store,
        *,
        folder: Path | None = None,
        learner: Learner | None = None,
        arrays: Features | None = None,
    ) -> None:
        self.spec = spec
        self.store = store
        self.folder = folder
        self.arrays = arrays
        self._learner = learner
        self._lock = threading.RLock()
        self._instant = threading.local()
        self._remembered = Remembered()
        self._models: dict[ShortHash, Model] = {}
        self._features: tuple[tuple[str, ...], Features] | None = None
        self._pool: tuple[int, PoolTable] | None = None
        self.cache: dict[object, Any] = {}
        self.problem: str | None = None
        self.person_name: Callable[[str], str | None] = lambda _: None

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Open the project in a folder; settings that were edited there by hand are recorded.

        Raises:
            NotFound: the folder holds no project.
            NewerVersion: a newer Querist wrote it.
            UnknownName: what was edited names a strategy, a model or features that there are not.
        """
        spec = read_spec(folder)
        project = cls(spec, open_store(folder, spec), folder=folder)
        known = project._recall(folder)
        state = project.state()
        if state.seq >= known + snapshot.OUT_OF_DATE:
            snapshot.keep(folder, project._remembered, project.id)
        if state.spec is None:
            raise NotFound(f"{folder}: the project was never finished; run `querist init` again", value=str(folder))
        if not spec.says(state.spec):
            check_names(spec, state.spec)
            event = SpecChanged(spec=spec.to_json(), spec_hash=spec.hash)
            project.record(f"spec/{spec.hash}/{state.spec_seq}", event, actor="file")
        return project

    @property
    def id(self) -> str:
        """The project's UUID."""
        return self.store.project

    @property
    def seed(self) -> int:
        """The seed of all chance in the project."""
        return self.spec.project.seed

    def rng(self, round_: int, step: str, part: int = 0) -> Rng:
        """Return the random stream of a step: the same for the same seed, round and step."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(round_, STEP_NUMBERS[step], part)))

    # --- the ledger

    @contextmanager
    def at_once(self) -> Iterator[State]:
        """Let this thread read the ledger and the tables of one instant inside; what is written is written outside.

        Whoever serves a request asks for the state a dozen times: inside, the ledger is looked at once.
        """
        with self.store.at_once(), self.as_of_now() as state:
            yield state

    @contextmanager
    def as_of_now(self) -> Iterator[State]:
        """Let this thread see one state inside, whatever others record meanwhile: a new model, say."""
        self._instant.state = state = self.state()
        try:
            yield state
        finally:
            del self._instant.state

    def state(self) -> State:
        """Return the fold over the whole ledger."""
        at_once: State | None = getattr(self._instant, "state", None)
        if at_once is not None:
            return at_once
        with self._lock:
            behind = list(self.store.events(self._remembered.state.seq))
            if behind:
                before = self._remembered.state.spec_seq
                self._remembered.follow(behind)
                self._take_settings(before)
            return self._remembered.state

    def _recall(self, folder: Path) -> int:
        """Begin with what was kept of the ledger, if that holds; return up to which event."""
        found = snapshot.kept(folder, self.store)
        if found is not None:
            self._remembered = found
            self._take_settings(before=0)
        return self._remembered.state.seq

    def _take_settings(self, before: int) -> None:
        """Follow settings that were changed since an event; those that the project began with are in its folder."""
        state = self._remembered.state
        if state.spec is not None and state.spec_seq > max(before, 1):
            self.spec = self.spec.as_told(state.spec)
            self.__dict__.pop("learner", None)

    @property
    def timesheet(self) -> Timesheet:
        """What people's work comes to, up to the ledger's last event."""
        self.state()
        return self._remembered.timesheet

    @property
    def guesses(self) -> Guesses:
        """How people's answers agree with the guesses that they saw, up to the ledger's last event."""
        self.state()
        return self._remembered.guesses

    def media(self) -> Path | None:
        """Return the media folder; None for a project that lives in memory, whose contents bring their own."""
        return None if self.folder is None else self.media_root()

    def media_root(self) -> Path:
        """Return the folder below which the media of the items lie.

        Raises:
            NotFound: the project lives in memory only.
        """
        if self.folder is None:
            raise NotFound("this project has no folder, and so no media")
        data = Path(self.spec.pool.data)
        root = data if data.is_absolute() else self.folder / data
        return root if root.is_dir() else root.parent

    def record(
        self, key: str, event: Event, *, actor: str = "engine", read: int | None = None
    ) -> tuple[Recorded, bool]:
        """Append an event under its key; a known key gives the event that is there, and False."""
        return self.store.append(key, event, actor=actor, read=read)

    def last(self, kind: str, *, through: int | None = None) -> Recorded | None:
        """Return the latest event of a kind, at most at a place in the ledger."""
        latest = None
        for latest in self.store.events(kinds=[kind], through=through):  # noqa: B007 - the last one is wanted
            pass
        return latest

    # --- what the engine made

    @property
    def task(self) -> TaskType:
        """The task with the classes now in force."""
        from querist.tasks import task_type

        section = self.spec.project
        classes = self.state().classes
        known = self.cache.get("task")
        if known is None or known[0] is not section or known[1] != classes:
            known = (section, classes, task_type(section.task, classes=classes, settings=section.settings))
            self.cache["task"] = known
        found: TaskType = known[2]
        return found

    @property
    def learns(self) -> bool:
        """Whether there is a learner for this kind of label; no classes are needed to know."""
        from querist.tasks import kind_of_label

        return kind_of_label(self.spec.project.task).target is not None

    @property
    def target(self) -> TargetKind:
        """What a model learns for the task.

        Raises:
            NotReady: the learner of this kind of label is still to come.
        """
        target = self.task.target
        if target is None:
            raise NotReady(f"the learner of {self.spec.project.task} tasks is still to come")
        return target

    @functools.cached_property
    def learner(self) -> Learner:
        """The recipe of the project's models."""
        if self._learner is not None:
            return self._learner
        section = self.spec.model
        if section.committee.members or section.committee.models:
            from querist.models.committee import recipe

            wanted = section.committee
            return recipe(
                section.name, section.settings, members=wanted.members, kind=wanted.kind, listed=wanted.models
            )
        from querist.models import learner

        return learner(section.name, section.settings, signal=self.target.signal)

    def pool(self) -> PoolTable:
        """Return the pool's columns in row order, without rows of an import that was not finished."""
        size = self.state().pool_size
        with self._lock:
            withdrawn = len(self._remembered.state.withdrawn)
            if self._pool is None or self._pool[0] != (size, withdrawn).__hash__():
                self._pool = ((size, withdrawn).__hash__(), self.store.pool())
            return self._pool[1]

    def features(self) -> Features:
        """Return the whole pool as arrays in row order, memory-mapped where they lie in one piece.

        Raises:
            NotReady: the features have not been built.
        """
        if self.arrays is not None:
            return self.arrays
        built = self._built()
        with self._lock:
            if self._features is None or self._features[0] != tuple(built.arrays):
                self._features = (tuple(built.arrays), self.load_features(built.arrays))
            return self._features[1]

    def _built(self, features: ShortHash | None = None) -> FeaturesBuilt:
        found = None
        for recorded in self.store.events(kinds=["features_built"]):
            assert isinstance(recorded.event, FeaturesBuilt)
            if features in (None, recorded.event.features):
                found = recorded.event
        if found is None:
            raise NotReady("the features have not been built yet; the worker does that first")
        return found

    def load_features(self, names: Sequence[str]) -> Features:
        """Return the rows kept under some artefacts, one after the other."""
        parts = [self.store.artefacts.get_json(name) for name in names]
        embeds = [self.store.artefacts.get_matrix(part["embed"]) for part in parts]
        embed = embeds[0] if len(embeds) == 1 else np.concatenate(embeds)
        if parts[0]["input"] is None:
            return Features(embed, embed)
        inputs = [self.store.artefacts.get_matrix(part["input"]) for part in parts]
        return Features(inputs[0] if len(inputs) == 1 else _stack(inputs), embed)

    def keep_features(self, features: Features) -> str:
        """Keep rows as artefacts and return the name under which `load_features` finds them."""
        artefacts = self.store.artefacts
        embed = artefacts.put_matrix(features.embed)
        given = None if features.one_space else artefacts.put_matrix(features.input)
        return artefacts.put_json({"embed": embed, "input": given, "rows": len(features)})

    def pipeline(self, features: ShortHash | None = None) -> FittedFeatures:
        """Return a fitted feature pipeline: the one in force, or an earlier one that a model was fitted on.

        Raises:
            NotReady: the features have not been built, or the pool is arrays.
        """
        from querist.models.features import load_features

        if self.arrays is not None:
            raise NotReady("this pool is arrays; there is no feature pipeline")
        name = self._built(features).pipeline
        with self._lock:
            if ("pipeline", name) not in self.cache:
                self.cache["pipeline", name] = load_features(self.store.artefacts.get_files(name))
            found: FittedFeatures = self.cache["pipeline", name]
            return found

    def model(self, model: ShortHash | None = None) -> Model:
        """Return a model of the project as it was trained; without a name the last good one, under today's classes.

        Raises:
            NotReady: nothing has been trained.
            NotFound: no model has that id; names those there are.
        """
        wanted = model or self.state().model
        if wanted is None:
            failed = self.last("model_failed")
            if failed is not None and isinstance(failed.event, ModelFailed):
                raise NotReady(f"no model has been trained yet: {failed.event.error}")
            raise NotReady("no model has been trained yet: label more items first")
        with self._lock:
            if wanted not in self._models:
                self._models[wanted] = self._load_model(wanted)
            found = self._models[wanted]
        return found if model is not None else self._as_of_today(found)

    def _as_of_today(self, model: Model) -> Model:
        """Return the last good model under the classes now in force."""
        state, task = self.state(), self.task
        if not task.has_classes or task.target is None or model.classes == 0:
            return model
        key = ("reclassed", state.model, state.classes)
        if key not in self.cache:
            trained = next(event for event in reversed(self.trained()) if event.model == state.model)
            have, want = trained.learner["classes"], task.target.columns
            self.cache[key] = reclassed(model, have, want, renamed=state.renamed, split=state.split)
        found: Model = self.cache[key]
        return found

    def keep_model(self, name: ShortHash, model: Model) -> None:
        """Remember a model that this process has just fitted."""
        with self._lock:
            for old in [known for known in self._models if known != self._remembered.state.model]:
                del self._models[old]
            self._models[name] = model

    def trained(self) -> list[ModelTrained]:
        """Return every training that gave a model, in order."""
        events = (recorded.event for recorded in self.store.events(kinds=["model_trained"]))
        return [event for event in events if isinstance(event, ModelTrained)]

    def _load_model(self, wanted: ShortHash) -> Model:
        from querist.models import load_model

        trained = self.trained()
        for event in reversed(trained):
            if event.model == wanted:
                trusted = self.spec.model.settings.get("trusted", ())
                return load_model(self.store.artefacts.get_files(event.files), trusted=trusted)
        have = [event.model for event in trained]
        raise NotFound(f"no model {wanted!r}; have: {', '.join(have)}", field="model", value=wanted, choices=have)

    def reserve(self) -> tuple[Array, list[ItemId]]:
        """Return rows and items of the reserve in order of `u_eval`; none when the user brought a validation file."""
        state = self.state()
        known = self.cache.get("reserve")
        if known is None or known[0] != (state.pool_size, state.validation):
            # Asked of the store, not taken from the pool: who looks at a status has no use for a million items.
            found = [] if state.validation else self.store.reserve(state.reserve)
            rows = np.array([row for row, _ in found], dtype=np.intp)
            known = ((state.pool_size, state.validation), (rows, [item for _, item in found]))
            self.cache["reserve"] = known
        reserve: tuple[Array, list[ItemId]] = known[1]
        return reserve


def open_store(folder: Path, spec: ProjectSpec) -> SqlStore:
    """Open the memory of the project in a folder.

    Raises:
        NotFound: there is no such database, or no such project in it.
        NewerVersion: a newer Querist wrote it.
    """
    from querist.store import SqlStore

    return SqlStore.open(spec.store.url, root=folder, project=spec.store.project or None)


def _stack(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts, format="csr")
