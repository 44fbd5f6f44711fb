import numpy as np
import pytest

from querist.acquire.blocks import converted, dots, read

EVERY_HALF = np.arange(2**16, dtype=np.uint16).view(np.float16)


def test_every_half_is_converted_as_numpy_does_it():
    finite = EVERY_HALF[np.isfinite(EVERY_HALF)]
    found = converted(finite, np.dtype(np.float32))
    np.testing.assert_array_equal(found.view(np.int32), finite.astype(np.float32).view(np.int32))
    np.testing.assert_array_equal(converted(EVERY_HALF, np.dtype(np.float32)), EVERY_HALF.astype(np.float32))


@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (7, 3)])
def test_halves_of_any_shape_and_layout_are_read(shape):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float16)
    for form in (x, np.asfortranarray(x), x[::-1], x[:, ::-1]):
        np.testing.assert_array_equal(read(form, slice(None)), form.astype(np.float32))


def test_inner_products_of_halves_are_those_of_singles():
    x, w = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float16), np.eye(4, dtype=np.float32)
    np.testing.assert_array_equal(dots(x, slice(2, 5), w), x[2:5].astype(np.float32))
