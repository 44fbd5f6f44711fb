"""What holds for every request, before any route: hosts, origins, body size, and headers on all that leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from querist.errors import Denied, QueristError
from querist.server.problems import TooLarge, respond

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Nothing inline, nothing from elsewhere, no frames; `blob:` for images only."""

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
"""Set on each response that does not set its own."""

_ON_THE_WIRE: Final = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_ONLY_TLS: Final = (b"strict-transport-security", b"max-age=31536000")

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_LIMIT: Final = 1 << 20


class Guard:
    """ASGI middleware: refuses foreign hosts and origins and large bodies, and puts `HEADERS` on every answer.

    Args:
        app: what it guards.
        hosts: host names (without port) that requests may name; empty allows all. A page of another name that
            resolves to this machine (DNS rebinding) is thereby refused.
        body_limit: bytes that a request body may have.
        upload_limit: the same for the paths of which `is_upload` says so.
        is_upload: says whether a path takes files; such bodies are counted while they stream. None: no path does.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str] = (),
        body_limit: int = BODY_LIMIT,
        upload_limit: int = 512 << 20,
        is_upload: Callable[[str], bool] | None = None,
    ) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)
        self.body_limit = body_limit
        self.upload_limit = upload_limit
        self.is_upload = is_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                named = {name for name, _ in own}
                wanted = [*_ON_THE_WIRE, _ONLY_TLS] if scope["scheme"] == "https" else _ON_THE_WIRE
                message = {**message, "headers": own + [header for header in wanted if header[0] not in named]}
            await send(message)

        try:
            self._check(scope)
            receive = await self._bounded(scope, receive)
        except QueristError as error:
            await respond(error)(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if self.hosts and name not in self.hosts:
            raise QueristError(
                f"host {name!r} is not served here; name it with --allow-host",
                field="host",
                value=name,
                choices=sorted(self.hosts),
            )
        if scope["method"] in SAFE_METHODS:
            return
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        if foreign or headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise Denied("requests from another site are refused", field="origin", value=origin)

    async def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        if scope["method"] in SAFE_METHODS:
            return receive
        upload = self.is_upload is not None and self.is_upload(scope["path"])
        limit = self.upload_limit if upload else self.body_limit
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        return _counted(receive, limit) if upload else await _read_ahead(receive, limit)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit:,} bytes", field="body")


async def _read_ahead(receive: Receive, limit: int) -> Receive:
    """Read a small body whole, so that a route never starts on one that turns out too large."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return receive
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    waiting: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _counted(receive: Receive, limit: int) -> Receive:
    size = 0

    async def counting() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return counting
