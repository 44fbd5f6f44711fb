"""`make guards`: take each guard of the server away, one at a time, and see that a test fails.

A guard is a piece of source. It is replaced in a copy of the package, and the tests that are there for it run against
the copy. A guard whose tests still pass is not tested; a piece of source that is not found was changed, and belongs
into the table below again. Exit code 1 in both cases.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import querist

SOURCE: Final = Path(querist.__file__).parent
HERE: Final = "tests/server"


@dataclass(frozen=True)
class Guard:
    """What is guarded, the source that does it, what stands in its place, and the tests (node ids) that must fail."""

    family: str
    what: str
    file: str
    source: str
    instead: str
    tests: tuple[str, ...]


GUARDS: Final = (
    # (a) the server fetches an address that a user gave
    Guard(
        "a", "nothing opens connections", "server/media.py",
        "from starlette.responses import", "import urllib.request\nfrom starlette.responses import",
        (f"{HERE}/test_security.py::test_a_nothing_in_the_package_can_open_a_connection_to_an_address",),
    ),
    # (b) user content runs as HTML or SVG
    Guard(
        "b", "a file is sent only as what its bytes prove", "server/media.py",
        "    if kind is None:", '    kind = kind or "image/svg+xml"\n    if kind is None:',
        (f"{HERE}/test_security.py", "-k", "test_b_media"),
    ),
    Guard(
        "b", "the policy allows no inline script", "server/guard.py",
        "\"script-src 'self'\"", "\"script-src 'self' 'unsafe-inline'\"",
        (f"{HERE}/test_guard.py::test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere",),
    ),
    Guard(
        "b", "every answer carries the headers", "server/guard.py",
        "headers.setdefault(name, value)", "pass",
        (f"{HERE}/test_guard.py::test_every_answer_carries_the_headers_refusals_included",
         f"{HERE}/test_security.py::test_b_an_item_travels_as_json_that_no_browser_renders"),
    ),
    # (c) weak or default secrets, open sign-up
    Guard(
        "c", "the first password is random", "store/people.py",
        'password = "-".join(secrets.token_hex(2) for _ in range(5))', 'password = "correct horse battery"',
        (f"{HERE}/test_security.py::test_c_every_installation_has_a_password_and_tokens_of_its_own",),
    ),
    Guard(
        "c", "secrets are kept as hashes", "store/people.py",
        "return hashlib.sha256(token.encode()).digest()", "return token.encode()",
        (f"{HERE}/test_security.py::test_c_the_database_holds_hashes_only",),
    ),
    Guard(
        "c", "wrong passwords are counted", "store/people.py",
        "_check_limit(connection, key, ATTEMPTS[limit], self._clock())", "pass",
        (f"{HERE}/test_sign_in.py::test_guessing_is_slowed_down",),
    ),
    Guard(
        "c", "tries at invitations are counted", "server/accounts.py",
        'site.people.limit(f"join {address_of(request)}", JOINS)\n    invited', "invited",
        (f"{HERE}/test_accounts.py::test_invitations_cannot_be_guessed_without_end",),
    ),
    Guard(
        "c", "an invitation works once", "store/team.py",
        "            if not used:\n", "            if False:\n",
        ("tests/store/test_team.py", "-k", "at_once_one_gets"),
    ),
    Guard(
        "c", "an API token ends when it is revoked or too old", "store/tokens.py",
        "if row is None or expired or not row.active:", "if row is None or not row.active:",
        ("tests/store/test_tokens.py",),
    ),
    # (d) filters and sort orders that reach the database
    Guard(
        "d", "states are names of a closed list", "server/items.py",
        "if state and state not in get_args(ItemState):", "if False:",
        (f"{HERE}/test_security.py", "-k", "test_d"),
    ),
    Guard(
        "d", "people cannot be filtered by", "server/items.py",
        'if person not in {"", "me"}:', "if False:",
        (f"{HERE}/test_security.py", "-k", "test_d"),
    ),
    # (e) paths from archives, items and exports
    Guard(
        "e", "a path stays in its folder", "server/media.py",
        "not path.is_relative_to(inside) or ", "",
        (f"{HERE}/test_media.py",),
    ),
    Guard(
        "e", "an upload is found by its random name only", "server/uploads.py",
        "not _NAME.fullmatch(name) or ", "",
        (f"{HERE}/test_uploads.py",),
    ),
    Guard(
        "e", "exports cannot put formulas into spreadsheets", "exchange/cells.py",
        """return "'" + cell""", "return cell",
        ("tests/exchange/test_labels.py",),
    ),
    # (f) permission for the object, not only for the role
    Guard(
        "f", "a role is checked on each route", "server/access.py",
        "        if not at_least(role, self.least):", "        if False:",
        (f"{HERE}/test_security.py::test_f_an_annotator_steers_nothing",),
    ),
    Guard(
        "f", "a project is there only for its people", "server/site.py",
        "if found is None or not self._may_enter(person, found):", "if found is None:",
        (f"{HERE}/test_roles.py::test_a_project_that_is_not_ones_own_is_not_there",),
    ),
    Guard(
        "f", "who labels sees their own answers only", "server/items.py",
        'answers = [answer for answer in found["answers"] if visit.reviews or answer["mine"]]',
        'answers = list(found["answers"])',
        (f"{HERE}/test_security.py::test_f_an_annotator_sees_nobody_elses_answers",),
    ),
    Guard(
        "f", "who labels finds their own items only", "server/items.py",
        'mine = person == "me" or not visit.reviews', 'mine = person == "me"',
        (f"{HERE}/test_security.py::test_f_an_annotator_sees_nobody_elses_answers",),
    ),
    Guard(
        "f", "a correction is of one's own answer", "engine/commands.py",
        "may_correct_others: bool = False", "may_correct_others: bool = True",
        (f"{HERE}/test_labelling.py", "tests/engine/test_commands.py"),
    ),
    Guard(
        "f", "nobody gives a role above their own", "store/team.py",
        "    if ROLES.index(role) < ROLES.index(own):", "    if False:",
        (f"{HERE}/test_accounts.py::test_nobody_invites_above_themselves",),
    ),
    Guard(
        "f", "nobody has power over who may do more anywhere", "store/team.py",
        "        if ROLES.index(highest) < ROLES.index(by_role):", "        if False:",
        (f"{HERE}/test_accounts.py", "-k", "owner"),
    ),
    Guard(
        "f", "a token's scope cuts its person's role", "server/access.py",
        "        return min(role, most, key=ROLES.index)", "        return role",
        (f"{HERE}/test_roles.py", f"{HERE}/test_accounts.py", "-k", "token"),
    ),
    Guard(
        "f", "a token for one project opens no other", "server/access.py",
        "        if visitor.only not in (None, project):", "        if False:",
        (f"{HERE}/test_roles.py", "-k", "token_for_one_project"),
    ),
    Guard(
        "f", "a token that reads changes nothing", "server/access.py",
        'if opened.scope == "read" and request.method not in SAFE_METHODS:', "if False:",
        (f"{HERE}/test_roles.py::test_a_token_that_reads_changes_nothing",),
    ),
    Guard(
        "f", "tokens make no tokens", "server/accounts.py",
        "    if visitor.session is None:", "    if False:",
        (f"{HERE}/test_roles.py::test_tokens_make_no_tokens_and_end_no_sessions",),
    ),
    # and the browser
    Guard(
        "browser", "changing requests carry the session's token", "server/access.py",
        "if not hmac.compare_digest(given.encode(), session.csrf.encode()):", "if False:",
        (f"{HERE}/test_sign_in.py::test_changing_requests_need_the_token_of_their_own_session",),
    ),
    Guard(
        "browser", "requests of other sites are refused", "server/guard.py",
        "        if foreign or headers.get(", "        if headers.get(",
        (f"{HERE}/test_guard.py::test_changing_requests_of_other_sites_are_refused",),
    ),
    Guard(
        "browser", "hosts that are not served are refused", "server/guard.py",
        "if self.hosts and name not in self.hosts:", "if False:",
        (f"{HERE}/test_guard.py", "-k", "resolves_here"),
    ),
    Guard(
        "browser", "bodies have a limit", "server/guard.py",
        "        if size > limit:\n            raise _too_large(limit)\n        more", "        more",
        (f"{HERE}/test_guard.py", "-k", "body"),
    ),
    Guard(
        "browser", "uploads have a limit", "server/guard.py",
        "        if size > limit:\n            raise _too_large(limit)\n        return message",
        "        return message",
        (f"{HERE}/test_guard.py", "-k", "uploads"),
    ),
    Guard(
        "browser", "scripts cannot read the cookie", "server/access.py",
        "max_age=SESSION_SECONDS, httponly=True,", "max_age=SESSION_SECONDS,",
        (f"{HERE}/test_sign_in.py", "-k", "cookie"),
    ),
)  # fmt: skip


def without(guard: Guard, home: Path) -> str:
    """Take a guard out of a copy of the package, and say what became of its tests."""
    package = home / "querist"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("static", "__pycache__"))
    file = package / guard.file
    text = file.read_text(encoding="utf-8")
    if text.count(guard.source) != 1:
        return f"is {text.count(guard.source)} times in {guard.file}"
    file.write_text(text.replace(guard.source, guard.instead), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", *guard.tests]
    paths = os.pathsep.join([str(home), "."])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths})
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]
    return f"seen to fail: {last}" if done.returncode == 1 else f"NOT SEEN TO FAIL ({done.returncode}): {last}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a family and what a guard does: '(f)'")
    given = parser.parse_args()
    tried = [guard for guard in GUARDS if given.only in f"({guard.family}) {guard.what}"]
    missed = 0
    for guard in tried:
        with tempfile.TemporaryDirectory(prefix="querist-guard-") as home:
            found = without(guard, Path(home))
        missed += not found.startswith("seen")
        print(f"({guard.family}) {guard.what}: {found}", flush=True)
    print(f"{len(tried)} guards, {missed} not seen to fail")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
