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
