"""`/session` and `/me`: signing in and out, and the password."""

from __future__ import annotations

import threading
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

import querist
from querist.errors import BadValue, Denied
from querist.server.access import Allowed, Visitor, clear_session, set_session, site_of
from querist.server.schemas.accounts import Me, PasswordChange, SignIn

router = APIRouter(tags=["people"])

AnyVisitor = Annotated[Visitor, Depends(Allowed("member"))]

HASHERS: Final = threading.BoundedSemaphore(2)
"""Checking a password takes 64 MiB and a core on purpose; more at once would be a way to stop the server."""


PASSWORD_CHANGES: Final = 10
"""Tries at a new password within a quarter of an hour; a stolen session must not find out the old one."""


@router.post("/session")
def sign_in(form: SignIn, request: Request, response: Response) -> Me:
    """Begin a session by name and password, or by a one-time token."""
    people = site_of(request).people
    if form.token:
        person = people.consume_link_token(form.token)
    elif form.name:
        with HASHERS:
            person = people.authenticate(form.name, form.password, source=address_of(request))
    else:
        raise BadValue("name", "", "give name and password, or a one-time token")
    cookie, session = people.create_session(person.id, by_link=bool(form.token))
    set_session(request, response, cookie)
    return me_of(Visitor(person, session, cookie))


@router.delete("/session")
def sign_out(visitor: AnyVisitor, request: Request, response: Response) -> Me:
    """End this session; answers with who it was."""
    if visitor.cookie is not None:
        site_of(request).people.end_session(visitor.cookie)
    clear_session(request, response)
    return me_of(visitor)


@router.get("/me")
def me(visitor: AnyVisitor) -> Me:
    """Say who is signed in, and the token that changing requests must carry."""
    return me_of(visitor)


@router.put("/me/password")
def change_password(form: PasswordChange, visitor: AnyVisitor, request: Request) -> Me:
    """Change the password; every other session of the person ends."""
    people = site_of(request).people
    if visitor.session is None:
        raise Denied("a password is changed in a session, not with an API token")
    people.limit(f"password {visitor.id}", PASSWORD_CHANGES)
    old = None if visitor.session.by_link and not form.old else form.old
    with HASHERS:
        person = people.change_password(visitor.id, form.new, old=old, keep=visitor.cookie)
    return me_of(Visitor(person, visitor.session, visitor.cookie))


def address_of(request: Request) -> str:
    """Return the client's address, for counting failed attempts."""
    return request.client.host if request.client else "unknown"


def me_of(visitor: Visitor) -> Me:
    """Return who is signed in, as the browser is told."""
    person = visitor.person
    return Me(
        id=person.id,
        name=person.name,
        role=visitor.role,
        csrf=visitor.session.csrf if visitor.session is not None else "",
        must_change_password=person.must_change_password,
        version=querist.__version__,
    )
