"""Sliding windows against the definition, for any kernel, stride, padding, dilation and size."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
import reference
from hypothesis import assume, given

from nnviz.engine.window import SlidingWindow
from nnviz.errors import ArgumentError

small = st.tuples(st.integers(1, 4), st.integers(1, 4))
pad = st.tuples(st.integers(0, 3), st.integers(0, 3))


@st.composite
def cases(draw):
    """A window, an input size, and the padding written out."""
    kernel, stride, dilation = draw(small), draw(small), draw(small)
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    padding = draw(st.one_of(st.sampled_from(["valid", "same"]), st.tuples(pad, pad)))
    window = SlidingWindow(kernel, stride, padding, dilation)
    pads = padding
    if isinstance(padding, str):
        same = reference.same_pads(size, kernel, stride, dilation)
        pads = same if padding == "same" else ((0, 0), (0, 0))
    assume(min(reference.out_size(size, kernel, stride, pads, dilation)) >= 1)
    return window, size, pads


def table(window, size, pads):
    """reads[r, c, row, col]: whether output (r, c) reads input (row, col)."""
    out = reference.out_size(size, window.kernel, window.stride, pads, window.dilation)
    reads = np.zeros((*out, *size), bool)
    for r, c in np.ndindex(out):
        for _, _, row, col in reference.cells(
            size, window.kernel, window.stride, pads, window.dilation, r, c
        ):
            reads[r, c, row, col] = True
    return reads


def inside(box, size):
    """Whether each place of a grid of this size lies in the box."""
    rows, cols = np.ogrid[: size[0], : size[1]]
    return (rows >= box[0]) & (rows < box[2]) & (cols >= box[1]) & (cols < box[3])


@given(cases())
def test_sizes_and_padding(case):
    window, size, pads = case
    assert window.padding(size) == pads
    out = reference.out_size(size, window.kernel, window.stride, pads, window.dilation)
    assert window.out_size(size) == out
    if window.pads == "same":
        assert out == tuple(-(-n // s) for n, s in zip(size, window.stride, strict=True))


@given(cases())
def test_touched_holds_every_output_that_reads_a_place(case):
    window, size, pads = case
    reads = table(window, size, pads)
    out = reads.shape[:2]
    for row, col in np.ndindex(size):
        box = window.touched((row, col, row + 1, col + 1), size)
        assert 0 <= box[0] <= box[2] <= out[0]
        assert 0 <= box[1] <= box[3] <= out[1]
        assert not (reads[:, :, row, col] & ~inside(box, out)).any()
        if window.dilation == (1, 1):
            np.testing.assert_array_equal(reads[:, :, row, col], inside(box, out))


@given(cases())
def test_needed_is_the_window_itself(case):
    window, size, pads = case
    reads = table(window, size, pads)
    for r, c in np.ndindex(reads.shape[:2]):
        box = window.needed((r, c, r + 1, c + 1), size)
        assert (box[2] - box[0], box[3] - box[1]) == window.reach
        assert not (reads[r, c] & ~inside(box, size)).any()
        if window.dilation == (1, 1):
            np.testing.assert_array_equal(reads[r, c], inside(box, size))


@given(cases(), st.data())
def test_a_box_is_the_hull_of_its_places(case, data):
    window, size, pads = case
    reads = table(window, size, pads)
    top = data.draw(st.integers(0, size[0] - 1))
    left = data.draw(st.integers(0, size[1] - 1))
    bottom = data.draw(st.integers(top + 1, size[0]))
    right = data.draw(st.integers(left + 1, size[1]))
    box = window.touched((top, left, bottom, right), size)
    touched = reads[:, :, top:bottom, left:right].any(axis=(2, 3))
    assert not (touched & ~inside(box, touched.shape)).any()
    out = touched.shape
    wanted = window.needed((0, 0, *out), size)
    assert not (reads.any(axis=(0, 1)) & ~inside(wanted, size)).any()


def test_a_window_larger_than_the_picture_is_refused():
    with pytest.raises(ArgumentError, match=r"a window of 5×5 does not fit an input of 4×9"):
        SlidingWindow((3, 3), dilation=(2, 2)).out_size((4, 9))


def test_kerass_odd_cell_of_same_padding_lies_at_the_end():
    assert SlidingWindow((2, 3), (1, 2), "same").padding((5, 6)) == ((0, 1), (0, 1))
