"""Signing in by an identity provider: a real one on loopback, and identities that open nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from querist.errors import BadValue, Denied, NotSignedIn
from querist.server.contents import API
from querist.server.oidc import Provider, account
from querist.store.people import People
from querist.store.team import Team

SCRIPT = Path(__file__).with_name("identity_provider.mjs")
MODULES = os.environ.get("QUERIST_OIDC_PROVIDER", "")
"""A folder in which `npm install oidc-provider` was run."""

ADA = {"iss": "https://id", "sub": "1", "email": "Ada@example.org", "email_verified": True, "name": "Ada"}


@pytest.fixture
def team() -> Team:
    people = People.open("sqlite://")
    people.create_person("olga", role="owner")
    people.create_person("ada", role="annotator", email="ada@example.org")
    return Team(people)


# --- which account


def test_a_confirmed_address_opens_its_account_and_stays_linked(team: Team) -> None:
    assert account(team, ADA, "").name == "ada"
    assert account(team, {"iss": "https://id", "sub": "1"}, "").name == "ada", "linked, whatever the address is now"


@pytest.mark.parametrize(
    "claims", [{"email_verified": False}, {"email_verified": "true"}, {"email": "eve@example.org"}]
)
def test_what_is_not_confirmed_opens_nothing(team: Team, claims: dict[str, object]) -> None:
    with pytest.raises(Denied, match="no account for you"):
        account(team, {**ADA, "sub": "9", **claims}, "")


def test_an_invitation_makes_an_account_for_whom_it_is_meant(team: Team) -> None:
    token, _ = team.invite(team.people.find("olga"), role="reviewer", project="p1", email="Cleo@example.org")
    with pytest.raises(Denied, match="not confirmed"):
        account(team, ADA, token)
    cleo = account(team, {**ADA, "sub": "3", "email": "cleo@example.org", "name": "ada"}, token)
    assert (cleo.name, team.role_in(cleo, "p1")) == ("ada 2", "reviewer")
    with pytest.raises(NotSignedIn):
        account(team, {**ADA, "sub": "4", "email": "cleo@example.org"}, token)


def test_an_account_that_was_ended_stays_closed(team: Team) -> None:
    account(team, ADA, "")
    team.people.change_person("ada", active=False)
    with pytest.raises(Denied):
        account(team, ADA, "")


# --- settings


def test_a_provider_is_named_whole_and_by_tls() -> None:
    whole = {"ISSUER": "https://id.example/", "CLIENT_ID": "q", "CLIENT_SECRET": "s"}
    named = {f"QUERIST_OIDC_{key}": value for key, value in whole.items()}
    found = Provider.from_environment(named)
    assert found == Provider("https://id.example", "q", "s", "id.example")
    for change, why in (("CLIENT_SECRET", "must be set"), ("CLIENT_ID", "must be set")):
        with pytest.raises(BadValue, match=why):
            Provider.from_environment({**named, f"QUERIST_OIDC_{change}": ""})
    with pytest.raises(BadValue, match="https"):
        Provider.from_environment({**named, "QUERIST_OIDC_ISSUER": "http://id.example"})


def test_without_a_provider_there_is_nothing_to_start(house) -> None:
    client = house.client()
    assert client.get(f"{API}/oidc").json() == {"name": None}
    assert client.get(f"{API}/oidc/start").status_code == 404


# --- a real provider


@pytest.fixture
def provider(house) -> Iterator[str]:
    pytest.importorskip("authlib", reason="authlib is not installed: pip install 'querist[oidc]'")
    if not shutil.which("node") or not Path(MODULES, "node_modules", "oidc-provider").is_dir():
        pytest.skip("QUERIST_OIDC_PROVIDER names no folder in which `npm install oidc-provider` was run")
    redirect = f"{house.address}{API}/oidc/callback"
    process = subprocess.Popen(["node", str(SCRIPT), MODULES, redirect], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    issuer = f"http://127.0.0.1:{process.stdout.readline().strip()}"
    house.site.provider = Provider(issuer, "querist", "a secret of the test", "the test's provider")
    yield issuer
    house.site.provider = None
    process.terminate()
    process.wait(timeout=10)
    process.stdout.close()


def sign_in(house, name: str, **query: str) -> tuple[httpx.Client, str]:
    """Go the whole way that a browser goes, through the provider's own pages; return it, and where it ended."""
    browser = house.client()
    address = str(browser.get(f"{API}/oidc/start", params=query).headers["location"])
    for _ in range(12):
        answer = browser.get(address)
        while answer.is_redirect:
            address = urljoin(address, answer.headers["location"])
            if address.startswith(house.address) and "/oidc/callback" not in address:
                return browser, address.removeprefix(house.address)
            answer = browser.get(address)
            if address.startswith(house.address):
                return browser, answer.headers["location"]
        action = re.search(r'action="([^"]+)"', answer.text)
        assert action is not None, answer.text
        form = (
            {"prompt": "login", "login": name, "password": "any"}
            if 'name="login"' in answer.text
            else {"prompt": "consent"}
        )
        answer = browser.post(urljoin(address, action[1]), data=form)
        address = urljoin(address, answer.headers["location"])
    raise AssertionError("the provider asks without end")


def test_the_whole_way_through_a_real_provider(house, provider: str) -> None:
    people = house.site.people
    people.create_person("ada lovelace", role="annotator", email="ada@example.org")
    browser, where = sign_in(house, "ada", next=f"/p/{house.project}")
    assert where == f"/p/{house.project}"
    assert browser.get(f"{API}/me").json()["name"] == "ada lovelace"
    assert Team(people).known_as(provider, "ada") == people.find("ada lovelace")


def test_a_real_identity_without_an_account_is_told_so(house, provider: str) -> None:
    people = house.site.people
    people.create_person("bea", role="annotator", email="bea@example.org")
    for name in ("bea", "cleo"):
        browser, where = sign_in(house, name)
        assert parse_qs(urlsplit(where).query)["refused"] == ["there is no account for you here; ask for an invitation"]
        assert browser.get(f"{API}/me").status_code == 401


def test_an_invited_identity_joins(house, provider: str) -> None:
    team = Team(house.site.people)
    token, _ = team.invite(house.site.admin(), role="reviewer", project=house.project, email="cleo@example.org")
    browser, where = sign_in(house, "cleo", invitation=token, next="//evil.example")
    assert where == "/projects"
    assert browser.get(f"{API}/projects/{house.project}").json()["may"] == ["label", "review"]


def test_an_answer_that_was_not_asked_for_in_this_browser_signs_nobody_in(house, provider: str) -> None:
    browser = house.client()
    browser.get(f"{API}/oidc/start")
    for client, state in ((browser, "another"), (house.client(), "any")):
        answer = client.get(f"{API}/oidc/callback", params={"code": "x", "state": state})
        assert "not begun in this browser" in parse_qs(urlsplit(answer.headers["location"]).query)["refused"][0]
    assert browser.get(f"{API}/me").status_code == 401
