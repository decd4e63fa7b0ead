"""One door to all methods: `explain(model, x, target=3, method="grad_cam")`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...engine.model import Model
from ...errors import ArgumentError, listing, unknown
from ..results import Attribution
from .cam import grad_cam
from .gradients import saliency
from .occlusion import occlusion


@dataclass(frozen=True)
class Method:
    """An attribution method as data.

    family: gradient, cam or perturbation. signed: whether values below zero mean evidence against.
    stochastic: whether it takes a seed. gradients: whether it needs a backward pass.
    """

    name: str
    family: str
    reference: str
    signed: bool
    stochastic: bool
    gradients: bool
    function: Callable[..., Attribution]

    @property
    def options(self) -> list[str]:
        """What may be passed on besides model, pictures and target."""
        taken = inspect.signature(self.function).parameters
        return [name for name in taken if name not in ("model", "x", "target")]


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("saliency", "gradient", "Simonyan et al. 2013, arXiv:1312.6034",
               False, False, True, saliency),
        Method("grad_cam", "cam", "Selvaraju et al. 2017, arXiv:1610.02391",
               False, False, True, grad_cam),
        Method("occlusion", "perturbation", "Zeiler and Fergus 2013, arXiv:1311.2901",
               True, False, False, occlusion),
    )
}  # fmt: skip
"""Name -> method."""


def explain(
    model: Model, x: Any, target: Any = None, *, method: str = "grad_cam", **options: Any
) -> Attribution:
    """A map by any method of `METHODS`; `options` are the method's own and are checked."""
    if method not in METHODS:
        raise unknown("method", method, METHODS, "nnviz")
    chosen = METHODS[method]
    strange = [name for name in options if name not in chosen.options]
    if strange:
        raise ArgumentError(
            f"{method} has no option {strange[0]!r}; it has {listing(chosen.options) or 'none'}"
        )
    return chosen.function(model, x, target, **options)
