"""What a node does for the target, at the node: captum's layer methods, summed over channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from captum import attr

from ..nets import Case
from .cam import inner_node
from .entry import Entry, picked
from .path import BASELINE, CAPTUM, STEPS

PATH = {"baseline": BASELINE, "steps": STEPS}


def gradient_x_activation(case: Case) -> np.ndarray:
    at = attr.LayerGradientXActivation(case.twin, case.twin.at[case.node])
    return at.attribute(case.input, case.target).sum(1).detach().numpy()


def influence(quadrature: str) -> Callable[[Case], np.ndarray]:
    def map_(case: Case) -> np.ndarray:
        at = attr.InternalInfluence(case.twin, case.twin.at[case.node])
        found = at.attribute(
            case.input,
            case.ready(BASELINE),
            case.target,
            n_steps=STEPS,
            method=CAPTUM[quadrature],
        )
        return found.sum(1).detach().numpy()

    return map_


def captum_conductance(case: Case) -> np.ndarray:
    """captum takes n + 1 points, and the earlier end's slope for each of the n differences."""
    at = attr.LayerConductance(case.twin, case.twin.at[case.node])
    found = at.attribute(
        case.input,
        case.ready(BASELINE),
        case.target,
        n_steps=STEPS - 1,
        method="riemann_trapezoid",
    )
    return found.sum(1).detach().numpy()


def conductance(case: Case) -> np.ndarray:
    """Dhamdhere et al. 2018, eq. 2: ∫ ∂S/∂A · ∂A/∂α dα, with the derivative of A along the way by
    forward differentiation, at many midpoints."""
    way, n, group = case.input - case.ready(BASELINE), 200, 20
    total = torch.zeros(())
    for start in range(0, n, group):
        shares = [(i + 0.5) / n for i in range(start, start + group)]
        points = torch.cat([case.ready(BASELINE) + t * way for t in shares])

        def at_node(x: torch.Tensor) -> torch.Tensor:
            return case.twin.values(x)[case.node]

        a, moved = torch.func.jvp(at_node, (points,), (way.repeat(group, 1, 1, 1),))
        a = a.detach().requires_grad_()
        logits = case.twin.values(points, {case.node: a})[case.twin.nodes[-1][0]]
        (slope,) = torch.autograd.grad(picked(case, logits, group).sum(), a)
        part = (slope * moved).sum(1)
        total = total + part.reshape(group, -1, *part.shape[1:]).sum(0) / n
    return total.detach().numpy()


def integrated(case: Case) -> np.ndarray:
    """Integrated gradients from the node's output for the baseline to that for the picture."""
    with torch.no_grad():
        end = case.twin.values(case.input)[case.node]
        start = case.twin.values(case.ready(BASELINE))[case.node]
    points, weights = np.polynomial.legendre.leggauss(STEPS)
    total = torch.zeros_like(end)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        a = (start + point * (end - start)).requires_grad_()
        logits = case.twin.values(case.input, {case.node: a})[case.twin.nodes[-1][0]]
        total += weight * torch.autograd.grad(picked(case, logits).sum(), a)[0]
    return (total * (end - start)).sum(1).numpy()


def captum_integrated(case: Case) -> np.ndarray:
    at = attr.LayerIntegratedGradients(case.twin, case.twin.at[case.node])
    found = at.attribute(case.input, case.ready(BASELINE), case.target, n_steps=STEPS)
    return found.sum(1).detach().numpy()


def inside(theirs: Callable[[Case], np.ndarray]) -> Callable[[Case], np.ndarray]:
    """The same at an early node."""

    class Early(Case):
        @property
        def node(self) -> str:
            return inner_node(self)

    def map_(case: Case) -> np.ndarray:
        return theirs(Early(case.name, case.model, case.twin, case.x, case.targets))

    return map_


def both(
    method: str, theirs: Callable[[Case], np.ndarray], reference: str, **options: object
) -> list[Entry]:
    """At the last node and at an early one."""
    early = inside(theirs)
    return [
        Entry(method, theirs, reference, options, part="at_node"),
        Entry(
            method,
            early,
            reference,
            lambda case: {**options, "node": inner_node(case)},
            part="at_node",
        ),
    ]


ENTRIES = [
    *both("layer_gradient_x_activation", gradient_x_activation, "captum LayerGradientXActivation"),
    *both(
        "internal_influence",
        influence("gauss_legendre"),
        "captum InternalInfluence",
        **PATH,
    ),
    *both(
        "internal_influence",
        influence("midpoint"),
        "captum InternalInfluence",
        **PATH,
        quadrature="midpoint",
    ),
    *both(
        "layer_conductance",
        captum_conductance,
        "captum LayerConductance",
        **PATH,
        quadrature="left",
    ),
    *both(
        "layer_conductance",
        conductance,
        "Dhamdhere et al. 2018, eq. 2, by forward differentiation",
        baseline=BASELINE,
        steps=201,
    ),
    *both(
        "layer_integrated_gradients", captum_integrated, "captum LayerIntegratedGradients", **PATH
    ),
    *both(
        "layer_integrated_gradients", integrated, "autograd with the node's output replaced", **PATH
    ),
]
