"""The worker child: trains and selects for every project of a folder until it is told to stop, or its parent is gone.

Run as `python -m querist.server.worker FOLDER`. Standard input is the tie to the parent: when it closes, the parent
has ended, however that came about, and the worker ends too. A step that is cut short is repeated by the next worker.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Final

FINISH: Final = 5.0
"""Seconds that a running step gets to end by itself."""
LOOK: Final = 1.0
"""Seconds between two looks whether all projects are worked on."""
POLITE: Final = 5
"""How much the worker stands back for the process that answers people: where both want the processor, it gets a
quarter. With 19 it came to nothing beside other programs that stand back, and people ran out of items."""


def work(folder: Path, stop: threading.Event) -> bool:
    """Work on all projects of a folder, new ones too, until `stop` is set; a step that runs then is left after a while.

    Returns:
        True when told to stop, False when the work on a project broke off (the log says why).
    """
    # Not before `stand_back`: numpy's own threads stay as they were when it was loaded.
    from querist.engine.project import Project
    from querist.engine.run import work_forever
    from querist.server.site import project_folders

    threads: dict[Path, threading.Thread] = {}
    while not stop.is_set():
        for inner in project_folders(folder):
            if inner not in threads:
                project = Project.open(inner)
                threads[inner] = threading.Thread(target=work_forever, args=(project, stop), daemon=True)
                threads[inner].start()
        if stop.wait(LOOK):
            break
        if not all(thread.is_alive() for thread in threads.values()):
            return False
    for thread in threads.values():
        thread.join(timeout=FINISH)
    return True


def stand_back() -> None:
    """Let the process that answers people go first: in all, and on one processor alone where there are several.

    It binds this thread, and those that it begins later.
    """
    if hasattr(os, "nice"):
        os.nice(POLITE)
    if hasattr(os, "sched_setaffinity"):
        first, *others = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, others or [first])


def main() -> None:
    """Work on the folder that is named on the command line."""
    logging.basicConfig(level=logging.WARNING, format="worker: %(message)s", stream=sys.stderr)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    stand_back()
    threading.Thread(target=_stop_with_parent, args=(stop,), daemon=True).start()
    told_to_stop = work(Path(sys.argv[1]), stop)
    # Daemon threads in the middle of a fit would hold the interpreter; what they had not recorded is done again.
    logging.shutdown()
    os._exit(0 if told_to_stop else 1)


def _stop_with_parent(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


if __name__ == "__main__":
    main()
