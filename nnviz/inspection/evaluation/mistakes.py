"""Where the network is wrong, and how sure it was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ..probability import probabilities
from ..results import Provenance, Result


@dataclass(frozen=True)
class Mistakes(Result):
    """The network's answers beside the truth.

    probabilities: (N, classes); of logits their softmax. predicted, labels: (N,).
    confusion: (classes, classes), how often a picture of class row was answered with class col.
    interval: 95 % for the accuracy.
    """

    probabilities: Array
    predicted: Array
    labels: Array
    confusion: Array
    accuracy: float
    interval: tuple[float, float]
    provenance: Provenance

    @property
    def wrong(self) -> Array:
        """The numbers of the wrongly answered pictures, the most confident mistake first."""
        numbers = np.flatnonzero(self.predicted != self.labels)
        order = np.argsort(-self.confidence[numbers], kind="stable")
        return numbers[order]

    @property
    def confidence(self) -> Array:
        """(N,): the probability of the class that was answered."""
        return self.probabilities[np.arange(len(self.predicted)), self.predicted]

    def mixed_up(self) -> list[tuple[int, int, int]]:
        """Pairs (class, class, count) of classes taken for each other either way, most often
        first."""
        both = np.triu(self.confusion + self.confusion.T, 1)
        pairs = np.argwhere(both)
        found = [(int(a), int(b), int(both[a, b])) for a, b in pairs]
        return sorted(found, key=lambda pair: -pair[2])


def wilson(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval for a share of `right` out of n, 95 % by default (Wilson 1927)."""
    p = right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def mistakes(model: Model, x: Any, y: Any) -> Mistakes:
    """Answers, confusion matrix and accuracy of a classifier on labelled pictures.

    y: (N,) class numbers.
    """
    if len(model.output_shape) != 1 or model.output_shape[0] < 2:
        raise ArgumentError(
            f"mistakes need a classifier of two or more classes, this model gives "
            f"{model.output_shape}"
        )
    sure = probabilities(model, model.predict(x))
    classes = model.output_shape[0]
    labels = np.asarray(y)
    if labels.shape != (len(sure),) or labels.dtype.kind not in "ui":
        raise ArgumentError(
            f"labels must be class numbers ({len(sure)},), got {labels.dtype} of shape "
            f"{labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        bad = labels[(labels < 0) | (labels >= classes)][0]
        raise ArgumentError(
            f"label {bad} is outside the model's {classes} classes 0 … {classes - 1}"
        )
    predicted = sure.argmax(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    right = int((predicted == labels).sum())
    return Mistakes(
        probabilities=sure,
        predicted=predicted,
        labels=labels.astype(np.int64),
        confusion=confusion,
        accuracy=right / len(labels),
        interval=wilson(right, len(labels)),
        provenance=Provenance.of(model, "mistakes"),
    )
