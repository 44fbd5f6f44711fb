import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.engine.lanes import control_prefix, keyed_numbers, lane_slots, next_in_order

shares = st.fixed_dictionaries({}, optional={"evaluation": st.floats(0, 0.4), "control": st.floats(0, 0.4)})


@settings(max_examples=50, deadline=None)
@given(shares=shares, slots=st.integers(0, 300))
def test_shares_are_exact_at_every_moment(shares: dict[str, float], slots: int) -> None:
    lanes = lane_slots(slots, shares=shares, counts={})
    for upto in range(1, slots + 1):
        for lane in ("evaluation", "control"):
            wanted = round(1000 * shares.get(lane, 0)) / 1000 * upto
            assert abs(lanes[:upto].count(lane) - wanted) < 2


@settings(max_examples=50, deadline=None)
@given(shares=shares, first=st.integers(0, 60), second=st.integers(0, 60))
def test_two_batches_are_as_one(shares: dict[str, float], first: int, second: int) -> None:
    whole = lane_slots(first + second, shares=shares, counts={})
    counts = {lane: whole[:first].count(lane) for lane in set(whole[:first])}
    assert lane_slots(second, shares=shares, counts=counts) == whole[first:]


def test_sixty_answers_of_the_demo_hold_eighteen_of_each() -> None:
    lanes = lane_slots(60, shares={"evaluation": 0.3, "control": 0.3}, counts={})
    assert (lanes.count("evaluation"), lanes.count("control")) == (18, 18)


def test_keyed_numbers_are_uniform_and_independent_of_order_seed_and_lane() -> None:
    items = [f"item {i}" for i in range(20_000)]
    numbers = keyed_numbers(7, "evaluation", items)
    assert (numbers >= 0).all()
    assert (numbers < 1).all()
    assert np.abs(np.histogram(numbers, bins=20, range=(0, 1))[0] - 1000).max() < 150
    assert (keyed_numbers(7, "evaluation", items[::-1]) == numbers[::-1]).all()
    for other in (keyed_numbers(8, "evaluation", items), keyed_numbers(7, "control", items)):
        assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.03


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.booleans()), max_size=30), st.integers(0, 40))
def test_next_in_order_is_the_sorted_head(rows: list[tuple[float, bool]], n: int) -> None:
    order = np.array([number for number, _ in rows])
    among = np.array([allowed for _, allowed in rows], dtype=bool)
    found = next_in_order(order, n, among=among)
    expected = sorted((row for row in range(len(rows)) if among[row]), key=lambda row: (order[row], row))[:n]
    assert [order[row] for row in found] == [order[row] for row in expected]
    assert len(set(found.tolist())) == len(found)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20))
def test_control_prefix_is_all_candidates_below_a_threshold(rows: list[tuple[bool, bool]]) -> None:
    u = keyed_numbers(0, "control", [str(i) for i in range(len(rows))])
    candidates = np.array([c for c, _ in rows], dtype=bool)
    labelled = np.array([known for _, known in rows], dtype=bool)
    found = control_prefix(u, candidates=candidates, labelled=labelled)
    missing = u[candidates & ~labelled].min(initial=1.0)
    assert set(found.tolist()) == set(np.flatnonzero(candidates & (u < missing)).tolist())
