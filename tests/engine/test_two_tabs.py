"""One person in two tabs: however their answers race, one stands, and it is the later one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

from querist.engine import commands
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting


def test_two_answers_at_once_are_an_answer_and_its_correction(digits: Project) -> None:
    run_until_waiting(digits)
    items = [task["item"] for task in commands.next_items(digits, "p_ann", 10, [])["tasks"]]
    start = Barrier(2)

    def answer(value: str) -> None:
        for item in items:
            start.wait()
            commands.submit(digits, "p_ann", FileAnswer(uuid4(), item, value))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(answer, ["1", "2"]))
    assert sorted(one.item for one in digits.store.answers()) == sorted(items)
    assert sum(digits.state().lanes.values()) == digits.state().paid == len(items)
