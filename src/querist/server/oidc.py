"""Signing in by an identity provider (OpenID Connect, code flow with PKCE); the operator names it, nobody else can.

The one place where the server opens a connection: to the issuer of `QUERIST_OIDC_ISSUER`, and to what its published
configuration names. Sign-up stays closed: an identity opens the account that it is linked to, the one whose address it
confirms, or the one that an invitation allows.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from querist.errors import BadValue, Busy, Denied, MissingExtra, NotFound, NotSignedIn, QueristError
from querist.server.access import set_session, site_of
from querist.server.contents import API
from querist.server.schemas.accounts import OidcShown
from querist.server.sign_in import address_of
from querist.store.people import Person
from querist.store.team import Team

router = APIRouter(prefix="/oidc", tags=["people"])

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has; no shared secret, and never none."""
PATIENCE: Final = 600
"""Seconds that somebody may take at the provider."""
TRIES: Final = 60
"""Beginnings from one address within a quarter of an hour."""
Text = Annotated[str, Query(max_length=2_000)]


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider, as the operator has named it."""

    issuer: str
    client_id: str
    client_secret: str
    name: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Provider | None:
        """Return the provider that `QUERIST_OIDC_ISSUER`, `…_CLIENT_ID`, `…_CLIENT_SECRET` and `…_NAME` name, if any.

        Raises:
            BadValue: a part is missing, or the issuer is not reached by TLS (but on this machine).

        >>> Provider.from_environment({}) is None
        True
        """
        issuer = environment.get("QUERIST_OIDC_ISSUER", "").rstrip("/")
        if not issuer:
            return None
        for name in ("QUERIST_OIDC_CLIENT_ID", "QUERIST_OIDC_CLIENT_SECRET"):
            if not environment.get(name):
                raise BadValue(name, None, "must be set where QUERIST_OIDC_ISSUER is")
        parts = urlsplit(issuer)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise BadValue("QUERIST_OIDC_ISSUER", issuer, "must begin with https://")
        shown = environment.get("QUERIST_OIDC_NAME") or parts.hostname or issuer
        return cls(issuer, environment["QUERIST_OIDC_CLIENT_ID"], environment["QUERIST_OIDC_CLIENT_SECRET"], shown)


@router.get("")
def provider(request: Request) -> OidcShown:
    """Say whether people may sign in elsewhere, and what it is called."""
    found = site_of(request).provider
    return OidcShown(name=None if found is None else found.name)


@router.get("/start", response_class=RedirectResponse, status_code=302)
def start(request: Request, next: Text = "/projects", invitation: Text = "") -> Response:
    """Send the browser to the provider."""
    found = _provider(request)
    site_of(request).people.limit(f"oidc {address_of(request)}", TRIES)
    kept = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "next": next if next.startswith("/") and not next.startswith(("//", "/\\")) else "/projects",
        "invitation": invitation,
    }
    with _client(found, request) as client:
        address, _ = client.create_authorization_url(
            _configuration(client, found)["authorization_endpoint"],
            state=kept["state"],
            nonce=kept["nonce"],
            code_verifier=kept["verifier"],
        )
    response = RedirectResponse(address, status_code=302)
    secure = request.url.scheme == "https"
    response.set_cookie(
        _cookie(request), json.dumps(kept), max_age=PATIENCE, httponly=True, samesite="lax", secure=secure
    )
    return response


@router.get("/callback", response_class=RedirectResponse, status_code=302)
def callback(request: Request, code: Text = "", state: Text = "", error: Text = "") -> Response:
    """Take the browser back from the provider, signed in, or to the sign-in page with the reason."""
    found = _provider(request)
    try:
        kept = _kept(request, state)
        if error or not code:
            raise NotSignedIn(f"{found.name} did not sign you in")
        claims = _claims(request, found, kept, code)
        person = account(site_of(request).team, claims, kept["invitation"])
    except QueristError as refused:
        response: Response = RedirectResponse(f"/sign-in?{urlencode({'refused': refused.message})}", status_code=302)
        response.delete_cookie(_cookie(request))
        return response
    cookie, _ = site_of(request).people.create_session(person.id)
    response = RedirectResponse(kept["next"], status_code=302)
    response.delete_cookie(_cookie(request))
    set_session(request, response, cookie)
    return response


def account(team: Team, claims: Mapping[str, Any], invitation: str) -> Person:
    """Return whose account an identity opens; one that nobody invited opens none.

    Args:
        team: the accounts.
        claims: of a checked identity token: `iss`, `sub`, and perhaps `email`, `email_verified`, `name`.
        invitation: the token of an invitation, or an empty text.

    Raises:
        Denied: there is no account for this identity, or the account was ended.
        NotSignedIn: the invitation is not valid.
    """
    issuer, subject = str(claims["iss"]), str(claims["sub"])
    known = team.known_as(issuer, subject)
    address = str(claims.get("email", "")).strip().lower() if claims.get("email_verified") is True else ""
    if known is None and invitation:
        invited = team.invitation(invitation)
        if invited.email is not None and invited.email != address:
            raise Denied(f"the invitation is for {invited.email}, which was not confirmed")
        known = team.join(invitation, name=_free_name(team, claims))
        team.link(known, issuer, subject)
    elif known is None and address:
        same = [person for person in team.people.people() if (person.email or "").lower() == address]
        if len(same) == 1:
            known = same[0]
            team.link(known, issuer, subject)
    if known is None or not known.active:
        raise Denied("there is no account for you here; ask for an invitation")
    return known


def _free_name(team: Team, claims: Mapping[str, Any]) -> str:
    wanted = str(claims.get("name") or claims.get("email") or "somebody")[:150]
    taken = {person.name for person in team.people.people()}
    return next(name for name in (wanted, *(f"{wanted} {n}" for n in range(2, 10_000))) if name not in taken)


# --- the protocol


def _provider(request: Request) -> Provider:
    found = site_of(request).provider
    if found is None:
        raise NotFound("no identity provider is set up here; see docs/server.md")
    return found


def _client(found: Provider, request: Request) -> Any:
    try:
        from authlib.integrations.httpx_client import OAuth2Client
    except ImportError as error:
        raise MissingExtra("signing in by an identity provider", "oidc") from error
    return OAuth2Client(
        found.client_id,
        found.client_secret,
        scope="openid email profile",
        code_challenge_method="S256",
        redirect_uri=str(request.base_url).rstrip("/") + f"{API}/oidc/callback",
        timeout=10,
    )


def _configuration(client: Any, found: Provider) -> dict[str, Any]:
    configuration = _get(client, f"{found.issuer}/.well-known/openid-configuration", found)
    if str(configuration.get("issuer", "")).rstrip("/") != found.issuer:
        raise Denied(f"{found.name} calls itself {configuration.get('issuer')!r}")
    return configuration


def _get(client: Any, address: str, found: Provider) -> dict[str, Any]:
    from httpx import HTTPError

    try:
        answer = client.request("GET", address, withhold_token=True)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
    except (HTTPError, ValueError) as error:
        raise Busy(f"{found.name} cannot be asked just now ({error})") from error
    return told


def _kept(request: Request, state: str) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(request.cookies.get(_cookie(request), ""))
        right = hmac.compare_digest(kept["state"].encode(), state.encode())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise NotSignedIn("this sign-in was not begun in this browser, or took too long") from error
    if not right:
        raise NotSignedIn("this sign-in was not begun in this browser, or took too long")
    return kept


def _claims(request: Request, found: Provider, kept: Mapping[str, str], code: str) -> Mapping[str, Any]:
    from authlib.integrations.base_client import OAuthError
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    with _client(found, request) as client:
        configuration = _configuration(client, found)
        try:
            token = client.fetch_token(configuration["token_endpoint"], code=code, code_verifier=kept["verifier"])
        except OAuthError as error:
            raise NotSignedIn(f"{found.name} did not sign you in: {error.error}") from error
        keys = _get(client, configuration["jwks_uri"], found)
    wanted = jwt.JWTClaimsRegistry(
        now=int(time.time()),
        leeway=60,
        iss={"essential": True, "value": configuration["issuer"]},
        aud={"essential": True, "value": found.client_id},
        exp={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": kept["nonce"]},
    )
    try:
        decoded = jwt.decode(token.get("id_token", ""), KeySet.import_key_set(keys), algorithms=list(ALGORITHMS))
        wanted.validate(decoded.claims)
    except (JoseError, ValueError) as error:
        raise NotSignedIn(f"what {found.name} sent cannot be trusted: {error}") from error
    claims: Mapping[str, Any] = decoded.claims
    return claims


def _cookie(request: Request) -> str:
    return "__Host-querist-oidc" if request.url.scheme == "https" else f"querist-oidc-{request.url.port or 80}"
