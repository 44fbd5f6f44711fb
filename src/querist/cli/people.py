"""Verbs for accounts, and for items whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from querist.cli.app import HERE, AsJson, Folder, app, say

people_app = typer.Typer(help="Accounts: list, invite, change, end.", no_args_is_help=True)
app.add_typer(people_app, name="people")
Name = Annotated[str, typer.Argument(help="Name or pseudonym of the account.")]


def _team(folder: Path) -> Any:
    from querist.server.site import Site
    from querist.store.team import Team

    return Team(Site.open(folder).people)


def _operator() -> Any:
    """Whoever may read the project's folder owns it."""
    from querist.store.people import Person

    return Person("cli", "Command line", "owner")


@people_app.command("list")
def people_list(project: Folder = HERE, as_json: AsJson = False) -> None:
    """List who may sign in, and open invitations."""
    team = _team(project)
    rows = [
        {"id": person.id, "name": person.name, "role": person.role, "active": person.active}
        for person in team.people.people()
    ]
    invited = [{"id": one.id, "role": one.role, "project": one.project} for one in team.invitations(everywhere=True)]

    def text() -> str:
        lines = [f"{row['name']:24} {row['role']:10} {row['id']}{'' if row['active'] else '  ended'}" for row in rows]
        lines = lines or ["nobody yet: `querist serve` makes the first account, and prints its password once"]
        return "\n".join(lines + [f"(invited)                {one['role']:10} {one['id']}" for one in invited])

    say({"people": rows, "invitations": invited}, as_json, text)


@people_app.command("invite")
def people_invite(project: Folder = HERE, role: str = "annotator") -> None:
    """Print a link by which somebody makes an account, once, within a week."""
    from typing import cast

    from querist.store.people import Role

    team = _team(project)
    token, _ = team.invite(_operator(), role=cast("Role", role))
    print(f"/join?token={token}\nPut the server's address in front; the link works once, within a week.")


@people_app.command("role")
def people_role(project: Folder, name: Name, role: Annotated[str, typer.Argument()]) -> None:
    """Change what somebody may do; their sessions end."""
    from typing import cast

    from querist.store.people import Role

    team = _team(project)
    changed = team.change("owner", name, role=cast("Role", role))
    print(f"{changed.name} is {changed.role}")


@people_app.command("end")
def people_end(project: Folder, name: Name) -> None:
    """End somebody's access: sessions and tokens stop at once, answers stay."""
    team = _team(project)
    ended = team.change("owner", name, active=False)
    print(f"{ended.name} may not sign in any more")


@people_app.command("sign-out")
def people_sign_out(project: Folder, name: Name) -> None:
    """End all sessions of somebody."""
    team = _team(project)
    print(f"{team.end_sessions(team.people.find(name))} sessions ended")


@people_app.command("link")
def people_link(project: Folder, name: Name) -> None:
    """Print a one-time sign-in link for somebody who lost their password."""
    team = _team(project)
    print(f"/sign-in?token={team.people.create_link_token(team.people.find(name).id)}")


@people_app.command("token")
def people_token(project: Folder, name: Name, label: str, scope: str = "read", days: int = 90) -> None:
    """Print an API token, which is shown this once; scope: read, label, review, manage."""
    from typing import cast

    from querist.store.tokens import Scope, Tokens

    people = _team(project).people
    print(Tokens(people).create(people.find(name), label, scope=cast("Scope", scope), days=days))


@app.command()
def gold(
    project: Folder,
    answers: Annotated[Path, typer.Argument(help="File with the columns item and label, and reason if you like.")],
    as_json: AsJson = False,
) -> None:
    """Name items whose answer is known: they measure people, and train nothing."""
    from querist.engine.offline import gold_text, tell_gold
    from querist.engine.project import Project

    told = tell_gold(Project.open(project), answers, person="cli")
    say(told, as_json, lambda: gold_text(told))
