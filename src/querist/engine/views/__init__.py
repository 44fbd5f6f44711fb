"""What pages, the command line and reports show, as plain dicts in the shapes of `server/schemas`.

Everything here is read from the ledger and the artefacts; nothing is kept.
"""

from querist.engine.views.evidence import curves
from querist.engine.views.items import history, item, items, why
from querist.engine.views.now import now
from querist.engine.views.overview import status, status_text
from querist.engine.views.projects import project, project_row
from querist.engine.views.slices import slices
from querist.engine.views.tables import calibration, classes, rounds, timing

__all__ = [
    "calibration",
    "classes",
    "curves",
    "history",
    "item",
    "items",
    "now",
    "project",
    "project_row",
    "rounds",
    "slices",
    "status",
    "status_text",
    "timing",
    "why",
]
