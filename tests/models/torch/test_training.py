"""The loop: rates, spared labels, and nothing that ties it to one device."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; `make test-torch` installs it")

from torch import nn

import querist.models.torch as package
from querist.errors import UnknownName
from querist.models.torch import augment, networks, training
from querist.models.torch.rows import Rows, batches

SOURCES = sorted(Path(str(package.__file__)).parent.glob("*.py"))


def test_the_rate_warms_up_goes_down_and_begins_anew_in_each_cycle() -> None:
    once = [training._rate(step, 100, 1) for step in range(100)]
    assert once[0] < 0.3 < max(once)
    assert once[-1] < 0.01
    assert np.argmax(once) <= 5
    twice = [training._rate(step, 100, 2) for step in range(100)]
    assert twice[:50] == twice[50:]


@pytest.mark.parametrize(("count", "size"), [(2, 2), (3, 2), (5, 2), (10, 3), (7, 32), (65, 32)])
def test_each_pass_has_every_row_once_and_no_row_alone(count: int, size: int) -> None:
    stream = batches(count, size, torch.Generator().manual_seed(0))
    for _ in range(3):
        seen: list[int] = []
        while len(seen) < count:
            batch = next(stream)
            assert len(batch) >= 2
            seen += batch.tolist()
        assert sorted(seen) == list(range(count))


def test_it_stops_where_the_spared_labels_gain_no_more() -> None:
    rng = np.random.default_rng(0)
    rows = Rows(rng.normal(size=(80, 5)).astype(np.float32), (5,), "cpu")
    target = rng.integers(0, 2, 80)  # nothing can be learnt
    network = networks.mlp((5,), 2)
    plan = training.Plan(steps=400, rate=1e-2)
    spare = np.arange(60, 80)
    told = training.Told(rows, target, np.ones(80, dtype=np.float32), np.arange(2), held_out=spare)
    trained = training.train(network, None, told, plan, seed=0)
    assert trained.steps < 400
    columns = torch.arange(2)
    held = Rows(rows.array[spare], (5,), "cpu")
    kept = training.log_loss(network, held, target[spare], columns)
    assert kept < 1.0  # the best state, and not the overfitted last one


def test_a_step_stays_on_its_device() -> None:
    # On the meta device any tensor that was made elsewhere is an error.
    device = torch.device("meta")
    for network, shape in ((networks.mlp((8,), 3), (8,)), (networks.small_resnet((1, 28, 28), 3), (1, 28, 28))):
        moved = network.to(device)
        head = networks.head_of(moved, 3)
        optimiser = training._optimiser(moved, head, training.Plan(), fused=False)
        rows = torch.zeros((4, *shape), device=device)
        given = rows if len(shape) == 1 else augment.augmented(rows, "flip", torch.Generator())
        loss = training.step(
            moved, head, optimiser, given, torch.zeros(4, dtype=torch.long, device=device),
            torch.ones(4, device=device), torch.arange(3, device=device), 0.1,
        )  # fmt: skip
        assert loss.device == device


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_device_is_written_into_the_code(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in ("cuda", "cpu", "mps"), f"line {node.lineno}: .{node.func.attr}()"
            moved = node.func.attr == "to" and node.args and isinstance(node.args[0], ast.Constant)
            assert not moved or node.args[0].value == "cpu", f"line {node.lineno}"  # type: ignore[union-attr, attr-defined]


class TestAugment:
    """Images moved and mirrored."""

    def image(self) -> Any:
        return torch.arange(2 * 1 * 16 * 16, dtype=torch.float32).reshape(2, 1, 16, 16) + 1

    def test_what_is_seen_was_there(self) -> None:
        rows = self.image()
        generator = torch.Generator().manual_seed(0)
        for _ in range(20):
            moved = augment.augmented(rows, "shift", generator)
            assert moved.shape == rows.shape
            for number in range(2):
                middle = moved[number, 0, 4:12, 4:12]
                windows = rows[number, 0].unfold(0, 8, 1).unfold(1, 8, 1).reshape(-1, 8, 8)
                assert (windows == middle).all(dim=(1, 2)).any()

    def test_mirrored_half_of_the_time(self) -> None:
        generator = torch.Generator().manual_seed(0)
        rows = self.image()
        flipped = sum(
            int((moved[0, 0, 8, 9] < moved[0, 0, 8, 8]).item())
            for moved in (augment.augmented(rows, "flip", generator) for _ in range(200))
        )
        assert 70 < flipped < 130

    def test_unknown_kinds(self) -> None:
        with pytest.raises(UnknownName, match="unknown augmentation"):
            augment.augmented(self.image(), "swirl", torch.Generator())


def test_the_small_resnet_is_small() -> None:
    network = networks.small_resnet((1, 28, 28), 2)
    assert sum(parameter.numel() for parameter in network.parameters()) < 300_000
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 2)
    assert isinstance(networks.head_of(network, 2), nn.Linear)
    assert networks.head_of(network, 3) is None
