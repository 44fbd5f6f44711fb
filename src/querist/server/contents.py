"""What of an item goes over the wire: a path never does, the address of its picture takes its place."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from querist.types import Json

API: Final = "/api/v1"
"""Where all routes live, save `/health` and `/openapi.json`."""
CUT: Final = 300
"""Characters of a text in lists."""


def content_url(project: str, item: str) -> str:
    """Return the address of an item's picture or sound.

    >>> content_url("p1", "cats/1 a.png")
    '/api/v1/projects/p1/items/cats%2F1%20a.png/content'
    """
    return f"{API}/projects/{quote(project, safe='')}/items/{quote(item, safe='')}/content"


def shown(project: str, item: str, content: Json) -> Json:
    """Return an item's content as people's browsers get it.

    >>> shown("p1", "7", {"kind": "image", "value": {"path": "secret/7.png"}})
    {'kind': 'image', 'value': {'url': '/api/v1/projects/p1/items/7/content'}}
    """
    value = content["value"]
    if "path" not in value:
        return content
    size = {name: value[name] for name in ("width", "height") if name in value}
    return {"kind": content["kind"], "value": {"url": content_url(project, item), **size}}


def with_content(project: str, holder: Json) -> Json:
    """Return a task or item with its content as `shown` has it."""
    return {**holder, "content": shown(project, holder["item"], holder["content"])}


def cut(content: Json) -> Json:
    """Return a content whose texts are short enough for a list.

    >>> cut({"kind": "text", "value": {"text": "long " * 100}})["value"]["text"][-6:]
    'long …'
    """
    return {"kind": content["kind"], "value": {key: _cut(value) for key, value in content["value"].items()}}


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > CUT:
        return value[: CUT - 1].rstrip() + " …"
    if isinstance(value, dict):
        return {key: _cut(inner) for key, inner in value.items()}
    return value
