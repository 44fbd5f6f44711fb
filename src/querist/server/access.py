"""Who is asking, and may they? Each route names the least role that it takes, and gets the project from here only."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from starlette.requests import Request
from starlette.responses import Response

from querist.errors import Denied, NotSignedIn
from querist.server.guard import SAFE_METHODS
from querist.server.schemas import Role
from querist.store.people import SESSION_SECONDS

if TYPE_CHECKING:
    from querist.engine.project import Project
    from querist.server.site import Site
    from querist.store.people import Person, Session

ROLES: Final[tuple[Role, ...]] = get_args(Role)[::-1]
"""From the least to the most: each may do all that those before it may."""

CSRF_HEADER: Final = "X-CSRF-Token"


def at_least(role: str, least: Role) -> bool:
    """Say whether a role includes another.

    >>> at_least("manager", "annotator"), at_least("annotator", "manager")
    (True, False)
    """
    return role in ROLES and ROLES.index(role) >= ROLES.index(least)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person whose request carries a live session, or an API token: then there is neither session nor cookie."""

    person: Person
    session: Session | None = None
    cookie: str | None = None

    @property
    def id(self) -> str:
        """The pseudonym that the ledger knows."""
        return self.person.id

    def is_at_least(self, least: Role) -> bool:
        """Say whether the person's role includes another."""
        return at_least(self.person.role, least)


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor in a project that they may enter."""

    visitor: Visitor
    project: Project

    @property
    def person(self) -> str:
        """The visitor's pseudonym."""
        return self.visitor.id

    @property
    def reviews(self) -> bool:
        """Whether the visitor may see what others answered."""
        return self.visitor.is_at_least("reviewer")


class Allowed:
    """Dependency of routes outside projects: the visitor, if their role is at least this one."""

    def __init__(self, least: Role) -> None:
        self.least = least

    def __call__(self, request: Request) -> Visitor:
        visitor = identify(request)
        if not visitor.is_at_least(self.least):
            raise Denied(
                f"{visitor.person.name} is {visitor.person.role}; this takes {self.least}",
                field="role",
                value=visitor.person.role,
                choices=ROLES[ROLES.index(self.least) :],
            )
        return visitor


class InProject(Allowed):
    """Dependency of routes of a project: the visit, if the project is there and the visitor may do this in it."""

    def __call__(self, request: Request, project: str) -> Visit:  # type: ignore[override]
        visitor = Allowed("annotator")(request)
        site = site_of(request)
        found = site.project_for(visitor.person, project)
        super().__call__(request)
        return Visit(visitor, found)


def site_of(request: Request) -> Site:
    """Return the site that answers the request."""
    site: Site = request.app.state.site
    return site


def identify(request: Request) -> Visitor:
    """Return who sent the request; a changing request of a browser must also carry its session's CSRF token.

    Raises:
        NotSignedIn: neither a live session nor a known API token came along.
        Denied: the CSRF token is missing or another session's.
    """
    people = site_of(request).people
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Visitor(people.api_person(bearer.strip()))
    cookie = request.cookies.get(cookie_name(request))
    if not cookie:
        raise NotSignedIn("sign in first")
    session = people.session(cookie)
    if request.method not in SAFE_METHODS:
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise Denied(f"the header {CSRF_HEADER} is missing or old; GET /api/v1/me tells it", field=CSRF_HEADER)
    return Visitor(session.person, session, cookie)


def cookie_name(request: Request) -> str:
    """Return the name of the session's cookie; two servers on one host do not overwrite each other's.

    Over TLS the prefix makes browsers refuse a cookie that another name or a plain connection has set.
    """
    if request.url.scheme == "https":
        return "__Host-querist"
    return f"querist-{request.url.port or 80}"


def set_session(request: Request, response: Response, cookie: str) -> None:
    """Give the browser its session."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        cookie_name(request), cookie, max_age=SESSION_SECONDS, httponly=True, samesite="lax", secure=secure
    )


def clear_session(request: Request, response: Response) -> None:
    """Take the session from the browser."""
    secure = request.url.scheme == "https"
    response.delete_cookie(cookie_name(request), httponly=True, samesite="lax", secure=secure)
