"""One number for all that lie along some axes."""

from __future__ import annotations

from dataclasses import replace

from ....engine import layers as L
from ....engine.layer import Layer
from ..graph import Step
from ..importer import Importer, operator
from ..values import PICTURE, Shape, Value

REDUCTIONS = {
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
    "ReduceMax": "max",
    "ReduceMean": "mean",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceSum": "sum",
    "ReduceSumSquare": "sum_square",
}
ALONE = {
    "ReduceL1": "absolute",
    "ReduceL2": "absolute",
    "ReduceLogSum": "log",
    "ReduceSumSquare": "square",
}
POOLS = {"mean": L.GlobalAveragePooling2D, "max": L.GlobalMaxPooling2D}


@operator(*REDUCTIONS)
def reduce(imp: Importer, step: Step) -> Value:
    """The axes are an attribute, or (since opset 13 or 18) an input; none means all, or nothing
    where `noop_with_empty_axes` says so."""
    value = imp.value(step, 0)
    axes = imp.ints(step, 1, "axes")
    if not axes and step.get("noop_with_empty_axes", 0):
        alone = ALONE.get(step.op)  # what the operation makes of a single number
        return imp.pointwise(step, L.Linear() if alone is None else L.Function(alone))
    gone = {value.axis(a) for a in (axes or range(value.rank))}
    return reduced(imp, step, REDUCTIONS[step.op], value, gone, bool(step.get("keepdims", 1)))


def reduced(
    imp: Importer,
    step: Step,
    operation: str,
    value: Value,
    gone: set[int],
    keep: bool,
    tail: str | None = None,
) -> Value:
    """The value without these axes of the file, or with length 1 along them."""
    value = with_axes(imp, step, value, gone)
    ours = tuple(value.ours(a) for a in sorted(gone))  # also refuses the batch
    layer: Layer
    if operation in POOLS and value.order == PICTURE and gone == {2, 3}:
        layer = POOLS[operation]()
    else:
        layer = L.Reduce(operation, ours, keepdims=False) if ours else L.Linear()
    node = imp.emit(step, layer, value.node, tail=tail)
    return without(value, node, gone, keep)


def with_axes(imp: Importer, step: Step, value: Value, axes: set[int]) -> Value:
    """The value with these axes of the file present in our array."""
    value = imp.settled(step, value)
    return value if axes - {value.batch} <= set(value.order) else imp.raw(step, value)


def without(value: Value, node: str, gone: set[int], keep: bool) -> Value:
    """What a node gives that has taken these axes of our array away."""
    order = tuple(a for a in value.order if a not in gone)
    if keep:
        shape: Shape = tuple(1 if a in gone else s for a, s in enumerate(value.shape))
        return replace(value, node=node, shape=shape, order=order)
    kept = [a for a in range(value.rank) if a not in gone]
    shape = tuple(value.shape[a] for a in kept)
    return replace(value, node=node, shape=shape, order=tuple(kept.index(a) for a in order))


@operator("ArgMax", "ArgMin")
def arg(imp: Importer, step: Step) -> Value:
    """Where the largest or smallest stands."""
    value = imp.value(step, 0)
    gone = {value.axis(int(step.get("axis", 0)))}
    value = with_axes(imp, step, value, gone)
    layer = getattr(L, step.op)(value.ours(min(gone)), last=bool(step.get("select_last_index", 0)))
    node = imp.emit(step, layer, value.node)
    return without(value, node, gone, bool(step.get("keepdims", 1)))
