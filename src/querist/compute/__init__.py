"""Where work runs: this machine's processes (`local`), or a cluster."""

from querist.compute.local import Outcome, map, processors
from querist.compute.memory import peak

__all__ = ["Outcome", "map", "peak", "processors"]
