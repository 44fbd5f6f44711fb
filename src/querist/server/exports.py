"""`/projects/P/export`: the labels as a file, every answer in our own formats, what they amount to in other tools'."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from querist.engine import interchange
from querist.engine import project as engine
from querist.engine.exporting import label_rows
from querist.exchange import labels
from querist.server.access import InProject, Visit

router = APIRouter(prefix="/projects", tags=["projects"])

Managing = Annotated[Visit, Depends(InProject("manager"))]
Format = Literal["csv", "jsonl", "parquet", "coco", "yolo", "conll"]

_OURS: Final = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_OTHERS: Final = {"coco": "labels.json", "yolo": "labels", "conll": "labels.conll"}


class Export(Response):
    """A file that is written while it is sent."""

    media_type = "application/octet-stream"


@router.get("/{project}/export", response_class=Export)
def export(visit: Managing, format: Format = "csv") -> Response:
    """Send every label: item, label, who, when, lane, round. COCO, YOLO (a zip) and CoNLL: one label for each item."""
    if format in _OTHERS:
        return _for_other_tools(visit.project, format)
    headers = {"Content-Disposition": f'attachment; filename="labels.{format}"'}
    blocks = labels.stream(label_rows(visit.project), format)
    return StreamingResponse(blocks, media_type=_OURS[format], headers=headers)


def _for_other_tools(project: engine.Project, format: str) -> FileResponse:
    """Write the whole file before the first byte is sent, since a label may be one that the format cannot say."""
    with contextlib.ExitStack() as until_sent:
        folder = Path(until_sent.enter_context(tempfile.TemporaryDirectory()))
        written = folder / _OTHERS[format]
        interchange.export_to(project, written, format)
        if written.is_dir():
            written = Path(shutil.make_archive(str(written), "zip", written))
        tidy = BackgroundTask(until_sent.pop_all().close)
        return FileResponse(written, filename=written.name, media_type=Export.media_type, background=tidy)
