"""Activations: a curve applied to every number by itself (softmax: to every vector by itself)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..layer import Array, Call, Layer, Mode, Shape
from ..window import POINTWISE, SlidingWindow
from .axes import along_channels, check_axes, placed


class Pointwise(Layer, abstract=True):
    """An activation: the same shape out as in, each place by itself."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE


class Sigmoid(Pointwise):
    """y = 1 / (1 + e^−x); dx = dy · y (1 − y). Neither side overflows."""

    elementwise = True
    repeats = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = mode.new(xs[0].shape, xs[0].dtype)
        mode.do(_lay_sigmoid, xs[0], out=y)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        do, dx, rest = call.mode.do, call.mode.over(dy), call.mode.temp(dy.shape, dy.dtype)
        do(np.subtract, 1, call.y, out=rest)
        do(np.multiply, dy, call.y, out=dx)
        do(np.multiply, dx, rest, out=dx)
        return dx


class Tanh(Pointwise):
    """y = tanh x; dx = dy (1 − y²)."""

    elementwise = True
    repeats = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = mode.new(xs[0].shape, xs[0].dtype)
        mode.do(np.tanh, xs[0], out=y)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        do, dx, slope = call.mode.do, call.mode.over(dy), call.mode.temp(dy.shape, dy.dtype)
        do(np.multiply, call.y, call.y, out=slope)
        do(np.subtract, 1, slope, out=slope)
        do(np.multiply, dy, slope, out=dx)
        return dx


class _Together(Pointwise):
    """What softmax and its logarithm share: the axes whose numbers belong together."""

    def __init__(self, axis: int | Sequence[int] = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        found = check_axes(axis, f"axis of {type(self).__name__}")
        self.axis = found[0] if len(found) == 1 else found

    def window(self, i: int = 0) -> SlidingWindow | None:  # type: ignore[override]
        return along_channels(check_axes(self.axis, "axis"))

    def out_shape(self, *shapes: Shape) -> Shape:
        self._along(shapes[0])
        return shapes[0]

    def _along(self, shape: Shape) -> tuple[int, ...]:
        return placed(check_axes(self.axis, "axis"), shape, self)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            *super().examples(),
            (cls(3), ((3, 2, 4),)),
            (cls(1), ((3, 2, 2),)),
            (cls((-1, -2)), ((2, 3, 2),)),
        ]


class Softmax(_Together):
    """Shares that add up to one along an axis: the last one, the classes or the channels.

    y_i = e^(x_i − m) / Σ_j e^(x_j − m) with m = max x, so that nothing overflows;
    dx = y (dy − Σ_j dy_j y_j).
    axis: counted with the batch as 0; several axes are one.
    """

    later = ("axis",)
    repeats = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        do, along = mode.do, {"axis": self._along(x.shape[1:]), "keepdims": True}
        y, joined = mode.new(x.shape, x.dtype), self._joined(x, mode)
        do(np.maximum.reduce, x, out=joined, **along)
        do(np.subtract, x, joined, out=y)
        do(np.exp, y, out=y)
        do(np.add.reduce, y, out=joined, **along)
        do(np.divide, y, joined, out=y)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        y, mode, axes = call.y, call.mode, self._along(call.y.shape[1:])
        dx, joined = mode.new(y.shape, y.dtype), self._joined(y, mode)
        mode.do(np.multiply, dy, y, out=dx)
        mode.do(np.add.reduce, dx, out=joined, axis=axes, keepdims=True)
        mode.do(np.subtract, dy, joined, out=dx)
        mode.do(np.multiply, y, dx, out=dx)
        return dx

    def _joined(self, x: Array, mode: Mode) -> Array:
        """Room for one number of each vector."""
        axes = self._along(x.shape[1:])
        return mode.temp([1 if a in axes else n for a, n in enumerate(x.shape)], x.dtype)


class LogSoftmax(_Together):
    """The logarithm of Softmax: y = x − m − log Σ_j e^(x_j − m); dx = dy − e^y Σ_j dy_j.

    axis: as for Softmax.
    """

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        axes = self._along(x.shape[1:])
        y = np.subtract(x, x.max(axis=axes, keepdims=True), out=mode.new(x.shape, x.dtype))
        y -= np.log(np.exp(y).sum(axis=axes, keepdims=True))
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        axes = self._along(call.y.shape[1:])
        return dy - np.exp(call.y) * dy.sum(axis=axes, keepdims=True)


class Linear(Pointwise):
    """y = x; dx = dy. For a place where something else could stand."""

    elementwise = True
    repeats = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return xs[0], None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy


class Step(Pointwise):
    """y = 1 where x > 0, else 0: the perceptron's. Its derivative is 0, so it cannot be learnt
    through."""

    elementwise = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return (xs[0] > 0).astype(xs[0].dtype), None

    def backward(self, dy: Array, call: Call) -> Array:
        return np.zeros_like(dy)


class Softplus(Pointwise):
    """y = log(1 + e^x), a ReLU without the corner; dx = dy · sigmoid(x)."""

    elementwise = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return np.logaddexp(xs[0], 0, out=mode.new(xs[0].shape, xs[0].dtype)), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * sigmoid(call.x)


def _lay_sigmoid(x: Array, *, out: Array) -> None:
    np.copyto(out, sigmoid(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^−x), without overflow on either side."""
    small = np.exp(-np.abs(x))  # never above 1
    return np.where(x >= 0, 1, small) / (1 + small)
