"""Layers with several inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import ClassVar

import numpy as np

from ...errors import ArgumentError, listing
from ..layer import Array, Call, Layer, Mode, Shape
from ..window import POINTWISE, SlidingWindow
from .axes import PLAIN, added_up, along_channels, check_axes, lined, placed


class Merge(Layer, abstract=True):
    """What Add and its kin share: inputs of one shape, or with `broadcast` of shapes that NumPy
    stretches to one: a vector (channels,) stands for every row and col."""

    arity: ClassVar[int | None] = None
    by_channel = True

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
        rank = max(x.ndim for x in xs) - 1
        return [lined(x, rank) for x in xs]

    def shrunk(self, dy: Array, x: Array, mode: Mode = PLAIN) -> Array:
        """The gradient of a stretched input: what was copied is added up again."""
        return added_up(dy, lined(x, dy.ndim - 1).shape, mode).reshape(x.shape)

    def combine(self, f: Callable[..., Array], xs: Sequence[Array], mode: Mode) -> Array:
        """f over all inputs, one after the other."""
        views = self.stretched(xs)
        shape = np.broadcast_shapes(*(v.shape for v in views))
        sofar, y = views[0], mode.new(shape, xs[0].dtype)
        for view in views[1:]:
            mode.do(f, sofar, view, out=y)
            sofar = y
        return y

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(), ((4, 3, 2),) * 2),
            (cls(), ((5,),) * 3),
            (cls(broadcast=True), ((3, 4, 2), (2,), (1, 4, 1))),
        ]


class Add(Merge):
    """y = x₁ + x₂ + …; each input receives dy (a residual connection)."""

    forgets = True
    repeats = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return self.combine(np.add, xs, mode), None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        return tuple(self.shrunk(dy, x, call.mode) for x in call.xs)


class Multiply(Merge):
    """y = x₁ · x₂ · …; each input receives dy times the product of the others (a gate)."""

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return self.combine(np.multiply, xs, mode), None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        views = self.stretched(call.xs)
        return tuple(
            self.shrunk(reduce(np.multiply, [v for j, v in enumerate(views) if j != i], dy), x)
            for i, x in enumerate(call.xs)
        )


class Where(Merge):
    """y = x₂ where x₁ > 0, else x₃, number by number; `broadcast` as for Add.

    x₂ receives dy where it was taken, x₃ where that was, and x₁, which only chooses, receives 0.
    """

    arity = 3

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        views = self.stretched(xs)
        y = mode.new(np.broadcast_shapes(*(v.shape for v in views)), xs[1].dtype)
        np.copyto(y, views[2])
        np.copyto(y, views[1], where=views[0] > 0)
        return y, None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        c, a, b = call.xs
        chosen = self.stretched(call.xs)[0] > 0
        return (
            np.zeros(c.shape, dy.dtype),
            self.shrunk(np.where(chosen, dy, 0), a),
            self.shrunk(np.where(chosen, 0, dy), b),
        )

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(), ((4, 3, 2),) * 3),
            (cls(broadcast=True), ((3, 4, 2), (2,), (1, 4, 1))),
            (cls(broadcast=True), ((2,), (3, 1, 2), ())),
        ]


class Concatenate(Layer):
    """The inputs' channels (or features) one after the other; each input receives its part of dy.

    axis: along which they lie, counted with the batch as 0; −1 is the channels.
    """

    arity = None
    repeats = True
    later = ("axis",)

    def __init__(self, axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = check_axes(axis, "axis of Concatenate")[0]

    def window(self, i: int = 0) -> SlidingWindow | None:
        return along_channels((self.axis,))

    def out_shape(self, *shapes: Shape) -> Shape:
        (axis,) = placed((self.axis,), shapes[0], self)
        if len({(len(s), *s[: axis - 1], *s[axis:]) for s in shapes}) != 1:
            said = "the same rows and cols" if self.axis == -1 else f"one shape but for axis {axis}"
            raise ArgumentError(f"Concatenate needs inputs of {said}, got {listing(shapes)}")
        return (*shapes[0][: axis - 1], sum(s[axis - 1] for s in shapes), *shapes[0][axis:])

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (axis,) = placed((self.axis,), xs[0].shape[1:], self)
        shape = (len(xs[0]), *self.out_shape(*(x.shape[1:] for x in xs)))
        y = mode.new(shape, xs[0].dtype)
        mode.do(np.concatenate, xs, axis=axis, out=y)
        return y, None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        (axis,) = placed((self.axis,), dy.shape[1:], self)
        ends = np.cumsum([x.shape[axis] for x in call.xs])[:-1]
        return tuple(np.split(dy, ends, axis=axis))

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(), ((4, 3, 2), (4, 3, 5))),
            (cls(), ((5,), (2,), (3,))),
            (cls(1), ((2, 3, 2), (3, 3, 2))),
            (cls(-2), ((2, 3), (1, 3))),
            (cls(3), ((2, 2, 1), (2, 2, 3))),
        ]


class MatMul(Layer):
    """The matrix product of two inputs, sample by sample, as NumPy's `matmul`: y = a b.

    A sample's last two axes are its matrix, those before are stretched; a vector is one row as a,
    one column as b. da = dy bᵀ, db = aᵀ dy, added up over what was stretched.
    """

    arity = 2

    def _matrices(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Both as stacks of matrices of one rank."""
        a = a[:, None] if a.ndim == 2 else a
        b = b[:, :, None] if b.ndim == 2 else b
        rank = max(a.ndim, b.ndim) - 1
        return lined(a, rank), lined(b, rank)

    def out_shape(self, *shapes: Shape) -> Shape:
        a = shapes[0] if len(shapes[0]) != 1 else (1, *shapes[0])
        b = shapes[1] if len(shapes[1]) != 1 else (*shapes[1], 1)
        try:
            if min(len(a), len(b)) < 2 or a[-1] != b[-2]:
                raise ValueError
            stack = np.broadcast_shapes(a[:-2], b[:-2])
        except ValueError:
            raise ArgumentError(f"MatMul cannot multiply {shapes[0]} by {shapes[1]}") from None
        return (*stack, *a[-2:-1][: len(shapes[0]) - 1], *b[-1:][: len(shapes[1]) - 1])

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        a, b = self._matrices(*xs)
        out = self.out_shape(*(x.shape[1:] for x in xs))
        return np.matmul(a, b).reshape(len(a), *out), None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        a, b = self._matrices(*call.xs)
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        dy = dy.reshape(*stack, a.shape[-2], b.shape[-1])
        da, db = dy @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ dy
        pairs = zip((da, db), (a, b), call.xs, strict=True)
        return tuple(added_up(dx, side.shape).reshape(x.shape) for dx, side, x in pairs)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(), ((3, 4), (4, 2))),
            (cls(), ((2, 1, 3, 2), (3, 2, 4))),
            (cls(), ((3,), (3,))),
            (cls(), ((4,), (2, 4, 3))),
            (cls(), ((2, 3, 4), (4,))),
        ]
