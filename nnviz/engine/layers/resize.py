"""Layers that change how many rows and cols there are without learning anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError, unknown
from ..layer import Array, Call, Layer, Mode, Shape, need_picture, pair
from ..window import ResizeWindow, SlidingWindow
from .conv import check_padding


def nearest(size: int, factor: int) -> Array:
    """(size · factor, size): output i copies input i // factor."""
    return np.eye(size).repeat(factor, axis=0)


def bilinear(size: int, factor: int) -> Array:
    """(size · factor, size): output i lies at input place (i + ½) / factor − ½, between two cells
    whose weights fall off linearly; outside the outermost cells the edge's value holds."""
    place = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(size)))


INTERPOLATIONS = {"nearest": nearest, "bilinear": bilinear}


class UpSampling2D(Layer):
    """Every row and col `size` times: y = A x Bᵀ for each channel, with A and B as `interpolation`
    says.

    size: one whole number or (rows, cols). interpolation: "nearest" or "bilinear" (half-pixel
    centres, as in Keras).
    """

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        *,
        interpolation: str = "nearest",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.size = pair(size, "size of UpSampling2D")
        if interpolation not in INTERPOLATIONS:
            raise unknown("interpolation", interpolation, INTERPOLATIONS, "UpSampling2D")
        self.interpolation = interpolation

    def matrix(self, size: int, axis: int) -> Array:
        """The weights along one axis, (out, in)."""
        return INTERPOLATIONS[self.interpolation](size, self.size[axis])

    def window(self, i: int = 0) -> ResizeWindow:
        return ResizeWindow(self.matrix)

    grows = True
    by_channel = True

    def origin(self, first: Array, axis: int) -> Array:
        return first * self.size[axis]

    def out_shape(self, *shapes: Shape) -> Shape:
        rows, cols, channels = need_picture(self, shapes[0])
        return (rows * self.size[0], cols * self.size[1], channels)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        if self.interpolation == "nearest":
            return x.repeat(self.size[0], axis=1).repeat(self.size[1], axis=2), None
        a, b = (self.matrix(x.shape[1 + axis], axis).astype(x.dtype) for axis in (0, 1))
        return np.einsum("pr,nrck,qc->npqk", a, x, b, optimize=True), None

    def backward(self, dy: Array, call: Call) -> Array:
        a, b = (self.matrix(call.x.shape[1 + axis], axis).astype(dy.dtype) for axis in (0, 1))
        return np.einsum("pr,npqk,qc->nrck", a, dy, b, optimize=True)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(), ((3, 2, 2),)),
            (cls((3, 1)), ((2, 3, 1),)),
            (cls((2, 3), interpolation="bilinear"), ((4, 3, 2),)),
        ]


class ZeroPadding2D(Layer):
    """A frame of zeros. padding: one number, (rows, cols), or ((top, bottom), (left, right))."""

    def __init__(
        self,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 1,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        nested = isinstance(padding, Sequence) and any(isinstance(p, Sequence) for p in padding)
        if not nested:
            down, along = pair(padding, "padding of ZeroPadding2D", 0)  # type: ignore[arg-type]
            padding = ((down, down), (along, along))
        checked = check_padding(padding)
        if isinstance(checked, str):
            raise ArgumentError(f"padding of ZeroPadding2D is in cells, got {padding!r}")
        self.padding = checked

    crops = True
    by_channel = True

    def window(self, i: int = 0) -> SlidingWindow:
        return SlidingWindow(pads=self.padding)

    def out_shape(self, *shapes: Shape) -> Shape:
        rows, cols, channels = need_picture(self, shapes[0])
        return (*self.window().out_size((rows, cols)), channels)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return np.pad(xs[0], ((0, 0), *self.padding, (0, 0))), None

    def backward(self, dy: Array, call: Call) -> Array:
        (top, _), (left, _) = self.padding
        rows, cols = call.x.shape[1:3]
        return dy[:, top : top + rows, left : left + cols]

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((3, 2, 2),)), (cls(((0, 2), (1, 0))), ((3, 4, 1),))]
