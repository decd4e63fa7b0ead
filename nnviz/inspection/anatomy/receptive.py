"""The receptive field: which pixels an output can see, and where its middle lies.

It follows from the layers' windows alone, walked back from the output to the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.model import Model
from ...engine.window import Box
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


def receptive_field(model: Model, node: str) -> ReceptiveField:
    """The pixels that each place of a node's output reads."""
    shape = model.shapes[model.node(node).name]
    if len(shape) != 3 or len(model.input.shape) != 3:
        raise ArgumentError(
            f"node {node!r} has shape {shape}, which has no rows and cols: choose a node before "
            "the flattening"
        )
    rows, cols = shape[:2]
    tables = []
    for inside in (False, True):
        # Rows and cols do not mix in any window: boxes for (row, 0) and for (0, col) say it all.
        down = [_walk_back(model, node, (r, 0, r + 1, 1), inside) for r in range(rows)]
        along = [_walk_back(model, node, (0, c, 1, c + 1), inside) for c in range(cols)]
        boxes = np.empty((rows, cols, 4), np.int64)
        boxes[..., 0::2] = np.array([(b[0], b[2]) for b in down])[:, None]
        boxes[..., 1::2] = np.array([(b[1], b[3]) for b in along])[None]
        tables.append(boxes)
    return ReceptiveField(node, *tables)


def _walk_back(model: Model, name: str, box: Box, inside: bool) -> Box:
    """The box of pixels that a box of a node's output reads: the union over all ways back.

    inside: leave out at every node what lies beside its map.
    """
    boxes: dict[str, Box] = {name: box}
    for node in reversed(model.nodes):
        if node.name not in boxes:
            continue
        here = boxes[node.name]
        for i, source in enumerate(node.inputs):
            shape = model.shapes[source]
            size = (shape[0], shape[1]) if len(shape) == 3 else (1, 1)  # a vector has one place
            window = node.layer.window(i)
            read = (0, 0, *size) if window is None else window.needed(here, size)
            if inside:
                read = (
                    max(read[0], 0),
                    max(read[1], 0),
                    min(read[2], size[0]),
                    min(read[3], size[1]),
                )
            known = boxes.get(source, read)
            boxes[source] = (
                min(known[0], read[0]),
                min(known[1], read[1]),
                max(known[2], read[2]),
                max(known[3], read[3]),
            )
    return boxes[INPUT]


def place_on_picture(model: Model, node: str, maps: Array) -> Array:
    """Maps (N, r, c) at a node as maps (N, rows, cols) over the picture.

    Each cell's value is put at the middle of its receptive field and interpolated linearly between;
    outside the outermost middles the edge value holds. (Stretching corner to corner, as is common,
    shifts the map wherever the network has no padding.) An `ArgumentError` where the places of the
    node all read the same, as behind a gate that has seen the whole picture.
    """
    rows, cols = model.input.shape[:2]
    field = receptive_field(model, node)
    if not has_places(field):
        raise ArgumentError(
            f"every place of node {node!r} reads the same pixels, so its maps have no place on the "
            "picture: choose an earlier node"
        )
    down = _interpolation(field.row_centres, rows)
    along = _interpolation(field.col_centres, cols)
    return np.einsum("pr,nrc,qc->npq", down, maps, along, optimize=True).astype(maps.dtype)


def has_places(field: ReceptiveField) -> bool:
    """Whether the outputs' middles lie beside each other in the picture."""
    middles = (field.row_centres, field.col_centres)
    return all(bool((np.diff(centres) > 0).all()) for centres in middles)


def _interpolation(centres: Array, size: int) -> Array:
    """(size, len(centres)): the weight of each centre for each pixel; the rows add up to one."""
    pixels, unit = np.arange(size), np.eye(len(centres))
    return np.stack([np.interp(pixels, centres, row) for row in unit], axis=1)
