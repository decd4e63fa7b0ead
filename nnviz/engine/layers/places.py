"""Where the largest value of each pooling window stands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..frame import pad
from ..layer import Array, Call, Layer, Mode, Shape
from .conv import Padding
from .pool import MaxPooling2D
from .reduction import ArgMax


class MaxPlaces2D(MaxPooling2D):
    """The place of each window's maximum, counted through the sample, as a number of x's dtype.

    y[n, r, c, k] = k · rows · cols + r' · cols + c' for the window's first maximum (r', c'), or
    with `columns_first` k · rows · cols + c' · rows + r'. The channels count slowest, as in
    frameworks that have them first. The other settings are those of MaxPooling2D. A place has no
    derivative.
    """

    differentiable = False
    crops = False
    repeats = False

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        *,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        dilation_rate: int | Sequence[int] = (1, 1),
        ceil_mode: bool = False,
        columns_first: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(
            pool_size,
            strides=strides,
            padding=padding,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            name=name,
        )
        self.columns_first = bool(columns_first)

    def _numbers(self, shape: Shape, dtype: np.dtype) -> Array:
        """(1, rows, cols, channels): how each place of a sample is called."""
        rows, cols, channels = shape
        if self.columns_first:
            places = np.arange(channels * rows * cols).reshape(channels, cols, rows)
            return places.transpose(2, 1, 0)[None].astype(dtype)
        places = np.arange(channels * rows * cols).reshape(channels, rows, cols)
        return places.transpose(1, 2, 0)[None].astype(dtype)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        pads, out = self.window().padding(x.shape[1:3]), self.window().out_size(x.shape[1:3])
        padded = pad(x, pads, -np.inf, mode)
        called = pad(self._numbers(x.shape[1:], x.dtype), pads, 0.0, Mode())
        best = np.full((len(x), *out, x.shape[3]), -np.inf, x.dtype)
        y = mode.new(best.shape, x.dtype)
        y[...] = 0
        for view, number in zip(self._views(padded, out), self._views(called, out), strict=True):
            higher = view > best
            np.copyto(best, view, where=higher)
            np.copyto(y, number, where=higher)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        return ArgMax.backward(self, dy, call)  # type: ignore[arg-type]

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [*super().examples(), (cls(2, columns_first=True), ((4, 6, 2),))]
