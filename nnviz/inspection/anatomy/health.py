"""Health: how the layers' weights and answers are spread, and which filters never answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.layers.rectifier import ReLU
from ...engine.model import Model
from ...errors import ArgumentError
from ..results import Part, Provenance, Result

BATCH = 64
"""Pictures per pass, so that memory does not grow with the data set."""


@dataclass(frozen=True)
class Spread(Part):
    """How numbers are distributed: a histogram with its edges, and the moments."""

    name: str
    counts: tuple[int, ...]
    edges: tuple[float, ...]
    mean: float
    std: float
    zero: float
    """The share of exact zeros."""


@dataclass(frozen=True)
class Health(Result):
    """weights, answers: a `Spread` for each layer with weights, for each activation node.

    dead: (node, channel) of every ReLU channel that was zero for all pictures at all places.
    channels: how many ReLU channels were looked at. pictures: over how many pictures.
    """

    weights: tuple[Spread, ...]
    answers: tuple[Spread, ...]
    dead: tuple[tuple[str, int], ...]
    channels: int
    pictures: int
    provenance: Provenance

    def _repr_png_(self) -> None:
        return None


def health(model: Model, x: Any, bins: int = 41) -> Health:
    """Distributions of weights and activations per layer, and the ReLU channels that never answer.

    x: pictures (N, …); one pass in batches, so memory does not grow with N. An activation's
    histogram leaves out exact zeros (`zero` is their share); its last bin also holds what lies
    above.
    """
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise ArgumentError(f"bins must be a whole number of at least 1, got {bins!r}")
    pictures = model.input.check(x)
    relus = [n.name for n in model.nodes if isinstance(n.layer, ReLU)]
    ranges = _ranges(model, pictures, relus)
    highest = {name: np.zeros(model.shapes[name][-1]) for name in relus}
    sums = {name: np.zeros(3) for name in relus}  # Σ a, Σ a², zeros
    counts = {name: np.zeros(bins, np.int64) for name in relus}
    for name, y in _passes(model, pictures, relus):
        axes = tuple(range(y.ndim - 1))
        np.maximum(highest[name], y.max(axis=axes), out=highest[name])
        squares = np.square(y).sum(dtype=np.float64)
        sums[name] += (y.sum(dtype=np.float64), squares, y.size - np.count_nonzero(y))
        alive = np.minimum(y[y > 0], ranges[name])
        counts[name] += np.histogram(alive, bins, (0, ranges[name]))[0]
    answers = []
    for name in relus:
        size = len(pictures) * int(np.prod(model.shapes[name]))
        mean = sums[name][0] / size
        std = float(np.sqrt(max(sums[name][1] / size - mean**2, 0)))
        edges = np.linspace(0, ranges[name], bins + 1)
        answers.append(
            Spread(name, tuple(counts[name].tolist()), tuple(edges.tolist()), float(mean), std,
                   float(sums[name][2] / size))
        )  # fmt: skip
    dead = tuple((n, int(c)) for n in relus for c in np.flatnonzero(highest[n] <= 0))
    return Health(
        weights=tuple(_weights(key, array, bins) for key, array in _kernels(model)),
        answers=tuple(answers),
        dead=dead,
        channels=sum(model.shapes[name][-1] for name in relus),
        pictures=len(pictures),
        provenance=Provenance.of(model, "health", settings={"bins": bins}),
    )


def _passes(model: Model, x: Array, names: list[str]) -> Iterator[tuple[str, Array]]:
    for start in range(0, len(x), BATCH):
        for name, calls in model.run(x[start : start + BATCH], keep=names).calls.items():
            for call in calls if name in names else ():
                yield name, call.y


def _ranges(model: Model, x: Array, names: list[str]) -> dict[str, float]:
    """Where each histogram ends: a quarter above the largest answer to the first pictures."""
    trace = model.run(x[:BATCH], keep=names)
    return {name: max(float(trace[name].y.max()) * 1.25, 1e-6) for name in names}


def _kernels(model: Model) -> Iterator[tuple[str, Array]]:
    for key, array in model.parameters().items():
        if key.endswith("/weight"):
            yield key.removesuffix("/weight"), array


def _weights(name: str, array: Array, bins: int) -> Spread:
    counts, edges = np.histogram(array, bins)
    return Spread(
        name,
        tuple(counts.tolist()),
        tuple(float(e) for e in edges),
        float(array.mean()),
        float(array.std()),
        float((array == 0).mean()),
    )
