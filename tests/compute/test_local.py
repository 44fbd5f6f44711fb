"""Worker processes: results, failures, time-outs, deaths."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from querist import compute
from querist.errors import BadValue


def double(shared: int, task: int) -> int:
    return 2 * task + shared


def misbehave(shared: None, task: str) -> str:
    if task == "raise":
        raise KeyError("column 'x'\nsecond line")
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "hang":
        time.sleep(60)
    print("noise on standard output")
    return task


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_has_one_outcome_under_its_number(jobs: int) -> None:
    outcomes = sorted(compute.map(double, range(7), shared=100, jobs=jobs), key=lambda outcome: outcome.index)
    assert [outcome.value for outcome in outcomes] == [100 + 2 * task for task in range(7)]
    assert [outcome.index for outcome in outcomes] == list(range(7))
    assert all(outcome.error is None and outcome.seconds >= 0 for outcome in outcomes)


def test_no_tasks_is_no_outcomes() -> None:
    assert list(compute.map(double, [], shared=0, jobs=2)) == []


def test_an_exception_is_an_outcome_and_the_rest_goes_on() -> None:
    outcomes = {outcome.index: outcome for outcome in compute.map(misbehave, ["a", "raise", "b"], jobs=1)}
    assert outcomes[1].error == "KeyError: \"column 'x'\\nsecond line\""
    assert (outcomes[0].value, outcomes[2].value) == ("a", "b")


def test_a_killed_worker_fails_its_task_only() -> None:
    outcomes = {outcome.index: outcome for outcome in compute.map(misbehave, ["die", "a", "b", "c"], jobs=2)}
    assert outcomes[0].error == "worker died: signal 9"
    assert [outcomes[index].value for index in (1, 2, 3)] == ["a", "b", "c"]


def test_a_hanging_task_is_ended_and_the_rest_goes_on() -> None:
    began = time.perf_counter()
    outcomes = {outcome.index: outcome for outcome in compute.map(misbehave, ["hang", "a"], jobs=1, timeout=8)}
    assert outcomes[0].error == "took longer than 8 s"
    assert outcomes[1].value == "a"
    assert time.perf_counter() - began < 50


def test_leaving_early_ends_the_workers() -> None:
    outcomes = compute.map(report_pid, range(4), jobs=2)
    pid = next(outcomes).value
    outcomes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def report_pid(shared: None, task: int) -> int:
    return os.getpid()


def test_workers_have_one_blas_thread() -> None:
    (outcome,) = compute.map(blas_threads, [0], timeout=50)
    assert outcome.value == {1}


def blas_threads(shared: None, task: int) -> set[int]:
    import numpy  # noqa: F401
    from threadpoolctl import threadpool_info

    return {library["num_threads"] for library in threadpool_info()}


def test_a_script_needs_no_main_guard(tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        from querist import compute

        class Adder:
            def __call__(self, shared, task):
                return shared + task

        print(sorted(outcome.value for outcome in compute.map(Adder(), [1, 2], shared=10, jobs=2)))
        """)
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, env=env, check=True)
    assert ran.stdout == "[11, 12]\n"


@pytest.mark.parametrize("settings", [{"jobs": 0}, {"timeout": 0.0}])
def test_settings_that_cannot_work_are_refused(settings: dict) -> None:
    with pytest.raises(BadValue):
        compute.map(double, [1], **settings)
