"""Health: which filters never answer, which are copies, which are stuck at their activation's end,
and how the layers' weights and answers are spread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array, Layer, whole
from ...engine.layers import (
    ELU,
    SELU,
    AveragePooling2D,
    BatchNormalization,
    Dropout,
    Linear,
    LogSoftmax,
    MaxPooling2D,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from ...engine.layers.activation import Pointwise
from ...engine.model import Model
from ..results import Part, Provenance, Result
from .copies import copies, empty
from .spread import Spread, Tally, spread_of
from .stream import batches

FLAT = 0.05
"""Where an activation is less steep than this share of its steepest slope, it counts as flat."""
STUCK = 0.95
"""From which share of answers in the flat parts on a channel counts as saturated."""

SLOPES: dict[type[Layer], Callable[[Any, Array], Array]] = {
    Sigmoid: lambda layer, y: 4 * y * (1 - y),
    Tanh: lambda layer, y: 1 - y * y,
    ELU: lambda layer, y: np.where(y > 0, 1, (y + layer.alpha) / (layer.alpha or 1)),
    SELU: lambda layer, y: np.where(y > 0, 1, y / (layer.scale * layer.alpha or 1) + 1),
}
"""Activations that saturate: the slope where they answer y, as a share of the steepest."""


BY_CHANNEL = (Pointwise, BatchNormalization, Dropout, AveragePooling2D, MaxPooling2D)
"""Layers of which each channel answers to the same channel of the input alone (softmax aside)."""


@dataclass(frozen=True)
class Finding(Part):
    """A filter that does no work of its own, and what shows it.

    kind: "dead", "duplicate" or "saturated". original: of which filter it is a copy, else None.
    amount: the answer that a dead channel always gives; the factor of a copy; the share of a
    saturated channel's answers in the flat parts. evidence: the same in words.
    """

    node: str
    channel: int
    kind: str
    amount: float
    evidence: str
    original: int | None = None


@dataclass(frozen=True)
class Health(Result):
    """weights, answers: a `Spread` for each layer with weights, for each ReLU node.

    dead: (node, channel) of every ReLU channel that was zero for all pictures at all places.
    channels: how many ReLU channels were looked at. pictures: over how many pictures.
    findings: everything that was found, with its evidence; `print(health)` lists it.
    """

    weights: tuple[Spread, ...]
    answers: tuple[Spread, ...]
    dead: tuple[tuple[str, int], ...]
    channels: int
    pictures: int
    provenance: Provenance
    findings: tuple[Finding, ...] = ()

    def of(self, kind: str) -> tuple[Finding, ...]:
        """The findings of one kind: "dead", "duplicate" or "saturated"."""
        return tuple(found for found in self.findings if found.kind == kind)

    def __str__(self) -> str:
        kinds = ("dead", "duplicate", "saturated")
        counts = ", ".join(f"{len(self.of(kind))} {kind}" for kind in kinds)
        lines = [f"{counts} (over {self.pictures:,} pictures)"]
        alike: dict[tuple[str, str, str], list[str]] = {}
        for f in self.findings:
            alike.setdefault((f.kind, f.node, f.evidence), []).append(str(f.channel))
        for (kind, node, evidence), channels in alike.items():
            several = "s" if len(channels) > 1 else ""
            lines.append(f"{kind}: {node}, channel{several} {', '.join(channels)}: {evidence}")
        return "\n".join(lines)

    def _repr_png_(self) -> None:
        return None


@of_model
def health(model: Model, x: Any, bins: int = 41) -> Health:
    """Filters that do no work of their own, with evidence, and how weights and answers are spread.

    x: pictures (N, …), a `Dataset`, or an iterator of chunks of pictures; one pass in batches, so
    memory does not grow with N. An activation's histogram leaves out exact zeros (`zero` is their
    share); its last bin also holds what lies above.

    * dead: a channel of an activation that gives one and the same answer at all places of all
      pictures (0 behind a ReLU), or a filter whose weights are all zero. Whether other pictures
      would wake it nobody knows.
    * duplicate: a filter that is a positive multiple of an earlier one of its layer, see
      `copies`; cosine of at least 0.999 and the bias to match.
    * saturated: a channel of sigmoid, tanh, ELU or SELU with at least 95 % of its answers where the
      activation is flat: its slope is below 5 % of its steepest, |x| > 4.36 for a sigmoid, 2.18 for
      tanh. The head's own sigmoid is left out: sure answers are its task.

    Raises `ArgumentError` for bins below 1, for no picture, and for weights or answers that are NaN
    or infinite, which it names.
    """
    bins = whole(bins, "bins")
    nodes = [
        n.name
        for n in model.nodes
        if isinstance(n.layer, Pointwise)
        and not isinstance(n.layer, Softmax | LogSoftmax | Linear | PReLU)
        and model.shapes[n.name]
    ]
    weights = tuple(  # first: NaN in them would be in all answers
        spread_of(key.removesuffix("/weight"), array, bins)
        for key, array in model.parameters().items()
        if key.endswith("/weight")
    )
    watched = {name: _Watch(model, name, bins) for name in nodes}
    count = 0
    for start, batch in batches(model, x, nodes):
        count = start + len(batch)
        trace = model.run(batch, keep=nodes)
        for name, watch in watched.items():
            watch.add(trace[name].y)
    found = [finding for watch in watched.values() for finding in watch.findings(count)]
    found += list(_about_weights(model, {(f.node, f.channel) for f in found if f.kind == "dead"}))
    relus = [w for w in watched.values() if isinstance(w.layer, ReLU)]
    return Health(
        weights=weights,
        answers=tuple(watch.tally.spread() for watch in relus),
        dead=tuple((w.name, int(c)) for w in relus for c in np.flatnonzero(w.highest <= 0)),
        channels=sum(len(watch.highest) for watch in relus),
        pictures=count,
        provenance=Provenance.of(model, "health", settings={"bins": bins}),
        findings=tuple(sorted(found, key=lambda f: (model.place(f.node), f.kind, f.channel))),
    )


class _Watch:
    """What one activation's channels have answered so far."""

    def __init__(self, model: Model, name: str, bins: int) -> None:
        self.name, self.layer = name, model.node(name).layer
        channels = model.shapes[name][-1]
        self.places = int(np.prod(model.shapes[name][:-1]))
        self.highest, self.lowest = np.full(channels, -np.inf), np.full(channels, np.inf)
        self.tally = Tally(name, bins)
        is_head = model.head == "sigmoid" and name == model.output_name
        self._slope = None if is_head else SLOPES.get(type(self.layer))
        self._flat = np.zeros(channels, np.int64)

    def add(self, y: Array) -> None:
        """The answers to one batch."""
        axes = tuple(range(y.ndim - 1))
        np.maximum(self.highest, y.max(axis=axes), out=self.highest)
        np.minimum(self.lowest, y.min(axis=axes), out=self.lowest)
        if self._slope is not None:
            self._flat += (self._slope(self.layer, y) < FLAT).sum(axis=axes)
        if isinstance(self.layer, ReLU):
            self.tally.add(y)

    def findings(self, count: int) -> Iterator[Finding]:
        """What is wrong with which channel, after all `count` pictures."""
        places = f"at all {self.places:,} places of" if self.places > 1 else "to"
        where = f"{places} all {count:,} pictures"
        share = self._flat / (count * self.places)
        constant = self.highest == self.lowest
        # One picture, or the same one many times, makes every channel of a vector constant.
        silent = constant & (self.highest == 0) if constant.all() else constant
        for c in np.flatnonzero(silent | (share >= STUCK)).tolist():
            if share[c] >= STUCK:
                words = (
                    f"{share[c]:.1%} of its answers lie where {type(self.layer).__name__} is flat"
                )
                yield Finding(self.name, c, "saturated", float(share[c]), words)
            else:
                words = f"it answers {float(self.highest[c]):.3g} {where}"
                yield Finding(self.name, c, "dead", float(self.highest[c]), words)


def _readers(model: Model, name: str) -> list[str]:
    """The nodes in which a node's channels are still the same ones: what reads it directly, and
    what reads it through layers that keep each channel to itself, as batch normalization does."""
    same = [name]
    for node in model.nodes:
        apart = isinstance(node.layer, BY_CHANNEL) and not isinstance(
            node.layer, Softmax | LogSoftmax
        )
        if apart and len(node.inputs) == 1 and node.inputs[0] in same:
            same.append(node.name)
    return same[1:]


def _about_weights(model: Model, dead: set[tuple[str, int]]) -> Iterator[Finding]:
    """Copies and empty kernels; a layer at two places is looked at once. An empty kernel whose
    activation is named already is not named again."""
    for node in model.nodes:
        if model.homes[node.name] != node.name:
            continue
        readers = _readers(model, node.name)
        for c in empty(node.layer).tolist():
            if not any((reader, c) in dead for reader in readers):
                yield Finding(node.name, c, "dead", 0.0, "all its weights are zero")
        for copy in copies(node.layer):
            words = (
                f"its weights are {copy.scale:.4g} times those of channel {copy.original} "
                f"(cosine {copy.cosine:.6f})"
            )
            yield Finding(node.name, copy.channel, "duplicate", copy.scale, words, copy.original)
