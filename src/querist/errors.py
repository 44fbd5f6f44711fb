"""Every error that a user can meet: each names the thing, its value and the choices."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class QueristError(Exception):
    """Base of all errors with a message for users; `exit_code` is what the command line returns.

    Args:
        message: one line that names the thing, its value and what to do.
        field: the setting, column or argument that is wrong, if there is one.
        value: the value it had.
        choices: the values that would have been accepted.

    >>> raise QueristError("no such thing", field="thing", value="x")
    Traceback (most recent call last):
    querist.errors.QueristError: no such thing
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        value: object = None,
        choices: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.value = value
        self.choices = tuple(choices)

    def to_json(self) -> dict[str, object]:
        """Return the body that the HTTP service answers with."""
        return {
            "error": self.message,
            "field": self.field,
            "value": None if self.value is None else str(self.value),
            "choices": list(self.choices),
        }


class UnknownName(QueristError):
    """A name that is not among the known ones; suggests the nearest.

    >>> raise UnknownName("strategy", "margn", ["badge", "margin"])
    Traceback (most recent call last):
    querist.errors.UnknownName: unknown strategy 'margn'; did you mean 'margin'? have: badge, margin
    """

    def __init__(self, thing: str, value: object, choices: Iterable[str], *, shown: int = 40) -> None:
        have = sorted(choices)
        near = difflib.get_close_matches(str(value), have, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        listed = ", ".join(have[:shown]) + (f", … ({len(have) - shown} more)" if len(have) > shown else "")
        super().__init__(
            f"unknown {thing} {value!r}; {hint}have: {listed or 'none'}", field=thing, value=value, choices=have
        )


class BadValue(QueristError):
    """A known setting, column or argument with a value that cannot be used.

    >>> raise BadValue("batch", -3, "must be at least 1")
    Traceback (most recent call last):
    querist.errors.BadValue: batch = -3: must be at least 1
    """

    def __init__(self, field: str, value: object, reason: str, *, choices: Iterable[str] = ()) -> None:
        super().__init__(f"{field} = {value!r}: {reason}", field=field, value=value, choices=choices)


class MissingSignal(QueristError):
    """A strategy needs an array that the model does not offer."""

    def __init__(
        self, strategy: str, signal: str, model: str, *, offered_by: Iterable[str] = (), instead: Iterable[str] = ()
    ) -> None:
        models, strategies = sorted(offered_by), sorted(instead)
        hint = f"; models that offer it: {', '.join(models)}" if models else ""
        hint += f"; strategies for what it offers: {', '.join(strategies)}" if strategies else ""
        super().__init__(
            f"strategy {strategy!r} needs the signal {signal!r}, which model {model!r} does not offer{hint}",
            field="signal",
            value=signal,
            choices=models or strategies,
        )


class MissingExtra(QueristError):
    """An optional dependency is not installed; says what needs it and the command.

    >>> raise MissingExtra("model 'lightgbm'", "boost")
    Traceback (most recent call last):
    querist.errors.MissingExtra: model 'lightgbm' needs an extra: pip install 'querist[boost]'
    """

    def __init__(self, needed_by: str, extra: str) -> None:
        super().__init__(f"{needed_by} needs an extra: pip install 'querist[{extra}]'", field="extra", value=extra)


class NotFound(QueristError):
    """A project, item, answer, model or file that is not there."""


class Denied(QueristError):
    """The person is known, but may not do this."""


class NotSignedIn(QueristError):
    """No valid session or token came with the request."""


class Conflict(QueristError):
    """What is asked contradicts what has been recorded (a key used twice with other content, say)."""


class Overtaken(Conflict):
    """Something was recorded since the writer read: read again, and decide anew."""


class TooMany(QueristError):
    """Too many requests, or too large a body."""


class Busy(QueristError):
    """Another process holds the project, the port or the lock."""

    exit_code: ClassVar[int] = 3


class Damaged(QueristError):
    """What is on disk does not match its hash, chain or version."""

    exit_code: ClassVar[int] = 1


class NewerVersion(QueristError):
    """The project was written by a newer Querist than this one."""


class NotReady(QueristError):
    """What is asked for needs a model, a label or a round that does not exist yet."""


class ModelFailure(QueristError):
    """A model raised while fitting or scoring; the last good model stays."""


class StorageFull(QueristError):
    """The disk is full or may not be written; nothing that was acknowledged is lost."""

    exit_code: ClassVar[int] = 3


class Unreachable(QueristError):
    """The database does not answer, or lets nobody in; try again when it does."""

    exit_code: ClassVar[int] = 3
