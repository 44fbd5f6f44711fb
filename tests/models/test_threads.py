"""Small work runs on one thread, whatever was imported first."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
from querist.models.threads import one_thread_if_small
for size in (0, 10**9):
    with one_thread_if_small(size):
        import sklearn.ensemble
        from threadpoolctl import threadpool_info
        print(sorted({(library["user_api"], library["num_threads"] == 1) for library in threadpool_info()}))
"""


def test_one_thread_for_small_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    small, large = done.stdout.splitlines()
    assert small == str([("blas", True), ("openmp", True)])
    assert large == str([("blas", False), ("openmp", False)])


TOGETHER = """
from concurrent.futures import ThreadPoolExecutor
from threadpoolctl import threadpool_info
from querist.models.threads import one_thread

def blas():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

one, other = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
first, second = one_thread(), one_thread()
one.submit(first.__enter__).result()
other.submit(second.__enter__).result()
inside = blas()
one.submit(first.__exit__, None, None, None).result()
other.submit(second.__exit__, None, None, None).result()
after = blas()
with one_thread():
    again = blas()
print(inside, after, again)
"""


def test_threads_that_overlap_leave_nothing_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    done = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{1} {2} {1}"
