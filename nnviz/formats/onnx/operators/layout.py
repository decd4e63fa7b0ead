"""What only lays numbers out differently, takes some of them, or puts them side by side."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ....engine import layers as L
from ....errors import ArgumentError
from ..fold import new_shape, slices, split_sizes
from ..graph import Step
from ..importer import Importer, operator
from ..values import BATCH, NEW, TRIED, Const, NotBatched, Shape, Value
from .arithmetic import stretched


@operator("Transpose")
def transpose(imp: Importer, step: Step) -> Value:
    """Costs nothing: only the names of the axes change."""
    value = imp.settled(step, imp.value(step, 0))
    perm = step.get("perm") or list(range(value.rank))[::-1]
    if sorted(perm) != list(range(value.rank)):
        raise ArgumentError(f"its perm {list(perm)} does not fit {value.rank} axes")
    return value.transposed([int(a) for a in perm])


@operator("Squeeze")
def squeeze(imp: Importer, step: Step) -> Value:
    value = imp.value(step, 0)
    axes = imp.ints(step, 1, "axes")
    if axes is None:
        axes = [a for a, s in enumerate(value.shape) if s == 1]
    gone = {value.axis(a) for a in axes}
    if value.batch in gone:
        raise NotBatched("it drops the batch")
    if any(value.shape[a] != 1 for a in gone):
        raise ArgumentError("it squeezes an axis that is longer than 1")
    kept = [a for a in range(value.rank) if a not in gone]
    return relabelled(imp, step, value, tuple(value.shape[a] for a in kept), kept)


@operator("Unsqueeze")
def unsqueeze(imp: Importer, step: Step) -> Value:
    value = imp.value(step, 0)
    axes = imp.ints(step, 1, "axes") or ()
    rank = value.rank + len(axes)
    new = {a + rank if a < 0 else a for a in axes}
    if len(new) != len(axes) or any(not 0 <= a < rank for a in new):
        raise ArgumentError(f"its axes {axes} do not fit {value.rank} axes")
    old = iter(range(value.rank))
    kept = [NEW if a in new else next(old) for a in range(rank)]
    shape = tuple(1 if a == NEW else value.shape[a] for a in kept)
    return relabelled(imp, step, value, shape, kept)


def relabelled(imp: Importer, step: Step, value: Value, shape: Shape, kept: Sequence[int]) -> Value:
    """Axes of length 1 more or less: no work, but a vector's flattening is shown as one."""
    renamed = value.named(shape, kept)
    if renamed.rank == 2 and renamed.shape[0] == BATCH and value.rank > 2:
        last = replace(renamed, order=(1,))
        return replace(last, node=imp.emit(step, L.Flatten(), value.node))
    return renamed


@operator("Flatten")
def flatten(imp: Importer, step: Step) -> Value:
    value = imp.value(step, 0)
    axis = int(step.get("axis", 1))
    at = axis + value.rank if axis < 0 else axis
    shapes = [value.lengths(n) for n in TRIED]
    return resized(imp, step, value, [(math.prod(s[:at]), math.prod(s[at:])) for s in shapes])


@operator("Reshape")
def reshape(imp: Importer, step: Step) -> Value:
    value = imp.value(step, 0)
    found = imp.lookup(step.inputs[1]) if imp.has(step, 1) else None
    if isinstance(found, Value):
        raise ArgumentError(f"its shape {step.inputs[1]!r} is computed from the pictures' contents")
    wanted = Const.of(np.asarray(step.get("shape"), np.int64)) if found is None else found
    zero = bool(step.get("allowzero", 0))
    if not value.batched:
        return reshaped(imp, step, value, new_shape(value.shape, wanted.array.tolist(), zero))
    return resized(imp, step, value, shapes_of(imp, step, value, wanted, zero))


def shapes_of(
    imp: Importer, step: Step, value: Value, wanted: Const, zero: bool
) -> Sequence[Shape]:
    """The shapes that a Reshape asks for, for each length of `TRIED`."""
    rows = [a.tolist() for a in wanted.arrays]
    lengths = TRIED if len(rows) > 1 else (*TRIED, *imp.fixed_batches)
    full: dict[int, Shape] = {}
    for n, row in zip(lengths, rows if len(rows) > 1 else rows * len(lengths), strict=True):
        with contextlib.suppress(ArgumentError):
            full[n] = new_shape(value.lengths(n), row, zero)
    if set(TRIED) <= set(full):
        literal = [full[n] for n in TRIED]
        # A file that was made for one batch may mean it, though the numbers of others fit, too.
        if imp.reading.declared is None or grown(value, literal) is not None:
            return literal
    fixed = imp.fixed_batches[0]
    if fixed not in full:
        raise NotBatched("it reshapes the batch")
    products = (s for s in imp.graph.steps if s.op in ("Gemm", "MatMul"))
    at = freed(value, full[fixed], fixed, any(step.outputs[0] in s.inputs for s in products))
    return [
        tuple(s // fixed * n if a == at else s for a, s in enumerate(full[fixed])) for n in TRIED
    ]


def freed(value: Value, shape: Shape, fixed: int, first: bool) -> int:
    """Which axis is the batch in a shape that was written down for a batch of `fixed`.

    It is one of that length (or of a multiple of it) before which as many numbers stand as before
    the batch now: then the same numbers meet whatever the batch. Of several, all of which do, one
    of that very length, else the first or the last, as it suits what comes next: a matrix product
    leaves the first axes alone, a transposition parts heads that stand behind the batch.
    """
    fits = [a for a, s in enumerate(shape) if s and s % fixed == 0 and meets(value, shape, a)]
    whole = [a for a in fits if shape[a] == fixed] or fits[:: 1 if first else -1]
    if not whole:
        raise NotBatched("it reshapes the batch")
    return whole[0]


def meets(value: Value, shape: Shape, axis: int) -> int:
    """How many numbers vary slower than the batch inside this axis of the new shape; 0 where the
    batch is not in it."""
    front = math.prod(shape[:axis])
    return 0 if not front or value.ahead % front else value.ahead // front


def resized(imp: Importer, step: Step, value: Value, shapes: Sequence[Shape]) -> Value:
    """The value in the shapes that it takes for each length of `TRIED`.

    It is the same for every batch where one axis alone grows with it, in the same measure, and as
    many numbers of a sample stand before the batch as did.
    """
    if not value.batched:
        return reshaped(imp, step, value, shapes[0])
    found = grown(value, shapes)
    if found is None:
        raise NotBatched("it reshapes the batch")
    shape, before = found
    return replace(reshaped(imp, step, value, shape), before=before)


def grown(value: Value, shapes: Sequence[Shape]) -> tuple[Shape, int] | None:
    """The one shape for every batch, and how many numbers vary slower than the batch in its axis;
    None where there is no such shape."""
    first, second = shapes
    moved = [a for a, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]]
    if len(first) != len(second) or len(moved) != 1:
        return None
    times, rest = divmod(first[moved[0]], TRIED[0])
    before = meets(value, first, moved[0])
    if rest or second[moved[0]] != times * TRIED[1] or not before or times % before:
        return None
    return tuple(BATCH * times if a == moved[0] else s for a, s in enumerate(first)), before


def reshaped(imp: Importer, step: Step, value: Value, shape: Shape) -> Value:
    """The value in another shape of the file: by name alone where only axes of length 1 change, by
    a Flatten where a vector comes out, else laid out in the file's order and reshaped."""
    have = [a for a, s in enumerate(value.shape) if s != 1]
    want = [a for a, s in enumerate(shape) if s != 1]
    if [value.shape[a] for a in have] == [shape[a] for a in want]:
        kept = [NEW] * len(shape)
        for new, old in zip(want, have, strict=True):
            kept[new] = old
        return relabelled(imp, step, value, shape, kept)
    long = [a for a in want if shape[a] != BATCH]
    if len(long) == 1:
        value = imp.settled(step, value)
        present = value.long
        node = imp.emit(step, L.Flatten(), value.node)
        shuffle = None
        if present != sorted(present):
            inner = sorted(present)
            sizes = tuple(abs(value.shape[a]) for a in inner)
            shuffle = sizes, tuple(inner.index(a) for a in present)
        return Value(node, shape, (long[0],), shuffle)
    made = Value(imp.raw(step, value).node, shape, ())
    made = replace(made, order=made.axes)
    return replace(made, node=imp.emit(step, L.Reshape(made.sample), made.node))


@operator("Slice")
def take_slice(imp: Importer, step: Step) -> Value:
    value = imp.settled(step, imp.value(step, 0))
    given = [imp.const(step, i) for i in range(1, 5)]
    cuts = slices(step, value.rank, given)
    axes, starts, stops, steps = [], [], [], []
    shape = list(value.shape)
    for axis, cut in enumerate(cuts):
        if cut == (None, None, None):
            continue
        if axis == value.batch:
            if cut[0] == 0 and cut[1] is not None and cut[1] >= (1 << 31) - 1 and cut[2] == 1:
                continue
            raise NotBatched("it slices the batch")
        start, stop, by = slice(*cut).indices(value.shape[axis])
        length = len(range(start, stop, by))
        if (start, length, by) == (0, value.shape[axis], 1):
            continue
        if length == 0:
            raise ArgumentError(f"it leaves nothing of axis {axis}")
        value = value if axis in value.order else imp.raw(step, value)
        shape[axis] = length
        axes.append(value.ours(axis))
        starts.append(start)
        stops.append(None if stop < 0 else stop)
        steps.append(by)
    layer = L.Slice(axes, starts, stops, steps) if axes else L.Linear()
    return replace(value, node=imp.emit(step, layer, value.node), shape=tuple(shape))


@operator("Pad")
def pad(imp: Importer, step: Step) -> Value:
    value = imp.settled(step, imp.value(step, 0))
    amounts = imp.ints(step, 1, "pads")
    axes = imp.ints(step, 3, "", range(value.rank))
    filler = imp.const(step, 2)
    number = float(step.get("value", 0.0) if filler is None else filler.reshape(-1)[0])
    if amounts is None or len(amounts) != 2 * len(axes):
        raise ArgumentError(f"its pads {amounts} do not fit {len(axes)} axes")
    pairs = dict.fromkeys(range(value.rank), (0, 0))
    for i, axis in enumerate(axes):
        pairs[value.axis(axis)] = amounts[i], amounts[i + len(axes)]
    if value.batch is not None and pairs[value.batch] != (0, 0):
        raise NotBatched("it pads the batch")
    if any(pairs[a] != (0, 0) and a not in value.order for a in pairs):
        value = imp.raw(step, value)
    layer = L.Pad(
        [pairs.get(a, (0, 0)) for a in value.order], mode=step.get("mode", "constant"), value=number
    )
    shape = tuple(s if s < 0 else s + sum(pairs[a]) for a, s in enumerate(value.shape))
    return replace(value, node=imp.emit(step, layer, value.node), shape=shape)


@operator("Concat")
def concat(imp: Importer, step: Step) -> Value:
    made = [imp.lookup(name) for name in step.inputs]
    if imp.reading.batched:
        made = [along_batch(m) if isinstance(m, Const) else m for m in made]
    values = [imp.as_value(step, m) for m in made]
    first = values[0]
    axis = first.axis(int(step.get("axis", 1)))
    alike = {None if v.batch is None else (v.batch, v.shape[v.batch], v.before) for v in values}
    if axis == first.batch or len(alike) > 1:
        raise NotBatched("it joins batches")
    order = first.order
    if axis not in order or any(set(v.order) - set(order) for v in values):
        order = first.axes
    ready = [imp.arranged(step, v, order) for v in values]
    shape = tuple(
        sum(v.shape[a] for v in values) if a == axis else s for a, s in enumerate(first.shape)
    )
    if len(ready) == 1:
        return replace(ready[0], node=imp.emit(step, L.Linear(), ready[0].node))
    along = order.index(axis) + 1
    layer = L.Concatenate() if along == len(order) else L.Concatenate(along)
    node = imp.emit(step, layer, *(v.node for v in ready))
    return replace(ready[0], node=node, shape=shape)


def along_batch(const: Const) -> Const:
    """A constant with one row for every picture."""
    return Const.of(const.row)


@operator("Expand")
def expand(imp: Importer, step: Step) -> Value:
    """Copies along axes of length 1."""
    value = imp.value(step, 0)
    wanted = imp.lookup(step.inputs[1])
    if isinstance(wanted, Value):
        raise ArgumentError("its shape is computed from the pictures' contents")
    if value.batched:
        shape = stretched([value.shape, *one_for_all(imp, wanted, value.rank)])
        if len(shape) != value.rank:
            raise NotBatched("it stretches the batch")
    else:
        shape = np.broadcast_shapes(value.shape, tuple(wanted.array.tolist()))
        new = len(shape) - value.rank
        value = value.named((1,) * new + value.shape, [NEW] * new + list(range(value.rank)))
    value = imp.raw(step, value)
    full = replace(value, shape=shape).sample
    imp.budget.allow(full, 4, "its output")
    return replace(value, node=imp.emit(step, L.BroadcastTo(full), value.node), shape=shape)


def one_for_all(imp: Importer, wanted: Const, rank: int) -> list[Shape]:
    """A shape to stretch to, with `BATCH` where it is the batch's length."""
    rows = [tuple(a.tolist()) for a in wanted.arrays]
    if len(rows) > 1:
        same = all(row[1:] == rows[0][1:] for row in rows)
        if not same or [row[:1] for row in rows] != [(n,) for n in TRIED]:
            raise NotBatched("it stretches the batch")
        return [(BATCH, *rows[0][1:])]
    if len(rows[0]) == rank and rows[0][:1] == imp.fixed_batches[:1]:
        return [(BATCH, *rows[0][1:])]
    return rows


@operator("Tile")
def tile(imp: Importer, step: Step) -> Value:
    """Copies beside each other, along any axis but the batch."""
    value = imp.settled(step, imp.value(step, 0))
    for axis, times in enumerate(imp.ints(step, 1, "")):
        if times == 1:
            continue
        if axis == value.batch:
            raise NotBatched("it repeats the batch")
        value = value if axis in value.order else imp.raw(step, value)
        size = value.shape[axis]
        imp.budget.allow((size, times), 64, "its output")
        layer = L.Gather(list(range(size)) * times, value.ours(axis))
        shape = tuple(s * times if a == axis else s for a, s in enumerate(value.shape))
        value = replace(value, node=imp.emit(step, layer, value.node), shape=shape)
    return value


@operator("Gather")
def gather(imp: Importer, step: Step) -> Value:
    """Entries at fixed places; an index of no axis takes the axis away."""
    value = imp.settled(step, imp.value(step, 0))
    axis, indices = value.axis(int(step.get("axis", 0))), imp.const(step, 1)
    if axis == value.batch:
        raise NotBatched("it picks from the batch")
    value = value if axis in value.order else imp.raw(step, value)
    node = imp.emit(step, L.Gather(indices.tolist(), value.ours(axis)), value.node)
    more = indices.ndim - 1
    order: list[int] = []
    for a in value.order:
        if a == axis:
            order += range(axis, axis + indices.ndim)
        else:
            order.append(a + more if a > axis else a)
    shape = (*value.shape[:axis], *indices.shape, *value.shape[axis + 1 :])
    return replace(value, node=node, shape=shape, order=tuple(order))


@operator("DepthToSpace", "SpaceToDepth")
def blocks(imp: Importer, step: Step) -> Value:
    """Channels as blocks of rows and cols, and back."""
    value = imp.picture(step, imp.value(step, 0))
    block, mode = int(step.get("blocksize", 0)), step.get("mode", "DCR")
    if step.op == "DepthToSpace":
        node = imp.emit(step, L.DepthToSpace(block, mode=mode), value.node)
    else:
        by_block = mode == "DCR"
        layer = L.SpaceToDepth(block)
        node = imp.emit(step, layer, value.node, tail=None if by_block else "blocks")
        if not by_block:  # channel k, then row and col within the block
            places = np.arange(block * block * value.shape[1]).reshape(block * block, -1)
            node = imp.emit(step, L.Gather(places.T.ravel().tolist(), 3), node)
    rows, cols, channels = imp.shapes[node]
    return replace(value, node=node, shape=(value.shape[0], channels, rows, cols))


@operator("Split")
def split(imp: Importer, step: Step) -> list[Value]:
    value = imp.settled(step, imp.value(step, 0))
    axis = value.axis(int(step.get("axis", 0)))
    if axis == value.batch:
        raise NotBatched("it splits the batch")
    value = value if axis in value.order else imp.raw(step, value)
    parts, made, start = split_sizes(step, value.shape[axis], imp.ints(step, 1, "split")), [], 0
    for i, (size, name) in enumerate(zip(parts, step.outputs, strict=True)):
        layer = L.Slice(value.ours(axis), start, start + size)
        start += size
        node = imp.emit(step, layer, value.node, tail=name.strip("/") or str(i))
        shape = tuple(size if a == axis else s for a, s in enumerate(value.shape))
        made.append(replace(value, node=node, shape=shape))
    return made
