import json
from dataclasses import replace

import pytest

from querist.acquire.policies import (
    PastRound,
    Situation,
    Skill,
    auto,
    bandit_exp3,
    bandit_thompson,
    typiclust_then_margin,
)

START = Situation(pool_size=1000, labelled=0, batch=20, classes_declared=3, signals=frozenset({"embed"}))
READY = replace(
    START,
    labelled=40,
    labelled_per_class={"a": 20, "b": 15, "c": 5},
    signals=frozenset({"proba", "embed"}),
    skill=Skill(0.3, 0.1, 0.5),
)
COVERING = (PastRound("kmeans", "coverage"), PastRound("kmeans", "learning"))


def in_force(situation):
    return auto(situation).evidence["in_force"]


def test_coverage_while_there_is_nothing_to_learn_from():
    assert auto(START).strategy.scorer is None
    assert in_force(START) == "coverage"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"signals": frozenset({"embed"})}, "no model that predicts"),
        ({"labelled_per_class": {"a": 20, "b": 20}}, "1 of 3 classes have no label"),
        ({"labelled": 14}, "14 labels are fewer than 5 for each class"),
        ({"skill": Skill(0.1, 0.0, 0.2, error=0.4)}, "wrong in 40%, and even guessing in 67%"),
    ],
)
def test_each_reason_to_go_on_covering(change, reason):
    decision = auto(replace(READY, **change))
    assert decision.evidence["in_force"] == "coverage"
    assert reason in decision.evidence["reason"]


def test_a_class_that_does_not_turn_up_holds_nothing_up_for_ever():
    assert in_force(replace(READY, labelled=60, labelled_per_class={"a": 30, "b": 30})) == "learning"


@pytest.mark.parametrize(
    ("classes", "error", "regime"),
    [(2, 0.27, "learning"), (2, 0.28, "coverage"), (10, 0.49, "learning"), (10, 0.5, "coverage")],
)
def test_a_model_that_errs_little_less_than_even_guessing_does_not_choose(classes, error, regime):
    seen = {str(k): 40 for k in range(classes)}
    weak = replace(READY, labelled=40 * classes, labelled_per_class=seen, classes_declared=classes)
    assert in_force(replace(weak, skill=Skill(0.1, 0.0, 0.2, error=error))) == regime


def test_a_rare_class_is_no_reason_to_cover_for_ever():
    """Accuracy is hardly above the majority, yet doubt points at the rare class."""
    assert in_force(replace(READY, skill=Skill(0.0, -0.01, 0.01, error=0.02))) == "learning"


def test_errors_on_labels_that_were_doubtful_do_not_end_learning():
    rounds = (*COVERING, *[PastRound("weighted_kmeans", "learning")] * 5)
    assert in_force(replace(READY, skill=Skill(0.0, -0.2, 0.2, error=0.6), rounds=rounds)) == "learning"


@pytest.mark.parametrize(
    ("error", "asked"), [(0.1, "weighted_kmeans"), (0.3, "uncertainty_herding"), (None, "uncertainty_herding")]
)
def test_a_model_that_errs_more_or_nobody_knows_how_much_covers_what_it_is_unsure_of(error, asked):
    """Three classes: 35 % of even guessing are 23 % errors."""
    first = replace(READY, skill=None if error is None else Skill(0.2, 0.1, 0.3, error=error))
    assert auto(first).strategy.name == asked
    assert auto(replace(first, dim=4)).strategy.name == asked
    assert auto(replace(first, dim=4)).strategy.selector_settings.get("unit", True) is (asked == "weighted_kmeans")
    # Doubtful labels were asked since: their errors take nothing back.
    for begun in ("weighted_kmeans", "uncertainty_herding"):
        assert auto(replace(first, rounds=(PastRound(begun, "learning"),) * 2)).strategy.name == begun


def test_then_uncertainty_with_diversity_or_margin_for_tiny_batches():
    assert auto(replace(READY, skill=Skill(0.3, 0.1, 0.5, error=0.1))).strategy.name == "weighted_kmeans"
    assert auto(replace(READY, batch=5)).strategy.name == "margin"
    assert auto(replace(READY, signals=frozenset({"proba"}))).strategy.name == "margin"


@pytest.mark.parametrize(("classes", "asked"), [(2, "weighted_kmeans"), (3, "uncertainty_herding")])
def test_of_two_classes_doubt_is_followed_before_errors_are_known(classes, asked):
    seen = {str(k): 13 for k in range(classes)}
    unknown = replace(READY, classes_declared=classes, labelled_per_class=seen, skill=None)
    assert auto(unknown).strategy.name == asked


def test_learning_begins_at_once_and_later_changes_must_be_wanted_twice_running():
    assert in_force(replace(READY, rounds=(PastRound("kmeans", "coverage"),))) == "learning"
    learned = (*COVERING, *[PastRound("weighted_kmeans", "learning")] * 4)
    doubtful = replace(READY, labelled=14, rounds=learned)
    assert in_force(doubtful) == "learning"
    assert "for the first time" in auto(doubtful).evidence["reason"]
    assert in_force(replace(doubtful, rounds=(*learned, PastRound("weighted_kmeans", "coverage")))) == "coverage"


def test_it_is_not_taken_back_within_three_rounds():
    doubtful = replace(READY, labelled=14)
    back = PastRound("weighted_kmeans", "coverage")
    for rounds, expected in [(1, "learning"), (2, "learning"), (3, "coverage")]:
        assert in_force(replace(doubtful, rounds=(*COVERING, *[back] * rounds))) == expected


def test_without_probabilities_there_is_no_choice():
    lost = replace(START, labelled=40, rounds=(PastRound("margin", "learning"),))
    assert in_force(lost) == "coverage"


def test_evidence_is_json_with_the_numbers():
    evidence = json.loads(json.dumps(auto(READY).evidence))
    assert evidence["skill"]["low"] == 0.1
    assert evidence["labelled"] == 40


def test_coverage_measures_directions_only_where_there_are_many():
    assert auto(replace(START, dim=384)).strategy.name == "max_herding"
    assert auto(replace(START, dim=384)).strategy.selector_settings == {}
    assert auto(replace(START, dim=2)).strategy.selector_settings == {"unit": False}
    assert auto(replace(START, signals=frozenset())).strategy.name == "random"


def test_several_labels_at_once_and_numbers_have_their_own_strategies():
    many = replace(READY, task="multi_label", signals=frozenset({"label_proba", "embed"}))
    assert auto(many).strategy.scorer == "mean_label_entropy"
    assert auto(many).strategy.selector == "weighted_kmeans"
    numbers = Situation(
        pool_size=500, labelled=40, batch=10, classes_declared=0, signals=frozenset({"mean", "std", "embed"})
    )
    assert in_force(numbers) == "learning"


def test_typiclust_then_margin_switches_by_the_same_rule():
    assert typiclust_then_margin(START).strategy.name == "typiclust"
    assert typiclust_then_margin(READY).strategy.name == "margin"


@pytest.mark.parametrize("policy", [bandit_exp3, bandit_thompson])
def test_a_bandit_prefers_what_was_rewarded_and_repeats_itself(policy):
    arms = ("margin", "random")
    rounds = (PastRound("margin", reward=0.1), PastRound("random", reward=0.9)) * 30
    chosen = []
    for seed in range(40):
        decision = policy(replace(READY, rounds=rounds), arms=arms, seed=seed)
        assert decision == policy(replace(READY, rounds=rounds), arms=arms, seed=seed)
        json.dumps(decision.evidence)
        chosen.append(decision.strategy.name)
    assert chosen.count("random") >= 30


@pytest.mark.parametrize("policy", [bandit_exp3, bandit_thompson])
def test_a_bandit_leaves_out_what_the_model_cannot_do(policy):
    chosen = {policy(START, seed=seed).strategy.name for seed in range(20)}
    assert chosen <= {"max_herding", "random"}
    assert policy(START, arms=("margin",)).strategy.name == "max_herding"
