import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.acquire.presets import strategy
from querist.acquire.select import choose, required_signals
from querist.acquire.subpools import anchors, seals

RNG = np.random.default_rng


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_seals_by_brute_force(seed, k):
    x, labelled = RNG(seed).normal(size=(30, 2)), RNG(seed + 1).normal(size=(4, 2))
    near = {int(row) for point in labelled for row in np.argsort(np.square(x - point).sum(axis=1))[:k]}
    for limit in (2**8, 2**28):
        mask = seals(embed=x, labelled_embed=labelled, neighbours=k, memory_limit=limit)
        assert set(np.flatnonzero(mask)) == near


def test_every_class_has_its_anchors():
    x = np.concatenate([RNG(i).normal(10 * i, 1, (size, 2)) for i, size in enumerate((100, 5))])
    target = np.repeat([0, 1], [100, 5])
    mask = anchors(embed=x, labelled_embed=x, labelled_target=target, anchors=2, neighbours=4)
    assert mask[100:].sum() >= 4
    assert mask[:100].sum() <= 8


def test_a_filter_counts_eligible_rows_only_and_leaves_no_probability():
    x, proba = np.arange(10.0)[:, None], np.full((10, 2), 0.5)
    near = strategy("power_margin", {"filters": ['seals:{"neighbours": 3}']})
    assert required_signals(near) == (("embed", "proba"), ("labelled_embed",))
    given_arrays = {"embed": x, "proba": proba, "labelled_embed": x[:1]}
    batch = choose(near, given_arrays, n=5, rng=RNG(0), eligible=np.arange(10) > 0)
    assert sorted(batch.rows) == [1, 2, 3]
    assert batch.removed == {"filter seals": 6}
    assert np.isnan(batch.probabilities).all()
