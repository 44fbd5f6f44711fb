from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from querist.engine import run
from querist.server import worker


def test_it_works_on_every_project_until_told_to_stop(house):
    house = house.fresh()
    house.label(house.signed_in(), 25)
    stop = threading.Event()
    ended = []
    thread = threading.Thread(target=lambda: ended.append(worker.work(house.folder, stop)))
    thread.start()
    deadline = time.monotonic() + 60
    while house.open().state().model is None:
        assert time.monotonic() < deadline, "no model came"
        time.sleep(0.1)
    stop.set()
    thread.join(timeout=60)
    assert ended == [True]


def test_work_that_breaks_off_is_told_so_that_it_is_begun_again(house, monkeypatch):
    monkeypatch.setattr(run, "work_forever", lambda project, stop: None)
    monkeypatch.setattr(worker, "LOOK", 0.01)
    assert worker.work(house.fresh().folder, threading.Event()) is False


def test_a_project_that_is_made_later_is_worked_on_too(house, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "LOOK", 0.05)
    seen = []
    monkeypatch.setattr(run, "work_forever", lambda project, stop: (seen.append(project.id), stop.wait()))
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(tmp_path, stop))
    thread.start()
    # A folder that is copied in place can be opened half copied; one that is moved there is whole or not there.
    house.copy_to(tmp_path.parent / "copied").rename(tmp_path / "later")
    deadline = time.monotonic() + 60
    while not seen:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop.set()
    thread.join(timeout=60)
    assert seen == [house.project]


@pytest.mark.parametrize("folder", ["nothing", "."])
def test_a_folder_without_projects_is_waited_for(tmp_path, folder):
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    assert worker.work(tmp_path / folder, stop) is True


STANDING_BACK = """
import os
from querist.server.worker import stand_back
stand_back()
import numpy
for thread in os.listdir("/proc/self/task"):
    print(*sorted(os.sched_getaffinity(int(thread))), os.getpriority(os.PRIO_PROCESS, int(thread)), sep=",")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are bound to processors on Linux")
def test_it_leaves_a_processor_to_people_where_there_are_several(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    told = subprocess.run(
        [sys.executable, "-c", STANDING_BACK], capture_output=True, text=True, check=True, timeout=120
    )
    first, *others = sorted(os.sched_getaffinity(0))
    line = ",".join(map(str, [*(others or [first]), os.getpriority(os.PRIO_PROCESS, 0) + worker.POLITE]))
    assert set(told.stdout.split()) == {line}, "every thread, those of numpy too"
