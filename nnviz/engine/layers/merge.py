"""Layers with several inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape
from ..window import POINTWISE, SlidingWindow


class _Merge(Layer):
    """What Add and Multiply share: inputs of one shape, or with `broadcast` of shapes that NumPy
    stretches to one: a vector (channels,) stands for every row and col."""

    arity = None

    def __init__(self, *, broadcast: bool = False, name: str | None = None) -> None:
        super().__init__(name=name)
        self.broadcast = bool(broadcast)

    def window(self, i: int = 0) -> SlidingWindow | None:
        return None if self.broadcast else POINTWISE

    def out_shape(self, *shapes: Shape) -> Shape:
        kind, told = type(self).__name__, ", ".join(map(str, shapes))
        if not self.broadcast:
            if len(set(shapes)) != 1:
                raise ArgumentError(
                    f"{kind} needs inputs of one shape, got {told}: bring them to one number of "
                    f"channels first, say with a 1×1 Conv2D, or use {kind}(broadcast=True)"
                )
            return shapes[0]
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise ArgumentError(f"{kind} cannot bring the shapes {told} to one") from None

    def stretched(self, xs: Sequence[Array]) -> list[Array]:
        """Views of one rank: a sample's missing leading axes come after N."""
        rank = max(x.ndim for x in xs)
        return [x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in xs]

    def shrunk(self, dy: Array, x: Array) -> Array:
        """The gradient of a stretched input: what was copied is added up again."""
        if dy.shape == x.shape:
            return dy
        lined = self.stretched([x, dy])[0]
        axes = tuple(a for a in range(1, dy.ndim) if lined.shape[a] == 1 and dy.shape[a] > 1)
        return dy.sum(axis=axes, keepdims=True).reshape(x.shape)

    def combine(self, f: Callable[..., Array], xs: Sequence[Array], mode: Mode) -> Array:
        """f over all inputs, one after the other."""
        views = self.stretched(xs)
        shape = np.broadcast_shapes(*(v.shape for v in views))
        y = f(views[0], views[1], out=mode.new(shape, xs[0].dtype))
        for view in views[2:]:
            f(y, view, out=y)
        return y

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(), ((4, 3, 2),) * 2),
            (cls(), ((5,),) * 3),
            (cls(broadcast=True), ((3, 4, 2), (2,), (1, 4, 1))),
        ]


class Add(_Merge):
    """y = x₁ + x₂ + …; each input receives dy (a residual connection)."""

    forgets = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return self.combine(np.add, xs, mode), None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        return tuple(self.shrunk(dy, x) for x in call.xs)


class Multiply(_Merge):
    """y = x₁ · x₂ · …; each input receives dy times the product of the others (a gate)."""

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return self.combine(np.multiply, xs, mode), None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        views = self.stretched(call.xs)
        return tuple(
            self.shrunk(reduce(np.multiply, [v for j, v in enumerate(views) if j != i], dy), x)
            for i, x in enumerate(call.xs)
        )


class Concatenate(Layer):
    """The inputs' channels (or features) one after the other; each input receives its part of
    dy."""

    arity = None

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE

    def out_shape(self, *shapes: Shape) -> Shape:
        if len({(len(s), *s[:-1]) for s in shapes}) != 1:
            raise ArgumentError(
                f"Concatenate needs inputs of the same rows and cols, got "
                f"{', '.join(map(str, shapes))}"
            )
        return (*shapes[0][:-1], sum(s[-1] for s in shapes))

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
