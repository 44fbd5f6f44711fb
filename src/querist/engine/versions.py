"""What a result depends on beside its settings: the packages, and the machine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from querist import compute

RECORDED: Final = ("querist", "numpy", "scipy", "scikit-learn", "skops", "pyarrow", "sqlalchemy")
"""Packages whose versions are recorded."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on.

    >>> sorted(versions())[:3]
    ['numpy', 'pyarrow', 'python']
    """
    found = {"python": platform.python_version()}
    for package in RECORDED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> str:
    """Return the system, the kind of processor and how many of them this process may use, in a line."""
    return f"{platform.system()} {platform.machine()}, {compute.processors()} processors"
