"""The geometry of the nodes: how large their windows on the picture are, and how far apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ...engine.graph import INPUT, Node
from ...engine.model import Model
from ...engine.window import ResizeWindow, Size, SlidingWindow, TransposedWindow
from .receptive import places, walk_back

MOST_TURNS = 64
"""Neighbours that are looked at, at the most, to see how large windows are."""


@dataclass(frozen=True)
class Geometry:
    """A node's places on the picture, in pixels, as (row, col).

    field: rows and cols of the largest window of the places in the middle, padding and all.
    least: of the smallest one. Behind an enlargement (a transposed convolution) neighbours read
        windows of several sizes, which come round; elsewhere the two are one.
    stride: how far apart the windows of neighbouring places lie; a fraction behind an enlargement,
        None where a layer's window has no even step.
    centre: the middle of the first place's window: place i lies at centre + i · stride.
    """

    field: Size
    stride: tuple[float, float] | None
    centre: tuple[float, float]
    least: Size


def geometry(model: Model) -> dict[str, Geometry | None]:
    """The geometry of every node; None for those without rows and cols."""
    strides: dict[str, tuple[float, float] | None] = {INPUT: (1.0, 1.0)}
    found: dict[str, Geometry | None] = {}
    picture = len(model.input.shape) == 3
    for node in model.nodes:
        strides[node.name] = _stride(model, node, strides)
        if not picture or len(model.shapes[node.name]) != 3:
            found[node.name] = None
            continue
        stride = strides[node.name]
        sizes = [_sizes(model, node.name, axis, stride) for axis in (0, 1)]
        first = walk_back(model, node.name, (0, 0, 1, 1))
        found[node.name] = Geometry(
            (max(sizes[0]), max(sizes[1])),
            stride,
            ((first[0] + first[2] - 1) / 2, (first[1] + first[3] - 1) / 2),
            (min(sizes[0]), min(sizes[1])),
        )
    return found


def _sizes(model: Model, name: str, axis: int, stride: tuple[float, float] | None) -> list[int]:
    """How many pixels the places in the middle read along one axis. A stride of p / q pixels means
    that every q-th place reads as the one before it, so q neighbours are looked at."""
    count = places(model, name)[axis]
    turn = 1 if stride is None else Fraction(stride[axis]).limit_denominator(MOST_TURNS).denominator
    first = max(0, (count - turn) // 2)
    sizes = []
    for i in range(first, min(count, first + turn)):
        box = walk_back(model, name, (i, 0, i + 1, 1) if axis == 0 else (0, i, 1, i + 1))
        sizes.append(box[2 + axis] - box[axis])
    return sizes


def _stride(
    model: Model, node: Node, strides: Mapping[str, tuple[float, float] | None]
) -> tuple[float, float] | None:
    """A node's effective stride, from the first of its inputs that it reads through a window."""
    for i, source in enumerate(node.inputs):
        window, before = node.layer.window(i), strides[source]
        if before is None or window is None:
            continue
        if isinstance(window, SlidingWindow):
            return before[0] * window.stride[0], before[1] * window.stride[1]
        if isinstance(window, TransposedWindow):
            return before[0] / window.stride[0], before[1] / window.stride[1]
        if isinstance(window, ResizeWindow):
            size = places(model, source)
            out = window.out_size(size)
            return before[0] * size[0] / out[0], before[1] * size[1] / out[1]
    return None
