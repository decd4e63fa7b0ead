"""Sums, products and the like of two tensors or more, stretched to one shape as NumPy does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....engine import layers as L
from ....engine.layer import Layer
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, as_float, operator
from ..values import NEW, Array, Const, NotBatched, Shape, Value

OPERATIONS = {
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "Pow": "power",
    "Sum": "add",
    "Mean": "mean",
    "Max": "maximum",
    "Min": "minimum",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "And": "logical_and",
    "Or": "logical_or",
    "Xor": "logical_xor",
}
MANY = ("add", "multiply", "maximum", "minimum", "mean")
PLAIN = {"add": L.Add, "multiply": L.Multiply, "where": L.Where}


@operator(*OPERATIONS)
def arithmetic(imp: Importer, step: Step) -> Value:
    """Between nodes a merging layer; a constant goes into a layer of its own."""
    given = [imp.lookup(name) for name in step.inputs]
    if step.opset < 7 and "axis" in step.attributes:
        given[1] = along(given[0], given[1], int(step.get("axis")))
    values = [imp.settled(step, v) for v in given if isinstance(v, Value)]
    consts = [v for v in given if isinstance(v, Const)]
    operation = OPERATIONS[step.op]
    if len(given) == 1:
        return imp.pointwise(step, L.Linear())
    if operation not in MANY and len(given) != 2:
        raise ArgumentError(f"it has {len(given)} inputs")
    if operation == "mean" and consts:  # the mean is the sum, divided by how many there are
        operation = "add"
        consts = [Const.of(as_float(c.row) / len(given)) for c in consts]
        share = L.WithConstant.of("multiply", 1 / len(given))
        values = [
            replace(v, node=imp.emit(step, share, v.node, tail=f"share_{i + 1}"))
            for i, v in enumerate(values)
        ]
    total = values[0]
    if len(values) > 1:
        total = merged(imp, step, operation, values, tail="data" if consts else None)
    for i, const in enumerate(consts):
        first = isinstance(given[0], Const) and len(given) == 2
        tail = None if i == len(consts) - 1 else f"constant_{i + 1}"
        total = with_constant(imp, step, operation, total, const, first, tail)
    return total


@operator("Mod")
def modulo(imp: Importer, step: Step) -> Value:
    """What is left of whole numbers after division: x − k · floor(x / k); exact below 2²⁴."""
    divisor = imp.weight(step, 1)
    if divisor.size != 1 or step.get("fmod", 0) or not divisor.reshape(()) > 0:
        raise ArgumentError("nnviz divides by one positive number, and not as fmod does")
    value = imp.settled(step, imp.value(step, 0))
    k, node = divisor.reshape(()), value.node
    for tail, layer in (
        ("divide", L.WithConstant.of("divide", k)),
        ("floor", L.Function("floor")),
        ("multiply", L.WithConstant.of("multiply", k)),
    ):
        node = imp.emit(step, layer, node, tail=tail)
    return merged(imp, step, "subtract", [value, replace(value, node=node)])


@operator("Not")
def negation(imp: Importer, step: Step) -> Value:
    return imp.pointwise(step, L.WithConstant.of("equal", 0))


@operator("Where")
def where(imp: Importer, step: Step) -> Value:
    """A constant among the three becomes a node, of as many axes as the others."""
    given = [imp.lookup(name) for name in step.inputs]
    rank = max(v.rank if isinstance(v, Value) else v.row.ndim for v in given)
    values = []
    for found in given:
        if isinstance(found, Const):
            row = found.row
            found = Const.of(row.reshape((1,) * (rank - row.ndim) + row.shape))
        values.append(imp.as_value(step, found))
    return merged(imp, step, "where", values)


def along(first: Value | Const, second: Value | Const, axis: int) -> Value | Const:
    """Before opset 7: the second tensor's axes lie along the first's from `axis` on."""
    rank = first.rank if isinstance(first, Value) else first.array.ndim
    front = axis + rank if axis < 0 else axis
    if isinstance(second, Const):
        more = rank - front - second.array.ndim
        return Const.of(second.array.reshape(*second.array.shape, *(1,) * max(0, more)))
    raise ArgumentError("it lays a computed tensor along an axis, as was done before opset 7")


def common(imp: Importer, values: list[Value], shape: Shape) -> tuple[list[Value], Shape]:
    """The values with as many axes as `shape`, and one order of axes for all of them."""
    rank = len(shape)
    lined = []
    for value in values:
        missing = rank - value.rank
        lined.append(
            value.named((1,) * missing + value.shape, [-1] * missing + list(range(value.rank)))
        )
    widest = max(lined, key=lambda v: float(np.prod(np.abs(v.shape), dtype=float)))
    order = list(widest.order)
    for axis in range(rank - 1, -1, -1):
        if axis not in order and abs(shape[axis]) != 1:
            order.insert(0, axis)
    return lined, tuple(order)


def stretched(shapes: list[Shape]) -> Shape:
    """One shape for all of these; the batch stays the batch."""
    rank = max(map(len, shapes))
    every = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    along = {(a, length) for s in every for a, length in enumerate(s) if length < 0}
    if not along:
        return np.broadcast_shapes(*every)
    (axis, length), *others = along
    if others or any(s[axis] not in (length, 1) for s in every):
        raise NotBatched("it stretches the batch")
    rest = np.broadcast_shapes(*(s[:axis] + s[axis + 1 :] for s in every))
    return (*rest[:axis], length, *rest[axis:])


def merged(
    imp: Importer, step: Step, operation: str, values: list[Value], tail: str | None = None
) -> Value:
    """A layer with all the values as its inputs."""
    shape = stretched([v.shape for v in values])
    lined, order = common(imp, values, shape)
    if len({v.before for v in lined if v.batched}) > 1:
        raise NotBatched("it joins batches that lie otherwise")
    ready = []
    for value in lined:
        # NumPy lines arrays up from the right, so what is missing in front needs no axis.
        suffix = order[len(order) - len(value.order) :] if value.order else ()
        full = order
        while full and (full[0] == NEW or value.shape[full[0]] == 1):
            full = full[1:]
        ready.append(value if value.order == suffix else imp.arranged(step, value, full))
    alike = len({v.sample for v in ready}) == 1
    layer: Layer
    if operation in PLAIN:
        layer = PLAIN[operation](broadcast=not alike)
    else:
        layer = L.Arithmetic(operation, broadcast=not alike)
    node = imp.emit(step, layer, *(v.node for v in ready), tail=tail)
    return Value(node, shape, order, before=max(v.before for v in ready))


def with_constant(
    imp: Importer,
    step: Step,
    operation: str,
    value: Value,
    const: Const,
    first: bool,
    tail: str | None = None,
) -> Value:
    """A layer that holds the constant, its axes in our order."""
    array = as_float(const.row)
    if array.size == 1 and array.ndim <= value.rank:
        layer = L.WithConstant.of(operation, array.reshape(()), first=first)
        return replace(value, node=imp.emit(step, layer, value.node, tail=tail))
    shape = stretched([value.shape, array.shape])
    (lined,), order = common(imp, [value], shape)
    lined = imp.arranged(step, lined, order)
    layer = L.WithConstant.of(operation, laid_out(array, len(shape), order), first=first)
    return replace(lined, node=imp.emit(step, layer, lined.node, tail=tail), shape=shape)


def laid_out(array: Array, rank: int, order: Shape) -> Array:
    """A constant of the file with its axes in this order, without needless ones in front."""
    full = array.reshape((1,) * (rank - array.ndim) + array.shape)
    rest = tuple(a for a in range(rank) if a not in order)
    moved = full.transpose(rest + tuple(a for a in order if a != NEW))
    ours = moved.reshape(moved.shape[len(rest) :])
    for place, axis in enumerate(order):
        if axis == NEW:
            ours = np.expand_dims(ours, place)
    while ours.ndim and ours.shape[0] == 1:
        ours = ours[0]
    return np.ascontiguousarray(ours)
