"""Rules: what takes the place of a layer's backward while an explanation is computed.

The trouble: the gradient of a ReLU network is noisy, because every open ReLU passes what comes.
The idea: decide at the ReLUs what may pass.

| rule        | what a ReLU passes back            | from |
|-------------|------------------------------------|------|
| plain       | dy where x > 0 (the derivative)    | Simonyan et al. 2013, arXiv:1312.6034     |
| rectified   | dy where dy > 0 ("deconvnet")      | Zeiler and Fergus 2013, arXiv:1311.2901   |
| guided      | dy where x > 0 and dy > 0          | Springenberg et al. 2014, arXiv:1412.6806 |

Guided and rectified maps look clean, but they show the picture's edges more than the network's
reasons (Adebayo et al. 2018, arXiv:1810.03292): read them beside the plain one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...engine.layer import Array, Call, Layer, Rule
from ...engine.layers.activation import (
    Linear,
    LogSoftmax,
    Pointwise,
    Sigmoid,
    Softmax,
    Step,
    Tanh,
)
from ...engine.layers.curve import HardSigmoid, Softsign
from ...engine.layers.function import Function
from ...engine.layers.rectifier import ReLU, positive_part
from ...engine.model import Model
from ...engine.walk import ByKind, RuleFor
from ...errors import listing
from .checks import choice


def guided(layer: Layer, dy: Array, call: Call) -> Array | tuple[Array, ...]:
    """dx = dy where x > 0 and dy > 0: the layer's own backward of what is positive, so that a kind
    of ReLU of a user's own (with a ceiling, say) keeps its derivative."""
    ours = replace(call, mode=replace(call.mode, spare=True))  # what is rectified is written over
    return layer.backward(rectified(layer, dy, call), ours)


def rectified(layer: Layer, dy: Array, call: Call) -> Array:
    """dx = max(dy, 0)."""
    dx = call.mode.new(dy.shape, dy.dtype)
    positive_part(dy, dx, call.mode)
    return dx


RULES: Mapping[str, Mapping[type[Layer], Rule]] = {
    "plain": {},
    "guided": {ReLU: guided},
    "rectified": {ReLU: rectified},
}
"""Name -> which kinds of layer, with their descendants, get which rule; all others keep their own
backward."""

NO_RELATIVES = (
    Function, HardSigmoid, Linear, LogSoftmax, Sigmoid, Softmax, Softsign, Step, Tanh
)  # fmt: skip
"""All other activations hold back what is negative as a ReLU does, or may: the papers say nothing
of them, and they are named."""

ALIASES = {"relu": "rectified", "deconv": "rectified", "deconvnet": "rectified"}


def rule_name(name: str | None) -> str:
    """The rule's own name for a name or an alias of it."""
    known = [*RULES, *(alias for alias in ALIASES if alias)]
    name = "plain" if name is None else choice(name, "rule", "nnviz", known)
    return ALIASES.get(name, name)


def rule_set(model: Model, name: str) -> tuple[RuleFor | None, tuple[str, ...]]:
    """The rule for every node of a model, and a warning where the rule has nothing to act on."""
    table = RULES[name]
    if not table:
        return None, ()
    rules = ByKind(table, shut=name == "guided", repeats=True)
    return rules, relu_warnings(model, name)


def relu_warnings(model: Model, name: str) -> tuple[str, ...]:
    """What is to be said where a rule for ReLUs finds none, or finds relatives of theirs."""
    if not any(isinstance(node.layer, ReLU) for node in model.nodes):
        return (
            f"this model has no ReLU, so the {name} rule changes nothing: the map is the plain "
            "gradient's",
        )
    left = [
        node.name
        for node in model.nodes
        if isinstance(node.layer, Pointwise) and not isinstance(node.layer, (ReLU, *NO_RELATIVES))
    ]
    if left:
        return (f"the {name} rule is for ReLUs alone: {listing(left)} kept the plain gradient",)
    return ()
