"""This machine: worker processes that a failing, hanging or killed task cannot take down with it.

A worker is a fresh Python that reads tasks from its standard input; it never imports the caller's main module, so that
a script needs no `if __name__ == "__main__"`. Each worker has one BLAS thread: results do not depend on `jobs`, and
two workers do not fight for one core.
"""

from __future__ import annotations

import contextlib
import os
import queue
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from querist.errors import BadValue

_LENGTH: Final = struct.Struct("<Q")
_ONE_THREAD: Final = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMEXPR")
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: its value, or the one line that says why there is none."""

    index: int
    value: Any
    error: str | None
    seconds: float


def processors() -> int:
    """Return how many processors this process may use.

    >>> processors() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map(
    function: Callable[[Any, Any], Any],
    tasks: Iterable[Any],
    *,
    shared: Any = None,
    jobs: int | None = None,
    timeout: float | None = None,
) -> Iterator[Outcome]:
    """Call `function(shared, task)` for each task, and yield the outcomes as they come, in no fixed order.

    An exception, a time-out and the death of a worker are outcomes too: the other tasks go on.

    Args:
        function: any function, also one of the main module; it must not depend on what ran before it.
        tasks: anything that can be pickled; `Outcome.index` counts them from 0.
        shared: sent to each worker once (the data, say).
        jobs: processes; None takes all processors, 1 runs here unless there is a `timeout`.
        timeout: seconds after which a task is killed and counts as failed.

    Raises:
        BadValue: `jobs` or `timeout` is not positive.

    >>> sorted(outcome.value for outcome in map(pow, [0, 1, 2], shared=3, jobs=1))
    [1, 3, 9]
    """
    if jobs is not None and jobs < 1:
        raise BadValue("jobs", jobs, "must be at least 1")
    if timeout is not None and timeout <= 0:
        raise BadValue("timeout", timeout, "must be more than 0 seconds")
    listed = list(tasks)
    workers = min(jobs or processors(), len(listed))
    if workers <= 1 and timeout is None:
        return _map_here(function, listed, shared)
    return _map_processes(function, listed, shared, max(workers, 1), timeout)


def _map_here(function: Callable[[Any, Any], Any], tasks: list[Any], shared: Any) -> Iterator[Outcome]:
    from threadpoolctl import threadpool_limits

    for index, task in enumerate(tasks):
        with threadpool_limits(1):
            outcome = attempt(function, shared, index, task)
        yield outcome


def attempt(function: Callable[[Any, Any], Any], shared: Any, index: int, task: Any) -> Outcome:
    """Call the function on one task, and turn whatever it raises into an outcome."""
    began = time.perf_counter()
    try:
        value, error = function(shared, task), None
    except Exception as raised:  # noqa: BLE001 - a user's model may raise anything; the outcome says what
        value, error = None, f"{type(raised).__name__}: {raised}".partition("\n")[0]
    return Outcome(index, value, error, time.perf_counter() - began)


def _map_processes(
    function: Callable[[Any, Any], Any], tasks: list[Any], shared: Any, workers: int, timeout: float | None
) -> Iterator[Outcome]:
    setup = dump((list(sys.path), function, shared))
    waiting: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    for numbered in enumerate(tasks):
        waiting.put(numbered)
    done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    lanes = [_Lane(setup, waiting, done, timeout) for _ in range(min(workers, len(tasks)))]
    try:
        for lane in lanes:
            lane.start()
        for _ in tasks:
            yield done.get()
    finally:
        for lane in lanes:
            lane.close()
        # A lane that was ending its worker by itself has to be done with it too.
        for lane in lanes:
            if lane.is_alive():
                lane.join()


class _Lane(threading.Thread):
    """One worker process at a time, fed and watched by a thread; a dead worker is replaced."""

    def __init__(
        self,
        setup: bytes,
        waiting: queue.SimpleQueue[tuple[int, Any]],
        done: queue.SimpleQueue[Outcome],
        timeout: float | None,
    ) -> None:
        super().__init__(daemon=True)
        self._setup = setup
        self._waiting = waiting
        self._done = done
        self._timeout = timeout
        self._closed = False
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        while not self._closed:
            try:
                index, task = self._waiting.get_nowait()
            except queue.Empty:
                break
            self._done.put(self._call(index, task))
        self.close()

    def close(self) -> None:
        """End the worker; it is one that this thread started."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
        if process is not None:
            _end(process)

    def _call(self, index: int, task: Any) -> Outcome:
        began = time.perf_counter()
        process = self._worker()
        if process is None:
            return Outcome(index, None, "stopped before it began", 0.0)
        timed_out = threading.Event()

        def end() -> None:
            timed_out.set()
            process.kill()

        watch = threading.Timer(self._timeout or 0.0, end)
        watch.daemon = True
        if self._timeout is not None:
            watch.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            write_frame(process.stdin, dump((index, task)))
            outcome: Outcome = load(read_frame(process.stdout))
            return outcome
        except (EOFError, BrokenPipeError, ValueError):
            code = process.wait()
            reason = f"took longer than {self._timeout:g} s" if timed_out.is_set() else f"worker died: {_exit(code)}"
            with self._lock:
                self._process = None
            _end(process)
            return Outcome(index, None, reason, time.perf_counter() - began)
        finally:
            watch.cancel()

    def _worker(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._closed or self._process is not None:
                return self._process
            # A session of its own: Ctrl-C reaches only the parent, which then ends its workers.
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "querist.compute.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,
            )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once: the first task finds out how
            write_frame(process.stdin, self._setup)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # what was still buffered has nowhere to go
                pipe.close()


def _exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def write_frame(pipe: IO[bytes], data: bytes) -> None:
    """Write one message: its length, then its bytes."""
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> bytes:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
    """
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def dump(value: Any) -> bytes:
    """Return the bytes that carry a value to one of our own processes; knows classes of the main module."""
    import cloudpickle

    data: bytes = cloudpickle.dumps(value)
    return data


def load(data: bytes) -> Any:
    """Return the value that `dump` wrote; only ever given what our own process sent through its pipe."""
    import cloudpickle

    return cloudpickle.loads(data)
