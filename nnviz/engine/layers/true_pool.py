"""A max pool that chooses truly between places of a convolution that was made in the quick way.

Winograd's F(2, 3) errs in the last digits, and differently at the two rows of a tile (see
`winograd`). Places that see the same get the same number where they lie beside each other or in one
column; along a diagonal they may not, and which of them is larger is then chance. A gradient must
not go by chance. So where the larger numbers of a window's two columns are nearly the same, but not
quite, the window's four places are computed again by the plain formula, in float64, which gives
equal numbers to places that see the same; and the gradient goes to the first of the largest. Such
windows are few, one in many thousands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layer import Array, Call, Mode, Shape
from .conv import Conv2D
from .pool import MaxPooling2D

SLACK = 16
"""By so many half units in the last place of the largest output two numbers may differ and yet be
doubted; F(2, 3) errs by about 10 of them at most, where the sums have signs of both kinds."""
AT_ONCE = 256
"""So many doubted windows are computed together."""


class _TruePool(MaxPooling2D):
    """The pool (2×2, without padding) and the convolution before it; it takes the convolution's
    output and its input. `fits` says for which pools and convolutions it is made."""

    arity = 2
    chooses = False

    def __init__(self, pool: MaxPooling2D, conv: Conv2D) -> None:
        super().__init__(pool.pool_size)
        self.conv = conv

    @staticmethod
    def fits(pool: MaxPooling2D, conv: Conv2D, size: tuple[int, int]) -> bool:
        """size: rows and cols of what is pooled."""
        plain = pool.pool_size == pool.strides == (2, 2) and pool.dilation_rate == (1, 1)
        padding = pool.window().padding(size)
        return plain and not pool.ceil_mode and not np.any(padding) and conv.groups == 1

    def out_shape(self, *shapes: Shape) -> Shape:
        return super().out_shape(shapes[0])

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Any]:
        y, _ = xs
        n, rows, cols, channels = len(y), y.shape[1] // 2, y.shape[2] // 2, y.shape[3]
        tall = mode.temp((n, rows, 2 * cols, channels), y.dtype)
        mode.do(np.maximum, y[:, : 2 * rows : 2, : 2 * cols], y[:, 1::2, : 2 * cols], out=tall)
        made, gap = (get((n, rows, cols, channels), y.dtype) for get in (mode.new, mode.temp))
        mode.do(np.maximum, tall[:, :, ::2], tall[:, :, 1::2], out=made)
        mode.do(np.subtract, tall[:, :, ::2], tall[:, :, 1::2], out=gap)
        doubted = _Doubted()
        mode.do(doubted.find, gap, made, mode.temp(gap.shape, bool))
        return made, doubted

    def backward(self, dy: Array, call: Call) -> tuple[Array, None]:  # type: ignore[override]
        dx = super().backward(dy, call)
        call.mode.do(self._settle, call.saved, call.xs[1], dy, dx)
        return dx, None

    def _settle(self, doubted: _Doubted, x: Array, dy: Array, dx: Array) -> None:
        """Let the gradients of doubted windows go where the plain formula says."""
        asked = doubted.windows
        asked = asked[dy.reshape(-1)[asked] != 0] if len(asked) else asked
        for start in range(0, len(asked), AT_ONCE):
            window = np.unravel_index(asked[start : start + AT_ONCE], dy.shape)
            chosen = self._exact(x, *window).argmax(axis=1)
            n, rows, cols, channels = window
            for cell in range(4):
                place = n, 2 * rows + cell // 2, 2 * cols + cell % 2, channels
                dx[place] = np.where(chosen == cell, dy[window], 0)

    def _exact(self, x: Array, n: Array, rows: Array, cols: Array, channels: Array) -> Array:
        """(windows, 4): what the convolution gives at their places, without the bias."""
        weight = self.conv.params["weight"].astype(np.float64)
        kh, kw = weight.shape[:2]
        (top, _), (left, _) = self.conv.window().padding(x.shape[1:3])
        cell = np.arange(4)
        down = (2 * rows[:, None] + cell // 2 - top)[..., None, None] + np.arange(kh)[:, None]
        along = (2 * cols[:, None] + cell % 2 - left)[..., None, None] + np.arange(kw)
        on_map = (down >= 0) & (down < x.shape[1]) & (along >= 0) & (along < x.shape[2])
        patches = x[
            n[:, None, None, None], down.clip(0, x.shape[1] - 1), along.clip(0, x.shape[2] - 1)
        ]
        patches = patches * on_map[..., None].astype(np.float64)
        kernels = weight[..., channels].transpose(3, 0, 1, 2)
        products = patches * kernels[:, None]
        return products.reshape(len(n), 4, -1).sum(axis=2)


class _Doubted:
    """The windows of one block that are in doubt, by their places in the flattened pool."""

    def __init__(self) -> None:
        self.windows = np.zeros(0, np.intp)

    def find(self, gap: Array, made: Array, near: Array) -> None:
        """gap: left minus right column's larger number, written over. made: the larger of both.
        near: room for truths."""
        largest = max(made.max(), -made.min())
        np.abs(gap, out=gap)
        np.less_equal(gap, SLACK * np.finfo(gap.dtype).epsneg * largest, out=near)
        near &= gap > 0
        self.windows = np.flatnonzero(near)
