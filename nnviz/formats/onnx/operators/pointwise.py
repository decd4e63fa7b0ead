"""Activations and other functions of one number, and softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ....engine import layers as L
from ....engine.layer import Layer
from ..graph import Step
from ..importer import Importer, operator
from ..values import BATCH, TRIED, Const, Value

PLAIN: dict[str, Callable[[Step], Layer]] = {
    "Relu": lambda step: L.ReLU(),
    "LeakyRelu": lambda step: L.LeakyReLU(float(step.get("alpha", 0.01))),
    "Elu": lambda step: L.ELU(float(step.get("alpha", 1.0))),
    "Sigmoid": lambda step: L.Sigmoid(),
    "Tanh": lambda step: L.Tanh(),
    "Softplus": lambda step: L.Softplus(),
    "HardSwish": lambda step: L.HardSwish(),
    "Identity": lambda step: L.Linear(),
}
"""Operator -> its layer."""


def _enter(name: str, make: Callable[[Step], Layer]) -> None:
    operator(name)(lambda imp, step: imp.pointwise(step, make(step)))


for _name, _make in PLAIN.items():
    _enter(_name, _make)


@operator("Clip")
def clip(imp: Importer, step: Step) -> Value:
    """The limits are inputs, or (before opset 11) attributes; one that is missing is infinite."""
    low, high = limit(imp, step, 1, "min", -np.inf), limit(imp, step, 2, "max", np.inf)
    value = imp.value(step, 0)
    if np.isfinite(low):
        node = imp.emit(step, L.WithConstant.of("maximum", low), value.node, tail="low")
        value = replace(value, node=node)
    return replace(value, node=imp.emit(step, L.WithConstant.of("minimum", high), value.node))


def limit(imp: Importer, step: Step, i: int, key: str, free: float) -> float:
    """One limit of a Clip."""
    given = imp.const(step, i, step.get(key, free))
    return float(np.asarray(given).reshape(-1)[0])


@operator("Dropout")
def dropout(imp: Importer, step: Step) -> Value | tuple[Value, Const]:
    """At prediction all pass; the mask, where one is asked for, says so."""
    ratio = imp.const(step, 1)
    rate = float(step.get("ratio", 0.5) if ratio is None else ratio)
    value = imp.pointwise(step, L.Dropout(rate) if 0 < rate < 1 else L.Linear())
    if len(step.outputs) < 2 or not step.outputs[1]:
        return value
    shapes = [[n if s == BATCH else s for s in value.shape] for n in TRIED]
    for shape in shapes:
        imp.budget.allow(shape, 1, "its mask")
    return value, Const.tried([np.ones(shape, bool) for shape in shapes])


def coupled_axes(step: Step, value: Value) -> tuple[int, ...]:
    """The file's axes over which a softmax's shares add up to one: one axis since opset 13, before
    it all from `axis` on."""
    if step.opset >= 13:
        return (value.axis(int(step.get("axis", -1))),)
    return tuple(range(value.axis(int(step.get("axis", 1))), value.rank))


@operator("Softmax", "LogSoftmax")
def softmax(imp: Importer, step: Step) -> Value:
    value = imp.settled(step, imp.value(step, 0))
    wanted = [a for a in coupled_axes(step, value) if value.shape[a] != 1]
    if not wanted and value.rank:
        value = imp.raw(step, value)
        wanted = [value.rank - 1]
    axes = tuple(value.ours(a) for a in wanted)
    if step.op == "Softmax" and axes == (len(value.order),):
        return replace(value, node=imp.emit(step, L.Softmax(), value.node))
    make = getattr(L, step.op)
    layer = make(axis=axes[0] if len(axes) == 1 else axes)
    return replace(value, node=imp.emit(step, layer, value.node))
