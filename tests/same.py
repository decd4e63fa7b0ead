"""What is computed twice for different purposes comes out the same."""

from __future__ import annotations

import numpy as np

from nnviz.engine.equal_rows import equal_rows


def assert_same(actual, wanted):
    """To the last digit where the machine's float32 products give equal rows of a factor equal
    rows. Where they don't, what a pool may choose from is summed in float64 and the rest is not: a
    few units in the last place of the largest number."""
    if actual.dtype == np.float32 and not equal_rows(actual.dtype):
        assert actual.dtype == wanted.dtype
        room = 16 * np.finfo(np.float32).eps * np.abs(wanted).max()
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=room)
    else:
        np.testing.assert_array_equal(actual, wanted)
