"""When to stop asking, and why."""

from querist.stop.history import Bounds, History, Round
from querist.stop.verdicts import Verdict, combine, judge, verdicts

__all__ = ["Bounds", "History", "Round", "Verdict", "combine", "judge", "verdicts"]
