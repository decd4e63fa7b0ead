"""Models made from models. A rewriting returns a new model that shares arrays with the old one."""

from __future__ import annotations

import copy

import numpy as np

from .graph import Node
from .layers.activation import Sigmoid, Softmax
from .layers.conv import Conv2D
from .layers.dense import Dense
from .layers.norm import BatchNormalization
from .model import Model


def drop_softmax(model: Model) -> Model:
    """The model without its head's softmax or sigmoid: its output is the logits.

    A flattening after the softmax stays. A model that has no such head comes back as it is.
    """
    head = model._head_node()
    if not isinstance(head.layer, Softmax | Sigmoid) or len(model.nodes) == 1:
        return model
    return _without(model, {head.name: head.inputs[0]}, {}, head_kind="logits")


def fold_batch_norm(model: Model) -> Model:
    """Every batch normalization after a convolution or dense layer, multiplied into its weights.

    With s = γ / √(σ² + ε): W ← W · s, b ← (b − μ) · s + β. What remains is the same function (to
    rounding) with fewer nodes. A normalization elsewhere, or after a node that others read as well,
    stays.
    """
    readers: dict[str, int] = {}
    for node in model.nodes:
        for name in node.inputs:
            readers[name] = readers.get(name, 0) + 1
    gone: dict[str, str] = {}
    layers: dict[str, Conv2D | Dense] = {}
    for node in model.nodes:
        if not isinstance(node.layer, BatchNormalization):
            continue
        source = node.inputs[0]
        if source not in model._places or readers[source] != 1:
            continue
        before = model.node(source).layer
        if isinstance(before, Conv2D | Dense):
            gone[node.name] = source
            layers[source] = _folded(before, node.layer)
    return _without(model, gone, layers, head_kind=model.head) if gone else model


def up_to(model: Model, *names: str) -> Model:
    """The model that ends at a node, or at the last of several: what does not lead there is left
    out, the rest is shared."""
    wanted = {model.node(name).name for name in names}
    for node in reversed(model.nodes):
        if node.name in wanted:
            wanted |= set(node.inputs)
    nodes = [node for node in model.nodes if node.name in wanted]
    if len(nodes) == len(model.nodes):
        return model
    return Model.from_nodes(nodes, input=model.input, made=model.made)


def _folded(layer: Conv2D | Dense, norm: BatchNormalization) -> Conv2D | Dense:
    """The layer with the normalization in its weights; computed in float64."""
    variance = norm.buffers["moving_variance"].astype(np.float64)
    scale = norm.params["gamma"] / np.sqrt(variance + norm.epsilon)
    bias = layer.params.get("bias", np.zeros(scale.shape))
    weight = layer.params["weight"]
    other = copy.copy(layer)
    other.use_bias = True
    other.params = {
        "weight": (weight * scale).astype(weight.dtype),
        "bias": ((bias - norm.buffers["moving_mean"]) * scale + norm.params["beta"]).astype(
            weight.dtype
        ),
    }
    return other


def _without(
    model: Model, gone: dict[str, str], layers: dict[str, Conv2D | Dense], head_kind: str
) -> Model:
    """The model without the nodes in `gone` (name -> what takes its place)."""
    nodes = [
        Node(n.name, layers.get(n.name, n.layer), tuple(gone.get(i, i) for i in n.inputs))
        for n in model.nodes
        if n.name not in gone
    ]
    return Model.from_nodes(
        nodes, input=model.input, head=head_kind, classes=model.classes, made=model.made
    )
