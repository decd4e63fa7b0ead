"""Filters: the weights of a convolution as pictures."""

from __future__ import annotations

from dataclasses import dataclass

from ...engine.layer import Array
from ...engine.layers.conv import Conv2D
from ...engine.model import Model
from ...errors import ArgumentError, listing
from ..results import Provenance, Result


@dataclass(frozen=True)
class Filters(Result):
    """values: (filters, kh, kw, channels), signed, as the network has learnt them."""

    values: Array
    provenance: Provenance


def filters(model: Model, node: str | None = None) -> Filters:
    """The kernels of a convolution (the first one where no node is named)."""
    convolutions = [n.name for n in model.nodes if isinstance(n.layer, Conv2D)]
    if not convolutions:
        raise ArgumentError("this model has no convolution, so it has no filters to show")
    name = convolutions[0] if node is None else model.node(node).name
    if name not in convolutions:
        raise ArgumentError(
            f"node {name!r} is a {type(model.node(name).layer).__name__}, which has no filters; "
            f"the convolutions are {listing(convolutions)}"
        )
    weight = model.node(name).layer.params["weight"]
    return Filters(weight.transpose(3, 0, 1, 2).copy(), Provenance.of(model, "filters", node=name))
