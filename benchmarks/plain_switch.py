"""The simplest policy that is any good, which `auto` has to beat: coverage for so many labels, then one strategy."""

from __future__ import annotations

from dataclasses import dataclass

from querist.acquire.policies import Decision, Situation
from querist.acquire.presets import strategy
from querist.engine.bench.cells import Cell
from querist.registry import register


@register("policy")
def plain_switch(situation: Situation) -> Decision:
    """Ask the most typical rows until there are 5 labels for each class and all are seen, then `weighted_kmeans`."""
    classes = situation.classes_declared
    covered = situation.classes_seen == classes and situation.labelled >= 5 * classes
    learning = covered and "proba" in situation.signals
    chosen = strategy("weighted_kmeans" if learning else "typiclust")
    return Decision(chosen, {"policy": "plain_switch", "reason": f"{situation.labelled} labels of {classes} classes"})


@dataclass(frozen=True, slots=True)
class SwitchCell(Cell):
    """A cell of this policy: a worker process that reads one has imported this module, and so knows the policy."""
