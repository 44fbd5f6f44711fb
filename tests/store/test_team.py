"""Who belongs where: memberships, invitations, sessions, identities elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from querist.errors import BadValue, Conflict, Denied, NotFound, NotSignedIn
from querist.store.people import People
from querist.store.team import Team

PASSWORD = "correct horse battery"
HOUR = 3_600_000_000


class Clock:
    now = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def team(clock: Clock) -> Team:
    people = People.open("sqlite://", clock=clock, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    for name, role in (("olga", "owner"), ("max", "manager"), ("rita", "reviewer"), ("ann", "annotator")):
        people.create_person(name, role=role)  # type: ignore[arg-type]
    return Team(people)


def test_an_invitation_works_once_and_to_what_it_says(team: Team) -> None:
    olga = team.people.find("olga")
    token, invited = team.invite(olga, role="reviewer", project="p1")
    assert [entry.id for entry in team.invitations("p1")] == [invited.id]
    eve = team.join(token, name="eve", password=PASSWORD)
    assert (eve.role, team.role_in(eve, "p1"), team.role_in(eve, "p2")) == ("member", "reviewer", "member")
    assert team.people.authenticate("eve", PASSWORD) == eve
    for again in (token, "made up"):
        with pytest.raises(NotSignedIn, match="invitation"):
            team.join(again, name="mallory", password=PASSWORD)
    assert team.invitations("p1") == []


def test_an_invitation_ends_by_time_or_by_being_taken_back(team: Team, clock: Clock) -> None:
    olga = team.people.find("olga")
    late, _ = team.invite(olga, role="annotator", seconds=3600)
    back, invited = team.invite(olga, role="annotator", project="p1")
    with pytest.raises(NotFound):
        team.take_back(invited.id, "p2")
    team.take_back(invited.id, "p1")
    clock.now += HOUR
    for token in (late, back):
        with pytest.raises(NotSignedIn):
            team.join(token, name="eve", password=PASSWORD)
    with pytest.raises(NotFound):
        team.people.find("eve")


def test_a_name_that_is_taken_leaves_the_invitation_open(team: Team) -> None:
    token, _ = team.invite(team.people.find("olga"), role="annotator")
    with pytest.raises(Conflict, match="ann"):
        team.join(token, name="ann", password=PASSWORD)
    with pytest.raises(BadValue, match="10 to 200 characters"):
        team.join(token, name="eve", password="short")
    assert team.join(token, name="eve", password=PASSWORD).role == "annotator"


def test_nobody_gives_a_role_above_their_own(team: Team) -> None:
    manager = team.people.find("max")
    with pytest.raises(Denied, match="above your own"):
        team.invite(manager, role="owner")
    with pytest.raises(Denied):
        team.change("manager", "olga", role="annotator")
    with pytest.raises(Denied):
        team.set_member("manager", "p1", "ann", "owner")
    with pytest.raises(Denied):
        team.set_member("manager", "p1", "olga", "member")
    with pytest.raises(BadValue, match="must be one of owner"):
        team.change("owner", "ann", role="emperor")  # type: ignore[arg-type]
    assert team.change("owner", "max", role="annotator").role == "annotator"


def test_power_over_somebody_takes_the_most_that_they_may_do_anywhere(team: Team) -> None:
    team.set_member("owner", "p1", "ann", "owner")
    assert team.highest(team.people.find("ann")) == "owner"
    with pytest.raises(Denied, match="ann is owner, which is above your own role, manager"):
        team.below("manager", "ann")
    with pytest.raises(Denied):
        team.change("manager", "ann", active=False)
    assert team.below("manager", "rita").name == "rita"


@pytest.fixture
def crowd(store_url: str, tmp_path: Path) -> Iterator[Team]:
    """A team whose database many use at once."""
    people = People.open(store_url, root=tmp_path, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield Team(people)
    people.close()


class Together(PasswordHasher):
    """Hashes when all have come so far: everybody has then read the invitation, and nobody has taken it up."""

    def __init__(self, people: int) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.all = threading.Barrier(people)

    def hash(self, *given: Any, **more: Any) -> str:
        self.all.wait(timeout=20)
        return super().hash(*given, **more)


def test_of_many_who_take_up_one_invitation_at_once_one_gets_an_account(crowd: Team) -> None:
    olga = crowd.people.create_person("olga", role="owner")
    token, _ = crowd.invite(olga, role="manager")
    team = Team(People(crowd.database, hasher=Together(4)))

    def join(number: int) -> bool:
        try:
            team.join(token, name=f"eve {number}", password=PASSWORD)
        except NotSignedIn:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(join, range(4))) == 1
    assert [person.role for person in crowd.people.people()].count("manager") == 1


def test_of_two_owners_who_end_each_other_one_stays(crowd: Team) -> None:
    names = [crowd.people.create_person(f"olga {number}", role="owner").name for number in range(2)]
    start = threading.Barrier(2)

    def end(name: str) -> bool:
        start.wait()
        try:
            return not crowd.change("owner", name, active=False).active
        except Conflict:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(end, names)) == 1
    assert [person.active for person in crowd.people.people()].count(True) == 1


def test_the_last_owner_stays(team: Team) -> None:
    for change in ({"role": "manager"}, {"active": False}):
        with pytest.raises(Conflict, match="only owner"):
            team.change("owner", "olga", **change)  # type: ignore[arg-type]
    team.change("owner", "max", role="owner")
    assert not team.change("owner", "olga", active=False).active


def test_membership_adds_to_the_role_everywhere_and_can_be_taken(team: Team) -> None:
    ann = team.people.find("ann")
    team.set_member("owner", "p1", "ann", "manager")
    assert (team.role_in(ann, "p1"), team.role_in(ann, "p2")) == ("manager", "annotator")
    assert team.projects_of(ann) == {"p1": "manager"}
    assert {person.name: role for person, role in team.members("p1")}["ann"] == "manager"
    team.set_member("owner", "p1", "ann", "member")
    assert team.role_in(ann, "p1") == "annotator"


def test_sessions_are_listed_without_their_secret_and_can_be_ended(team: Team) -> None:
    ann, rita = team.people.find("ann"), team.people.find("rita")
    cookies = [team.people.create_session(ann.id)[0] for _ in range(3)]
    shown = team.sessions(ann)
    assert len(shown) == 3
    assert not any(cookie in str(shown) for cookie in cookies)
    with pytest.raises(NotFound):
        team.end_session(rita, shown[0].id)
    team.end_session(ann, shown[0].id)
    assert len(team.sessions(ann)) == 2
    alive = [cookie for cookie in cookies if _is_alive(team, cookie)]
    assert team.end_sessions(ann, keep=alive[0]) == 1
    assert [_is_alive(team, cookie) for cookie in alive] == [True, False]
    assert team.signed_in() == {ann.id: 1}


def test_who_is_signed_out_everywhere_cannot_come_back_by_a_link_of_before(team: Team) -> None:
    ann = team.people.find("ann")
    link = team.people.create_link_token("ann")
    team.end_sessions(ann)
    with pytest.raises(NotSignedIn):
        team.people.consume_link_token(link)


def _is_alive(team: Team, cookie: str) -> bool:
    try:
        team.people.session(cookie)
    except NotSignedIn:
        return False
    return True


def test_a_change_of_role_signs_out(team: Team) -> None:
    ann = team.people.find("ann")
    cookie, _ = team.people.create_session(ann.id)
    team.change("owner", "ann", role="reviewer")
    assert not _is_alive(team, cookie)


def test_an_identity_elsewhere_is_one_account(team: Team) -> None:
    ann, rita = team.people.find("ann"), team.people.find("rita")
    assert team.known_as("https://id.example", "123") is None
    team.link(ann, "https://id.example", "123")
    assert team.known_as("https://id.example", "123") == ann
    assert team.known_as("https://other.example", "123") is None
    with pytest.raises(Conflict):
        team.link(rita, "https://id.example", "123")
