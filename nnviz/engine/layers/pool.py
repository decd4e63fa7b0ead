"""Pooling: what a small window holds, in one number a channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...errors import ArgumentError
from ..frame import pad, views
from ..layer import Array, Call, Layer, Mode, Shape, need_picture, pair
from ..window import SlidingWindow
from .conv import Padding, check_padding


class _Pooling(Layer):
    """What max and average pooling share: a window for each channel by itself.

    dilation_rate: how far the cells of a window lie apart. ceil_mode: whether what is left at the
    bottom and at the right, too small for a window, gets one as well.
    """

    later: ClassVar[tuple[str, ...]] = ("dilation_rate", "ceil_mode")

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        *,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        dilation_rate: int | Sequence[int] = (1, 1),
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        self.padding = check_padding(padding)
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        self.ceil_mode = bool(ceil_mode)
        if not isinstance(self.padding, str) and any(
            max(pads) >= size for pads, size in zip(self.padding, self.pool_size, strict=True)
        ):
            raise ArgumentError(
                f"padding {self.padding} leaves windows of {self.pool_size} without a picture: it "
                "must be smaller than pool_size"
            )

    crops = True
    by_channel = True

    def window(self, i: int = 0) -> SlidingWindow:
        return SlidingWindow(
            self.pool_size, self.strides, self.padding, self.dilation_rate, self.ceil_mode
        )

    def out_shape(self, *shapes: Shape) -> Shape:
        rows, cols, channels = need_picture(self, shapes[0])
        return (*self.window().out_size((rows, cols)), channels)

    def _views(self, padded: Array, out: tuple[int, int]) -> Iterator[Array]:
        """For each cell of the window, row by row, the input that every output sees there."""
        for _, _, view in views(padded, self.pool_size, self.strides, self.dilation_rate, out):
            yield view

    def _framed(self, x: Array, mode: Mode, covered: bool = False) -> tuple[Array, Array]:
        """Zeros in the shape of the padded input, and the view of them that lies under `x`.

        covered: every cell will be written, so nothing has to be put there before."""
        (top, bottom), (left, right) = self.window().padding(x.shape[1:3])
        n, rows, cols, channels = x.shape
        dx = mode.new((n, top + rows + bottom, left + cols + right, channels), x.dtype)
        if not covered:
            mode.do(np.copyto, dx, 0)
        return dx, dx[:, top : top + rows, left : left + cols]

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(2), ((6, 4, 3),)),
            (cls(3, strides=2, padding="same"), ((6, 5, 2),)),
            (cls((2, 3), strides=(1, 2), padding=((1, 0), (0, 2))), ((5, 6, 2),)),
        ]


def wider(cls: Any) -> list[tuple[Layer, tuple[Shape, ...]]]:
    """Examples of pools that round up and of pools with holes."""
    return [
        (cls(2, strides=2, ceil_mode=True, padding=((1, 0), (0, 1))), ((6, 6, 2),)),
        (cls(2, strides=1, dilation_rate=(2, 3), padding=((1, 0), (0, 1))), ((5, 6, 1),)),
        (cls(3, strides=2, dilation_rate=2, ceil_mode=True), ((8, 6, 1),)),
    ]


class MaxPooling2D(_Pooling):
    """The largest value of each window; padded cells never win.

    y[n, r, c, k] = max over the window of x[n, ·, ·, k]. Its gradient goes to the place of the
    maximum; of several equal ones, to the first, row by row.
    """

    beside = -np.inf
    chooses = True
    repeats = True
    saves = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array | None]:
        (x,) = xs
        out = self.window().out_size(x.shape[1:3])
        padded = pad(x, self.window().padding(x.shape[1:3]), -np.inf, mode)
        n, channels = x.shape[0], x.shape[3]
        # Down the rows first, where whole lines meet, then along what is left of them.
        tall = mode.temp((n, out[0], padded.shape[2], channels), x.dtype)
        y = mode.new((n, *out, channels), x.dtype)
        for axis, given, made in ((0, padded, tall), (1, tall, y)):
            cells = self._along(given, axis, out[axis])
            largest = next(cells)
            for view in cells:
                mode.do(np.maximum, largest, view, out=made)
                largest = made
            if largest is not made:  # windows of one cell
                mode.do(np.copyto, made, largest)
        if not mode.lean:
            return y, None
        here = mode.new((self.pool_size[0] * self.pool_size[1], *y.shape), bool)
        for _ in self._chosen(padded, y, list(here), mode):
            pass
        return y, here

    @property
    def apart(self) -> bool:
        """Whether no cell lies in two windows."""
        return all(s >= reach for s, reach in zip(self.strides, self.window().reach, strict=True))

    def _along(self, framed: Array, axis: int, out: int) -> Iterator[Array]:
        """For each cell of the window along one axis, what the outputs see there."""
        kernel, stride, dilation = [1, 1], [1, 1], [1, 1]
        kernel[axis], stride[axis] = self.pool_size[axis], self.strides[axis]
        dilation[axis] = self.dilation_rate[axis]
        size = [*framed.shape[1:3]]
        size[axis] = out
        for _, _, view in views(framed, *map(tuple, (kernel, stride, dilation, size))):
            yield view

    def _chosen(self, x: Array, y: Array, rooms: list[Array], mode: Mode) -> Iterator[Array]:
        """For each cell of the window, row by row: which windows have their maximum there, and not
        before. x: padded. rooms: where the answers are written; the last holds meanwhile which
        windows have not met theirs yet."""
        *rooms, open_ = rooms
        mode.do(np.copyto, open_, True)
        for here, view in zip(rooms, self._views(x, y.shape[1:3]), strict=False):
            mode.do(np.equal, view, y, out=here)
            mode.do(np.logical_and, here, open_, out=here)
            mode.do(np.logical_xor, open_, here, out=open_)
            yield here
        yield open_

    def backward(self, dy: Array, call: Call) -> Array:
        x, do, cells = call.x, call.mode.do, self.pool_size[0] * self.pool_size[1]
        out, pads = call.y.shape[1:3], self.window().padding(x.shape[1:3])
        size = (n + sum(sides) for n, sides in zip(x.shape[1:3], pads, strict=True))
        sides = list(zip(self.strides, self.window().reach, out, size, strict=True))
        tiled = all(stride == reach and k * stride == n for stride, reach, k, n in sides)
        framed, dx = self._framed(x, call.mode, covered=tiled and self.dilation_rate == (1, 1))
        chosen: Iterable[Array] = call.saved
        if call.saved is None:
            here, open_ = (call.mode.temp(dy.shape, bool) for _ in range(2))
            padded = pad(x, pads, -np.inf, call.mode)
            chosen = self._chosen(padded, call.y, [here] * (cells - 1) + [open_], call.mode)
        share = None if self.apart else call.mode.temp(dy.shape, dy.dtype)
        for here, target in zip(chosen, self._views(framed, out), strict=True):
            if self.apart:
                do(np.multiply, dy, here, out=target)
            else:
                do(np.multiply, dy, here, out=share)
                do(np.add, target, share, out=target)
        return dx

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [*super().examples(), *wider(cls)]


class AveragePooling2D(_Pooling):
    """The mean of each window's cells; padded cells are not counted, as in Keras.

    y[n, r, c, k] = Σ over the window of x[n, ·, ·, k] / (cells of the window inside the picture)
    count_include_pad: the cells of `padding` count as well (what `ceil_mode` adds never does).
    """

    later = (*_Pooling.later, "count_include_pad")
    repeats = True

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        *,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        dilation_rate: int | Sequence[int] = (1, 1),
        ceil_mode: bool = False,
        count_include_pad: bool = False,
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
        self.count_include_pad = bool(count_include_pad)

    @property
    def has_patches(self) -> bool:
        return not (self.count_include_pad and self.ceil_mode)

    def _counts(self, x: Array, out: tuple[int, int]) -> Array:
        """(out rows, out cols, 1): how many cells of each window count."""
        size, window = x.shape[1:3], self.window()
        (top, bottom), (left, right) = window.padding(size)
        inside = np.zeros((1, top + size[0] + bottom, left + size[1] + right, 1), x.dtype)
        if self.count_include_pad:
            down, along = replace(window, ceil=False).padding(size)
            inside[:, : size[0] + sum(down), : size[1] + sum(along)] = 1
        else:
            inside[:, top : top + size[0], left : left + size[1]] = 1
        cells: Array = sum(self._views(inside, out), np.zeros((1, *out, 1), x.dtype))
        return cells[0]

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        out = self.window().out_size(x.shape[1:3])
        padded = pad(x, self.window().padding(x.shape[1:3]), 0.0, mode)
        y = mode.new((x.shape[0], *out, x.shape[3]), x.dtype)
        views = self._views(padded, out)
        mode.do(np.copyto, y, next(views))
        for view in views:
            mode.do(np.add, y, view, out=y)
        mode.do(np.divide, y, self._counts(x, out), out=y)
        return y, None

    def on_patches(self, *xs: Array, inside: Callable[[], Array | None], mode: Mode) -> Array:
        mean = super().on_patches(*xs, inside=inside, mode=mode)
        on = None if self.count_include_pad else inside()
        if on is not None:
            share = super().on_patches(on.astype(mean.dtype), inside=inside, mode=Mode())
            mode.do(np.divide, mean, share, out=mean)
        return mean

    def backward(self, dy: Array, call: Call) -> Array:
        out, do = call.y.shape[1:3], call.mode.do
        framed, dx = self._framed(call.x, call.mode)
        share = call.mode.temp(dy.shape, dy.dtype)
        do(np.divide, dy, self._counts(call.x, out), out=share)
        for target in self._views(framed, out):
            do(np.add, target, share, out=target)
        return dx

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        framed: dict[str, Any] = {"padding": ((1, 0), (1, 2)), "count_include_pad": True}
        return [
            *super().examples(),
            *wider(cls),
            (cls(3, strides=2, **framed), ((6, 5, 2),)),
            (cls(3, strides=2, ceil_mode=True, **framed), ((6, 7, 1),)),
        ]


class Subsampling2D(_Pooling):
    """LeNet's pooling: the sum of each window, times a learnt number, plus another, per channel.

    y[n, r, c, k] = w[k] · Σ over the window of x[n, ·, ·, k] + b[k], usually followed by a sigmoid
    (`activation="sigmoid"`). LeCun, Bottou, Bengio, Haffner 1998, section II.B. w begins at 1 /
    (cells of the window), the mean.
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        *,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        activation: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(pool_size, strides=strides, padding=padding, name=name)
        self.activation = activation

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        return {"weight": shapes[0][-1:], "bias": shapes[0][-1:]}

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        share = 1 / (self.pool_size[0] * self.pool_size[1])
        return np.full(shape, share if name == "weight" else 0, np.float32)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array]:
        (x,) = xs
        out = self.window().out_size(x.shape[1:3])
        padded = pad(x, self.window().padding(x.shape[1:3]), 0.0, mode)
        total = mode.new((x.shape[0], *out, x.shape[3]), x.dtype)
        total[...] = 0
        for view in self._views(padded, out):
            total += view
        y = np.multiply(total, self.param("weight", x.dtype), out=mode.new(total.shape, x.dtype))
        y += self.param("bias", x.dtype)
        return y, total

    def backward(self, dy: Array, call: Call) -> Array:
        framed, dx = self._framed(call.x, call.mode)
        share = dy * self.param("weight", dy.dtype)
        for target in self._views(framed, call.y.shape[1:3]):
            target += share
        return dx

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        axes = (0, 1, 2)
        return {"weight": (dy * call.saved).sum(axis=axes), "bias": dy.sum(axis=axes)}


class GlobalAveragePooling2D(Layer):
    """One number a channel: y[n, k] = the mean of x[n, ·, ·, k] over all rows and cols.

    keepdims: (1, 1, channels) in place of (channels,).
    """

    linear = True
    by_channel = True
    repeats = True
    later = ("keepdims",)

    def __init__(self, *, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name=name)
        self.keepdims = bool(keepdims)

    def out_shape(self, *shapes: Shape) -> Shape:
        channels = need_picture(self, shapes[0])[2]
        return (1, 1, channels) if self.keepdims else (channels,)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = mode.new((len(xs[0]), *self.out_shape(xs[0].shape[1:])), xs[0].dtype)
        mode.do(np.mean, xs[0], axis=(1, 2), keepdims=self.keepdims, out=y)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        n, rows, cols, channels = call.x.shape
        share = call.mode.new((n, 1, 1, channels), dy.dtype)
        call.mode.do(np.divide, dy if self.keepdims else dy[:, None, None], rows * cols, out=share)
        return np.broadcast_to(share, call.x.shape)

    def answer_to(
        self, change: Array, top: Array, left: Array, size: tuple[int, int], mode: Mode
    ) -> Array:
        y = mode.new((len(change), *self.out_shape(change.shape[1:])), change.dtype)
        mode.do(np.add.reduce, change, axis=(1, 2), keepdims=self.keepdims, out=y)
        mode.do(np.divide, y, size[0] * size[1], out=y)
        return y

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((4, 5, 3),)), (cls(keepdims=True), ((3, 4, 2),))]
