"""Where work runs: this machine's processes (`local`), or a cluster."""

from querist.compute.local import Outcome, map, processors

__all__ = ["Outcome", "map", "processors"]
