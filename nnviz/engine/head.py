"""A classifier's head: what turns its logits into probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .graph import INPUT, Node
from .layers.activation import LogSoftmax, Sigmoid, Softmax
from .layers.reshape import Flatten

if TYPE_CHECKING:
    from .model import Model


def guess_head(model: Model) -> str:
    """The `Model.head` of a model of which nobody has said it."""
    kind = head_kind(model, head_node(model))
    if kind is not None:
        return kind
    return "logits" if len(model.output_shape) == 1 and model.output_shape[0] > 1 else "none"


def head_node(model: Model) -> Node:
    """The last node that is not merely a flattening."""
    node = model.node(model.output_name)
    while isinstance(node.layer, Flatten) and node.inputs[0] != INPUT:
        node = model.node(node.inputs[0])
    return node


def head_kind(model: Model, node: Node) -> str | None:
    """What a node that turns logits into something else gives; None for any other node.

    A softmax of softmaxes' logarithms is the softmax of the logits, so these are logits too.
    """
    layer = node.layer
    if isinstance(layer, Softmax | LogSoftmax) and layer.axis in (-1, len(model.output_shape)):
        return "softmax" if isinstance(layer, Softmax) else "logits"
    return "sigmoid" if isinstance(layer, Sigmoid) else None
