"""Relevance: what the rules of layer-wise relevance propagation and their kin have in common.

A rule shares out the relevance R of a layer's outputs among its inputs. Nearly all published rules
are one formula over parts of the inputs and of the parameters (`Share`), and the formula needs
nothing of a layer but its own forward and backward (Montavon et al. 2019, section 10.3.3). So a
rule is data, and strides, padding, groups and dilation are right because the layer is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ...engine.graph import INPUT, Node
from ...engine.layer import Array, Call, Layer, Mode, Rule
from ...engine.layers.activation import Linear, LogSoftmax, Pointwise, Softmax
from ...engine.layers.arithmetic import QUESTIONS, Arithmetic, WithConstant
from ...engine.layers.axes import added_up, lined
from ...engine.layers.blocks import DepthToSpace, SpaceToDepth
from ...engine.layers.constant import Constant
from ...engine.layers.conv import Conv2D
from ...engine.layers.dense import Dense
from ...engine.layers.depthwise import DepthwiseConv2D
from ...engine.layers.dropout import Dropout
from ...engine.layers.group_norm import (
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
)
from ...engine.layers.interpolate import Resize
from ...engine.layers.lp_pool import GlobalLpPooling2D, LpPooling2D
from ...engine.layers.merge import Add, Concatenate, MatMul, Merge, Multiply, Where
from ...engine.layers.norm import BatchNormalization, LocalResponseNormalization, Normalization
from ...engine.layers.pool import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Subsampling2D,
)
from ...engine.layers.rectifier import LeakyReLU, PReLU, ReLU
from ...engine.layers.reduction import GlobalMaxPooling2D, Reduce
from ...engine.layers.reshape import BroadcastTo, Flatten, Permute, Reshape
from ...engine.layers.resize import UpSampling2D, ZeroPadding2D
from ...engine.layers.select import Gather, Pad, Slice
from ...engine.model import PREDICT, Model
from ...engine.rewrite import up_to
from ...engine.walk import RuleFor
from ...errors import ArgumentError, listing

Part = Callable[[Array], Array]
"""A part of an array: its positive numbers, its squares, itself."""


def whole(a: Array) -> Array:
    """As it is."""
    return a


def positive(a: Array) -> Array:
    """max(a, 0)."""
    return np.maximum(a, 0)


def negative(a: Array) -> Array:
    """min(a, 0)."""
    return np.minimum(a, 0)


@dataclass(frozen=True)
class Term:
    """One product z = w(W) · x(X) + b(B): parts of the input, the weights and the bias.

    None: the weights as they are; no bias.
    """

    x: Part = whole
    w: Part | None = None
    b: Part | None = None

    def layer(self, layer: Layer, made: dict[Part, Array]) -> Layer:
        """The layer with these parts of its parameters; one without weights as it is.

        made: parts of its weights that are there already; several terms share one array.
        """
        if self.w is None or "weight" not in layer.params:
            return layer
        if self.w not in made:
            made[self.w] = self.w(layer.params["weight"])
        changed = {"weight": made[self.w]}
        if "bias" in layer.params:
            bias = layer.params["bias"]
            changed["bias"] = np.zeros_like(bias) if self.b is None else self.b(bias)
        return layer.with_params(**changed)


@dataclass(frozen=True)
class Share:
    """R_i = factor · Σ over terms of x_i · Σ_j w_ij · R_j / (z_j + ε sign z_j), z = Σ over terms.

    only: which outputs take part, from the layer's own output y (None: all). Where z is 0 there is
    nothing to share by, and the relevance of that output ends here.
    """

    terms: tuple[Term, ...]
    factor: float = 1.0
    epsilon: float = 0.0
    only: Callable[[Array], Array] | None = None


Shares = tuple[Share, ...]
"""A rule for one layer that is linear in its inputs: the sum of its shares."""


def sharing(layer: Layer, shares: Shares) -> Rule:
    """The rule for one layer; its changed copies are made here, once."""
    made: dict[Part, Array] = {}
    ready = [(s, [(term.x, term.layer(layer, made)) for term in s.terms]) for s in shares]

    def rule(_: Layer, relevance: Array, call: Call) -> tuple[Array, ...]:
        total: Sides = ()
        for share, terms in ready:
            wanted = relevance if share.only is None else relevance * share.only(call.y)
            runs = []
            for part, changed in terms:
                xs = tuple(part(x) for x in call.xs)
                y, saved = changed.forward(*xs, mode=Mode(scratch=call.mode.scratch))
                runs.append((changed, Call(xs, y, saved, call.mode, call.chunk)))
            z = runs[0][1].y if len(runs) == 1 else np.sum([run.y for _, run in runs], axis=0)
            quotient = share.factor * divided(wanted, z, share.epsilon)
            for changed, run in runs:
                dxs = both_sides(changed.backward(quotient, run))
                total = added(total, tuple(x * dx for x, dx in zip(run.xs, dxs, strict=True)))
        return total

    return rule


Sides = tuple[Array, ...]
"""One array for each input of a layer."""


def both_sides(dx: Array | Sides) -> Sides:
    """What a backward gave, as one array for each input."""
    return dx if isinstance(dx, tuple) else (dx,)


def added(total: Sides, parts: Sides) -> Sides:
    """total + parts, input by input; an empty total is nothing yet."""
    return tuple(a + b for a, b in zip(total, parts, strict=True)) if total else parts


def divided(relevance: Array, z: Array, epsilon: float) -> Array:
    """R / (z + ε sign z) with sign 0 = 1; 0 where that is 0 or so small that R / z overflows."""
    z = z + np.where(z >= 0, epsilon, -epsilon).astype(z.dtype)
    limits = np.finfo(z.dtype)
    return np.divide(relevance, z, out=np.zeros_like(z), where=np.abs(z) > limits.tiny / limits.eps)


# Which layers are alike -----------------------------------------------------------------------


def routed(layer: Layer, relevance: Array, call: Call) -> Array | tuple[Array, ...]:
    """Every output came from one input, so its relevance goes there: the layer's own backward."""
    return layer.backward(relevance, call)


def passed(layer: Layer, relevance: Array, call: Call) -> Array:
    """R_in = R_out: every output belongs to the input at its own place; an input that was copied
    gets the sum of its copies."""
    if relevance.shape == call.x.shape:
        return relevance
    x = lined(call.x, relevance.ndim - 1)
    return added_up(relevance, x.shape).reshape(call.x.shape)


def halved(layer: Layer, relevance: Array, call: Call) -> tuple[Array, ...]:
    """A product's factors share alike: each gets R / (how many there are)."""
    assert isinstance(layer, Merge)
    return tuple(layer.shrunk(relevance / len(call.xs), x) for x in call.xs)


ARITHMETIC = {
    **{"add": "mixing", "mean": "mixing", "multiply": "product"},
    **dict.fromkeys(("maximum", "minimum", *QUESTIONS), "choice"),
}
REDUCTIONS = {"mean": "mixing", "sum": "mixing", "max": "maximum", "min": "choice"}


def _with_constant(layer: Layer) -> str:
    """A line s x + t for each number by itself, or another curve."""
    assert isinstance(layer, WithConstant)
    line = layer.operation in ("add", "subtract", "multiply")
    return "scaling" if line or (layer.operation == "divide" and not layer.first) else "curve"


KINDS: Mapping[type[Layer], str | Callable[[Any], str | None]] = {
    Dense: "dense",
    Conv2D: "convolution",
    DepthwiseConv2D: "convolution",
    Subsampling2D: "convolution",
    Add: "mixing",
    AveragePooling2D: "mixing",
    GlobalAveragePooling2D: "mixing",
    UpSampling2D: "mixing",
    BatchNormalization: "scaling",
    Normalization: "scaling",
    Concatenate: "routing",
    Dropout: "routing",
    Flatten: "routing",
    Linear: "routing",
    ZeroPadding2D: "routing",
    MaxPooling2D: "maximum",
    Where: "choice",
    Pointwise: "curve",
    LocalResponseNormalization: "damping",
    Multiply: "product",
    Softmax: "softmax",
    LogSoftmax: "softmax",
    Arithmetic: lambda layer: ARITHMETIC.get(layer.operation, "general"),
    WithConstant: _with_constant,
    Reduce: lambda layer: REDUCTIONS.get(layer.operation, "general"),
    Resize: lambda layer: "general" if layer.interpolation == "cubic" else "mixing",
    GlobalMaxPooling2D: "maximum",
    **dict.fromkeys(
        (BroadcastTo, Constant, DepthToSpace, Gather, Pad, Permute, Reshape, Slice, SpaceToDepth),
        "routing",
    ),
    **dict.fromkeys(
        (GlobalLpPooling2D, GroupNormalization, InstanceNormalization, LayerNormalization,
         LpPooling2D, MatMul), "general"
    ),
}  # fmt: skip
"""dense, convolution: linear, with weights. mixing: linear, with fixed weights of at least 0.
scaling: y = s x + t for each number by itself. routing: every output is one of the inputs, maximum:
the largest of some, choice: of several inputs, or the smallest, or what only chooses. curve: every
number by itself. damping: nearly so, neighbours only damp it. general: anything else with a
derivative, which propagation has no rule for. A layer whose settings decide is asked."""


def kind_of(layer: Layer) -> str | None:
    """The layer's kind, its own class's or that of the nearest class it descends from; None for
    what has no derivative, whatever it descends from."""
    if not layer.differentiable:
        return None
    kind = next((KINDS[c] for c in type(layer).__mro__ if c in KINDS), None)
    return kind(layer) if callable(kind) else kind


def refuse(method: str, node: Node) -> NoReturn:
    """No rule for this node: an error that names it and says what to do."""
    kind = type(node.layer).__name__
    if isinstance(node.layer, Softmax | LogSoftmax):
        remedy = (
            "its outputs depend on each other; explain what goes into it (a class number as "
            "target means the logit), or use integrated_gradients"
        )
    else:
        remedy = "use a method that needs none, such as integrated_gradients or occlusion"
    raise ArgumentError(f"{method} has no rule for node {node.name!r} ({kind}): {remedy}")


RuleOf = Callable[[Node, str], Rule | None]
"""The rule for a node and its kind; None where there is none."""


def rules_for(model: Model, ends: Sequence[str], method: str, rule_of: RuleOf) -> RuleFor:
    """The rule of every node on the way to `ends`; refuses where one has none."""
    rules: dict[str, Rule] = {}
    for node in up_to(model, *ends).nodes:
        kind = kind_of(node.layer)
        rule = None if kind is None else rule_of(node, kind)
        if rule is None:
            refuse(method, node)
        rules[node.name] = rule
    return lambda node: rules[node.name]


# The first layers and what their inputs may be ------------------------------------------------

Box = tuple[Array, Array]
"""The least and the largest that each input of a layer may be, (1, …) each."""

BOUND_ROUNDING = 1e-4
"""A pixel this far beyond 0 … 1 is within: resizing and the preparation round."""

KEEP_ORDER = ("mixing", "routing", "maximum", "choice", "scaling")
"""What may lie between the picture and a first layer: more light in is more out, or (a scaling by
less than 0) less, everywhere."""


def first_layers(model: Model) -> dict[str, Box]:
    """The layers with weights that read pixels, each with the bounds of its inputs.

    A pixel lies between 0 and 1; `Model.input` and what stands before the layer (a normalization, a
    frame of zeros, pooling) say what the layer is given then.
    """
    return _bounds(model)[0]


def _bounds(model: Model) -> tuple[dict[str, Box], dict[str, Box]]:
    """The bounds of what `first_layers` are given, and of what the nodes before them give."""
    shape = (1, *model.input.shape)
    ends = [model.input.prepare(make(shape)) for make in (np.zeros, np.ones)]
    boxes: dict[str, Box] = {INPUT: (ends[0], ends[1])}
    found: dict[str, Box] = {}
    for node in model.nodes:
        if not all(name in boxes for name in node.inputs):
            continue
        kind = kind_of(node.layer)
        if kind in ("dense", "convolution"):
            found[node.name] = boxes[node.inputs[0]]
        elif kind in KEEP_ORDER:
            low, high = (
                node.layer.forward(*(boxes[name][end] for name in node.inputs), mode=PREDICT)[0]
                for end in (0, 1)
            )
            boxes[node.name] = np.minimum(low, high), np.maximum(low, high)
    return found, boxes


def above(low: Array) -> Part:
    """max(x − low, 0), in the dtype of x: where x lies below its bound, x is the bound."""
    return lambda x: np.maximum(x - low.astype(x.dtype), 0)


def below(high: Array) -> Part:
    """min(x − high, 0): where x lies above its bound, x is the bound."""
    return lambda x: np.minimum(x - high.astype(x.dtype), 0)


# What is to be said ---------------------------------------------------------------------------


def straight(layer: Layer, fit: tuple[type[Layer], ...]) -> bool:
    """Whether a layer is one of these, computing as they do: not a ReLU with a ceiling."""
    return any(isinstance(layer, c) and type(layer).forward is c.forward for c in fit)


STRAIGHT = (ReLU, LeakyReLU, PReLU)
"""Activations that are a straight line through 0 on each side: y = f'(x) x, so that passing the
relevance on is exact."""


def unfit(
    model: Model, ends: Sequence[str], method: str, *, for_relus: bool, scaling_passes: bool
) -> tuple[str, ...]:
    """Warnings that name the nodes on the way to `ends` that no rule was made for.

    for_relus: whether the method is made for ReLUs alone. scaling_passes: whether a normalization
    passes everything on; what prepares the pixels for the first layer may.
    """
    fit = (ReLU,) if for_relus else STRAIGHT
    way = [(node, kind_of(node.layer)) for node in up_to(model, *ends).nodes]
    curves = [n.name for n, kind in way if kind == "damping"
              or (kind == "curve" and not straight(n.layer, fit))]  # fmt: skip
    pixels = _bounds(model)[1]
    norms = [n.name for n, kind in way if kind == "scaling" and n.name not in pixels]
    texts = []
    if curves and for_relus:
        texts.append(
            f"{method} is derived for ReLUs: {listing(curves)} passed the relevance on as it was"
        )
    elif curves:
        texts.append(
            f"{listing(curves)} passed the relevance on as it was, as if the curve were a straight "
            "line through 0"
        )
    if norms and scaling_passes:
        texts.append(
            f"{method} has no rule for a normalization that cannot be folded: {listing(norms)} "
            "passed all relevance on, whatever it adds or turns round"
        )
    return tuple(texts)


def beyond(model: Model, x: Array, method: str) -> tuple[str, ...]:
    """Warnings that name the pictures, as network input, that leave the bounds of `first_layers`
    by more than rounding."""
    if not first_layers(model):
        return ()
    shape = (1, *model.input.shape)
    black, white = (model.input.prepare(make(shape)) for make in (np.zeros, np.ones))
    pixels = (x - black) / (white - black)
    texts = []
    for i, picture in enumerate(pixels):
        low, high = float(picture.min()), float(picture.max())
        if low < -BOUND_ROUNDING or high > 1 + BOUND_ROUNDING:
            place = f"picture {i}: " if len(x) > 1 else ""
            texts.append(
                f"{place}pixels from {low:.3g} to {high:.3g}, beyond the 0 … 1 that {method} rests "
                "on at the first layer: such a pixel was taken for its own bound"
            )
    return tuple(texts)
