"""Targets: the number that is explained, one for each picture, and its gradient.

A class number or name means the logit of that class, the value before the head's softmax or
sigmoid: after the softmax the gradient of one class mixes in all others and vanishes where the
network is sure. Targets add, subtract and scale: `Logit(4) - Logit(9)` asks why 4 and not 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ...engine.input import as_array
from ...engine.layer import Array
from ...engine.layers.activation import sigmoid
from ...engine.model import Model
from ...errors import ArgumentError
from .checks import LARGEST, is_number, is_whole

Choice = int | str | tuple[int | str, ...]
"""A class or channel: one for all pictures, or a tuple with one for each."""


class Target:
    """A scalar of one node's output for each picture.

    Give `node`, `values`, `gradient` and `describe` to write one; `bound` and `take` where it needs
    to know the model's classes, or has a choice for each picture; `linear` = True where it is a
    linear function of its node's output (else DeepLIFT takes its mean gradient on a line).
    """

    linear: ClassVar[bool] = False

    def node(self, model: Model) -> str:
        """Whose output it reads; an `ArgumentError` where the model has nothing of the kind."""
        raise NotImplementedError(f"{type(self).__name__} has no node")

    def values(self, y: Array) -> Array:
        """(N,), from the node's output (N, …)."""
        raise NotImplementedError(f"{type(self).__name__} has no values")

    def gradient(self, y: Array) -> Array:
        """Like y: each picture's own value's gradient for its own output."""
        raise NotImplementedError(f"{type(self).__name__} has no gradient")

    def describe(self, model: Model) -> str:
        """In words, for captions and provenance."""
        raise NotImplementedError(f"{type(self).__name__} has no describe")

    def bound(self, model: Model) -> Target:
        """The target as this model means it: names as numbers."""
        return self

    @property
    def count(self) -> int | None:
        """How many pictures it speaks of; None: any number."""
        return None

    def take(self, pictures: Sequence[int]) -> Target:
        """The target for a batch whose j-th picture is `pictures[j]` of the old one."""
        return self

    def __add__(self, other: Target) -> Combined:
        if not isinstance(other, Target):
            return NotImplemented
        return Combined((*parts(self), *parts(other)))

    def __sub__(self, other: Target) -> Combined:
        return self + -other if isinstance(other, Target) else NotImplemented

    def __neg__(self) -> Combined:
        return self * -1.0

    def __mul__(self, factor: float) -> Combined:
        terms = parts(self) if is_number(factor) else ()
        scaled = tuple((weight * float(factor), leaf) for weight, leaf in terms)
        if not scaled or max(abs(weight) for weight, _ in scaled) > LARGEST:
            raise ArgumentError(
                f"a target is scaled by a finite number, in all at most {LARGEST:g}, got {factor!r}"
            )
        return Combined(scaled)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Combined:
        if not is_number(divisor) or not divisor:
            raise ArgumentError(f"a target is divided by a number other than 0, got {divisor!r}")
        return self * (1 / float(divisor))


@dataclass(frozen=True)
class Combined(Target):
    """Σ weight · target, over targets of any nodes; made by +, − and ·."""

    terms: tuple[tuple[float, Target], ...]


def parts(target: Target) -> tuple[tuple[float, Target], ...]:
    """A target as weighted targets of one node each."""
    return target.terms if isinstance(target, Combined) else ((1.0, target),)


@dataclass(frozen=True)
class Logit(Target):
    """The logit z_c of a class; `index` is a class number or name, one for all pictures or one for
    each."""

    index: Choice
    linear: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", _plain(self.index))

    def bound(self, model: Model) -> Target:
        return replace(self, index=_each(model.class_index, self.index))

    @property
    def count(self) -> int | None:
        return len(self.index) if isinstance(self.index, tuple) else None

    def take(self, pictures: Sequence[int]) -> Target:
        return replace(self, index=_taken(self.index, pictures))

    def node(self, model: Model) -> str:
        return model.logits_name

    def values(self, y: Array) -> Array:
        z, rows = self._rows(y)
        return z[rows]

    def gradient(self, y: Array) -> Array:
        z, rows = self._rows(y)
        dz = np.zeros_like(z)
        dz[rows] = 1
        return dz.reshape(y.shape)

    def describe(self, model: Model) -> str:
        kind = "logit" if model.logits_name != model.output_name else "output"
        return f"{kind} of class {self._names(model)}"

    def _names(self, model: Model) -> str:
        chosen = self.index if isinstance(self.index, tuple) else (self.index,)
        names = [model.class_name(i) if isinstance(i, int) else i for i in chosen]
        return ", ".join(dict.fromkeys(names))

    def _rows(self, y: Array) -> tuple[Array, tuple[Array, Array]]:
        """The logits (N, classes) and where each picture's class lies in them."""
        z = class_vectors(y)
        return z, (np.arange(len(y)), np.broadcast_to(np.asarray(self.index), (len(y),)))


@dataclass(frozen=True)
class Probability(Logit):
    """The probability p_c: the softmax or the sigmoid of the logits, as the model's head says, or
    the output itself where there is no such head. ∂p_c/∂z_i = p_c ([i = c] − p_i), or
    p_c (1 − p_c) after a sigmoid."""

    curve: str = ""
    linear: ClassVar[bool] = False

    def bound(self, model: Model) -> Target:
        ready = model.head in ("softmax", "sigmoid") and model.logits_name == model.output_name
        curve = "none" if ready else {"logits": "softmax"}.get(model.head, model.head)
        return replace(self, index=_each(model.class_index, self.index), curve=curve)

    def _probabilities(self, z: Array) -> Array:
        if self.curve == "softmax":
            powers = np.exp(z - z.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        return sigmoid(z).astype(z.dtype) if self.curve == "sigmoid" else z

    def values(self, y: Array) -> Array:
        z, rows = self._rows(y)
        return self._probabilities(z)[rows]

    def gradient(self, y: Array) -> Array:
        z, rows = self._rows(y)
        p = self._probabilities(z)
        dz = np.zeros_like(z)
        dz[rows] = 1
        if self.curve == "softmax":
            dz = p[rows][:, None] * (dz - p)
        elif self.curve == "sigmoid":
            dz *= p * (1 - p)
        return dz.reshape(y.shape)

    def describe(self, model: Model) -> str:
        kind = "value" if model.head == "none" else "probability"
        return f"{kind} of class {self._names(model)}"


@dataclass(frozen=True)
class LogProbability(Probability):
    """log p_c, computed from the logits, so that it is finite where p_c is 0 to rounding;
    ∂/∂z_i = [i = c] − p_i after a softmax, 1 − p_c after a sigmoid. A model whose output is no
    probability and no logit is refused; where only the probabilities are there, p_c is at least the
    least positive number."""

    def bound(self, model: Model) -> Target:
        bound = super().bound(model)
        if model.head == "none":
            raise ArgumentError(
                "a log-probability needs a model that gives probabilities or logits, and this "
                "model's output is neither (its head is 'none'): give a class number as target"
            )
        return bound

    def values(self, y: Array) -> Array:
        z, rows = self._rows(y)
        if self.curve == "softmax":
            top = z.max(axis=1)
            return z[rows] - top - np.log(np.exp(z - top[:, None]).sum(axis=1))
        if self.curve == "sigmoid":
            return -np.logaddexp(0, -z[rows]).astype(z.dtype)
        return np.log(np.maximum(z[rows], np.finfo(z.dtype).tiny))

    def gradient(self, y: Array) -> Array:
        z, rows = self._rows(y)
        dz = np.zeros_like(z)
        dz[rows] = 1
        if self.curve == "softmax":
            dz -= self._probabilities(z)
        elif self.curve == "sigmoid":
            dz *= 1 - self._probabilities(z)
        else:
            dz[rows] = 1 / np.maximum(z[rows], np.finfo(z.dtype).tiny)
        return dz.reshape(y.shape)

    def describe(self, model: Model) -> str:
        return f"log {super().describe(model)}"


@dataclass(frozen=True)
class Channel(Target):
    """One channel (or feature) of a node: its mean (1 / places) Σ y[n, ·, ·, k], or with `at` the
    single neuron y[n, row, col, k]. `channel` is one for all pictures or one for each."""

    name: str
    channel: Choice
    at: tuple[int, int] | None = None
    linear: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel", _plain(self.channel))

    @property
    def count(self) -> int | None:
        return len(self.channel) if isinstance(self.channel, tuple) else None

    def take(self, pictures: Sequence[int]) -> Target:
        return replace(self, channel=_taken(self.channel, pictures))

    def node(self, model: Model) -> str:
        shape = model.shapes[model.node(self.name).name]
        if not shape:
            raise ArgumentError(f"node {self.name!r} gives one number, which has no channels")
        chosen = np.atleast_1d(self.channel)
        whole = chosen.dtype.kind in "ui" and chosen.size > 0
        if not whole or chosen.min() < 0 or chosen.max() >= shape[-1]:
            raise ArgumentError(
                f"node {self.name!r} has {shape[-1]} channels 0 … {shape[-1] - 1}, "
                f"got {self.channel}"
            )
        if self.at is None:
            return self.name
        if len(shape) != 3 or not _is_place(self.at, shape):
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


@dataclass(frozen=True)
class Norm(Target):
    """The Euclidean norm √(Σ y²) of all that a node gives: what makes it work hard at all."""

    name: str

    def node(self, model: Model) -> str:
        return model.node(self.name).name

    def values(self, y: Array) -> Array:
        return np.sqrt((y * y).reshape(len(y), -1).sum(axis=1))

    def gradient(self, y: Array) -> Array:
        norm = self.values(y).reshape(-1, *(1,) * (y.ndim - 1))
        return np.divide(y, norm, out=np.zeros_like(y), where=norm > 0)

    def describe(self, model: Model) -> str:
        return f"norm of {self.name}"


@dataclass(frozen=True, eq=False)
class Direction(Target):
    """How far a node's output points in a direction v: the mean over all places of ⟨v, y⟩ for v
    (channels,), or ⟨v, y⟩ for v of the node's own shape (rows, cols, channels)."""

    name: str
    vector: Any
    linear: ClassVar[bool] = True

    def __post_init__(self) -> None:
        vector = as_array(self.vector, "a Direction")
        if vector.dtype.kind not in "uif" or not np.isfinite(vector).all() or not vector.any():
            raise ArgumentError("a Direction needs finite numbers that are not all zero")
        object.__setattr__(self, "vector", vector)

    def node(self, model: Model) -> str:
        shape = model.shapes[model.node(self.name).name]
        if self.vector.shape not in (shape, shape[-1:]):
            raise ArgumentError(
                f"a direction at node {self.name!r} has shape {shape[-1:]} or {shape}, got "
                f"{self.vector.shape}"
            )
        return self.name

    def _weights(self, y: Array) -> Array:
        places = y[0].size // y.shape[-1] if self.vector.shape != y.shape[1:] else 1
        return np.broadcast_to((self.vector / places).astype(y.dtype), y.shape)

    def values(self, y: Array) -> Array:
        return (y * self._weights(y)).reshape(len(y), -1).sum(axis=1)

    def gradient(self, y: Array) -> Array:
        return self._weights(y).copy()

    def describe(self, model: Model) -> str:
        return f"direction in {self.name}"


def class_vectors(y: Array) -> Array:
    """Outputs as (N, classes); refused where a picture has more than one vector of them."""
    if y[0].size != y.shape[-1]:
        raise ArgumentError(
            f"a class as target needs a vector of outputs, this model gives {y.shape[1:]}: "
            "use a Channel as target"
        )
    return y.reshape(len(y), -1)


def _is_place(at: Any, shape: tuple[int, ...]) -> bool:
    """Whether it is (row, col), two whole numbers inside."""
    pair = isinstance(at, list | tuple | np.ndarray) and len(at) == 2
    return pair and all(is_whole(i) and 0 <= i < n for i, n in zip(at, shape, strict=False))


def _plain(value: Any) -> Any:
    """One choice, or one for each picture, as a plain value or a tuple of them."""
    if isinstance(value, list | tuple | np.ndarray | np.generic):
        value = np.asarray(value, object).tolist()
    if isinstance(value, list):
        return tuple(_scalar(v) for v in value)
    return _scalar(value)


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _each(number_of: Any, choice: Any) -> Any:
    """A choice with every name made a number."""
    return tuple(map(number_of, choice)) if isinstance(choice, tuple) else number_of(choice)


def _taken(choice: Any, pictures: Sequence[int]) -> Any:
    return tuple(choice[i] for i in pictures) if isinstance(choice, tuple) else choice
