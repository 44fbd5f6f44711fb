import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.acquire import textbook

from querist.acquire.perturbed import alfa_mix, drop_query
from querist.errors import BadValue

RNG = np.random.default_rng


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def flips_by_definition(x, weight, bias, anchors, step):
    """Mix each row with each anchor along the gradient of its loss, written out row by row."""
    found = []
    for row in x:
        logits = weight @ row + bias
        clean = int(logits.argmax())
        gradient = weight.T @ (softmax(logits) - np.eye(len(weight))[clean])
        ways = [row + step * np.linalg.norm(a - row) * gradient / np.linalg.norm(gradient) for a in anchors]
        found.append(any(int((weight @ way + bias).argmax()) != clean for way in ways))
    return np.array(found)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_alfa_mix_takes_rows_that_flip(seed):
    rng = RNG(seed)
    x, weight, bias = rng.normal(size=(40, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)
    target = np.arange(9) % 3
    labelled = rng.normal(size=(9, 4))
    anchors = [labelled[target == c].mean(axis=0) for c in range(3)]
    flips = flips_by_definition(x, weight, bias, anchors, 0.1)
    n = max(1, min(5, int(flips.sum())))
    rows = alfa_mix(
        embed=x,
        head_weight=weight,
        head_bias=bias,
        labelled_embed=labelled,
        labelled_target=target,
        n=n,
        rng=rng,
        step=0.1,
    )
    assert flips[rows].sum() == min(n, flips.sum())


def test_where_too_few_flip_those_with_the_least_lead_join():
    x = np.array([[9.0], [5.0], [2.0], [7.0]])
    rows = alfa_mix(
        embed=x,
        head_weight=np.array([[1.0], [-1.0]]),
        head_bias=np.zeros(2),
        labelled_embed=x,
        labelled_target=np.zeros(4, int),
        n=2,
        rng=RNG(0),
        step=0.01,
    )
    assert sorted(rows) == [1, 2]


# Not 1: there a cluster has two rows, which are equally near to their mean.
@pytest.mark.parametrize("seed", [0, 2, 3, 4, 5, 6])
def test_drop_query_is_its_definition_row_by_row(seed):
    rng, drop = RNG(seed), 0.4
    centres = 5 * rng.normal(size=(3, 6))
    x = np.concatenate([centre + 0.3 * rng.normal(size=(15, 6)) for centre in centres])
    weight, bias = rng.normal(size=(3, 6)), rng.normal(size=3)
    draw = RNG(seed)
    masks = [draw.random(x.shape, dtype=np.float32) >= drop for _ in range(5)]
    votes = []
    for i, row in enumerate(x):
        clean = int((weight @ row + bias).argmax())
        votes.append(sum(int((weight @ (row * mask[i] / (1 - drop)) + bias).argmax()) != clean for mask in masks))
    enough = 3
    while sum(vote >= enough for vote in votes) < 3:
        enough -= 1
    rows = np.flatnonzero(np.array(votes) >= enough)
    unit = x[rows] / np.linalg.norm(x[rows], axis=1, keepdims=True)
    expected = rows[textbook.medoids(unit, *textbook.lloyd(unit, 3, draw))]
    found = drop_query(embed=x, head_weight=weight, head_bias=bias, n=3, rng=RNG(seed), passes=5, drop=drop)
    assert found.tolist() == expected.tolist()


def test_drop_query_prefers_what_dropout_can_change():
    sure, torn = np.full((50, 8), 3.0), np.tile([1.0, -0.95], (50, 4)) + RNG(0).normal(0, 0.01, (50, 8))
    x = np.concatenate([sure, torn])
    head = np.stack([np.ones(8), -np.ones(8)])
    rows = drop_query(embed=x, head_weight=head, head_bias=np.array([1e-6, 0.0]), n=5, rng=RNG(1), drop=0.5)
    assert rows.min() >= 50


def test_drop_query_lowers_its_demand_when_nothing_changes():
    x = np.random.default_rng(0).random((20, 3)) + 1
    head = np.stack([np.ones(3), -np.ones(3)])
    rows = drop_query(embed=x, head_weight=head, head_bias=np.array([1.0, 0.0]), n=6, rng=RNG(0))
    assert len(set(rows.tolist())) == 6
    with pytest.raises(BadValue, match="drop = 1"):
        drop_query(embed=x, head_weight=head, head_bias=np.zeros(2), n=1, rng=RNG(0), drop=1.0)
