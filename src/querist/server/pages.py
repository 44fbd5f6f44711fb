"""The web app's own files: one page for every address of the app, hashed assets for ever, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import FileResponse, PlainTextResponse, Response

from querist.errors import NotFound
from querist.server.media import contained

BUILT: Final = Path(__file__).parent / "static"

_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain",
}
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_NOT_BUILT: Final = (
    "The web app has not been built. The HTTP service under /api/v1 works without it; "
    "`make run` builds it, or `npm ci && npm run build` in ui/.\n"
)


def install(app: FastAPI, folder: Path = BUILT) -> None:
    """Serve the built web app of a folder; must be installed after the routes of the service."""

    @app.get("/{path:path}", include_in_schema=False, name="page")
    def page(path: str) -> Response:
        if path.startswith("api/") or path in {"health", "openapi.json"}:
            raise NotFound(f"no such address: /{path}", field="path", value=path)
        suffix = Path(path).suffix
        # An item's id may end like a file's name; below /p/ everything is the app's.
        if suffix in _TYPES and not path.startswith("p/"):
            kept = _IMMUTABLE if path.startswith("assets/") else "no-cache"
            return FileResponse(contained(folder, path), media_type=_TYPES[suffix], headers={"Cache-Control": kept})
        index = folder / "index.html"
        if not index.is_file():
            return PlainTextResponse(_NOT_BUILT, status_code=503)
        return FileResponse(index, media_type="text/html", headers={"Cache-Control": "no-cache"})
