"""Mistakes with their reasons: for each, what spoke for the answer and what for the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array, whole
from ...engine.model import Model
from ...errors import ArgumentError, unknown
from ..probability import probabilities
from ..results import Attribution, Provenance, Result
from .classifier import as_classifier, class_labels, labels_of
from .explaining import explained
from .mistakes import Mistakes, mistakes

ORDERS = ("most confident", "least confident")
SAME = 1e-3
"""How far two runs on one picture may differ in a probability: far more than they do."""


@dataclass(frozen=True)
class ExplainedMistakes(Result):
    """K mistakes, each with a map for the class answered and one for the true class.

    numbers: (K,), which pictures. predicted, labels: (K,). confidence: (K,), of the answer.
    for_answer, for_truth: (K, rows, cols), never rescaled, so that all of them can be read on the
    one scale `scale`. answer_scores, truth_scores: (K,), the targets' values.
    """

    numbers: Array
    predicted: Array
    labels: Array
    confidence: Array
    for_answer: Array
    for_truth: Array
    answer_scores: Array
    truth_scores: Array
    signed: bool
    provenance: Provenance
    answer_warnings: tuple[str, ...] = ()
    truth_warnings: tuple[str, ...] = ()

    @property
    def scale(self) -> tuple[float, float]:
        """(low, high) over all maps; symmetric where they are signed."""
        both = np.concatenate([self.for_answer, self.for_truth]).ravel()
        top, bottom = float(both.max(initial=0.0)), float(both.min(initial=0.0))
        return (-max(top, -bottom), max(top, -bottom)) if self.signed else (bottom, top)

    @property
    def answer(self) -> Attribution:
        """The maps for the classes answered."""
        made = replace(self.provenance, target="the class answered")
        return Attribution(
            self.for_answer, self.answer_scores, made, warnings=self.answer_warnings,
            signed=self.signed,
        )  # fmt: skip

    @property
    def truth(self) -> Attribution:
        """The maps for the true classes."""
        made = replace(self.provenance, target="the true class")
        return Attribution(
            self.for_truth, self.truth_scores, made, warnings=self.truth_warnings,
            signed=self.signed,
        )  # fmt: skip


@of_model
def explain_mistakes(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    most: int = 6,
    order: str = "most confident",
    method: str = "grad_cam",
    options: Mapping[str, Any] | None = None,
    found: Mistakes | None = None,
) -> ExplainedMistakes:
    """The `most` most (or least) confident mistakes, each explained for the answer and the truth.

    x: (N, rows, cols, channels), or a `Dataset`, whose labels are taken where `y` is None. y: (N,)
    class numbers. order: "most confident" or "least confident". method, options: as `explain` takes
    them. found: what `mistakes` has given for the same pictures, to save a run; the labels need not
    be given again. Without a mistake the maps are (0, rows, cols).
    Raises `ArgumentError` for a model that is no classifier or has no pictures as input, and for an
    unknown order, method or option, and where `found` is of another model, or of other pictures or
    labels.
    """
    if order not in ORDERS:
        raise unknown("order", order, ORDERS, "explain_mistakes")
    if len(model.input.shape) != 3:
        raise ArgumentError(
            f"explain_mistakes needs a model for pictures, this one's input is {model.input.shape}"
        )
    judged, pictures = as_classifier(model), model.input.check(x)
    count, given = whole(most, "most"), labels_of(x, y)
    if found is not None:
        _check_found(found, model, pictures, given)
    known = mistakes(model, pictures, given) if found is None else found
    chosen = (known.wrong if order == ORDERS[0] else known.wrong[::-1])[:count]
    if found is not None:
        _check_pictures(found, judged, pictures[chosen], chosen)
    predicted, labels = known.predicted[chosen], known.labels[chosen]
    answer, truth = (
        explained(judged, pictures[chosen], classes, method, options)
        for classes in (predicted, labels)
    )
    made = replace(
        answer.provenance,
        model=known.provenance.model,
        target="the class answered, and the true class",
        settings={**answer.provenance.settings, "order": order},
    )
    return ExplainedMistakes(
        numbers=chosen,
        predicted=predicted,
        labels=labels,
        confidence=known.confidence[chosen],
        for_answer=answer.values,
        for_truth=truth.values,
        answer_scores=answer.scores,
        truth_scores=truth.scores,
        signed=answer.signed,
        provenance=made,
        answer_warnings=answer.warnings,
        truth_warnings=truth.warnings,
    )


def _check_found(found: Any, model: Model, pictures: Array, y: Any) -> None:
    """An error where what was found is of something else."""
    if not isinstance(found, Mistakes):
        raise ArgumentError(f"found must be what mistakes has given, got a {type(found).__name__}")
    if found.provenance.model != model.fingerprint():
        raise ArgumentError("found is of another model: let explain_mistakes find them itself")
    count = len(found.labels)
    if count != len(pictures):
        raise ArgumentError(f"found is of {count} pictures, but {len(pictures)} are given")
    classes = found.probabilities.shape[1]
    if y is not None and (class_labels(y, count, classes) != found.labels).any():
        raise ArgumentError("found is of other labels: let explain_mistakes find them itself")


def _check_pictures(found: Mistakes, judged: Model, pictures: Array, chosen: Array) -> None:
    """An error where the chosen pictures are not those that were judged: they are answered
    otherwise."""
    if not len(chosen):
        return
    again = probabilities(judged, judged.predict(pictures))
    if not np.allclose(again, found.probabilities[chosen], rtol=0, atol=SAME):
        raise ArgumentError(
            "found is of other pictures, or of the same in another order: let explain_mistakes "
            "find them itself"
        )
