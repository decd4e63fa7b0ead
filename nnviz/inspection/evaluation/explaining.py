"""The maps of a judgement, also where there is none to be made: a wrong method or option is an
error whether or not a picture happens to need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ..attribution.explain import explain
from ..attribution.methods import method_with
from ..results import Attribution, Provenance


def explained(
    model: Model, x: Array, targets: Array, method: str, options: Mapping[str, Any] | None
) -> Attribution:
    """`explain` for any number of pictures; of none the maps are (0, rows, cols), or (0, 0, 0)
    where the model reads no pictures."""
    if options is not None and not isinstance(options, Mapping):
        raise ArgumentError(f"options must be names with values, got {options!r}")
    chosen = dict(options or {})
    if len(x):
        return explain(model, x, targets, method=method, **chosen)
    signed = method_with(method, chosen).signed
    size = model.input.shape[:2] if len(model.input.shape) == 3 else (0, 0)
    none = np.zeros((0, *size), np.float32)
    made = Provenance.of(model, method, settings=chosen)
    return Attribution(none, np.zeros(0, np.float32), made, signed=signed)
