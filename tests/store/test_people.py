from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from querist.errors import BadValue, Conflict, NotFound, NotSignedIn, TooMany
from querist.store.people import ATTEMPTS, People
from querist.store.tokens import Tokens

from .conftest import Clock

GOOD = "correct horse"


@pytest.fixture
def people(tmp_path: Path, clock: Clock) -> Iterator[People]:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    people = People.open("sqlite:///people.db", root=tmp_path, clock=clock, hasher=quick)
    yield people
    people.close()


def test_the_first_admin_gets_a_random_password_once(people: People) -> None:
    made = people.create_first_admin()
    assert made is not None
    admin, password = made
    assert (admin.name, admin.role, admin.must_change_password) == ("admin", "owner", True)
    assert people.authenticate("admin", password) == admin
    assert people.create_first_admin() is None
    changed = people.change_password(admin.id, "a new password", old=password)
    assert not changed.must_change_password
    assert people.authenticate("admin", "a new password").id == admin.id
    with pytest.raises(NotSignedIn):
        people.authenticate("admin", password)


def test_wrong_name_and_wrong_password_say_the_same(people: People) -> None:
    people.create_person("ann", role="annotator", password=GOOD)
    people.create_person("bob", role="annotator")
    said = set()
    for name in ("ann", "bob", "nobody"):
        with pytest.raises(NotSignedIn) as caught:
            people.authenticate(name, "wrong password")
        said.add(caught.value.message)
    assert said == {"name or password is wrong"}


def test_wrong_attempts_are_limited_and_forgotten_after_a_quarter_of_an_hour(people: People, clock: Clock) -> None:
    people.create_person("ann", role="annotator", password=GOOD)
    for _ in range(ATTEMPTS["both"]):
        with pytest.raises(NotSignedIn):
            people.authenticate("ann", "wrong password", source="10.0.0.1")
    with pytest.raises(TooMany, match="15 min"):
        people.authenticate("ann", GOOD, source="10.0.0.1")
    # Somebody else's guesses do not keep Ann out.
    assert people.authenticate("ann", GOOD, source="10.0.0.2").name == "ann"
    clock.sleep(901)
    assert people.authenticate("ann", GOOD, source="10.0.0.1").name == "ann"


def test_changing_the_password_ends_the_other_sessions(people: People) -> None:
    ann = people.create_person("ann", role="annotator", password=GOOD)
    here, _ = people.create_session(ann.id)
    there, _ = people.create_session(ann.id)
    with pytest.raises(NotSignedIn, match="old password"):
        people.change_password(ann.id, "a new password", old="wrong password")
    with pytest.raises(BadValue, match="10 to 200"):
        people.change_password(ann.id, "short", old=GOOD)
    with pytest.raises(BadValue, match="is the old password"):
        people.change_password(ann.id, GOOD, old=GOOD)
    people.change_password(ann.id, "a new password", old=GOOD, keep=here)
    assert people.session(here).person.id == ann.id
    with pytest.raises(NotSignedIn):
        people.session(there)


def test_sessions_end(people: People, clock: Clock) -> None:
    ann = people.create_person("ann", role="annotator", password=GOOD)
    token, session = people.create_session(ann.id, by_link=True, seconds=60)
    assert people.session(token) == session
    assert session.by_link
    other, _ = people.create_session(ann.id)
    people.end_session(other)
    with pytest.raises(NotSignedIn):
        people.session(other)
    clock.sleep(60)
    with pytest.raises(NotSignedIn):
        people.session(token)


def test_a_link_signs_in_once(people: People, clock: Clock) -> None:
    ann = people.create_person("ann", role="annotator")
    token = people.create_link_token("ann")
    assert people.consume_link_token(token) == ann
    with pytest.raises(NotSignedIn):
        people.consume_link_token(token)
    late = people.create_link_token("ann", seconds=10)
    clock.sleep(10)
    with pytest.raises(NotSignedIn):
        people.consume_link_token(late)


def test_who_has_left_is_signed_out_at_once(people: People) -> None:
    ann = people.create_person("ann", role="annotator", password=GOOD)
    session, _ = people.create_session(ann.id)
    assert people.change_person("ann", active=False).active is False
    with pytest.raises(NotSignedIn):
        people.session(session)
    with pytest.raises(NotSignedIn):
        people.authenticate("ann", GOOD)
    with pytest.raises(NotSignedIn):
        people.create_session(ann.id)
    with pytest.raises(Conflict, match="ann may not sign in"):
        people.create_link_token("ann")
    assert people.change_person("ann", active=True, role="reviewer").role == "reviewer"


def test_names_and_roles_are_checked(people: People) -> None:
    people.create_person("ann", role="annotator")
    with pytest.raises(Conflict, match="'ann' already"):
        people.create_person("ann", role="owner")
    with pytest.raises(BadValue, match="role = 'boss'"):
        people.create_person("bob", role="boss")  # type: ignore[arg-type]
    with pytest.raises(BadValue, match="name"):
        people.create_person(" ", role="owner")
    with pytest.raises(NotFound, match="'eve'"):
        people.find("eve")


def test_a_stolen_database_opens_nothing(people: People, tmp_path: Path) -> None:
    ann = people.create_person("ann", role="annotator", password=GOOD)
    token = Tokens(people).create(ann, "x", scope="read")
    secrets = [GOOD, token, people.create_session(ann.id)[0], people.create_link_token("ann")]
    people.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("people.db*"))
    assert b"argon2id" in stored
    assert not [secret for secret in secrets if secret.encode() in stored]


def test_passwords_cost_more_as_time_goes_by(people: People) -> None:
    people.create_person("ann", role="annotator", password=GOOD)
    dearer = People(people.database, hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    for _ in range(2):
        assert dearer.authenticate("ann", GOOD).name == "ann"
    with people.database.reading() as connection:
        kept = connection.execute(text("SELECT password FROM person")).scalar_one()
    assert "m=16,t=2" in kept


def test_the_usual_cost_is_what_argon2_advises() -> None:
    people = People.open("sqlite://")
    people.create_person("ann", role="annotator", password=GOOD)
    with people.database.reading() as connection:
        kept = connection.execute(text("SELECT password FROM person")).scalar_one()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    people.close()


def test_any_use_can_be_limited(people: People, clock: Clock) -> None:
    for _ in range(3):
        people.limit("upload p_1", 3, seconds=60)
    with pytest.raises(TooMany):
        people.limit("upload p_1", 3, seconds=60)
    people.limit("upload p_2", 3, seconds=60)
    clock.sleep(61)
    people.limit("upload p_1", 3, seconds=60)


def test_two_databases_do_not_share_people(people: People) -> None:
    other = People.open("sqlite://")
    people.create_person("ann", role="annotator")
    assert other.people() == []
    with other.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM person")).scalar_one() == 0
    other.close()
