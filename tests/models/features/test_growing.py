"""Features that grow: the same rows, in memory or on disk."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from querist.models.features.growing import joined
from querist.types import Array, Features

RNG = np.random.default_rng(0)


def parts(count: int = 5) -> list[Array]:
    return [RNG.normal(size=(7, 3)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("largest", [0, 100, 1 << 20])
def test_the_rows_are_those_of_the_parts_in_their_order(largest: int) -> None:
    given = parts()
    whole = joined((Features(part, part) for part in given), largest=largest)
    assert whole is not None
    assert np.array_equal(whole.embed, np.concatenate(given))
    assert whole.one_space
    assert isinstance(whole.embed, np.memmap) == (largest < 5 * 7 * 3 * 4)


def test_input_and_embedding_grow_apart() -> None:
    given = parts()
    whole = joined((Features(csr_matrix(part > 0), part) for part in given), largest=10)
    assert whole is not None
    assert np.array_equal(whole.input.toarray(), np.concatenate(given) > 0)
    assert np.array_equal(whole.embed, np.concatenate(given))
    assert not whole.one_space


def test_nothing_is_nothing() -> None:
    assert joined([]) is None
