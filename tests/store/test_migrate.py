"""Old projects come forward; a migration that fails leaves them as they were."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from querist.store import migrate, schema
from querist.store.database import Database, stamped
from querist.store.dialect import connect
from querist.store.gate import Gate
from querist.store.people import People
from querist.store.sql import SqlStore
from querist.store.verify import verify

DATA = Path(__file__).with_name("data")


def old_project(version: str, folder: Path) -> Path:
    """Make a project as a released version left it: tables, ledger, artefacts."""
    shutil.copytree(DATA / version / "artefacts", folder / "artefacts")
    with closing(sqlite3.connect(folder / "querist.db")) as connection:
        connection.executescript((DATA / version / "querist.sql").read_text(encoding="utf-8"))
    return folder


def tables(database: Database) -> list[list[str]]:
    """Return the parts of each statement; Alembic writes constraints in another order."""
    with database.reading() as connection:
        made = connection.execute(text("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")).scalars()
        apart = [re.sub(r"WITHOUT ROWID", ", WITHOUT ROWID", statement) for statement in made]
        return sorted(sorted(re.sub(r"[\s\"()]+", "", statement).upper().split(",")) for statement in apart)


def test_the_scripts_make_the_same_tables_as_creating_them_at_once(tmp_path: Path) -> None:
    engine = connect("sqlite:///stepwise.db", root=tmp_path)
    with Gate(engine).writing() as connection:
        migrate.upgrade(connection)
        assert stamped(connection) == schema.VERSION
    engine.dispose()
    stepwise = Database("sqlite:///stepwise.db", root=tmp_path)
    at_once = Database("sqlite:///at_once.db", root=tmp_path, create=True)

    def known(database: Database) -> list[list[str]]:
        return [made for made in tables(database) if "ALEMBIC_VERSION" not in "".join(made)]

    assert known(stepwise) == known(at_once)
    stepwise.close()
    at_once.close()


@pytest.mark.parametrize("version", sorted(path.name for path in DATA.iterdir() if path.is_dir()))
def test_a_project_of_every_released_version_opens(version: str, tmp_path: Path) -> None:
    store = SqlStore.open(root=old_project(version, tmp_path))
    assert verify(store).ok
    assert [(a.item, a.value) for a in store.answers()] == [("a", "dog"), ("c", "cat"), ("b", None)]
    assert store.states(["a", "b", "c", "d"]) == ["labelled", "skipped", "labelled", "withdrawn"]
    assert [content.value["text"] for content in store.contents(["a", "b"]) if content] == ["a", "b"]
    assert [(entry.item, entry.opinions_left) for entry in store.queue()] == [("a", 1), ("b", 1), ("c", 1)]
    assert People(store.database).authenticate("ann", "correct horse").role == "annotator"
    store.close()


def scripts_with(folder: Path, upgrade: str) -> Path:
    """Return the migrations and one more, as the next release might have it."""
    scripts = folder / "scripts"
    shutil.copytree(migrate.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "v9000.py").write_text(
        f"from alembic import op\nrevision = '9000'\ndown_revision = {schema.VERSION!r}\n"
        f"def upgrade():\n    {upgrade}\n"
    )
    return scripts


def test_an_old_file_is_copied_and_brought_forward(file_project: SqlStore, tmp_path: Path) -> None:
    scripts = scripts_with(tmp_path, "op.execute('ALTER TABLE item ADD COLUMN colour TEXT')")
    copy = migrate.bring_forward(file_project.database.engine, schema.VERSION, scripts=scripts)
    assert copy == tmp_path / f"querist.db.v{schema.VERSION}.bak"
    with file_project.database.reading() as connection:
        assert stamped(connection) == "9000"
        assert connection.execute(text("SELECT count(colour) FROM item")).scalar_one() == 0
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("SELECT version_num FROM alembic_version").fetchone() == (schema.VERSION,)


def test_a_migration_that_fails_changes_nothing(file_project: SqlStore, tmp_path: Path) -> None:
    before = tables(file_project.database)
    scripts = scripts_with(tmp_path, "op.execute('ALTER TABLE item ADD COLUMN colour TEXT'); op.undo_the_world()")
    with pytest.raises(AttributeError, match="undo_the_world"):
        migrate.bring_forward(file_project.database.engine, schema.VERSION, scripts=scripts)
    assert tables(file_project.database) == before
    with file_project.database.reading() as connection:
        assert stamped(connection) == schema.VERSION
