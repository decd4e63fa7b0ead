"""Transposed convolution: from small to large."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..initializers import Spec, initializer
from ..layer import Array, Call, Layer, Mode, Shape
from ..patches import correlate, kernel_gradient, scatter
from ..window import TransposedWindow
from .conv import Conv2D, Padding


class Conv2DTranspose(Conv2D):
    """The transpose of a convolution: every input gives a weighted kernel to the output.

    y[n, r·s − p + i·d, c·s − p + j·d, o] += x[n, r, c, k] · w[i, j, o, k], then + b[o]

    x (n, rows, cols, channels), w (kh, kw, filters, channels), b (filters). The output has
    (rows − 1) · s + d (kh − 1) + 1 rows less the padding; "same" pads so that it has rows · s;
    "valid" has never fewer than that, as in Keras.
    Zeiler et al. 2010 ("deconvolution"); it inverts the shape of a convolution, not its values.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        *,
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        dilation_rate: int | Sequence[int] = 1,
        activation: str | None = None,
        use_bias: bool = True,
        weight_init: Spec = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            weight_init=weight_init,
            name=name,
        )

    crops, grows = False, True

    def window(self, i: int = 0) -> TransposedWindow:  # type: ignore[override]
        return TransposedWindow(self.kernel_size, self.strides, self.padding, self.dilation_rate)

    def origin(self, first: Array, axis: int) -> Array:
        return first * self.strides[axis] - self.window().padding((1, 1))[axis][0]

    def on_patches(self, *xs: Array, inside: Callable[[], Array | None], mode: Mode) -> Array:
        layer = copy.copy(self)
        layer.padding = "valid"
        return layer.forward(*xs, mode=mode)[0]

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        weight = {"weight": (*self.kernel_size, self.filters, shapes[0][2])}
        return {**weight, "bias": (self.filters,)} if self.use_bias else dict(weight)

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        if name == "bias":
            return np.zeros(shape, np.float32)
        cells = shape[0] * shape[1]
        return initializer(self.weight_init)(rng, shape, cells * shape[3], cells * shape[2])

    def _settings(self, size: tuple[int, int]) -> dict[str, Any]:
        """What the convolution whose transpose this is would be called with."""
        return {
            "stride": self.strides,
            "pads": self.window().padding(size),
            "dilation": self.dilation_rate,
            "groups": 1,
        }

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        size = x.shape[1:3]
        weight, out = self.param("weight", x.dtype), self.window().out_size(size)
        y = scatter(x, weight, size=out, mode=mode, **self._settings(size))
        if self.use_bias:
            mode.do(np.add, y, self.param("bias", x.dtype), out=y)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        size, weight = call.x.shape[1:3], self.param("weight", dy.dtype)
        return correlate(dy, weight, out=size, mode=call.mode, **self._settings(size))

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        settings = self._settings(call.x.shape[1:3])
        weight = kernel_gradient(dy, call.x, kernel=self.kernel_size, mode=call.mode, **settings)
        return self._with_bias(weight, dy, call.mode)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(3, 3), ((4, 3, 2),)),
            (cls(2, (3, 2), strides=2, padding="same"), ((3, 4, 3),)),
            (cls(2, 2, strides=3, padding="same", use_bias=False), ((2, 3, 2),)),
            (cls(2, (2, 3), strides=(3, 2)), ((3, 2, 2),)),
            (cls(2, 3, strides=(2, 1), padding=((1, 0), (0, 2)), dilation_rate=2), ((3, 4, 2),)),
        ]
