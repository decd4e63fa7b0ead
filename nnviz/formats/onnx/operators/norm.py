"""Normalization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ....engine import layers as L
from ....engine.layer import Layer
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator
from ..values import Array, NotBatched, Shape, Value
from .arithmetic import laid_out, merged
from .reduce import reduced, with_axes


def channels_last(imp: Importer, step: Step, alone: bool = True) -> Value:
    """Input 0 with the file's axis 1, its channels, as our last axis.

    alone: each sample is normalized by itself, so that our sample must be one of the file's.
    """
    value = imp.value(step, 0).plain()
    if value.rank < 2:
        raise ArgumentError(f"it normalizes an input of {value.rank} axes, without channels")
    single = value.batched or value.shape[0] == 1
    if alone and not single:
        raise ArgumentError("it normalizes each of several samples, in a graph that mixes them")
    return imp.arranged(step, value, (*(() if single else (0,)), *range(2, value.rank), 1))


def epsilon(step: Step) -> float:
    """What keeps the root away from 0."""
    return float(step.get("epsilon", 1e-5))


def scaled(layer: Layer, gamma: Array, beta: Array | None) -> Layer:
    """The layer with its two arrays."""
    layer.params["gamma"] = gamma
    layer.params["beta"] = np.zeros_like(gamma) if beta is None else beta
    return layer


@operator("BatchNormalization")
def batch_normalization(imp: Importer, step: Step) -> Value | list[Value]:
    """With the file's own statistics; its four arrays and its epsilon stay as they are."""
    wanted = [name for name in step.outputs if name]
    if step.get("training_mode", 0) or (step.opset < 14 and len(wanted) > 1):
        return batch_statistics(imp, step)
    scale, bias, mean, variance = (imp.weight(step, i) for i in range(1, 5))
    if scale.ndim > 1:  # before opset 9, with spatial=0: statistics for each place
        return by_place(imp, step, scale, bias, mean, variance)
    value = channels_last(imp, step, alone=False)
    layer = L.BatchNormalization(momentum=float(step.get("momentum", 0.9)), epsilon=epsilon(step))
    scaled(layer, scale, bias)
    layer.buffers |= {"moving_mean": mean, "moving_variance": variance}
    return replace(value, node=imp.emit(step, layer, value.node))


def by_place(
    imp: Importer, step: Step, scale: Array, bias: Array, mean: Array, variance: Array
) -> Value:
    """y = s x + t with an s and a t for each place."""
    value = imp.settled(step, imp.value(step, 0).plain())
    factor = scale / np.sqrt(variance.astype(np.float64) + epsilon(step))
    shift = (bias - mean * factor).astype(scale.dtype)
    for operation, array, tail in (
        ("multiply", factor.astype(scale.dtype), "scale"),
        ("add", shift, None),
    ):
        ours = laid_out(array, value.rank, value.order)
        layer = L.WithConstant.of(operation, ours)
        value = replace(value, node=imp.emit(step, layer, value.node, tail=tail))
    return value


def moments(
    imp: Importer, step: Step, value: Value, axes: set[int], part: str = ""
) -> tuple[Value, Value, Value]:
    """Deviation from the mean, mean, and (population) variance along axes of the file."""
    mean = reduced(imp, step, "mean", value, axes, True, tail=f"{part}mean")
    centred = merged(imp, step, "subtract", [value, mean], tail=f"{part}centred")
    square = imp.emit(step, L.Function("square"), centred.node, tail=f"{part}square")
    squares = replace(centred, node=square)
    return centred, mean, reduced(imp, step, "mean", squares, axes, True, tail=f"{part}variance")


def changed(
    imp: Importer, step: Step, value: Value, tail: str, *layers: Layer, last: str | None = None
) -> Value:
    """Layers one after the other on a value that keeps its shape."""
    for i, layer in enumerate(layers):
        name = last if i == len(layers) - 1 else f"{tail}_{i + 1}"
        value = replace(value, node=imp.emit(step, layer, value.node, tail=name))
    return value


def batch_statistics(imp: Importer, step: Step) -> list[Value]:
    """The training form: mean and variance of this very batch, and what the running ones become."""
    value = imp.settled(step, imp.value(step, 0))
    if value.batched:
        raise NotBatched("it normalizes by the statistics of the batch")
    value = imp.raw(step, value)
    axes = {a for a in range(value.rank) if a != 1}
    centred, mean, variance = moments(imp, step, value, axes)
    root = changed(
        imp,
        step,
        variance,
        "root",
        L.WithConstant.of("add", epsilon(step)),
        L.Function("sqrt"),
        last="deviation",
    )
    normal = merged(imp, step, "divide", [centred, root], tail="normal")
    scale, bias, old_mean, old_variance = (imp.weight(step, i) for i in range(1, 5))
    high = (-1, *(1 for _ in range(2, value.rank)))
    y = changed(
        imp,
        step,
        normal,
        "scale",
        L.WithConstant.of("multiply", scale.reshape(high)),
        L.WithConstant.of("add", bias.reshape(high)),
    )
    keep, wide = float(step.get("momentum", 0.9)), (value.shape[1],)
    made, saved = [y], []
    for new, old, tail in ((mean, old_mean, "moving_mean"), (variance, old_variance, "moving_var")):
        flat = imp.arranged(step, new.named(wide, [1]), (0,))
        saved.append(flat)
        made.append(
            changed(
                imp,
                step,
                flat,
                tail,
                L.WithConstant.of("multiply", 1 - keep),
                L.WithConstant.of("add", (keep * old).astype(old.dtype)),
                last=tail,
            )
        )
    return made + saved  # before opset 14 the batch's own came last


@operator("InstanceNormalization")
def instance_normalization(imp: Importer, step: Step) -> Value:
    value = channels_last(imp, step)
    layer = L.InstanceNormalization(epsilon=epsilon(step))
    scaled(layer, imp.weight(step, 1), imp.weight(step, 2))
    return replace(value, node=imp.emit(step, layer, value.node))


@operator("GroupNormalization")
def group_normalization(imp: Importer, step: Step) -> Value:
    """Scale and bias are for each channel since opset 21, for each group before it."""
    value = channels_last(imp, step)
    groups, channels = int(step.get("num_groups", 1)), value.shape[1]
    arrays = [imp.weight(step, i) for i in (1, 2)]
    if step.opset < 21:
        arrays = [np.repeat(a, channels // len(a)) for a in arrays]
    layer = scaled(L.GroupNormalization(groups, epsilon=epsilon(step)), *arrays)
    return replace(value, node=imp.emit(step, layer, value.node))


@operator("LayerNormalization")
def layer_normalization(imp: Importer, step: Step) -> Value | list[Value]:
    """Over all axes from `axis` on; outputs 1 and 2, where they are wanted, are the mean and
    1 / √(variance + ε)."""
    value = imp.value(step, 0)
    first = value.axis(int(step.get("axis", -1)))
    axes = set(range(first, value.rank))
    value = with_axes(imp, step, value, axes)
    ours = tuple(sorted(value.ours(a) for a in axes))
    lengths = tuple(value.shape[first:])
    order = tuple(a - first for a in value.order if a >= first)
    arrays = [
        None if array is None else spread(array, lengths, order)
        for array in (imp.weight(step, 1), imp.weight(step, 2) if imp.has(step, 2) else None)
    ]
    assert arrays[0] is not None
    layer = scaled(L.LayerNormalization(ours, epsilon=epsilon(step)), arrays[0], arrays[1])
    y = replace(value, node=imp.emit(step, layer, value.node))
    if not any(step.outputs[1:]):
        return y
    _, mean, variance = moments(imp, step, value, axes)
    inverse = changed(
        imp,
        step,
        variance,
        "inverse",
        L.WithConstant.of("add", epsilon(step)),
        L.Function("sqrt"),
        L.Function("reciprocal"),
        last="inverse",
    )
    return [y, mean, inverse]


def spread(array: Array, lengths: Shape, order: Sequence[int]) -> Array:
    """A weight stretched to these lengths, its axes in our order."""
    return np.ascontiguousarray(np.broadcast_to(array, lengths).transpose(order))


@operator("LRN")
def lrn(imp: Importer, step: Step) -> Value:
    value = channels_last(imp, step, alone=False)
    layer = L.LocalResponseNormalization(
        int(step.get("size", 0)),
        alpha=float(step.get("alpha", 1e-4)),
        beta=float(step.get("beta", 0.75)),
        bias=float(step.get("bias", 1.0)),
    )
    return replace(value, node=imp.emit(step, layer, value.node))
