"""Convolution over pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError
from .. import patches, winograd
from ..equal_rows import sums_for_ties
from ..initializers import Spec, check_initializer, initializer
from ..layer import Array, Call, Layer, Mode, Shape, need_picture, pair, whole
from ..lines import channel_sums
from ..window import POINTWISE, Pads, SlidingWindow

Padding = str | Sequence[Sequence[int]]
UNPADDED = ("valid", "same", ((0, 0), (0, 0)))
"""What leaves a window of one cell without padding."""

LIGHTER = 0.8
"""From this share of the products on it is no use to look at what moves alone."""


def check_padding(value: Any) -> str | Pads:
    """`"valid"`, `"same"`, or `((top, bottom), (left, right))` as a tuple of tuples."""
    if not isinstance(value, str) and isinstance(value, Sequence) and len(value) == 2:
        return pair(value[0], "padding", 0), pair(value[1], "padding", 0)
    if isinstance(value, str) and value in ("valid", "same"):
        return value
    raise ArgumentError(
        f"padding must be 'valid', 'same' or ((top, bottom), (left, right)), got {value!r}"
    )


class Conv2D(Layer):
    """Cross-correlation with learnt kernels, as all frameworks call convolution.

    y[n, r, c, o] = b[o] + Σ_{i, j, k} x[n, r·s − p + i·d, c·s − p + j·d, k] · w[i, j, k, o]

    x (n, rows, cols, channels), w (kh, kw, channels / groups, filters), b (filters). The input is
    padded with zeros. With groups g, filter o reads only the channels of its own group.

    filters: how many output channels.
    kernel_size, strides, dilation_rate: one number or (row, col).
    padding: "valid", "same" or ((top, bottom), (left, right)).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        *,
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        weight_init: Spec = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, activation=activation)
        self.filters = whole(filters, f"filters of {type(self).__name__}")
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.strides = pair(strides, "strides")
        self.padding = check_padding(padding)
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        self.groups = whole(groups, "groups")
        self.use_bias = bool(use_bias)
        self.weight_init = check_initializer(weight_init)
        if self.filters % self.groups:
            raise ArgumentError(
                f"filters must be a multiple of groups, got {filters} filters in {groups} groups"
            )

    crops = True
    forgets = True
    repeats = True
    saves = True

    def window(self, i: int = 0) -> SlidingWindow:
        if self.kernel_size == self.strides == (1, 1) and self.padding in UNPADDED:
            return POINTWISE
        return SlidingWindow(self.kernel_size, self.strides, self.padding, self.dilation_rate)

    def out_shape(self, *shapes: Shape) -> Shape:
        rows, cols, channels = need_picture(self, shapes[0])
        if channels % self.groups:
            raise ArgumentError(f"{channels} channels do not divide into {self.groups} groups")
        return (*self.window().out_size((rows, cols)), self.filters)

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        weight = {"weight": (*self.kernel_size, shapes[0][2] // self.groups, self.filters)}
        return {**weight, "bias": (self.filters,)} if self.use_bias else dict(weight)

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        if name == "bias":
            return np.zeros(shape, np.float32)
        kh, kw, inside, out = shape
        make = initializer(self.weight_init)
        return make(rng, shape, kh * kw * inside, kh * kw * out // self.groups)

    def laid(self, weight: Array) -> Array:
        """The kernels as they are laid over the input; its own inverse."""
        return weight

    def _kind(self, size: tuple[int, int]) -> dict[str, Any]:
        """How the kernels meet a picture of this size."""
        return {
            "stride": self.strides,
            "pads": self.window().padding(size),
            "dilation": self.dilation_rate,
            "groups": self.groups,
        }

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        size, weight = x.shape[1:3], self.laid(self.param("weight", x.dtype))
        kind, bias = self._kind(size), self.param("bias", x.dtype) if self.use_bias else None
        form = winograd.FOUR if mode.private else winograd.TWO if mode.untied else None
        if form and winograd.suits(weight.shape, **kind, size=size, n=len(x), form=form):
            pads = kind["pads"]
            return winograd.correlate(x, weight, pads=pads, mode=mode, form=form, bias=bias), None
        out, sums = self.window().out_size(size), x.dtype if form else sums_for_ties(x.dtype)
        y = patches.correlate(x, weight, **kind, out=out, mode=mode, bias=bias, sums=sums)
        return y, None

    def moves_by(self, size: tuple[int, int]) -> bool:
        weight = self.params["weight"].shape
        none, rest = ((0, 0), (0, 0)), {k: v for k, v in self._kind(size).items() if k != "pads"}
        reached = size[0] + 4, size[1] + 2 * weight[1] - 2
        fits = winograd.suits(weight, **rest, pads=none, size=reached)
        return fits and winograd.share(*size, weight[1]) <= LIGHTER

    def moved_by(self, change: Array, mode: Mode) -> Array:
        weight = self.laid(self.param("weight", change.dtype))
        return winograd.answer_to(change, weight, mode=mode)

    def backward(self, dy: Array, call: Call) -> Array:
        size, weight = call.x.shape[1:3], self.laid(self.param("weight", dy.dtype))
        kind = self._kind(size)
        if winograd.suits(weight.shape, **kind, size=size, n=len(dy)):
            return winograd.scatter(dy, weight, pads=kind["pads"], size=size, mode=call.mode)
        return patches.scatter(dy, weight, **kind, size=size, mode=call.mode)

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        size, shape, kernel = call.x.shape[1:3], self.params["weight"].shape, self.kernel_size
        kind = self._kind(size)
        if winograd.suits(shape, **kind, size=size, n=len(dy)):
            weight = winograd.kernel_gradient(
                call.x, dy, kernel=kernel, pads=kind["pads"], mode=call.mode
            )
        else:
            weight = patches.kernel_gradient(call.x, dy, kernel=kernel, **kind, mode=call.mode)
        return self._with_bias(self.laid(weight), dy, call.mode)

    def gradients(self, dy: Array, call: Call) -> tuple[Any, dict[str, Array]]:
        size, weight = call.x.shape[1:3], self.laid(self.param("weight", dy.dtype))
        kind = self._kind(size)
        plain = type(self).backward is Conv2D.backward and type(self).grads is Conv2D.grads
        if not plain or not winograd.suits(weight.shape, **kind, size=size, n=len(dy)):
            return super().gradients(dy, call)
        dx, of_weight = winograd.gradients(call.x, dy, weight, pads=kind["pads"], mode=call.mode)
        return dx, self._with_bias(self.laid(of_weight), dy, call.mode)

    def _with_bias(self, weight: Array, dy: Array, mode: Mode) -> dict[str, Array]:
        """The gradients: the weight's, and the bias's where there is one."""
        if not self.use_bias:
            return {"weight": weight}
        bias = np.empty(dy.shape[-1:], dy.dtype)
        mode.do(_bias_gradient, dy, out=bias)
        return {"weight": weight, "bias": bias}

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(3, 3), ((6, 5, 2),)),
            (cls(4, (2, 3), strides=2, padding="same", groups=2), ((7, 6, 4),)),
            (cls(2, 3, dilation_rate=2, padding="same", use_bias=False), ((7, 8, 3),)),
            (cls(4, 3, strides=(2, 1), padding=((0, 2), (3, 1)), groups=4), ((6, 5, 4),)),
            (cls(3, 1), ((4, 3, 2),)),
        ]


def _bias_gradient(dy: Array, *, out: Array) -> None:
    np.copyto(out, channel_sums(dy))


class TrueConv2D(Conv2D):
    """Convolution in the mathematician's sense: the kernel is turned by 180° before it is laid on.

    y[n, r, c, o] = b[o] + Σ_{i, j, k} x[n, r + kh−1 − i, c + kw−1 − j, k] · w[i, j, k, o]

    for stride 1 without padding: `scipy.signal.convolve2d(x, w, "valid")` summed over channels. A
    network learns the same with either; only the pictures of its kernels are turned.
    """

    def laid(self, weight: Array) -> Array:
        return weight[::-1, ::-1]
