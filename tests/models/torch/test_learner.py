"""Networks as learners: what they offer holds, equal seeds give equal models, and small data do no harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; `make test-torch` installs it")

from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits
from torch import nn

from querist import ActiveLearner, models
from querist.errors import BadValue, Damaged, ModelFailure, UnknownName
from querist.models.torch import TorchLearner, TorchModel, learner, networks
from querist.models.torch.rows import Rows
from querist.types import Array, Features

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
FEATURES = Features(X, X)
TRAIN, TEST = np.arange(150), np.arange(1000, 1100)
QUICK = {"steps": 60}
POSTERIORS = ["dropout", "ensemble", "laplace", "snapshots"]


def fitted(name: str = "mlp", *, rows: Array = TRAIN, seed: int = 0, classes: int = 10, **settings: Any) -> TorchModel:
    return learner(name, {**QUICK, **settings}).fit(FEATURES.rows(rows), Y[rows], classes=classes, seed=seed)


def signals(model: Any, *names: str, rows: Array = TEST, seed: int = 0) -> dict[str, Array]:
    found: dict[str, Array] = model.signals(names or model.offers, FEATURES.rows(rows), rng=np.random.default_rng(seed))
    return found


class Net(nn.Module):
    """A user's own network."""

    def __init__(self, classes: int = 10, width: int = 32) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, width), nn.ReLU())
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(width, classes)

    def forward(self, rows: Any) -> Any:
        return self.head(self.drop(self.body(rows)))


HERE = f"{Net.__module__}:Net"


class TestSignals:
    """What a model gives."""

    @pytest.mark.parametrize("posterior", POSTERIORS)
    def test_shapes_and_sums(self, posterior: str) -> None:
        given = signals(fitted(posterior=posterior, draws=7, members=2))
        draws = 7 if posterior in ("dropout", "laplace") else 2
        assert given["proba"].shape == (100, 10)
        assert given["proba_samples"].shape == (draws, 100, 10)
        assert given["embed"].shape == (100, 256)
        assert np.allclose(given["proba"].sum(axis=1), 1, atol=1e-5)
        assert np.allclose(given["proba_samples"].sum(axis=2), 1, atol=1e-5)
        assert np.ptp(given["proba_samples"], axis=0).max() > 0.01

    def test_it_learns(self) -> None:
        for name, settings in (("mlp", {"steps": 200}), ("small_resnet", {"steps": 100, "augment": "none"})):
            assert (signals(fitted(name, **settings))["proba"].argmax(axis=1) == Y[TEST]).mean() > 0.75, name

    def test_the_head_on_the_embedding_is_the_model(self) -> None:
        given = signals(fitted())
        logits = given["embed"] @ given["head_weight"].T + given["head_bias"]
        proba = np.exp(logits - logits.max(axis=1, keepdims=True))
        assert np.allclose(proba / proba.sum(axis=1, keepdims=True), given["proba"], atol=1e-5)

    def test_an_ensemble_predicts_its_mean_and_offers_no_single_head(self) -> None:
        model = fitted(posterior="ensemble", members=3)
        given = signals(model)
        assert np.allclose(given["proba"], given["proba_samples"].mean(axis=0), atol=1e-6)
        assert "head_weight" not in model.offers

    @pytest.mark.parametrize("posterior", POSTERIORS)
    def test_rows_do_not_depend_on_each_other(self, posterior: str) -> None:
        model = fitted(posterior=posterior, members=2)
        whole, part = signals(model), signals(model, rows=TEST[40:60])
        for name in ("proba", "embed"):
            assert np.allclose(part[name], whole[name][40:60], atol=1e-5)
        # The same draws for every role: masks and weights hold for the whole pool.
        assert np.allclose(part["proba_samples"], whole["proba_samples"][:, 40:60], atol=1e-5)

    def test_no_rows(self) -> None:
        given = signals(fitted(), rows=np.arange(0))
        assert given["proba"].shape == (0, 10)
        assert given["embed"].shape == (0, 256)
        assert given["proba_samples"].shape == (20, 0, 10)

    def test_a_signal_that_is_not_offered(self) -> None:
        with pytest.raises(UnknownName, match="unknown signal of mlp 'mean'"):
            signals(fitted(), "mean")
        assert "proba_samples" not in fitted(posterior="none").offers

    def test_rows_of_another_width(self) -> None:
        with pytest.raises(BadValue, match="was trained on"):
            fitted().signals({"proba"}, Features.of(X[:2, :60]), rng=np.random.default_rng(0))


class TestSeeds:
    """Equal seeds, equal models."""

    @pytest.mark.parametrize("name", ["mlp", "small_resnet"])
    def test_equal_seeds_give_equal_models(self, name: str) -> None:
        settings = {"steps": 10}
        first, again, other = (fitted(name, seed=seed, **settings) for seed in (3, 3, 4))
        assert first.save() == again.save()
        assert not np.allclose(signals(first)["proba"], signals(other)["proba"])

    def test_the_chance_of_others_is_left_alone(self) -> None:
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        fitted(steps=2)
        assert torch.equal(torch.rand(3), expected)

    def test_draws_come_from_the_generator(self) -> None:
        model = fitted()
        one, two = (signals(model, "proba_samples", seed=seed)["proba_samples"] for seed in (0, 1))
        assert not np.allclose(one, two)


class TestFiles:
    """Safetensors and JSON."""

    @pytest.mark.parametrize("posterior", POSTERIORS)
    def test_a_loaded_model_is_the_same(self, posterior: str) -> None:
        model = fitted(posterior=posterior, members=2)
        files = model.save()
        assert set(files) == {"model.json", "weights.safetensors"}
        again = models.load_model(files)
        before, after = signals(model), signals(again)
        assert before.keys() == after.keys()
        assert all(np.allclose(before[name], after[name], atol=1e-6) for name in before)

    def test_damage_is_said(self) -> None:
        files = fitted(steps=1).save()
        for broken in ({}, {"weights.safetensors": files["weights.safetensors"][:100]}):
            with pytest.raises(Damaged, match=r"weights\.safetensors"):
                models.load_model({"model.json": files["model.json"], **broken})
        smaller = fitted(steps=1, hidden=[8]).save()["weights.safetensors"]
        with pytest.raises(Damaged, match="do not fit the network"):
            models.load_model({**files, "weights.safetensors": smaller})

    def test_a_module_of_the_users_own_is_loaded_only_if_trusted(self) -> None:
        made = models.learner("torch", {"module": HERE, "arguments": {"width": 16}, **QUICK})
        model = made.fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)
        files = model.save()
        with pytest.raises(BadValue, match="whose code would run"):
            models.load_model(files)
        again = models.load_model(files, trusted=[HERE])
        assert np.allclose(signals(again, "proba")["proba"], signals(model, "proba")["proba"])

    def test_what_cannot_be_made_again_is_not_kept(self) -> None:
        class Local(Net):
            pass

        model = models.learner(Local()).fit(FEATURES.rows(TRAIN[:30]), Y[:30], classes=10)
        with pytest.raises(BadValue, match="cannot be kept"):
            model.save()


class TestOwnModules:
    """Any `torch.nn.Module`."""

    @pytest.mark.parametrize("given", [Net(), Net])
    def test_a_module_or_its_class(self, given: Any) -> None:
        made = models.learner(given, {"steps": 200, "rate": 1e-2})
        model = made.fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)
        assert made.name == "Net"
        assert (signals(model)["proba"].argmax(axis=1) == Y[TEST]).mean() > 0.7
        assert signals(model)["embed"].shape == (100, 32)

    def test_the_module_that_was_given_is_never_changed(self) -> None:
        module = Net()
        before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        models.learner(module, QUICK).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)
        assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())

    def test_weights_that_it_brings_are_kept_if_asked(self) -> None:
        module = Net()
        tame = {"steps": 1, "rate": 1e-9}
        kept = models.learner(module, {**tame, "fresh": False}).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)
        anew = models.learner(module, tame).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)
        assert torch.allclose(kept.networks[0].head.weight, module.head.weight, atol=1e-6)
        assert not torch.allclose(anew.networks[0].head.weight, module.head.weight, atol=1e-6)

    def test_wrong_outputs_are_said(self) -> None:
        with pytest.raises(ModelFailure, match=r"shape \(2, 10\) for 2 rows and 12 classes"):
            models.learner(Net()).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=12)
        with pytest.raises(ModelFailure, match="cannot read rows of shape"):
            models.learner(nn.Linear(10, 10)).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)

    def test_a_path_that_leads_nowhere(self) -> None:
        with pytest.raises(BadValue, match=r"package\.module:Name"):
            models.learner("torch", {"module": "nowhere.at.all:Net"})
        with pytest.raises(BadValue, match="name the network"):
            models.learner("torch", {})

    def test_in_an_active_learner(self) -> None:
        loop = ActiveLearner(models.learner(Net, QUICK), pool=X[:300], strategy="badge", seed=0)
        for _ in range(3):
            ids = loop.ask(20)
            loop.tell(ids, Y[ids])
        assert loop.predict_proba(X[1000:1010]).shape == (10, 10)

    def test_without_a_linear_end_it_measures_in_the_features(self) -> None:
        class Odd(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = nn.Parameter(torch.zeros(64, 10))

            def forward(self, rows: Any) -> Any:
                return rows @ self.weight

        model = models.learner(Odd(), QUICK).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)
        assert model.offers == {"proba", "embed"}
        assert np.array_equal(signals(model)["embed"], X[TEST])


class TestSmallData:
    """Two rows, one class, classes that nobody has seen, classes that come later."""

    def test_one_class(self) -> None:
        zeros = np.flatnonzero(Y == 0)[:10]
        with pytest.raises(
            ModelFailure, match="needs rows of two classes to learn from; the data set has only class 0"
        ):
            fitted(rows=zeros)

    @pytest.mark.parametrize("count", [2, 3, 5, 9, 33])
    def test_batch_norm_never_sees_one_row_alone(self, count: int) -> None:
        model = fitted("small_resnet", rows=np.arange(count), steps=3, batch=8)
        assert np.isfinite(signals(model)["proba"]).all()

    def test_classes_without_labels_have_no_probability(self) -> None:
        few = np.flatnonzero(np.isin(Y, [2, 5]))[:30]
        given = signals(fitted(rows=few))
        assert set(np.flatnonzero(given["proba"].sum(axis=0))) == {2, 5}
        assert set(np.flatnonzero(given["proba_samples"].sum(axis=(0, 1)))) == {2, 5}
        assert given["head_bias"][3] < -1000

    @pytest.mark.parametrize("name", ["mlp", "small_resnet"])
    def test_going_on_when_classes_have_been_added(self, name: str) -> None:
        few = np.flatnonzero(Y[:300] < 8)
        old = learner(name, {"steps": 100}).fit(FEATURES.rows(few), Y[few], classes=8)
        made = learner(name, {"steps": 100, "rate": 1e-9})
        new = made.fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10, start=old)
        known = TEST[Y[TEST] < 8]
        before, after = (signals(model, "proba", rows=known)["proba"].argmax(axis=1) for model in (old, new))
        # With hardly a step made the old classes are known as well as before; the new ones' rows are drawn.
        assert (before == Y[known]).mean() > 0.7
        assert (after == before).mean() > 0.7

    def test_going_on_from_another_network(self) -> None:
        with pytest.raises(ModelFailure, match="another network"):
            learner("mlp", QUICK).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10, start=fitted(steps=1, hidden=[8, 8]))

    def test_weights_of_rows_count(self) -> None:
        rows = np.concatenate([TRAIN, TRAIN])
        target = np.concatenate([Y[TRAIN], (Y[TRAIN] + 1) % 10])
        weight = np.repeat([1.0, 0.0], len(TRAIN))
        model = learner("mlp", {"steps": 200}).fit(FEATURES.rows(rows), target, classes=10, weight=weight)
        assert (signals(model, "proba", rows=TRAIN)["proba"].argmax(axis=1) == Y[TRAIN]).mean() > 0.9


class TestReading:
    """Rows are read a batch at a time, from wherever they lie."""

    def test_no_more_than_a_block_at_a_time(self) -> None:
        class Watched:
            shape, dtype, most = X.shape, X.dtype, 0

            def __getitem__(self, rows: Any) -> Array:
                self.most = max(self.most, len(rows))
                return X[rows]

            def __len__(self) -> int:
                return len(X)

        watched = Watched()
        made: Any = learner("mlp", {**QUICK, "batch": 16})
        model = made.fit(Features(watched, X), Y, classes=10)
        assert watched.most <= 2_000  # the rows that the scale is learnt from
        watched.most = 0
        wide = Features(watched, X)
        model.signals({"proba"}, wide, rng=np.random.default_rng(0))
        assert watched.most <= 4096

    def test_a_file_on_disk(self, tmp_path: Path) -> None:
        np.save(tmp_path / "rows.npy", (X * 255).astype(np.uint8).reshape(-1, 8, 8))
        mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
        model = learner("mlp", QUICK).fit(Features.of(mapped).rows(TRAIN), Y[TRAIN], classes=10)
        given = model.signals({"proba"}, Features.of(mapped).rows(TEST), rng=np.random.default_rng(0))["proba"]
        assert (given.argmax(axis=1) == Y[TEST]).mean() > 0.7

    def test_sparse_rows_are_read_as_their_embedding(self) -> None:
        sparse = Features(csr_matrix(X[:, :30]), X)
        model = learner("mlp", QUICK).fit(sparse.rows(TRAIN), Y[TRAIN], classes=10)
        assert model.shape == (64,)

    @pytest.mark.parametrize("lie", [(8, 8), (1, 8, 8), (8, 8, 1)])
    def test_grey_images_with_and_without_a_channel(self, lie: tuple[int, ...]) -> None:
        flat, shaped = (
            learner("small_resnet", {"steps": 3}).fit(Features.of(rows), Y[TRAIN], classes=10)
            for rows in (X[TRAIN], X[TRAIN].reshape(-1, *lie))
        )
        assert flat.shape == shaped.shape == (1, 8, 8)
        assert flat.save() == shaped.save()

    def test_colour_images_are_the_same_however_they_lie(self) -> None:
        images = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
        first = np.moveaxis(images, 3, 1)
        given = [Rows(rows, (3, 16, 16), "cpu").take(np.arange(20)) for rows in (images, images.reshape(20, -1), first)]
        assert all(torch.equal(each, torch.from_numpy(first / np.float32(255))) for each in given)
        assert networks.image_shape((768,)) == networks.image_shape((16, 16, 3)) == (3, 16, 16)

    def test_images_that_are_none(self) -> None:
        with pytest.raises(BadValue, match=r"no square image; set features\.settings"):
            learner("small_resnet", {}).fit(Features.of(X[:20, :60]), Y[:20], classes=10)


class TestMemory:
    """When memory runs out."""

    class Hungry(Net):
        """Raises what torch raises when there are too many rows."""

        def forward(self, rows: Any) -> Any:
            if self.training and len(rows) > 5:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(rows)

    def test_batches_are_halved_and_it_is_said(self) -> None:
        model = models.learner(self.Hungry(), QUICK).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)
        assert model.notes[-1] == "memory ran out; trained with batches of 4 rows"
        assert len(model.notes) == 3

    def test_two_rows_are_too_many(self) -> None:
        class Greedy(Net):
            def forward(self, rows: Any) -> Any:
                if self.training:
                    raise torch.OutOfMemoryError("CUDA out of memory")
                return super().forward(rows)

        with pytest.raises(ModelFailure, match="even with two rows at a time"):
            models.learner(Greedy(), QUICK).fit(FEATURES.rows(TRAIN), Y[TRAIN], classes=10)


class TestSettings:
    """What can be set, and what cannot be."""

    def test_unknown_settings_and_values(self) -> None:
        with pytest.raises(UnknownName, match="unknown setting of mlp 'hiden'; did you mean 'hidden'"):
            learner("mlp", {"hiden": [3]})
        with pytest.raises(UnknownName, match="unknown posterior"):
            learner("mlp", {"posterior": "bayes"})
        with pytest.raises(BadValue, match="steps = 0: must be at least 1"):
            learner("mlp", {"steps": 0})
        for wrong in ({"steps": "many"}, {"batch": 2.5}, {"rate": -1}, {"validation": 0.6}, {"certain": "very"}):
            with pytest.raises(BadValue, match=f"{next(iter(wrong))} = .*: must be"):
                learner("mlp", wrong)
        with pytest.raises(UnknownName, match="unknown augmentation 'flop'; did you mean 'flip'"):
            learner("small_resnet", {"augment": "flop"})
        with pytest.raises(BadValue, match="drops nothing"):
            fitted(dropout=0.0)
        with pytest.raises(BadValue, match="is not on this machine"):
            fitted(device="cuda:99" if not torch.cuda.is_available() else "mps")

    def test_settings_of_a_network_that_cannot_be(self) -> None:
        for name, wrong in (("mlp", {"dropout": 2.0}), ("mlp", {"hidden": [-3]}), ("small_resnet", {"width": "wide"})):
            with pytest.raises(ModelFailure, match=f"{name} could not be made with .*{next(iter(wrong))}"):
                fitted(name, **wrong)

    def test_a_rate_that_is_too_large(self) -> None:
        with pytest.raises(ModelFailure, match="a smaller rate may help"):
            fitted(rate=1e30, steps=40, l2=0.0)

    def test_labels_are_spared_once_there_are_enough(self) -> None:
        some = fitted("small_resnet", rows=np.arange(300), steps=20, validation=0.2)
        assert some.held_out is not None
        assert some.held_out[0].shape == (60, 10)
        assert fitted("small_resnet", rows=np.arange(40), steps=2, validation=0.2).held_out is None

    @pytest.mark.parametrize("seed", range(3))
    def test_few_spared_labels_neither_stop_the_training_early_nor_are_lost(self, seed: int) -> None:
        # Early in a training batch norms are unsettled: what looks best on ten rows is to guess the larger class.
        pair = np.flatnonzero((Y == 3) | (Y == 8))
        rows, target = FEATURES.rows(pair), (Y[pair] == 8).astype(int)
        made = learner("small_resnet", {"steps": 60, "validation": 0.15})
        told = np.random.default_rng(seed).permutation(len(pair))[:64]
        left = np.setdiff1d(np.arange(len(pair)), told)
        model = made.fit(rows.rows(told), target[told], classes=2, seed=seed)
        proba = model.signals({"proba"}, rows.rows(left), rng=np.random.default_rng(0))["proba"]
        assert (proba.argmax(axis=1) == target[left]).mean() > 0.85
        assert model.held_out is not None
        _, truth = model.held_out
        own = model.signals({"proba"}, rows.rows(told), rng=np.random.default_rng(0))["proba"]
        assert len(truth) < 12
        assert (own.argmax(axis=1) == target[told]).mean() > 0.9

    def test_a_learner_is_a_learner(self) -> None:
        made = models.learner("mlp")
        assert isinstance(made, TorchLearner)
        assert models.learner(made) is made
        assert models.offered_by("proba_samples") == [
            "mlp",
            "random_forest",
            "self_training",
            "small_resnet",
            "torch",
            "transformer",
        ]
