"""The geometry of the nodes: how large their windows on the picture are, and how far apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...engine.graph import INPUT, Node
from ...engine.model import Model
from ...engine.window import ResizeWindow, Size, SlidingWindow, TransposedWindow
from .receptive import places, walk_back


@dataclass(frozen=True)
class Geometry:
    """A node's places on the picture, in pixels, as (row, col).

    field: rows and cols of the window of the middle place, padding and all.
    stride: how far apart the windows of neighbouring places lie; a fraction behind an enlargement,
        None where a layer's window has no even step.
    centre: the middle of the first place's window: place i lies at centre + i · stride.
    """

    field: Size
    stride: tuple[float, float] | None
    centre: tuple[float, float]


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
        r, c = (n // 2 for n in places(model, node.name))
        middle = walk_back(model, node.name, (r, c, r + 1, c + 1))
        first = walk_back(model, node.name, (0, 0, 1, 1))
        found[node.name] = Geometry(
            (middle[2] - middle[0], middle[3] - middle[1]),
            strides[node.name],
            ((first[0] + first[2] - 1) / 2, (first[1] + first[3] - 1) / 2),
        )
    return found


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
