"""`python -m querist`, for those whose PATH has no `querist`."""

import subprocess
import sys

import querist


def test_the_module_is_the_command() -> None:
    found = subprocess.run([sys.executable, "-m", "querist", "--help"], capture_output=True, text=True, check=True)
    assert "simulate" in found.stdout
    version = subprocess.run([sys.executable, "-m", "querist", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"querist {querist.__version__}\n"
    wrong = subprocess.run(
        [sys.executable, "-m", "querist", "status", "nowhere"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, "querist init" in wrong.stderr) == (2, True)
