"""Made crowds whose truth and skills are known."""

import numpy as np
import pytest


def made_crowd(seed, *, items=150, annotators=12, classes=3, each=4, skill=(0.45, 0.95)):
    """Return item, annotator, label and truth: each item is answered by `each` different people."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, items, p=rng.dirichlet(np.full(classes, 5.0)))
    accuracy = rng.uniform(*skill, annotators)
    item = np.repeat(np.arange(items), each)
    annotator = np.concatenate([rng.permutation(annotators)[:each] for _ in range(items)])
    wrong = (truth[item] + rng.integers(1, classes, len(item))) % classes
    label = np.where(rng.random(len(item)) < accuracy[annotator], truth[item], wrong)
    return item, annotator, label, truth, accuracy


@pytest.fixture
def crowd():
    return made_crowd
