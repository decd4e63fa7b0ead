"""Maps as lines: what holds for a channel, done for whole rows of the picture at once.

Laid out channels-last, one row of a map is `cols · channels` numbers side by side. One number a
channel, repeated for each column, meets such a line without a jump; NumPy's inner loop is then a
whole row long instead of a few channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .mode import Mode

Array = np.ndarray
LONG = 1 << 14
"""Numbers of a line whose sums stay in cache."""
PART_BYTES = 1 << 19
"""How much of one array makes a part for the cache."""


def lines(x: Array) -> Array:
    """x (n, rows, cols, channels) as (n · rows, cols · channels); (n, features) as it is."""
    return x.reshape(-1, x.shape[-1] * _cols(x))


def spread(of_channel: Array, x: Array) -> Array:
    """(channels,) repeated for each column, in the dtype of x: what meets a line of `lines(x)`."""
    line = np.empty((_cols(x), len(of_channel)), x.dtype)
    line[...] = of_channel  # a quarter of the time of np.tile
    return line.reshape(-1)


def line(of_channel: Array | float, x: Array, mode: Mode) -> Array:
    """`spread`, of channels or of one number, in memory that dies when the layer returns."""
    return line_of(_fill, of_channel, x, mode)


def line_of(work: Callable[..., None], parts: Any, x: Array, mode: Mode) -> Array:
    """The line (cols, channels) that work(parts, out=…) makes of parameters."""
    return mode.settled((_cols(x), x.shape[-1]), x.dtype, work, parts).reshape(-1)


def _fill(value: Array | float, *, out: Array) -> None:
    np.copyto(out, value)


def in_cache(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """The same few rows of each of the arrays (rows, …), one part after the other.

    A part stays in the second-level cache while several walks go over it; one walk after the other
    over the whole would fetch it from memory each time.
    """
    rows = len(arrays[0])
    step = max(1, PART_BYTES * rows // max(1, arrays[0].nbytes))
    for start in range(0, rows, step):
        yield tuple(array[start : start + step] for array in arrays)


def add_bias(y: Array, bias: Array, mode: Mode) -> None:
    """y (…, channels) += bias (channels,)."""
    flat = lines(y)
    mode.do(np.add, flat, line(bias, y, mode), out=flat)


def channel_sums(x: Array, dtype: Any = None) -> Array:
    """(channels,): the sum over all other axes; a product with ones is faster than an axis sum."""
    flat = _long(x)
    return _by_channel(np.ones(len(flat), x.dtype) @ flat, x, dtype or x.dtype)


def channel_dots(x: Array, y: Array) -> Array:
    """(channels,) float64: the sum of x · y over all other axes, in one walk."""
    return _by_channel(np.einsum("rc,rc->c", _long(x), _long(y)), x, np.float64)


def _by_channel(sums: Array, x: Array, dtype: Any) -> Array:
    """(channels,) of the sums of `_long` lines."""
    return sums.reshape(-1, x.shape[-1]).sum(axis=0, dtype=np.float64).astype(dtype)


def _long(x: Array) -> Array:
    """x as lines, whole pictures where they are short: the fewer numbers are added up one after the
    other, the fewer digits are lost."""
    picture = x.size // max(1, len(x))
    return x.reshape(-1, picture) if picture <= LONG else lines(x)


def _cols(x: Array) -> int:
    return x.shape[-2] if x.ndim > 2 else 1
