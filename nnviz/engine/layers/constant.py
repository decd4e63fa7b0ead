"""A fixed array where a graph wants the output of a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape, sizes


class Constant(Layer):
    """y = c for every sample, whatever goes in: a learnt token, a table of positions.

    c is a buffer called `value`: it is saved with the model and never trained. dx = 0.
    `Constant.of(array)` makes the layer with its array. shape: that of c, without N.
    """

    constant = True

    def __init__(self, shape: Sequence[int] = (), *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.shape = sizes(shape, "shape of Constant")

    @classmethod
    def of(cls, value: Any, *, name: str | None = None) -> Constant:
        """The layer with this number or array."""
        array = np.asarray(value)
        if array.dtype.kind not in "uifb":
            raise ArgumentError(f"value of Constant must be numbers, got {array.dtype}")
        layer = cls(array.shape, name=name)
        layer.buffers["value"] = array.astype(array.dtype if array.dtype.kind == "f" else "f4")
        return layer

    def out_shape(self, *shapes: Shape) -> Shape:
        return self.shape

    def buffer_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        return {"value": self.shape}

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        return np.ones(shape, np.float32)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        value = self.buffer("value", xs[0].dtype)
        return np.broadcast_to(value, (len(xs[0]), *self.shape)), None

    def backward(self, dy: Array, call: Call) -> Array:
        return np.zeros(call.x.shape, dy.dtype)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls.of(np.arange(6.0).reshape(2, 3)), ((3, 2, 1),)), (cls.of(2), ((4,),))]
