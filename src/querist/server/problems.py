"""Errors on the wire: one table from `querist.errors` to status codes, one body for all of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from querist import errors

log = logging.getLogger(__name__)

STATUS: Final[Mapping[type[errors.QueristError], int]] = {
    errors.QueristError: 400,
    errors.UnknownName: 422,
    errors.BadValue: 422,
    errors.MissingSignal: 422,
    errors.MissingExtra: 422,
    errors.NotSignedIn: 401,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotReady: 409,
    errors.ModelFailure: 409,
    errors.TooMany: 429,
    errors.Busy: 503,
    errors.Unreachable: 503,
    errors.Damaged: 500,
    errors.NewerVersion: 500,
    errors.StorageFull: 507,
}
"""What a client may do about it: 4xx is final for this request, 5xx is worth trying again later."""

RETRY_AFTER: Final = {429: "60", 503: "1"}
"""Seconds after which trying again makes sense."""
LONGEST_VALUE: Final = 200
SECRET: Final = frozenset({"password", "old", "new", "token"})


class Told(JSONResponse):
    """JSON of ASCII alone: what is refused may hold halves of characters, which no encoding has."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json.dumps(content).encode()


class TooLarge(errors.TooMany):
    """The body is larger than the route takes; 413."""


def status_of(error: errors.QueristError) -> int:
    """Return the status code of an error: that of its nearest listed class.

    >>> status_of(errors.UnknownName("class", "x", ["spam"])), status_of(TooLarge("too large"))
    (422, 413)
    """
    if isinstance(error, TooLarge):
        return 413
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def body(error: errors.QueristError) -> dict[str, object]:
    """Return the JSON that every error answers with; a secret is never repeated, a long value is cut."""
    told = error.to_json()
    if error.field in SECRET:
        told["value"] = None
    elif isinstance(told["value"], str) and len(told["value"]) > LONGEST_VALUE:
        told["value"] = told["value"][:LONGEST_VALUE] + "…"
    return told


def respond(error: errors.QueristError) -> Response:
    """Return the response of an error."""
    status = status_of(error)
    headers = {}
    if status in RETRY_AFTER:
        headers["Retry-After"] = RETRY_AFTER[status]
    if status >= 500:
        log.error("%s: %s", type(error).__name__, error.message)
    return Told(body(error), status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Let every error of the application leave in the one form."""

    def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, errors.QueristError)
        return respond(error)

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return Told(_first_fault(error), status_code=_status_of_fault(error))

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        told = {404: f"no such address: {request.url.path}", 405: f"{request.method} is not offered here"}
        message = told.get(error.status_code) or HTTPStatus(error.status_code).phrase
        answer: dict[str, object] = {"error": message, "field": None, "value": None, "choices": []}
        return Told(answer, status_code=error.status_code, headers=error.headers)

    def half(_: Request, error: Exception) -> Response:
        # Nothing of such a text can be written or hashed, so nothing was.
        assert isinstance(error, UnicodeEncodeError)
        given = error.object[error.start : error.end]
        told = errors.BadValue("body", ascii(given), "holds half a character (a lone surrogate)")
        return respond(told)

    def unforeseen(request: Request, error: Exception) -> Response:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        message = "the server failed at this; nothing that was acknowledged is lost, and the log says more"
        return JSONResponse({"error": message, "field": None, "value": None, "choices": []}, status_code=500)

    app.add_exception_handler(errors.QueristError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(UnicodeEncodeError, half)
    app.add_exception_handler(Exception, unforeseen)


def _status_of_fault(error: RequestValidationError) -> int:
    return 400 if any(fault["type"] == "json_invalid" for fault in error.errors()) else 422


def _first_fault(error: RequestValidationError) -> dict[str, Any]:
    fault = error.errors()[0]
    if fault["type"] == "json_invalid":
        return {"error": "the body is not JSON", "field": "body", "value": None, "choices": []}
    field = ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0])
    plain = isinstance(fault.get("input"), str | int | float | bool)
    given = fault["input"] if plain and not SECRET.intersection(map(str, fault["loc"])) else None
    shown = None if given is None else str(given)[:LONGEST_VALUE]
    said = f"{field} = {shown!r}: {fault['msg']}" if shown is not None else f"{field}: {fault['msg']}"
    expected = str(fault.get("ctx", {}).get("expected", ""))
    choices = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")] if expected else []
    return {"error": said, "field": field, "value": shown, "choices": choices}
