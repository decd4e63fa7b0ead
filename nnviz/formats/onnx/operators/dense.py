"""Matrix products: dense layers where one side is a weight."""

from __future__ import annotations

import numpy as np

from ....engine import layers as L
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator, told
from ..values import Array, Value


def dense(
    imp: Importer, step: Step, value: Value, weight: Array, bias: Array | None = None
) -> Value:
    """value · weight (+ bias) along the file's last axis.

    A flattened picture's numbers stand in our order: the weight's rows follow them.
    """
    if value.shuffle is not None:
        weight = weight[value.file_indices()]
    last = value.rank - 1
    if value.order[-1:] != (last,):
        front = [a for a in value.order if a != last]
        value = imp.arranged(step, value, (*front, last))
    layer = L.Dense(weight.shape[1], use_bias=bias is not None)
    layer.params["weight"] = np.ascontiguousarray(weight)
    if bias is not None:
        layer.params["bias"] = np.ascontiguousarray(bias)
    node = imp.emit(step, layer, value.node)
    shape = (*value.shape[:-1], weight.shape[1])
    return Value(node, shape, value.order)


@operator("Gemm")
def gemm(imp: Importer, step: Step) -> Value:
    """alpha · A B + beta · C, either side transposed where the file says so."""
    value = imp.value(step, 0)
    if step.get("transA", 0):
        value = imp.settled(step, value).transposed((1, 0))
    weight = imp.weight(step, 1)
    if step.get("transB", 0):
        weight = weight.T
    if value.rank != 2 or weight.ndim != 2 or value.shape[1] != len(weight):
        raise ArgumentError(
            f"its input {told(value.shape)} and its weight {weight.shape} do not fit"
        )
    weight = weight * np.float32(step.get("alpha", 1.0))
    if not imp.has(step, 2):
        return dense(imp, step, value, weight)
    bias = imp.weight(step, 2) * np.float32(step.get("beta", 1.0))
    return dense(imp, step, value, weight, np.broadcast_to(bias.reshape(-1), weight.shape[1:]))


@operator("MatMul")
def matmul(imp: Importer, step: Step) -> Value:
    value = imp.value(step, 0)
    weight = imp.weight(step, 1)
    if weight.ndim == 2 and value.rank >= 2 and value.shape[-1] == len(weight):
        return dense(imp, step, value, weight)
    raise ArgumentError(f"it multiplies {told(value.shape)} by {weight.shape}")
