"""The goal: what a caller gave as a target, made sense of for one model and one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from .target import Logit, Target, class_vectors, parts


@dataclass(frozen=True)
class Goal:
    """A target that has been checked: weighted targets, each with the node that it reads.

    terms: (weight, node, target) for each. words: the target in words.
    """

    terms: tuple[tuple[float, str, Target], ...]
    words: str

    @property
    def nodes(self) -> tuple[str, ...]:
        """Whose outputs it reads."""
        return tuple(dict.fromkeys(node for _, node, _ in self.terms))

    @property
    def linear(self) -> bool:
        """Whether all of its targets are linear in their nodes."""
        return all(target.linear for _, _, target in self.terms)

    @property
    def count(self) -> int | None:
        """How many pictures it speaks of; None: any number."""
        return next((t.count for _, _, t in self.terms if t.count is not None), None)

    def values(self, outputs: Mapping[str, Array]) -> Array:
        """(N,), from the nodes' outputs."""
        total = None
        for weight, node, target in self.terms:
            value = target.values(outputs[node])
            value = value if weight == 1 else value * weight
            total = value if total is None else total + value
        assert total is not None
        return total

    def seeds(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """The gradient of the target for each of the nodes' outputs."""
        seeds: dict[str, Array] = {}
        for weight, node, target in self.terms:
            dy = target.gradient(outputs[node])
            dy = dy if weight == 1 else dy * weight
            seeds[node] = seeds[node] + dy if node in seeds else dy
        return seeds

    def take(self, pictures: Sequence[int]) -> Goal:
        """The goal of a batch whose j-th picture is `pictures[j]` of the old one."""
        if self.count is None:
            return self
        taken = tuple((weight, node, t.take(pictures)) for weight, node, t in self.terms)
        return Goal(taken, self.words)

    def classes(self, n: int) -> Array | None:
        """(n,): each picture's class, where the goal is one class's value and nothing else."""
        target = self.terms[0][2]
        if len(self.terms) > 1 or not isinstance(target, Logit):
            return None
        return np.broadcast_to(np.asarray(target.index), (n,))


def as_target(model: Model, target: Any, predictions: Array | None = None) -> Target:
    """What a caller gave as a target: a class, one class a picture, a `Target`, or None.

    None means the class that the network predicts for each picture (`predictions`, (N, classes)).
    """
    if target is None:
        if predictions is None:
            raise ArgumentError("a target is needed: a class number or name, or a Target")
        return Logit(tuple(class_vectors(predictions).argmax(axis=1).tolist()))
    target = target.tolist() if isinstance(target, np.ndarray | np.generic) else target
    if isinstance(target, str | int) and not isinstance(target, bool):
        return Logit(target)
    if isinstance(target, Sequence) and any(isinstance(t, Target) for t in target):
        raise ArgumentError(
            "a list of targets is a list of classes; for several channels of a node give one "
            "Channel(node, (0, 1)), for a sum add the targets"
        )
    if isinstance(target, Sequence) and len(target):
        return Logit(tuple(target))
    if isinstance(target, Target):
        return target
    raise ArgumentError(
        f"a target is a class number or name, one of them for each picture, or a Target, got "
        f"{target!r}"
    )


def as_goal(
    model: Model, target: Any, n: int | None = None, predictions: Array | None = None
) -> Goal:
    """A caller's target, checked against the model and against n pictures (None: any number)."""
    terms = []
    for weight, leaf in parts(as_target(model, target, predictions)):
        bound = leaf.bound(model)
        terms.append((weight, bound.node(model), bound))
    counts = {t.count for _, _, t in terms if t.count is not None}
    if n is not None and counts - {n}:
        raise ArgumentError(
            f"{min(counts - {n})} targets for {n} pictures: give one for all, or one for each"
        )
    if len(counts) > 1:
        raise ArgumentError(
            f"the target's parts speak of {min(counts)} and of {max(counts)} pictures: give one "
            "for all, or one for each"
        )
    return Goal(tuple(terms), _words(model, [(weight, t) for weight, _, t in terms]))


def _words(model: Model, terms: Sequence[tuple[float, Target]]) -> str:
    """ "logit of class 4 − 0.5 · logit of class 9"."""
    text = ""
    for weight, target in terms:
        sign = ("− " if weight < 0 else "+ ") if text else ("−" if weight < 0 else "")
        size = "" if abs(weight) == 1 else f"{abs(weight):g} · "
        text += f"{' ' if text else ''}{sign}{size}{target.describe(model)}"
    return text
