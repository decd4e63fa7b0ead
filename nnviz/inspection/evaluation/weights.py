"""How far the arrays of two models lie apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ..results import Part


@dataclass(frozen=True)
class WeightDifference(Part):
    """One parameter (or running statistic), w in model a and v in model b.

    name: `node/parameter`. norm: ‖v − w‖, Euclidean. relative: ‖v − w‖ / ‖w‖, None where w is zero
    and v is not. cosine: w·v / (‖w‖ ‖v‖), None where one of them is zero.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    relative: float | None
    cosine: float | None


@dataclass(frozen=True)
class Reshaped(Part):
    """A parameter that both models have by name, but not of one shape."""

    name: str
    shape_a: tuple[int, ...]
    shape_b: tuple[int, ...]


@dataclass(frozen=True)
class ArrayDifferences:
    """All arrays of two models.

    weights: those of one name and shape, the one that changed most (relatively) first. only_a,
    only_b: the names that one model has alone. reshaped: those of one name and two shapes.
    """

    weights: tuple[WeightDifference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    reshaped: tuple[Reshaped, ...]


def arrays_of(model: Model) -> dict[str, Array]:
    """Every parameter and every running statistic once, keyed `node/name`."""
    return {
        f"{node.name}/{key}": array
        for node in model.nodes
        if model.homes[node.name] == node.name
        for key, array in {**node.layer.params, **node.layer.buffers}.items()
    }


def weight_difference(name: str, w: Array, v: Array) -> WeightDifference:
    """The distance of two arrays of one shape, computed in float64; of equal ones exactly 0 and
    1."""
    a, b = w.astype(np.float64).ravel(), v.astype(np.float64).ravel()
    norm, size_a, size_b = (float(np.linalg.norm(part)) for part in (b - a, a, b))
    if norm == 0:
        relative: float | None = 0.0
        cosine: float | None = 1.0 if size_a else None
    else:
        relative = norm / size_a if size_a else None
        cosine = float(np.clip(a @ b / (size_a * size_b), -1, 1)) if size_a and size_b else None
    return WeightDifference(name, tuple(w.shape), norm, relative, cosine)


def array_differences(model_a: Model, model_b: Model) -> ArrayDifferences:
    """Which arrays two models share by name and shape, and how far these lie apart."""
    first, second = arrays_of(model_a), arrays_of(model_b)
    pairs = [(name, w, second[name]) for name, w in first.items() if name in second]
    found = [weight_difference(name, w, v) for name, w, v in pairs if w.shape == v.shape]
    found.sort(key=lambda one: -math.inf if one.relative is None else -one.relative)
    return ArrayDifferences(
        weights=tuple(found),
        only_a=tuple(name for name in first if name not in second),
        only_b=tuple(name for name in second if name not in first),
        reshaped=tuple(
            Reshaped(name, tuple(w.shape), tuple(v.shape))
            for name, w, v in pairs
            if w.shape != v.shape
        ),
    )
