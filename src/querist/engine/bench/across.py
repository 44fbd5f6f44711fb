"""What the settings of a bench say together: each data set is one observation, its seeds never pooled with others'.

Only data sets are put side by side: where a bench varies models, batches, first labels or conditions, each combination
of these is a *view* of its own, for the same data set under two conditions is not two data sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from querist.engine.bench.summary import Question, Table, tables, thirds
from querist.measure import across, comparison, curves
from querist.types import Array, Json

LEAST_SETS: Final = 2
LEAST_SEEDS: Final = 20
"""No claim is made from fewer."""
PERIODS: Final = ("whole", "first", "middle", "last")


def view(sets: Mapping[str, Sequence[Json]], question: Question, *, rope: float = 0.005) -> Json:
    """Return the comparison of strategies over data sets.

    Args:
        sets: data set → its cells, all of one model, batch size, size of the first labels, and conditions.
        question: which metric, and which baseline.
        rope: differences of the area below this are as good as none.

    Returns:
        `sets` that count, `left_out` (strategies that did not finish on all of them), `strategies`, `ranks`, and the
        matrices `penalties` and `beats` in the order of `strategies`; less where there are too few sets.
    """
    found = {name: tables(cells) for name, cells in sets.items()}
    found = {name: t for name, t in found.items() if question.baseline in t and len(t[question.baseline].seeds) > 1}
    everywhere = [name for name in _names(found) if all(_enough(t, name, question.baseline) for t in found.values())]
    shared = {name: _shared(t, everywhere) for name, t in found.items()}
    left_out = sorted(set(_names(found)) - set(everywhere))
    if len(found) < LEAST_SETS or len(everywhere) < 2:
        return {"sets": _seeds(shared), "left_out": left_out, "strategies": [], "ranks": None}
    areas = _areas(found, shared, everywhere, question.metric)
    base = everywhere.index(question.baseline)
    means = np.array([[areas[s][k][:, 0].mean() for k in range(len(everywhere))] for s in found])
    ranks = across.ranks(means) if len(everywhere) > 2 else None
    return {
        "sets": _seeds(shared),
        "left_out": left_out,
        "baseline": question.baseline,
        "metric": question.metric,
        "rope": rope,
        "strategies": [
            _strategy(name, k, base, areas, rope) | {"rank": None if ranks is None else float(ranks.mean[k])}
            for k, name in enumerate(everywhere)
        ],
        "ranks": None if ranks is None else ranks.to_json(),
        "penalties": across.penalties(_stacks(found, shared, everywhere, question.metric)).tolist(),
        "beats": [
            [_beats(areas, i, j) if i != j else 0 for j in range(len(everywhere))] for i in range(len(everywhere))
        ],
        "enough_seeds": all(len(seeds) >= LEAST_SEEDS for seeds in shared.values()),
    }


def _names(found: Mapping[str, Mapping[str, Table]]) -> list[str]:
    return list(dict.fromkeys(name for t in found.values() for name in t))


def _enough(found: Mapping[str, Table], name: str, baseline: str) -> bool:
    return name in found and len(set(found[name].seeds) & set(found[baseline].seeds)) > 1


def _shared(found: Mapping[str, Table], names: Sequence[str]) -> list[int]:
    """Seeds that all strategies finished: a comparison of many is fair on these alone."""
    return sorted(set.intersection(*(set(found[name].seeds) for name in names))) if names else []


def _seeds(shared: Mapping[str, Sequence[int]]) -> list[Json]:
    return [{"set": name, "seeds": len(seeds)} for name, seeds in shared.items()]


def _areas(
    found: Mapping[str, Mapping[str, Table]], shared: Mapping[str, list[int]], names: Sequence[str], metric: str
) -> dict[str, list[Array]]:
    """Set → for each strategy (seeds, 4): the mean height of the whole curve and of its thirds."""
    areas: dict[str, list[Array]] = {}
    for each, t in found.items():
        areas[each] = []
        for name in names:
            rows = t[name].rows(shared[each])
            whole = [curves.area(t[name].labels, row) for row in t[name].values[metric][rows]]
            areas[each].append(np.column_stack([whole, thirds(t[name], metric)[rows]]))
    return areas


def _stacks(
    found: Mapping[str, Mapping[str, Table]], shared: Mapping[str, list[int]], names: Sequence[str], metric: str
) -> dict[str, Array]:
    return {
        each: np.stack([t[name].values[metric][t[name].rows(shared[each])] for name in names])
        for each, t in found.items()
    }


def _strategy(name: str, k: int, base: int, areas: Mapping[str, Sequence[Array]], rope: float) -> Json:
    record: Json = {"strategy": name, "area": float(np.mean([a[k][:, 0].mean() for a in areas.values()]))}
    if k == base:
        return {**record, "against": None}
    periods = {
        period: _over_sets(np.array([(a[k] - a[base])[:, i].mean() for a in areas.values()]))
        for i, period in enumerate(PERIODS)
    }
    each = [
        {
            "set": s,
            **comparison.paired(a[k][:, 0], a[base][:, 0], strategy=name).to_json(),
            "wilcoxon_p_value": comparison.wilcoxon(a[k][:, 0], a[base][:, 0]),
        }
        for s, a in areas.items()
    ]
    for corrected, record_of_set in zip(comparison.holm([e["p_value"] for e in each]), each, strict=True):
        record_of_set["p_value_holm"] = corrected
    differences = np.array([e["difference"] for e in each])
    return {
        **record,
        "against": {
            **periods,
            "tally": across.tally([e["p_value"] for e in each], differences.tolist()),
            "practical": across.bayesian_signed_rank(differences, rope=rope).to_json(),
            "wilcoxon_p_value": comparison.wilcoxon(differences, np.zeros_like(differences)),
            "sets": each,
        },
    }


def _over_sets(differences: Array) -> Json:
    low, high = across.bootstrap_over_sets(differences)
    return {"difference": float(differences.mean()), "low": low, "high": high}


def _beats(areas: Mapping[str, Sequence[Array]], i: int, j: int) -> int:
    """On how many data sets i is better than j, after Holm's correction over the sets."""
    pairs = [comparison.paired(a[i][:, 0], a[j][:, 0], strategy="i", baseline="j") for a in areas.values()]
    wins: int = across.tally([p.p_value for p in pairs], [p.difference for p in pairs])["wins"]
    return wins


def best_single(found: Json, policy: str, period: str) -> str:
    """Return the strategy, other than the policy, whose mean difference over all sets is largest in a period."""
    rivals = [s for s in found["strategies"] if s["strategy"] != policy]
    return str(max(rivals, key=lambda s: s["against"][period]["difference"] if s["against"] else 0.0)["strategy"])


def verdict(sets: Mapping[str, Sequence[Json]], policy: str, question: Question) -> Json:
    """Return whether a policy earned its name: against the best single strategy of each third, and against random.

    Args:
        sets: data set → its cells.
        policy: the name of the policy, `auto`.
        question: which metric, and which baseline.

    Returns:
        `thirds`, each with the best single strategy, the mean difference of the policy to it over the sets with its
        bootstrap interval, and the other rivals that were above it, each with how much; `worse_than_baseline`, the sets
        on which the policy is worse after Holm's correction; `holds`, whether all conditions are met.
    """
    found = view(sets, question)
    own = next((s for s in found["strategies"] if s["strategy"] == policy), None)
    if own is None or own["against"] is None:
        return {"policy": policy, "thirds": [], "worse_than_baseline": [], "holds": None}
    names = [s["strategy"] for s in found["strategies"]]
    used = {s["set"]: sets[s["set"]] for s in found["sets"]}
    made = {name: tables(cells) for name, cells in used.items()}
    areas = _areas(made, {n: _shared(t, names) for n, t in made.items()}, names, question.metric)
    k = names.index(policy)
    records = []
    for i, period in enumerate(PERIODS[1:], 1):
        best = names.index(best_single(found, policy, period))
        apart = _over_sets(np.array([(a[k] - a[best])[:, i].mean() for a in areas.values()]))
        mean = {name: float(np.mean([a[j][:, i].mean() for a in areas.values()])) for j, name in enumerate(names)}
        ahead = {name: mean[name] - mean[policy] for name in names if name not in (policy, names[best])}
        above = {name: gap for name, gap in ahead.items() if gap > 0}
        records.append({"period": period, "best": names[best], **apart, "above": above})
    worse = [e["set"] for e in own["against"]["sets"] if e["p_value_holm"] <= 0.05 and e["difference"] < 0]
    holds = all(r["difference"] >= -0.005 and r["low"] >= -0.015 and not r["above"] for r in records) and not worse
    return {"policy": policy, "thirds": records, "worse_than_baseline": worse, "holds": holds}
