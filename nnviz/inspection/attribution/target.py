"""Targets: the number that is explained, one for each picture, and its gradient.

A class number or name means the logit of that class, the value before the head's softmax or
sigmoid: after the softmax the gradient of one class mixes in all others and vanishes where the
network is sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError


class Target(Protocol):
    """A scalar of a node's output for each picture."""

    def node(self, model: Model) -> str:
        """Whose output it reads."""

    def values(self, y: Array) -> Array:
        """(N,), from the node's output (N, …)."""

    def gradient(self, y: Array) -> Array:
        """Like y: each picture's own value's gradient for its own output."""

    def describe(self, model: Model) -> str:
        """In words, for captions and provenance."""


@dataclass(frozen=True)
class Logit:
    """The logit z_c of a class; `index` is one class for all pictures or one for each."""

    index: int | tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", _plain(self.index))

    def node(self, model: Model) -> str:
        for index in self.index if isinstance(self.index, tuple) else (self.index,):
            model.class_index(index)
        return model.logits_name

    def _rows(self, y: Array) -> tuple[Array, Array]:
        if y.ndim != 2:
            raise ArgumentError(
                f"a class as target needs a vector of outputs, this model gives {y.shape[1:]}: "
                "use a Channel as target"
            )
        return np.arange(len(y)), np.broadcast_to(np.asarray(self.index), (len(y),))

    def values(self, y: Array) -> Array:
        return y[self._rows(y)]

    def gradient(self, y: Array) -> Array:
        dy = np.zeros_like(y)
        dy[self._rows(y)] = 1
        return dy

    def describe(self, model: Model) -> str:
        kind = "logit" if model.logits_name != model.output_name else "output"
        chosen = (self.index,) if isinstance(self.index, int) else self.index
        names = list(dict.fromkeys(model.class_name(i) for i in chosen))
        return f"{kind} of class {', '.join(names)}"


@dataclass(frozen=True)
class Probability(Logit):
    """The probability p_c after the head's softmax or sigmoid, or the output where there is
    none."""

    def node(self, model: Model) -> str:
        super().node(model)
        return model.output_name

    def describe(self, model: Model) -> str:
        return super().describe(model).replace("logit", "probability").replace("output", "value")


@dataclass(frozen=True)
class Channel:
    """One channel (or feature) of a node: its mean (1 / places) Σ y[n, ·, ·, k], or with `at` the
    single neuron y[n, row, col, k]. `channel` is one for all pictures or one for each."""

    name: str
    channel: int | tuple[int, ...]
    at: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel", _plain(self.channel))

    def node(self, model: Model) -> str:
        shape = model.shapes[model.node(self.name).name]
        chosen = np.atleast_1d(self.channel)
        whole = chosen.dtype.kind in "ui" and chosen.size > 0
        if not whole or chosen.min() < 0 or chosen.max() >= shape[-1]:
            raise ArgumentError(
                f"node {self.name!r} has {shape[-1]} channels 0 … {shape[-1] - 1}, "
                f"got {self.channel}"
            )
        if self.at is None:
            return self.name
        if len(shape) != 3 or not (0 <= self.at[0] < shape[0] and 0 <= self.at[1] < shape[1]):
            raise ArgumentError(f"node {self.name!r} of shape {shape} has no place {self.at}")
        return self.name

    def _part(self, y: Array) -> tuple[Array, Array]:
        """A view (N, places, channels) of the places that count, and each picture's channel."""
        if self.at is not None:
            row, col = self.at
            y = y[:, row : row + 1, col : col + 1]
        places = y.reshape(len(y), -1, y.shape[-1]) if self.at is None else y[:, 0]
        return places, np.broadcast_to(np.asarray(self.channel), (len(y),))

    def values(self, y: Array) -> Array:
        places, chosen = self._part(y)
        return places[np.arange(len(y)), :, chosen].mean(axis=1)

    def gradient(self, y: Array) -> Array:
        dy = np.zeros(y.shape, y.dtype)  # in C order, so that `places` is a view of it
        places, chosen = self._part(dy)
        places[np.arange(len(y)), :, chosen] = 1 / places.shape[1]
        return dy

    def describe(self, model: Model) -> str:
        where = "mean" if self.at is None else f"place {self.at}"
        return f"{where} of channel {self.channel} of {self.name}"


def as_target(model: Model, target: Any, predictions: Array | None = None) -> Target:
    """What a caller gave as a target: a class, one class a picture, a `Target`, or None.

    None means the class that the network predicts for each picture (`predictions`, (N, classes)).
    """
    if target is None:
        if predictions is None:
            raise ArgumentError("a target is needed: a class number or name, or a Target")
        return Logit(tuple(predictions.argmax(axis=-1).tolist()))
    target = target.tolist() if isinstance(target, np.ndarray) else target
    if isinstance(target, str | int | np.integer) and not isinstance(target, bool):
        return Logit(model.class_index(_scalar(target)))
    if isinstance(target, Sequence) and len(target):
        return Logit(tuple(model.class_index(_scalar(t)) for t in target))
    if all(hasattr(target, part) for part in ("node", "values", "gradient", "describe")):
        return target
    raise ArgumentError(
        f"a target is a class number or name, one of them for each picture, or a Target, got "
        f"{target!r}"
    )


def check_target(target: Target, model: Model, n: int) -> str:
    """The target's node, after a check that it has one class (or channel) for each of n
    pictures."""
    chosen = _choice(target)[1]
    if isinstance(chosen, tuple) and len(chosen) != n:
        raise ArgumentError(
            f"{len(chosen)} targets for {n} pictures: give one for all, or one for each"
        )
    return target.node(model)


def for_one(target: Target, i: int) -> Target:
    """The target of picture i alone, where there is one for each picture."""
    name, chosen = _choice(target)
    return replace(target, **{name: chosen[i]}) if isinstance(chosen, tuple) else target  # type: ignore[type-var]


def count_of(target: Target) -> int:
    """How many pictures a target speaks of: as many as it has classes or channels, or one."""
    chosen = _choice(target)[1]
    return len(chosen) if isinstance(chosen, tuple) else 1


def _choice(target: Target) -> tuple[str, Any]:
    """The field in which a target may have one value for each picture, and its value."""
    for name in ("index", "channel"):
        if hasattr(target, name):
            return name, getattr(target, name)
    return "", None


def _plain(value: Any) -> Any:
    """One number, or one for each picture, as an int or a tuple of them."""
    if isinstance(value, list | tuple | np.ndarray | np.generic):
        value = np.asarray(value).tolist()
    return tuple(value) if isinstance(value, list) else value


def _scalar(value: Any) -> int | str:
    return value.item() if isinstance(value, np.generic) else value
