"""Feature maps: what each filter answers to a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...engine.boundary import of_model
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ..results import Provenance, Result


@dataclass(frozen=True)
class FeatureMaps(Result):
    """values: (N, rows, cols, channels), a node's output."""

    values: Array
    provenance: Provenance


@of_model
def feature_maps(model: Model, x: Any, node: str) -> FeatureMaps:
    """The output of a node for pictures `x` (N, …), or a `Dataset`, channel by channel."""
    shape = model.shapes[model.node(node).name]
    if len(shape) != 3:
        raise ArgumentError(
            f"node {node!r} has shape {shape}, which has no rows and cols to show as maps: choose "
            "a node before the flattening"
        )
    values = model.run(x, keep=(node,))[node].y
    return FeatureMaps(values, Provenance.of(model, "feature_maps", node=node))
