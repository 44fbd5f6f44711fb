"""What pytest passes over where the libraries of the extras are not installed; `make test-torch` installs them."""

from importlib.util import find_spec

NEEDS_TORCH = ["src/querist/models/torch", "docs/deep_learning.md"]

collect_ignore = [] if find_spec("torch") else NEEDS_TORCH
