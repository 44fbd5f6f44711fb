"""Does the live baseline keep its word? Whole projects on the engine itself, where the truth is known.

    python benchmarks/evidence.py --projects 240 --out evidence.jsonl

Each project has all its lanes, is answered from known labels in the order of its queue, and records what it would have
shown: intervals, comparison, saving, alarms, what each stopping rule said. The truth is measured on 20,000 rows that no
project sees, and on the mean of 60 random arms of each size. Interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from querist.engine.archive import archive
from querist.engine.bench.rehearsal import begin, rehearse, truth_of
from querist.engine.comparing import compare
from querist.engine.project import Project
from querist.engine.reserve import measuring
from querist.events import Alarm, DuelSettled, ModelEvaluated, Requested
from querist.measure.curves import labels_to, monotone
from querist.measure.intervals import wilson
from querist.measure.metrics import arm_of, metric
from querist.registry import scorer
from querist.types import Array, Features, Strategy

LABELS = 640
"""Answers a project gets, in all lanes."""
BATCH = 30
TEST = 20_000
ARMS = 60
SIZES = (20, 30, 40, 60, 80, 110, 150, 200, 260, 340, 440, 560)


@scorer
def most_certain(*, proba: Array) -> Array:
    """Ask where the model is surest: a strategy made useless."""
    return proba.max(axis=1)


@scorer
def first_class(*, proba: Array) -> Array:
    """Ask for what looks like class 0 only: a strategy that may do harm."""
    return proba[:, 0]


@scorer
def near_copies(*, proba: Array, embed: Array, labelled_embed: Array) -> Array:
    """Ask for what is most like the densest labelled items and sure already: copies, which do real harm."""
    apart = ((labelled_embed[:, None] - labelled_embed[None]) ** 2).sum(axis=2)
    centre = labelled_embed[np.sort(apart, axis=1)[:, : min(10, len(apart))].sum(axis=1).argmin()]
    return proba.max(axis=1) / (1 + ((embed - centre) ** 2).sum(axis=1))


STRATEGIES: dict[str, str | Strategy] = {
    "margin": "margin",
    "random": "random",
    "most certain": Strategy("most_certain", scorer="most_certain"),
    "one class": Strategy("one_class", scorer="first_class"),
    "near copies": Strategy("near_copies", scorer="near_copies"),
}


# --- a learner that takes a millisecond


@dataclass(frozen=True)
class Ridge:
    """Ridge regression on one-hot targets, in closed form."""

    penalty: float = 1.0
    name: str = "ridge"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def fit(
        self,
        features: Features,
        target: Array,
        *,
        classes: int,
        weight: Array | None = None,
        seed: int = 0,
    ) -> RidgeModel:
        """Return the fitted model."""
        x = np.hstack([features.embed, np.ones((len(features), 1))])
        penalty = self.penalty * np.eye(x.shape[1])
        if len(x) < x.shape[1]:
            coefficients = x.T @ np.linalg.solve(x @ x.T + self.penalty * np.eye(len(x)), np.eye(classes)[target])
        else:
            coefficients = np.linalg.solve(x.T @ x + penalty, x.T @ np.eye(classes)[target])
        return RidgeModel(coefficients, classes)


@dataclass(frozen=True)
class RidgeModel:
    """Its probabilities are a softmax of the scores."""

    coefficients: Array
    classes: int
    name: str = "ridge"
    offers: frozenset[str] = frozenset({"proba", "embed"})

    def signals(
        self,
        wanted: Collection[str],
        features: Features,
        *,
        rng: np.random.Generator,
    ) -> dict[str, Array]:
        """Return the wanted signals."""
        scores = 6 * (features.embed @ self.coefficients[:-1] + self.coefficients[-1])
        proba = np.exp(scores - scores.max(axis=1, keepdims=True))
        proba /= proba.sum(axis=1, keepdims=True)
        return {name: {"proba": proba, "embed": features.embed}[name] for name in wanted}

    def save(self) -> dict[str, bytes]:
        """Return nothing: these projects live in memory."""
        return {}


# --- worlds


@dataclass(frozen=True)
class World:
    """A pool and a test set of one distribution; `metric` is what is compared, `loop` and `lanes` are settings."""

    name: str
    pool: Array
    target: Array
    test: Array
    test_target: Array
    classes: tuple[str, ...]
    metric: str = "accuracy"
    loop: Mapping[str, Any] = field(default_factory=dict)
    lanes: Mapping[str, Any] = field(default_factory=dict)

    def score(self, predicted: Array) -> float:
        """Return the metric on the test set."""
        wanted = metric(self.metric)
        positive = self.classes.index(wanted.name) if wanted.name else -1
        arm = arm_of(wanted, np.array([1]), predicted[None], self.test_target, positive=positive)
        return float(np.nan_to_num(arm.score[0]))

    def of(self, model: Any) -> float:
        """Return the metric of a model."""
        features = Features(self.test, self.test)
        proba = model.signals(["proba"], features, rng=np.random.default_rng(0))["proba"]
        return self.score(proba.argmax(axis=1))


def worlds(seed: int = 0) -> list[World]:
    """Return five worlds: classes in clumps, a rare class (by its F1), two classes that overlap a lot, twelve classes.

    The last one is made so that a bad strategy does real harm: 26 classes that are learnt slowly, and nothing that
    softens it but a seed set of ten labels in the place of 130, and a tenth of the labels drawn at random.
    """
    slow = _clumps("slow", classes=26, clumps=3, spread=0.3, shares=None, seed=seed + 4, metric="accuracy")
    seeds = {"mode": "batch", "seed_set": {"least": 10, "per_class": 0}}
    return [
        _clumps("clumps", classes=6, clumps=3, spread=0.35, shares=None, seed=seed, metric="accuracy"),
        _clumps("rare", classes=2, clumps=4, spread=0.4, shares=(0.93, 0.07), seed=seed + 1, metric="f1:c1"),
        _clumps("overlap", classes=2, clumps=4, spread=0.7, shares=None, seed=seed + 2, metric="accuracy"),
        _clumps("many", classes=12, clumps=2, spread=0.45, shares=None, seed=seed + 3, metric="accuracy"),
        replace(slow, loop=seeds, lanes={"control": 0.1, "control_after": 0.1}),
    ]


def _clumps(
    name: str, *, classes: int, clumps: int, spread: float, shares: Sequence[float] | None, seed: int, metric: str
) -> World:
    rng = np.random.default_rng(seed)
    dim, width, pool = 6, 80, 4000
    centres = rng.normal(size=(classes, clumps, dim))
    weight = rng.dirichlet(np.ones(clumps), size=classes)
    target = rng.choice(classes, size=pool + TEST, p=shares)
    clump = np.array([rng.choice(clumps, p=weight[k]) for k in target])
    x = centres[target, clump] + spread * rng.normal(size=(len(target), dim))
    frequencies, phase = rng.normal(size=(dim, width)) / 1.6, rng.uniform(0, 2 * np.pi, width)
    features = np.cos(x @ frequencies + phase) * np.sqrt(2 / width) * 4
    names = tuple(f"c{k}" for k in range(classes))
    return World(name, features[:pool], target[:pool], features[pool:], target[pool:], names, metric)


def random_curve(world: World) -> Array:
    """Return the expected metric of random labelling at each of the sizes."""
    rng = np.random.default_rng(99)
    learner = Ridge()
    found = np.zeros((ARMS, len(SIZES)))
    for arm in range(ARMS):
        order = rng.permutation(len(world.pool))
        for k, size in enumerate(SIZES):
            rows = order[:size]
            model = learner.fit(
                Features(world.pool[rows], world.pool[rows]), world.target[rows], classes=len(world.classes)
            )
            found[arm, k] = world.of(model)
    mean: Array = found.mean(axis=0)
    return mean


# --- one project


def begin_project(world: World, strategy: str, seed: int, *, target: float = 1.0) -> Project:
    """Return a project of a world, whose stopping rules look at each round and never stop it."""
    asked = [
        {"rule": "settled"},
        {"rule": "stabilised"},
        {"rule": "gain"},
        {"rule": "classification_change"},
        {"rule": "overall_uncertainty", "below": 0.2},
        {"rule": "target", "metric": world.metric, "at_least": target},
    ]
    never = {"rule": "budget", "labels": 10**9}
    return begin(
        world.pool,
        world.classes,
        strategy=STRATEGIES[strategy],
        learner=Ridge(),
        seed=seed,
        loop={"batch": BATCH, "retrain_every": {"least": BATCH, "share": 0.0}, **world.loop},
        # Measuring goes faster than by default, so that every project reaches the second planned look.
        lanes={"evaluation": 0.35, "control_after": 0.2, **world.lanes},
        model={"name": "ridge", "calibrate": "off"},
        stop={"any": [], "all": [*asked, never]},
        evaluation={"metric": world.metric},
    )


def run_project(world: World, curve: Array, strategy: str, seed: int, labels: int = LABELS) -> dict[str, Any]:
    """Return what a project showed of so many answers, beside the truth."""
    target = round(0.97 * float(curve[-2]), 3)
    project = begin_project(world, strategy, seed, target=target)
    truth: dict[int, float] = {}
    predicted: dict[str, float] = {}

    def after(project: Project) -> None:
        model = project.state().model
        if model is not None and model not in predicted:
            score = world.of(project.model())
            predicted[model] = score
            truth[project.trained()[-1].labelled] = score

    answers = truth_of(world.target, world.classes)
    rehearse(project, answers, labels=labels, chunk=BATCH, after=after)
    found = _shown(project, world, curve, truth, predicted)
    if world.metric == "accuracy" and labels >= LABELS:
        project.record("settle", Requested("settle", "person"), actor="person")
        rehearse(project, answers, labels=labels + 60, chunk=BATCH, after=after)
        found["duel"] = _duel(project, curve, predicted)
    return {"world": world.name, "strategy": strategy, "seed": seed, **found}


def at(curve: Array, labels: float) -> float:
    """Return the expected metric of random labelling at a size."""
    return float(np.interp(np.log(labels), np.log(SIZES), curve))


def _shown(
    project: Project, world: World, curve: Array, truth: dict[int, float], predicted: dict[str, float]
) -> dict[str, Any]:
    state = project.state()
    events = [e.event for e in project.store.events(kinds=["model_evaluated"])]
    alarms = [e.event.name for e in project.store.events(kinds=["alarm"]) if isinstance(e.event, Alarm)]
    measured = measuring(project, state)
    assert measured is not None
    compared = compare(project, state, measured, archive(project))
    found: dict[str, Any] = {"alarms": alarms, "labels": state.paid, "training": state.training}
    found["figures"] = [_figure(event, world, predicted) for event in events if isinstance(event, ModelEvaluated)]
    found["better"] = any((e.evidence.get("comparison") or {}).get("finding") == "better" for e in events)
    found["worse"] = any((e.evidence.get("comparison") or {}).get("finding") == "worse" for e in events)
    found["stops"] = _stops(events, truth, predicted)
    if compared is not None:
        d = compared.difference
        true = truth[d.active_labels] - at(curve, d.labels)
        found["difference"] = {"value": d.value, "low": d.low, "high": d.high, "true": true, "labels": d.labels}
        if compared.saved is not None:
            s = compared.saved
            sizes = np.array(sorted(truth))
            reached = labels_to(sizes, monotone(np.array([truth[k] for k in sizes])), at(curve, s.random_labels))
            really = s.random_labels - (sizes[-1] if reached is None else reached)
            found["saved"] = {"value": s.saved, "low": s.low, "high": s.high, "at_least": s.at_least}
            found["saved"] |= {"true": float(really), "reached": reached is not None, "net": s.net}
    return found


def _figure(event: ModelEvaluated, world: World, predicted: dict[str, float]) -> dict[str, Any]:
    kind, _, name = world.metric.partition(":")
    shown = event.metrics.get(world.metric if name else kind)
    if shown is None:
        return {}
    return {"n": shown["n"], "low": shown["low"], "high": shown["high"], "true": predicted[event.model]}


def _stops(events: Sequence[Any], truth: dict[int, float], predicted: dict[str, float]) -> dict[str, Any]:
    """Where each rule would have stopped first, and what labelling on would have brought."""
    end = truth[max(truth)]
    found: dict[str, Any] = {}
    for event in events:
        for rule in event.rules:
            if rule["fired"] and rule["rule"] not in found:
                score = predicted[event.model]
                wanted = rule["evidence"].get("at_least")
                false = score < wanted if wanted is not None else None
                found[rule["rule"]] = {"lost": end - score, "score": score, "false": false}
    return found


def _duel(project: Project, curve: Array, predicted: dict[str, float]) -> dict[str, Any] | None:
    settled = project.last("duel_settled")
    if settled is None or not isinstance(settled.event, DuelSettled):
        return None
    drawn = project.last("duel_drawn")
    assert drawn is not None
    event = drawn.event
    true = predicted[event.model] - at(curve, event.random_labels)  # type: ignore[attr-defined]
    s = settled.event
    return {"value": s.value, "low": s.low, "high": s.high, "n": s.n, "true": true, "finding": s.finding}


# --- the table


def rates(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of a Markdown table: one world and strategy each, with the rates."""
    lines = [
        "| world, strategy | projects | false drift | figure covers | difference covers | says better / worse"
        " | red ever | amber ever | saving covers | at least holds | duel covers |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for world, strategy, own in _cells(records):
        difference = [r["difference"] for r in own if "difference" in r]
        saved = [r["saved"] for r in own if "saved" in r]
        duel = [r["duel"] for r in own if r.get("duel")]
        figures = [f for r in own for f in r["figures"] if f and f["n"] >= (50 if world != "rare" else 10)]
        true = 100 * np.mean([d["true"] for d in difference]) if difference else float("nan")
        cells = [
            f"{world}, {strategy} (true {true:+.1f})",
            str(len(own)),
            _share(own, _false_drift),
            _share(figures, _covers),
            _share(difference, _covers),
            f"{_share(own, lambda r: r['better'])} / {_share(own, lambda r: r['worse'])}",
            _share(own, lambda r: "worse_than_random" in r["alarms"]),
            _share(own, lambda r: "no_better_than_random" in r["alarms"]),
            _share(saved, _covers_saved),
            _share(saved, lambda s: s["true"] >= s["at_least"] - 1e-9 or s["at_least"] <= 0),
            _share(duel, _covers),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def stop_rates(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return a Markdown table: how often each rule stopped, and how often that lost more than a point."""
    lines = [
        "| rule | world | stopped | lost more than 1 point | lost more than 2 points | below its target |",
        "|---|---|---|---|---|---|",
    ]
    rules = sorted({rule for r in records for rule in r["stops"]} - {"budget"})
    for rule in rules:
        for world in dict.fromkeys(r["world"] for r in records):
            own = [r for r in records if r["world"] == world and r["strategy"] == "margin"]
            fired = [r["stops"][rule] for r in own if rule in r["stops"]]
            if fired:
                lost = [sum(s["lost"] > points for s in fired) for points in (0.01, 0.02)]
                false = sum(bool(s["false"]) for s in fired) if rule == "target" else "–"
                lines.append(f"| {rule} | {world} | {len(fired)} of {len(own)} | {lost[0]} | {lost[1]} | {false} |")
    return lines


def _cells(records: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    for world in dict.fromkeys(r["world"] for r in records):
        for strategy in STRATEGIES:
            own = [r for r in records if r["world"] == world and r["strategy"] == strategy]
            if own:
                yield world, strategy, own


def _false_drift(record: Mapping[str, Any]) -> bool:
    # Nothing changes in these worlds; but the balance of a model's predictions really may be off.
    return any(name.startswith("health:") and name != "health:balance" for name in record["alarms"])


def _covers(found: Mapping[str, float]) -> bool:
    return found["low"] - 1e-9 <= found["true"] <= found["high"] + 1e-9


def _covers_saved(found: Mapping[str, float]) -> bool:
    # Never reached: the truth is "at least so many lost", and so must the interval say.
    return found["low"] <= found["true"] <= found["high"] if found["reached"] else found["low"] <= found["true"]


def _share(found: Sequence[Any], holds: Callable[[Any], bool]) -> str:
    if not found:
        return "–"
    share = wilson(sum(bool(holds(one)) for one in found), len(found))
    return f"{100 * share.value:.0f} %"


def main() -> None:
    """Run the projects that are missing, and print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--projects", type=int, default=288, help="in all; divided among worlds and strategies")
    options.add_argument("--labels", type=int, default=LABELS, help="answers of each project")
    options.add_argument("--worlds", default="clumps,rare,overlap,many,slow", help="comma-separated")
    options.add_argument("--strategies", default=",".join(STRATEGIES), help="comma-separated")
    options.add_argument("--first-seed", type=int, default=0, help="so that several processes can share the work")
    options.add_argument("--out", type=Path, default=Path("evidence.jsonl"))
    given = options.parse_args()
    have = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(r["world"], r["strategy"], r["seed"]) for r in have}
    made = [world for world in worlds() if world.name in given.worlds.split(",")]
    wanted = [name for name in STRATEGIES if name in given.strategies.split(",")]
    seeds = range(given.first_seed, given.first_seed - (-given.projects // (len(made) * len(wanted))))
    curves = {world.name: random_curve(world) for world in made}
    began = time.time()
    with given.out.open("a") as file:
        for seed in seeds:
            for world in made:
                for strategy in wanted:
                    if (world.name, strategy, seed) not in done:
                        found = run_project(world, curves[world.name], strategy, seed, given.labels)
                        have.append(found)
                        file.write(json.dumps(found) + "\n")
                        file.flush()
    print(f"{len(have)} projects, {time.time() - began:.0f} s\n")
    print("\n".join([*rates(have), "", *stop_rates(have)]))


if __name__ == "__main__":
    main()
