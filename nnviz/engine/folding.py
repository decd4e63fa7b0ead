"""Normalization at prediction is s x + t for each channel: here it goes into the weights beside it.

`rewrite.fold_batch_norm` makes a model of it for good; `Model.run` does it for one run, where
nobody looks at what lies between. There, and in training, pools and ReLUs may change places too.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .graph import Node
from .layer import Array, Layer, Mode, Shape
from .layers.arithmetic import WithConstant
from .layers.conv import Conv2D
from .layers.dense import Dense
from .layers.depthwise import DepthwiseConv2D
from .layers.norm import BatchNormalization, still
from .layers.pool import MaxPooling2D, Subsampling2D
from .layers.rectifier import ReLU
from .layers.transposed import Conv2DTranspose
from .lines import add_bias

WEIGHTY = Conv2D | Dense | DepthwiseConv2D | Subsampling2D


def folds(
    nodes: Sequence[Node], shapes: Mapping[str, Shape], keep: Collection[str] = ()
) -> tuple[dict[str, str], dict[str, Layer]]:
    """What can be folded away of these nodes: (name -> what takes its place, name -> the layer with
    other weights). keep: nodes whose outputs are wanted as they are."""
    gone, folded = _folds(nodes, shapes, keep)
    return gone, {name: layer for name, (layer, _) in folded.items()}


class Folded:
    """Nodes (with their places) that give the same, with what can be folded away.

    keep: nodes whose outputs are wanted as they are. The folded weights are made of those that the
    layers had then; `again` makes them anew.
    """

    def __init__(
        self,
        nodes: Sequence[tuple[int, Node]],
        shapes: Mapping[str, Shape],
        keep: Collection[str],
    ) -> None:
        plain = {node.name: node.layer for _, node in nodes}
        gone, folded = _folds([node for _, node in nodes], shapes, keep)
        self._folded = [(plain[name], *made) for name, made in folded.items()]
        layers = {**plain, **{name: layer for name, (layer, _) in folded.items()}}
        self.nodes = [
            (i, Node(n.name, layers[n.name], tuple(gone.get(k, k) for k in n.inputs)))
            for i, n in nodes
            if n.name not in gone
        ]

    def again(self) -> bool:
        """Make the weights of what the layers hold now; False where they cannot be folded now."""
        for plain, made, steps in self._folded:
            layer: Layer | None = plain
            for step in steps:
                layer = None if layer is None else step(layer)
            if layer is None:
                return False
            for name, array in made.params.items():
                np.copyto(array, layer.params[name])
        return True


Step = Callable[[Layer], Layer | None]
"""A layer with one more normalization in its weights; None where it does not go in."""


def _folds(
    nodes: Sequence[Node], shapes: Mapping[str, Shape], keep: Collection[str]
) -> tuple[dict[str, str], dict[str, tuple[Layer, list[Step]]]]:
    """`folds`, with the steps that lead to each layer."""
    readers: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        for name in node.inputs:
            readers[name].append(node)
    held = {node.name: node.layer for node in nodes}
    gone: dict[str, str] = {}
    folded: dict[str, tuple[Layer, list[Step]]] = {}
    for node in nodes:
        if not node.inputs or node.name in keep:
            continue
        source, after = gone.get(node.inputs[0], node.inputs[0]), readers[node.name]
        places: list[tuple[str, Callable[..., Layer | None]]] = []
        if source in held and len(readers[node.inputs[0]]) == 1 and source not in keep:
            places.append((source, _folded))
        if len(after) == 1:
            places.append((after[0].name, _absorbed))
        for place, into in places:
            layer, steps = folded.get(place, (held[place], []))
            step = partial(into, norm=node.layer, shape=shapes[source])
            if (changed := step(layer)) is not None:
                gone[node.name], folded[place] = source, (changed, [*steps, step])
                break
    return gone, folded


def pooled_first(
    nodes: Sequence[tuple[int, Node]], keep: Collection[str] = (), *, apart: bool = False
) -> list[tuple[int, Node]]:
    """Nodes (with their places) that give the same, with max pools before the ReLUs that they alone
    read: max over a window of max(x, 0) is max(max over the window of x, 0), with fewer numbers.

    The gradient is the same as well: where a window's largest is above 0, both ways it goes to the
    first that is so large, and elsewhere it ends at the ReLU. A pair changes its layers, each node
    keeps its name and place. keep: nodes whose outputs are wanted as they are. apart: only
    where no number lies in two windows, so that a ReLU never meets the sum of two gradients.
    """
    changed = list(nodes)
    readers = Counter(name for _, node in nodes for name in node.inputs)
    at = {node.name: i for i, (_, node) in enumerate(nodes)}
    for i, (place, pool) in enumerate(nodes):
        source = pool.inputs[0] if type(pool.layer) is MaxPooling2D else ""
        if source in keep or readers[source] > 1 or source not in at:
            continue
        own, relu = nodes[at[source]]
        together = isinstance(pool.layer, MaxPooling2D) and not (apart and not pool.layer.apart)
        if type(relu.layer) is ReLU and together:
            changed[at[source]] = own, Node(source, pool.layer, relu.inputs)
            changed[i] = place, Node(pool.name, relu.layer, pool.inputs)
    return changed


def bias_last(
    nodes: Sequence[tuple[int, Node]], keep: Collection[str] = ()
) -> list[tuple[int, Node]]:
    """Nodes (with their places) that give the same, bit for bit, with a convolution's bias added
    after the max pool that alone reads it: rounding keeps the order of numbers, so the largest sum
    is the sum with the largest, and there are fewer. Such a pool has no way back.

    keep: nodes whose outputs are wanted as they are, and pools that are gone back through.
    """
    changed = list(nodes)
    readers = Counter(name for _, node in nodes for name in node.inputs)
    at = {node.name: i for i, (_, node) in enumerate(nodes)}
    for i, (place, pool) in enumerate(nodes):
        own, conv = nodes[at.get(pool.inputs[0], i)] if pool.inputs else (place, pool)
        if type(pool.layer) is not MaxPooling2D or type(conv.layer) is not Conv2D:
            continue
        wanted = conv.name in keep or pool.name in keep
        if conv.layer.use_bias and readers[conv.name] == 1 and not wanted:
            plain = copy.copy(conv.layer)
            plain.use_bias = False
            changed[at[conv.name]] = own, Node(conv.name, plain, conv.inputs)
            changed[i] = place, Node(pool.name, _ThenBias(pool.layer, conv.layer), pool.inputs)
    return changed


class _ThenBias(MaxPooling2D):
    """A max pool that adds the bias of the convolution before it."""

    def __init__(self, pool: MaxPooling2D, conv: Conv2D) -> None:
        super().__init__()
        vars(self).update(vars(pool))
        self.params = {"bias": conv.params["bias"]}

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array | None]:
        y, saved = super().forward(*xs, mode=mode)
        add_bias(y, self.param("bias", y.dtype), mode)
        return y, saved


def is_ours(layer: Layer | type[Layer] | Callable[..., Any]) -> bool:
    """Whether a layer (or its class, or a function of it) computes what its class here does: a
    user's own may do more."""
    home = type(layer).__module__ if isinstance(layer, Layer) else layer.__module__
    return home.startswith(f"{__package__}.")


Affine = tuple[Array, Array]
"""(s, t) of y = s x + t for each channel; in float64."""


def _affine(layer: Layer, shape: Shape) -> Affine | None:
    """What a layer does to each channel of inputs of this shape; None where that is no s x + t."""
    if not is_ours(layer):
        return None
    if isinstance(layer, BatchNormalization):
        return still(layer)
    if not isinstance(layer, WithConstant) or layer.operation not in LINES or not shape:
        return None
    alike = set(layer.shape[:-1]) <= {1} and layer.out_shape(shape) == shape
    if not alike or (layer.first and layer.operation == "divide"):
        return None
    value = np.broadcast_to(layer.buffers["value"].astype(np.float64).ravel(), shape[-1:])
    if layer.operation == "divide" and not value.all():
        return None
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


def _folded(layer: Layer, norm: Layer, shape: Shape) -> Layer | None:
    """The layer with the normalization after it in its weights; None where it has none."""
    affine = _affine(norm, shape)
    if affine is None or not isinstance(layer, WEIGHTY) or not is_ours(layer):
        return None
    scale, shift = affine
    weight = layer.params["weight"]
    by_filter = scale
    if isinstance(layer, Conv2DTranspose):  # its filters are the last axis but one
        by_filter = scale[:, None]
    elif isinstance(layer, DepthwiseConv2D):
        by_filter = scale.reshape(weight.shape[2:])
    bias = layer.params.get("bias", np.zeros(scale.shape))
    return _with_weights(layer, weight * by_filter, bias * scale + shift)


def _absorbed(layer: Layer, norm: Layer, shape: Shape) -> Layer | None:
    """The layer with the normalization before it in its weights; None where that is not exact."""
    affine = _affine(norm, shape)
    if affine is None:
        return None
    scale, shift = affine
    weighty = isinstance(layer, Conv2D | Dense) and is_ours(layer)
    if isinstance(layer, Conv2DTranspose) or not weighty:
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


def _with_weights(layer: Layer, weight: Array, bias: Array) -> Layer | None:
    """A copy with this weight and with this bias, whether it had one or not; None where a number
    does not fit."""
    dtype = layer.params["weight"].dtype
    with np.errstate(over="ignore", invalid="ignore"):
        weight, bias = weight.astype(dtype), bias.astype(dtype)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        return None
    other = layer.with_params(weight=weight, bias=bias)
    if isinstance(other, Conv2D | Dense | DepthwiseConv2D):
        other.use_bias = True
    return other
