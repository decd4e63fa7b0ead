"""Segments: grids, superpixels, and what a user gives."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import colour, pictures

from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import lime, segments
from nnviz.inspection.attribution.segments import grid, kind_of, label_maps

GREY = np.random.default_rng(0).random((2, 20, 45, 1))


@given(rows=st.integers(1, 40), cols=st.integers(1, 40), count=st.integers(1, 1600))
def test_grids(rows, cols, count):
    count = min(count, rows * cols)
    cells = grid(rows, cols, count)
    assert cells.shape == (rows, cols)
    assert sorted(set(cells.ravel())) == list(range(cells.max() + 1))
    assert (grid(cols, rows, count).T.shape) == cells.shape
    # each cell is a box, and along each axis sizes differ by 1 at most
    sizes = []
    for k in range(cells.max() + 1):
        r, c = np.nonzero(cells == k)
        sizes.append((np.ptp(r) + 1, np.ptp(c) + 1))
        assert len(r) == sizes[-1][0] * sizes[-1][1]
    assert (np.ptp(sizes, axis=0) <= 1).all()
    # turned, the picture is cut at the same places
    turned = grid(cols, rows, count).T
    assert len(set(zip(cells.ravel(), turned.ravel(), strict=True))) == cells.max() + 1


def test_a_grid_of_single_pixels_and_a_grid_of_one():
    np.testing.assert_array_equal(grid(3, 4, 12), np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(grid(3, 4, 1), np.zeros((3, 4)))
    assert segments(GREY, kind="grid", count=50).shape == (2, 20, 45)
    assert segments(GREY, kind="grid", count=10**9).max() == 899


def test_superpixels_follow_edges():
    pytest.importorskip("skimage")
    for channels in (1, 2, 3):
        picture = np.zeros((2, 24, 24, channels))
        picture[0, :, 13:] = 0.9
        picture[1, 11:, :, 0] = 0.9
        labels = segments(picture, kind="superpixels", count=9)
        for one, map_ in zip(picture, labels, strict=True):
            assert sorted(set(map_.ravel())) == list(range(map_.max() + 1))
            assert 3 < map_.max() < 20
            mixed = sum(np.ptp(one[map_ == k], axis=0).any() for k in range(map_.max() + 1))
            assert mixed == 0, "a segment lies across the edge"
        np.testing.assert_array_equal(labels[1:], segments(picture[1:], count=9))
        bytes_ = (picture * 255).astype(np.uint8)
        assert segments(bytes_, kind="superpixels", count=9).shape == labels.shape


def test_superpixels_of_an_even_picture():
    pytest.importorskip("skimage")
    assert segments(np.full((1, 8, 8, 1), 0.5), kind="superpixels", count=4).max() >= 0


def test_without_scikit_image_there_is_the_grid(monkeypatch):
    # The package's `segments` is the function; the module of that name is found here.
    monkeypatch.setattr(sys.modules[segments.__module__], "find_spec", lambda name: None)
    assert kind_of("auto") == "grid"
    with pytest.raises(ArgumentError, match=r"segments='superpixels' needs scikit-image: pip"):
        segments(GREY, kind="superpixels")
    model = colour()
    got = lime(model, pictures(model, 1), 1, samples=30, count=9)
    assert got.provenance.settings["segments"] == "grid"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "slic"}, "no kind of segments named 'slic'"),
        ({"kind": None}, "no kind of segments named 'None'"),
        ({"count": 0}, "count of segments must be a whole number from 1 to .*, got 0"),
        ({"count": np.nan}, "count of segments must be a whole number"),
        ({"count": 2.5}, "count of segments must be a whole number"),
        ({"count": True}, "count of segments must be a whole number"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        segments(GREY, **options)


def test_pictures_need_four_axes():
    for bad in (GREY[0], GREY[:0], np.array([["a"]])):
        with pytest.raises(ArgumentError, match="segments needs pictures of shape"):
            segments(bad)


@pytest.mark.parametrize(
    "given_", [np.zeros((20, 44), int), np.zeros((20, 45)), np.zeros((3, 20, 45), int),
               [[1], [2, 3]], None, 7, np.zeros((20, 45), bool)],
)  # fmt: skip
def test_bad_label_maps_are_refused(given_):
    with pytest.raises(ArgumentError, match="segments must be one of auto, grid, superpixels, or"):
        label_maps(given_, GREY, 5)


def test_label_maps_are_numbered_anew():
    mine = np.array([[[7, -3], [7, 100]], [[1, 1], [1, 1]]])
    got = label_maps(mine.tolist(), np.zeros((2, 2, 2, 1)), 5)
    np.testing.assert_array_equal(got, [[[1, 0], [1, 2]], [[0, 0], [0, 0]]])
    assert label_maps(mine[0], np.zeros((2, 2, 2, 1)), 5).shape == (2, 2, 2)
