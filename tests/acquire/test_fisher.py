import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.acquire import fisher
from querist.acquire.fisher import bait
from querist.errors import BadValue

RNG = np.random.default_rng


def pool(seed, n=8, c=3, d=2):
    rng = RNG(seed)
    return rng.dirichlet(np.ones(c), n), rng.normal(size=(n, d))


def information(proba, embed, form):
    """Each row's Fisher information written out, (n, D, D)."""
    if form == "binary":
        best = proba.max(axis=1)
        return (best * (1 - best))[:, None, None] * embed[:, :, None] * embed[:, None, :]
    parts = []
    for p, h in zip(proba, embed, strict=True):
        parts.append(np.kron(np.diag(p) - np.outer(p, p), np.outer(h, h)))
    return np.array(parts)


def by_definition(each, target, known, n, forward):
    def trace(rows):
        return np.trace(np.linalg.inv(known + each[list(rows)].sum(axis=0)) @ target)

    picks = []
    for _ in range(forward):
        left = [row for row in range(len(each)) if row not in picks]
        picks.append(min(left, key=lambda row: trace([*picks, row])))
    while len(picks) > n:
        worst = min(range(len(picks)), key=lambda i: trace(picks[:i] + picks[i + 1 :]))
        picks.pop(worst)
    return picks


@pytest.mark.parametrize("form", ["binary", "full"])
@given(seed=st.integers(0, 10_000), n=st.integers(1, 4), role=st.booleans())
@settings(max_examples=20, deadline=None)
def test_bait_is_the_greedy_of_its_definition(form, seed, n, role):
    proba, embed = pool(seed, n=12)
    other_proba, other_embed = pool(seed + 1, n=5)
    each = information(proba, embed, form)
    known, target, more = 0.5 * np.eye(each.shape[1]), each.sum(axis=0), {}
    if role:
        others = information(other_proba, other_embed, form)
        known, target = known + others[:2].sum(axis=0) + others[2], others[3:].sum(axis=0)
        more = {
            "labelled_proba": other_proba[:2], "labelled_embed": other_embed[:2],
            "pending_proba": other_proba[2:3], "pending_embed": other_embed[2:3],
            "target_proba": other_proba[3:], "target_embed": other_embed[3:],
        }  # fmt: skip
    found = bait(proba=proba, embed=embed, n=n, form=form, prior=0.5, **more)
    assert found.tolist() == by_definition(each, target, known, n, 2 * n)


def test_bait_takes_its_prior_from_the_head():
    proba, embed = pool(5, n=30)
    by_head = bait(proba=proba, embed=embed, n=5, head_l2=np.array(7.0))
    assert by_head.tolist() == bait(proba=proba, embed=embed, n=5, prior=7.0).tolist()


def test_bait_in_single_precision_reaches_the_same_trace():
    proba, embed = pool(6, n=400, c=4, d=16)
    each = information(proba, embed, "binary")

    def trace(rows):
        return np.trace(np.linalg.inv(np.eye(16) + each[rows].sum(axis=0)) @ each.sum(axis=0))

    wide = bait(proba=proba, embed=embed, n=20)
    narrow = bait(proba=proba.astype(np.float32), embed=embed.astype(np.float32), n=20)
    assert trace(narrow) == pytest.approx(trace(wide), rel=1e-3)


def test_what_cannot_be_done_is_refused_with_what_can():
    proba, embed = pool(0)
    with pytest.raises(BadValue, match="form = 'half'"):
        bait(proba=proba, embed=embed, n=2, form="half")
    with pytest.raises(BadValue, match='use form = "binary"'):
        bait(proba=RNG(0).dirichlet(np.ones(30), 4), embed=np.ones((4, 50)), n=2, form="full")


@pytest.mark.parametrize("together", [1, 3, 16])
@pytest.mark.parametrize("among", [4, 40])
def test_picks_that_share_a_pass_are_those_of_a_pass_for_each(together, among, monkeypatch):
    """Guesses among few rows are often wrong, and must then be found out and thrown away."""
    proba, embed = pool(7, n=300, c=3, d=6)
    proba[::7], embed[::7] = proba[0], embed[0]
    expected = by_definition(information(proba, embed, "binary"), information(proba, embed, "binary").sum(axis=0),
                             np.eye(6), 12, 24)  # fmt: skip
    monkeypatch.setattr(fisher, "_TOGETHER", together)
    monkeypatch.setattr(fisher, "_GUESSED_AMONG", among)
    assert bait(proba=proba, embed=embed, n=12).tolist() == expected
    monkeypatch.setattr(fisher.Front, "best", lambda front: (int(front.values.argmax()), True))
    assert bait(proba=proba, embed=embed, n=12).tolist() == expected
