"""What a worker process runs: read a task, answer with its outcome, until the pipe closes."""

from __future__ import annotations

import os
import sys

from querist.compute.local import Outcome, attempt, dump, load, read_frame, write_frame


def main() -> None:
    """Serve tasks from standard input. What a task prints goes to standard error: standard output is the pipe."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests = sys.stdin.buffer
    try:
        # The path must be in place before the function is unpickled, for it may import the caller's modules.
        sys.path[:], function, shared = load(read_frame(requests))
        while True:
            index, task = load(read_frame(requests))
            outcome = attempt(function, shared, index, task)
            write_frame(replies, _dumped(outcome))
    except (EOFError, BrokenPipeError):
        return


def _dumped(outcome: Outcome) -> bytes:
    try:
        return dump(outcome)
    except (TypeError, AttributeError) as error:
        return dump(Outcome(outcome.index, None, f"its value cannot be sent back: {error}", outcome.seconds))


if __name__ == "__main__":
    main()
