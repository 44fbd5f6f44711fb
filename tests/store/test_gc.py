from __future__ import annotations

import time

import numpy as np

from querist.events import FeaturesBuilt
from querist.store.gc import gc
from querist.store.sql import SqlStore
from querist.store.verify import verify

from .conftest import import_pool, select


def test_what_nothing_names_is_swept_when_it_is_old(project: SqlStore) -> None:
    import_pool(project, ["a"])
    select(project, ["a"], pending=["b"])
    matrix = project.artefacts.put_matrix(np.ones((2, 2)))
    pipeline = project.artefacts.put_files({"a.json": b"{}", "b.json": b"[]"})
    project.append("f", FeaturesBuilt("f" * 16, pipeline, [matrix], "columns", {}, 2, 1, 1))
    # What a kept JSON names is kept as well, whatever it is for.
    inner = project.artefacts.put(b"named by a value", "bin")
    note = project.artefacts.put_json({"note": [inner]})
    select(project, ["a"], round=1, pending=[])
    lost = project.artefacts.put(b"a step died here", "bin")
    (project.artefacts.folder / "x.partial").write_bytes(b"half")
    whole = {name for name, _ in project.artefacts.names()}
    assert gc(project).removed == 0
    later = time.time() + 3_700
    swept = gc(project, now=later)
    gone = whole - {name for name, _ in project.artefacts.names()}
    assert gone == {lost, inner, note}
    assert (swept.removed, swept.kept) == (3, len(whole) - 3)
    assert not list(project.artefacts.folder.glob("*.partial"))
    assert verify(project).ok
    assert gc(project, now=later).removed == 0


def test_the_other_projects_of_a_database_keep_theirs(project: SqlStore, tmp_path: object) -> None:
    other = SqlStore.create(project.database, name="other", root=project.artefacts.folder.parent)
    import_pool(other, ["x", "y"])
    assert gc(project, now=time.time() + 3_700).removed == 0
    assert verify(other).ok
