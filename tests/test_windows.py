"""Sliding windows against the definition, for any kernel, stride, padding, dilation and size."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
import reference
from hypothesis import assume, given
from reference_layers import transposed_size

from nnviz.engine.layers import UpSampling2D
from nnviz.engine.window import SlidingWindow, TransposedWindow
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


# Windows from small to large ----------------------------------------------------------------------


@st.composite
def transposed_cases(draw):
    """A transposed window, an input size, and reads[r, c, row, col] by the definition."""
    kernel, stride, dilation = draw(small), draw(small), draw(small)
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    cut = st.tuples(st.integers(0, 2), st.integers(0, 2))
    padding = draw(st.one_of(st.sampled_from(["valid", "same"]), st.tuples(cut, cut)))
    window = TransposedWindow(kernel, stride, padding, dilation)
    sizes = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, k, d in zip(size, stride, kernel, dilation, strict=True)
    ]
    if isinstance(padding, str):
        out = transposed_size(size, kernel, stride, padding, dilation)
        pads = tuple((max(n - o, 0) // 2,) for n, o in zip(sizes, out, strict=True))
    else:
        pads = padding
        out = tuple(n - sum(p) for n, p in zip(sizes, padding, strict=True))
    assume(min(out) >= 1)
    reads = np.zeros((*out, *size), bool)
    for row, col, i, j in np.ndindex(*size, *kernel):
        r = row * stride[0] - pads[0][0] + i * dilation[0]
        c = col * stride[1] - pads[1][0] + j * dilation[1]
        if 0 <= r < out[0] and 0 <= c < out[1]:
            reads[r, c, row, col] = True
    return window, size, reads


@given(transposed_cases())
def test_a_transposed_window_is_what_the_definition_says(case):
    window, size, reads = case
    out = reads.shape[:2]
    assert window.out_size(size) == out
    for row, col in np.ndindex(size):
        box = window.touched((row, col, row + 1, col + 1), size)
        assert 0 <= box[0] <= box[2] <= out[0]
        assert 0 <= box[1] <= box[3] <= out[1]
        assert not (reads[:, :, row, col] & ~inside(box, out)).any()
        if window.dilation == (1, 1):
            np.testing.assert_array_equal(reads[:, :, row, col], inside(box, out))
    for r, c in np.ndindex(out):
        box = window.needed((r, c, r + 1, c + 1), size)
        assert box[0] <= box[2]
        assert box[1] <= box[3]
        assert not (reads[r, c] & ~inside(box, size)).any()
        if window.dilation == (1, 1):
            np.testing.assert_array_equal(reads[r, c], inside(box, size))


@given(
    st.sampled_from(["nearest", "bilinear"]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_a_resize_window_is_where_the_matrix_has_weights(interpolation, factors, size):
    layer = UpSampling2D(factors, interpolation=interpolation)
    window = layer.window()
    rows, cols = (layer.matrix(size[axis], axis) > 0 for axis in (0, 1))
    out = window.out_size(size)
    assert out == (size[0] * factors[0], size[1] * factors[1])
    reads = rows[:, None, :, None] & cols[None, :, None, :]
    for row, col in np.ndindex(size):
        box = window.touched((row, col, row + 1, col + 1), size)
        np.testing.assert_array_equal(reads[:, :, row, col], inside(box, out))
    for r, c in np.ndindex(out):
        box = window.needed((r, c, r + 1, c + 1), size)
        np.testing.assert_array_equal(reads[r, c], inside(box, size))
