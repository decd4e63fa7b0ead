"""Windows: how the places of a layer's input and of its output belong together.

An output place of a convolution reads a small rectangle of the input. Whoever knows that rectangle
knows the output size, the receptive field, where to crop the patch that excited a channel most, and
which outputs must be computed anew when a part of the picture changes. So it is written down once,
here, and proved by poking pixels.

A size is `(rows, cols)`. A box is `(top, left, bottom, right)`, half open as in `range`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..errors import ArgumentError

Size = tuple[int, int]
Box = tuple[int, int, int, int]
Pads = tuple[tuple[int, int], tuple[int, int]]
Cut = tuple[int | None, int | None, int | None]
Cells = int | np.ndarray
"""A place along one axis, or those of many boxes."""
Ends = tuple[Cells, Cells]
"""The first place along one axis and one past the last."""


class Window(Protocol):
    """The contract. All three take the input's size, since `same` padding depends on it."""

    def out_size(self, size: Size) -> Size:
        """Size of the output for an input of this size."""

    def touched(self, box: Box, size: Size) -> Box:
        """The outputs that may change when the inputs in `box` change (clipped to the output)."""

    def needed(self, box: Box, size: Size) -> Box:
        """The inputs that the outputs in `box` read; it may stick out of the input (padding)."""


@dataclass(frozen=True)
class SlidingWindow:
    """The window of convolutions and pools.

    Along one axis, with kernel k, stride s, dilation d and p cells of padding in front, the output
    at i reads the inputs `i·s − p + d·j` for j = 0 … k−1.

    pads: `"valid"` (none), `"same"` (as much as makes the output ceil(size / stride), the odd cell
        at the end, as Keras does), or explicit `((top, bottom), (left, right))`.
    ceil: what is left at the end and too small for a window gets one as well, padded, if the window
        begins in the input or in the padding before it.
    """

    kernel: Size = (1, 1)
    stride: Size = (1, 1)
    pads: str | Pads = "valid"
    dilation: Size = (1, 1)
    ceil: bool = False

    @property
    def reach(self) -> Size:
        """Rows and cols from a window's first to its last cell: d (k − 1) + 1."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    def padding(self, size: Size) -> Pads:
        """The cells of padding `((top, bottom), (left, right))` for an input of this size."""
        if self.ceil:
            down, along = (self._rounded_up(n, axis) for axis, n in enumerate(size))
            return down, along
        if self.pads == "valid":
            return (0, 0), (0, 0)
        if self.pads == "same":
            totals = [
                max((-(-n // s) - 1) * s + r - n, 0)
                for n, s, r in zip(size, self.stride, self.reach, strict=True)
            ]
            return (totals[0] // 2, totals[0] - totals[0] // 2), (
                totals[1] // 2,
                totals[1] - totals[1] // 2,
            )
        assert not isinstance(self.pads, str)
        return self.pads

    def _rounded_up(self, n: int, axis: int) -> tuple[int, int]:
        """The padding along one axis: at the end as much as the last window needs."""
        front, back = replace(self, ceil=False).padding((n, n))[axis]
        reach, stride = self.reach[axis], self.stride[axis]
        count = -(-(n + front + back - reach) // stride) + 1
        count = min(count, -(-(n + front) // stride))
        return front, max(0, (count - 1) * stride + reach - n - front)

    def out_size(self, size: Size) -> Size:
        pads = self.padding(size)
        rows, cols = (
            (n + sum(p) - r) // s + 1
            for n, p, r, s in zip(size, pads, self.reach, self.stride, strict=True)
        )
        if rows < 1 or cols < 1:
            raise ArgumentError(
                f"a window of {self.reach[0]}×{self.reach[1]} does not fit an input of "
                f"{size[0]}×{size[1]}: use a larger picture, a smaller kernel or padding='same'"
            )
        return rows, cols

    def touched(self, box: Box, size: Size) -> Box:
        return _box(self.touched_along(a, box[a], box[a + 2], size) for a in (0, 1))

    def needed(self, box: Box, size: Size) -> Box:
        return _box(self.needed_along(a, box[a], box[a + 2], size) for a in (0, 1))

    def touched_along(self, axis: int, first: Cells, end: Cells, size: Size) -> Ends:
        """`touched` along one axis alone, of one box or of many."""
        out, front = self.out_size(size)[axis], self.padding(size)[axis][0]
        stride = self.stride[axis]
        low = -(-(first + front - self.reach[axis] + 1) // stride)
        low = np.minimum(np.maximum(low, 0), out)
        return low, np.maximum(np.minimum((end - 1 + front) // stride + 1, out), low)

    def needed_along(self, axis: int, first: Cells, end: Cells, size: Size) -> Ends:
        """`needed` along one axis alone, of one box or of many."""
        front, stride = self.padding(size)[axis][0], self.stride[axis]
        return first * stride - front, (end - 1) * stride - front + self.reach[axis]


def _box(spans: Iterable[Ends]) -> Box:
    """What lies between the ends along the rows and along the cols."""
    (top, bottom), (left, right) = spans
    return int(top), int(left), int(bottom), int(right)


POINTWISE = SlidingWindow()
"""The window of everything that works cell by cell: activations, additions, normalization."""


@dataclass(frozen=True)
class TransposedWindow:
    """The window of a transposed convolution: `SlidingWindow` with input and output exchanged.

    Along one axis the input at i reaches the outputs `i·s − p + d·j` for j = 0 … k−1. `"same"`
    pads so that the output is size · stride, as Keras does. `"valid"` cuts nothing off; where the
    stride is beyond the reach, Keras has a last gap as well, so that every input has s outputs.
    """

    kernel: Size
    stride: Size
    pads: str | Pads = "valid"
    dilation: Size = (1, 1)

    @property
    def reach(self) -> Size:
        """Rows and cols of the patch that one input reaches: d (k − 1) + 1."""
        return SlidingWindow(self.kernel, dilation=self.dilation).reach

    def padding(self, size: Size) -> Pads:
        """The cells cut off `((top, bottom), (left, right))`."""
        if not isinstance(self.pads, str):
            return self.pads
        totals = [
            max(r - s, 0) if self.pads == "same" else 0
            for r, s in zip(self.reach, self.stride, strict=True)
        ]
        (rows, cols) = totals
        return (rows // 2, rows - rows // 2), (cols // 2, cols - cols // 2)

    def out_size(self, size: Size) -> Size:
        if self.pads == "same":
            return size[0] * self.stride[0], size[1] * self.stride[1]
        pads, gap = self.padding(size), self.pads == "valid"
        rows, cols = (
            (n - 1) * s + (max(r, s) if gap else r) - sum(p)
            for n, s, r, p in zip(size, self.stride, self.reach, pads, strict=True)
        )
        if rows < 1 or cols < 1:
            raise ArgumentError(
                f"the padding {pads} leaves nothing of an input of {size[0]}×{size[1]}: pad less"
            )
        return rows, cols

    def touched(self, box: Box, size: Size) -> Box:
        out, pads = self.out_size(size), self.padding(size)
        first = [box[a] * self.stride[a] - pads[a][0] for a in (0, 1)]
        last = [(box[a + 2] - 1) * self.stride[a] - pads[a][0] + self.reach[a] for a in (0, 1)]
        top, left = (min(max(first[a], 0), out[a]) for a in (0, 1))
        return top, left, max(min(last[0], out[0]), top), max(min(last[1], out[1]), left)

    def needed(self, box: Box, size: Size) -> Box:
        pads = self.padding(size)
        first = [-(-(box[a] + pads[a][0] - self.reach[a] + 1) // self.stride[a]) for a in (0, 1)]
        last = [(box[a + 2] - 1 + pads[a][0]) // self.stride[a] + 1 for a in (0, 1)]
        return first[0], first[1], max(last[0], first[0]), max(last[1], first[1])


@dataclass(frozen=True)
class SliceWindow:
    """The window of x[rows, cols] with Python slices: one place of the input for each output.

    rows, cols: (start, stop, step).
    """

    rows: Cut
    cols: Cut

    def places(self, size: Size) -> tuple[range, range]:
        """The rows and cols of the input, one for each of the output."""
        return range(size[0])[slice(*self.rows)], range(size[1])[slice(*self.cols)]

    def out_size(self, size: Size) -> Size:
        rows, cols = self.places(size)
        return len(rows), len(cols)

    def touched(self, box: Box, size: Size) -> Box:
        spans = []
        for axis, places in enumerate(self.places(size)):
            first = places if places.step > 0 else places[::-1]
            low, high = (
                min(max(-(-(box[a] - first.start) // first.step), 0), len(first))
                for a in (axis, axis + 2)
            )
            spans.append((low, high) if places.step > 0 else (len(first) - high, len(first) - low))
        return spans[0][0], spans[1][0], spans[0][1], spans[1][1]

    def needed(self, box: Box, size: Size) -> Box:
        spans = []
        for axis, places in enumerate(self.places(size)):
            read = places[max(box[axis], 0) : max(box[axis + 2], 0)]
            spans.append((min(read), max(read) + 1) if read else (0, 0))
        return spans[0][0], spans[1][0], spans[0][1], spans[1][1]


@dataclass(frozen=True)
class ResizeWindow:
    """The window of a resizing that is one matrix for the rows and one for the cols.

    matrix: size of one axis -> (out, in), the weight of each input cell for each output cell.
    """

    matrix: Callable[[int, int], np.ndarray]

    def out_size(self, size: Size) -> Size:
        return len(self.matrix(size[0], 0)), len(self.matrix(size[1], 1))

    def touched(self, box: Box, size: Size) -> Box:
        top, bottom = _span(self.matrix(size[0], 0)[:, box[0] : box[2]].T)
        left, right = _span(self.matrix(size[1], 1)[:, box[1] : box[3]].T)
        return top, left, bottom, right

    def needed(self, box: Box, size: Size) -> Box:
        # A box may stick out of the output, where a later layer pads; there is no weight there.
        top, bottom = _span(self.matrix(size[0], 0)[max(box[0], 0) : max(box[2], 0)])
        left, right = _span(self.matrix(size[1], 1)[max(box[1], 0) : max(box[3], 0)])
        return top, left, bottom, right


def _span(weights: np.ndarray) -> tuple[int, int]:
    """The first and one past the last column with a weight; (0, 0) where there is none."""
    places = np.flatnonzero(np.abs(weights).sum(axis=0))
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
