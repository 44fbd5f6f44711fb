"""Who is asking, and may they? Each route names the least role that it takes, and gets the project from here only."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from querist.errors import Denied, NotFound, NotSignedIn
from querist.server.guard import SAFE_METHODS
from querist.server.schemas.wire import Role
from querist.store.people import SESSION_SECONDS
from querist.store.tokens import Scope

if TYPE_CHECKING:
    from querist.engine.project import Project
    from querist.server.site import Site
    from querist.store.people import Person, Session

ROLES: Final[tuple[Role, ...]] = get_args(Role)[::-1]
"""From the least to the most: each may do all that those before it may."""

SCOPE_ROLES: Final[dict[Scope, Role]] = {
    "read": "owner",
    "label": "annotator",
    "review": "reviewer",
    "manage": "manager",
}
"""The role that a token's scope leaves its person at most; `read` leaves any, and changes nothing."""

CSRF_HEADER: Final = "X-CSRF-Token"


def at_least(role: str, least: Role) -> bool:
    """Say whether a role includes another.

    >>> at_least("manager", "annotator"), at_least("annotator", "manager")
    (True, False)
    """
    return role in ROLES and ROLES.index(role) >= ROLES.index(least)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person whose request carries a live session, or an API token: then there is neither session nor cookie.

    `scope` and `only` (a project's id) are how far a token reaches.
    """

    person: Person
    session: Session | None = None
    cookie: str | None = None
    scope: Scope | None = None
    only: str | None = None

    @property
    def id(self) -> str:
        """The pseudonym that the ledger knows."""
        return self.person.id

    @property
    def role(self) -> Role:
        """What the visitor may do outside projects."""
        return "member" if self.only is not None else self.cut(self.person.role)

    def cut(self, role: Role) -> Role:
        """Return what the token's scope leaves of a role."""
        most = SCOPE_ROLES[self.scope] if self.scope is not None else "owner"
        return min(role, most, key=ROLES.index)

    def is_at_least(self, least: Role) -> bool:
        """Say whether the visitor's role includes another."""
        return at_least(self.role, least)


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor in a project that they may enter."""

    visitor: Visitor
    project: Project
    role: Role

    @property
    def person(self) -> str:
        """The visitor's pseudonym."""
        return self.visitor.id

    @property
    def reviews(self) -> bool:
        """Whether the visitor may see what others answered."""
        return self.is_at_least("reviewer")

    def is_at_least(self, least: Role) -> bool:
        """Say whether the visitor's role in the project includes another."""
        return at_least(self.role, least)


class Allowed:
    """Dependency of routes outside projects: the visitor, if their role is at least this one."""

    def __init__(self, least: Role) -> None:
        self.least = least

    def __call__(self, request: Request) -> Visitor:
        visitor = identify(request)
        self.check(visitor.role, visitor)
        return visitor

    def check(self, role: Role, visitor: Visitor) -> None:
        """Raise Denied unless the role is at least this one."""
        if not at_least(role, self.least):
            raise Denied(
                f"{visitor.person.name} is {role} here; this takes {self.least}",
                field="role",
                value=role,
                choices=ROLES[ROLES.index(self.least) :],
            )


class InProject(Allowed):
    """Dependency of routes of a project: the visit, if the project is there and the visitor may do this in it."""

    async def __call__(self, request: Request, project: str) -> Visit:  # type: ignore[override]
        # A look at a file is over before a thread would have been woken for it; a server may be far away.
        if site_of(request).people.shared:
            return await run_in_threadpool(self.visit, request, project)
        return self.visit(request, project)

    def visit(self, request: Request, project: str) -> Visit:
        """Return the visit that a request makes."""
        site = site_of(request)
        with site.people.at_once():
            visitor = identify(request)
            if visitor.only not in (None, project):
                raise NotFound(f"no project {project!r}", field="project", value=project)
            found = site.project_for(visitor.person, project)
            role = visitor.cut(site.team.role_in(visitor.person, project))
        self.check(role, visitor)
        return Visit(visitor, found, role)


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
        opened = site_of(request).tokens.access(bearer.strip())
        if opened.scope == "read" and request.method not in SAFE_METHODS:
            raise Denied("this API token only reads", field="scope", value="read")
        return Visitor(opened.person, scope=opened.scope, only=opened.project)
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
    if request.scope["scheme"] == "https":
        return "__Host-querist"
    port = request.headers.get("host", "").rpartition(":")[2]
    return f"querist-{port if port.isdecimal() else 80}"


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
