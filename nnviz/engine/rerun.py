"""Running a model again where only something has changed.

Occlusion, perturbation and ablation ask many times what would come out if one value were another.
All that does not read the changed values is taken from the trace of the first run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from .again import Again
from .again_copies import NotedRun, noted
from .alike import together
from .boxes import Plan, plan
from .executor import Program, each, lockstep, shelf, thread_count, threads
from .graph import INPUT
from .layer import Array, Call, Mode, Shape
from .moves import lightened
from .passes import FEW, QUICKER, Passes, share
from .region import Region, Sheet, paste
from .replay import Run
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
    boxes, in the network's own input (after `Model.input`): a number, (channels,), anything that
    stretches to (P, h, w, channels) where all boxes have one size, or a whole map (rows, cols,
    channels), of which each box shows the part at its own place. source: "input" or a node with
    rows and cols. sample: which picture of the trace. memory: bytes to stay below, besides the
    trace and what is returned.
    Equal to full recomputation to rounding; see `boxes` for how. Which copies are run together
    depends on their number and the memory alone, so any number of threads gives the same bits.
    """
    _check(model, trace, {*want, source}, sample, memory)
    boxes = _checked_boxes(boxes, model.shapes[source], source)
    base = {name: _one(trace, name, sample) for name in {source, *want}}
    fills = _checked_values(values, boxes, base[source])
    # Down the cols: neighbours then read the same cols of a dense layer's weights.
    order = np.lexsort((boxes[:, 0], boxes[:, 1]))
    one = partial(_one, trace, sample=sample)
    kinds = _kinds(model, source, boxes[order], want, one, memory)

    def outputs(run: Run | Passes | NotedRun, copies: Array, here: Array) -> dict[str, Array]:
        with shelf.borrow(arena=True, roomy=True) as scratch:
            given = fills[here] if fills.ndim == 4 and len(fills) > 1 else fills
            fresh, old = _filled(base[source], run.start.part(copies), boxes[here], given)
            # A quick way's last digits must not pass for a change where there is none.
            alike = (fresh == old).all(axis=(1, 2, 3))
            found = run.outputs(fresh, copies, Mode(scratch=scratch, private=True))
            for name, array in found.items():
                array[alike] = base[name]
            return found

    # An even number of one size, so that all threads of a small machine end together.
    by, work, at_once = 2 if len(kinds) == 1 else 1, [], thread_count()
    for some, run in kinds:
        size, fit = run.batch(len(some), base[source].itemsize, memory, by)
        for i in range(0, len(some), size):
            part = i + np.argsort(run.lies[i : i + size], kind="stable")
            work.append(partial(outputs, run, part, order[some[part]]))
        at_once = min(at_once, fit)
    with threads(at_once):
        done = each(work)
    back = np.argsort(np.concatenate([some.args[2] for some in work]))
    return {name: np.concatenate([part[name] for part in done])[back] for name in want}


def _kinds(
    model: Model,
    source: str,
    boxes: Array,
    want: Sequence[str],
    one: Callable[[str], Array],
    memory: int,
) -> list[tuple[Array, Run | Passes | NotedRun]]:
    """The kinds of copies: the numbers of each kind's, and how their outputs are made.

    one: a node's unchanged value. memory: see `rerun_boxes`."""

    def planned() -> tuple[list[tuple[Array, Plan]], list[bool]]:
        sorts = together(model, source, boxes, want)
        plans = [lightened(plan(model, source, boxes[some], want)) for some in sorts]
        whole = source == INPUT and INPUT not in want  # full passes give nodes alone
        heavy = [whole and share(made) >= QUICKER for made in plans]
        light = sum(len(some) for some, much in zip(sorts, heavy, strict=True) if not much)
        if light * FEW <= len(boxes):  # by themselves they would keep one thread waiting
            heavy = [whole] * len(plans)
        return list(zip(sorts, plans, strict=True)), heavy

    # Many pictures, or many fills of one, are covered at the same places.
    places = ("places", source, *want, boxes.tobytes())
    found, heavy = Again.of(model).once(places, planned)
    kinds: list[tuple[Array, Run | Passes | NotedRun]] = []
    if any(heavy):
        copies = np.concatenate([some for some, _ in compress(found, heavy)])
        if passes := Passes.of(model, want, one(source), boxes[copies]):
            kinds.append((copies, passes))
            found = list(compress(found, np.logical_not(heavy)))
    base = {name: one(name) for _, made in found[:1] for name in made.reads}
    runs = Run.several([made for _, made in found], base)
    several = [(some, run) for (some, _), run in zip(found, runs, strict=True)]
    by = 1 if kinds or len(several) > 1 else 2
    return [*kinds, *noted(model, places, several, by, memory)]


def _check(model: Model, trace: Trace, names: Collection[str], sample: int, memory: Any) -> None:
    """An error where `rerun_boxes` is asked for what is not there."""
    if trace.train or any(node.name not in trace.calls for node in model.nodes):
        raise ArgumentError(
            "rerun_boxes needs a whole trace (keep=None) of a run without mode.train"
        )
    if isinstance(memory, bool) or not isinstance(memory, int | np.integer) or memory < 1:
        raise ArgumentError(f"memory must be a whole number of bytes, at least 1, got {memory!r}")
    if not 0 <= sample < len(trace.input):
        raise ArgumentError(f"no picture {sample} in a trace of {len(trace.input)}")
    for name in {*names} - {INPUT}:
        model.node(name)


def _one(trace: Trace, name: str, sample: int) -> Array:
    """A node's output, or the input, of one picture of a trace."""
    chunk = next(i for i, rows in enumerate(trace.chunks) if sample < rows.stop)
    return trace.values(name, chunk)[sample - trace.chunks[chunk].start]


def _checked_boxes(boxes: Any, shape: Shape, source: str) -> Array:
    """Boxes (P, 4) that lie on the source's map and are not empty."""
    if len(shape) != 3:
        raise ArgumentError(f"{source!r} has shape {shape}, which has no rows and cols")
    boxes = np.asarray(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes) or boxes.dtype.kind not in "iu":
        raise ArgumentError(
            f"boxes are whole numbers (P, 4), top, left, bottom, right; got shape {boxes.shape}"
        )
    boxes = boxes.astype(np.int64)
    low, high = boxes[:, :2], boxes[:, 2:]
    if (low < 0).any() or (high > np.array(shape[:2])).any() or (low >= high).any():
        raise ArgumentError(f"a box is empty or sticks out of the map of {shape[0]}×{shape[1]}")
    return boxes


def _checked_values(values: Any, boxes: Array, base: Array) -> Array:
    """What stands in the boxes, in the source's dtype; it must stretch over them."""
    fills = np.asarray(values, base.dtype)
    if fills.shape in ((), base.shape[2:], base.shape):
        return fills
    sizes = np.unique(boxes[:, 2:] - boxes[:, :2], axis=0)
    try:
        shapes = [(len(boxes), *size, base.shape[2]) for size in sizes.tolist()]
        if any(np.broadcast_shapes(fills.shape, s) != s for s in shapes):
            raise ValueError
    except ValueError:
        told = ", ".join(f"{h}×{w}" for h, w in sizes.tolist()[:3])
        raise ArgumentError(
            f"values of shape {fills.shape} do not stretch over {len(boxes)} boxes of {told} with "
            f"{base.shape[2]} channels"
        ) from None
    return fills


def _filled(base: Array, region: Region, boxes: Array, fills: Array) -> tuple[Array, Array]:
    """The source's regions (copies, *region.size, channels), with the boxes filled and as it is."""
    given, old = fills, Sheet.of(base, region, 0.0).cut(region)
    if fills.shape == base.shape:
        given = Sheet.of(fills, region, 0.0).cut(region)
    sizes = boxes[:, 2:] - boxes[:, :2]
    if (sizes == region.size).all():
        return np.array(np.broadcast_to(given, old.shape)), old
    fresh = old.copy()
    if fills.shape == base.shape:
        rows, cols = (np.arange(n) for n in region.size)
        on = [
            (starts[:, None] + cells >= boxes[:, a, None])
            & (starts[:, None] + cells < boxes[:, a + 2, None])
            for a, starts, cells in ((0, region.top, rows), (1, region.left, cols))
        ]
        np.copyto(fresh, given, where=(on[0][:, :, None] & on[1][:, None, :])[..., None])
        return fresh, old
    for high, wide in np.unique(sizes, axis=0).tolist():
        chosen = np.flatnonzero((sizes == (high, wide)).all(axis=1))
        part = given[chosen] if given.ndim == 4 and len(given) > 1 else given
        fill = np.broadcast_to(part, (len(chosen), high, wide, base.shape[2]))
        there = Region(region.size, region.top[chosen], region.left[chosen], region.map_size)
        here = Region((high, wide), boxes[chosen, 0], boxes[chosen, 1], region.map_size)
        some = fresh[chosen]
        paste(some, there, fill, here)
        fresh[chosen] = some
    return fresh, old
