"""API tokens: their scope, their one purpose, their end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

from querist.errors import BadValue, Conflict, NotFound, NotSignedIn
from querist.store.people import People, Person
from querist.store.schema import TOKEN
from querist.store.tokens import Tokens

from .conftest import Clock

DAY = 86_400


@pytest.fixture
def tokens(store_url: str, tmp_path: Path, clock: Clock) -> Iterator[Tokens]:
    people = People.open(store_url, root=tmp_path, clock=clock)
    yield Tokens(people)
    people.close()


@pytest.fixture
def ann(tokens: Tokens) -> Person:
    return tokens.people.create_person("ann", role="annotator")


def test_tokens_have_a_scope_and_are_kept_as_hashes(tokens: Tokens, ann: Person) -> None:
    secret = tokens.create(ann, "nightly", scope="read", project="p1")
    opened = tokens.access(secret)
    assert (opened.person, opened.scope, opened.project) == (ann, "read", "p1")
    assert [(info.name, info.scope, info.expires_at) for info in tokens.of(ann)] == [("nightly", "read", None)]
    with tokens.database.reading() as connection:
        assert secret not in str(connection.exec_driver_sql("SELECT * FROM token").all())


def test_what_cannot_be_is_refused(tokens: Tokens, ann: Person) -> None:
    tokens.create(ann, "nightly", scope="read")
    with pytest.raises(Conflict, match="nightly"):
        tokens.create(ann, "nightly", scope="label")
    with pytest.raises(BadValue, match="must be one of read"):
        tokens.create(ann, "x", scope="everything")  # type: ignore[arg-type]
    with pytest.raises(BadValue, match="needs a name"):
        tokens.create(ann, " ", scope="label")
    for days in (0, -1, 10_000_000):
        with pytest.raises(BadValue, match="days"):
            tokens.create(ann, "x", scope="label", days=days)
    assert [info.name for info in tokens.of(ann)] == ["nightly"]


def test_a_token_ends_by_time_and_makes_room_for_another_of_its_name(tokens: Tokens, ann: Person, clock: Clock) -> None:
    secret = tokens.create(ann, "a day", scope="read", days=1)
    clock.sleep(DAY - 1)
    assert tokens.access(secret).scope == "read"
    clock.sleep(1)
    with pytest.raises(NotSignedIn, match="not valid"):
        tokens.access(secret)
    assert tokens.access(tokens.create(ann, "a day", scope="label", days=1)).scope == "label"


def test_a_token_ends_when_it_is_revoked(tokens: Tokens, ann: Person) -> None:
    bob = tokens.people.create_person("bob", role="annotator")
    secret = tokens.create(ann, "nightly", scope="read")
    with pytest.raises(NotFound, match="nightly"):
        tokens.revoke(bob, "nightly")
    tokens.revoke(ann, "nightly")
    with pytest.raises(NotSignedIn):
        tokens.access(secret)
    with pytest.raises(NotFound, match="nightly"):
        tokens.revoke(ann, "nightly")


def test_who_has_left_has_no_tokens_and_gets_none(tokens: Tokens, ann: Person) -> None:
    secret = tokens.create(ann, "nightly", scope="read")
    tokens.people.change_person("ann", active=False)
    with pytest.raises(Conflict, match="ann may not sign in"):
        tokens.create(ann, "another", scope="read")
    tokens.people.change_person("ann", active=True)
    with pytest.raises(NotSignedIn):
        tokens.access(secret)


def test_secrets_have_one_purpose(tokens: Tokens, ann: Person) -> None:
    api, link = tokens.create(ann, "notebook", scope="label"), tokens.people.create_link_token("ann")
    for use, secret in ((tokens.people.consume_link_token, api), (tokens.access, link), (tokens.people.session, api)):
        with pytest.raises(NotSignedIn):
            use(secret)


def test_a_token_of_before_scopes_has_the_rights_of_its_person(tokens: Tokens, ann: Person) -> None:
    secret = tokens.create(ann, "old", scope="read")
    with tokens.database.writing() as connection:
        connection.execute(update(TOKEN).values(scope=None))
    assert tokens.access(secret).scope is None


def test_of_many_who_make_a_token_of_one_name_at_once_one_does(tokens: Tokens, ann: Person) -> None:
    def make(_: int) -> bool:
        try:
            tokens.create(ann, "nightly", scope="read")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(make, range(12))) == 1
    assert len(tokens.of(ann)) == 1
