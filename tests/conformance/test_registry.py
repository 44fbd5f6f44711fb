"""Every registered scorer and selector keeps what all must keep; a new one is covered with no new test."""

import pkgutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from querist import acquire, registry
from querist.acquire import conformance
from querist.acquire.policies import Situation
from querist.acquire.presets import describe
from querist.acquire.select import required_signals
from querist.registry import Entry


def ours(kind: str) -> list[Entry]:
    """What Querist brings, without what other tests have registered in the same process."""
    return [entry for entry in registry.entries(kind) if entry.function.__module__.startswith("querist.")]


SCORERS, SELECTORS, FILTERS = ours("scorer"), ours("selector"), ours("filter")


def label(value: object) -> str:
    return value.name if isinstance(value, Entry) else value.__name__


@pytest.mark.parametrize("entry", SCORERS, ids=label)
@pytest.mark.parametrize("check", [*conformance.SCORER_CHECKS, conformance.documented], ids=label)
def test_a_scorer(entry, check):
    check(entry)


@pytest.mark.parametrize("entry", SELECTORS, ids=label)
@pytest.mark.parametrize("check", [*conformance.SELECTOR_CHECKS, conformance.documented], ids=label)
def test_a_selector(entry, check):
    check(entry)


@pytest.mark.parametrize("entry", FILTERS, ids=label)
@pytest.mark.parametrize("check", [*conformance.FILTER_CHECKS, conformance.documented], ids=label)
def test_a_filter(entry, check):
    check(entry)


@pytest.mark.parametrize("entry", [*ours("policy"), *ours("combinator")], ids=label)
def test_policies_and_combinators_are_documented(entry):
    conformance.documented(entry)


@pytest.mark.parametrize("policy", ours("policy"), ids=label)
@pytest.mark.parametrize("labelled", [0, 7, 500])
@pytest.mark.parametrize("offered", [(), ("embed",), ("proba",), ("proba", "embed"), ("mean", "embed")], ids=str)
def test_a_policy_always_decides_for_something_that_can_be_done(policy, labelled, offered):
    situation = Situation(
        pool_size=900, labelled=labelled, batch=10, classes_declared=3, labelled_per_class={"a": labelled},
        signals=frozenset(offered),
    )  # fmt: skip
    decision = policy.function(situation)
    of_model = {name for name in required_signals(decision.strategy).needs if not name.startswith("labelled_")}
    assert of_model <= set(offered)
    assert decision.evidence["reason"]


@pytest.mark.parametrize("entry", [*SCORERS, *SELECTORS, *FILTERS], ids=label)
def test_it_can_be_imported_from_acquire(entry):
    assert getattr(acquire, entry.name) is entry.function
    assert entry.name in dir(acquire)


def test_names_are_unique_across_scorers_and_selectors():
    assert not [name for name, count in Counter(e.name for e in [*SCORERS, *SELECTORS]).items() if count > 1]


def test_no_module_hides_a_function_of_its_name():
    modules = {module.name for module in pkgutil.iter_modules(acquire.__path__)}
    assert not modules & set(dir(acquire))


def test_an_unknown_name_is_an_attribute_error_with_the_choices():
    with pytest.raises(AttributeError, match=r"'margn'; have: .*margin"):
        acquire.margn  # noqa: B018


def test_the_description_is_flat_json_with_what_people_ask_for():
    for entry in describe():
        assert {"kind", "name", "signals", "optional_signals", "settings", "summary"} <= set(entry)
        assert entry["summary"].strip(), entry["name"]


def test_importing_acquire_loads_neither_sklearn_nor_scipy_stats():
    code = (
        "import sys, querist, querist.acquire; querist.acquire.margin; "
        "print(sorted(m for m in sys.modules if m.startswith(('sklearn', 'scipy.stats'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# A check that cannot fail is a defect: each of these breaks one promise and must be found.


def scorer_entry(function, **flags) -> Entry:
    return Entry("scorer", function.__name__, function, needs=("proba",), **flags)


def negative(*, proba):
    """Give negative scores.

    >>> 1
    1
    """
    return -proba[:, 0]


def relative(*, proba):
    """Look at other rows.

    >>> 1
    1
    """
    return proba[:, 0] / proba[:, 0].max()


def by_place(*, proba):
    return np.arange(len(proba), dtype=float)


def vandal(*, proba):
    proba[0] = 0
    return proba[:, 0]


def breaks_its_promise():
    # Inside, so that it is no example of this module.
    def promised(*, proba):
        """Promise what it does not keep.

        >>> promised(proba=np.array([[0.6, 0.4]]))
        array([0.6])
        """
        return 1 - proba.max(axis=1)

    return promised


def undefined(*, proba):
    with np.errstate(all="ignore"):
        return 1 / (1 - proba[:, 0])


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (negative, {"gives_one_finite_score_per_row"}),
        (relative, {"may_be_sharded"}),
        (by_place, {"follows_a_permutation", "may_be_sharded", "documented"}),
        (vandal, {"leaves_its_input_alone", "documented"}),
        (breaks_its_promise(), {"documented"}),
        (undefined, {"gives_one_finite_score_per_row", "documented"}),
    ],
)
def test_a_broken_scorer_is_found(function, found):
    assert found <= {finding.check for finding in conformance.check(scorer_entry(function))}


def test_flags_excuse_what_they_declare():
    assert conformance.check(scorer_entry(negative, signed=True)) == []
    assert conformance.check(scorer_entry(relative, whole_pool=True)) == []


def twice(*, scores, n, rng):
    return np.zeros(min(n, len(scores)), int)


def fickle(*, scores, n, rng):
    return np.random.default_rng().permutation(len(scores))[:n]


@pytest.mark.parametrize(("function", "check"), [(twice, "gives_distinct_rows"), (fickle, "repeats")])
def test_a_broken_selector_is_found(function, check):
    entry = Entry("selector", function.__name__, function, reserved=frozenset({"scores", "n", "rng"}))
    assert check in {finding.check for finding in conformance.check(entry)}
