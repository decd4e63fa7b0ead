"""Pooling by a norm: between the sum and the largest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError
from ..frame import pad
from ..layer import Array, Call, Layer, Mode, Shape, need_picture
from .conv import Padding
from .pool import _Pooling, wider
from .rectifier import number


def check_order(p: float, owner: str) -> float:
    """The order of a norm: at least 1."""
    if number(p, f"p of {owner}") < 1:
        raise ArgumentError(f"p of {owner} must be at least 1, got {p!r}")
    return float(p)


def slope(x: Array, y: Array, p: float) -> Array:
    """∂/∂x of (Σ |x|^p)^(1/p) = y: sign(x) |x / y|^(p − 1); 0 where y is 0."""
    ratio = np.divide(np.abs(x), y, out=np.zeros(x.shape, x.dtype), where=y != 0)
    found: Array = np.sign(x) * ratio ** (p - 1)
    return found


class LpPooling2D(_Pooling):
    """The p-norm of each window: y[n, r, c, k] = (Σ over the window of |x[n, ·, ·, k]|^p)^(1/p).

    p: at least 1; the other settings as for MaxPooling2D. Padded cells add nothing.
    Sermanet, Chintala, LeCun 2012, section 2.1, arXiv:1204.3968 (there with weights).
    """

    later = ()

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        p: float = 2.0,
        *,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        dilation_rate: int | Sequence[int] = (1, 1),
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(
            pool_size,
            strides=strides,
            padding=padding,
            dilation_rate=dilation_rate,
            ceil_mode=ceil_mode,
            name=name,
        )
        self.p = check_order(p, "LpPooling2D")

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        out = self.window().out_size(x.shape[1:3])
        powers = np.abs(pad(x, self.window().padding(x.shape[1:3]), 0.0, mode)) ** self.p
        y = mode.new((x.shape[0], *out, x.shape[3]), x.dtype)
        y[...] = 0
        for view in self._views(powers, out):
            y += view
        return np.power(y, 1 / self.p, out=y), None

    def backward(self, dy: Array, call: Call) -> Array:
        framed, dx = self._framed(call.x, call.mode)
        padded = pad(call.x, self.window().padding(call.x.shape[1:3]), 0.0, call.mode)
        out = call.y.shape[1:3]
        for view, target in zip(self._views(padded, out), self._views(framed, out), strict=True):
            target += dy * slope(view, call.y, self.p)
        return dx

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [*super().examples(), *wider(cls), (cls(2, 1.0), ((4, 4, 1),)),
                (cls(2, 3.0), ((4, 4, 1),))]  # fmt: skip


class GlobalLpPooling2D(Layer):
    """The p-norm of each channel over all rows and cols.

    p: at least 1. keepdims: (1, 1, channels) in place of (channels,).
    """

    def __init__(self, p: float = 2.0, *, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name=name)
        self.p = check_order(p, "GlobalLpPooling2D")
        self.keepdims = bool(keepdims)

    def out_shape(self, *shapes: Shape) -> Shape:
        channels = need_picture(self, shapes[0])[2]
        return (1, 1, channels) if self.keepdims else (channels,)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        powers = np.abs(xs[0]) ** self.p
        return powers.sum(axis=(1, 2), keepdims=self.keepdims) ** (1 / self.p), None

    def backward(self, dy: Array, call: Call) -> Array:
        shape = (len(dy), 1, 1, -1)
        y = np.broadcast_to(call.y.reshape(shape), call.x.shape)
        return dy.reshape(shape) * slope(call.x, y, self.p)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((3, 4, 2),)), (cls(3.0, keepdims=True), ((2, 3, 3),))]
