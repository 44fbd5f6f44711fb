"""A project of a team in real browsers: invite, label with overlap, disagree, settle, see the agreement, revoke."""

import pytest

from querist.engine.asking_again import change_gold
from querist.engine.project import Project
from querist.server.contents import API
from tests.e2e.test_pages import Person

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


class Invited(Person):
    """Somebody who comes by an invitation."""

    def __init__(self, browser, base: str, link: str, name: str) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.complaints: list[str] = []
        self.page = self.open()
        self.base = base
        self.page.goto(link)
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Make my account").click()
        self.page.wait_for_url("**/projects", timeout=60_000)


class Second(Person):
    """Another browser of somebody who is signed in elsewhere."""

    def __init__(self, browser, owner: Person, name: str) -> None:
        self.context = browser.new_context()
        self.complaints: list[str] = []
        self.page = self.open()
        owner.page.goto(f"{owner.base}/people")
        owner.page.get_by_role("button", name=f"Sign-in link for {name}").click()
        self.page.goto(owner.page.locator("code.once").inner_text(timeout=60_000))
        self.page.wait_for_url("**/p*/**", timeout=60_000)


def invite(person: Person, project: str, role: str) -> str:
    page = person.page
    page.goto(f"{person.base}/p/{project}/team")
    page.get_by_label("Invite as").select_option(role)
    page.get_by_role("button", name="Invite", exact=True).click()
    return page.locator("code.once").inner_text(timeout=60_000)


def test_a_team_from_the_invitation_to_the_end_of_access(serve, new_project, chromium):
    folder = new_project()
    settings = folder / "querist.toml"
    settings.write_text(settings.read_text().replace("[labels]\n", "[labels]\nopinions = 2\n"))
    served = serve(folder)
    owner = Person(chromium, served)
    project = Project.open(folder).id
    manager = Invited(chromium, owner.base, invite(owner, project, "manager"), "mona")
    links = {name: invite(manager, project, role) for name, role in
             (("rita", "reviewer"), ("ann", "annotator"), ("bob", "annotator"))}  # fmt: skip
    rita, ann, bob = (Invited(chromium, owner.base, link, name) for name, link in links.items())

    # Each item of the first is finished by the second; they differ about three.
    for person, keys in ((ann, ["Digit1"] * 12), (bob, ["Digit1"] * 9 + ["Digit2"] * 3)):
        person.page.goto(f"{person.base}/p/{project}/label")
        person.press(*keys)
        person.all_saved()
    live = Project.open(folder).state().live
    assert sorted(len(answers) for answers in live.values()) == [2] * 12

    # Who labels sees their own figures only, and settles nothing.
    ann.page.goto(f"{ann.base}/p/{project}/team")
    ann.page.wait_for_selector("tbody tr", timeout=60_000)
    assert ann.page.locator("tbody tr").count() == 1
    assert ann.page.get_by_role("link", name="Review").count() == 0

    rita.page.goto(f"{rita.base}/p/{project}/review")
    rita.page.get_by_role("heading", name="3 items wait for a decision").wait_for(timeout=60_000)
    assert "ann" not in rita.page.locator(".opinions").inner_text()
    rita.page.keyboard.press("a")
    rita.page.keyboard.press("Enter")
    rita.page.get_by_role("heading", name="2 items wait for a decision").wait_for(timeout=60_000)
    decided = list(Project.open(folder).store.events(kinds=["answer_adjudicated"]))
    assert len(decided) == 1

    # The manager sees how far they agree; the owner ends one person's access.
    manager.page.goto(f"{manager.base}/p/{project}/team")
    manager.page.get_by_text("75 %").first.wait_for(timeout=60_000)
    rows = manager.page.locator("tbody td:first-child").all_inner_texts()
    assert sorted(text.split("\n")[0] for text in rows) == ["ann", "bob"]
    assert all("too quick to be read" in text for text in rows), "a dozen keys in a second or two are flagged"
    owner.page.goto(f"{owner.base}/p/{project}/team")
    owner.page.get_by_label("Role of bob").select_option("member")
    owner.page.get_by_label("Role of bob").wait_for(state="detached", timeout=60_000)
    assert bob.context.request.get(f"{bob.base}{API}/projects/{project}").status == 404
    assert ann.context.request.get(f"{ann.base}{API}/projects/{project}").status == 200
    for person in (owner, manager, rita, ann):
        assert person.complaints == []
        person.context.close()
    bob.context.close()


def test_an_owner_sees_who_is_signed_in_and_ends_it_and_anybody_keeps_their_own_tokens(serve, new_project, chromium):
    folder = new_project()
    owner = Person(chromium, serve(folder))
    project = Project.open(folder).id
    ann = Invited(chromium, owner.base, invite(owner, project, "annotator"), "ann")

    # A token of one's own: made, shown once, used, revoked.
    ann.page.goto(f"{ann.base}/account")
    ann.page.get_by_label("Name").fill("nightly")
    ann.page.get_by_label("It may").select_option("label")
    ann.page.get_by_role("button", name="Make a token").click()
    token = ann.page.locator("code.once").inner_text(timeout=60_000)
    program = chromium.new_context(extra_http_headers={"Authorization": f"Bearer {token}"}).request
    assert program.post(f"{ann.base}{API}/projects/{project}/next", data={"n": 1}).status == 200
    ann.page.reload()
    ann.page.get_by_text("nightly", exact=True).wait_for(timeout=60_000)
    assert token not in ann.page.content()
    ann.page.get_by_role("button", name="Revoke nightly").click()
    ann.page.get_by_text("You have none.").wait_for(timeout=60_000)
    assert program.get(f"{ann.base}{API}/me").status == 401

    # Another browser of hers: ended from the first one.
    second = Second(chromium, owner, "ann")
    ann.page.reload()
    ann.page.get_by_role("button", name="End the other session").click()
    ann.page.get_by_text("1 session ended").wait_for(timeout=60_000)
    assert second.context.request.get(f"{ann.base}{API}/me").status == 401

    # The owner signs her out, lets her in by a link, and ends her access.
    owner.page.goto(f"{owner.base}/people")
    owner.page.get_by_role("button", name="Sign ann out everywhere").click()
    owner.page.get_by_text("ann: 1 session ended").wait_for(timeout=60_000)
    assert ann.context.request.get(f"{ann.base}{API}/me").status == 401
    owner.page.get_by_role("button", name="Sign-in link for ann").click()
    ann.page.goto(owner.page.locator("code.once").inner_text(timeout=60_000))
    ann.page.wait_for_url("**/p*/**", timeout=60_000)
    owner.page.get_by_role("button", name="End the access of ann").click()
    owner.page.get_by_text("may not sign in").wait_for(timeout=60_000)
    assert ann.context.request.get(f"{ann.base}{API}/me").status == 401
    assert owner.complaints == []
    for person in (owner, ann, second):
        person.context.close()


def test_in_training_the_known_answer_and_its_reason_stand_before_the_next_item(serve, new_project, chromium):
    folder = new_project()
    settings = folder / "querist.toml"
    told = settings.read_text().replace("[labels]\n", "[labels]\ntraining = true\n")
    settings.write_text(told.replace("[lanes]\n", "[lanes]\ngold = 0.3\n"))
    project = Project.open(folder)
    items = project.pool().items[:200]
    change_gold(project, "boss", "gold", dict.fromkeys(items, "3"), reasons=dict.fromkeys(items, "Open to the left."))
    me = Person(chromium, serve(folder))
    me.page.goto(f"{me.base}/p/{project.id}/label")
    sheet = me.page.locator("dialog[open]")
    for _ in range(12):
        me.press("Digit4")
        me.all_saved()
        me.page.wait_for_timeout(200)
        if sheet.count():
            break
    told = sheet.inner_text()
    assert "Another answer is known" in told
    assert [word in told for word in ("four", "three", "Open to the left.")] == [True] * 3
    before = len(Project.open(folder).state().live)
    me.page.keyboard.press("Digit5")  # no answer goes past a lesson
    me.page.keyboard.press("Enter")
    sheet.wait_for(state="detached", timeout=10_000)
    assert len(Project.open(folder).state().live) == before
    me.press("Digit4")
    me.all_saved()
    assert me.complaints == []
    me.context.close()
