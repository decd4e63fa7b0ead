"""Products cut into parts give what the whole product gives."""

import numpy as np
import pytest

from nnviz.engine import patches
from nnviz.engine.layer import Mode

KIND = {"stride": (1, 1), "dilation": (1, 1), "groups": 1, "mode": Mode()}


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("small", [500, 20_000, 10**6])
def test_convolutions_in_parts_are_those_in_one(monkeypatch, channels, small):
    rng = np.random.default_rng(2)
    x, weight = rng.standard_normal((4, 9, 8, channels)), rng.standard_normal((3, 3, channels, 5))
    dy, pads = rng.standard_normal((4, 9, 8, 5)), ((1, 1), (1, 1))

    def both():
        y = patches.correlate(x, weight, pads=pads, out=(9, 8), bias=weight[0, 0, 0], **KIND)
        return y, patches.kernel_gradient(x, dy, kernel=(3, 3), pads=pads, **KIND)

    whole = both()
    monkeypatch.setattr(patches, "SMALL", small)
    monkeypatch.setattr(patches, "LOW", 1)
    for made, wanted in zip(both(), whole, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-12, atol=1e-12)


def test_a_matrix_is_cut_where_its_rows_divide(monkeypatch):
    monkeypatch.setattr(patches, "SMALL", 10_000)
    monkeypatch.setattr(patches, "LOW", 10)
    matrix = np.arange(2 * 300).reshape(2, 300).T
    parts = patches.cut(matrix, 100)
    assert parts.shape == (3, 100, 2)
    np.testing.assert_array_equal(parts.reshape(300, 2), matrix)
    assert np.shares_memory(parts, matrix)
    assert patches.cut(matrix[:211], 100).shape == (1, 211, 2)  # a prime number of rows
    assert patches.cut(matrix, 10_000).shape == (1, 300, 2)  # parts would have one row each
