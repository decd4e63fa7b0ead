"""Which copies of a picture go together, so that a plan of one region's size wastes little on them.

All regions of a plan (see `boxes`) have the size of the largest. But a change near the border
reaches less far than one in the middle: deep in a network, where a change has spread over half of
the map, a corner's is a quarter as large. So the copies are sorted by how far their changes reach,
down and along, and each kind gets a plan of its own, as long as that costs less than it saves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .boxes import between
from .graph import Node
from .layer import Array, Layer, Shape
from .region import Span, ends, touched, union

if TYPE_CHECKING:
    from .model import Model

PLAN = 6e8
"""What another kind costs, in multiply-adds that could be done in its time: two to three
milliseconds for its plan, and smaller batches."""
PASS = 30
"""What walking over one number costs, in the same measure."""
TOLERANCES = (0.95, 0.85, 0.7, 0.5)
"""How much less far than another of its kind a change may reach, in turn."""


def together(model: Model, source: str, boxes: Array, want: Sequence[str]) -> list[Array]:
    """The numbers of the copies with boxes (P, 4) on the source's map, kind by kind, ascending.

    Depends on the model's shapes, the boxes and the nodes wanted alone.
    """
    nodes, shapes = between(model, source, want)
    unlike, where = [], []
    for first, end in ends(boxes):
        some, of_copy = np.unique(first << 32 | end, return_inverse=True)
        unlike.append((some >> 32, some & (1 << 32) - 1))
        where.append(of_copy.reshape(-1))
    weights, (down, along) = _reaches(nodes, shapes, source, unlike)
    if not len(weights):
        return [np.arange(len(boxes))]

    def work(rows: Array, cols: Array, parts: Sequence[Array]) -> tuple[Array, Array]:
        """What each kind costs in all, and the kind of each copy."""
        kind = parts[0] * len(cols) + parts[1]
        counts = np.bincount(kind, minlength=len(rows) * len(cols))
        return counts * ((rows * weights) @ cols.T).reshape(-1), kind

    least = work(down, along, where)[0].sum()
    best, found, order = math.inf, where[0], np.zeros(1, np.int64)
    for tolerance in (0.0, *TOLERANCES):
        parts = [_parts(some @ weights, tolerance) for some in (down, along)]
        tops = _longest(down, parts[0]), _longest(along, parts[1])
        cost, kind = work(*tops, [p[of_copy] for p, of_copy in zip(parts, where, strict=True)])
        if (total := cost.sum() + PLAN * np.count_nonzero(cost)) < best:
            best, found, order = total, kind, np.argsort(-cost, kind="stable")
        if total - least < 2 * PLAN:  # another kind cannot pay
            break
    sorts = (np.flatnonzero(found == kind) for kind in order)
    return [some for some in sorts if len(some)]


def _reaches(
    nodes: Iterable[Node], shapes: Mapping[str, Shape], source: str, spans: Sequence[Span]
) -> tuple[Array, list[Array]]:
    """What a cell costs at each of S steps, (S,), and how long the changes are there along both
    axes, each (U, S)."""
    reached, weights, lengths = {source: spans}, [], []
    for node in nodes:
        layer, shape = node.layer, shapes[node.name]
        changed = [(layer.window(i), n) for i, n in enumerate(node.inputs) if n in reached]
        if not changed or len(shape) != 3 or not layer.has_patches:
            continue
        seen = [
            touched(window, reached[name], (shapes[name][0], shapes[name][1]))
            for window, name in changed
            if window is not None
        ]
        if len(seen) == len(changed):
            reached[node.name] = union(seen, (shape[0], shape[1]))
            weights.append(by_cell(layer, shape))
            lengths.append([end - first for first, end in reached[node.name]])
    by_axis = [np.array([step[a] for step in lengths], np.float64).T for a in (0, 1)]
    return np.array(weights, np.float64), by_axis


def by_cell(layer: Layer, shape: Shape) -> float:
    """What one cell of a layer's output costs."""
    return sum(array.size for array in layer.params.values()) + PASS * math.prod(shape[-1:])


def _parts(reach: Array, tolerance: float) -> Array:
    """(U,): the kind of each change along one axis; from the furthest on, a new kind begins where
    one reaches less far than this share of the kind's furthest."""
    found, kind, furthest = np.zeros(len(reach), np.int64), 0, reach.max()
    for i in np.argsort(-reach, kind="stable"):
        if reach[i] < tolerance * furthest:
            kind, furthest = kind + 1, reach[i]
        found[i] = kind
    return found


def _longest(lengths: Array, part: Array) -> Array:
    """(kinds, S): the longest change of each kind at each step."""
    return np.array([lengths[part == kind].max(axis=0) for kind in range(part.max() + 1)])
