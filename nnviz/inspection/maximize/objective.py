"""Objectives: what is to rise, its gradient for the pixels, and how high real pictures reach.

An objective is a target of `attribution.target` (a class, a channel, a neuron, a direction, a whole
layer, sums and differences of them) for `count` pictures each. Where a target gets several pictures
they can be told to differ from each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.graph import INPUT, Node
from ...engine.layer import Array, Call, Layer, Rule
from ...engine.layers.rectifier import ReLU
from ...engine.model import Model
from ...engine.rewrite import fold_batch_norm, up_to
from ...errors import ArgumentError
from ..attribution.goal import Goal, as_goal
from ..attribution.places import last_spatial_node
from ..attribution.target import Channel, Direction

TRACE_BYTES = 256 << 20
"""Pictures that climb together leave traces of about this much memory."""
RUN_BYTES = 64 << 20
"""Outputs of real pictures are read in batches of about this size."""


@dataclass(frozen=True)
class Objective:
    """What is climbed.

    model: up to the nodes that matter. goal: the target of each picture; asked: as it was given.
    targets, count: there are targets · count pictures, those of one target side by side.
    diversity: the weight of the pictures' likeness, which is measured at `node`.
    """

    model: Model
    goal: Goal
    asked: Goal
    targets: int
    count: int
    diversity: float
    node: str | None

    @classmethod
    def of(cls, model: Model, target: Any, count: int, diversity: float) -> Objective:
        """Check the target against the model."""
        asked = as_goal(model, target)
        targets = 1 if asked.count is None else asked.count
        goal = asked.take([t for t in range(targets) for _ in range(count)])
        node = None
        if diversity:
            spatial = [name for name in asked.nodes if len(model.shapes[name]) == 3]
            node = spatial[0] if spatial else last_spatial_node(model)
        read = [*goal.nodes, *([node] if node else [])]
        part = fold_batch_norm(up_to(model, *read), keep=read)
        return cls(part, goal, asked, targets, count, diversity, node)

    def __len__(self) -> int:
        return self.targets * self.count

    def again(self, which: list[int], draws: int) -> Objective:
        """For the pictures `which`, `draws` of each side by side, each for itself."""
        goal = self.goal.take([i for i in which for _ in range(draws)])
        asked = self.goal.take(which)
        return replace(
            self, goal=goal, asked=asked, targets=len(which), count=draws, diversity=0.0, node=None
        )

    @property
    def has_place(self) -> bool:
        """Whether the target sits at one place of the picture, so that moving it means nothing."""
        targets = [target for _, _, target in self.goal.terms]
        return any(
            (isinstance(t, Channel) and t.at is not None)
            or (isinstance(t, Direction) and t.vector.ndim == 3)
            for t in targets
        )

    def values(self, pixels: Array) -> Array:
        """The target (N,) of all pictures."""
        trace = self.model.run(pixels, keep=self.goal.nodes)
        return self.goal.values({name: trace[name].y for name in self.goal.nodes})

    def climb(self, pixels: Array, worth: Array) -> tuple[Array, Array]:
        """The target S (N,); the way uphill for the pixels: the gradient of S / worth, and with
        diversity the push `apart`."""
        sizes = sum(int(np.prod(shape)) for shape in self.model.shapes.values())
        most = max(1, TRACE_BYTES // (2 * sizes * pixels.itemsize) // self.count) * self.count
        every = range(len(self))
        cuts = [every[i : i + most] for i in range(0, len(self), most)]
        done = [self._climb(pixels[c.start : c.stop], worth[c.start : c.stop], c) for c in cuts]
        scores, gradients = zip(*done, strict=True)
        return np.concatenate(scores), np.concatenate(gradients)

    def _climb(self, pixels: Array, worth: Array, which: range) -> tuple[Array, Array]:
        goal, trace = self.goal.take(which), self.model.run(pixels)
        outputs = {name: trace[name].y for name in goal.nodes}
        seeds = {
            name: dy / worth.reshape(-1, *(1,) * (dy.ndim - 1)).astype(dy.dtype)
            for name, dy in goal.seeds(outputs).items()
        }
        gradient = self.model.backward(trace, seeds)[INPUT]
        dead = np.logical_not(gradient.any(axis=(1, 2, 3)))
        if dead.any():
            opened = self.model.backward(trace, seeds, rule_for=opening)[INPUT]
            gradient = np.where(dead[:, None, None, None], opened, gradient)
        uphill = self.model.input.pixel_gradient(gradient)
        if self.node is not None:
            alike, slope = likeness(trace[self.node].y, self.count)
            away = -self.model.backward(trace, {self.node: slope})[INPUT]
            away = self.model.input.pixel_gradient(away)
            uphill = uphill + apart(uphill, away, self.diversity * alike.clip(min=0))
        return goal.values(outputs), uphill

    def reached_by(self, pictures: Array) -> Array:
        """(targets, M): the target of every picture given, for each target."""
        sizes = sum(int(np.prod(self.model.shapes[name])) for name in self.goal.nodes)
        most = max(1, RUN_BYTES // (4 * sizes))
        found = []
        for i in range(0, len(pictures), most):
            trace = self.model.run(pictures[i : i + most], keep=self.goal.nodes)
            outputs = {name: trace[name].y for name in self.goal.nodes}
            n = len(trace.output)
            found.append(
                np.stack([self.asked.take([t] * n).values(outputs) for t in range(self.targets)])
            )
        return np.concatenate(found, axis=1)


def opening(node: Node) -> Rule:
    """The rule for pictures whose gradient is zero everywhere, because all the ReLUs on the way are
    shut: dx = dy where x > 0, and of the places with dy > 0 also at the one of each channel where x
    is largest, which opens soonest."""
    own = type(node.layer).backward
    return _opened if isinstance(node.layer, ReLU) else own


def _opened(layer: Layer, dy: Array, call: Call) -> Array:
    places = np.where(dy > 0, call.x, -np.inf).reshape(len(dy), -1, dy.shape[-1])
    nearest = (places == places.max(axis=1, keepdims=True)).reshape(dy.shape)
    return dy * ((call.x > 0) | (nearest & (dy > 0)))


def likeness(y: Array, count: int) -> tuple[Array, Array]:
    """How alike each picture's channels are to those of the other count − 1 of its target: the mean
    of cos(G_a, G_b) over b ≠ a, (N,), and each one's gradient for its own y.

    G = Yᵀ Y of the places' channels Y (places, channels): which channels act together, wherever.
    Olah, Mordvintsev, Schubert 2017, "Feature Visualization", section "Diversity",
    doi:10.23915/distill.00007; they take the sum where here is the mean.
    """
    flat = y.reshape(-1, count, y[0].size // y.shape[-1], y.shape[-1])
    gram = np.einsum("tcpi,tcpj->tcij", flat, flat)
    length = np.sqrt((gram**2).sum(axis=(2, 3), keepdims=True))
    unit = np.divide(gram, length, out=np.zeros_like(gram), where=length > 0)
    cosines = np.einsum("taij,tbij->tab", unit, unit)
    cosines[:, np.arange(count), np.arange(count)] = 0
    others = unit.sum(axis=1, keepdims=True) - unit
    along = cosines.sum(axis=2)[..., None, None] * unit
    slope = np.divide(others - along, length, out=np.zeros_like(gram), where=length > 0)
    gradient = 2 * flat @ slope / max(1, count - 1)
    return cosines.sum(axis=2).reshape(-1) / max(1, count - 1), gradient.reshape(y.shape)


def apart(uphill: Array, away: Array, share: Array) -> Array:
    """The push that makes pictures differ at no cost for their targets: of `away`, the way to less
    likeness, without what points against `uphill`, the `share` (N,) of its length.

    With g = uphill and p = away: q = p − min(0, ⟨p, g⟩ / ⟨g, g⟩) g, and share · |g| q / |q|. So a
    small step along g + push raises the target at least as much as one along g; the sum as it
    stands in the paper is highest where all pictures but one mean nothing to the network, since
    what leaves it cold is like nothing.
    """
    axes = (1, 2, 3)
    g, p = uphill.astype(np.float64), away.astype(np.float64)
    squares = (g * g).sum(axis=axes, keepdims=True)
    overlap = np.minimum((p * g).sum(axis=axes, keepdims=True), 0)
    p -= np.divide(overlap, squares, out=np.zeros_like(squares), where=squares > 0) * g
    length = np.sqrt((p * p).sum(axis=axes, keepdims=True))
    p = np.divide(p, length, out=np.zeros_like(p), where=length > 0)
    return (share.reshape(-1, 1, 1, 1) * np.sqrt(squares) * p).astype(uphill.dtype)


def as_pictures(model: Model, against: Any) -> Array | None:
    """The real pictures to compare with, checked."""
    if against is None:
        return None
    pictures = model.input.check(against)
    if len(pictures) < 2:
        raise ArgumentError("against needs at least two pictures to compare with, got 1")
    return pictures


def is_sequence_of(values: Any, kind: type) -> bool:
    """Whether `values` is a sequence of nothing but `kind`."""
    return isinstance(values, Sequence) and all(isinstance(v, kind) for v in values)
