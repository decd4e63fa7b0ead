"""One picture on two threads: cut by rows, and the weights after the flattening cut with it.

The rows of the last map are shared out to two halves; each runs the layers before the flattening on
the rows that its own read, which overlap a little, and multiplies what it has flattened by its own
slab of the dense weight. So each thread does half of the arithmetic, fetches half of the weights
from memory, and they meet once, where their sums are added. The cut depends on shapes alone: the
bits are the same for any number of threads.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np

from .again import Noted, Numbered, ended, flattening, noting
from .executor import each
from .graph import INPUT, Node
from .layer import Array, Layer, Mode, Shape
from .layers.conv import Conv2D
from .layers.dense import Dense
from .layers.pool import MaxPooling2D
from .mode import Notes

LEAST = 1 << 18
"""Numbers in the dense weight from which on a second thread is worth it."""

Rows = tuple[int, int]


def halves(nodes: Numbered, shapes: Mapping[str, Shape]) -> list[tuple[Rows, Numbered]] | None:
    """For each half, the rows of the input that it reads and the nodes before the flattening, made
    for them; None where the network cannot be cut so, or is too small for it."""
    cut = flattening(nodes)
    if not cut or len(nodes) < cut + 2 or type(nodes[cut + 1][1].layer) is not Dense:
        return None
    shape, units = shapes[nodes[cut][1].inputs[0]], shapes[nodes[cut + 1][1].name]
    if len(shape) != 3 or shape[0] < 2 or np.prod(shape) * units[0] < LEAST:
        return None
    middle = shape[0] // 2
    made = [_half(nodes[:cut], shapes, rows) for rows in ((0, middle), (middle, shape[0]))]
    return [half for half in made if half is not None] if None not in made else None


def _half(front: Numbered, shapes: Mapping[str, Shape], rows: Rows) -> tuple[Rows, Numbered] | None:
    """The nodes that give these rows of the last one's map, and the rows of the input they read."""
    made: list[tuple[int, Node]] = []
    later = front[-1][1].name
    for place, node in reversed(front):
        if node.name != later or len(node.inputs) != 1:
            return None
        layer: Layer | None = node.layer
        if not node.layer.elementwise:
            layer, rows = _cropped(node.layer, shapes[node.inputs[0]], rows)
        if layer is None:
            return None
        made.append((place, Node(node.name, layer, node.inputs)))
        later = node.inputs[0]
    return rows, made[::-1]


def _cropped(layer: Layer, shape: Shape, rows: Rows) -> tuple[Layer | None, Rows]:
    """The layer for the rows of its input that these rows of its output read, and those rows."""
    if not isinstance(layer, Conv2D | MaxPooling2D) or type(layer) not in (Conv2D, MaxPooling2D):
        return None, rows
    if isinstance(layer, MaxPooling2D) and layer.ceil_mode:
        return None, rows
    window = layer.window()
    (top, _), sides = window.padding((shape[0], shape[1]))
    first = rows[0] * window.stride[0] - top
    stop = (rows[1] - 1) * window.stride[0] - top + window.reach[0]
    other = copy.copy(layer)
    other.padding = (max(0, -first), max(0, stop - shape[0])), sides
    return other, (max(0, first), min(stop, shape[0]))


class NotedPicture(Noted):
    """The prediction of one picture, by two halves."""

    def __init__(
        self,
        nodes: Numbered,
        shapes: Mapping[str, Shape],
        output: str,
        parts: Sequence[tuple[Rows, Numbered]],
        x: Array,
    ) -> None:
        super().__init__(shapes, x)
        cut = flattening(nodes)
        dense = nodes[cut + 1][1]
        weight = dense.layer.params["weight"]
        self._parts = [Notes() for _ in parts]
        self._end = Notes()
        sums, start = [], 0
        for (rows, front), notes in zip(parts, self._parts, strict=True):
            walk = noting(notes, self.scratch())
            given = {INPUT: self.given[:, rows[0] : rows[1]]}
            y = ended(walk(front, given, keep={front[-1][1].name}))[front[-1][1].name].y
            sums.append(self.room(dense.name))
            slab = weight[start : start + y.size]
            Mode(notes=notes).do(np.matmul, y.reshape(1, -1), slab, out=sums[-1])
            start += y.size
        do, total = Mode(notes=self._end).do, self.room(dense.name)
        do(np.add, sums[0], sums[1], out=total)
        if "bias" in dense.layer.params:
            do(np.add, total, dense.layer.params["bias"], out=total)
        walk, rest = noting(self._end, self.scratch()), nodes[cut + 2 :]
        self.output: Array = total
        if rest:
            self.output = ended(walk(rest, {dense.name: total}, keep={output}))[output].y

    def again(self, x: Array) -> None:
        """Make `output` for another picture."""
        np.copyto(self.given, x)
        each([notes.play for notes in self._parts])
        self._end.play()
