"""Remember: fold events into the state that `round.next_step` decides by. No clock, no I/O, no chance.

Only events of the engine move the phase. What people do changes sets of items: a late correction must not send the
engine backwards.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from querist.engine.round import MEASURING, Batch, Live, State, about_health
from querist.events import (
    Alarm,
    AnswerAdjudicated,
    AnswerSubmitted,
    AnswerWithdrawn,
    BatchSelected,
    ClassesChanged,
    DatasetFrozen,
    DuelDrawn,
    DuelSettled,
    Event,
    Fallback,
    FeaturesBuilt,
    GoldChanged,
    HealthChecked,
    ItemWithdrawn,
    ModelEvaluated,
    ModelFailed,
    ModelTrained,
    OpinionsWanted,
    PoolImported,
    ProjectCreated,
    Recorded,
    Requested,
    Resumed,
    SpecChanged,
    Stopped,
    TimerFired,
)
from querist.types import ItemId, Json, Lane, Phase, short_hash


def fold(state: State, events: Iterable[Recorded]) -> State:
    """Return the state after some more events; the state given is not changed.

    Raises:
        ValueError: the events do not follow the state without a gap.
    """
    changing = _Changing(state)
    for recorded in events:
        changing.apply(recorded)
    return changing.frozen()


class _Changing:
    """A state under change: its maps are copied once for a whole run of events, and the big ones in layers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.seq = state.seq
        self.live = state.live.copy()
        self.item_of = state.item_of.copy()
        self.decided = dict(state.decided)
        self.lanes = dict(state.lanes)
        self.answers = dict(state.answers)
        self.fresh = list(state.fresh)
        self.withdrawn = set(state.withdrawn)
        self.wanted = dict(state.wanted)
        self.again = set(state.again)
        self.training = state.training
        self.paid = state.paid

    def frozen(self) -> State:
        return self.set(
            seq=self.seq,
            live=self.live,
            item_of=self.item_of,
            decided=self.decided,
            lanes=self.lanes,
            answers=self.answers,
            fresh=tuple(self.fresh),
            withdrawn=frozenset(self.withdrawn),
            wanted=self.wanted,
            again=frozenset(self.again),
            training=self.training,
            paid=self.paid,
        ).state

    def set(self, **changes: Any) -> _Changing:
        self.state = dataclasses.replace(self.state, **changes)
        return self

    def apply(self, recorded: Recorded) -> None:
        if recorded.seq != self.seq + 1:
            raise ValueError(f"event {recorded.seq} cannot follow event {self.seq}")
        match recorded.event:
            case AnswerSubmitted() | AnswerWithdrawn() | AnswerAdjudicated() | ItemWithdrawn():
                self._people(recorded)
            case OpinionsWanted(item=item, wanted=wanted):
                self.wanted[item] = max(wanted, self.wanted.get(item, 0))
            case GoldChanged(added=added, removed=removed):
                self.set(gold=(self.state.gold | frozenset(added)) - frozenset(removed))
            case Requested(what="settle"):
                self.set(settle_asked=recorded.seq)
            case DuelDrawn(items=items):
                self.set(duel=frozenset(items), duel_seq=recorded.seq, settle_asked=None)
            case event:
                self._engine(recorded, event)
        self.seq = recorded.seq

    # People change sets of items.

    def _people(self, recorded: Recorded) -> None:
        match recorded.event:
            case AnswerSubmitted(item=item) as answer:
                if answer.replaces is not None:
                    self._drop(answer.replaces)
                live = Live(recorded.seq, recorded.actor, answer.outcome, answer.lane, answer.source)
                self._put(item, (*self.live.get(item, ()), live))
                self.item_of[recorded.seq] = item
                self.again.discard(item)
                self._close(item)
                if answer.replaces is not None or (answer.outcome == "answered" and self._enough(item)):
                    self._note_fresh(recorded.seq, answer.lane)
            case AnswerWithdrawn(answer=seq) if seq in self.item_of:
                lane = self._drop(seq)
                if seq in self.fresh:
                    self.fresh.remove(seq)
                elif self.state.dataset is not None:
                    self._note_fresh(recorded.seq, lane)
            case AnswerAdjudicated(item=item):
                self.decided[item] = recorded.seq
                self._close(item)
                self._note_fresh(recorded.seq, None)
            case ItemWithdrawn(item=item):
                self.withdrawn.add(item)
                self._close(item)

    def _close(self, item: ItemId) -> None:
        """Note that an item whose class was split has an answer again, or left."""
        if item in self.state.reopened:
            self.set(reopened=self.state.reopened - {item})

    def _enough(self, item: ItemId) -> bool:
        live = self.live[item]
        return len(live) >= self.wanted.get(item, 1) or any(answer.source == "import" for answer in live)

    def _note_fresh(self, seq: int, lane: Lane | None) -> None:
        if lane not in MEASURING:
            self.fresh.append(seq)

    def _drop(self, seq: int) -> Lane | None:
        item = self.item_of.pop(seq, None)
        if item is None:
            return None
        lane = next(live.lane for live in self.live[item] if live.seq == seq)
        self._put(item, tuple(live for live in self.live[item] if live.seq != seq))
        return lane

    def _put(self, item: ItemId, answers: tuple[Live, ...]) -> None:
        """Put these in the place of an item's answers, and keep the running counts true."""
        self._count(self.live.get(item, ()), -1)
        self._count(answers, +1)
        if answers:
            self.live[item] = answers
        else:
            del self.live[item]

    def _count(self, answers: tuple[Live, ...], sign: int) -> None:
        trains = False
        for live in answers:
            self.answers[live.outcome] = self.answers.get(live.outcome, 0) + sign
            trains = trains or (live.outcome == "answered" and live.lane not in MEASURING)
            if live.source == "import":
                self.answers["imported"] = self.answers.get("imported", 0) + sign
            else:
                lane = live.lane or "query"
                self.lanes[lane] = self.lanes.get(lane, 0) + sign
                self.paid += sign
        self.training += sign * trains

    # The engine moves the phase.

    def _engine(self, recorded: Recorded, event: Event) -> None:
        match event:
            case ProjectCreated(spec=spec) | SpecChanged(spec=spec):
                self._settle_on(recorded.seq, spec)
            case ClassesChanged():
                self._change_classes(event)
                self._reopen(event)
            case PoolImported():
                self._import(event)
            case FeaturesBuilt():
                self.set(features=event.features, features_rows=event.rows, refit=False)
            case BatchSelected():
                self._select(event)
            case DatasetFrozen():
                self.fresh = [seq for seq in self.fresh if seq > event.through_seq]
                changed = {"dataset": event.dataset, "dataset_labelled": event.labelled}
                self.set(phase="train", round=event.round, retrain=False, **changed)
            case ModelTrained():
                made = {"model": event.model, "model_round": event.round, "model_features": event.features}
                # Items that join later are new against those of the first model.
                rows = self.state.looked_rows or self.state.pool_size
                self.set(phase="evaluate", tried_features=event.features, looked_rows=rows, **made)
            case ModelFailed() | Fallback(what="train"):
                self.set(phase="select", tried_features=self.state.features, stop_rule=None)
            case ModelEvaluated():
                self._evaluated(event)
            case Alarm(name=name, evidence=evidence):
                due = {other: found for other, found in self.state.alarms_due.items() if other != name}
                self.set(alarms={**self.state.alarms, name: evidence}, alarms_due=due)
            case Fallback(what="settle"):
                self.set(settle_asked=None)
            case DuelSettled():
                self.set(duel=frozenset(), duel_seq=None)
            case HealthChecked():
                self._checked(event)
            case _:
                self._command(event)

    def _command(self, event: Event) -> None:
        match event:
            case Stopped():
                phase: Phase = "stopped" if self.state.model is None else "maintain"
                self.set(phase=self._unless_busy(phase), stopped=event.rule, stop_evidence=event.evidence)
            case Resumed() if self.state.stopped is not None:
                overruled = {**self.state.overruled, self.state.stopped: max(1, self.paid)}
                self.set(phase=self._unless_busy("select"), stopped=None, stop_rule=None, overruled=overruled)
                self.set(checking=False, check_asked=False)
            case Requested(what="retrain") | TimerFired(name="retrain"):
                self.set(retrain=True)
            case Requested(what="check") | TimerFired(name="check"):
                self.set(check_asked=True)
            case Requested(what="refit"):
                self.set(refit=True)
            case _:
                pass

    def _settle_on(self, seq: int, spec: Json) -> None:
        """Take settings, and the classes that they declare and that have not been changed since."""
        known = self.state.classes
        gone = {*known, *self.state.renamed, *self.state.split}
        classes = (*known, *(name for name in spec["project"]["classes"] if name not in gone))
        if self.state.spec is None or self.state.spec["strategy"] != spec["strategy"]:
            # Another strategy is another question: what was found about the last one is no verdict on it.
            kept = {name: found for name, found in self.state.alarms.items() if about_health(name)}
            self.set(strategy_seq=seq, alarms_due={}, alarms=kept)
        self.set(spec=spec, spec_seq=seq, classes=classes)

    def _evaluated(self, event: ModelEvaluated) -> None:
        fired = [rule for rule in event.rules if rule["rule"] in (event.stop or "").split(" and ")]
        evidence = {rule["rule"]: rule["evidence"] for rule in fired}
        evidence = dict(fired[0]["evidence"]) if len(fired) == 1 else evidence
        self.set(phase="decide", stop_rule=event.stop, stop_evidence=evidence)
        self._compare(event.evidence)

    def _compare(self, evidence: Json) -> None:
        """Note the alarms that are due; a strategy that turned out better is no longer suspected of no gain."""
        known = dict(self.state.alarms)
        if (evidence.get("comparison") or {}).get("finding") == "better":
            known.pop("no_better_than_random", None)
        due = {name: found for name, found in evidence.get("alarms", {}).items() if name not in known}
        self.set(alarms=known, alarms_due=due)

    def _checked(self, event: HealthChecked) -> None:
        """Note what a look found: an alarm stays until its check is made again and is quiet."""
        tested = {f"health:{check['check']}" for check in event.checks if check["state"] != "not_tested"}
        quiet = tested - set(event.alarms)
        known = {name: found for name, found in self.state.alarms.items() if name not in quiet}
        due = {name: found for name, found in event.alarms.items() if name not in known}
        # Where a check waits for labels, the look at items that joined does not take its place.
        waits = self.state.check_asked and self.state.checks_with_labels and not event.ends_check
        self.set(
            looks=event.look,
            tested=self.state.tested + bool(tested),
            looked_random=event.random,
            looked_rows=event.rows,
            check_asked=waits,
            checking=self.state.checking and not event.ends_check,
            alarms=known,
            alarms_due={**self.state.alarms_due, **due},
        )

    def _unless_busy(self, phase: Phase) -> Phase:
        """A round that has begun is finished first."""
        return self.state.phase if self.state.phase in ("train", "evaluate") else phase

    def _change_classes(self, event: ClassesChanged) -> None:
        renamed = dict(self.state.renamed)
        classes = [name for name in self.state.classes if name not in event.before]
        classes += [name for name in event.after if name not in classes]
        if event.operation in ("rename", "merge"):
            # Keep the place of the class, so that its key on the screen stays.
            place = self.state.classes.index(event.before[0]) if event.before[0] in self.state.classes else len(classes)
            classes = [name for name in classes if name != event.after[0]]
            classes.insert(min(place, len(classes)), event.after[0])
            renamed.update(dict.fromkeys(event.before, event.after[0]))
            renamed = {old: event.after[0] if new in event.before else new for old, new in renamed.items()}
        elif event.operation == "split":
            place = self.state.classes.index(event.before[0]) if event.before[0] in self.state.classes else len(classes)
            classes = [name for name in classes if name not in event.after]
            classes[place:place] = event.after
            self.set(split={**self.state.split, event.before[0]: tuple(event.after)})
        self.set(classes=tuple(classes), renamed=renamed)

    def _reopen(self, event: ClassesChanged) -> None:
        """Take the answers and decisions that name a split class out of force; what they cost was paid all the same."""
        items = {self.item_of[seq] for seq in event.ended if seq in self.item_of} | set(event.undecided)
        paid = self.paid
        for seq in event.ended:
            self._drop(seq)
        self.paid = paid
        for item in event.undecided:
            self.decided.pop(item, None)
        ended = set(event.ended)
        self.fresh = [seq for seq in self.fresh if seq not in ended]
        self.set(reopened=self.state.reopened | items)

    def _import(self, event: PoolImported) -> None:
        if event.role == "validation":
            self.set(validation=self.state.validation + event.added)
            return
        fingerprint = short_hash([self.state.pool, event.fingerprint])
        reserve = event.reserve if self.state.pool_size == 0 else self.state.reserve
        batch = dataclasses.replace(self.state.batch, short=0)
        check = self.state.check_asked or self.state.stopped is not None
        self.set(pool_size=event.size, pool=fingerprint, reserve=reserve, batch=batch, check_asked=check)

    def _select(self, event: BatchSelected) -> None:
        earlier = self.state.batch.items if event.part > 0 else frozenset()
        # Lanes that ask once more are the only ones to choose an item that has answers, or whose answer is known.
        again = {item for item in event.items if item in self.live or item in self.state.gold}
        self.again = again if event.part == 0 else self.again | again
        if event.opinions > 1:
            for item in event.items:
                if item not in again:
                    self.wanted.setdefault(item, event.opinions)
        parts = max(self.state.batch.parts, event.part + 1) if event.part > 0 else 1
        batch = Batch(earlier | frozenset(event.items), parts, event.short, event.opinions)
        if event.part > 0:
            # More items of the same round: they may have been chosen while its model was being trained.
            self.set(batch=batch)
        elif self.state.stopped is not None:
            self.set(phase="maintain", round=event.round, batch=batch, checking=True)
        else:
            self.set(phase="collect", round=event.round, batch=batch, stop_rule=None, stop_evidence={})
