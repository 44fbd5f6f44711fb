from __future__ import annotations

import io
import zipfile

import httpx
import pytest
from PIL import Image

from querist.server.app import create_app
from querist.server.contents import API
from querist.server.site import Site
from querist.store.lock import IMPORT_LOCK, lock

REVIEWS = "body,sentiment,doc_id\n" + "".join(
    f"the {n}th film was {'good and long' if n % 2 else 'bad and short'} I say,{'pos' if n % 2 else 'neg'},d{n}\n"
    for n in range(30)
)


@pytest.fixture(scope="module")
def home(house, run_app, tmp_path_factory):
    """A server of a folder that holds one project, and has room for more."""
    folder = tmp_path_factory.mktemp("home")
    house.copy_to(folder / "digits")
    site = Site.open(folder)
    site.people.create_first_admin()
    client = run_app(create_app(site, pages_folder=folder))
    sign_in(client, site, "admin")
    yield folder, site, client
    site.close()


def sign_in(client, site, name):
    me = client.post(f"{API}/session", json={"token": site.people.create_link_token(name)}).json()
    client.headers["X-CSRF-Token"] = me["csrf"]


def upload(client, name="My reviews.csv", data=REVIEWS):
    return client.post(f"{API}/projects/inspect", files={"file": (name, data.encode())})


def test_a_file_is_looked_at_before_anything_is_made(home):
    folder, _, client = home
    found = upload(client)
    assert found.status_code == 200, found.text
    told = found.json()
    assert (told["rows"], told["filename"]) == (30, "My reviews.csv")
    assert (told["text"], told["label"], told["id"]) == ("body", "sentiment", "doc_id")
    assert told["labels"] == ["neg", "pos"]
    assert told["preview"][0] == {"doc_id": "d0", "body": "the 0th film was bad and short I say", "sentiment": "neg"}
    assert [column["name"] for column in told["columns"]] == ["body", "sentiment", "doc_id"]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["digits"]


def test_rows_that_cannot_be_read_are_named_with_their_lines(home):
    told = upload(home[2], data=REVIEWS + "one,two,three,four,five\n").json()
    assert (told["rows"], told["rejected_count"]) == (30, 1)
    assert told["rejected"][0]["line"] == 32
    assert told["rejected"][0]["reason"]


def test_a_project_is_made_of_an_upload_and_can_be_labelled(home):
    folder, _, client = home
    name = upload(client).json()["upload"]
    form = {"name": "Film reviews", "upload": name, "text": "body", "id": "doc_id", "classes": ["neg", "pos"]}
    made = client.post(f"{API}/projects", json={**form, "budget": 200, "target": 0.9, "question": "Good?"})
    assert made.status_code == 201, made.text
    project = made.json()
    assert (project["name"], project["classes"], project["question"]) == ("Film reviews", ["neg", "pos"], "Good?")
    assert (project["budget"], project["target"]) == (200, 0.9)
    assert (folder / "film-reviews" / "querist.toml").is_file()
    assert client.get(f"{API}/projects/{project['id']}/items").json()["items"]
    assert len(client.get(f"{API}/projects").json()["projects"]) >= 2
    assert client.get(f"{API}/projects").json()["may_create"] is True
    again = client.post(f"{API}/projects", json=form)
    assert (again.status_code, again.json()["field"]) == (409, "name")


def test_the_sample_makes_a_project_without_a_file(home):
    made = home[2].post(f"{API}/projects", json={"name": "More digits", "sample": "digits"})
    assert made.status_code == 201, made.text
    assert made.json()["kind"] == "image"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"text": "bodi"}, "column"),
        ({"classes": []}, "labels"),
        ({"upload": "0" * 32 + ".csv"}, "upload"),
        ({"upload": "../digits/querist.db"}, "upload"),
        ({"upload": None}, "upload"),
        ({"sample": "digits"}, "upload"),
    ],
)
def test_what_is_wrong_is_named_and_leaves_nothing_behind(home, wrong, field):
    folder, _, client = home
    before = sorted(folder.iterdir())
    form = {"name": "Wrong", "upload": upload(client).json()["upload"], "text": "body", "classes": ["neg", "pos"]}
    answer = client.post(f"{API}/projects", json={**form, **wrong})
    assert answer.status_code in {404, 422}, answer.text
    assert answer.json()["field"] == field
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["x.exe", "x.zip", "../x", ""])
def test_files_of_other_kinds_are_refused(home, name):
    assert upload(home[2], name=name).status_code == 422


def test_a_server_of_one_project_makes_no_others(house):
    client = house.signed_in()
    assert client.get(f"{API}/projects").json()["may_create"] is False
    assert client.post(f"{API}/projects", json={"name": "x", "sample": "digits"}).status_code == 409
    assert upload(client).status_code == 409


def test_who_only_labels_makes_no_projects(home):
    _, site, client = home
    site.people.create_person("anna", role="annotator")
    with httpx.Client(base_url=client.base_url) as anna:
        sign_in(anna, site, "anna")
        assert upload(anna).status_code == 403
        assert anna.post(f"{API}/projects", json={"name": "x", "sample": "digits"}).status_code == 403


@pytest.fixture
def reviews(home):
    """A project of thirty reviews that has just been made."""
    _, site, client = home
    sign_in(client, site, "admin")
    name = upload(client).json()["upload"]
    roles = {"text": "body", "label": "sentiment", "id": "doc_id"}
    form = {"name": f"Reviews {name[:8]}", "upload": name, "classes": ["neg", "pos"], **roles}
    return client.post(f"{API}/projects", json=form).json()["id"]


def add_items(client, project, data, name="more.csv"):
    return client.post(f"{API}/projects/{project}/items", files={"file": (name, data.encode())})


def test_more_items_join_a_project_that_is_there(home, reviews):
    client = home[2]
    same = "the 0th film was bad and short I say,neg,d0"
    more = f"body,sentiment,doc_id\n{same}\na fresh one,,e1\nanother,pos,e2\nodd,meh,e3\n"
    told = add_items(client, reviews, more + "one,two,three,four,five\n").json()
    assert (told["added"], told["known"], told["labelled"], told["no_class"]) == (3, 1, 1, {"meh": 1})
    assert [row["line"] for row in told["rejected"]] == [6]
    again = add_items(client, reviews, more).json()
    assert (again["added"], again["known"], again["labelled"]) == (0, 4, 0)


def test_a_file_of_another_form_is_refused_and_changes_nothing(home, reviews):
    client = home[2]
    refused = add_items(client, reviews, "text,id\na,1\n")
    assert refused.status_code == 422
    assert "unknown column" in refused.json()["error"]
    assert add_items(client, reviews, "x", name="more.exe").status_code == 422


def test_an_import_waits_for_no_other_and_says_so(home, reviews):
    _, site, client = home
    folder = next(project.folder for project in site.projects_of(site.admin()) if project.id == reviews)
    with lock(folder, IMPORT_LOCK, "import"):
        refused = add_items(client, reviews, "body,sentiment,doc_id\na fresh one,,e1\n")
    assert refused.status_code == 503
    assert "in use by another import" in refused.json()["error"]


def picture(shade):
    kept = io.BytesIO()
    Image.new("RGB", (32, 24), (shade, 90, 90)).save(kept, "PNG")
    return kept.getvalue()


def archive(files):
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return kept.getvalue()


PICTURES = {f"cells/{n}.png": picture(n) for n in range(6)}
TONES = {f"{n}.wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes([n] * 40) for n in range(6)}
ROWS = "asked,a,b,strength\n" + "".join(f"is {n} more than two?,yes it is {n},no,{n / 2}\n" for n in range(8))
KINDS = [
    ("single_label", "r.csv", ROWS, {"text": "asked", "classes": ["x", "y"]}),
    ("multi_label", "r.csv", ROWS, {"text": "asked", "classes": ["x", "y"], "settings": {"at_least": 1}}),
    ("numeric", "r.csv", ROWS, {"columns": ["a", "b"], "settings": {"low": 0, "high": 4.5, "unit": "MPa"}}),
    ("numeric", "r.csv", ROWS, {"columns": ["a", "b"], "label": "strength"}),
    ("pairwise", "r.csv", ROWS, {"pair": ["a", "b"], "text": "asked", "settings": {"tie": False}}),
    ("ranking", "r.csv", ROWS, {"columns": ["a", "b", "asked"]}),
    ("spans", "r.csv", ROWS, {"text": "asked", "classes": ["x"], "settings": {"overlap": True}}),
    ("relations", "r.csv", ROWS, {"text": "asked", "classes": ["x"], "settings": {"relations": ["of"]}}),
    ("boxes", "cells.zip", archive(PICTURES), {"classes": ["x"], "settings": {"same": 0.6}}),
    (
        "polygons",
        "cells.zip",
        archive(PICTURES | {"cells/t.csv": "f\n0.png\n1.png\n"}),
        {"image": "f", "classes": ["x"]},
    ),
    ("text", "r.csv", ROWS, {"text": "asked", "settings": {"start": "empty", "most": 50}}),
    ("single_label", "tones.zip", archive(TONES), {"audio": "file", "classes": ["x", "y"]}),
]


@pytest.mark.parametrize(("task", "file", "data", "form"), KINDS)
def test_every_kind_of_label_begins_with_an_upload_and_gives_its_first_item(home, task, file, data, form):
    _, site, client = home
    data = data if isinstance(data, bytes) else data.encode()
    told = client.post(f"{API}/projects/inspect", files={"file": (file, data)}).json()
    name = f"{task} {len(site.projects_of(site.admin()))}"
    made = client.post(f"{API}/projects", json={"name": name, "upload": told["upload"], "task": task, **form})
    assert made.status_code == 201, made.text
    project = made.json()
    assert project["task"] == task
    assert {key: project["task_settings"][key] for key in form.get("settings", {})} == form.get("settings", {})
    shown = client.get(f"{API}/projects/{project['id']}/items").json()["items"]
    assert shown
    if "url" in shown[0]["content"]["value"]:
        assert client.get(shown[0]["content"]["value"]["url"]).status_code == 200


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"task": "boxes", "text": "asked", "classes": ["x"]}, "task", "is asked about pictures"),
        ({"task": "pairwise", "text": "asked"}, "task", "is asked about pairs"),
        ({"task": "numeric", "text": "asked"}, "high", "give the range"),
        ({"task": "relations", "text": "asked", "classes": ["x"]}, "relations", "name at least one"),
        ({"task": "spans", "text": "asked", "classes": ["x"], "settings": {"overlap": "yes"}}, "overlap", "boolean"),
        ({"task": "spans", "text": "nobody", "classes": ["x"]}, "column", "nobody"),
        ({"task": "spam", "text": "asked", "classes": ["x"]}, "task", ""),
        ({"task": "single_label", "text": "asked", "classes": ["x", "x"]}, "classes", "x"),
    ],
)
def test_a_project_that_cannot_be_is_refused_and_leaves_nothing_behind(home, form, field, words):
    folder, _, client = home
    before = sorted(path.name for path in folder.iterdir())
    told = upload(client, data=ROWS).json()
    said = client.post(f"{API}/projects", json={"name": "never", "upload": told["upload"], **form})
    assert said.status_code in (400, 404, 422), said.text
    assert said.json()["field"].endswith(field), said.text
    assert words in said.json()["error"]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_more_pictures_join_a_project_of_pictures(home):
    _, _, client = home
    told = client.post(f"{API}/projects/inspect", files={"file": ("c.zip", archive(PICTURES))}).json()
    form = {"name": "growing", "upload": told["upload"], "task": "boxes", "classes": ["x"]}
    project = client.post(f"{API}/projects", json=form).json()["id"]
    more = archive({"0.png": picture(0), "new.png": picture(200)})
    added = client.post(f"{API}/projects/{project}/items", files={"file": ("more.zip", more)}).json()
    assert added["added"] == 1, added
    urls = [item["content"]["value"]["url"] for item in client.get(f"{API}/projects/{project}/items").json()["items"]]
    assert len(urls) == 7
    assert {client.get(url).status_code for url in urls} == {200}
    table = client.post(f"{API}/projects/{project}/items", files={"file": ("t.zip", archive({"t.csv": "f\n0.png\n"}))})
    assert (table.status_code, table.json()["field"]) == (422, "file")


@pytest.mark.parametrize(
    ("file", "data", "fitting"),
    [
        (
            "r.csv",
            ROWS.encode(),
            {"multi_label", "numeric", "pairwise", "ranking", "relations", "single_label", "spans"},
        ),
        (
            "one.csv",
            b"text\nhello you\nbye now\n",
            {"multi_label", "numeric", "ranking", "relations", "single_label", "spans"},
        ),
        ("c.zip", archive(PICTURES), {"boxes", "multi_label", "numeric", "polygons", "single_label"}),
        ("t.zip", archive(TONES), {"multi_label", "numeric", "single_label"}),
    ],
)
def test_a_file_says_which_kinds_of_label_fit_its_items(home, file, data, fitting):
    told = home[2].post(f"{API}/projects/inspect", files={"file": (file, data)}).json()
    assert {kind["task"] for kind in told["kinds"] if kind["fits"]} == fitting | {"text"}
    assert {kind["task"]: kind["learns"] for kind in told["kinds"]}["single_label"] is True


def test_how_people_label_is_set_from_the_page(home):
    _, _, client = home
    told = client.post(f"{API}/projects", json={"name": "set later", "sample": "digits"}).json()
    url = f"{API}/projects/{told['id']}"
    change = {"key": "7f8de9b5-4a51-4a3b-9a1d-7a1d2e0c1a11", "opinions": 2, "prefill": "after", "blind_share": 0.5}
    labels = client.patch(url, json={**change, "show_reasons": False, "break_minutes": 0}).json()["settings"]["labels"]
    assert (labels["opinions"], labels["prefill"], labels["blind_share"]) == (2, "after", 0.5)
    assert (labels["show_reasons"], labels["break_minutes"]) == (False, 0)
    for wrong in ({"opinions": 0}, {"prefill": "always"}, {"blind_share": 1.5}, {"break_minutes": -1}):
        assert client.patch(url, json={**change, **wrong}).status_code == 422
