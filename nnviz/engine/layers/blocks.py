"""Blocks of rows and cols as channels, and back."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError, unknown
from ..layer import Array, Call, Layer, Mode, Shape, need_picture, whole
from ..window import ResizeWindow, SlidingWindow


class SpaceToDepth(Layer):
    """Blocks of rows and cols as channels: y[r, c, (i·b + j)·C + k] = x[r·b + i, c·b + j, k].

    block: b, by which rows and cols must be divisible.
    """

    def __init__(self, block: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.block = whole(block, "block of SpaceToDepth")

    @property
    def has_patches(self) -> bool:
        return True

    def window(self, i: int = 0) -> SlidingWindow:
        return SlidingWindow((self.block, self.block), (self.block, self.block))

    def out_shape(self, *shapes: Shape) -> Shape:
        rows, cols, channels = need_picture(self, shapes[0])
        if rows % self.block or cols % self.block:
            raise ArgumentError(
                f"SpaceToDepth({self.block}) needs rows and cols that {self.block} divides, got "
                f"{rows}×{cols}"
            )
        return rows // self.block, cols // self.block, channels * self.block**2

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        n, rows, cols, channels = xs[0].shape
        b = self.block
        parts = xs[0].reshape(n, rows // b, b, cols // b, b, channels).transpose(0, 1, 3, 2, 4, 5)
        return parts.reshape(n, rows // b, cols // b, -1), None

    def backward(self, dy: Array, call: Call) -> Array:
        n, rows, cols, _ = dy.shape
        b = self.block
        parts = dy.reshape(n, rows, cols, b, b, -1).transpose(0, 1, 3, 2, 4, 5)
        return parts.reshape(call.x.shape)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(2), ((4, 6, 3),)), (cls(1), ((2, 3, 1),)), (cls(3), ((3, 6, 2),))]


ORDERS = {"DCR": (0, 1, 3, 2, 4, 5), "CRD": (0, 1, 4, 2, 5, 3)}
"""How the channels are read: block row, block col, channel; or channel, block row, block col. Each
is the order of the axes (n, rows, cols, …) that gives (n, rows, i, cols, j, k)."""


class DepthToSpace(Layer):
    """Channels as blocks of rows and cols: y[r·b + i, c·b + j, k] = x[r, c, (i·b + j)·K + k].

    block: b; the channels must be divisible by b². mode: "DCR" as above, the inverse of
    SpaceToDepth; "CRD" reads channel k·b² + i·b + j instead, as a "pixel shuffle" does (Shi et al.
    2016, section 3.2, arXiv:1609.05158).
    """

    def __init__(self, block: int, *, mode: str = "DCR", name: str | None = None) -> None:
        super().__init__(name=name)
        self.block = whole(block, "block of DepthToSpace")
        if mode not in ORDERS:
            raise unknown("mode", mode, ORDERS, "DepthToSpace")
        self.mode = mode

    def window(self, i: int = 0) -> ResizeWindow:
        return ResizeWindow(lambda size, axis: np.eye(size).repeat(self.block, axis=0))

    def out_shape(self, *shapes: Shape) -> Shape:
        rows, cols, channels = need_picture(self, shapes[0])
        if channels % self.block**2:
            raise ArgumentError(
                f"DepthToSpace({self.block}) needs channels that {self.block**2} divides, got "
                f"{channels}"
            )
        return rows * self.block, cols * self.block, channels // self.block**2

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        n, rows, cols, _ = xs[0].shape
        shape = (n, rows, cols, self.block, self.block, -1)
        parts = xs[0].reshape(shape if self.mode == "DCR" else (*shape[:3], -1, *shape[3:5]))
        order = ORDERS[self.mode]
        return parts.transpose(order).reshape(n, rows * self.block, cols * self.block, -1), None

    def backward(self, dy: Array, call: Call) -> Array:
        n, rows, cols, _ = call.x.shape
        parts = dy.reshape(n, rows, self.block, cols, self.block, -1)
        return parts.transpose(np.argsort(ORDERS[self.mode]).tolist()).reshape(call.x.shape)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(2), ((2, 3, 8),)),
            (cls(2, mode="CRD"), ((3, 2, 8),)),
            (cls(3, mode="CRD"), ((1, 2, 9),)),
        ]
