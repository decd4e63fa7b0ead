"""What a run of a model calls and reads: while it is the same, what was noted of it holds."""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Model


WORK: tuple[str, ...] = ("forward", "backward")
LEARNING = (
    "grads",
    "gradients",
    "forward_part",
    "forward_total",
    "backward_part",
    "backward_total",
)
"""A layer's functions at prediction, and those that training calls as well."""


class Parts:
    """A model's layers, their settings and arrays (not: the numbers in them), and their classes'
    functions, as they were.

    learning: for training, which itself puts other arrays in the place of running statistics.
    """

    def __init__(self, model: Model, learning: bool = False) -> None:
        self._nodes = list(model.nodes)
        layers = [node.layer for node in model.nodes]
        self._kinds = {type(layer) for layer in layers}
        self._work = WORK + LEARNING if learning else WORK
        self._stores: list[dict[str, Any]] = []
        for layer in layers:
            self._stores += [vars(layer), layer.params]
            if not (learning and layer.trainable):
                self._stores.append(layer.buffers)
        self._parts = self._now()

    def of(self, model: Model) -> bool:
        """Whether they are this model's now."""
        if len(model.nodes) != len(self._nodes):
            return False
        if not all(map(operator.is_, model.nodes, self._nodes)):
            return False
        parts = self._now()
        return len(parts) == len(self._parts) and all(map(operator.is_, parts, self._parts))

    def _now(self) -> list[Any]:
        parts = [getattr(kind, name) for kind in self._kinds for name in self._work]
        parts += itertools.chain.from_iterable(map(dict.values, self._stores))
        return parts
