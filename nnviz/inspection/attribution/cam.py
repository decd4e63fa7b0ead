"""Class activation maps: a weighted sum of a node's channels.

All of them make L = Σ_k w_k A_k at a node and place it on the picture; a method is how its weights
w_k come about. This file holds what they share.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ..anatomy.receptive import place_on_picture
from ..results import Attribution
from .methods import method
from .places import spatial_node
from .question import Question
from .rules import rule_name, rule_set

CAUSE = (
    "no channel of this node speaks for the target at any place (every weighted sum is zero or "
    "below); try another node, or another class"
)


def weighted(maps: Array, weights: Array) -> Array:
    """Σ_k w_k A_k: maps (N, r, c, channels), weights (N, channels) -> (N, r, c)."""
    return np.einsum("nrck,nk->nrc", maps, weights)


def positive(map_: Array) -> Array:
    """max(L, 0): only what speaks for the target."""
    return np.maximum(map_, 0)


@method(
    "cam",
    reference="Selvaraju et al. 2017, arXiv:1610.02391",
    needs="a node with places",
    cost="1 f + 1 b",
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
    question = Question.of(model, x, target, "grad_cam")
    name = spatial_node(model, node)
    rule_for, warnings = rule_set(model, rule)
    walk = question.walk(at=(name,), rule_for=rule_for)
    at_node = positive(weighted(walk.outputs[name], walk.gradients[name].mean(axis=(1, 2))))
    return question.answer(
        place_on_picture(model, name, at_node),
        scores=walk.scores,
        at_node=at_node,
        node=name,
        cause=CAUSE,
        settings={"rule": rule},
        warnings=warnings,
    )
