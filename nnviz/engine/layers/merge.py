"""Layers with several inputs."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape
from ..window import POINTWISE, SlidingWindow


class Add(Layer):
    """y = x₁ + x₂ + …, all of one shape; each input receives dy (a residual connection)."""

    arity = None

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(set(shapes)) != 1:
            raise ArgumentError(
                f"Add needs inputs of one shape, got {', '.join(map(str, shapes))}: "
                "bring them to one number of channels first, say with a 1×1 Conv2D"
            )
        return shapes[0]

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = np.add(xs[0], xs[1], out=mode.new(xs[0].shape, xs[0].dtype))
        for x in xs[2:]:
            y += x
        return y, None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        return (dy,) * len(call.xs)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((4, 3, 2),) * 2), (cls(), ((5,),) * 3)]


class Concatenate(Layer):
    """The inputs' channels (or features) one after the other; each receives its part of dy."""

    arity = None

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE

    def out_shape(self, *shapes: Shape) -> Shape:
        if len({(len(s), *s[:-1]) for s in shapes}) != 1:
            raise ArgumentError(
                f"Concatenate needs inputs of the same rows and cols, got "
                f"{', '.join(map(str, shapes))}"
            )
        return (*shapes[0][:-1], reduce(lambda total, s: total + s[-1], shapes, 0))

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        shape = (*xs[0].shape[:-1], sum(x.shape[-1] for x in xs))
        y = mode.new(shape, xs[0].dtype)
        return np.concatenate(xs, axis=-1, out=y), None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        ends = np.cumsum([x.shape[-1] for x in call.xs])[:-1]
        return tuple(np.split(dy, ends, axis=-1))

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((4, 3, 2), (4, 3, 5))), (cls(), ((5,), (2,), (3,)))]
