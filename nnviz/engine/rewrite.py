"""Models made from models. A rewriting returns a new model that shares arrays with the old one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from .graph import INPUT, Node
from .layer import Array, Layer, Shape
from .layers.arithmetic import WithConstant
from .layers.conv import Conv2D
from .layers.dense import Dense
from .layers.depthwise import DepthwiseConv2D
from .layers.norm import BatchNormalization
from .layers.pool import Subsampling2D
from .layers.transposed import Conv2DTranspose
from .model import Model


def drop_softmax(model: Model) -> Model:
    """The model without its head's softmax (or the logarithm of one) or sigmoid: its output is the
    logits.

    A flattening after the softmax stays. A model that has no such head comes back as it is.
    """
    head = model._head_node()
    if model._head_kind(head) is None or len(model.nodes) == 1:
        return model
    return _without(model, {head.name: head.inputs[0]}, {}, head_kind="logits")


def fold_batch_norm(model: Model, keep: Collection[str] = ()) -> Model:
    """Every batch normalization next to a layer with weights, multiplied into them; and as it is
    the same, every constant that is added to the channels or that they are multiplied by.

    With s = γ / √(σ² + ε) and t = β − μ s: after a layer W ← W · s, b ← b · s + t; before a dense
    layer, or a convolution whose windows read no padding (or where t is 0), W ← s · W,
    b ← b + Σ t W. What remains is the same function (to rounding) with fewer nodes. A normalization
    elsewhere, or after a node that others read as well, stays.
    keep: nodes whose outputs are wanted as they are.
    """
    readers: dict[str, list[str]] = defaultdict(list)
    for node in model.nodes:
        for name in node.inputs:
            readers[name].append(node.name)
    gone: dict[str, str] = {}
    layers: dict[str, Layer] = {}
    for node in model.nodes:
        norm = _affine(node.layer, model.shapes[node.inputs[0]])
        if norm is None or node.name in keep:
            continue
        source, after = gone.get(node.inputs[0], node.inputs[0]), readers[node.name]
        changed, place = None, source
        if source != INPUT and len(readers[node.inputs[0]]) == 1 and source not in keep:
            changed = _folded(layers.get(source, model.node(source).layer), norm)
        if changed is None and len(after) == 1:
            place = after[0]
            changed = _absorbed(model.node(place).layer, norm, model.shapes[source])
        if changed is not None:
            gone[node.name], layers[place] = source, changed
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


Affine = tuple[Array, Array]
"""(s, t) of y = s x + t for each channel; in float64."""


def _affine(layer: Layer, shape: Shape) -> Affine | None:
    """What a layer does to each channel of inputs of this shape; None where that is no s x + t."""
    if isinstance(layer, BatchNormalization):
        scale = layer.params["gamma"] / np.sqrt(
            layer.buffers["moving_variance"].astype(np.float64) + layer.epsilon
        )
        return scale, layer.params["beta"] - layer.buffers["moving_mean"] * scale
    if not isinstance(layer, WithConstant) or layer.operation not in LINES or not shape:
        return None
    alike = set(layer.shape[:-1]) <= {1} and layer.out_shape(shape) == shape
    if not alike or (layer.first and layer.operation == "divide"):
        return None
    value = np.broadcast_to(layer.buffers["value"].astype(np.float64).ravel(), shape[-1:])
    scale, shift = LINES[layer.operation](value)
    if layer.first and layer.operation == "subtract":
        scale, shift = -scale, -shift
    return np.broadcast_to(scale, shape[-1:]), np.broadcast_to(shift, shape[-1:])


LINES: Mapping[str, Callable[[Array], tuple[Any, Any]]] = {
    "add": lambda c: (1.0, c),
    "subtract": lambda c: (1.0, -c),
    "multiply": lambda c: (c, 0.0),
    "divide": lambda c: (1 / c, 0.0),
}
"""What a constant c makes of x: s and t of s x + t."""


def _folded(layer: Layer, norm: Affine) -> Layer | None:
    """The layer with the normalization after it in its weights; None where it has none."""
    if not isinstance(layer, Conv2D | Dense | DepthwiseConv2D | Subsampling2D):
        return None
    scale, shift = norm
    weight = layer.params["weight"]
    by_filter = scale
    if isinstance(layer, Conv2DTranspose):  # its filters are the last axis but one
        by_filter = scale[:, None]
    elif isinstance(layer, DepthwiseConv2D):
        by_filter = scale.reshape(weight.shape[2:])
    bias = layer.params.get("bias", np.zeros(scale.shape))
    return _with_weights(layer, weight * by_filter, bias * scale + shift)


def _absorbed(layer: Layer, norm: Affine, shape: Shape) -> Layer | None:
    """The layer with the normalization before it in its weights; None where that is not exact."""
    scale, shift = norm
    if isinstance(layer, Conv2DTranspose) or not isinstance(layer, Conv2D | Dense):
        return None  # at a transposed convolution's border a constant meets fewer kernel cells
    weight = layer.params["weight"].astype(np.float64)
    if isinstance(layer, Conv2D):
        if shift.any() and np.any(layer.window().padding((shape[0], shape[1]))):
            return None  # the padding is 0 after the normalization, not before it
        inside, filters = weight.shape[2:]
        group = np.arange(filters) // (filters // layer.groups)
        read = group * inside + np.arange(inside)[:, None]  # (inside, filters)
    else:
        read = np.arange(len(weight))[:, None]
    bias = layer.params.get("bias", 0) + (weight * shift[read]).sum(
        axis=tuple(range(weight.ndim - 1))
    )
    return _with_weights(layer, weight * scale[read], bias)


def _with_weights(layer: Layer, weight: Array, bias: Array) -> Layer:
    """A copy with this weight and with this bias, whether it had one or not."""
    dtype = layer.params["weight"].dtype
    other = layer.with_params(weight=weight.astype(dtype), bias=bias.astype(dtype))
    if isinstance(other, Conv2D | Dense | DepthwiseConv2D):
        other.use_bias = True
    return other


def _without(
    model: Model, gone: Mapping[str, str], layers: Mapping[str, Layer], head_kind: str
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
