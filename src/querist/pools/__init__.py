"""Where items come from: files, folders of images, arrays in memory. Each is read in a stream, bad rows kept aside."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from querist.errors import BadValue, NotFound

if TYPE_CHECKING:
    from querist.pools.inspection import Inspection
    from querist.pools.reader import PoolReader

TABLES: Final = {
    ".csv": "querist.pools.csv_file:CsvTable",
    ".tsv": "querist.pools.csv_file:CsvTable",
    ".jsonl": "querist.pools.jsonl_file:JsonlTable",
    ".ndjson": "querist.pools.jsonl_file:JsonlTable",
    ".parquet": "querist.pools.parquet_file:ParquetTable",
}
"""The kinds of file with columns, and what reads them."""
_READABLE: Final = (
    *TABLES,
    *(f"{suffix}.gz" for suffix in TABLES if suffix != ".parquet"),
    ".npz",
    "a folder of images",
)

SAMPLES: Final = ("sample:digits", "sample:digits:labelled")
"""Pools that come with scikit-learn; the second brings its labels."""


def read_pool(
    source: Any,
    *,
    text: str | None = None,
    columns: Sequence[str] | None = None,
    image: str | None = None,
    label: str | None = None,
    id: str | None = None,
    group: str | None = None,
    cost: str | None = None,
    pair: Sequence[str] | None = None,
    audio: str | None = None,
    about: Sequence[str] = (),
    keep_duplicates: bool = False,
) -> PoolReader:
    """Return a reader of a pool; nothing but its header is read until `read()` is called.

    Exact duplicates are folded into one item that counts its copies, so that none stands on both sides of a split; rows
    that cannot be read come out as `Rejected` with their line number. After reading, `summary` says what was found.

    Args:
        source: a path to CSV, TSV, JSONL (these also with .gz), Parquet, .npz with `images`, or a folder of images; a
            list of texts or of mappings, an array (n, p) of numbers or (n, h, w) of pixels; or one of `SAMPLES`.
        text: the column that is the item; without it (and without `image`) a row of `columns` is.
        columns: those that people see and features are made of; default: all that have no other role.
        image: the column with paths relative to the file; in a folder with labels.csv, the column with file names.
        label: the column with labels, where there are some; in a folder of images also "folder", the name of the
            sub-folder, or the column of its labels.csv.
        id: the column that names items; default: the first 20 hex digits of SHA-256 over the content.
        group: the column that says what belongs together (document, patient, video).
        cost: the column with what labelling the item costs.
        pair: the two columns with the texts that are compared; `text` then is what both answer, if there is that.
        audio: the column with paths of sounds, relative to the file.
        about: columns that are kept beside the item, for rules to look at; neither people nor models see them.
        keep_duplicates: keep each row as an item of its own.

    Raises:
        NotFound: there is no such file.
        BadValue: the file is of no known kind, empty, or has two columns of one name.
        UnknownName: there is no such column; names the nearest and all.

    >>> reader = read_pool(["good film", "bad film", "good film"], keep_duplicates=False)
    >>> [(item.content.value["text"], item.copies) for item in reader.read()]
    [('good film', 2), ('bad film', 1)]
    """
    from querist.pools import folder, memory, reader, samples, table

    listed, sides = (None if names is None else tuple(names) for names in (columns, pair))
    roles = table.Roles(text, listed, image, label, id, group, cost, sides, audio, tuple(about))
    if isinstance(source, str) and source in SAMPLES:
        return samples.digits(labelled=source.endswith("labelled"))
    if not isinstance(source, str | Path):
        return memory.reader(source, roles=roles, keep_duplicates=keep_duplicates)
    path = Path(source)
    if not path.exists():
        raise NotFound(f"there is no file or folder {str(path)!r}", field="data", value=str(path))
    if path.is_dir():
        return reader.PoolReader(folder.ImageFolder(path, roles), keep_duplicates=keep_duplicates)
    if path.suffix == ".npz":
        return memory.npz_reader(path, roles=roles, keep_duplicates=keep_duplicates)
    return reader.PoolReader(table.TableSource(open_table(path), roles), keep_duplicates=keep_duplicates)


def open_table(path: str | Path) -> Any:
    """Return the file as a table: its column `names`, its `path`, and `records(wanted)`."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    suffix = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]
    if suffix not in TABLES or (suffixes[-1] == ".gz" and suffix == ".parquet"):
        raise BadValue(
            "data", str(path), f"has no ending that is known; have: {', '.join(_READABLE)}", choices=_READABLE
        )
    module, _, name = TABLES[suffix].partition(":")
    return getattr(importlib.import_module(module), name)(Path(path))


def inspect(path: str | Path) -> Inspection:
    """Return what a file or folder holds and which columns to use, judged by its first 1,000 rows.

    Raises:
        NotFound: there is no such file.
        BadValue: the file is of no known kind, or empty.
    """
    found: Inspection = importlib.import_module("querist.pools.inspection").inspect(path)
    return found
