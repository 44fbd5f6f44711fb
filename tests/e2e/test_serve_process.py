"""`querist serve` as people start it: a real process with a real worker child."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest

from querist.server.contents import API

pytestmark = pytest.mark.crash


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def project_of(client):
    return client.get(f"{API}/projects").json()["projects"][0]["id"]


def answer_some(client, project, n):
    """Answer n items and return the keys that were acknowledged."""
    acknowledged = []
    while len(acknowledged) < n:
        tasks = client.post(f"{API}/projects/{project}/next", json={"n": 1}).json()["tasks"]
        for task in tasks:
            form = {
                "key": str(uuid4()),
                "item": task["item"],
                "value": str(len(acknowledged) % 2),
                "lease": task["lease"],
            }
            if client.post(f"{API}/projects/{project}/answers", json=form).status_code == 201:
                acknowledged.append(form["key"])
        if not tasks:
            time.sleep(0.2)
    return acknowledged


def test_it_says_where_it_is_and_how_to_sign_in_and_ends_in_order(serve):
    served = serve()
    client = served.sign_in()
    assert client.get("/health").json()["status"] == "ok"
    wait_for(lambda: client.get("/health").json()["worker"])
    worker = served.worker()
    assert served.end() == 0
    assert not is_alive(worker)
    assert "Traceback" not in served.said


def test_ctrl_c_ends_it_in_order_with_a_stream_open(serve):
    served = serve()
    client = served.sign_in()
    project = project_of(client)
    with client.stream("GET", f"{API}/projects/{project}/events") as stream:
        assert next(stream.iter_lines()) == "retry: 2000"
        began = time.monotonic()
        assert served.end(signal.SIGINT) == 0
    assert time.monotonic() - began < 60
    assert "Traceback" not in served.said


def test_the_first_password_is_said_once(serve, new_project):
    folder = new_project()
    first = serve(folder)
    password = first.read_until(r"password (\S+) ")[1]
    assert len(password) >= 16
    first.sign_in()
    first.end()
    second = serve(folder)
    second.sign_in()
    assert "password" not in second.said


def test_a_second_server_on_the_project_is_refused(serve, new_project):
    first = serve()
    first.read_until("sign-in")
    second = serve(Path(first.process.args[3]))
    assert second.wait() == 3
    said = second.said
    assert str(first.process.pid) in said
    assert said.count("\n") == 1


def test_a_port_in_use_is_refused_before_anything_is_started(serve):
    first = serve()
    port = int(first.read_until(r"http://127\.0\.0\.1:(\d+)")[1])
    second = serve(port=port)
    assert second.wait() == 3
    assert f"port {port} on 127.0.0.1 is in use" in second.said


def test_other_machines_are_refused_until_the_first_password_is_changed(serve, new_project):
    folder = new_project()
    served = serve(folder, host="0.0.0.0")
    assert served.wait() == 2
    assert "first password" in served.said
    served = serve(folder)
    client = served.sign_in()
    changed = client.put(f"{API}/me/password", json={"old": "", "new": "correct horse battery"})
    assert changed.status_code == 200
    served.end()
    served = serve(folder, host="0.0.0.0")
    served.read_until("TLS")
    assert served.end() == 0


def test_killed_workers_come_back_and_no_answer_is_lost(serve):
    served = serve()
    client = served.sign_in()
    project = project_of(client)
    keys = []
    for _ in range(3):
        keys += answer_some(client, project, 8)
        worker = served.worker()
        os.kill(worker, signal.SIGKILL)
        keys += answer_some(client, project, 2)
        served.read_until("SIGKILL")
        wait_for(lambda old=worker: _worker_other_than(served, old))
    wait_for(lambda: client.get(f"{API}/projects/{project}/status").json()["now"]["model"] is not None, 60)
    assert served.end() == 0
    _finds_every_answer(Path(served.process.args[3]), keys)


def test_a_killed_server_takes_its_worker_along_and_loses_no_answer(serve):
    served = serve()
    client = served.sign_in()
    keys = answer_some(client, project_of(client), 12)
    worker = served.worker()
    served.end(signal.SIGKILL)
    wait_for(lambda: not is_alive(worker))
    again = serve(Path(served.process.args[3]))
    client = again.sign_in()
    keys += answer_some(client, project_of(client), 3)
    again.end()
    _finds_every_answer(Path(served.process.args[3]), keys)


def _worker_other_than(served, old):
    try:
        return served.worker() != old
    except StopIteration:
        return False


def _finds_every_answer(folder, keys):
    from querist.engine.project import Project

    found = [recorded.key for recorded in Project.open(folder).store.events(kinds=["answer_submitted"])]
    assert len(found) == len(set(found))
    assert set(found) == set(keys)
