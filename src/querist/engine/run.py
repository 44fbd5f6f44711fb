"""Drive a project: one step after the other, until people have to do something."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Final

from querist.engine.due import BuildFeatures, Select, Step, Wait
from querist.engine.project import Project
from querist.engine.round import next_beside, next_step
from querist.engine.steps import run, select
from querist.errors import Busy, QueristError
from querist.events import TimerFired

log = logging.getLogger("querist.worker")

POLL: Final = 0.25
"""Seconds between looks at the ledger while there is nothing to do."""

BEAT: Final = 5.0
"""Seconds between heartbeats; after 30 without one others take over."""

RETRY: Final = 5.0
"""Seconds before a step that failed is tried again."""


def run_until_waiting(project: Project, *, watch: Callable[[Step], None] = lambda _: None) -> Wait:
    """Run every step that is due and return what is waited for.

    Args:
        project: the project.
        watch: called with each step before it runs.

    Raises:
        QueristError: what stands in a step's way.
        RuntimeError: a step that changed nothing; a defect of ours.
    """
    while True:
        state = project.state()
        step = next_step(state)
        if isinstance(step, Wait):
            return step
        watch(step)
        run(project, step)
        if project.state().seq == state.seq:
            raise RuntimeError(f"step {step} appended no event; the project would stand still")


def work_forever(project: Project, stop: threading.Event, *, owner: str | None = None) -> None:
    """Run steps as they fall due, until `stop` is set: the whole of a worker process.

    Another worker on the same project only wastes work: a step that was done meanwhile appends nothing. A step that
    fails for a reason outside of us (disk full, a file gone) is logged and tried again.
    """
    owner = owner or f"{socket.gethostname()}/{os.getpid()}-{uuid.uuid4().hex[:8]}"
    with _Heartbeat(project, owner) as heartbeat:
        while not stop.is_set():
            stop.wait(_work_once(project, owner, heartbeat))


def _work_once(project: Project, owner: str, heartbeat: _Heartbeat) -> float:
    name = "next step"
    try:
        state = project.state()
        step = next_step(state)
        if isinstance(step, Wait):
            fire_timers(project, now=time.time_ns() // 1000)
            return POLL
        name = step_name(step)
        if not _claim(project, name, owner):
            return POLL
        _run_claimed(project, step, state.seq, owner, heartbeat)
    except Busy as error:
        log.info("%s: %s", name, error)
        return POLL
    except QueristError as error:
        log.error("%s: %s", name, error)
        project.problem = str(error)
        return RETRY
    project.problem = None
    return 0.0


def _claim(project: Project, name: str, owner: str) -> bool:
    """Take a step; from a worker of this machine that was killed it is taken at once, not after half a minute."""
    if project.store.claim(name, owner):
        return True
    for job in project.store.jobs():
        if job.step == name and _is_dead(job.owner):
            project.store.unclaim(name, job.owner)
            return project.store.claim(name, owner)
    return False


def _is_dead(owner: str) -> bool:
    host, _, rest = owner.rpartition("/")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(rest.partition("-")[0]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):
        return False
    return False


def _run_claimed(project: Project, step: Step, read: int, owner: str, heartbeat: _Heartbeat) -> None:
    """Run a step that was next when the ledger ended at `read`; another worker may have done it since."""
    name = step_name(step)
    heartbeat.step = name
    try:
        log.info("%s: %s", project.spec.project.name, name)
        with _queue_kept(project, step):
            run(project, step)
        if project.state().seq == read:
            raise RuntimeError(f"step {step} appended no event; the project would stand still")
    finally:
        heartbeat.step = None
        # A claim that cannot be let go of, because the database is away, runs out by itself.
        with contextlib.suppress(QueristError):
            project.store.unclaim(name, owner)


@contextlib.contextmanager
def _queue_kept(project: Project, step: Step) -> Iterator[None]:
    """Beside a step that takes long, put more items into the queue whenever people would run out of them."""
    if isinstance(step, Select | BuildFeatures) or project.spec.loop.mode == "batch":
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_keep_queue, args=(project, done), name="queue", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        # The next step may be the choice of the next round, which takes the place of what was chosen here.
        thread.join()


def _keep_queue(project: Project, done: threading.Event) -> None:
    while not done.wait(POLL):
        try:
            # The step may record a model meanwhile, which is not the one that chooses here.
            with project.as_of_now() as state:
                if (more := next_beside(state)) is not None:
                    select(project, state, more.round, more.part)
        except QueristError as error:
            log.error("more items: %s", error)
            return


def fire_timers(project: Project, *, now: int) -> bool:
    """Record that a training or a check is due by time, if it is: so that replay needs no clock.

    Args:
        project: the project.
        now: UTC in microseconds.
    """
    training, check = _training_due(project), check_due(project)
    due = {name: at for name, at in (("retrain", training), ("check", check)) if at is not None and at <= now}
    fired = [project.record(f"timer/{name}/{at}", TimerFired(name=name, due=at))[1] for name, at in due.items()]
    return any(fired)


def _training_due(project: Project) -> int | None:
    state = project.state()
    hours = project.spec.loop.retrain_every.hours
    if not hours or not state.fresh or state.retrain:
        return None
    # From the last training, or from the first answer that waits for one.
    trained = project.last("model_trained")
    since = trained if trained is not None else next(iter(project.store.events(state.fresh[0] - 1)))
    return since.at + int(hours * 3_600_000_000)


def check_due(project: Project) -> int | None:
    """Return when a project that has stopped is checked next, in UTC microseconds; None where it is not."""
    state = project.state()
    days = project.spec.watch.every_days
    if not (state.stopped and days and project.spec.watch.drift) or state.check_asked or state.checking:
        return None
    since = max(recorded.at for kind in ("stopped", "health_checked") if (recorded := project.last(kind)) is not None)
    return since + int(days * 86_400_000_000)


def step_name(step: Step) -> str:
    """Return the name that a claim on the step bears.

    >>> from querist.engine.round import Train
    >>> step_name(Train(round=3))
    'train/3'
    """
    kind = type(step).__name__.removeprefix("Build").lower()
    return f"{kind}/{step.round}" if hasattr(step, "round") else kind


class _Heartbeat:
    """Tells others, from a thread of its own, that this worker lives, also while a model trains."""

    def __init__(self, project: Project, owner: str) -> None:
        self.project = project
        self.name = f"worker/{owner}"
        self.owner = owner
        self.step: str | None = None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def __enter__(self) -> _Heartbeat:
        self._beat()
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.done.set()
        self.thread.join()
        with contextlib.suppress(QueristError):
            self.project.store.unclaim(self.name, self.owner)

    def _beat_on(self) -> None:
        while not self.done.wait(timeout=BEAT):
            self._beat()

    def _beat(self) -> None:
        for name in (self.name, self.step):
            if name is None:
                continue
            try:
                self.project.store.claim(name, self.owner)
            except QueristError as error:
                log.warning("heartbeat: %s", error)
