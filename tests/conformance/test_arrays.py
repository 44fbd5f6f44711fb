"""In which forms rows may come: of any precision, memory-mapped, CSR; and who says what to use instead."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from querist import registry
from querist.acquire import conformance
from querist.errors import BadValue

WITH_ROWS = [e for kind in ("selector", "scorer", "filter") for e in registry.entries(kind) if "embed" in e.needs]
MUST_TAKE_CSR = {"k_center", "kmeans", "weighted_kmeans", "badge", "information_density"}
DENSE_ONLY = {"bait", "drop_query", "alfa_mix"}


def called(entry, given):
    return np.asarray(conformance._call(entry, given))


def with_rows(given, change):
    return {name: change(array) if name.endswith("embed") else array for name, array in given.items()}


@pytest.fixture(params=WITH_ROWS, ids=lambda entry: entry.name)
def entry(request):
    return request.param


def test_csr_gives_what_dense_gives_or_the_setting_to_use(entry):
    given = conformance.made(entry)
    if entry.name in DENSE_ONLY:
        with pytest.raises(BadValue, match=f"{entry.name} needs dense rows: use features with .method = .svd"):
            called(entry, with_rows(given, csr_matrix))
        return
    found, expected = called(entry, with_rows(given, csr_matrix)), called(entry, given)
    if entry.kind == "scorer":
        np.testing.assert_allclose(found, expected, atol=1e-6)
    else:
        assert found.shape == expected.shape
        # Clusters of two rows are equally near to their mean: which of them stands for it hangs on the last digit.
        assert entry.name == "kmeans" or np.array_equal(found, expected)


def test_what_must_take_csr_is_not_refused():
    assert {entry.name for entry in WITH_ROWS} >= MUST_TAKE_CSR
    assert not MUST_TAKE_CSR & DENSE_ONLY


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_memory_mapped_rows_of_any_precision_give_what_rows_in_memory_give(entry, dtype, tmp_path):
    given = with_rows(conformance.made(entry), lambda array: array.astype(dtype))
    np.save(tmp_path / "embed.npy", given["embed"])
    mapped = {**given, "embed": np.load(tmp_path / "embed.npy", mmap_mode="r")}
    found = called(entry, mapped)
    np.testing.assert_array_equal(found, called(entry, given))
    if entry.kind == "selector":
        assert len(set(found.tolist())) == 7
