"""What only lays numbers out differently, takes some of them, or puts them side by side."""

from __future__ import annotations

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
    if value.batched and 0 in gone:
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
    if value.batched and 0 in new:
        raise NotBatched("it puts an axis before the batch")
    old = iter(range(value.rank))
    kept = [NEW if a in new else next(old) for a in range(rank)]
    shape = tuple(1 if a == NEW else value.shape[a] for a in kept)
    return relabelled(imp, step, value, shape, kept)


def relabelled(imp: Importer, step: Step, value: Value, shape: Shape, kept: Sequence[int]) -> Value:
    """Axes of length 1 more or less: no work, but a vector's flattening is shown as one."""
    renamed = value.named(shape, kept)
    if renamed.batched and renamed.rank == 2 and value.rank > 2:
        last = replace(renamed, order=(1,))
        return replace(last, node=imp.emit(step, L.Flatten(), value.node))
    return renamed


@operator("Flatten")
def flatten(imp: Importer, step: Step) -> Value:
    value = imp.value(step, 0)
    axis = int(step.get("axis", 1))
    at = axis + value.rank if axis < 0 else axis
    if value.batched and at != 1:
        raise NotBatched("it flattens the batch")
    front, back = value.shape[:at], value.shape[at:]
    first = BATCH if value.batched else math.prod(front)
    return reshaped(imp, step, value, (first, math.prod(back)))


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
    rest = freed(imp, value, wanted)
    return reshaped(imp, step, value, (BATCH, *new_shape(value.shape[1:], rest, False)))


def freed(imp: Importer, value: Value, wanted: Const) -> list[int]:
    """The sizes that follow the batch in a Reshape's shape, where its first size is the batch.

    A 0, or the batch's own length, is; a −1 where the others hold one sample; and a fixed length
    (exporters write 1) where it is the length that the file was made with: then the sample has the
    size of the rest, so that the same numbers meet whatever the batch.
    """
    rows = [a.tolist() for a in wanted.arrays]
    sample = value.shape[1:]
    rests = [[sample[i] if s == 0 else s for i, s in enumerate(row[1:])] for row in rows if row]
    if not rests or any(rest != rests[0] for rest in rests[1:]):
        raise NotBatched("it reshapes the batch")
    rest, known = rests[0], math.prod(s for s in rests[0] if s != -1)
    fits = known and math.prod(sample) % known == 0 if -1 in rest else known == math.prod(sample)
    firsts = [row[0] for row in rows]
    is_batch = len(rows) > 1 or firsts[0] == 0 or (firsts[0] == -1 and -1 not in rest)
    if not (fits and (is_batch or firsts[0] in imp.fixed_batches)):
        raise NotBatched("it reshapes the batch")
    return rest


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
            sizes = tuple(value.shape[a] for a in inner)
            shuffle = sizes, tuple(inner.index(a) for a in present)
        return Value(node, shape, (long[0],), shuffle)
    value = imp.raw(step, value)
    start = 1 if value.batched else 0
    node = imp.emit(step, L.Reshape(shape[start:]), value.node)
    return Value(node, shape, tuple(range(start, len(shape))))


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
        if value.batched and axis == 0:
            if cut[0] == 0 and cut[1] is not None and cut[1] >= 1 << 31 and cut[2] == 1:
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
    number = float(step.get("value", 0.0) if filler is None else filler)
    if amounts is None or len(amounts) != 2 * len(axes):
        raise ArgumentError(f"its pads {amounts} do not fit {len(axes)} axes")
    pairs = dict.fromkeys(range(value.rank), (0, 0))
    for i, axis in enumerate(axes):
        pairs[value.axis(axis)] = amounts[i], amounts[i + len(axes)]
    if value.batched and pairs[0] != (0, 0):
        raise NotBatched("it pads the batch")
    if any(pairs[a] != (0, 0) and a not in value.order for a in pairs):
        value = imp.raw(step, value)
    layer = L.Pad(
        [pairs.get(a, (0, 0)) for a in value.order], mode=step.get("mode", "constant"), value=number
    )
    shape = tuple(s if s == BATCH else s + sum(pairs[a]) for a, s in enumerate(value.shape))
    return replace(value, node=imp.emit(step, layer, value.node), shape=shape)


@operator("Concat")
def concat(imp: Importer, step: Step) -> Value:
    made = [imp.lookup(name) for name in step.inputs]
    if imp.reading.batched:
        made = [along_batch(m) if isinstance(m, Const) else m for m in made]
    values = [imp.as_value(step, m) for m in made]
    first = values[0]
    axis = first.axis(int(step.get("axis", 1)))
    if first.batched and axis == 0:
        raise NotBatched("it joins batches")
    order = first.order
    if axis not in order or any(set(v.order) - set(order) for v in values):
        start = 1 if first.batched else 0
        order = tuple(range(start, first.rank))
    ready = [imp.arranged(step, v, order) for v in values]
    shape = tuple(
        sum(v.shape[a] for v in values) if a == axis else s for a, s in enumerate(first.shape)
    )
    if len(ready) == 1:
        return replace(ready[0], node=imp.emit(step, L.Linear(), ready[0].node))
    along = order.index(axis) + 1
    layer = L.Concatenate() if along == len(order) else L.Concatenate(along)
    node = imp.emit(step, layer, *(v.node for v in ready))
    return Value(node, shape, order)


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
        fulls = [
            np.broadcast_shapes((n, *value.shape[1:]), tuple(a.tolist()))
            for n, a in zip(TRIED, wanted.arrays * 2, strict=False)
        ]
        if {len(f) for f in fulls} != {value.rank} or tuple(f[0] for f in fulls) != TRIED:
            raise NotBatched("it stretches the batch")
        shape: Shape = (BATCH, *fulls[0][1:])
    else:
        shape = np.broadcast_shapes(value.shape, tuple(wanted.array.tolist()))
        new = len(shape) - value.rank
        value = value.named((1,) * new + value.shape, [NEW] * new + list(range(value.rank)))
    value = imp.raw(step, value)
    start = 1 if value.batched else 0
    imp.budget.allow(shape[start:], 4, "its output")
    node = imp.emit(step, L.BroadcastTo(shape[start:]), value.node)
    return replace(value, node=node, shape=shape)


@operator("Tile")
def tile(imp: Importer, step: Step) -> Value:
    """Copies beside each other, along any axis but the batch."""
    value = imp.settled(step, imp.value(step, 0))
    for axis, times in enumerate(imp.ints(step, 1, "")):
        if times == 1:
            continue
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
    if value.batched and axis == 0:
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
    return Value(node, shape, tuple(order))


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
    if value.batched and axis == 0:
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
