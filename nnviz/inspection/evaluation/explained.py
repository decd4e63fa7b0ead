"""Mistakes with their reasons: for each, what spoke for the answer and what for the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.layer import Array, whole
from ...engine.model import Model
from ...errors import ArgumentError, unknown
from ..attribution.explain import explain
from ..results import Attribution, Provenance, Result
from .classifier import as_classifier, labels_of
from .mistakes import Mistakes, mistakes

ORDERS = ("most confident", "least confident")


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
    them. found: what `mistakes` has given for the same pictures, to save a run. Without a mistake
    the maps are (0, rows, cols).
    Raises `ArgumentError` for a model that is no classifier or has no pictures as input, and for an
    unknown order, method or option.
    """
    if order not in ORDERS:
        raise unknown("order", order, ORDERS, "explain_mistakes")
    if len(model.input.shape) != 3:
        raise ArgumentError(
            f"explain_mistakes needs a model for pictures, this one's input is {model.input.shape}"
        )
    judged, pictures = as_classifier(model), model.input.check(x)
    found = mistakes(model, pictures, labels_of(x, y)) if found is None else found
    wrong = found.wrong if order == ORDERS[0] else found.wrong[::-1]
    chosen = wrong[: whole(most, "most")]
    settings = {**(options or {}), "order": order}
    if not len(chosen):
        none = np.zeros((0, *model.input.shape[:2]), np.float32)
        made = Provenance.of(model, method, settings=settings)
        answer = truth = Attribution(none, none[:, 0, 0], made)
    else:
        answer, truth = (
            explain(judged, pictures[chosen], classes[chosen], method=method, **(options or {}))
            for classes in (found.predicted, found.labels)
        )
    made = replace(
        answer.provenance,
        model=found.provenance.model,
        target="the class answered, and the true class",
        settings={**answer.provenance.settings, "order": order},
    )
    return ExplainedMistakes(
        numbers=chosen,
        predicted=found.predicted[chosen],
        labels=found.labels[chosen],
        confidence=found.confidence[chosen],
        for_answer=answer.values,
        for_truth=truth.values,
        answer_scores=answer.scores,
        truth_scores=truth.scores,
        signed=answer.signed,
        provenance=made,
        answer_warnings=answer.warnings,
        truth_warnings=truth.warnings,
    )
