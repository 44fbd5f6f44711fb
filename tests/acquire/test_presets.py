import json

import pytest

from querist.acquire.presets import PRESETS, describe, names, strategy
from querist.errors import BadValue, UnknownName
from querist.types import Strategy


def test_settings_go_to_the_part_that_declares_them():
    made = strategy("weighted_kmeans", {"prefilter": 5, "shortlist": 100, "filters": []})
    assert made.selector_settings == {"prefilter": 5}
    assert (made.scorer, made.shortlist, made.filters) == ("margin", 100, ())


def test_the_three_forms_of_a_strategy_are_one():
    by_name = strategy("power_margin", {"beta": 2.0})
    assert strategy({"name": "power_margin", "settings": {"beta": 2.0}}) == by_name
    assert strategy(json.loads(json.dumps(by_name.to_json()))) == by_name
    assert strategy(by_name) is not None
    assert strategy(by_name).hash == by_name.hash


def test_scorers_selectors_and_transforms_are_strategies():
    assert strategy("gumbel_top") == Strategy("gumbel_top", scorer="margin", selector="gumbel_top")
    assert strategy("softrank_entropy").selector_settings == {"how": "softrank"}


def test_what_is_unknown_is_named_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'weighted_kmeans'"):
        strategy("weighted_kmean")
    with pytest.raises(UnknownName, match="did you mean 'prefilter'"):
        strategy("weighted_kmeans", {"prefiltr": 3})
    with pytest.raises(UnknownName, match="did you mean 'power_margin'"):
        strategy("power_margn")


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"prefilter": "many"}, "prefilter"), ({"incremental": 1}, "incremental"), ({"random_share": 2}, "random_share")],
)
def test_a_value_of_another_type_is_refused(settings, field):
    with pytest.raises(BadValue) as caught:
        strategy("weighted_kmeans", settings)
    assert caught.value.field == field


def test_the_catalogue_is_json_and_complete():
    listed = json.loads(json.dumps(describe()))
    assert {entry["name"] for entry in listed if entry["kind"] == "preset"} == set(PRESETS)
    assert {entry["name"] for entry in listed if entry["kind"] in ("scorer", "selector")} <= set(names())


def test_scores_that_may_be_negative_are_refused_where_they_have_no_meaning():
    signed = "expected_error_reduction_refit"
    with pytest.raises(BadValue, match=f"use softmax_{signed} or softrank_{signed}"):
        strategy(f"power_{signed}")
    with pytest.raises(BadValue, match="use rank_mean"):
        strategy("margin_per_cost", {"parts": [signed]})
    assert strategy(f"softrank_{signed}").scorer == signed
