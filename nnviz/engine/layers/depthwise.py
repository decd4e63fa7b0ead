"""Depthwise convolution: each channel by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..frame import pad, views
from ..initializers import Spec, check_initializer, initializer
from ..layer import Array, Call, Layer, Mode, Shape, need_picture, pair, whole
from ..lines import add_bias
from ..window import SlidingWindow
from .conv import Padding, check_padding


class DepthwiseConv2D(Layer):
    """Every channel has kernels of its own and is not mixed with the others.

    y[n, r, c, k·m + q] = b[k·m + q] + Σ_{i, j} x[n, r·s − p + i·d, c·s − p + j·d, k] · w[i, j, k,
    q]

    with m the depth_multiplier. w (kh, kw, channels, m), b (channels · m). It is added up as
    shifted
    products of whole maps: there is nothing to gain from a patch matrix where nothing is mixed.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        *,
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        weight_init: Spec = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, activation=activation)
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.strides = pair(strides, "strides")
        self.padding = check_padding(padding)
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        self.depth_multiplier = whole(depth_multiplier, "depth_multiplier")
        self.use_bias = bool(use_bias)
        self.weight_init = check_initializer(weight_init)

    crops = True
    forgets = True
    repeats = True
    saves = True

    def window(self, i: int = 0) -> SlidingWindow:
        return SlidingWindow(self.kernel_size, self.strides, self.padding, self.dilation_rate)

    def out_shape(self, *shapes: Shape) -> Shape:
        rows, cols, channels = need_picture(self, shapes[0])
        return (*self.window().out_size((rows, cols)), channels * self.depth_multiplier)

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        channels = shapes[0][2]
        weight = {"weight": (*self.kernel_size, channels, self.depth_multiplier)}
        bias = {"bias": (channels * self.depth_multiplier,)} if self.use_bias else {}
        return {**weight, **bias}

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        if name == "bias":
            return np.zeros(shape, np.float32)
        cells = shape[0] * shape[1]
        return initializer(self.weight_init)(rng, shape, cells, cells * shape[3])

    def _seen(self, framed: Array, out: tuple[int, int]) -> Iterator[tuple[int, int, Array]]:
        """For each kernel cell, the part of the padded input that it meets: (i, j, view)."""
        return views(framed, self.kernel_size, self.strides, self.dilation_rate, out)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        window, size = self.window(), x.shape[1:3]
        out, weight = window.out_size(size), self.param("weight", x.dtype)
        y = mode.new((x.shape[0], *out, *weight.shape[2:]), x.dtype)
        if self.depth_multiplier == 1:
            self._by_lines(x, weight, y[..., 0], mode)
        else:
            padded = pad(x, window.padding(size), 0.0, mode)
            mode.do(np.copyto, y, 0)
            part = mode.temp(y.shape, x.dtype)
            for i, j, view in self._seen(padded, out):
                mode.do(np.multiply, view[..., None], weight[i, j], out=part)
                mode.do(np.add, y, part, out=y)
        y = y.reshape(*y.shape[:3], -1)
        if self.use_bias:
            add_bias(y, self.param("bias", x.dtype), mode)
        return y, None

    def _by_lines(self, x: Array, weight: Array, y: Array, mode: Mode) -> None:
        """The same where each channel makes one: every kernel cell meets whole rows of the picture,
        one row of outputs after the other, so that it stays in the nearest cache for all cells.

        With strides, the columns are sorted first by what their number leaves over.
        """
        n, rows, cols, channels = y.shape
        (down, along), (tall, wide) = self.strides, self.dilation_rate
        (kh, kw), width = self.kernel_size, cols * channels
        kernels = mode.settled((kh, kw, cols, channels), y.dtype, _spread, weight)
        kernels = kernels.reshape(kh, kw, width)
        out = y.reshape(n, rows, width)
        step = along // math.gcd(wide, along)
        made = out
        for first in range(min(step, kw)):  # cells so far apart meet columns of one kind
            at, cells = first * wide, kernels[:, first::step]
            part = self._columns(x, at % along, mode)
            sn, sr, sc, item = part.strides
            seen = np.lib.stride_tricks.as_strided(
                part[:, :, at // along :],
                (n, rows, kh, cells.shape[1], width),
                (sn, down * sr, tall * sr, step * wide // along * sc, item),
                writeable=False,
            )
            mode.do(np.einsum, "nrijm,ijm->nrm", seen, cells, out=made)
            if first:
                mode.do(np.add, out, made, out=out)
            elif step > 1:
                made = mode.temp(out.shape, out.dtype)

    def _columns(self, x: Array, first: int, mode: Mode) -> Array:
        """Of the framed pictures the columns from `first` on, as far apart as the windows are."""
        down, (left, right) = self.window().padding(x.shape[1:3])
        along = self.strides[1]
        frame = -(-max(0, left - first) // along)
        inside = x[:, :, first + frame * along - left :: along]
        wide = len(range(first, left + x.shape[2] + right, along))
        return mode.in_order(
            pad(inside, (down, (frame, wide - frame - inside.shape[2])), 0.0, mode)
        )

    def backward(self, dy: Array, call: Call) -> Array:
        window, x = self.window(), call.x
        weight, pads = self.param("weight", dy.dtype), window.padding(x.shape[1:3])
        shares = dy.reshape(*dy.shape[:3], *weight.shape[2:])
        (top, bottom), (left, right) = pads
        rows, cols = x.shape[1:3]
        size = (len(x), top + rows + bottom, left + cols + right, x.shape[3])
        framed, mode = call.mode.new(size, dy.dtype), call.mode
        part = mode.temp(shares.shape[:4], dy.dtype)
        mode.do(np.copyto, framed, 0)
        for i, j, view in self._seen(framed, dy.shape[1:3]):
            mode.do(np.einsum, "nrckq,kq->nrck", shares, weight[i, j], out=part)
            mode.do(np.add, view, part, out=view)
        return framed[:, top : top + rows, left : left + cols]

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        window, x = self.window(), call.x
        shape = self.params["weight"].shape
        padded = pad(x, window.padding(x.shape[1:3]), 0.0, call.mode)
        shares = dy.reshape(*dy.shape[:3], *shape[2:])
        weight, do = np.empty(shape, dy.dtype), call.mode.do
        for i, j, view in self._seen(padded, dy.shape[1:3]):
            do(np.einsum, "nrck,nrckq->kq", view, shares, out=weight[i, j])
        if not self.use_bias:
            return {"weight": weight}
        bias = np.empty(dy.shape[-1:], dy.dtype)
        do(np.add.reduce, dy, axis=(0, 1, 2), out=bias)
        return {"weight": weight, "bias": bias}

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(3), ((6, 5, 3),)),
            (cls((2, 3), strides=2, padding="same", depth_multiplier=2), ((7, 6, 2),)),
            (cls(3, dilation_rate=2, padding=((2, 1), (0, 2)), use_bias=False), ((6, 7, 2),)),
        ]


def _spread(weight: Array, *, out: Array) -> None:
    """Kernels (kh, kw, channels, 1) repeated for each column of a line."""
    out[...] = weight[:, :, None, :, 0]
