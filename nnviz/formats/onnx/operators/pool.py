"""Pooling over windows, and over all rows and cols."""

from __future__ import annotations

from ....engine import layers as L
from ....engine.layer import Layer
from ....engine.window import Pads
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator
from ..values import Value
from .windows import Laid, Windows, finish, laid, windows


def rounded_up(step: Step, was: Laid, settings: Windows) -> Pads:
    """The pads, with the cells that ceil_mode adds at the end: a window more where one begins
    inside the picture or its front padding."""
    sliding = settings.sliding
    pads = sliding.padding(was.size)
    if not step.get("ceil_mode", 0):
        return pads
    ends = []
    for n, stride, reach, (front, back) in zip(
        was.size, settings.strides, sliding.reach, pads, strict=True
    ):
        count = -(-(n + front + back - reach) // stride) + 1
        if (count - 1) * stride >= n + front:
            count -= 1
        ends.append((front, max(back, (count - 1) * stride + reach - n - front)))
    return ends[0], ends[1]


@operator("MaxPool")
def max_pool(imp: Importer, step: Step) -> Value:
    was = laid(imp, step)
    settings = windows(step, was)
    layer = L.MaxPooling2D(
        settings.kernel, strides=settings.strides, padding=rounded_up(step, was, settings)
    )
    return finish(imp, was, imp.emit(step, layer, was.value.node))


@operator("AveragePool")
def average_pool(imp: Importer, step: Step) -> Value:
    was = laid(imp, step)
    settings = windows(step, was)
    layer = L.AveragePooling2D(
        settings.kernel, strides=settings.strides, padding=rounded_up(step, was, settings)
    )
    return finish(imp, was, imp.emit(step, layer, was.value.node))


def over_all(imp: Importer, step: Step, layer: Layer) -> Value:
    """A layer that leaves one number a channel; the file keeps its axes, of length 1."""
    value = imp.value(step, 0)
    if value.rank < 3:
        raise ArgumentError(f"it pools an input of {value.rank} axes")
    shape = (*value.shape[:2], *(1 for _ in value.shape[2:]))
    was = laid(imp, step)
    return Value(imp.emit(step, layer, was.value.node), shape, (1,))


@operator("GlobalAveragePool")
def global_average_pool(imp: Importer, step: Step) -> Value:
    return over_all(imp, step, L.GlobalAveragePooling2D())
