"""When to stop asking, and why."""

from querist.stop.history import Bounds, History, Round
from querist.stop.verdicts import Verdict, check, combine, judge, leaves, verdicts

__all__ = ["Bounds", "History", "Round", "Verdict", "check", "combine", "judge", "leaves", "verdicts"]
