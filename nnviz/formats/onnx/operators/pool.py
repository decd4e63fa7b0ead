"""Pooling over windows, and over all rows and cols."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ....engine import layers as L
from ....engine.layer import Layer
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator
from ..values import Value
from .windows import Laid, finish, laid, windows


def settings(imp: Importer, step: Step, was: Laid) -> tuple[tuple[int, int], dict[str, Any]]:
    """The window's size, and what else the pooling layers want."""
    told = windows(imp, step, was)
    return told.kernel, {
        "strides": told.strides,
        "padding": told.pads,
        "dilation_rate": told.dilation,
        "ceil_mode": bool(step.get("ceil_mode", 0)),
    }


@operator("MaxPool")
def max_pool(imp: Importer, step: Step) -> Value | tuple[Value, Value]:
    """The second output, where it is wanted, says where each maximum stands in the whole tensor;
    ours counts through one picture."""
    was = laid(imp, step)
    size, options = settings(imp, step, was)
    value = finish(imp, was, imp.emit(step, L.MaxPooling2D(size, **options), was.value.node))
    if len(step.outputs) < 2 or not step.outputs[1]:
        return value
    layer = L.MaxPlaces2D(size, **options, columns_first=bool(step.get("storage_order", 0)))
    places = finish(imp, was, imp.emit(step, layer, was.value.node, tail="places"))
    numbers = math.prod(imp.shapes[was.value.node])
    return value, replace(places, counted=numbers if places.batched else 0)


@operator("AveragePool")
def average_pool(imp: Importer, step: Step) -> Value:
    was = laid(imp, step)
    size, options = settings(imp, step, was)
    counts = bool(step.get("count_include_pad", 0))
    layer = L.AveragePooling2D(size, **options, count_include_pad=counts)
    return finish(imp, was, imp.emit(step, layer, was.value.node))


@operator("LpPool")
def lp_pool(imp: Importer, step: Step) -> Value:
    was = laid(imp, step)
    size, options = settings(imp, step, was)
    layer = L.LpPooling2D(size, float(step.get("p", 2)), **options)
    return finish(imp, was, imp.emit(step, layer, was.value.node))


@operator("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(imp: Importer, step: Step) -> Value:
    """One number a channel is left; the file keeps the axes, of length 1."""
    value = imp.value(step, 0).plain()
    if value.rank < 3:
        raise ArgumentError(f"it pools an input of {value.rank} axes")
    shape = (*value.shape[:2], *(1 for _ in value.shape[2:]))
    layer: Layer
    if step.op == "GlobalLpPool":
        layer = L.GlobalLpPooling2D(float(step.get("p", 2)))
    else:
        is_max = step.op == "GlobalMaxPool"
        layer = L.GlobalMaxPooling2D() if is_max else L.GlobalAveragePooling2D()
    return Value(imp.emit(step, layer, laid(imp, step).value.node), shape, (1,))
