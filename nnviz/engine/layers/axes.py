"""Axes as settings: counted with the batch as axis 0, everywhere.

A picture has axes 1 (rows), 2 (cols) and 3 or −1 (channels). Axis 0 belongs to the batch, and no
layer works along it: a picture must not depend on its neighbours in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Layer, Mode, Shape
from ..window import POINTWISE, SlidingWindow

PLAIN = Mode()
LAST = ((-1,), (3,))
"""The channels of a picture, as axes: what a layer along them alone gives a place depends on this
place of the input."""


def whole_number(value: Any, what: str) -> int:
    """A whole number of any sign and size."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ArgumentError(f"{what} must be a whole number, got {value!r}")
    return int(value)


def check_axes(axes: int | Sequence[int], what: str) -> tuple[int, ...]:
    """One axis or several, none of them the batch; whether they exist depends on the input."""
    several = isinstance(axes, Sequence) and not isinstance(axes, str)
    given = tuple(axes) if several else (axes,)  # type: ignore[arg-type]
    found = tuple(whole_number(axis, what) for axis in given)
    if 0 in found or len(set(found)) < len(found):
        raise ArgumentError(
            f"{what} must be different axes of a sample, from 1 (axis 0 is the batch) or from −1 "
            f"backwards, got {axes!r}"
        )
    return found


def placed(axes: Sequence[int], shape: Shape, layer: Layer) -> tuple[int, ...]:
    """Axes of a batch of samples of this shape, all counted from the front."""
    rank = len(shape) + 1
    found = tuple(axis + rank if axis < 0 else axis for axis in axes)
    if any(not 0 < axis < rank for axis in found) or len(set(found)) < len(found):
        raise ArgumentError(
            f"{type(layer).__name__} works along axes {tuple(axes)}, but inputs of shape {shape} "
            f"have the axes 1 … {rank - 1}"
        )
    return found


def along_channels(axes: Sequence[int]) -> SlidingWindow | None:
    """The window of a layer that keeps the shape and mixes the numbers along these axes."""
    return POINTWISE if tuple(axes) in LAST else None


def lined(x: Array, rank: int) -> Array:
    """A view of a batch whose samples have this rank: missing leading axes come after N."""
    return x.reshape(len(x), *(1,) * (rank - x.ndim + 1), *x.shape[1:])


def added_up(dy: Array, shape: Shape, mode: Mode = PLAIN) -> Array:
    """The gradient of an array of `shape` that NumPy has stretched to dy's: what was copied is
    added up again."""
    whole = (1,) * (dy.ndim - len(shape)) + tuple(shape)
    axes = tuple(a for a, n in enumerate(whole) if n == 1 and dy.shape[a] > 1)
    if not axes:
        return dy.reshape(shape)
    summed = mode.new(whole, dy.dtype)
    mode.do(np.add.reduce, dy, axis=axes, keepdims=True, out=summed)
    return summed.reshape(shape)
