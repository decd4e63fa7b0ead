"""Matrix products: dense layers where one side is a weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....engine import layers as L
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, as_float, operator, told
from ..values import BATCH, Array, Const, NotBatched, Value
from .arithmetic import merged, with_constant


def dense(
    imp: Importer,
    step: Step,
    value: Value,
    weight: Array,
    bias: Array | None = None,
    tail: str | None = None,
) -> Value:
    """value · weight (+ bias) along the file's last axis.

    A flattened picture's numbers stand in our order: the weight's rows follow them.
    """
    last = value.rank - 1
    if value.batch == last:
        raise NotBatched("it multiplies along the batch")
    if value.shape[last] != len(weight):
        raise ArgumentError(f"its input {told(value.shape)} and weight {weight.shape} do not fit")
    if value.shuffle is not None:
        weight = weight[value.file_indices()]
        value = replace(value, shuffle=None)
    if value.order[-1:] != (last,):
        value = imp.arranged(step, value, (*(a for a in value.order if a != last), last))
    everywhere = len(value.order) > 1
    layer = L.Dense(weight.shape[1], use_bias=bias is not None, everywhere=everywhere)
    layer.params["weight"] = np.ascontiguousarray(weight)
    if bias is not None:
        layer.params["bias"] = np.ascontiguousarray(bias)
    node = imp.emit(step, layer, value.node, tail=tail)
    return replace(value, node=node, shape=(*value.shape[:-1], weight.shape[1]))


def turned(imp: Importer, step: Step, value: Value) -> Value:
    """The transposed matrix."""
    return imp.settled(step, value).transposed((1, 0))


@operator("Gemm")
def gemm(imp: Importer, step: Step) -> Value:
    """alpha · A B + beta · C, either side transposed where the file says so."""
    value, right = imp.value(step, 0), imp.lookup(step.inputs[1])
    alpha, beta = (np.float32(step.get(key, 1.0)) for key in ("alpha", "beta"))
    value = turned(imp, step, value) if step.get("transA", 0) else value
    added = imp.lookup(step.inputs[2]) if imp.has(step, 2) else None
    if isinstance(right, Value):
        right = turned(imp, step, right) if step.get("transB", 0) else right
        if alpha != 1 or beta != 1:
            raise ArgumentError("it scales a product of two tensors that both come from the data")
        product = matrix_product(imp, step, value, right, None if added is None else "product")
        return product if added is None else plus(imp, step, product, added)
    weight = as_float(right.array)
    weight = (weight.T if step.get("transB", 0) else weight) * alpha
    if value.rank != 2 or weight.ndim != 2:
        raise ArgumentError(f"its input {told(value.shape)} and weight {weight.shape} do not fit")
    if added is None:
        return dense(imp, step, value, weight)
    if isinstance(added, Const):
        bias = as_float(added.row) * beta
        if bias.size == 1 or bias.shape[-1:] == (bias.size,):
            wide = np.broadcast_to(bias.reshape(-1), weight.shape[1:])
            return dense(imp, step, value, weight, wide)
        added = Const.of(bias)
    elif beta != 1:
        raise ArgumentError("it scales what it adds, which comes from the data")
    return plus(imp, step, dense(imp, step, value, weight, tail="product"), added)


def plus(imp: Importer, step: Step, value: Value, added: Value | Const) -> Value:
    """The sum that a Gemm ends with."""
    if isinstance(added, Const):
        return with_constant(imp, step, "add", value, added, False)
    return merged(imp, step, "add", [value, imp.settled(step, added)])


@operator("MatMul")
def matmul(imp: Importer, step: Step) -> Value:
    """As NumPy's: of the last two axes, the others stretched; a vector is a row or a column."""
    given = [imp.lookup(name) for name in step.inputs]
    left, right = given
    if isinstance(left, Value) and isinstance(right, Const):
        weight = as_float(right.row)
        if weight.ndim == 2 and left.rank >= 2 and (left.batched or left.rank == 2):
            return dense(imp, step, left, weight)
    return matrix_product(imp, step, stacked(imp, step, left), stacked(imp, step, right))


def stacked(imp: Importer, step: Step, made: Value | Const) -> Value:
    """A factor: in batches, a constant without a row for each picture serves all of them."""
    if isinstance(made, Const) and imp.reading.batched:
        array = made.row
        made = Const.of(array if array.ndim > 2 and len(array) == 1 else array[None])
    return imp.as_value(step, made)


def matrix_product(
    imp: Importer, step: Step, left: Value, right: Value, tail: str | None = None
) -> Value:
    """A layer that multiplies two matrices, or stacks of them."""
    left, right = (imp.raw(step, v) for v in (left, right))
    at = left.batch
    alike = (left.rank, at, left.before) == (right.rank, right.batch, right.before)
    if at is not None and not (alike and at < left.rank - 2 and left.shape[at] == right.shape[at]):
        raise NotBatched("it multiplies along the batch")
    node = imp.emit(step, L.MatMul(), left.node, right.node, tail=tail)
    shape = imp.shapes[node]
    if at is not None:  # N stands before its axis, or in it, as in the factors
        length = left.shape[at]
        shape = (*shape[:at], length, *shape[at + (length != BATCH) :])
    made = replace(left, node=node, shape=shape)
    return replace(made, order=made.axes)
