"""Consensus on three public crowds whose truth is known, where QUERIST_DATA has them."""

import os
from pathlib import Path

import numpy as np
import pytest

from querist.crowd import crowdlab, dawid_skene, majority

DATA = Path(os.environ.get("QUERIST_DATA", "nowhere")) / "crowd"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="QUERIST_DATA/crowd is not there")


def read(name):
    """Return item, annotator, label, and a function from consensus labels to accuracy on the known truth."""
    parquet = pytest.importorskip("pyarrow.parquet")
    answers = parquet.read_table(DATA / f"{name}_labels.parquet").to_pydict()
    truth = parquet.read_table(DATA / f"{name}_truth.parquet").to_pydict()
    items, item = np.unique(answers["item"], return_inverse=True)
    _, annotator = np.unique(answers["annotator"], return_inverse=True)
    place = {name: i for i, name in enumerate(items)}
    known = [(place[i], k - 1) for i, k in zip(truth["item"], truth["label"], strict=True) if i in place]
    rows, target = np.array(known).T
    return (
        {"item": item, "annotator": annotator, "label": np.array(answers["label"]) - 1},
        lambda found: np.mean(found.label[rows] == target),
    )


@pytest.mark.parametrize(
    ("name", "votes", "weighed"),
    [
        ("rte", 0.87, 0.925),
        ("bluebird", 0.75, 0.88),
        pytest.param("trec_relevance", 0.63, 0.70, marks=pytest.mark.long),
    ],
)
def test_weighing_people_beats_counting_votes(name, votes, weighed):
    answers, accuracy = read(name)
    assert accuracy(majority(**answers)) == pytest.approx(votes, abs=0.02)
    assert accuracy(dawid_skene(**answers)) >= weighed


def test_crowdlab_gains_from_a_model_where_answers_are_few():
    answers, accuracy = read("rte")
    truth = dawid_skene(**answers).label  # stands in for a model that knows the items
    rng = np.random.default_rng(0)
    few = np.concatenate([rng.permutation(np.flatnonzero(answers["item"] == i))[:2] for i in range(800)])
    some = {key: values[few] for key, values in answers.items()}
    proba = np.full((800, 2), 0.25)
    proba[np.arange(800), np.where(rng.random(800) < 0.85, truth, 1 - truth)] = 0.75
    assert accuracy(crowdlab(**some, proba=proba)) > accuracy(majority(**some)) + 0.05
