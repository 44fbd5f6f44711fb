"""Can these labels be trusted? Agreement, one row per person, pairs that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from querist.crowd.agreement import alpha_by_distance, cohen_kappa, fleiss_kappa, krippendorff_alpha
from querist.engine.asking_again import Known, known_answers
from querist.engine.opinions import renamed
from querist.engine.project import Project
from querist.engine.reviewing import contested
from querist.engine.round import State
from querist.engine.views.people import OURS, who
from querist.errors import BadValue
from querist.events import AnswerSubmitted
from querist.measure.intervals import Estimate, bootstrap, wilson
from querist.measure.pace import bursts, drift, sessions
from querist.measure.words import many
from querist.types import Answer, Array, ItemId, Json

FEWEST: Final = 10
"""Shared items below which agreement is not stated: the interval would say nothing."""
PAIRS: Final = 30
"""Pairs of people that are shown."""
SAMPLED: Final = 150
"""Items of which all distances are measured, where values have no classes."""
DRAWS: Final = 200


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as its person gave it; what happened to it later does not change how they work."""

    seq: int
    item: ItemId
    at: int
    active_ms: int | None
    outcome: str
    value: Any


def team(project: Project, *, viewer: str, everybody: bool) -> Json:
    """Return agreement and people; who may not see everybody gets the whole's agreement and their own row.

    Args:
        project: the project.
        viewer: who asks.
        everybody: whether the rows of others, and pairs, are shown.
    """
    state = project.state()
    key = ("team", state.seq)
    if key not in project.cache:
        for old in [known for known in project.cache if isinstance(known, tuple) and known[0] == "team"]:
            del project.cache[old]
        project.cache[key] = _measure(project, state)
    found: Json = project.cache[key]
    rows = [{**row, "mine": row["id"] == viewer} for row in found["people"]]
    mine = [row for row in rows if row["mine"]]
    if everybody:
        return {**found, "people": mine + [row for row in rows if not row["mine"]]}
    return {**found, "people": mine, "pairs": []}


def _measure(project: Project, state: State) -> Json:
    by_item = _answers(project, state)
    shared = {item: answers for item, answers in by_item.items() if len(answers) > 1}
    alpha, level = _alpha(project, shared)
    same = [_equal(project, answers) for answers in shared.values()]
    equal = wilson(sum(same), len(same)).to_json() if len(same) >= FEWEST else None
    waiting = len(contested(project, state))
    return {
        "sentence": _sentence(alpha, equal, len(shared)),
        "shared": len(shared),
        "alpha": alpha,
        "level": level,
        "fleiss": _fleiss(project, shared),
        "same": equal,
        "people": _people(project, state, by_item),
        "pairs": _pairs(project, shared),
        "contested": waiting,
        "gold": len(state.gold),
    }


def _answers(project: Project, state: State) -> dict[ItemId, list[Answer]]:
    """Each person's latest answer to each item, without skips, imports and withdrawn items."""
    found: defaultdict[ItemId, dict[str, Answer]] = defaultdict(dict)
    task = project.task
    for answer in project.store.answers():
        if answer.outcome == "answered" and answer.person not in OURS and answer.item not in state.withdrawn:
            found[answer.item][answer.person] = renamed(answer, state, task)
    return {item: list(answers.values()) for item, answers in found.items()}


def _equal(project: Project, answers: Sequence[Answer]) -> float:
    pairs = list(combinations([answer.value for answer in answers], 2))
    return float(np.mean([project.task.disagreement(a, b) == 0 for a, b in pairs]))


# --- agreement of all


def _alpha(project: Project, shared: Mapping[ItemId, Sequence[Answer]]) -> tuple[Json | None, str]:
    classes = project.task.name == "single_label"
    level = project.spec.labels.scale if classes else "distance"
    if len(shared) < FEWEST:
        return None, level
    rng = np.random.default_rng(project.seed)
    if not classes:
        return _guarded(lambda: _alpha_by_distance(project, shared)), level
    people = {person: row for row, person in enumerate(sorted({a.person for found in shared.values() for a in found}))}
    table = np.full((len(shared), len(people)), np.nan)
    for row, answers in enumerate(shared.values()):
        numbers = project.task.encode([answer.value for answer in answers])
        table[row, [people[answer.person] for answer in answers]] = numbers

    def alpha(rows: Array) -> float:
        return krippendorff_alpha(rows.T, level=level)  # type: ignore[arg-type]

    return _guarded(lambda: bootstrap(alpha, table, rng=rng, draws=DRAWS)), level


def _guarded(measure: Callable[[], Estimate]) -> Json | None:
    """Agreement has no meaning where everybody used one and the same value."""
    try:
        found = measure()
    except BadValue:
        return None
    return None if np.isnan(found.value) else found.to_json()


def _alpha_by_distance(project: Project, shared: Mapping[ItemId, Sequence[Answer]]) -> Estimate:
    rng = np.random.default_rng(project.seed)
    names = sorted(shared)
    chosen = [names[row] for row in np.sort(rng.permutation(len(names))[:SAMPLED])]
    answers = [(number, answer.value) for number, name in enumerate(chosen) for answer in shared[name]]
    item = np.array([number for number, _ in answers])
    apart = np.zeros((len(answers), len(answers)))
    for i, j in combinations(range(len(answers)), 2):
        apart[i, j] = apart[j, i] = project.task.disagreement(answers[i][1], answers[j][1])
    rows_of = [np.flatnonzero(item == number) for number in range(len(chosen))]

    def alpha(drawn: Array) -> float:
        rows = np.concatenate([rows_of[number] for number in drawn])
        numbers = np.repeat(np.arange(len(drawn)), [len(rows_of[number]) for number in drawn])
        return alpha_by_distance(numbers, apart[np.ix_(rows, rows)])

    return bootstrap(alpha, np.arange(len(chosen)), rng=rng, draws=DRAWS)


def _fleiss(project: Project, shared: Mapping[ItemId, Sequence[Answer]]) -> Json | None:
    sizes = {len(answers) for answers in shared.values()}
    if len(shared) < FEWEST or len(sizes) != 1 or project.task.name != "single_label":
        return None
    classes = len(project.task.classes)
    encode = project.task.encode
    counts = np.array([np.bincount(encode([a.value for a in found]), minlength=classes) for found in shared.values()])
    rng = np.random.default_rng(project.seed)
    return _guarded(lambda: bootstrap(fleiss_kappa, counts, rng=rng, draws=DRAWS))


def _sentence(alpha: Json | None, same: Json | None, shared: int) -> str:
    if same is None:
        return f"Too early to say how far people agree: {many(FEWEST - shared, 'more shared item')}."
    low, high = (f"{100 * same[end]:.0f} %" for end in ("low", "high"))
    text = f"Two people give the same answer {100 * same['value']:.0f} % of the time (between {low} and {high})"
    if alpha is None:
        return text + "; beyond chance cannot be said, since everybody used one value."
    return (
        text
        + f"; beyond chance that is {alpha['value']:.2f} of 1 (between {alpha['low']:.2f} and {alpha['high']:.2f})."
    )


# --- pairs


def _pairs(project: Project, shared: Mapping[ItemId, Sequence[Answer]]) -> list[Json]:
    together: defaultdict[tuple[str, str], list[tuple[Any, Any]]] = defaultdict(list)
    for answers in shared.values():
        for a, b in combinations(sorted(answers, key=lambda answer: answer.person), 2):
            together[a.person, b.person].append((a.value, b.value))
    rows: list[Json] = [
        {
            "a": who(project, a),
            "b": who(project, b),
            "items": len(values),
            "kappa": _kappa(project, values) if len(values) >= FEWEST else None,
        }
        for (a, b), values in together.items()
    ]
    rows.sort(key=lambda row: (row["kappa"] is None, (row["kappa"] or {}).get("value", 0), -row["items"]))
    return rows[:PAIRS]


def _kappa(project: Project, values: Sequence[tuple[Any, Any]]) -> Json | None:
    if project.task.name != "single_label":
        return None
    a, b = (project.task.encode([pair[side] for pair in values]) for side in (0, 1))
    if min(len(set(a)), len(set(b))) < 2:
        return None  # who always says the same has a kappa of 0 with anybody, and an interval without width
    rng = np.random.default_rng(project.seed)
    return _guarded(lambda: bootstrap(cohen_kappa, a, b, rng=rng, draws=DRAWS))


# --- people


def _people(project: Project, state: State, by_item: Mapping[ItemId, Sequence[Answer]]) -> list[Json]:
    given = _given(project)
    known = {item: answer for item, answer in known_answers(project).items() if item in state.gold}
    decided = {item: decision.value for item, decision in project.store.decisions().items()}
    live = {seq for answers in state.live.values() for seq in (answer.seq for answer in answers)}
    rows = [
        _row(project, person, [one for one in work if one.seq in live], work, by_item, known, decided)
        for person, work in given.items()
    ]
    return sorted(rows, key=lambda row: (-row["answers"], row["name"]))


def _given(project: Project) -> dict[str, list[Given]]:
    """Everything that people have answered, in order; read on from where the last look ended."""
    after, found = project.cache.get("given", (0, {}))
    for recorded in project.store.events(after, kinds=["answer_submitted"]):
        event = recorded.event
        assert isinstance(event, AnswerSubmitted)
        after = recorded.seq
        if recorded.actor not in OURS:
            one = Given(recorded.seq, event.item, recorded.at, event.active_ms, event.outcome, event.value)
            found.setdefault(recorded.actor, []).append(one)
    project.cache["given"] = (after, found)
    return dict(found)


def _row(
    project: Project,
    person: str,
    live: Sequence[Given],
    work: Sequence[Given],
    by_item: Mapping[ItemId, Sequence[Answer]],
    known: Mapping[ItemId, Known],
    decided: Mapping[ItemId, Any],
) -> Json:
    seconds = np.array([np.nan if one.active_ms is None else one.active_ms / 1000 for one in work])
    shares = {one.item: _share_alike(project, person, by_item.get(one.item, ())) for one in live}
    alike = [share for share in shares.values() if share is not None]
    on_gold = _right_on_gold(project, work if project.spec.labels.training else live, known)
    right = on_gold + _right(project, person, live, by_item, known, decided)
    session = sessions(np.array([one.at for one in work]) / 1e6)
    agreed = np.array([np.nan if shares.get(one.item) is None else shares[one.item] for one in work], dtype=float)
    timed = seconds[~np.isnan(seconds)]
    return {
        "id": person,
        "name": who(project, person),
        "answers": len(live),
        "skipped": sum(one.outcome != "answered" for one in live),
        "hours": float(timed.sum() / 3600),
        "seconds": float(np.median(timed)) if timed.size else None,
        "agreement": _share(alike),
        "skill": _share(right),
        "gold": _share(on_gold),
        "tiring": _tiring(session, seconds, agreed),
        "bursts": [
            {
                "first": work[a].seq,
                "last": work[b].seq,
                "answers": b - a + 1,
                "seconds": float(np.nansum(seconds[a : b + 1])),
                "at": work[a].at,
            }
            for a, b in bursts(seconds)
        ],
    }


def _share(values: Sequence[float]) -> Json | None:
    return wilson(float(sum(values)), len(values)).to_json() if len(values) >= FEWEST else None


def _share_alike(project: Project, person: str, answers: Sequence[Answer]) -> float | None:
    """How many of the others said the same; None where nobody else did."""
    own = next((answer for answer in answers if answer.person == person), None)
    others = [answer for answer in answers if answer.person != person]
    if own is None or not others:
        return None
    return float(np.mean([project.task.disagreement(own.value, other.value) == 0 for other in others]))


def _right_on_gold(project: Project, given: Sequence[Given], known: Mapping[ItemId, Known]) -> list[float]:
    """Whether a person was right on each gold item; the first answer counts, since in training the second knows."""
    first: dict[ItemId, Given] = {}
    for one in given:
        if one.item in known and one.outcome == "answered":
            first.setdefault(one.item, one)
    task, names = project.task, project.state().renamed
    values = {item: task.renamed(one.value, names) if names else one.value for item, one in first.items()}
    return [float(task.disagreement(value, known[item].value) == 0) for item, value in values.items()]


def _right(
    project: Project,
    person: str,
    live: Sequence[Given],
    by_item: Mapping[ItemId, Sequence[Answer]],
    known: Mapping[ItemId, Known],
    decided: Mapping[ItemId, Any],
) -> list[float]:
    """Whether a person was right on items that are not gold, where that is known without their own vote."""
    task = project.task
    found_right = []
    for one in live:
        own = next((answer for answer in by_item.get(one.item, ()) if answer.person == person), None)
        if own is None or one.item in known:
            continue
        others = [answer for answer in by_item[one.item] if answer.person != person]
        if one.item in decided:
            found_right.append(float(task.disagreement(own.value, decided[one.item]) == 0))
        elif len(others) > 1:
            found = task.merge(others, opinions=2)
            if hasattr(found, "value"):
                found_right.append(float(task.disagreement(own.value, found.value) == 0))
    return found_right


def _tiring(session: Array, seconds: Array, agreed: Array) -> Json:
    found = drift(session, seconds, agreed)
    said = []
    if found.slower is not None and found.slower.low > 1:
        said.append(f"{100 * (found.slower.value - 1):.0f} % slower at the end of a session")
    if found.slower is not None and found.slower.high < 1:
        said.append(f"{100 * (1 - found.slower.value):.0f} % quicker at the end of a session")
    if found.agreement is not None and found.agreement.high < 0:
        said.append(f"{-100 * found.agreement.value:.0f} points less agreement at the end")
    if found.slower is None:
        sentence = "Too early to say"
    else:
        sentence = ", ".join(said).capitalize() or "No change within sessions that can be told from chance"
    return {
        "sessions": found.sessions,
        "slower": None if found.slower is None else found.slower.to_json(),
        "less_agreement": None if found.agreement is None else found.agreement.to_json(),
        "sentence": sentence,
    }
