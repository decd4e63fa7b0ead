"""Class activation maps: a weighted sum of a node's channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.layers.dropout import Dropout
from ...engine.model import Model
from ...errors import ArgumentError
from ..anatomy.receptive import has_places, place_on_picture, receptive_field
from ..results import Attribution, Provenance, degenerate
from .gradients import target_gradient
from .rules import rule_name

CAUSE = (
    "no channel of this node speaks for the target at any place (every weighted sum is zero or "
    "below); try another node, or another class"
)


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


def grad_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None, rule: str = "plain"
) -> Attribution:
    """L = max(Σ_k α_k A_k, 0) with α_k = (1 / Z) Σ_{r, c} ∂S / ∂A_k[r, c].

    A_k: channel k of the node's output, Z its number of places, S the target (for a class, its
        logit).
    values: (N, rows, cols), not negative, placed on the picture by the receptive fields' centres;
    at_node: L itself, (N, r, c).
    node: by name; None for the last node with space in it. rule: the backward rule between target
    and node. Selvaraju et al. 2017, eqs. 1 and 2, arXiv:1610.02391; they stretch the map corner to
    corner.
    """
    rule = rule_name(rule)
    name = last_spatial_node(model) if node is None else model.node(node).name
    if len(model.shapes[name]) != 3:
        raise ArgumentError(
            f"node {name!r} has shape {model.shapes[name]}, which has no rows and cols: choose a "
            f"node before the flattening, such as {last_spatial_node(model)!r}"
        )
    trace, goal, scores, grads, warnings = target_gradient(model, x, target, at=(name,), rule=rule)
    weights = grads[name].mean(axis=(1, 2))
    at_node = np.maximum(np.einsum("nrck,nk->nrc", trace[name].y, weights), 0)
    values = place_on_picture(model, name, at_node)
    return Attribution(
        values=values,
        scores=scores,
        at_node=at_node,
        warnings=warnings + degenerate(values, CAUSE),
        provenance=Provenance.of(
            model, "grad_cam", target=goal.describe(model), node=name, settings={"rule": rule}
        ),
    )
