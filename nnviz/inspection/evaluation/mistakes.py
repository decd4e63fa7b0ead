"""Where the network is wrong, and how sure it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array
from ...engine.model import Model
from ..probability import probabilities
from ..results import Part, Provenance, Result
from .classifier import as_classifier, class_labels, class_names, labels_of
from .intervals import Interval, wilson


@dataclass(frozen=True)
class ClassScore(Part):
    """How well one class is recognized.

    pictures: of this class. answered: pictures that were answered with it. right: both.
    recall = right / pictures, precision = right / answered, each with its 95 % Wilson interval;
    None where there is nothing to take a share of.
    """

    label: int
    name: str
    pictures: int
    answered: int
    right: int
    recall: float | None
    recall_interval: Interval | None
    precision: float | None
    precision_interval: Interval | None


@dataclass(frozen=True)
class Mistakes(Result):
    """The network's answers beside the truth.

    probabilities: (N, classes); of logits their softmax. predicted, labels: (N,).
    confusion: (classes, classes), how often a picture of class row was answered with class col.
    interval: 95 % for the accuracy. classes: their names, or their numbers.
    """

    probabilities: Array
    predicted: Array
    labels: Array
    confusion: Array
    accuracy: float
    interval: tuple[float, float]
    provenance: Provenance
    classes: tuple[str, ...] = ()

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

    def per_class(self) -> tuple[ClassScore, ...]:
        """Precision and recall of every class, in the order of the classes."""
        scores = []
        for label, line in enumerate(self.confusion):
            pictures, answered = int(line.sum()), int(self.confusion[:, label].sum())
            right = int(line[label])
            scores.append(
                ClassScore(
                    label,
                    self.classes[label] if self.classes else str(label),
                    pictures,
                    answered,
                    right,
                    right / pictures if pictures else None,
                    wilson(right, pictures) if pictures else None,
                    right / answered if answered else None,
                    wilson(right, answered) if answered else None,
                )
            )
        return tuple(scores)


@of_model
def mistakes(model: Model, x: Any, y: Any = None) -> Mistakes:
    """Answers, confusion matrix and accuracy of a classifier on labelled pictures.

    x: (N, *input shape), or a `Dataset`, whose labels are taken where `y` is None.
    y: (N,) class numbers; of a single sigmoid 1 is what it speaks for, and 0 the other side.
    Raises `ArgumentError` for a model that is no classifier, and for labels that are no classes of
    it.
    """
    judged = as_classifier(model)
    sure = probabilities(judged, judged.predict(x))
    classes = judged.output_shape[0]
    labels = class_labels(labels_of(x, y), len(sure), classes)
    predicted = sure.argmax(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    right = int((predicted == labels).sum())
    return Mistakes(
        probabilities=sure,
        predicted=predicted,
        labels=labels,
        confusion=confusion,
        accuracy=right / len(labels),
        interval=wilson(right, len(labels)),
        provenance=Provenance.of(model, "mistakes"),
        classes=class_names(judged),
    )
