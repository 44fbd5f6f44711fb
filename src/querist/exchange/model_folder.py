"""A model as a folder that stands alone: its files, its features, its classes, and a card that people read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from querist.exchange.files import folder_whole
from querist.types import Json, canonical_json

MANIFEST: Final = "querist-model.json"
CARD: Final = "README.md"
FORMAT: Final = 1


def export_model(
    folder: str | Path,
    *,
    model: Mapping[str, bytes],
    features: Mapping[str, bytes],
    classes: Sequence[str],
    about: Json,
) -> Path:
    """Write a model folder, which `querist.models.load_folder` reads back on any machine that has Querist.

    Args:
        folder: where to; must be new or empty.
        model: the files of a (calibrated) model, as its `save` gave them.
        features: the files of its fitted features.
        classes: the classes, in the order of their numbers.
        about: what is known of the model, kept in its manifest and told by its card. Known words: `name`, `project`,
            `model`, `dataset`, `labels`, `counts`, `learner`, `settings`, `features`, `calibration`, `metrics` (name →
            value, low, high, n), `versions`, `limits`.

    Raises:
        BadValue: the folder is there and is not empty.
        StorageFull: it cannot be written.
    """
    target = Path(folder)
    files = {f"model/{name}": data for name, data in model.items()}
    files |= {f"features/{name}": data for name, data in features.items()}
    manifest = {
        "format": FORMAT,
        "classes": list(classes),
        "about": about,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    written = {**files, MANIFEST: canonical_json(manifest).encode(), CARD: card(classes, about).encode()}
    with folder_whole(target) as made:
        for name, data in written.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return target


def card(classes: Sequence[str], about: Json) -> str:
    """Return the model's card in markdown: what it is for, how to load it, what it learnt from, how good it is.

    >>> print(card(["ham", "spam"], {"name": "mails"}).splitlines()[0])
    # mails
    """
    parts = [
        f"# {about.get('name') or about.get('project') or 'A model'}",
        f"Tells apart {len(classes)} classes: {', '.join(classes)}.",
        "```python\nfrom querist import models\n\n"
        'model = models.load_folder("this folder")\n'
        "model.predict([...])        # the likeliest class of each item\n"
        "model.predict_proba([...])  # a probability for each class, calibrated\n```",
        _table("Learnt from", _facts(about)),
        _metrics(about.get("metrics") or {}),
        _table("Labels by class", {name: f"{count:,}" for name, count in (about.get("counts") or {}).items()}),
        _limits(about),
        _table("Made with", about.get("versions") or {}),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(about: Json) -> dict[str, Any]:
    told = {
        "project": about.get("project"),
        "data set": about.get("dataset"),
        "labels": f"{about['labels']:,}" if about.get("labels") is not None else None,
        "learner": about.get("learner"),
        "settings": canonical_json(about["settings"]) if about.get("settings") else None,
        "features": about.get("features"),
        "calibration": _calibration(about.get("calibration") or {}),
        "model": about.get("model"),
    }
    return {name: value for name, value in told.items() if value}


def _calibration(fitted: Json) -> str:
    if not fitted:
        return "none"
    temperature = fitted["parameters"].get("temperature")
    method = str(fitted.get("method", "temperature")) + (f" {temperature:.3g}" if temperature else "")
    return f"{method}, fitted on labels {fitted.get('rows', 'out of fold')}"


def _metrics(metrics: Mapping[str, Any]) -> str:
    if not metrics:
        return "## How good it is\n\nNobody measured it on items that it did not learn from."
    lines = ["## How good it is", "", "| figure | value | 95 % interval | items |", "|---|---|---|---|"]
    for name, figure in metrics.items():
        if name.endswith("_before"):
            continue  # of the model without its calibrator, which is not the one in the folder
        low, high = figure.get("low"), figure.get("high")
        interval = f"{low:.3f} to {high:.3f}" if low is not None and high is not None else ""
        lines.append(f"| {_cell(name)} | {figure['value']:.3f} | {interval} | {figure.get('n', '')} |")
    return "\n".join([*lines, "", "Measured on items that were drawn at random and never trained on."])


def _limits(about: Json) -> str:
    limits = about.get("limits") or (
        "It was fitted on the items of one project, and its figures hold for items like these. Look at the recall of "
        "rare classes before you rely on it, and measure it again when the data change."
    )
    return f"## Limits\n\n{limits}"


def _table(title: str, rows: Mapping[str, Any]) -> str:
    if not rows:
        return ""
    body = "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items())
    return f"## {title}\n\n| | |\n|---|---|\n{body}"


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
