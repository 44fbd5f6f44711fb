"""What every folder of tests may use: a database of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture(scope="session", autouse=True)
def _stop_postgres() -> Iterator[None]:
    yield
    postgres.stop_server()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A database of a real PostgreSQL without a project in it; skips where there is none."""
    server = postgres.server()
    url = server.database()
    yield url
    server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database of each kind without a project in it; the SQLite one lies in the project's folder."""
    return "sqlite:///querist.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
