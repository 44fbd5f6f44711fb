from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from querist import ActiveLearner
from querist.errors import BadValue, NotFound, NotReady, UnknownName

X, Y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)


def learner(**more: object) -> ActiveLearner:
    settings: dict[str, object] = {"pool": X, "strategy": "margin", "seed": 0}
    return ActiveLearner(LogisticRegression(), **{**settings, **more})  # type: ignore[arg-type]


def run(one: ActiveLearner, rounds: int = 3, batch: int = 10) -> list[list[int]]:
    batches = []
    for _ in range(rounds):
        ids = one.ask(batch)
        one.tell(ids, Y[ids])
        batches.append(ids)
    return batches


def test_the_same_seed_asks_the_same_and_another_seed_does_not() -> None:
    assert run(learner()) == run(learner())
    assert run(learner(strategy="random")) != run(learner(strategy="random", seed=1))


def test_the_order_of_answers_changes_nothing() -> None:
    forward, backward = learner(), learner()
    for _ in range(3):
        ids = forward.ask(10)
        assert backward.ask(10) == ids
        forward.tell(ids, Y[ids])
        for one in reversed(ids):
            backward.tell([one], [Y[one]])
    assert (forward.predict_proba(X) == backward.predict_proba(X)).all()
    assert forward.project.state().model == backward.project.state().model


def test_no_row_is_asked_twice_and_a_pool_runs_dry() -> None:
    one = learner()
    seen: list[int] = []
    while ids := one.ask(50):
        one.tell(ids, Y[ids])
        seen += ids
    assert sorted(seen) == list(range(len(X)))


def test_asked_rows_that_were_not_answered_are_not_asked_again() -> None:
    one = learner()
    first = one.ask(10)
    one.tell(first[:4], Y[first[:4]])
    assert not set(first) & set(one.ask(20))


def test_labels_keep_their_type_and_classes_grow() -> None:
    names = np.array(["red", "white", "rosé"])
    one = learner()
    one.tell([0], [names[Y[0]]])
    with pytest.raises(NotReady, match="no model"):
        one.predict(X)
    run_ids = one.ask(30)
    one.tell(run_ids, names[Y[run_ids]])
    assert set(one.predict(X)) <= set(names)
    assert one.predict_proba(X).shape == (len(X), len(one.classes))
    numbers = learner()
    run(numbers)
    assert numbers.predict(X).dtype.kind == "i"


def test_a_row_told_again_is_corrected() -> None:
    one = learner()
    ids = one.ask(12)
    one.tell(ids, Y[ids])
    one.tell([ids[0]], [(Y[ids[0]] + 1) % 3])
    assert one.labelled_ids.count(ids[0]) == 1
    assert len(one.labelled_ids) == 12


def test_own_ids_texts_and_tables() -> None:
    texts = [f"{'good fine happy' if i % 2 else 'bad awful sad'} number {i}" for i in range(60)]
    one = ActiveLearner("logistic_regression", pool=texts, ids=[f"t{i}" for i in range(60)], strategy="margin", seed=0)
    ids = one.ask(20)
    assert all(name.startswith("t") for name in ids)
    one.tell(ids, ["pos" if int(name[1:]) % 2 else "neg" for name in ids])
    assert one.predict(["a happy fine day", "awful and sad"]).tolist() == ["pos", "neg"]
    rows = [{"colour": "red" if i % 2 else "blue", "size": i % 7} for i in range(60)]
    table = ActiveLearner("logistic_regression", pool=rows, strategy="margin", seed=0)
    ids = table.ask(20)
    table.tell(ids, [i % 2 for i in ids])
    assert table.predict([{"colour": "red", "size": 3}]).tolist() == [1]


@pytest.mark.parametrize(
    "strategy", ["random", "margin", "weighted_kmeans", "k_center", "power_margin", "auto", "badge"]
)
def test_every_kind_of_strategy_runs_the_loop(strategy: str) -> None:
    one = learner(strategy=strategy)
    assert len({row for batch in run(one) for row in batch}) == 30
    assert (one.predict(X) == Y).mean() > 0.85


def test_margin_beats_random_on_digits() -> None:
    x, y = load_digits(return_X_y=True)
    x = x / 16
    scores = {}
    for strategy in ("margin", "random"):
        found = []
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(len(x))
            pool, held = order[:900], order[900:]
            one = ActiveLearner(LogisticRegression(max_iter=500), pool=x[pool], strategy=strategy, seed=seed)
            for _ in range(6):
                ids = one.ask(25)
                one.tell(ids, y[pool][ids])
            found.append((one.predict(x[held]) == y[held]).mean())
        scores[strategy] = np.mean(found)
    assert scores["margin"] > scores["random"] + 0.01


def test_what_is_saved_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    one = learner()
    run(one, rounds=2)
    one.save(tmp_path / "kept")
    again = ActiveLearner.load(tmp_path / "kept", LogisticRegression())
    assert again.labelled_ids == one.labelled_ids
    assert np.allclose(again.predict_proba(X), one.predict_proba(X))
    ids = one.ask(10)
    assert again.ask(10) == ids
    again.tell(ids, Y[ids])
    assert again.predict(X).dtype.kind == "i"


class Broken(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        raise RuntimeError("my own mistake")


def test_a_model_that_cannot_be_trained_is_said_at_once() -> None:
    one = ActiveLearner(Broken(), pool=X, strategy="margin", seed=0)
    one.tell(range(0, len(X), 7), Y[::7])
    with pytest.warns(RuntimeWarning, match="training failed in round 0: .*my own mistake"):
        one.ask(5)
    with pytest.raises(NotReady, match="my own mistake"):
        one.predict(X)


def test_misuse_names_thing_and_value() -> None:
    with pytest.raises(UnknownName, match="did you mean 'margin'"):
        learner(strategy="margn").ask(3)
    with pytest.raises(BadValue, match="at least one row"):
        learner(pool=X[:0])
    with pytest.raises(BadValue, match="distinct ids"):
        learner(ids=[1, 1])
    one = learner()
    with pytest.raises(NotFound, match="999"):
        one.tell([999], [0])
    with pytest.raises(BadValue, match="one for each"):
        one.tell([1, 2], [0])
    with pytest.raises(BadValue, match="at least 1"):
        one.ask(0)
    with pytest.raises(NotReady, match="no model"):
        one.predict(X)
    closed = learner(classes=[0, 1, 2])
    with pytest.raises(BadValue, match="7"):
        closed.tell([1], [7])
