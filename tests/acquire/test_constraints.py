import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.acquire.constraints import ask_again, at_most, budget, quota_limits
from querist.errors import BadValue, UnknownName


def in_order(rows, kept, n):
    return rows[:n]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=20),
    st.integers(1, 8),
    st.integers(1, 3),
    st.integers(0, 12),
)
@settings(max_examples=50, deadline=None)
def test_asking_again_is_the_greedy_that_skips_what_breaks_a_rule(rows, n, limit, money):
    group, cost = (np.array(column) for column in zip(*rows, strict=True))
    expected, spent = [], 0
    for row in range(len(rows)):
        same = sum(group[other] == group[row] for other in expected)
        if len(expected) < n and same < limit and spent + cost[row] <= money:
            expected.append(row)
            spent += cost[row]
    kept = ask_again(in_order, np.arange(len(rows)), n, [at_most("group_limit", group, limit), budget(cost, money)])
    assert kept.rows.tolist() == expected
    assert kept.short == n - len(expected)


def test_the_selector_hears_what_was_kept_and_only_sees_allowed_rows():
    heard = []

    def ask(rows, kept, n):
        heard.append((rows.tolist(), kept.tolist(), n))
        return rows[:n]

    ask_again(ask, np.arange(5), 3, [at_most("group_limit", np.array([0, 0, 0, 1, 2]), 1)])
    assert heard == [([0, 1, 2, 3, 4], [], 3), ([3, 4], [0], 2)]


def test_a_shortage_says_how_many_rows_each_rule_closed():
    group = np.array([0, 0, 0, 1])
    kept = ask_again(in_order, np.arange(4), 4, [at_most("group_limit", group, 1), budget(np.ones(4), 9.0)])
    assert (kept.short, dict(kept.closed)) == (2, {"group_limit": 2, "budget": 0})


def test_pending_rows_use_up_their_group():
    rule = at_most("group_limit", np.array([0, 0, 1]), 1, taken=np.array([0, 7]))
    assert rule.open(np.empty(0, int)).tolist() == [False, False, True]


def test_ten_dimes_make_a_dollar():
    kept = ask_again(in_order, np.arange(12), 12, [budget(np.full(12, 0.1), 1.0)])
    assert len(kept.rows) == 10


def test_a_negative_cost_or_an_unknown_class_is_refused():
    with pytest.raises(BadValue, match="cost"):
        budget(np.array([1.0, -1.0]), 5)
    with pytest.raises(UnknownName, match="did you mean 'cat'"):
        quota_limits({"cats": 1}, ["cat", "dog"])
