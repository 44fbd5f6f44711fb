from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from querist.errors import Busy
from querist.store.lock import lock

HOLD = """
import sys, time
from pathlib import Path
from querist.store.lock import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(Busy, match=f"process {os.getpid()}") as busy, lock(tmp_path):
        pass
    assert busy.value.exit_code == 3
    with lock(tmp_path):
        pass


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"process {holder.pid}"), lock(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with lock(tmp_path):
        pass
