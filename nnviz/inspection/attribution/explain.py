"""One door to all methods: `explain(model, x, target=3, method="grad_cam")`."""

from __future__ import annotations

from typing import Any

from ...engine.boundary import of_model
from ...engine.model import Model
from ..results import Attribution
from .methods import method_with


@of_model
def explain(
    model: Model, x: Any, target: Any = None, *, method: str = "grad_cam", **options: Any
) -> Attribution:
    """A map by any method of `METHODS`; `options` are the method's own and are checked."""
    return method_with(method, options).function(model, x, target, **options)
