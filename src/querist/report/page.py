"""Turn a template and its figures into one file that works offline: style, font and drawings are inside."""

from __future__ import annotations

import base64
import functools
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import querist
from querist.report import figures


def render(template: str, **values: Any) -> str:
    """Return the page; whatever comes from data is escaped."""
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("querist.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    package = files("querist.report")
    font = (package / "fonts" / "inter-latin-wght-normal.woff2").read_bytes()
    css = (package / "templates" / "report.css").read_text(encoding="utf-8")
    environment.globals.update(
        version=querist.__version__,
        font=base64.b64encode(font).decode(),
        css=Markup(css),  # noqa: S704 - our own file
        number=figures.number,
        seconds=figures.seconds,
        nbsp=figures.NO_BREAK,
    )
    return environment
