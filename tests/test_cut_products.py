"""Products cut into parts give what the whole product gives."""

import numpy as np
import pytest

from nnviz.engine import patches, tiles
from nnviz.engine.layer import Mode
from nnviz.engine.tiles import slab

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
    monkeypatch.setattr(tiles, "SMALL", small)
    monkeypatch.setattr(tiles, "LOW", 1)
    for made, wanted in zip(both(), whole, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-12, atol=1e-12)


def test_a_matrix_is_cut_where_its_rows_divide(monkeypatch):
    monkeypatch.setattr(tiles, "SMALL", 10_000)
    monkeypatch.setattr(tiles, "LOW", 10)
    matrix = np.arange(2 * 300).reshape(2, 300).T
    parts = tiles.cut(matrix, 100)
    assert parts.shape == (3, 100, 2)
    np.testing.assert_array_equal(parts.reshape(300, 2), matrix)
    assert np.shares_memory(parts, matrix)
    assert tiles.cut(matrix[:211], 100).shape == (1, 211, 2)  # a prime number of rows
    assert tiles.cut(matrix, 10_000).shape == (1, 300, 2)  # parts would have one row each


def test_the_way_back_to_a_few_channels_is_the_same_in_slabs(monkeypatch):
    rng = np.random.default_rng(3)
    dy, weight = rng.standard_normal((4, 8, 8, 40)), rng.standard_normal((3, 3, 2, 40))
    kind = {**KIND, "pads": ((1, 1), (1, 1)), "size": (8, 8)}
    made = patches.scatter(dy, weight, **kind)
    assert 1 < slab(18, 40, 4 * 8 * 8) < 4 * 8 * 8
    monkeypatch.setattr(patches, "slab", lambda rows, inner, columns: columns)
    np.testing.assert_allclose(made, patches.scatter(dy, weight, **kind), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("rows", "inner", "columns"), [(1, 64, 512), (33, 64, 512), (8, 31, 512), (8, 64, 509)]
)
def test_what_is_not_made_in_slabs(rows, inner, columns):
    """One row, many, short sums, and a prime number of columns."""
    assert slab(rows, inner, columns) == columns
