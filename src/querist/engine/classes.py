"""Changes of the class set in mid-project: new classes, other names, several read as one, one split into several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from querist.engine.asking_again import known_answers
from querist.engine.project import Project
from querist.errors import BadValue, Conflict, Overtaken
from querist.events import ClassesChanged
from querist.measure.words import many
from querist.types import ItemId, Json

CLASS_OPERATIONS: Final = ("add", "rename", "merge", "split")


def change_classes(
    project: Project, person: str, key: str, operation: str, before: Sequence[str], after: Sequence[str]
) -> Json:
    """Add a class, rename one, merge several into one, or split one into several; return a sentence on what happens.

    Under another name, or merged, old answers are read as the new class, and nothing is asked again. After a split the
    answers that name the class are out of force, and exactly their items are queued again, before everything else.

    Raises:
        BadValue: another operation, a class that is there already, or is not there.
        Conflict: gold items have the class that is to be split as their known answer.
    """
    if operation not in CLASS_OPERATIONS:
        raise BadValue("operation", operation, "not known here", choices=CLASS_OPERATIONS)
    names = [name.strip() for name in after]
    known = project.store.find(key)
    if known is None:
        _check(operation, list(before), names, project.state().classes)
        event = _change(project, operation, list(before), names)
        try:
            known, _ = project.record(key, event, actor=person, read=project.state().seq)
        except Overtaken:
            return change_classes(project, person, key, operation, before, after)
    if not isinstance(known.event, ClassesChanged):
        raise Conflict(f"key {key} was used for something else", field="key", value=key)
    return {"seq": known.seq, "sentence": _told(known.event)}


def _check(operation: str, before: Sequence[str], after: Sequence[str], classes: Sequence[str]) -> None:
    many = operation == "split"
    if not after or not all(after) or len(set(after)) < len(after) or (len(after) > 1) != many:
        wanted = "two different names or more are wanted" if many else "one name is wanted"
        raise BadValue("after", ", ".join(after), wanted)
    unknown = next((name for name in before if name not in classes), None)
    if unknown is not None or (operation in ("rename", "split") and len(before) != 1):
        wrong = list(before) if unknown is None else unknown
        raise BadValue("before", wrong, f"no such class; have: {', '.join(classes)}", choices=classes)
    if operation == "merge":
        _check_merge(before, classes)
        return
    taken = next((name for name in after if name in classes and not (many and name in before)), None)
    if taken is not None:
        raise BadValue("after", taken, "there is a class of that name; merge the two instead")


def _check_merge(before: Sequence[str], classes: Sequence[str]) -> None:
    if len(set(before)) < 2:
        raise BadValue("before", list(before), "a merge takes two classes or more", choices=classes)
    if len(set(before)) == len(classes):
        raise BadValue("before", list(before), "one class at least must stay beside the merged one", choices=classes)


def _change(project: Project, operation: str, before: list[str], after: list[str]) -> ClassesChanged:
    if operation != "split":
        return ClassesChanged(operation=operation, before=before, after=after)
    (name,) = before
    gold = sorted(item for item, known in known_answers(project).items() if _names(project, known.value, name))
    if gold:
        reason = f"is the known answer of {len(gold)} gold items ({gold[0]}, …): give them another answer first"
        raise Conflict(f"class {name!r} {reason}", field="before", value=name)
    # What people said of gold items measures them, as it was asked then.
    answers = (answer for answer in project.store.answers() if answer.lane != "gold")
    ended = [answer.seq for answer in answers if _names(project, answer.value, name)]
    undecided: list[ItemId] = [
        item for item, decision in project.store.decisions().items() if _names(project, decision.value, name)
    ]
    number = project.state().round
    return ClassesChanged(operation, before, after, ended=ended, undecided=sorted(undecided), round=number)


def _names(project: Project, value: object, name: str) -> bool:
    """Whether a label names the class, under the names now in force."""
    task = project.task
    return value is not None and name in task.tally(task.renamed(value, project.state().renamed))


def _told(event: ClassesChanged) -> str:
    before, after = ", ".join(event.before), ", ".join(event.after)
    match event.operation:
        case "rename":
            return f"{before} is now {after}."
        case "merge":
            return f"{before} are now read as {after}."
        case "split":
            answers = many(len(event.ended), "answer")
            return f"{before} is split into {after}; {answers} named it, and those items come again."
        case _:
            return f"{after} is a class now."
