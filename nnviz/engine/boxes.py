"""Many copies of one picture, each changed in a box: what comes out, without doing it all again.

The trouble: occlusion asks for hundreds of copies of a picture that differ from it in a small
square each, and a full forward pass for each copy computes the same numbers over and over.

The idea: carry along only the region of each node's map that may have changed.

| what changed of a node's input   | then                                                          |
|----------------------------------|---------------------------------------------------------------|
| a region, and it has a window    | cut all that the touched outputs read out of the unchanged    |
|                                  | map, paste the region in, run the layer on these patches      |
| a region, and it is linear       | add the layer's answer to the difference (dense, global       |
|                                  | average pooling)                                              |
| a region, and it is neither      | copy the whole map, paste the region in, run the layer        |
| the whole map                    | run the layer                                                 |

All regions of one node have one size; at the border they are slid inward and then hold some numbers
that did not change. So all copies go through a layer as one batch. Nothing is approximated: a
number is either computed from what it reads, or it reads nothing that has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .graph import Node
from .layer import Array, Mode, Shape
from .layers.reshape import Flatten
from .window import Size, Window

if TYPE_CHECKING:
    from .model import Model

WORTH = 0.75
"""From this share of the input's cells on, a region is no cheaper than the whole map."""


@dataclass(frozen=True)
class Region:
    """Where a node's map may have changed: one size, and each copy's first row and col.

    flat: the map was flattened since; the region is still that of the map before.
    """

    size: Size
    top: Array
    left: Array
    map_size: Size
    flat: bool = False

    def rows(self, copies: slice) -> tuple[Array, Array]:
        """The first rows and cols of some of the copies."""
        return self.top[copies], self.left[copies]


@dataclass(frozen=True)
class Step:
    """One node of the plan.

    how: "patches", "difference", "flatten" or "whole". region: of its output; None where the whole
    map is computed. needed: for each input, the size and the first rows and cols of what the
    patches read (they may lie beside the map).
    """

    node: Node
    how: str
    region: Region | None
    needed: tuple[tuple[Size, Array, Array], ...] = ()


def plan(model: Model, source: str, boxes: Array, want: Sequence[str]) -> list[Step]:
    """What to do at each node between the source and the nodes wanted, for boxes (P, 4)."""
    shape = model.shapes[source]
    regions: dict[str, Region | None] = {source: hull(boxes, (shape[0], shape[1]))}
    steps = []
    for node in _between(model, source, want):
        step = _step(node, model.shapes, regions)
        regions[node.name] = step.region
        steps.append(step)
    return steps


def _between(model: Model, source: str, want: Sequence[str]) -> list[Node]:
    """The nodes that read the source, directly or by others, and lead to a node wanted."""
    after, leads = {source}, set(want)
    for node in model.nodes:
        if any(name in after for name in node.inputs):
            after.add(node.name)
    for node in reversed(model.nodes):
        if node.name in leads:
            leads |= set(node.inputs)
    return [n for n in model.nodes if n.name in after and n.name in leads and n.name != source]


def hull(boxes: Array, map_size: Size) -> Region:
    """Regions of the largest box's size that hold each box, slid inward at the borders."""
    high, wide = (int((boxes[:, a + 2] - boxes[:, a]).max()) for a in (0, 1))
    top = np.minimum(boxes[:, 0], map_size[0] - high)
    left = np.minimum(boxes[:, 1], map_size[1] - wide)
    return Region((high, wide), top, left, map_size)


def _step(node: Node, shapes: Mapping[str, Shape], regions: Mapping[str, Region | None]) -> Step:
    """How a node follows the changes of its inputs."""
    layer = node.layer
    changed = [(i, regions[name]) for i, name in enumerate(node.inputs) if name in regions]
    known = [(i, region) for i, region in changed if region is not None]
    if len(known) < len(changed):
        return Step(node, "whole", None)
    first = known[0][1]
    if isinstance(layer, Flatten) and len(shapes[node.inputs[0]]) == 3:
        flat = Region(first.size, first.top, first.left, first.map_size, flat=True)
        return Step(node, "flatten", flat)
    if len(node.inputs) == 1 and layer.linear and (first.flat or layer.window() is None):
        return Step(node, "difference", None)
    shape = shapes[node.name]
    windows = [layer.window(i) for i in range(len(node.inputs))]
    cannot = first.flat or len(shape) != 3 or None in windows or not layer.has_patches
    if cannot:
        return Step(node, "whole", None)
    map_size = (shape[0], shape[1])
    touched = [_touched(windows[i], region) for i, region in known]
    union = np.empty_like(touched[0])
    union[:, :2] = np.minimum.reduce([box[:, :2] for box in touched])
    union[:, :2] = np.minimum(union[:, :2], np.array(map_size) - 1)
    # A region is never empty, also where a stride passes over all that has changed.
    union[:, 2:] = np.maximum.reduce([union[:, :2] + 1, *(box[:, 2:] for box in touched)])
    region = hull(union, map_size)
    needed = []
    for i, name in enumerate(node.inputs):
        size = shapes[name][:2]
        box = _needed(windows[i], region, (size[0], size[1]))
        needed.append(box)
        if box[0][0] * box[0][1] >= WORTH * size[0] * size[1]:
            return Step(node, "whole", None)
    return Step(node, "patches", region, tuple(needed))


def _touched(window: Window | None, region: Region) -> Array:
    """(P, 4): the outputs that may change with each copy's region. Rows and cols do not mix."""
    assert window is not None
    (high, wide), size = region.size, region.map_size
    boxes = np.empty((len(region.top), 4), np.int64)
    for axis, starts, length in ((0, region.top, high), (1, region.left, wide)):
        unique, where = np.unique(starts, return_inverse=True)
        spans = []
        for start in unique.tolist():
            box = [0, 0, size[0], size[1]]
            box[axis], box[axis + 2] = start, start + length
            out = window.touched((box[0], box[1], box[2], box[3]), size)
            spans.append((out[axis], out[axis + 2]))
        boxes[:, axis::2] = np.array(spans)[where]
    return boxes


def _needed(window: Window | None, region: Region, size: Size) -> tuple[Size, Array, Array]:
    """What a region of outputs reads: its size, and each copy's first row and col."""
    assert window is not None
    found = []
    for axis, starts, length in (
        (0, region.top, region.size[0]),
        (1, region.left, region.size[1]),
    ):
        unique, where = np.unique(starts, return_inverse=True)
        spans = []
        for start in unique.tolist():
            box = [0, 0, 1, 1]
            box[axis], box[axis + 2] = start, start + length
            read = window.needed((box[0], box[1], box[2], box[3]), size)
            spans.append((read[axis], read[axis + 2]))
        ends = np.array(spans)
        found.append((int((ends[:, 1] - ends[:, 0]).max()), ends[where, 0]))
    return (found[0][0], found[1][0]), found[0][1], found[1][1]


# Running a plan -----------------------------------------------------------------------------------


def run_plan(
    steps: Sequence[Step],
    source: str,
    start: Region,
    fresh: Array,
    base: Mapping[str, Array],
    copies: slice,
    want: Sequence[str],
    mode: Mode,
) -> dict[str, Array]:
    """The outputs wanted, (copies, …), where the source's region holds `fresh`.

    base: each node's output (and the input's value) for the unchanged picture, without N.
    """
    values: dict[str, Array] = {source: fresh}
    regions: dict[str, Region | None] = {source: start}

    def whole(name: str) -> Array:
        count = len(fresh)
        if name not in values:
            return np.broadcast_to(base[name], (count, *base[name].shape))
        region = regions[name]
        if region is None:
            return values[name]
        shape = (count, *region.map_size, values[name].shape[3])
        full = np.empty(shape, fresh.dtype)
        full[...] = base[name].reshape(shape[1:])
        zeros = np.zeros(count, np.int64)
        paste(full, zeros, zeros, values[name], *region.rows(copies))
        return full.reshape(count, *base[name].shape)

    for step in steps:
        node, layer = step.node, step.node.layer
        if step.how == "flatten":
            y = values[node.inputs[0]]
        elif step.how == "difference":
            name = node.inputs[0]
            region = regions[name]
            assert region is not None
            old = base[name].reshape(*region.map_size, -1)
            top, left = region.rows(copies)
            change = values[name] - cut(old, region.size, top, left, 0.0)
            y = base[node.name] + layer.answer_to(change, top, left, region.map_size)
        elif step.how == "patches":
            y = _patches(step, values, regions, base, copies, mode)
        else:
            y, _ = layer.forward(*(whole(name) for name in node.inputs), mode=mode)
        if mode.scratch is not None:
            mode.scratch.layer_done()
        values[node.name], regions[node.name] = y, step.region
    return {name: whole(name) for name in want}


def _patches(
    step: Step,
    values: Mapping[str, Array],
    regions: Mapping[str, Region | None],
    base: Mapping[str, Array],
    copies: slice,
    mode: Mode,
) -> Array:
    """A layer on the patches that its touched outputs read."""
    layer, patches, inside = step.node.layer, [], None
    for name, (size, tops, lefts) in zip(step.node.inputs, step.needed, strict=True):
        top, left = tops[copies], lefts[copies]
        patch = cut(base[name], size, top, left, layer.beside)
        if name in values:
            region = regions[name]
            assert region is not None
            paste(patch, top, left, values[name], *region.rows(copies))
        patches.append(patch)
        rows, cols = (_within(s, n, m) for s, n, m in
                      zip((top, left), size, base[name].shape[:2], strict=True))  # fmt: skip
        inside = (rows[:, :, None] & cols[:, None, :])[..., None]
    assert inside is not None
    return layer.on_patches(*patches, inside=inside, mode=mode)


def _within(starts: Array, length: int, size: int) -> Array:
    """(P, length): which of the cells starts … starts + length lie on a map of this size."""
    cells = starts[:, None] + np.arange(length)
    return (cells >= 0) & (cells < size)


def cut(base: Array, size: Size, top: Array, left: Array, beside: float) -> Array:
    """(P, *size, channels): parts of a map (rows, cols, channels), `beside` where there is none."""
    rows, cols, channels = base.shape
    before = [max(0, -int(starts.min())) for starts in (top, left)]
    after = [
        max(0, int(starts.max()) + s - n)
        for starts, s, n in zip((top, left), size, (rows, cols), strict=True)
    ]
    if any(before) or any(after):
        frame = ((before[0], after[0]), (before[1], after[1]), (0, 0))
        base = np.pad(base, frame, constant_values=beside)
    base = np.ascontiguousarray(base)
    sr, sc, sch = base.strides
    view = np.lib.stride_tricks.as_strided(
        base,
        (base.shape[0] - size[0] + 1, base.shape[1] - size[1] + 1, *size, channels),
        (sr, sc, sr, sc, sch),
        writeable=False,
    )
    return view[top + before[0], left + before[1]]


def paste(
    onto: Array, top: Array, left: Array, region: Array, at_top: Array, at_left: Array
) -> None:
    """Write each copy's region, which lies at (at_top, at_left) of the map, into its part of the
    map that begins at (top, left); what sticks out of the part is left out."""
    for rows, picked in _alike(at_top - top):
        for cols, both in _alike((at_left - left)[picked]):
            chosen = picked[both]
            down = _overlap(rows, region.shape[1], onto.shape[1])
            along = _overlap(cols, region.shape[2], onto.shape[2])
            if down is None or along is None:
                continue
            if len(chosen) == len(onto):
                onto[:, down[0], along[0]] = region[:, down[1], along[1]]
            else:
                onto[chosen, down[0], along[0]] = region[chosen, down[1], along[1]]


def _alike(offsets: Array) -> Iterator[tuple[int, Array]]:
    """(offset, which copies have it) for each offset that occurs."""
    for offset in np.unique(offsets).tolist():
        yield offset, np.flatnonzero(offsets == offset)


def _overlap(offset: int, length: int, size: int) -> tuple[slice, slice] | None:
    """Where `length` cells from `offset` on meet `size` cells: slices of these and of those."""
    first, last = max(offset, 0), min(offset + length, size)
    if first >= last:
        return None
    return slice(first, last), slice(first - offset, last - offset)
