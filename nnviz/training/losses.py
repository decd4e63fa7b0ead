"""Losses: how wrong an output is, one number for each sample, and its gradient.

A batch's loss is the mean over its samples; the trainer divides by N, not the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..engine.input import as_array
from ..engine.layer import Array
from ..engine.layers.activation import sigmoid
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

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __call__(self, y: object, t: object) -> float:
        """The mean loss of outputs y, one sample (outputs,) or a batch (n, outputs), against
        targets of the same shape or class numbers."""
        outputs = as_array(y, "the outputs")
        outputs = outputs.astype(np.result_type(outputs, np.float32), copy=False)
        one = outputs.ndim <= 1
        outputs = np.atleast_1d(outputs)[None] if one else outputs
        labels = np.asarray(t)[None] if one else np.asarray(t)
        targets = as_targets(labels, len(outputs), outputs.shape[1:], outputs.dtype)
        return float(self.values(outputs, targets).mean())


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


class HalfSumOfSquares(Loss):
    """L = ½ Σ_i (y_i − t_i)² over a sample's outputs, the textbooks' form; dL/dy = y − t."""

    names = ("half_sum_of_squares",)

    def values(self, y: Array, t: Array) -> Array:
        gap = (y - t).reshape(len(y), -1)
        return (gap * gap).sum(axis=1) * 0.5

    def gradient(self, y: Array, t: Array) -> Array:
        return y - t


class _Crossentropy(Loss):
    """What both cross-entropies share: smoothed labels and weighted classes.

    epsilon: inside the logarithm, so that it is safe at 0. label_smoothing s: the targets are moved
    by a share s towards indifference. class_weights: a sample's loss is multiplied by
    Σ_i t_i · weight_i.
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-7,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        if not epsilon > 0 or not 0 <= label_smoothing < 1:
            raise ArgumentError(
                f"{type(self).__name__} needs epsilon > 0 and label_smoothing in [0, 1), got "
                f"{epsilon!r}, {label_smoothing!r}"
            )
        self.epsilon, self.label_smoothing = float(epsilon), float(label_smoothing)
        self.class_weights: tuple[float, ...] | None = None
        if class_weights is not None:
            given = np.asarray(class_weights)
            right = given.ndim == 1 and given.size and given.dtype.kind in "uif"
            if not right or not np.isfinite(given).all() or given.min() < 0:
                raise ArgumentError(
                    "class_weights are numbers of at least 0 in the order of the classes, got "
                    f"{class_weights!r}"
                )
            self.class_weights = tuple(given.astype(float).tolist())

    def indifferent(self, classes: int) -> float:
        """The target of somebody who does not know."""
        return 1 / classes

    def smooth(self, t: Array) -> Array:
        """The targets, moved towards indifference."""
        if not self.label_smoothing:
            return t
        share = self.label_smoothing
        return t * (1 - share) + share * self.indifferent(t.shape[-1])

    def weights(self, t: Array) -> Array | float:
        """(n, …, 1): what each sample (or place) counts; 1 where there are no class weights."""
        if self.class_weights is None:
            return 1.0
        if len(self.class_weights) != t.shape[-1]:
            raise ArgumentError(
                f"{len(self.class_weights)} class weights for {t.shape[-1]} classes"
            )
        return (t * np.asarray(self.class_weights, t.dtype)).sum(axis=-1, keepdims=True)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(epsilon={self.epsilon}, "
            f"label_smoothing={self.label_smoothing}, class_weights={self.class_weights})"
        )


def _per_sample(each: Array) -> Array:
    return each.reshape(len(each), -1).sum(axis=1)


class CategoricalCrossentropy(_Crossentropy):
    """L = −Σ_i t_i log(p_i + ε), over all of a sample's outputs; dL/dp = −t / (p + ε).

    Together with a softmax head, from the logits z: L = log Σ_j e^(z_j) · Σ_i t_i − Σ_i t_i z_i and
    dL/dz = p · Σ_i t_i − t, with ε = 0.
    """

    names = ("categorical_crossentropy", "cross_entropy")
    fuses = "softmax"

    def values(self, y: Array, t: Array) -> Array:
        return _per_sample(-(self.weights(t) * self.smooth(t) * np.log(y + self.epsilon)))

    def gradient(self, y: Array, t: Array) -> Array:
        return -self.weights(t) * self.smooth(t) / (y + self.epsilon)

    def values_from_logits(self, z: Array, t: Array) -> Array:
        weights, t = self.weights(t), self.smooth(t)
        top = z.max(axis=-1, keepdims=True)
        total = np.log(np.exp(z - top).sum(axis=-1, keepdims=True)) + top
        return _per_sample(weights * (total * t - t * z))

    def gradient_from_logits(self, z: Array, t: Array) -> Array:
        weights, t = self.weights(t), self.smooth(t)
        p = np.exp(z - z.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        return weights * (p * t.sum(axis=-1, keepdims=True) - t)


class BinaryCrossentropy(_Crossentropy):
    """L = −Σ_i (t_i log(p_i + ε) + (1 − t_i) log(1 − p_i + ε)) / F over a sample's F outputs.

    Every output is a yes or no of its own. Together with a sigmoid head, from the logits z:
    L = Σ_i (log(1 + e^(z_i)) − t_i z_i) / F and dL/dz = (p − t) / F. A class weight multiplies its
    own output's part.
    """

    names = ("binary_crossentropy",)
    fuses = "sigmoid"

    def indifferent(self, classes: int) -> float:
        return 0.5

    def weights(self, t: Array) -> Array | float:
        super().weights(t)  # the check of their number
        return 1.0 if self.class_weights is None else np.asarray(self.class_weights, t.dtype)

    def _share(self, y: Array, t: Array) -> Array | float:
        return self.weights(t) * (len(y) / y.size)

    def values(self, y: Array, t: Array) -> Array:
        share, t, e = self._share(y, t), self.smooth(t), self.epsilon
        return _per_sample(-share * (t * np.log(y + e) + (1 - t) * np.log(1 - y + e)))

    def gradient(self, y: Array, t: Array) -> Array:
        share, t, e = self._share(y, t), self.smooth(t), self.epsilon
        return share * ((1 - t) / (1 - y + e) - t / (y + e))

    def values_from_logits(self, z: Array, t: Array) -> Array:
        return _per_sample(self._share(z, t) * (np.logaddexp(z, 0) - self.smooth(t) * z))

    def gradient_from_logits(self, z: Array, t: Array) -> Array:
        return self._share(z, t) * (sigmoid(z) - self.smooth(t))


def get_loss(loss: str | Loss) -> Loss:
    """A loss by name, or the loss given."""
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
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
