"""Write `data/vNNNN`, a project of the present version, for the tests of later ones. Run once before a release:

PYTHONPATH=src python tests/store/make_old_project.py
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from querist.events import AnswerSubmitted, AnswerWithdrawn, BatchSelected, ItemWithdrawn, PoolImported
from querist.store.people import People
from querist.store.protocol import ItemRow
from querist.store.schema import VERSION
from querist.store.sql import SqlStore
from querist.types import Content

NAMES = ["a", "b", "c", "d"]


def fill(store: SqlStore) -> None:
    rows = [
        ItemRow(name, row, row / 10, 1 - row / 10, Content("text", {"text": name})) for row, name in enumerate(NAMES)
    ]
    store.add_items(rows)
    columns = {
        "item": NAMES,
        "row": [row.row for row in rows],
        "u_eval": [row.u_eval for row in rows],
        "u_control": [row.u_control for row in rows],
    }
    table = store.artefacts.put_table(columns)
    store.append("import/1", PoolImported("made", "1" * 16, table, added=4, duplicates=0, size=4))
    picks = {
        "item": NAMES,
        "lane": ["query"] * 4,
        "rank": [0, 1, 2, 3],
        "score": [0.5] * 4,
        "probability": [None] * 4,
    }
    batch = BatchSelected(
        round=0,
        part=0,
        strategy={},
        strategy_hash="0" * 16,
        evidence={},
        model=None,
        dataset=None,
        features=None,
        through_seq=1,
        pending=None,
        items=NAMES,
        picks=store.artefacts.put_table(picks),
        asked=4,
        chosen=4,
        opinions=2,
    )
    store.append("r0/select/0", batch)
    first = answer(store, "a", "cat")
    answer(store, "a", "dog", replaces=first)
    answer(store, "b", None, outcome="skipped")
    answer(store, "c", "cat", person="p_bob")
    undone = answer(store, "c", "cow")
    store.append("undo", AnswerWithdrawn(undone, "undo"), actor="p_ann")
    store.append("again", AnswerWithdrawn(5, "undo"), actor="p_ann")
    answer(store, "b", None, outcome="skipped", person="p_bob")
    store.append("gone", ItemWithdrawn("d", "broken"), actor="p_ann")


def answer(store: SqlStore, item: str, value: str | None, *, person: str = "p_ann", **more: object) -> int:
    said = {"item": item, "task": "single_label", "outcome": "answered", "value": value, **more}
    return store.append(f"key {store.head()[0]}", AnswerSubmitted(**said), actor=person)[0].seq  # type: ignore[arg-type]


if __name__ == "__main__":
    target = Path(__file__).with_name("data") / f"v{VERSION}"
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore.create(name="old", root=folder)
        fill(store)
        People(store.database).create_person("ann", role="annotator", password="correct horse")
        store.close()
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(Path(folder) / "artefacts", target / "artefacts")
        with closing(sqlite3.connect(Path(folder) / "querist.db")) as connection:
            script = "\n".join(connection.iterdump())
        (target / "querist.sql").write_text(script + "\n", encoding="utf-8")
