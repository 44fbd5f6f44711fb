"""A fork server for the crash tests: imports are done once, and each worker is a fork that opens its own database.

Reads lines `FOLDER NUMBER BUG` and answers each with the pid of a worker; then, when that has died, with its status.
A worker labels with two threads, selects batches, and writes the key of each acknowledged event to `acknowledged`.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from pathlib import Path

from querist.events import AnswerSubmitted, AnswerWithdrawn, BatchSelected
from querist.store.protocol import NewEvent
from querist.store.sql import SqlStore

BATCH = 12


def serve() -> None:
    for line in sys.stdin:
        folder, number, bug = line.split()
        pid = os.fork()
        if pid == 0:
            try:
                work(Path(folder), int(number), bug)
            finally:
                os._exit(1)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(status, flush=True)


def work(folder: Path, number: int, bug: str) -> None:
    store = SqlStore.open(root=folder)
    acknowledged = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND)

    def acknowledge(key: str) -> None:
        os.write(acknowledged, f"{key}\n".encode())

    def label(person: str) -> None:
        chance = random.Random(f"{number} {person}")
        count = 0
        while True:
            leases = store.lease(person, chance.randint(1, 3))
            if not leases:
                select_batch(store, chance)
                continue
            for lease in leases:
                count += 1
                key = f"{number}/{person}/{count}"
                event = AnswerSubmitted(lease.item, "single_label", "answered", "yes", lane="query", round=lease.round)
                if bug == "early":
                    acknowledge(key)
                seq = store.append(key, event, actor=person)[0].seq
                acknowledge(key)
                if chance.random() < 0.2:
                    store.append(f"{key}/undo", AnswerWithdrawn(seq, "undo"), actor=person)
                    acknowledge(f"{key}/undo")
                if chance.random() < 0.1:
                    some = [NewEvent(f"{key}/more{n}", event, person) for n in range(3)]
                    store.append_many(some)
                    for new in some:
                        acknowledge(new.key)

    threads = [threading.Thread(target=label, args=(f"p_{n}",), daemon=True) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def select_batch(store: SqlStore, chance: random.Random) -> None:
    """As the engine does it: artefact first, then the event under a key that both threads would use."""
    items = list(store.pool().items)
    done = {answer.item for answer in store.answers()} if chance.random() < 0.5 else set()
    free = [item for item in items if item not in done] or items
    picks = chance.sample(free, min(BATCH, len(free)))
    through = store.head()[0]
    last = max((line.event.round for line in store.events(kinds=["batch_selected"])), default=-1)  # type: ignore[attr-defined]
    pending = store.artefacts.put_json(sorted(lease.item for lease in store.leases()))
    columns = {
        "item": picks,
        "lane": ["relabel"] * len(picks),
        "rank": list(range(len(picks))),
        "score": [None] * len(picks),
        "probability": [None] * len(picks),
    }
    event = BatchSelected(
        round=last + 1,
        part=0,
        strategy={"name": "random"},
        strategy_hash="0" * 16,
        evidence={},
        model=None,
        dataset=None,
        features=None,
        through_seq=through,
        pending=pending,
        items=picks,
        picks=store.artefacts.put_table(columns),
        asked=len(picks),
        chosen=len(picks),
    )
    store.append(f"r{last + 1}/select/0", event)


if __name__ == "__main__":
    serve()
