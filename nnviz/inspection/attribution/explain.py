"""One door to all methods: `explain(model, x, target=3, method="grad_cam")`."""

from __future__ import annotations

from typing import Any

from ...engine.model import Model
from ...errors import ArgumentError, listing
from ..results import Attribution
from .checks import choice
from .methods import METHODS


def explain(
    model: Model, x: Any, target: Any = None, *, method: str = "grad_cam", **options: Any
) -> Attribution:
    """A map by any method of `METHODS`; `options` are the method's own and are checked."""
    chosen = METHODS[choice(method, "method", "nnviz", METHODS)]
    strange = [name for name in options if name not in chosen.options]
    if strange:
        raise ArgumentError(
            f"{method} has no option {strange[0]!r}; it has {listing(chosen.options) or 'none'}"
        )
    return chosen.function(model, x, target, **options)
