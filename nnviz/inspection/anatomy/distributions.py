"""Distributions: how the weights and the answers of every layer are spread.

A healthy layer's answers are neither all zero nor at the ends of its activation, and their spread
does not shrink or grow from layer to layer (Glorot and Bengio 2010, section 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Layer, whole
from ...engine.layers import Dropout, Flatten, Linear, Pad, Permute, Reshape
from ...engine.model import Model
from ..results import Provenance, Result
from .spread import Spread, Tally, spread_of
from .stream import batches

SAME = (Dropout, Flatten, Linear, Permute, Reshape)
"""Layers that at prediction hand on what they were given."""


@dataclass(frozen=True)
class Distributions(Result):
    """weights: a `Spread` for every parameter (`conv2d_1/weight`), activations: one for every node
    that computes something, in order, but those that put infinite numbers in (a mask's, a frame's
    before a maximum). pictures: over how many pictures."""

    weights: tuple[Spread, ...]
    activations: tuple[Spread, ...]
    pictures: int
    provenance: Provenance


@of_model
def distributions(model: Model, x: Any, bins: int = 41) -> Distributions:
    """Histograms and moments of all parameters, and of every node's output for pictures `x`.

    x: pictures (N, …), a `Dataset`, or an iterator of chunks of pictures; one pass, and memory does
    not grow with N. An activation's histogram leaves out exact zeros (`zero` is their share) and
    ends a quarter beyond what the first batch shows; the last bins also hold what lies beyond.
    Raises `ArgumentError` for bins below 1 and for no picture.
    """
    bins = whole(bins, "bins")
    told = (node for node in model.nodes if not isinstance(node.layer, SAME))
    names = [node.name for node in told if not _is_endless(node.layer)]
    tallies = {name: Tally(name, bins) for name in names}
    count = 0
    for start, batch in batches(model, x, names):
        count = start + len(batch)
        trace = model.run(batch, keep=names)
        for name, tally in tallies.items():
            tally.add(trace[name].y)
    return Distributions(
        tuple(spread_of(key, array, bins) for key, array in model.parameters().items()),
        tuple(tally.spread() for tally in tallies.values()),
        count,
        Provenance.of(model, "distributions", settings={"bins": bins, "pictures": count}),
    )


def _is_endless(layer: Layer) -> bool:
    """Whether a layer puts infinite numbers in, on purpose."""
    if isinstance(layer, Pad):
        return math.isinf(layer.value)
    return layer.constant and any(np.isinf(array).any() for array in layer.buffers.values())
