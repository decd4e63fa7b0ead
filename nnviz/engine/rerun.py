"""Running a model again where only something has changed.

Occlusion, perturbation and ablation ask many times what would come out if one value were another.
All that does not read the changed values is taken from the trace of the first run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from .boxes import Region, Step, cut, hull, paste, plan, run_plan
from .executor import Program, each, lockstep, shelf
from .graph import INPUT
from .layer import Array, Call, Mode, Shape
from .trace import Trace
from .walk import Draw, descendants, forward

if TYPE_CHECKING:
    from .model import Model


def rerun(model: Model, trace: Trace, changed: Mapping[str, Array]) -> Trace:
    """See `Model.rerun`."""
    if trace.train:
        raise ArgumentError("rerun needs a trace of a run without mode.train")
    fresh = _checked(model, trace, changed)
    affected = descendants(model.nodes, set(fresh))
    nodes = [(i, node) for i, node in enumerate(model.nodes) if node.name in affected]
    known = {name for _, node in nodes for name in node.inputs} - affected - set(fresh)

    def program(i: int) -> Program[dict[str, Call]]:
        values = {name: trace.values(name, i) for name in known}
        values |= {name: array[trace.chunks[i]] for name, array in fresh.items()}
        with shelf.borrow(arena=False) as scratch:
            return (
                yield from forward(
                    nodes, values, chunk=i, train=False, draw=Draw(), scratch=scratch, keep=None
                )
            )

    done = lockstep([program(i) for i in range(len(trace.chunks))])
    calls = dict(trace.calls)
    calls |= {name: tuple(part[name] for part in done) for name in affected}
    inputs = trace.inputs
    for name, array in fresh.items():
        parts = [array[rows] for rows in trace.chunks]
        if name == INPUT:
            inputs = tuple(parts)
            continue
        calls[name] = tuple(
            replace(call, y=part) for call, part in zip(trace.calls[name], parts, strict=True)
        )
    return Trace(trace.chunks, inputs, calls, trace.output_name)


def _checked(model: Model, trace: Trace, changed: Mapping[str, Array]) -> dict[str, Array]:
    """The new values in the shape and dtype that they have in the trace."""
    fresh = {}
    for name, array in changed.items():
        old = trace.input if name == INPUT else trace[model.node(name).name].y
        if np.shape(array) != old.shape:
            raise ArgumentError(
                f"the new value of {name!r} has shape {np.shape(array)}, expected {old.shape}"
            )
        fresh[name] = np.asarray(array, old.dtype)
    return fresh


MEMORY = 256 << 20
"""What `rerun_boxes` may take at a time, in bytes, where nothing else is said."""


def rerun_boxes(
    model: Model,
    trace: Trace,
    boxes: Any,
    values: Any,
    want: Sequence[str],
    *,
    source: str = INPUT,
    sample: int = 0,
    memory: int = MEMORY,
) -> dict[str, Array]:
    """What would come out if one picture of a trace (or a node's map) were changed in a box: for
    each of P boxes by itself, `{name: (P, …)}` for the nodes wanted.

    boxes: (P, 4), each (top, left, bottom, right) on the source's map. values: what stands in the
    boxes, in the network's own input (after `Model.input`): a number, (channels,), or anything that
    stretches to (P, h, w, channels) where all boxes have one size. source: "input" or a node with
    rows and cols. sample: which picture of the trace. memory: bytes to stay below.
    Equal to full recomputation to rounding; see `boxes` for how.
    """
    if trace.train or not trace.whole:
        raise ArgumentError(
            "rerun_boxes needs a whole trace (keep=None) of a run without mode.train"
        )
    names = {node.name for node in model.nodes}
    base = {name: trace[name].y[sample] for name in names}
    base[INPUT] = trace.input[sample]
    boxes = _checked_boxes(boxes, model.shapes[source], source)
    region = hull(boxes, (base[source].shape[0], base[source].shape[1]))
    steps = plan(model, source, boxes, want)
    fills = np.asarray(values, base[source].dtype)
    most = max(1, memory // (4 * _bytes(steps, region, model.shapes, base[source].itemsize)))
    size = min(most, -(-len(boxes) // 4))
    parts = [slice(i, min(len(boxes), i + size)) for i in range(0, len(boxes), size)]

    def run(copies: slice) -> dict[str, Array]:
        with shelf.borrow(arena=True) as scratch:
            fresh = _filled(base[source], region, boxes[copies], copies, fills)
            mode = Mode(scratch=scratch)
            found = run_plan(steps, source, region, fresh, base, copies, want, mode)
            return {name: array.copy() for name, array in found.items()}

    done = each([partial(run, part) for part in parts])
    return {name: np.concatenate([part[name] for part in done]) for name in want}


def _checked_boxes(boxes: Any, shape: Shape, source: str) -> Array:
    """Boxes (P, 4) that lie on the source's map and are not empty."""
    if len(shape) != 3:
        raise ArgumentError(f"{source!r} has shape {shape}, which has no rows and cols")
    boxes = np.asarray(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes) or boxes.dtype.kind not in "iu":
        raise ArgumentError(
            f"boxes are whole numbers (P, 4), top, left, bottom, right; got shape {boxes.shape}"
        )
    low, high = boxes[:, :2], boxes[:, 2:]
    if (low < 0).any() or (high > np.array(shape[:2])).any() or (low >= high).any():
        raise ArgumentError(f"a box is empty or sticks out of the map of {shape[0]}×{shape[1]}")
    return boxes.astype(np.int64)


def _bytes(steps: Sequence[Step], first: Region, shapes: Mapping[str, Shape], each: int) -> int:
    """About how much one copy takes: every region and every patch of it."""
    numbers = math.prod(first.size) * 8
    for step in steps:
        shape = shapes[step.node.name]
        if step.how in ("difference", "flatten"):  # what they read is counted where it was made
            numbers += shape[-1] if step.how == "difference" else 0
            continue
        if step.region is None:
            numbers += math.prod(shape) + sum(math.prod(shapes[i]) for i in step.node.inputs)
            continue
        numbers += 2 * math.prod(step.region.size) * shape[-1]
        for (size, _, _), name in zip(step.needed, step.node.inputs, strict=False):
            numbers += math.prod(size) * shapes[name][-1]
    return numbers * each


def _filled(base: Array, region: Region, boxes: Array, copies: slice, fills: Array) -> Array:
    """The source's regions with the boxes filled, (copies, *region.size, channels)."""
    top, left = region.rows(copies)
    fresh = cut(base, region.size, top, left, 0.0)
    sizes = boxes[:, 2:] - boxes[:, :2]
    given = fills[copies] if fills.ndim == 4 and len(fills) > 1 else fills
    for high, wide in np.unique(sizes, axis=0).tolist():
        chosen = np.flatnonzero((sizes == (high, wide)).all(axis=1))
        part = given[chosen] if given.ndim == 4 and len(given) > 1 else given
        fill = np.broadcast_to(part, (len(chosen), high, wide, base.shape[2]))
        some = fresh[chosen]
        paste(some, top[chosen], left[chosen], fill, boxes[chosen, 0], boxes[chosen, 1])
        fresh[chosen] = some
    return fresh
