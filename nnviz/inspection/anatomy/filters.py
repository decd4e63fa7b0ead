"""Filters: the weights of a layer as pictures, in an order that shows something."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.graph import INPUT, Node
from ...engine.layer import Array
from ...engine.layers import Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D, Flatten
from ...engine.model import Model
from ...errors import ArgumentError, listing, unknown
from ..results import Provenance, Result
from .stream import batches, up_to
from .summary import folds_into

KINDS = (Conv2D, DepthwiseConv2D, Dense)
"""Layers that have filters; the last is shown only where it is asked for by name."""
ORDERS = ("norm", "activation", "cluster")
APART = 0.5
"""Filters are of one cluster up to this cosine distance (average linkage): 60 degrees."""


@dataclass(frozen=True)
class Filters(Result):
    """values: (filters, kh, kw, channels), signed, as the network has learnt them.

    order: (filters,), which filter of the layer each one is; None means as they stand there.
    keys: (filters,), what they were sorted by: norms, mean answers, or numbers of clusters.
    is_colour: whether three channels are red, green and blue of the picture (else they are three
    maps of a deeper layer, and are drawn side by side).
    """

    values: Array
    provenance: Provenance
    order: Array | None = None
    keys: Array | None = None
    is_colour: bool = True


@of_model
def filters(model: Model, node: str | None = None, *, sort: str | None = None, x: Any = None
) -> Filters:  # fmt: skip
    """The kernels of a layer (the first convolution where no node is named).

    Convolutions of every kind give one kernel a filter; a depthwise one has a single channel in
    each. A dense layer's filters have the shape of what was flattened before it, and of a plain
    vector (1, features, 1). Colours are red, green, blue, also where the network reads BGR.

    sort: None leaves the order; "norm": the largest ‖w‖ first; "activation": the largest mean
    answer to pictures `x` first (behind the layer's own activation where it has one); "cluster":
    like beside like: average linkage of the cosine distance, the leaves in optimal order
    (Bar-Joseph et al. 2001), numbers of clusters in `keys`.
    x: pictures (N, …), a `Dataset` or an iterator of chunks; for "activation" alone.
    Raises `ArgumentError` for a node that there is not or that has no filters, for an unknown sort,
    and where `x` is missing.
    """
    if sort is not None and sort not in ORDERS:
        raise unknown("sort", sort, ORDERS, "filters")
    if (sort == "activation") != (x is not None):
        raise ArgumentError('x, pictures to answer to, belongs to sort="activation" and only there')
    at = model.node(_name(model, node))
    values, keys = _kernels(model, at), None
    order = np.arange(len(values))
    if sort == "cluster":
        order, keys = _clustered(values)
    elif sort is not None:
        every = _norms(values) if sort == "norm" else _answers(model, at, x)
        order = np.argsort(-every, kind="stable")
        keys = every[order]
    settings = {} if sort is None else {"sort": sort}
    made = Provenance.of(model, "filters", node=at.name, settings=settings)
    return Filters(
        values[order], made, None if sort is None else order, keys, _is_colour(model, at)
    )


def _name(model: Model, node: str | None) -> str:
    """The node's name, or that of the first convolution; an error where it has no filters."""
    every = [n.name for n in model.nodes if isinstance(n.layer, KINDS)]
    convolutions = [name for name in every if not isinstance(model.node(name).layer, Dense)]
    if node is None:
        if not convolutions:
            also = f"; name a dense layer: {listing(every)}" if every else ""
            raise ArgumentError(
                f"this model has no convolution, so it has no filters to show{also}"
            )
        return convolutions[0]
    name = model.node(node).name
    if name not in every:
        raise ArgumentError(
            f"node {node!r} is a {type(model.node(name).layer).__name__}, which has no filters; "
            f"there are some in {listing(every)}"
        )
    return name


def _kernels(model: Model, node: Node) -> Array:
    """(filters, kh, kw, channels), a copy."""
    layer, weight = node.layer, node.layer.params["weight"]
    if isinstance(layer, DepthwiseConv2D):
        kh, kw = layer.kernel_size
        return weight.reshape(kh, kw, -1, 1).transpose(2, 0, 1, 3).copy()
    if isinstance(layer, Conv2DTranspose):
        return weight.transpose(2, 0, 1, 3).copy()
    if isinstance(layer, Dense):
        shape = _flattened(model, node)
        weight = weight.T.reshape(len(weight.T), *shape)
    else:
        weight = weight.transpose(3, 0, 1, 2)
    if _is_colour(model, node) and model.input.channel_order == "BGR":
        weight = weight[..., ::-1]
    return weight.copy()


def _source(model: Model, node: Node) -> str:
    """What a layer reads, seen through a flattening."""
    source = node.inputs[0]
    if source != INPUT and isinstance(model.node(source).layer, Flatten):
        source = model.node(source).inputs[0]
    return source


def _flattened(model: Model, node: Node) -> tuple[int, int, int]:
    """The shape of what a dense layer reads, before it was flattened."""
    shape = model.shapes[_source(model, node)]
    if isinstance(node.layer, Dense) and node.layer.everywhere:
        return (1, 1, shape[2]) if len(shape) == 3 else (1, shape[-1], 1)
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return 1, math.prod(shape), 1


def _is_colour(model: Model, node: Node) -> bool:
    """Whether a layer's kernels lie on a picture of three colours."""
    return (
        _source(model, node) == INPUT
        and model.input.shape[2:] == (3,)
        and not isinstance(node.layer, DepthwiseConv2D)
    )


def _norms(values: Array) -> Array:
    flat = values.reshape(len(values), -1)
    return np.sqrt(np.square(flat, dtype=np.float64).sum(axis=1)).astype(values.dtype)


def _answers(model: Model, node: Node, x: Any) -> Array:
    """Each filter's mean answer over all places of all pictures."""
    own = [n.name for n in model.nodes if n.inputs == (node.name,) and folds_into(n)]
    name = own[0] if own else node.name
    part = up_to(model, name)
    total, count = np.zeros(model.shapes[name][-1]), 0
    for _, batch in batches(part, x, (name,)):
        y = part.run(batch, keep=(name,))[name].y
        total += y.sum(axis=tuple(range(y.ndim - 1)), dtype=np.float64)
        count += y.size // y.shape[-1]
    return total / count


def _clustered(values: Array) -> tuple[Array, Array]:
    """An order in which like stands beside like, and each filter's cluster (1, 2, …)."""
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(values) < 2:
        return np.arange(len(values)), np.ones(len(values), np.int64)
    flat = values.reshape(len(values), -1).astype(np.float64)
    lengths = np.sqrt((flat**2).sum(axis=1, keepdims=True))
    unit = flat / np.where(lengths > 0, lengths, 1)
    far = np.clip(1 - unit @ unit.T, 0, 2)
    np.fill_diagonal(far, 0)
    tree = linkage(squareform(far, checks=False), "average", optimal_ordering=True)
    order = leaves_list(tree).astype(np.int64)
    groups = fcluster(tree, APART, "distance")[order]
    fresh = np.concatenate([[True], groups[1:] != groups[:-1]])
    return order, np.cumsum(fresh)  # numbered as they come
