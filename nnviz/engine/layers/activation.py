"""Activations: a curve applied to every number by itself (softmax: to every vector by itself)."""

from __future__ import annotations

import numpy as np

from ..layer import Array, Call, Layer, Mode
from ..window import POINTWISE, SlidingWindow


class _Pointwise(Layer):
    """An activation: the same shape out as in, each place by itself."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE


class ReLU(_Pointwise):
    """y = max(x, 0); dx = dy where x > 0, else 0."""

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = mode.new(xs[0].shape, xs[0].dtype)
        return np.maximum(xs[0], 0, out=y), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * (call.x > 0)


class Sigmoid(_Pointwise):
    """y = 1 / (1 + e^−x); dx = dy · y (1 − y). Neither side overflows."""

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        small = np.exp(-np.abs(x))  # never above 1
        return np.where(x >= 0, 1, small) / (1 + small), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * call.y * (1 - call.y)


class Tanh(_Pointwise):
    """y = tanh x; dx = dy (1 − y²)."""

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return np.tanh(xs[0], out=mode.new(xs[0].shape, xs[0].dtype)), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * (1 - call.y * call.y)


class Softmax(_Pointwise):
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


ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "softmax": Softmax,
    "tanh": Tanh,
}
"""What `activation="relu"` on another layer may say; it becomes a node of its own."""
