"""The receptive field: which pixels an output can see, and where its middle lies.

It follows from the layers' windows alone, walked back from the output to the picture.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np

from ...engine.boundary import of_model
from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.model import Model
from ...engine.window import (
    Box,
    ResizeWindow,
    Size,
    SlidingWindow,
    TransposedWindow,
    Window,
)
from ...errors import ArgumentError
from ..results import Result


@dataclass(frozen=True)
class ReceptiveField(Result):
    """What the outputs of a node read.

    boxes: (rows, cols, 4), for each output place the half-open box (top, left, bottom, right) of
    its window on the picture; a box may stick out of the picture where the network pads.
    reads: the same, of the pixels that it reads: what padding stands for, at any layer on the way,
    is no pixel.
    """

    node: str
    boxes: Array
    reads: Array

    @property
    def row_centres(self) -> Array:
        """(rows,): the middle pixel row of each output row."""
        return (self.boxes[:, 0, 0] + self.boxes[:, 0, 2] - 1) / 2

    @property
    def col_centres(self) -> Array:
        """(cols,): the middle pixel col of each output col."""
        return (self.boxes[0, :, 1] + self.boxes[0, :, 3] - 1) / 2

    def _repr_png_(self) -> None:
        return None


_known: weakref.WeakKeyDictionary[Model, dict[str, ReceptiveField]] = weakref.WeakKeyDictionary()


@of_model
def receptive_field(model: Model, node: str) -> ReceptiveField:
    """The pixels that each place of a node's output reads."""
    shape = model.shapes[model.node(node).name]
    if len(shape) != 3 or len(model.input.shape) != 3:
        raise ArgumentError(
            f"node {node!r} has shape {shape}, which has no rows and cols: choose a node before "
            "the flattening"
        )
    return field_of(model, node)


def field_of(model: Model, node: str) -> ReceptiveField:
    """The same for any node of a model of pictures: a vector is one place, (1, 1, 4). Looked up
    once for a model, whose windows do not change; its arrays are read-only."""
    known = _known.setdefault(model, {})
    if node not in known:
        known[node] = _field_of(model, node)
    return known[node]


def _field_of(model: Model, node: str) -> ReceptiveField:
    rows, cols = places(model, node)
    # Rows and cols do not mix in any window: boxes for (row, 0) and for (0, col) say it all.
    down = [walk_back(model, node, (r, 0, r + 1, 1)) for r in range(rows)]
    along = [walk_back(model, node, (0, c, 1, c + 1)) for c in range(cols)]
    boxes = np.empty((rows, cols, 4), np.int64)
    boxes[..., 0::2] = np.array([(b[0], b[2]) for b in down])[:, None]
    boxes[..., 1::2] = np.array([(b[1], b[3]) for b in along])[None]
    reads = np.empty_like(boxes)
    for axis in (0, 1):
        spans = _spans(_cells(model, node, axis))
        reads[..., axis::2] = spans[:, None] if axis == 0 else spans[None]
    boxes.flags.writeable = reads.flags.writeable = False
    return ReceptiveField(node, boxes, reads)


def places(model: Model, name: str) -> Size:
    """Rows and cols of a node's output; a vector has one place."""
    shape = model.shapes[name]
    return (shape[0], shape[1]) if len(shape) == 3 else (1, 1)


def walk_back(model: Model, name: str, box: Box) -> Box:
    """The box of pixels under a box of a node's output, padding and all: the hull over all ways
    back."""
    boxes: dict[str, Box] = {name: box}
    for node in reversed(model.nodes[: model.place(name) + 1]):
        if node.name not in boxes:
            continue
        here = boxes[node.name]
        for i, source in enumerate(node.inputs):
            size = places(model, source)
            window = node.layer.window(i)
            read = (0, 0, *size) if window is None else _needed(window, here, size)
            boxes[source] = _hull(boxes[source], read) if source in boxes else read
    return boxes[INPUT]


def _needed(window: Window, box: Box, size: Size) -> Box:
    """`window.needed`, where an output that reads nothing (between the patches of a transposed
    convolution) goes on reading nothing."""
    top, left, bottom, right = window.needed(box, size)
    if box[0] >= box[2]:
        bottom = top
    return top, left, bottom, left if box[1] >= box[3] else right


def _hull(a: Box, b: Box) -> Box:
    """The smallest box around both, each axis by itself; an empty span adds nothing."""
    spans = []
    for axis in (0, 1):
        full = [(box[axis], box[axis + 2]) for box in (a, b) if box[axis] < box[axis + 2]]
        full = full or [(a[axis], a[axis + 2])]
        spans.append((min(low for low, _ in full), max(high for _, high in full)))
    return spans[0][0], spans[1][0], spans[0][1], spans[1][1]


def _cells(model: Model, name: str, axis: int) -> Array:
    """(places, pixels) along one axis: which pixels each place of a node reads, True or False.

    Cell by cell and not as boxes, because the holes of a dilated window may lie at the border.
    """
    cells: dict[str, Array] = {INPUT: np.eye(places(model, INPUT)[axis], dtype=bool)}
    for node in model.nodes[: model.place(name) + 1]:
        count = places(model, node.name)[axis]
        found = np.zeros((count, cells[INPUT].shape[1]), bool)
        for i, source in enumerate(node.inputs):
            window = node.layer.window(i)
            if window is None:
                found |= cells[source].any(axis=0)
            else:
                taps = _taps(window, axis, places(model, source))
                found |= taps.astype(np.float32) @ cells[source].astype(np.float32) > 0
        cells[node.name] = found
    return cells[name]


def _taps(window: Window, axis: int, size: Size) -> Array:
    """(out, in) along one axis: which inputs an output of this window reads."""
    inside, outside = np.arange(size[axis]), np.arange(window.out_size(size)[axis])
    if isinstance(window, SlidingWindow | TransposedWindow):
        stride, step = window.stride[axis], window.dilation[axis]
        front = window.padding(size)[axis][0]
        if isinstance(window, SlidingWindow):
            place = inside + front - outside[:, None] * stride
        else:
            place = outside[:, None] + front - inside * stride
        reach: Array = (place >= 0) & (place < window.reach[axis]) & (place % step == 0)
        return reach
    if isinstance(window, ResizeWindow):
        return window.matrix(size[axis], axis) != 0
    spans = [window.needed((i, i, i + 1, i + 1), size) for i in outside.tolist()]
    return np.array([(inside >= s[axis]) & (inside < s[axis + 2]) for s in spans])


def _spans(cells: Array) -> Array:
    """(places, 2): the first and one past the last True of each row; (0, 0) where there is none."""
    some = cells.any(axis=1)
    first, last = cells.argmax(axis=1), cells.shape[1] - cells[:, ::-1].argmax(axis=1)
    return np.stack([np.where(some, first, 0), np.where(some, last, 0)], axis=1)


def place_on_picture(model: Model, node: str, maps: Array) -> Array:
    """Maps (N, r, c) at a node as maps (N, rows, cols) over the picture.

    Each cell's value is put at the middle of its receptive field and interpolated linearly between;
    outside the outermost middles the edge value holds. Cells that share their middle, as behind an
    enlargement, count by their mean; those that read no pixel do not count. (Stretching corner to
    corner, as is common, shifts the map wherever the network has no padding.) An `ArgumentError`
    where the places of the node all read the same, as behind a gate that has seen the whole
    picture.
    """
    known = _placings.setdefault(model, {})
    if node not in known:
        known[node] = _placing(model, node)
    down, along = known[node]
    return (down @ maps @ along.T).astype(maps.dtype, copy=False)


_placings: weakref.WeakKeyDictionary[Model, dict[str, list[Array]]] = weakref.WeakKeyDictionary()


def _placing(model: Model, node: str) -> list[Array]:
    """(rows, r) and (cols, c): what each cell of a node gives to each row and col of pixels."""
    field = receptive_field(model, node)
    if not has_places(field):
        raise ArgumentError(
            f"every place of node {node!r} reads the same pixels, so its maps have no place on the "
            "picture: choose an earlier node"
        )
    middles = zip(_middles(field), model.input.shape[:2], strict=True)
    return [_interpolation(*axis, size) for axis, size in middles]


def has_places(field: ReceptiveField) -> bool:
    """Whether the outputs' middles lie in order in the picture, and not all at one spot; a single
    place has its own."""
    steps = [np.diff(centres[seen]) for centres, seen in _middles(field)]
    ordered = all(bool((step >= 0).all()) for step in steps)
    apart = any(bool(step.any()) for step in steps)
    return ordered and (apart or field.boxes.shape[:2] == (1, 1))


def _middles(field: ReceptiveField) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """For rows and for cols: the middles, and which of the places read a pixel at all."""
    down, along = field.reads[:, 0, 0::2], field.reads[0, :, 1::2]
    return (
        (field.row_centres, down[:, 0] < down[:, 1]),
        (field.col_centres, along[:, 0] < along[:, 1]),
    )


def _interpolation(centres: Array, seen: Array, size: int) -> Array:
    """(size, len(centres)): the weight of each centre for each pixel; the rows add up to one."""
    spots, spot_of = np.unique(centres[seen], return_inverse=True)
    shares = np.zeros((len(spots), len(centres)))
    shares[spot_of, np.flatnonzero(seen)] = 1
    shares /= shares.sum(axis=1, keepdims=True)
    pixels, unit = np.arange(size), np.eye(len(spots))
    return np.stack([np.interp(pixels, spots, row) for row in unit], axis=1) @ shares
