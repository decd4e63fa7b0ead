"""Windows: how the places of a layer's input and of its output belong together.

An output place of a convolution reads a small rectangle of the input. Whoever knows that rectangle
knows the output size, the receptive field, where to crop the patch that excited a channel most, and
which outputs must be computed anew when a part of the picture changes. So it is written down once,
here, and proved by poking pixels.

A size is `(rows, cols)`. A box is `(top, left, bottom, right)`, half open as in `range`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..errors import ArgumentError

Size = tuple[int, int]
Box = tuple[int, int, int, int]
Pads = tuple[tuple[int, int], tuple[int, int]]


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
    """

    kernel: Size = (1, 1)
    stride: Size = (1, 1)
    pads: str | Pads = "valid"
    dilation: Size = (1, 1)

    @property
    def reach(self) -> Size:
        """Rows and cols from a window's first to its last cell: d (k − 1) + 1."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    def padding(self, size: Size) -> Pads:
        """The cells of padding `((top, bottom), (left, right))` for an input of this size."""
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
        out, pads = self.out_size(size), self.padding(size)
        first, last = [], []
        for axis in (0, 1):
            stride, front = self.stride[axis], pads[axis][0]
            low = -(-(box[axis] + front - self.reach[axis] + 1) // stride)
            high = (box[axis + 2] - 1 + front) // stride + 1
            first.append(min(max(low, 0), out[axis]))
            last.append(max(min(high, out[axis]), first[axis]))
        return first[0], first[1], last[0], last[1]

    def needed(self, box: Box, size: Size) -> Box:
        pads = self.padding(size)
        first = [box[a] * self.stride[a] - pads[a][0] for a in (0, 1)]
        last = [(box[a + 2] - 1) * self.stride[a] - pads[a][0] + self.reach[a] for a in (0, 1)]
        return first[0], first[1], last[0], last[1]


POINTWISE = SlidingWindow()
"""The window of everything that works cell by cell: activations, additions, normalization."""
