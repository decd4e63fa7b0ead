"""Which node a map is made at, and whether it has places at all."""

from __future__ import annotations

from ...engine.layers.dropout import Dropout
from ...engine.model import Model
from ...errors import ArgumentError
from ..anatomy.receptive import has_places, receptive_field


def last_spatial_node(model: Model) -> str:
    """The last node whose output has more than one place: where CAMs are taken by default.

    Dropout is passed over, since at prediction it is the node before it, and so are nodes whose
    places all read the same pixels.
    """
    for node in reversed(model.nodes):
        shape = model.shapes[node.name]
        if len(shape) != 3 or shape[0] * shape[1] == 1 or isinstance(node.layer, Dropout):
            continue
        if len(model.input.shape) == 3 and has_places(receptive_field(model, node.name)):
            return node.name
    raise ArgumentError(
        "this model has no node with rows and cols, so there is no class activation map: use "
        "saliency or occlusion"
    )


def spatial_node(model: Model, node: str | None) -> str:
    """A node with rows and cols, by name; None for the last one."""
    if node is None:
        return last_spatial_node(model)
    name = model.node(node).name
    if len(model.shapes[name]) != 3:
        raise ArgumentError(
            f"node {name!r} has shape {model.shapes[name]}, which has no rows and cols: choose a "
            f"node before the flattening, such as {last_spatial_node(model)!r}"
        )
    return name
