"""Where a project's items come from: the reader that its settings describe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from querist.engine.project import Project
from querist.pools import read_pool
from querist.pools.reader import PoolReader


def relative_path(data: str, folder: Path) -> str:
    """Keep a path relative where the data lie in the project's folder, so that the folder can be moved."""
    path, home = Path(data).resolve(), folder.resolve()
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


def pool_reader(pool: Mapping[str, Any], folder: Path, data: str | None = None) -> PoolReader:
    """Return a reader of the project's own data, or of `data` read in the same way.

    Raises:
        NotFound: no such file.
        UnknownName: a column that the settings name and the data do not have.
    """
    source = data or str(pool["data"])
    if not source.startswith("sample:") and not Path(source).is_absolute() and data is None:
        source = str(folder / source)
    roles = {role: pool[role] or None for role in ("text", "image", "audio", "label", "id", "group", "cost")}
    columns = list(pool["columns"]) or None
    pair = tuple(pool["pair"]) or None
    about, keep = tuple(pool["about"]), bool(pool["keep_duplicates"])
    return read_pool(source, columns=columns, pair=pair, about=about, keep_duplicates=keep, **roles)


def read_like(project: Project, data: str, *, keep_duplicates: bool = False) -> PoolReader:
    """Return a reader of other data of the project's form.

    Raises:
        NotFound: no such file.
        UnknownName: a column that the project's data have and these have not.
    """
    assert project.folder is not None
    pool = {**project.spec.pool.model_dump(), "keep_duplicates": keep_duplicates, "label": "", "group": "", "cost": ""}
    return pool_reader(pool, project.folder, data)
