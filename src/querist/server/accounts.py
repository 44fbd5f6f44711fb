"""`/people` and `/me`: accounts, invitations, sessions, API tokens; and who may enter a project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response

from querist.errors import Denied
from querist.server.access import ROLES, Allowed, InProject, Visit, Visitor, set_session, site_of
from querist.server.schemas.accounts import (
    Account,
    Accounts,
    Ended,
    Invitation,
    InvitationShown,
    InvitationTold,
    Invite,
    Invited,
    Join,
    Link,
    Me,
    MemberChange,
    PersonChange,
    SessionInfo,
    Sessions,
    TokenCreate,
    TokenCreated,
    Tokens,
    TokenShown,
)
from querist.server.schemas.wire import Role
from querist.server.sign_in import HASHERS, address_of, me_of
from querist.store.people import Person
from querist.store.team import Invitation as Kept
from querist.store.team import Team, higher
from querist.store.tokens import Tokens as KeptTokens

router = APIRouter(tags=["people"])

AnyVisitor = Annotated[Visitor, Depends(Allowed("member"))]
Managing = Annotated[Visitor, Depends(Allowed("manager"))]
ManagingHere = Annotated[Visit, Depends(InProject("manager"))]
Who = Annotated[str, Path(max_length=200)]

JOINS: Final = 20
"""Tries at an invitation from one address within a quarter of an hour."""


# --- oneself


@router.get("/me/sessions")
def sessions(visitor: AnyVisitor, request: Request) -> Sessions:
    """List where one is signed in."""
    return _sessions(site_of(request).team, visitor)


@router.delete("/me/sessions/{session}")
def end_session(session: Who, visitor: AnyVisitor, request: Request) -> Sessions:
    """End one of one's own sessions."""
    _in_person(visitor)
    site_of(request).team.end_session(visitor.person, session)
    return _sessions(site_of(request).team, visitor)


@router.delete("/me/sessions")
def end_other_sessions(visitor: AnyVisitor, request: Request) -> Ended:
    """End all of one's own sessions but this one."""
    _in_person(visitor)
    return Ended(ended=site_of(request).team.end_sessions(visitor.person, keep=visitor.cookie))


@router.get("/me/tokens")
def tokens(visitor: AnyVisitor, request: Request) -> Tokens:
    """List one's API tokens, without their secrets."""
    return Tokens(tokens=_tokens(site_of(request).tokens, visitor.person))


@router.post("/me/tokens", status_code=201)
def create_token(form: TokenCreate, visitor: AnyVisitor, request: Request) -> TokenCreated:
    """Make an API token; it is shown this once."""
    _in_person(visitor)
    site = site_of(request)
    if form.project is not None:
        site.project_for(visitor.person, form.project)
    token = site.tokens.create(visitor.person, form.name, scope=form.scope, project=form.project, days=form.days)
    return TokenCreated(token=token, tokens=_tokens(site.tokens, visitor.person))


@router.delete("/me/tokens/{name}")
def revoke_token(name: Who, visitor: AnyVisitor, request: Request) -> Tokens:
    """End an API token."""
    _in_person(visitor)
    kept = site_of(request).tokens
    kept.revoke(visitor.person, name)
    return Tokens(tokens=_tokens(kept, visitor.person))


def _in_person(visitor: Visitor) -> None:
    if visitor.session is None:
        raise Denied("sessions and tokens are changed by the person who is signed in, not by an API token")


def _sessions(team: Team, visitor: Visitor) -> Sessions:
    here = None if visitor.cookie is None else team.session_id(visitor.cookie)
    found = team.sessions(visitor.person)
    shown = [
        SessionInfo(
            id=one.id, by_link=one.by_link, created=one.created, expires_at=one.expires_at, current=one.id == here
        )
        for one in found
    ]
    return Sessions(sessions=shown)


def _tokens(kept: KeptTokens, person: Person) -> list[TokenShown]:
    return [
        TokenShown(name=i.name, scope=i.scope, project=i.project, created=i.created, expires_at=i.expires_at)
        for i in kept.of(person)
    ]


# --- joining


@router.post("/people/invitation")
def invitation(form: Invitation, request: Request) -> InvitationTold:
    """Tell what a link invites to; needs no account, only the link."""
    site = site_of(request)
    site.people.limit(f"join {address_of(request)}", JOINS)
    invited = site.team.invitation(form.token)
    project = None if invited.project is None else site.name_of_project(invited.project)
    return InvitationTold(role=invited.role, project=project, invited_by=site.person_name(invited.invited_by) or "")


@router.post("/people/join", status_code=201)
def join(form: Join, request: Request, response: Response) -> Me:
    """Make the account that an invitation allows, and sign in."""
    site = site_of(request)
    site.people.limit(f"join {address_of(request)}", JOINS)
    with HASHERS:
        person = site.team.join(form.token, name=form.name, password=form.password)
    cookie, session = site.people.create_session(person.id)
    set_session(request, response, cookie)
    return me_of(Visitor(person, session, cookie))


# --- everybody


@router.get("/people")
def people(visitor: Managing, request: Request) -> Accounts:
    """List all accounts and open invitations of the installation."""
    return _everybody(request, visitor)


@router.post("/people/invitations", status_code=201)
def invite(form: Invite, visitor: Managing, request: Request) -> Invited:
    """Invite somebody to the whole installation; the link is shown this once."""
    token, _ = site_of(request).team.invite(visitor.person, role=form.role, email=form.email, by_role=visitor.role)
    return Invited(path=f"/join?token={token}", accounts=_everybody(request, visitor))


@router.delete("/people/invitations/{invitation}")
def take_back(invitation: Who, visitor: Managing, request: Request) -> Accounts:
    """Take an invitation back."""
    site_of(request).team.take_back(invitation, None, everywhere=True)
    return _everybody(request, visitor)


@router.patch("/people/{person}")
def change_person(person: Who, form: PersonChange, visitor: Managing, request: Request) -> Accounts:
    """Change somebody's role, or end their access; nobody changes people above themselves."""
    site_of(request).team.change(visitor.role, person, role=form.role, active=form.active)
    return _everybody(request, visitor)


@router.delete("/people/{person}/sessions")
def end_sessions(person: Who, visitor: Managing, request: Request) -> Ended:
    """Sign somebody out everywhere."""
    team = site_of(request).team
    return Ended(ended=team.end_sessions(team.below(visitor.role, person)))


@router.post("/people/{person}/link", status_code=201)
def link(person: Who, visitor: Managing, request: Request) -> Link:
    """Make a one-time sign-in link for somebody who lost their password."""
    site = site_of(request)
    found = site.team.below(visitor.role, person)
    return Link(path=f"/sign-in?token={site.people.create_link_token(found.id)}")


def _everybody(request: Request, visitor: Visitor) -> Accounts:
    site = site_of(request)
    found = [(person, person.role) for person in site.people.people()]
    return _accounts(request, found, site.team.invitations(everywhere=True), visitor.role)


# --- a project's


@router.get("/projects/{project}/members")
def members(visit: ManagingHere, request: Request) -> Accounts:
    """List who may enter the project, and open invitations to it."""
    return _members(request, visit)


@router.put("/projects/{project}/members/{person}")
def change_member(person: Who, form: MemberChange, visit: ManagingHere, request: Request) -> Accounts:
    """Give somebody a role in the project, or take it away."""
    site_of(request).team.set_member(visit.role, visit.project.id, person, form.role)
    return _members(request, visit)


@router.post("/projects/{project}/members/invitations", status_code=201)
def invite_member(form: Invite, visit: ManagingHere, request: Request) -> Invited:
    """Invite somebody to the project; the link is shown this once."""
    team = site_of(request).team
    by, where = visit.visitor.person, visit.project.id
    token, _ = team.invite(by, role=form.role, project=where, email=form.email, by_role=visit.role)
    return Invited(path=f"/join?token={token}", accounts=_members(request, visit))


@router.delete("/projects/{project}/members/invitations/{invitation}")
def take_back_here(invitation: Who, visit: ManagingHere, request: Request) -> Accounts:
    """Take an invitation to the project back."""
    site_of(request).team.take_back(invitation, visit.project.id)
    return _members(request, visit)


def _members(request: Request, visit: Visit) -> Accounts:
    team = site_of(request).team
    where = visit.project.id
    return _accounts(request, team.members(where), team.invitations(where), visit.role)


def _accounts(
    request: Request, found: Iterable[tuple[Person, Role]], invitations: Iterable[Kept], own: Role
) -> Accounts:
    site = site_of(request)
    shown = [
        InvitationShown(
            id=one.id,
            role=one.role,
            project=one.project,
            email=one.email,
            invited_by=site.person_name(one.invited_by) or one.invited_by,
            expires_at=one.expires_at,
        )
        for one in invitations
    ]
    signed_in = site.team.signed_in()
    listed = [
        Account(
            id=person.id,
            name=person.name,
            role=higher(role, person.role),
            everywhere=person.role,
            active=person.active,
            signed_in=signed_in.get(person.id, 0),
        )
        for person, role in found
    ]
    may_give = list(ROLES[1 : ROLES.index(own) + 1])
    return Accounts(people=listed, invitations=shown, may_give=may_give)
