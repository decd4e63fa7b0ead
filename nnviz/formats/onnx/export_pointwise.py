"""Writers of activations: what happens to every number, or to every vector, by itself."""

from __future__ import annotations

from ...engine.layers import (
    ELU,
    GELU,
    SELU,
    Dropout,
    HardSwish,
    LeakyReLU,
    Linear,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    SpatialDropout2D,
    Step,
    Swish,
    Tanh,
)
from ...engine.layers.activation import LogSoftmax
from ...engine.layers.axes import check_axes, placed
from ...engine.layers.curve import (
    CELU,
    Clip,
    HardSigmoid,
    Mish,
    ReLU6,
    Softsign,
    ThresholdedReLU,
)
from ...engine.layers.function import Function
from .export_graph import ANY, Site, writes

PLAIN: dict[type, tuple[str, dict[str, str]]] = {
    ReLU: ("Relu", {}),
    Sigmoid: ("Sigmoid", {}),
    Tanh: ("Tanh", {}),
    Softplus: ("Softplus", {}),
    Softsign: ("Softsign", {}),
    Mish: ("Mish", {}),
    HardSwish: ("HardSwish", {}),
    HardSigmoid: ("HardSigmoid", {"alpha": "slope", "beta": "offset"}),
    SELU: ("Selu", {"alpha": "alpha", "gamma": "scale"}),
    ELU: ("Elu", {"alpha": "alpha"}),
    CELU: ("Celu", {"alpha": "alpha"}),
    LeakyReLU: ("LeakyRelu", {"alpha": "negative_slope"}),
    ThresholdedReLU: ("ThresholdedRelu", {"alpha": "theta"}),
    Linear: ("Identity", {}),
    SpatialDropout2D: ("Identity", {}),
}
"""Layers that are one operator: its name, and its attributes with our names for them."""


@writes(*PLAIN, layout=ANY)
def _plain(site: Site, x: str) -> str:
    kind, names = PLAIN[type(site.layer)]
    given = {theirs: getattr(site.layer, ours) for theirs, ours in names.items()}
    return site.op(kind, x, **given)


@writes(ReLU6, layout=ANY)
def _relu6(site: Site, x: str) -> str:
    return site.op("Clip", x, site.constant(0, "low"), site.constant(6, "high"))


@writes(Clip, layout=ANY)
def _clip(site: Site, x: str) -> str:
    layer = site.layer
    if layer.low is not None and layer.high is not None and layer.low > layer.high:
        x = site.op("Mul", x, site.constant(0, "zero"))  # runtimes differ in what they make of it
        return site.op("Add", x, site.constant(layer.high, "high"))
    bounds = [
        "" if bound is None else site.constant(bound, name)
        for name, bound in (("low", layer.low), ("high", layer.high))
    ]
    return site.op("Clip", x, *bounds)


@writes(PReLU, layout=ANY)
def _prelu(site: Site, x: str) -> str:
    return site.op("PRelu", x, site.array("slope", site.stretched))


@writes(Swish, layout=ANY)
def _swish(site: Site, x: str) -> str:
    beta = site.layer.beta
    scaled = x if beta == 1 else site.op("Mul", x, site.constant(beta, "beta"))
    return site.op("Mul", x, site.op("Sigmoid", scaled))


@writes(GELU, layout=ANY)
def _gelu(site: Site, x: str) -> str:
    return site.op("Gelu", x, approximate="tanh" if site.layer.approximate else "none")


@writes(Step, layout=ANY)
def _step(site: Site, x: str) -> str:
    from onnx import TensorProto

    above = site.op("Greater", x, site.constant(0, "zero"))
    return site.op("Cast", above, to=TensorProto.FLOAT)


@writes(Dropout, layout=ANY)
def _dropout(site: Site, x: str) -> str:
    return site.op("Dropout", x, site.constant(site.layer.rate, "rate"))


FUNCTIONS = {
    "absolute": "Abs",
    "negative": "Neg",
    **{name: name.capitalize() for name in (
        "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf", "exp",
        "floor", "log", "reciprocal", "round", "sign", "sin", "sinh", "sqrt", "tan",
    )},
}  # fmt: skip
"""Our names of functions, and ONNX's."""


@writes(Function, layout=ANY)
def _function(site: Site, x: str) -> str:
    from onnx import TensorProto

    name = site.layer.function
    if name == "square":
        return site.op("Mul", x, x)
    if name == "truncate":
        return site.op("Mul", site.op("Sign", x), site.op("Floor", site.op("Abs", x)))
    if name == "truth":
        return site.op("Cast", site.op("Cast", x, to=TensorProto.BOOL), to=TensorProto.FLOAT)
    return site.op(FUNCTIONS[name], x)


@writes(Softmax, LogSoftmax, layout=ANY)
def _softmax(site: Site, x: str) -> str:
    """ONNX's own along one axis; along several they are taken apart, the largest first."""
    layer, shape = site.layer, site.shapes[0]
    axes = sorted(site.axis(a) for a in placed(check_axes(layer.axis, "axis"), shape, layer))
    is_log = isinstance(layer, LogSoftmax)
    if len(axes) == 1:
        return site.op("LogSoftmax" if is_log else "Softmax", x, axis=axes[0])
    where = site.integers(axes, "axes")
    lowered = site.op("Sub", x, site.op("ReduceMax", x, where))
    powers = site.op("Exp", lowered)
    total = site.op("ReduceSum", powers, where)
    return (
        site.op("Sub", lowered, site.op("Log", total)) if is_log else site.op("Div", powers, total)
    )
