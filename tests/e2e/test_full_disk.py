"""A disk that fills up under a served project: a real, small file system that the test mounts."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from uuid import uuid4

import pytest

from querist.engine.trust import verify
from querist.server.contents import API

pytestmark = pytest.mark.crash


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB; only root may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place]
    if not mounted or subprocess.run(command, check=False).returncode:
        pytest.skip("a disk can be made full only by root, who may mount a small one")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(place, leave):
    """Fill a disk but for so many bytes; return the file to remove."""
    found = os.statvfs(place)
    filler = place / "filler"
    filler.write_bytes(bytes(max(0, found.f_bavail * found.f_bsize - leave)))
    return filler


def answer(client, project, value):
    """Ask for an item and answer it; return the key, and the status of the first thing that went wrong."""
    asked = client.post(f"{API}/projects/{project}/next", json={"n": 1})
    if asked.status_code != 200:
        return None, asked
    for task in asked.json()["tasks"]:
        form = {"key": str(uuid4()), "item": task["item"], "value": value, "lease": task["lease"]}
        said = client.post(f"{API}/projects/{project}/answers", json=form)
        return form["key"] if said.status_code == 201 else None, said
    time.sleep(0.2)
    return None, asked


def answer_until(client, project, n, acknowledged, *, seconds=90):
    end = time.monotonic() + seconds
    while len(acknowledged) < n:
        assert time.monotonic() < end, f"{len(acknowledged)} of {n}"
        key, _ = answer(client, project, str(len(acknowledged) % 10))
        if key:
            acknowledged.append(key)


@pytest.mark.parametrize("leave", [40_000, 400_000], ids=["no answer fits", "answers fit, the next model does not"])
def test_a_full_disk_refuses_in_words_and_goes_on_when_there_is_room(small_disk, untouched, serve, leave):
    folder = shutil.copytree(untouched, small_disk / "digits")
    served = serve(folder)
    client = served.sign_in()
    project = client.get(f"{API}/projects").json()["projects"][0]["id"]
    acknowledged: list[str] = []
    answer_until(client, project, 5, acknowledged)
    filler = fill(small_disk, leave)
    refused = None
    for _ in range(150):
        key, said = answer(client, project, str(len(acknowledged) % 10))
        if key:
            acknowledged.append(key)
        if said.status_code not in {200, 201}:
            refused = said
            break
    if refused is not None:
        assert refused.status_code == 507
        assert "is full; nothing that was acknowledged is lost" in refused.json()["error"]
    else:
        assert leave > 100_000, "answers must be refused where none fits"
    assert client.get(f"{API}/projects/{project}/status").status_code == 200, "reading needs no room"
    if refused is None:
        served.read_until("is full")
    filler.unlink()
    answer_until(client, project, len(acknowledged) + 60, acknowledged)
    rows = client.get(f"{API}/projects/{project}/export").text.splitlines()
    assert len(rows) == len(acknowledged) + 1
    assert served.end() == 0
    assert "Traceback" not in served.said
    assert verify(folder)["ok"]
