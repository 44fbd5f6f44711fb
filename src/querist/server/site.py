"""What one server serves: its people, its projects, and the feed of each."""

from __future__ import annotations

import functools
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from querist.errors import Conflict, NotFound
from querist.server.live import Change, Feed
from querist.server.oidc import Provider
from querist.server.uploads import Uploads
from querist.store.team import Team
from querist.store.tokens import Tokens
from querist.types import Json

if TYPE_CHECKING:
    from querist.engine.project import Project
    from querist.store.database import Database
    from querist.store.people import People, Person


ALIVE: Final = 30_000_000
"""Microseconds after which a worker without a heartbeat is taken for dead."""


def is_project(folder: Path) -> bool:
    """Say whether a folder holds a project."""
    from querist.engine.spec import FILE_NAME

    return (folder / FILE_NAME).is_file()


class Site:
    """The projects of a server and the people who may sign in; shared by all threads.

    Args:
        people: the accounts.
        projects: the projects, opened.
        home: the folder where new projects are made; None where one project is served and no other.
    """

    def __init__(self, people: People, projects: list[Project], *, home: Path | None = None) -> None:
        self.people = people
        self.team = Team(people)
        self.tokens = Tokens(people)
        self.provider = Provider.from_environment()
        self.home = home
        self._projects: dict[str, Project] = {}
        self._feeds: dict[str, Feed] = {}
        self._lock = threading.Lock()
        for project in projects:
            self.add(project)

    def person_name(self, pseudonym: str) -> str | None:
        """Return the name of a person of the ledger, if they have an account here."""
        try:
            return self.people.find(pseudonym).name
        except NotFound:
            return None

    @classmethod
    def open(cls, folder: Path) -> Site:
        """Open the project in a folder with its own people, or all projects in the folders inside it with the folder's.

        Raises:
            NotFound: there is no project.
        """
        from querist.store.people import People

        projects = open_projects(folder)
        if is_project(folder):
            return cls(People(_database(projects[0])), projects)
        return cls(People.open("sqlite:///people.db", root=folder), projects, home=folder)

    def admin(self) -> Person:
        """Return the first owner: whom the link at the start signs in.

        Raises:
            NotFound: nobody who may sign in is owner.
        """
        owner = next((person for person in self.people.people() if person.role == "owner" and person.active), None)
        if owner is None:
            raise NotFound(
                "nobody who may sign in is owner here; `querist people role DIR NAME owner` makes somebody one"
            )
        return owner

    def locks(self) -> list[AbstractContextManager[object]]:
        """Return what keeps a second server off: one lock for each project, and one for the home of several.

        A project in PostgreSQL may have many servers.
        """
        from querist.store.lock import lock

        alone = [project for project in self._projects.values() if not getattr(project.store, "shared", False)]
        folders = [project.folder for project in alone if project.folder is not None]
        return [lock(folder) for folder in (*folders, *([self.home] if self.home is not None else []))]

    def close(self) -> None:
        """Let go of everything."""
        if "uploads" in self.__dict__:
            self.uploads.close()
        for project in self._projects.values():
            project.store.close()
        if self.home is not None:
            self.people.close()

    @functools.cached_property
    def uploads(self) -> Uploads:
        """Files that may become projects."""
        return Uploads()

    def home_of_new_projects(self) -> Path:
        """Return the folder where new projects are made.

        Raises:
            Conflict: this server serves one project.
        """
        if self.home is None:
            raise Conflict("this server serves one project; `querist serve FOLDER` of several can make new ones")
        return self.home

    def add(self, project: Project) -> Project:
        """Serve another project, with the names of this server's people."""
        project.person_name = self.person_name
        self._projects[project.id] = project
        return project

    def name_of_project(self, project: str) -> str | None:
        """Return the name of a project, if it is served here."""
        found = self._projects.get(project)
        return None if found is None else found.spec.project.name

    def projects_of(self, person: Person) -> list[Project]:
        """Return the projects that the person may enter."""
        return [project for project in self._projects.values() if self._may_enter(person, project)]

    def project_for(self, person: Person, project: str) -> Project:
        """Return a project that the person may enter; all others are not there for them.

        Raises:
            NotFound: there is none, or the person may not know of it.
        """
        found = self._projects.get(project)
        if found is None or not self._may_enter(person, found):
            raise NotFound(f"no project {project!r}", field="project", value=project)
        return found

    def _may_enter(self, person: Person, project: Project) -> bool:
        return person.active and project.id in self._projects and self.team.role_in(person, project.id) != "member"

    def feed(self, project: Project) -> Feed:
        """Return the feed of a project."""
        from querist.engine import views
        from querist.engine.views.feed import feed

        def look() -> tuple[Json, list[Json]]:
            return views.now(project), feed(project)

        def changes(after: int) -> list[Change]:
            return [Change.of(recorded) for recorded in project.store.events(after)]

        with self._lock:
            if project.id not in self._feeds:
                self._feeds[project.id] = Feed(lambda: project.store.head()[0], changes, look)
            return self._feeds[project.id]

    def has_worker(self) -> bool:
        """Say whether a worker's heartbeat is fresh on every project."""
        oldest = time.time_ns() // 1000 - ALIVE
        return all(
            any(job.step.startswith("worker") and job.heartbeat_at > oldest for job in project.store.jobs())
            for project in list(self._projects.values())
        )

    def stop(self) -> None:
        """End all streams, so that the server can stop; safe to call from a signal handler."""
        for feed in list(self._feeds.values()):
            feed.stopping = True


def project_folders(folder: Path) -> list[Path]:
    """Return the folder itself if it holds a project, else the folders inside it that do."""
    if is_project(folder):
        return [folder]
    return [inner for inner in sorted(folder.iterdir()) if is_project(inner)] if folder.is_dir() else []


def open_projects(folder: Path) -> list[Project]:
    """Open the project in a folder, or all projects in the folders inside it.

    Raises:
        NotFound: there is no project.
    """
    from querist.engine.project import Project

    folders = project_folders(folder)
    if not folders:
        raise NotFound(f"{folder} holds no project; make one with `querist init`", value=str(folder))
    return [Project.open(inner) for inner in folders]


def _database(project: Project) -> Database:
    from querist.store.sql import SqlStore

    assert isinstance(project.store, SqlStore)
    return project.store.database
