"""Normalization."""

from __future__ import annotations

from dataclasses import replace

from ....engine import layers as L
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator
from ..values import Value


def channels_last(imp: Importer, step: Step) -> Value:
    """Input 0 with the file's axis 1, its channels, as our last axis."""
    value = imp.value(step, 0)
    if value.rank < 2:
        raise ArgumentError(f"it normalizes an input of {value.rank} axes, without channels")
    front = () if value.batched or value.shape[0] == 1 else (0,)
    return imp.arranged(step, value, (*front, *range(2, value.rank), 1))


@operator("BatchNormalization")
def batch_normalization(imp: Importer, step: Step) -> Value:
    """With the file's own statistics; its four arrays and its epsilon stay as they are."""
    value = channels_last(imp, step)
    layer = L.BatchNormalization(
        momentum=float(step.get("momentum", 0.9)), epsilon=float(step.get("epsilon", 1e-5))
    )
    scale, bias, mean, variance = (imp.weight(step, i) for i in range(1, 5))
    layer.params |= {"gamma": scale, "beta": bias}
    layer.buffers |= {"moving_mean": mean, "moving_variance": variance}
    return replace(value, node=imp.emit(step, layer, value.node))


@operator("LRN")
def lrn(imp: Importer, step: Step) -> Value:
    value = channels_last(imp, step)
    layer = L.LocalResponseNormalization(
        int(step.get("size", 0)),
        alpha=float(step.get("alpha", 1e-4)),
        beta=float(step.get("beta", 0.75)),
        bias=float(step.get("bias", 1.0)),
    )
    return replace(value, node=imp.emit(step, layer, value.node))
