"""Every example runs as it stands, from a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, cwd: Path) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run(
        [sys.executable, EXAMPLES / name], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_ten_lines_learn_the_digits(tmp_path) -> None:
    last = run("ten_lines.py", tmp_path).splitlines()[-1]
    assert last.startswith("120 labels: 0.")
    assert float(last.rpartition(" ")[2]) > 0.8


@pytest.mark.long
def test_strategies_are_compared(tmp_path) -> None:
    assert "random" in run("compare_strategies.py", tmp_path)
    assert (tmp_path / "compare-report" / "index.html").is_file()
