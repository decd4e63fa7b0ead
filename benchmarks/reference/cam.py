"""Class activation maps at their node: captum's Grad-CAM, and the others from their papers.

A: the node's output, G: the class's logit's gradient for it, both (N, channels, r, c).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from captum import attr
from torch import Tensor

from ..nets import Case
from .entry import Entry, scores, slopes

Weights = Callable[[Tensor, Tensor], Tensor]
PLACES = (2, 3)


def grad_cam(case: Case) -> np.ndarray:
    at = attr.LayerGradCam(case.twin, case.twin.at[case.node])
    return at.attribute(case.input, case.target, relu_attributions=True)[:, 0].detach().numpy()


def inner_node(case: Case) -> str:
    """The first ReLU or other curve: a node far from the head."""
    return next(name for name, _ in case.twin.nodes if "/" in name)


def grad_cam_inside(case: Case) -> np.ndarray:
    at = attr.LayerGradCam(case.twin, case.twin.at[inner_node(case)])
    return at.attribute(case.input, case.target, relu_attributions=True)[:, 0].detach().numpy()


def summed(
    terms: Callable[[Tensor, Tensor], Tensor], *, signed: bool = False
) -> Callable[[Case], np.ndarray]:
    """Σ over channels of what A and G give, and if not `signed`, max(that, 0)."""

    def map_(case: Case) -> np.ndarray:
        a, g = slopes(case, node=case.node)
        total = terms(a, g).sum(1)
        return (total if signed else total.clamp(min=0)).numpy()

    return map_


def pp_terms(a: Tensor, g: Tensor) -> Tensor:
    """Chattopadhay et al. 2018, eqs. 10 and 19, for Y = exp(S), whose derivatives are powers of
    G; the factor exp(S) is the same for all channels and left out."""
    below = 2 * g**2 + a.sum(PLACES, keepdim=True) * g**3
    alpha = torch.where(below != 0, g**2 / torch.where(below != 0, below, 1), 0)
    return (alpha * g.clamp(min=0)).sum(PLACES, keepdim=True) * a


def x_terms(a: Tensor, g: Tensor) -> Tensor:
    """Fu et al. 2020, eq. 8."""
    total = a.sum(PLACES, keepdim=True)
    weight = (a * g).sum(PLACES, keepdim=True) / torch.where(total != 0, total, 1)
    return weight * a


def ablation_cam(case: Case) -> np.ndarray:
    """Desai and Ramaswamy 2020: w_k = S − S_k, S_k with channel k set to zero; their division by S
    turns the map where S is below 0, and nnviz leaves it out."""
    with torch.no_grad():
        values = case.twin.values(case.input)
        a, whole = values[case.node], scores(case, case.input)
        maps = torch.zeros_like(a[:, 0])
        for k in range(a.shape[1]):
            without = a.clone()
            without[:, k] = 0
            logits = case.twin.values(case.input, {case.node: without})[case.twin.nodes[-1][0]]
            drop = whole - logits[torch.arange(len(logits)), case.target]
            maps += drop[:, None, None] * a[:, k]
    return maps.clamp(min=0).numpy()


ENTRIES = [
    Entry("grad_cam", grad_cam, "captum LayerGradCam", part="at_node"),
    Entry(
        "grad_cam",
        grad_cam_inside,
        "captum LayerGradCam",
        lambda case: {"node": inner_node(case)},
        part="at_node",
    ),
    Entry(
        "hires_cam",
        summed(lambda a, g: g * a, signed=True),
        "Draelos and Carin 2020",
        part="at_node",
    ),
    Entry(
        "element_wise_cam", summed(lambda a, g: (g * a).clamp(min=0)), "its formula", part="at_node"
    ),
    Entry(
        "layer_cam",
        summed(lambda a, g: g.clamp(min=0) * a),
        "Jiang et al. 2021, eqs. 5 and 6",
        part="at_node",
    ),
    Entry("xgrad_cam", summed(x_terms), "Fu et al. 2020, eq. 8", part="at_node"),
    Entry("grad_cam_plus_plus", summed(pp_terms), "Chattopadhay et al. 2018", part="at_node"),
    Entry("ablation_cam", ablation_cam, "Desai and Ramaswamy 2020, eq. 3", part="at_node"),
]
