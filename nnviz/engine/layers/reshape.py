"""Layers that only lay numbers out differently."""

from __future__ import annotations

import math

from ..layer import Array, Call, Layer, Mode, Shape


class Flatten(Layer):
    """A picture as one long vector: rows, then cols, then channels (row-major, channels last)."""

    by_channel = True  # of a map's channels: every so many numbers one is of the same

    def out_shape(self, *shapes: Shape) -> Shape:
        return (math.prod(shapes[0]),)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return xs[0].reshape(xs[0].shape[0], -1), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy.reshape(call.x.shape)
