"""Sentences never say more than their intervals."""

import pytest

from querist.report.findings import findings, in_words

AHEAD = [0.0, 0.06, 0.06, 0.05, 0.04]
EVEN = [0.0] * 5
BEHIND = [0.0, -0.05, -0.05, -0.05, -0.05]
LATE = [0.0, 0.0, 0.0, 0.03, 0.06]


def test_a_saving_that_is_shown_is_the_headline(summary_with) -> None:
    found = findings(summary_with({"margin": AHEAD}, price=1.2))
    assert found.headline.startswith("Asking by margin saved about ")
    assert found.headline.endswith(" of 100 labels")
    assert "fewer, between" in found.lead
    assert "At $1.20 a label that is <strong>$" in found.lead
    assert found.points[0].kind == "good"


def test_without_a_price_no_money_is_named(summary_with) -> None:
    assert "$" not in findings(summary_with({"margin": AHEAD})).lead


def test_an_undecided_result_is_called_that(summary_with) -> None:
    found = findings(summary_with({"margin": EVEN}, noise=0.02))
    assert found.headline == "Not decided: margin or random labelling"
    assert "between" in found.lead
    assert not any(point.kind == "good" and "Use" in point.claim for point in found.points)


def test_a_loss_is_not_hidden(summary_with) -> None:
    found = findings(summary_with({"margin": BEHIND}))
    assert found.headline == "Random labelling was better than margin"
    assert found.points[0].kind == "bad"


def test_from_when_on_it_pays(summary_with) -> None:
    found = findings(summary_with({"margin": LATE}))
    assert found.points[0].claim.startswith("Use margin from about ")
    assert found.points[1].claim.startswith("Before that")


def test_bad_strategies_are_named(summary_with) -> None:
    claims = [point.claim for point in findings(summary_with({"margin": AHEAD, "entropy": BEHIND})).points]
    assert "Do not use entropy here." in claims


def test_a_class_that_pays_for_it_is_named(summary_with) -> None:
    summary = summary_with({"margin": AHEAD}, recall={"margin": [0.0, -0.2]})
    (point,) = [point for point in findings(summary).points if "class" in point.claim]
    assert (point.kind, point.claim) == ("look", "Margin does worse on class spam.")
    assert "16" in point.evidence  # 20 points less recall, 4 points more of everything


def test_failures_are_said(summary_with) -> None:
    found = findings(summary_with({"margin": AHEAD}, failed=(("margin", 1), ("margin", 2))))
    assert any(point.claim == "2 of 16 runs failed." for point in found.points)


def test_one_seed_decides_nothing(summary_with) -> None:
    found = findings(summary_with({"margin": AHEAD}, seeds=1))
    assert found.headline.startswith("Not decided")
    assert "one seed gives no interval" in found.lead


def test_few_seeds_give_no_saving(summary_with) -> None:
    found = findings(summary_with({"margin": [0.1] * 5}, seeds=3))
    assert "points better" in found.headline
    assert "saved" not in found.headline


@pytest.mark.parametrize(
    ("seeds", "few"), [(8, ["margin (8), entropy (8); 20 are the least to publish one on."]), (20, [])]
)
def test_arms_with_too_few_seeds_are_named(summary_with, seeds, few) -> None:
    found = findings(summary_with({"margin": AHEAD, "entropy": [-gain for gain in AHEAD]}, seeds=seeds))
    assert [point.evidence for point in found.points if "too few seeds" in point.claim] == few


def test_nothing_finished(summary_with) -> None:
    every = tuple((name, seed) for name in ("random", "margin") for seed in range(8))
    assert findings(summary_with({"margin": AHEAD}, failed=every)).headline == "Nothing was measured"


def test_names_are_escaped(summary_with) -> None:
    found = findings(summary_with({"<script>": AHEAD}))
    assert "<script>" not in found.lead


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("+++", "better throughout"),
        ("---", "worse throughout"),
        ("000", "not shown to differ"),
        ("00+", "level early, better late"),
        ("-++", "worse early, better from the middle on"),
        ("-0+", "worse early, level midway, better late"),
    ],
)
def test_the_curve_in_words(said, words) -> None:
    records = {"+": (0.01, 0.03), "-": (-0.03, -0.01), "0": (-0.01, 0.01)}
    thirds = [{"difference": sum(records[s]) / 2, "low": records[s][0], "high": records[s][1]} for s in said]
    assert in_words({"thirds": thirds}) == words


def test_a_loss_too_small_to_matter_is_not_called_one(summary_with) -> None:
    summary = summary_with({"margin": [0.0] * 5}, recall={"margin": [0.0, -0.003]}, noise=0.0001)
    (claim,) = [point.claim for point in findings(summary).points if "pays" in point.claim]
    assert claim == "No class pays much for it."


def test_a_rare_class_gets_a_figure_that_sees_it(summary_with) -> None:
    summary = summary_with({"margin": AHEAD})
    assert not any("rare" in point.claim for point in findings(summary).points)
    summary["data"]["classes"] = {"ham": 180, "spam": 20}
    (point,) = [point for point in findings(summary).points if "rare" in point.claim]
    assert point.claim == "Spam is rare (10\xa0%), so accuracy hides it."
    assert "+4" in point.evidence
