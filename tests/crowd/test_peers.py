"""Our consensus, second opinions and doubted labels beside crowd-kit's and cleanlab's, on crowds like their examples.

The extra `crowd` installs both; without it these tests skip.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from querist.crowd import active_lab, crowdlab, dawid_skene, label_errors, majority

ITEMS, CLASSES = 400, 3


@pytest.fixture(scope="module")
def crowd() -> dict[str, Any]:
    """Fifty people of unequal skill, one to five answers an item, and a model that is right seven times in ten."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, CLASSES, ITEMS)
    skill = rng.uniform(0.4, 0.98, 50)
    rows = [(i, a) for i in range(ITEMS) for a in rng.permutation(50)[: rng.integers(1, 6)]]
    item, annotator = np.array(rows).T
    right = rng.random(item.size) < skill[annotator]
    label = np.where(right, truth[item], (truth[item] + rng.integers(1, CLASSES, item.size)) % CLASSES)
    said = np.where(rng.random(ITEMS) < 0.7, truth, rng.integers(0, CLASSES, ITEMS))
    proba = rng.dirichlet(np.ones(CLASSES), ITEMS) * 0.5
    proba[np.arange(ITEMS), said] += 0.5
    return {"item": item, "annotator": annotator, "label": label, "proba": proba, "truth": truth}


def answers(crowd: dict[str, Any]) -> dict[str, Any]:
    return {name: crowd[name] for name in ("item", "annotator", "label")}


# --- crowd-kit


def as_frame(crowd: dict[str, Any]) -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"task": crowd["item"], "worker": crowd["annotator"], "label": crowd["label"]})


def test_majority_is_crowd_kits(crowd: dict[str, Any]) -> None:
    aggregation = pytest.importorskip("crowdkit.aggregation", reason="pip install 'querist[crowd]'")
    theirs = aggregation.MajorityVote().fit_predict_proba(as_frame(crowd)).sort_index()[[0, 1, 2]].to_numpy()
    np.testing.assert_allclose(majority(**answers(crowd)).proba, theirs, atol=1e-12)


def test_dawid_skene_is_crowd_kits(crowd: dict[str, Any]) -> None:
    aggregation = pytest.importorskip("crowdkit.aggregation", reason="pip install 'querist[crowd]'")
    theirs = aggregation.DawidSkene(n_iter=200, tol=0).fit_predict_proba(as_frame(crowd)).sort_index()[[0, 1, 2]]
    # crowd-kit does not smooth the confusion matrices; neither do we, here.
    ours = dawid_skene(**answers(crowd), smoothing=1e-12, iterations=200, tolerance=0)
    assert np.mean(ours.label == theirs.to_numpy().argmax(axis=1)) > 0.99
    np.testing.assert_allclose(ours.proba, theirs.to_numpy(), atol=0.02)


# --- cleanlab


def as_table(crowd: dict[str, Any]) -> np.ndarray:
    table = np.full((ITEMS, 50), np.nan)
    table[crowd["item"], crowd["annotator"]] = crowd["label"]
    return table


def test_crowdlab_is_cleanlabs(crowd: dict[str, Any]) -> None:
    multiannotator = pytest.importorskip("cleanlab.multiannotator", reason="pip install 'querist[crowd]'")
    theirs = multiannotator.get_label_quality_multiannotator(
        as_table(crowd), crowd["proba"], consensus_method="majority_vote", verbose=False, return_weights=True
    )
    ours = crowdlab(**answers(crowd), proba=crowd["proba"])
    labels = theirs["label_quality"]["consensus_label"].to_numpy()
    quality = theirs["label_quality"]["consensus_quality_score"].to_numpy()
    np.testing.assert_allclose(ours.proba[np.arange(ITEMS), labels], quality, atol=1e-12)
    np.testing.assert_allclose(ours.skill, theirs["annotator_weight"], atol=1e-12)
    assert ours.model_weight == pytest.approx(theirs["model_weight"], rel=1e-12)
    # Their usual method weighs a second time, by what came out of the first; it names the same class nearly always.
    again = multiannotator.get_label_quality_multiannotator(as_table(crowd), crowd["proba"], verbose=False)
    assert np.mean(ours.label == again["label_quality"]["consensus_label"]) > 0.99


def test_active_lab_is_cleanlabs(crowd: dict[str, Any]) -> None:
    multiannotator = pytest.importorskip("cleanlab.multiannotator", reason="pip install 'querist[crowd]'")
    rng = np.random.default_rng(1)
    new = rng.dirichlet(np.ones(CLASSES), 100)
    from cleanlab.internal.multiannotator_utils import find_best_temp_scaler, temp_scale_pred_probs

    answered, unanswered = multiannotator.get_active_learning_scores(as_table(crowd), crowd["proba"], new)
    # They fit a temperature themselves; we take calibrated probabilities.
    temperature = find_best_temp_scaler(as_table(crowd), crowd["proba"])
    known, other = (temp_scale_pred_probs(proba, temperature) for proba in (crowd["proba"], new))
    again, first = active_lab(**answers(crowd), proba=known, unlabelled_proba=other)
    # Theirs ask for the lowest first, and weigh a second time.
    theirs, ours = np.concatenate([answered, unanswered]), np.concatenate([again, first])
    assert spearmanr(-theirs, ours).statistic > 0.999
    np.testing.assert_allclose(1 - theirs, ours, atol=0.02)


def test_label_errors_are_cleanlabs(crowd: dict[str, Any]) -> None:
    filters = pytest.importorskip("cleanlab.filter", reason="pip install 'querist[crowd]'")
    from cleanlab.rank import get_label_quality_scores

    rng = np.random.default_rng(2)
    wrong = rng.random(ITEMS) < 0.1
    label = np.where(wrong, (crowd["truth"] + 1) % CLASSES, crowd["truth"])
    ours = label_errors(label=label, proba=crowd["proba"])
    theirs = filters.find_label_issues(label, crowd["proba"], filter_by="confident_learning", n_jobs=1)
    assert np.array_equal(ours.suspected, theirs)
    margin = get_label_quality_scores(label, crowd["proba"], method="normalized_margin")
    np.testing.assert_allclose(ours.score, 1 - margin, atol=1e-12)
