from __future__ import annotations

import asyncio
import json

import pytest

from querist import events as event_kinds
from querist.errors import Busy
from querist.server import live
from querist.server.live import Change, Feed


class Ledger:
    """What a feed looks at: a list that grows, and counters of how often it was asked."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.step = "idle"
        self.looks = 0
        self.heads = 0
        self.fails = False

    def head(self) -> int:
        self.heads += 1
        if self.fails:
            raise Busy("locked")
        return len(self.kinds)

    def changes(self, after: int) -> list[Change]:
        return [Change(n, live.CHANGES[kind]) for n, kind in enumerate(self.kinds, 1) if n > after]

    def look(self):
        self.looks += 1
        feed = [{"seq": n, "sentence": kind} for n, kind in enumerate(self.kinds, 1)]
        return {"seq": len(self.kinds), "doing": {"step": self.step}}, feed[::-1][:20]

    def feed(self) -> Feed:
        return Feed(self.head, self.changes, self.look, period=0.01)


def run(main) -> None:
    asyncio.run(asyncio.wait_for(main, 10))


def test_a_follower_gets_the_state_at_once_and_then_each_move():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["project_created"]
        news = ledger.feed().follow(None)
        first = await anext(news)
        assert (first["now"]["seq"], first["feed"], first["changed"]) == (1, [], [])
        ledger.kinds += ["answer_submitted", "model_trained"]
        second = await anext(news)
        assert second["now"]["seq"] == 3
        assert [entry["seq"] for entry in second["feed"]] == [3, 2]
        assert second["changed"] == ["status", "curves", "rounds", "classes", "calibration", "slices", "timing"]
        await news.aclose()

    run(main())


def test_who_comes_back_catches_up_from_the_last_event():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["answer_submitted"] * 5 + ["guideline_changed"]
        news = ledger.feed().follow(5)
        message = await anext(news)
        assert message["changed"] == ["project"]
        assert [entry["seq"] for entry in message["feed"]] == [6]
        await news.aclose()

    run(main())


def test_who_missed_too_much_is_told_to_read_everything_again():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["guideline_changed"] * (live.KEPT + 50)
        news = ledger.feed().follow(10)
        assert (await anext(news))["changed"] == list(live.ALL)
        await news.aclose()
        news = ledger.feed().follow(60)
        assert (await anext(news))["changed"] == ["project"]
        await news.aclose()

    run(main())


def test_a_seq_from_the_future_is_taken_as_now():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["guideline_changed"]
        news = ledger.feed().follow(999)
        assert (await anext(news))["now"]["seq"] == 1
        ledger.kinds.append("guideline_changed")
        assert (await anext(news))["changed"] == ["project"]
        await news.aclose()

    run(main())


def test_a_hundred_followers_cost_one_look():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["answer_submitted"]
        feed = ledger.feed()
        followers = [feed.follow(None) for _ in range(100)]
        await asyncio.gather(*(anext(news) for news in followers))
        ledger.kinds.append("answer_submitted")
        messages = await asyncio.gather(*(anext(news) for news in followers))
        assert all(message["now"]["seq"] == 2 for message in messages)
        assert ledger.looks == 2
        for news in followers:
            await news.aclose()

    run(main())


def test_nobody_listens_nobody_looks():
    async def main():
        ledger = Ledger()
        feed = ledger.feed()
        news = feed.follow(None)
        await anext(news)
        await news.aclose()
        await asyncio.sleep(0.1)
        heads = ledger.heads
        await asyncio.sleep(0.1)
        assert ledger.heads == heads
        ledger.kinds.append("stopped")
        again = feed.follow(0)
        assert (await anext(again))["now"]["seq"] == 1
        await again.aclose()

    run(main())


def test_progress_of_a_step_is_told_although_the_ledger_stands_still(monkeypatch):
    monkeypatch.setattr(live, "BUSY_REFRESH", 0.02)

    async def main():
        ledger = Ledger()
        ledger.kinds = ["dataset_frozen"]
        ledger.step = "train"
        news = ledger.feed().follow(None)
        await anext(news)
        ledger.step = "evaluate"
        assert (await anext(news))["now"]["doing"]["step"] == "evaluate"
        await news.aclose()

    run(main())


def test_a_store_that_is_busy_for_a_moment_ends_no_stream():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["stopped"]
        news = ledger.feed().follow(None)
        await anext(news)
        ledger.fails = True
        await asyncio.sleep(0.05)
        ledger.fails = False
        ledger.kinds.append("resumed")
        assert (await anext(news))["now"]["seq"] == 2
        await news.aclose()

    run(main())


def test_stopping_ends_every_stream():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["stopped"]
        feed = ledger.feed()
        news = feed.follow(None)
        await anext(news)
        feed.stopping = True
        with pytest.raises(StopAsyncIteration):
            await anext(news)

    run(main())


def test_the_text_of_a_stream_is_server_sent_events():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["answer_submitted"]
        text = live.stream(ledger.feed(), 0, may_listen=lambda: True)
        assert await anext(text) == "retry: 2000\n\n"
        number, name, data, *rest = (await anext(text)).split("\n")
        assert (number, name, rest) == ("id: 1", "event: now", ["", ""])
        message = json.loads(data.removeprefix("data: "))
        assert message["feed"] == [{"seq": 1, "sentence": "answer_submitted"}]
        await text.aclose()

    run(main())


def test_who_only_labels_is_not_told_what_others_answered():
    async def main():
        ledger = Ledger()
        ledger.kinds = ["answer_submitted"]
        text = live.stream(ledger.feed(), 0, may_listen=lambda: True, sees_feed=False)
        await anext(text)
        assert "answer_submitted" not in await anext(text)
        await text.aclose()

    run(main())


def test_a_quiet_stream_says_that_it_lives_and_ends_with_the_session(monkeypatch):
    monkeypatch.setattr(live, "SILENCE", 0.02)

    async def main():
        ledger = Ledger()
        ledger.kinds = ["stopped"]
        allowed = True
        text = live.stream(ledger.feed(), None, may_listen=lambda: allowed)
        assert ": still here\n\n" in [await anext(text) for _ in range(6)]
        allowed = False
        with pytest.raises(StopAsyncIteration):
            await anext(text)

    run(main())


def test_every_kind_of_event_says_what_to_read_again():
    assert set(live.CHANGES) == set(event_kinds.KINDS)
    assert {part for parts in live.CHANGES.values() for part in parts} == set(live.ALL)


def test_an_answer_on_a_measuring_item_moves_the_curves():
    def change(lane):
        event = event_kinds.AnswerSubmitted(item="i", task="single_label", outcome="answered", value="a", lane=lane)
        return Change.of(event_kinds.Recorded(1, "k", 0, "p_1", event, "", ""))

    assert "curves" in change("evaluation").parts
    assert "curves" in change("control").parts
    assert "curves" not in change("query").parts
