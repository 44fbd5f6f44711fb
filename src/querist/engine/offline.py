"""The loop without a server: ask for items, tell answers, train, predict; the verbs of the command line."""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from querist.engine import asking_again, commands
from querist.engine.due import Select, Wait
from querist.engine.project import Project
from querist.engine.round import budget_left, next_step
from querist.engine.run import run_until_waiting, step_name
from querist.engine.steps import select
from querist.engine.views.items import text_of
from querist.engine.views.projects import kind
from querist.errors import BadValue, NotFound, QueristError, UnknownName
from querist.exchange.cells import original
from querist.pools.table import Record
from querist.types import Json, Outcome, Rejected, short_hash

ANSWERS: tuple[str, ...] = ("item", "label")


def train(project: Project) -> Json:
    """Run every step that is due, and return what is waited for."""
    steps: list[str] = []
    wait = run_until_waiting(project, watch=lambda step: steps.append(step_name(step).partition("/")[0]))
    sentence = f"{', '.join(steps) or 'nothing'} done; waiting: {wait.reason}"
    if wait.reason == "labels of a check":
        sentence += f", {wait.missing} of them"
    elif wait.missing:
        sentence += f" ({wait.missing} more start the next training)"
    return {"steps": steps, "waiting": wait.reason, "missing": wait.missing, "sentence": sentence}


def ask(project: Project, n: int, *, person: str) -> list[Json]:
    """Return the items to label next, with their content; runs what is due first.

    Items that were asked before and have no answer yet come again: asking twice gives the same items. No more are given
    out than the budget allows.

    Raises:
        BadValue: n is not positive.
    """
    if n < 1:
        raise BadValue("n", n, "must be at least 1")
    run_until_waiting(project)
    if project.state().resting:
        return []
    n = int(min(n, budget_left(project.state())))
    leases = project.store.lease(person, n)
    if len(leases) < n:
        state = project.state()
        step = next_step(state)
        if isinstance(step, Wait) and step.reason == "labels":
            select(project, state, state.round, state.batch.parts, n=n - len(leases))
        elif isinstance(step, Select):
            select(project, state, step.round, step.part, n=n - len(leases))
        leases = project.store.lease(person, n, held=[lease.id for lease in leases])
    tasks = commands.tasks(project, leases)
    return [{name: task[name] for name in ("item", "content", "why")} for task in tasks]


def asked_text(asked: Sequence[Json], out: Path | None) -> str:
    """Return what was asked, a line an item."""
    if not asked:
        return "nothing to ask; `querist status` says why"
    if out is not None:
        return f"{len(asked)} items in {out}: fill in the column label and `querist tell`"
    return "\n".join(f"{task['item']}\t{_line(task)}" for task in asked)


def _line(task: Json) -> str:
    from querist.types import Content

    text = text_of(Content(task["content"]["kind"], task["content"]["value"]))
    return " ".join(text.split())[:200]


def write_form(out: Path, asked: Sequence[Json]) -> None:
    """Write a CSV with an empty column `label`, to be filled in and told."""
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["item", "label", "content"])
        writer.writerows([task["item"], "", _line(task)] for task in asked)


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """One row of a file of answers, as the form that `submit` takes."""

    key: uuid.UUID
    item: str
    value: Any
    outcome: Outcome = "answered"
    confidence: str | None = None
    reason: str | None = None
    active_ms: int | None = None
    lease: str | None = None
    guideline: int | None = None
    replaces: int | None = None
    shown: Json | None = None
    bulk: bool = False


def tell(project: Project, answers: Path, *, person: str) -> Json:
    """Record the answers of a file; rows that cannot be taken are named, the others are kept.

    The key of an answer is made of file row and content, so the same file told twice changes nothing.

    Raises:
        NotFound: no such file.
        UnknownName: the file has no column item or label.
        BadValue: a file that is no table.
    """
    told, known, problems = 0, 0, []
    for row in answer_rows(answers):
        if isinstance(row, Rejected):
            problems.append({"line": row.line, "reason": row.reason})
            continue
        if row.cells.get("label") in (None, ""):
            continue
        item = str(row.cells.get("item"))
        try:
            is_new = tell_one(project, person, item, project.task.read(row.cells["label"]))
        except QueristError as error:
            problems.append({"line": row.line, "reason": str(error)})
            continue
        told += is_new
        known += not is_new
    return {"told": told, "known": known, "problems": problems}


def tell_one(project: Project, person: str, item: str, value: Any) -> bool:
    """Record one answer, unless the person's answer in force says the same; a changed mind is a correction."""
    project.store.rows([item])
    own = [answer for answer in project.store.answers(items=[item]) if answer.person == person]
    if own and own[-1].value == value:
        return False
    before = own[-1].seq if own else 0
    key = uuid.uuid5(uuid.NAMESPACE_OID, short_hash([project.id, person, item, value, before]))
    _, is_new = commands.submit(project, person, FileAnswer(key, item, value), source="api")
    return is_new


def told_text(told: Json) -> str:
    """Return what became of a file of answers."""
    lines = [f"{told['told']} answers recorded"]
    if told["known"]:
        lines.append(f"{told['known']} were there already")
    for problem in told["problems"]:
        where = f"line {problem['line']}" if isinstance(problem["line"], int) else problem["line"]
        lines.append(f"{where}: {problem['reason']}")
    return "\n".join(lines)


def tell_gold(project: Project, answers: Path, *, person: str) -> Json:
    """Name the items of a file as gold: their label is known, and perhaps the reason. All of it is taken, or nothing.

    Raises:
        NotFound: no such file, or no such item.
        UnknownName: the file has no column item or label.
        BadValue: a row that cannot be read, a label that is none of the task, or an item that has trained already.
    """
    values, reasons = {}, {}
    for row in answer_rows(answers):
        if isinstance(row, Rejected):
            raise BadValue("answers", str(answers), f"line {row.line} {row.reason}")
        if row.cells.get("label") in (None, ""):
            continue
        item = str(row.cells.get("item"))
        try:
            values[item] = project.task.read(row.cells["label"])
        except QueristError as error:
            raise BadValue("answers", str(answers), f"line {row.line}: {error}") from None
        reasons[item] = str(row.cells.get("reason") or "")
    key = f"gold/{short_hash([values, reasons])}"
    left_out = asking_again.change_gold(project, person, key, values, reasons=reasons)
    return {"gold": len(values) - len(left_out), "left_out": left_out}


def gold_text(told: Json) -> str:
    """Return what became of a file of known answers."""
    left_out = f"; {len(told['left_out'])} measure the model and were left out" if told["left_out"] else ""
    return f"{told['gold']} gold items{left_out}"


def answer_rows(path: Path) -> list[Record | Rejected]:
    """Return the rows of a file of answers, or of standard input (a dash: CSV); what is no row says why.

    What an export has put before a cell, so that no spreadsheet takes it for a formula, is taken away again.

    Raises:
        NotFound: no such file.
        UnknownName: the file has no column item or label.
        BadValue: a file that is no table.
    """
    if str(path) == "-":
        with tempfile.NamedTemporaryFile(suffix=".csv") as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
            kept.flush()
            return answer_rows(Path(kept.name))
    from querist.pools import open_table
    from querist.pools.csv_file import CsvTable

    if not path.exists():
        raise NotFound(f"there is no file {str(path)!r}", field="answers", value=str(path))
    table = open_table(path)
    missing = next((name for name in ANSWERS if name not in table.names), None)
    if missing is not None:
        raise UnknownName("column", missing, table.names)
    wanted = [name for name in (*ANSWERS, "reason") if name in table.names]
    rows: list[Record | Rejected] = list(table.records(wanted))
    return [_as_given(row) for row in rows] if isinstance(table, CsvTable) else rows


def _as_given(row: Record | Rejected) -> Record | Rejected:
    if isinstance(row, Rejected):
        return row
    cells = {name: original(cell) if isinstance(cell, str) else cell for name, cell in row.cells.items()}
    return Record(row.line, cells)


def predict(project: Project, data: str, out: Path, *, model: str | None = None) -> Json:
    """Write label and calibrated probabilities of new data; return how many rows, and by which model.

    Raises:
        NotReady: no model has been trained.
        NotFound: no such model or file.
        BadValue: a kind of file that is not written here, or nothing in it that can be used.
    """
    from querist.engine.exporting import write_predictions

    wanted = model or project.state().model
    fitted = project.model(wanted)
    rows, rejected = write_predictions(project, fitted, str(wanted), data, out)
    aside = [{"line": row.line, "reason": row.reason} for row in rejected]
    if not rows:
        out.unlink(missing_ok=True)
        first = f": line {rejected[0].line} {rejected[0].reason}" if rejected else ""
        raise BadValue("data", data, f"holds nothing that can be predicted{first}")
    return {"rows": rows, "model": wanted, "kind": kind(project), "rejected": aside}
