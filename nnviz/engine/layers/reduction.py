"""Reductions: many numbers to one, along some axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import ArgumentError, unknown
from ..layer import Array, Call, Layer, Mode, Shape, need_picture
from ..window import SlidingWindow
from .axes import along_channels, check_axes, placed

Axes = tuple[int, ...]


class Reduction(NamedTuple):
    """forward: (x, axes) -> y, the axes kept at size 1. slope: (x, y, axes) -> ∂y/∂x, of x's shape
    or of one that stretches to it."""

    forward: Callable[[Array, Axes], Array]
    slope: Callable[[Array, Array, Axes], Any]


def _first(x: Array, y: Array, axes: Axes) -> Array:
    """1 at the first place, row by row, where x is y."""
    rest = tuple(a for a in range(x.ndim) if a not in axes)
    order = (*rest, *axes)
    hits = (x == y).transpose(order).reshape(*(x.shape[a] for a in rest), -1)
    mask = np.zeros(hits.shape, x.dtype)
    np.put_along_axis(mask, hits.argmax(axis=-1, keepdims=True), 1, axis=-1)
    laid = mask.reshape([x.shape[a] for a in order])
    return laid.transpose(np.argsort(order).tolist())


def _others(x: Array, y: Array, axes: Axes) -> Array:
    """The product of all other numbers: y / x, but where there is a 0."""
    zeros = x == 0
    count = zeros.sum(axis=axes, keepdims=True)
    product = np.where(zeros, 1, x).prod(axis=axes, keepdims=True)  # of those that are not 0
    alone = zeros & (count == 1)
    return np.where(count == 0, y / np.where(zeros, 1, x), np.where(alone, product, 0))


def _log_sum_exp(x: Array, axes: Axes) -> Array:
    """log Σ e^x with the largest taken out, so that nothing overflows."""
    top = x.max(axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    found: Array = np.log(np.exp(x - top).sum(axis=axes, keepdims=True)) + top
    return found


def _unit(x: Array, y: Array, axes: Axes) -> Array:
    """x / ‖x‖; 0 where the norm is 0."""
    norm = np.broadcast_to(y, x.shape)
    return np.divide(x, norm, out=np.zeros(x.shape, x.dtype), where=norm != 0)


def _count(x: Array, axes: Axes) -> int:
    return math.prod(x.shape[a] for a in axes)


REDUCTIONS = {
    "mean": Reduction(
        lambda x, axes: x.mean(axis=axes, keepdims=True), lambda x, y, axes: 1 / _count(x, axes)
    ),
    "sum": Reduction(lambda x, axes: x.sum(axis=axes, keepdims=True), lambda x, y, axes: 1.0),
    "max": Reduction(lambda x, axes: x.max(axis=axes, keepdims=True), _first),
    "min": Reduction(lambda x, axes: x.min(axis=axes, keepdims=True), _first),
    "prod": Reduction(lambda x, axes: x.prod(axis=axes, keepdims=True), _others),
    "l1": Reduction(
        lambda x, axes: np.abs(x).sum(axis=axes, keepdims=True), lambda x, y, axes: np.sign(x)
    ),
    "l2": Reduction(lambda x, axes: np.sqrt((x * x).sum(axis=axes, keepdims=True)), _unit),
    "sum_square": Reduction(
        lambda x, axes: (x * x).sum(axis=axes, keepdims=True), lambda x, y, axes: 2 * x
    ),
    "log_sum": Reduction(
        lambda x, axes: np.log(x.sum(axis=axes, keepdims=True)),
        lambda x, y, axes: 1 / x.sum(axis=axes, keepdims=True),
    ),
    "log_sum_exp": Reduction(_log_sum_exp, lambda x, y, axes: np.exp(x - y)),
}
"""Name -> how. Of several equal maxima (minima) the first, row by row, receives the gradient."""

NARROW = {"log_sum": (0.5, 2.0)}


class Reduce(Layer):
    """One number for all that lie along some axes: Σ x, max x, √Σ x² …

    operation: "mean", "sum", "max", "min", "prod", "l1" (Σ |x|), "l2" (√Σ x²), "sum_square",
    "log_sum", "log_sum_exp". axes: counted with the batch as 0, or None for all of a sample.
    keepdims: whether they stay, with size 1.
    """

    chooses = True

    def __init__(
        self,
        operation: str,
        axes: int | Sequence[int] | None = None,
        *,
        keepdims: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if operation not in REDUCTIONS:
            raise unknown("operation", operation, REDUCTIONS, "Reduce")
        self.operation = operation
        self.axes = None if axes is None else check_axes(axes, "axes of Reduce")
        self.keepdims = bool(keepdims)
        self.domain = NARROW.get(operation, Layer.domain)
        self.linear = operation in ("mean", "sum") and self._is_global

    @property
    def _is_global(self) -> bool:
        """Whether it takes rows and cols together, as a global pooling does."""
        return self.axes is not None and tuple(sorted(self.axes)) in ((1, 2), (-3, -2))

    def window(self, i: int = 0) -> SlidingWindow | None:
        return along_channels(self.axes or ()) if self.keepdims else None

    def _placed(self, shape: Shape) -> Axes:
        every = tuple(range(1, len(shape) + 1))
        return every if self.axes is None else placed(self.axes, shape, self)

    def out_shape(self, *shapes: Shape) -> Shape:
        axes = self._placed(shapes[0])
        kept = ((a, n) for a, n in enumerate(shapes[0], 1) if self.keepdims or a not in axes)
        return tuple(1 if a in axes else n for a, n in kept)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array]:
        (x,) = xs
        with np.errstate(all="ignore"):
            y = REDUCTIONS[self.operation].forward(x, self._placed(x.shape[1:]))
        y = y.astype(x.dtype, copy=False)
        return y.reshape(len(x), *self.out_shape(x.shape[1:])), y

    def backward(self, dy: Array, call: Call) -> Array:
        axes, kept = self._placed(call.x.shape[1:]), call.saved
        with np.errstate(all="ignore"):
            slope = REDUCTIONS[self.operation].slope(call.x, kept, axes)
            return np.broadcast_to(dy.reshape(kept.shape) * slope, call.x.shape)

    def answer_to(
        self, change: Array, top: Array, left: Array, size: tuple[int, int], mode: Mode
    ) -> Array:
        cells = size[0] * size[1] if self.operation == "mean" else 1
        return change.sum(axis=(1, 2), keepdims=self.keepdims) / cells

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        every = [(cls(name, (1, 2)), ((3, 4, 2),)) for name in REDUCTIONS]
        return [
            *every,
            *((cls(name, -1, keepdims=True), ((2, 2, 3),)) for name in REDUCTIONS),
            (cls("sum", (-2, 1), keepdims=True), ((3, 2, 4),)),
            (cls("max", (3, 1)), ((3, 2, 4),)),
            (cls("l2"), ((3, 2),)),
            (cls("mean", keepdims=True), ((5,),)),
            (cls("sum"), ((),)),
        ]


class GlobalMaxPooling2D(Layer):
    """One number a channel: y[n, k] = the largest of x[n, ·, ·, k] over all rows and cols.

    keepdims: (1, 1, channels) in place of (channels,). Of several equal ones the first, row by row,
    receives the gradient.
    """

    chooses = True

    def __init__(self, *, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name=name)
        self.keepdims = bool(keepdims)

    def out_shape(self, *shapes: Shape) -> Shape:
        channels = need_picture(self, shapes[0])[2]
        return (1, 1, channels) if self.keepdims else (channels,)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return xs[0].max(axis=(1, 2), keepdims=self.keepdims), None

    def backward(self, dy: Array, call: Call) -> Array:
        shape = (len(dy), 1, 1, -1)
        return dy.reshape(shape) * _first(call.x, call.y.reshape(shape), (1, 2))

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((4, 3, 2),)), (cls(keepdims=True), ((2, 3, 3),))]


class ArgMax(Layer):
    """Where the largest number along an axis stands, counted from 0, as a number of x's dtype.

    axis: counted with the batch as 0. keepdims: whether it stays, with size 1. last: of several
    equal ones the last in place of the first. A place has no derivative.
    """

    differentiable = False
    turned = 1

    def __init__(
        self,
        axis: int = -1,
        *,
        keepdims: bool = False,
        last: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.axis = check_axes(axis, f"axis of {type(self).__name__}")[0]
        self.keepdims, self.last = bool(keepdims), bool(last)

    def window(self, i: int = 0) -> SlidingWindow | None:
        return along_channels((self.axis,)) if self.keepdims else None

    def out_shape(self, *shapes: Shape) -> Shape:
        (axis,) = placed((self.axis,), shapes[0], self)
        return (*shapes[0][: axis - 1], *((1,) if self.keepdims else ()), *shapes[0][axis:])

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (axis,) = placed((self.axis,), xs[0].shape[1:], self)
        x = np.flip(xs[0], axis) if self.last else xs[0]
        place = (self.turned * x).argmax(axis=axis, keepdims=self.keepdims)
        place = x.shape[axis] - 1 - place if self.last else place
        return place.astype(x.dtype), None

    def backward(self, dy: Array, call: Call) -> Array:
        raise ArgumentError(
            f"{type(self).__name__} gives a place, which has no derivative: explain a node before "
            "it, or use a method that needs no gradients, such as occlusion"
        )

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(), ((3, 2, 4),)),
            (cls(3, keepdims=True, last=True), ((3, 2, 4),)),
            (cls(1, last=True), ((5, 2),)),
            (cls(1, keepdims=True), ((4,),)),
        ]


class ArgMin(ArgMax):
    """Where the smallest number along an axis stands; the settings are ArgMax's."""

    turned = -1
