"""Losses: how wrong an output is, one number for each sample, and its gradient.

A batch's loss is the mean over its samples; the trainer divides by N, not the loss.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..engine.input import as_array
from ..engine.layer import Array
from ..errors import ArgumentError, unknown


class Loss:
    """Base of all losses: outputs y and targets t of one shape (n, …)."""

    registry: ClassVar[dict[str, type[Loss]]] = {}
    names: ClassVar[tuple[str, ...]] = ()
    """By which it can be asked for."""
    fuses: ClassVar[str | None] = None
    """The head that it takes together with itself, from the logits: numerically safer."""

    def __init_subclass__(cls) -> None:
        for name in cls.names:
            Loss.registry[name] = cls

    def values(self, y: Array, t: Array) -> Array:
        """(n,): each sample's loss."""
        raise NotImplementedError(f"{type(self).__name__} has no values")

    def gradient(self, y: Array, t: Array) -> Array:
        """Like y: the gradient of each sample's own loss for its own output."""
        raise NotImplementedError(f"{type(self).__name__} has no gradient")

    def values_from_logits(self, z: Array, t: Array) -> Array:
        """`values(head(z), t)`, computed from z."""
        raise NotImplementedError(f"{type(self).__name__} fuses no head")

    def gradient_from_logits(self, z: Array, t: Array) -> Array:
        """The gradient of `values(head(z), t)` for z."""
        raise NotImplementedError(f"{type(self).__name__} fuses no head")


LOSSES = Loss.registry
"""Name -> class."""


class MeanSquaredError(Loss):
    """L = Σ_i (y_i − t_i)² / F over a sample's F outputs; dL/dy = 2 (y − t) / F."""

    names = ("mean_squared_error", "mse")

    def values(self, y: Array, t: Array) -> Array:
        gap = (y - t).reshape(len(y), -1)
        return (gap * gap).mean(axis=1)

    def gradient(self, y: Array, t: Array) -> Array:
        return (y - t) * (2 * len(y) / y.size)


class CategoricalCrossentropy(Loss):
    """L = −Σ_i t_i log(p_i + ε), over all of a sample's outputs; dL/dp = −t / (p + ε).

    Together with a softmax head, from the logits z: L = log Σ_j e^(z_j) · Σ_i t_i − Σ_i t_i z_i and
    dL/dz = p · Σ_i t_i − t, with ε = 0.
    """

    names = ("categorical_crossentropy", "cross_entropy")
    fuses = "softmax"

    def __init__(self, epsilon: float = 1e-7) -> None:
        self.epsilon = epsilon

    def values(self, y: Array, t: Array) -> Array:
        return -(t * np.log(y + self.epsilon)).reshape(len(y), -1).sum(axis=1)

    def gradient(self, y: Array, t: Array) -> Array:
        return -t / (y + self.epsilon)

    def values_from_logits(self, z: Array, t: Array) -> Array:
        top = z.max(axis=-1, keepdims=True)
        total = np.log(np.exp(z - top).sum(axis=-1)) + top[..., 0]
        each = total * t.sum(axis=-1) - (t * z).sum(axis=-1)
        return each.reshape(len(z), -1).sum(axis=1)

    def gradient_from_logits(self, z: Array, t: Array) -> Array:
        p = np.exp(z - z.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        return p * t.sum(axis=-1, keepdims=True) - t


def get_loss(loss: str | Loss) -> Loss:
    """A loss by name, or the loss given."""
    if isinstance(loss, Loss):
        return loss
    if loss not in LOSSES:
        raise unknown("loss", loss, LOSSES, "nnviz")
    return LOSSES[loss]()


def as_targets(y: object, n: int, shape: tuple[int, ...], dtype: object) -> Array:
    """Labels as targets (n, *shape): class numbers become one-hot rows.

    Class numbers are whole numbers (n,) for an output of several classes; anything else must have
    the output's shape.
    """
    labels = as_array(y, "the labels")
    if len(labels) != n if labels.ndim else True:
        got = len(labels) if labels.ndim else "a single value"
        raise ArgumentError(f"{n} pictures but {got} labels: expected one label for each picture")
    classes = shape[-1]
    if labels.ndim == 1 and labels.dtype.kind in "ui" and shape == (classes,) and classes > 1:
        if labels.min() < 0 or labels.max() >= classes:
            bad = labels[(labels < 0) | (labels >= classes)]
            raise ArgumentError(
                f"label {bad[0]} is outside the model's {classes} classes 0 … {classes - 1}"
            )
        return np.eye(classes, dtype=dtype)[labels]  # type: ignore[call-overload]
    if labels.dtype.kind not in "uifb" or labels.size != n * int(np.prod(shape)):
        raise ArgumentError(
            f"labels have shape {labels.shape} and type {labels.dtype}, expected class numbers "
            f"({n},) or targets ({n}, {', '.join(map(str, shape))})"
        )
    if not np.isfinite(labels).all():
        raise ArgumentError("the labels have values that are NaN or infinite")
    return labels.reshape(n, *shape).astype(dtype)  # type: ignore[call-overload]
