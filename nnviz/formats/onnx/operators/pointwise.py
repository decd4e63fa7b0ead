"""Activations and other functions of one number, and softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ....engine import layers as L
from ....engine.layer import Layer
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator
from ..tensors import element_type
from ..values import TRIED, Const, NeedsValue, NotBatched, Value
from .arithmetic import laid_out


def setting(step: Step, key: str, default: float) -> float:
    """A number among the attributes."""
    return float(step.get(key, default))


MAKERS: dict[str, Callable[[Step], Layer]] = {
    "Celu": lambda step: L.CELU(setting(step, "alpha", 1.0)),
    "Elu": lambda step: L.ELU(setting(step, "alpha", 1.0)),
    "Gelu": lambda step: L.GELU(approximate=step.get("approximate", "none") == "tanh"),
    "HardSigmoid": lambda step: L.HardSigmoid(
        setting(step, "alpha", 0.2), setting(step, "beta", 0.5)
    ),
    "HardSwish": lambda step: L.HardSwish(),
    "Identity": lambda step: L.Linear(),
    "LeakyRelu": lambda step: L.LeakyReLU(setting(step, "alpha", 0.01)),
    "Mish": lambda step: L.Mish(),
    "Relu": lambda step: L.ReLU(),
    "Selu": lambda step: L.SELU(
        setting(step, "alpha", 1.67326319217681884765625),
        setting(step, "gamma", 1.05070102214813232421875),
    ),
    "Sigmoid": lambda step: L.Sigmoid(),
    "Softplus": lambda step: L.Softplus(),
    "Softsign": lambda step: L.Softsign(),
    "Swish": lambda step: L.Swish(setting(step, "alpha", 1.0)),
    "Tanh": lambda step: L.Tanh(),
    "ThresholdedRelu": lambda step: L.ThresholdedReLU(setting(step, "alpha", 1.0)),
}
"""Operator -> its layer, with the defaults that ONNX gives."""
FUNCTIONS = {
    "Abs": "absolute",
    "Acos": "acos",
    "Acosh": "acosh",
    "Asin": "asin",
    "Asinh": "asinh",
    "Atan": "atan",
    "Atanh": "atanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "Log": "log",
    "Neg": "negative",
    "Reciprocal": "reciprocal",
    "Round": "round",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Tan": "tan",
}


@operator(*MAKERS)
def activation(imp: Importer, step: Step) -> Value:
    """A layer of its own."""
    return imp.pointwise(step, MAKERS[step.op](step))


@operator(*FUNCTIONS)
def function(imp: Importer, step: Step) -> Value:
    """A plain function."""
    return imp.pointwise(step, L.Function(FUNCTIONS[step.op]))


@operator("Clip")
def clip(imp: Importer, step: Step) -> Value:
    """The limits are inputs, or (before opset 11) attributes; one that is missing is infinite."""
    low, high = limit(imp, step, 1, "min"), limit(imp, step, 2, "max")
    if low is not None and high is not None and low > high:  # the file's order: min, then max
        low = high
    layer: Layer = L.Clip(low, high)
    if (low, high) == (0, 6):
        layer = L.ReLU6()
    if (low, high) == (0, None):
        layer = L.ReLU()
    return imp.pointwise(step, L.Linear() if low is None and high is None else layer)


def limit(imp: Importer, step: Step, i: int, key: str) -> float | None:
    """One limit of a Clip; None where there is none, or where float32 knows no larger number."""
    given = imp.const(step, i, step.get(key))
    number = None if given is None else float(np.asarray(given).reshape(-1)[0])
    return None if number is None or abs(number) >= np.finfo(np.float32).max else number


@operator("PRelu")
def prelu(imp: Importer, step: Step) -> Value:
    """One slope for each channel, or as many as the file has."""
    value = imp.settled(step, imp.value(step, 0).plain())
    slope = imp.weight(step, 1)
    if step.opset < 7 and slope.size > 1:  # one for each channel, before slopes were stretched
        slope = slope.reshape(-1, *(1,) * (value.rank - 2))
    if value.batched and slope.ndim == value.rank and len(slope) > 1:
        raise NotBatched("its slopes differ along the batch")
    if slope.ndim > value.rank:
        raise ArgumentError(f"its slope {slope.shape} does not fit {value.rank} axes")
    ours = laid_out(slope, value.rank, value.order)
    sample = value.sample
    if ours.shape == sample[-1:]:
        layer = L.PReLU()
    else:
        ours = ours.reshape((1,) * (len(sample) - ours.ndim) + ours.shape)
        shared = [a for a, n in enumerate(ours.shape, 1) if n == 1]
        layer = L.PReLU(shared)
    layer.params["slope"] = ours
    return replace(value, node=imp.emit(step, layer, value.node))


@operator("Dropout")
def dropout(imp: Importer, step: Step) -> Value | tuple[Value, Const]:
    """At prediction all pass; the mask, where one is asked for, says so."""
    ratio = imp.const(step, 1)
    rate = float(step.get("ratio", 0.5) if ratio is None else ratio)
    value = imp.pointwise(step, L.Dropout(rate) if 0 < rate < 1 else L.Linear())
    if len(step.outputs) < 2 or not step.outputs[1]:
        return value
    shapes = [value.lengths(n) for n in TRIED]
    for shape in shapes:
        imp.budget.allow(shape, 1, "its mask")
    passes = step.opset >= 12  # before it, a mask of nothing done was all False
    return value, Const.tried([np.full(shape, passes) for shape in shapes])


@operator("Cast")
def cast(imp: Importer, step: Step) -> Value:
    """Between floats nothing happens: nnviz computes in the input's own dtype. Whole numbers are
    floats without a fraction. Types that NumPy does not have are for outputs that are worked out,
    not run."""
    dtype = element_type(int(step.get("to", 0)))
    if dtype is None:
        raise ArgumentError(f"it casts to element type {step.get('to')}, which holds no numbers")
    if dtype.isbuiltin != 1 and imp.is_output(step.outputs[0]):
        raise NeedsValue(step.inputs[0])
    if dtype.kind == "f" or "float" in dtype.name:
        return imp.pointwise(step, L.Linear())
    return imp.pointwise(step, L.Function("truth" if dtype.kind == "b" else "truncate"))


@operator("CastLike")
def cast_like(imp: Importer, step: Step) -> Value | Const:
    """A cast to the type of another input; what is computed here are floats."""
    given, like = (imp.lookup(name) for name in step.inputs)
    if isinstance(given, Const):
        return Const(tuple(array.astype(np.float32) for array in given.arrays))
    kind = like.arrays[0].dtype.kind if isinstance(like, Const) else "f"
    layer = {"b": L.Function("truth"), "i": L.Function("truncate"), "u": L.Function("truncate")}
    return imp.pointwise(step, layer.get(kind) or L.Linear())


def coupled_axes(step: Step, value: Value) -> tuple[int, ...]:
    """The file's axes over which a softmax's shares add up to one: one axis since opset 13, before
    it all from `axis` on."""
    if step.opset >= 13:
        return (value.axis(int(step.get("axis", -1))),)
    return tuple(range(value.axis(int(step.get("axis", 1))), value.rank))


@operator("Softmax", "LogSoftmax")
def softmax(imp: Importer, step: Step) -> Value:
    value = imp.settled(step, imp.value(step, 0))
    coupled = coupled_axes(step, value)
    wanted = [a for a in coupled if value.shape[a] != 1]
    if not wanted and value.rank:  # shares of one number: an axis of length 1, which must be there
        value = imp.raw(step, value)
        wanted = list(coupled[-1:])
    axes = tuple(value.ours(a) for a in wanted)
    make = getattr(L, step.op)
    if axes == (len(value.order),):
        return replace(value, node=imp.emit(step, make(), value.node))
    return replace(value, node=imp.emit(step, make(axes), value.node))
