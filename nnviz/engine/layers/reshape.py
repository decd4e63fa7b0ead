"""Layers that only lay numbers out differently."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape, sizes
from ..window import POINTWISE, SlidingWindow
from .axes import added_up, lined


def laid(x: Array, shape: Shape, mode: Mode) -> Array:
    """x in another shape; a copy only where its numbers do not lie one after the other."""
    if not x.flags.c_contiguous:
        copied = mode.new(x.shape, x.dtype)
        mode.do(np.copyto, copied, x)
        x = copied
    return x.reshape(shape)


class Flatten(Layer):
    """A picture as one long vector: rows, then cols, then channels (row-major, channels last)."""

    by_channel = True  # of a map's channels: every so many numbers one is of the same
    repeats = True
    saves = True

    def out_shape(self, *shapes: Shape) -> Shape:
        return (math.prod(shapes[0]),)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return laid(xs[0], (len(xs[0]), math.prod(xs[0].shape[1:])), mode), None

    def backward(self, dy: Array, call: Call) -> Array:
        return laid(dy, call.x.shape, call.mode)


class Reshape(Layer):
    """The same numbers, row-major, in another shape.

    shape: one sample's, without N; one of its sizes may be −1, "what is left".
    """

    repeats = True
    saves = True

    def __init__(self, shape: Sequence[int], *, name: str | None = None) -> None:
        super().__init__(name=name)
        free = [s for s in shape if s == -1] if isinstance(shape, Sequence) else []
        fixed = sizes([1 if s == -1 else s for s in shape] if free else shape, "shape of Reshape")
        if len(free) > 1:
            raise ArgumentError(f"shape of Reshape may leave one size free, got {shape!r}")
        self.shape = tuple(int(s) for s in shape) if free else fixed

    def out_shape(self, *shapes: Shape) -> Shape:
        count = math.prod(shapes[0])
        fixed = math.prod(s for s in self.shape if s != -1)
        if count % fixed or (-1 not in self.shape and count != fixed):
            raise ArgumentError(
                f"Reshape cannot lay out {count} numbers of inputs {shapes[0]} as {self.shape}"
            )
        return tuple(count // fixed if s == -1 else s for s in self.shape)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return laid(xs[0], (len(xs[0]), *self.out_shape(xs[0].shape[1:])), mode), None

    def backward(self, dy: Array, call: Call) -> Array:
        return laid(dy, call.x.shape, call.mode)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls((4, 3)), ((2, 3, 2),)),
            (cls((2, -1, 1)), ((6,),)),
            (cls((1,)), ((),)),
            (cls(()), ((1, 1, 1),)),
        ]


class Permute(Layer):
    """The axes in another order: axis i of the output is axis `order[i]` of the input.

    order: all axes, the batch's 0 first; (0, 3, 1, 2) brings the channels of pictures to the front.
    """

    def __init__(self, order: Sequence[int], *, name: str | None = None) -> None:
        super().__init__(name=name)
        given = tuple(order) if isinstance(order, Sequence) else ()
        if (
            not given
            or given[0] != 0
            or sorted(map(str, given)) != sorted(map(str, range(len(given))))
        ):  # by text, so that what is no number is refused as well
            raise ArgumentError(
                f"order of Permute must be all axes from 0 with the batch's 0 first, got {order!r}"
            )
        self.order = tuple(int(axis) for axis in given)

    def window(self, i: int = 0) -> SlidingWindow | None:
        return POINTWISE if self.order == (0, 1, 2, 3) else None

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) != len(self.order) - 1:
            raise ArgumentError(
                f"Permute({self.order}) needs inputs of {len(self.order) - 1} axes besides the "
                f"batch, got {shapes[0]}"
            )
        return tuple(shapes[0][axis - 1] for axis in self.order[1:])

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        view = xs[0].transpose(self.order)
        y = mode.new(view.shape, view.dtype)
        y[...] = view
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy.transpose(np.argsort(self.order).tolist())

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls((0, 3, 1, 2)), ((2, 3, 4),)),
            (cls((0, 1, 2, 3)), ((2, 3, 2),)),
            (cls((0, 2, 4, 1, 3)), ((2, 1, 3, 2),)),
            (cls((0,)), ((),)),
        ]


class BroadcastTo(Layer):
    """Copies along the axes of size 1, and along new axes in front, as NumPy does.

    shape: one sample's, without N. dx adds up what went to the copies.
    """

    def __init__(self, shape: Sequence[int], *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.shape = sizes(shape, "shape of BroadcastTo")

    def out_shape(self, *shapes: Shape) -> Shape:
        try:
            return np.broadcast_shapes(shapes[0], self.shape)
        except ValueError:
            raise ArgumentError(
                f"BroadcastTo cannot stretch inputs of {shapes[0]} to {self.shape}"
            ) from None

    def _lined(self, x: Array) -> Array:
        return lined(x, max(len(self.shape), x.ndim - 1))

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = mode.new((len(xs[0]), *self.out_shape(xs[0].shape[1:])), xs[0].dtype)
        y[...] = self._lined(xs[0])
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        return added_up(dy, self._lined(call.x).shape).reshape(call.x.shape)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls((3, 4, 2)), ((2,),)),
            (cls((3, 1)), ((1, 4),)),
            (cls((2, 3)), ((),)),
            (cls((1, 3)), ((2, 4, 3),)),
        ]
