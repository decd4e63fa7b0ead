"""Pictures in a frame of one value, and what the windows that are laid over them see."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from .mode import Array, Mode
from .window import Pads, Size


def pad(x: Array, pads: Pads, value: float, mode: Mode) -> Array:
    """`x` (n, rows, cols, channels) with a frame of `value`; `x` itself where there is none.

    The next picture of this shape takes the same frame, so it must be read by then.
    """
    (top, bottom), (left, right) = pads
    if not (top or bottom or left or right):
        return x
    n, rows, cols, channels = x.shape
    size = (n, top + rows + bottom, left + cols + right, channels)
    out = mode.settled(size, x.dtype, _frame(pads, value))
    mode.do(np.copyto, out[:, top : top + rows, left : left + cols], x)
    return out


@functools.lru_cache(maxsize=1024)
def _frame(pads: Pads, value: float) -> Callable[..., None]:
    """What writes `value` into the frame of an array, and nothing inside."""

    def write(*, out: Array) -> None:
        (top, bottom), (left, right) = pads
        rows, cols = out.shape[1] - bottom, out.shape[2] - right
        out[:, :top], out[:, rows:] = value, value
        out[:, top:rows, :left], out[:, top:rows, cols:] = value, value

    return write


def windows(x: Array, kernel: Size, stride: Size, dilation: Size, out: Size) -> Array:
    """A read-only view (n, out rows, out cols, kh, kw, channels) of an already padded `x`."""
    sn, sr, sc, sch = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (x.shape[0], *out, *kernel, x.shape[3]),
        (sn, sr * stride[0], sc * stride[1], sr * dilation[0], sc * dilation[1], sch),
        writeable=False,
    )


def views(
    framed: Array, kernel: Size, stride: Size, dilation: Size, out: Size
) -> Iterator[tuple[int, int, Array]]:
    """For each kernel cell (i, j), row by row, the places of a padded input that it meets.

    Each view is (n, *out, channels) and may be written through.
    """
    for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
        first, left = i * dilation[0], j * dilation[1]
        down = slice(first, first + (out[0] - 1) * stride[0] + 1, stride[0])
        along = slice(left, left + (out[1] - 1) * stride[1] + 1, stride[1])
        yield i, j, framed[:, down, along]
