from __future__ import annotations

import os
import signal
import socket
import sys
import time

import pytest

from querist.errors import BadValue, Busy, NotFound
from querist.server import serve
from querist.server.serve import Backoff, Worker, is_loopback, listen
from querist.server.site import Site
from querist.store.people import People


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_addresses(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "", "localhost.evil.example"])
def test_public_addresses(host):
    assert not is_loopback(host)


def test_a_port_in_use_is_one_clear_line():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Busy, match=rf"port {port} on 127\.0\.0\.1 is in use") as caught:
            listen("127.0.0.1", port)
    assert caught.value.exit_code == 3
    assert (caught.value.field, caught.value.value) == ("port", port)


def test_a_port_that_was_just_used_can_be_used_again():
    first = listen("127.0.0.1", 0)
    port = first.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as client:
        accepted, _ = first.accept()
        accepted.close()
        client.recv(1)
    first.close()
    listen("127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_named(host):
    with pytest.raises(BadValue, match="not an address of this machine"):
        listen(host, 0)


def test_pauses_double_up_to_a_limit():
    pauses = [Backoff(first=1, longest=10).after(n) for n in range(1, 8)]
    assert pauses == [1, 2, 4, 8, 10, 10, 10]
    assert Backoff().after(10_000) == 30


@pytest.fixture
def sleeper(tmp_path):
    script = tmp_path / "sleeper.py"
    script.write_text("import sys; sys.stdin.read()")
    return [sys.executable, str(script)]


def test_a_killed_worker_comes_back_and_it_is_said(sleeper):
    said = []
    worker = Worker(sleeper, say=said.append, backoff=Backoff(first=0.05))
    worker.start()
    first = worker.pid
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: worker.pid not in {None, first})
    worker.stop()
    assert len(said) == 1
    assert "SIGKILL" in said[0]
    assert "answers go on being kept" in said[0]


def test_a_worker_that_keeps_failing_is_started_ever_more_rarely(tmp_path):
    said = []
    command = [sys.executable, "-c", "raise SystemExit(7)"]
    worker = Worker(command, say=said.append, backoff=Backoff(first=0.02, longest=0.08))
    worker.start()
    wait_for(lambda: len(said) >= 4)
    worker.stop()
    assert "exit code 7" in said[0]
    assert [line.rsplit(" in ", 1)[1] for line in said[:4]] == ["0.02 s", "0.04 s", "0.08 s", "0.08 s"]


def test_stopping_ends_the_worker_and_starts_no_other(sleeper):
    worker = Worker(sleeper, backoff=Backoff(first=0.01))
    worker.start()
    pid = worker.pid
    worker.stop()
    assert worker.pid is None
    assert not is_alive(pid)


def test_a_worker_that_will_not_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "GRACE", 0.3)
    ready = tmp_path / "ready"
    code = (
        f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(ready)!r}, 'w'); time.sleep(60)"
    )
    worker = Worker([sys.executable, "-c", code])
    worker.start()
    wait_for(ready.exists)
    pid = worker.pid
    worker.stop()
    wait_for(lambda: not is_alive(pid))


def test_no_browser_without_a_desktop(monkeypatch):
    opened = []
    monkeypatch.setattr(serve.webbrowser, "open", opened.append)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    serve.open_browser("http://x")
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    serve.open_browser("http://x")
    assert opened == ["http://x"]


def test_without_an_owner_it_is_said_how_somebody_becomes_one(tmp_path):
    site = Site(People.open("sqlite:///people.db", root=tmp_path), [], home=tmp_path)
    site.people.create_person("ann", role="member")
    with pytest.raises(NotFound, match="querist people role DIR NAME owner"):
        site.admin()
    site.people.change_person("ann", role="owner")
    assert site.admin().name == "ann"
    site.close()
