"""Activations: a curve applied to every number by itself (softmax: to every vector by itself)."""

from __future__ import annotations

import numpy as np

from ..layer import Array, Call, Layer, Mode
from ..window import POINTWISE, SlidingWindow


class Pointwise(Layer, abstract=True):
    """An activation: the same shape out as in, each place by itself."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE


class Sigmoid(Pointwise):
    """y = 1 / (1 + e^−x); dx = dy · y (1 − y). Neither side overflows."""

    elementwise = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return sigmoid(xs[0]), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * call.y * (1 - call.y)


class Tanh(Pointwise):
    """y = tanh x; dx = dy (1 − y²)."""

    elementwise = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return np.tanh(xs[0], out=mode.new(xs[0].shape, xs[0].dtype)), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * (1 - call.y * call.y)


class Softmax(Pointwise):
    """Shares that add up to one over the last axis (the classes or the channels).

    y_i = e^(x_i − m) / Σ_j e^(x_j − m) with m = max x, so that nothing overflows;
    dx = y (dy − Σ_j dy_j y_j).
    """

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        y = mode.new(x.shape, x.dtype)
        np.exp(np.subtract(x, x.max(axis=-1, keepdims=True), out=y), out=y)
        y /= y.sum(axis=-1, keepdims=True)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        y = call.y
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


class Linear(Pointwise):
    """y = x; dx = dy. For a place where something else could stand."""

    elementwise = True

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


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^−x), without overflow on either side."""
    small = np.exp(-np.abs(x))  # never above 1
    return np.where(x >= 0, 1, small) / (1 + small)
