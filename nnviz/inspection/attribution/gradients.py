"""Explanations by gradients: how the target would move if a pixel moved."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.model import Model
from ...engine.trace import Gradients, Trace
from ...errors import ArgumentError
from ..results import Attribution, Provenance, degenerate
from .rules import rule_name, rule_set
from .target import Target, as_target, check_target

CAUSE = (
    "no ReLU is open on any way from the picture to the target, or the target does not depend on "
    "the picture; try rule='plain' or another class"
)


def target_gradient(
    model: Model, x: Any, target: Any, *, at: tuple[str, ...], rule: str
) -> tuple[Trace, Target, Array, Gradients, tuple[str, ...]]:
    """One run and one walk back: trace, target, its values (N,), gradients at `at`, warnings."""
    trace = model.run(x)
    goal = as_target(model, target, trace.output)
    node = check_target(goal, model, len(trace.input))
    y = trace[node].y
    rule_for, warnings = rule_set(model, rule)
    seeds = {node: goal.gradient(y)}
    grads = model.backward(trace, seeds, until=at, rule_for=rule_for)
    return trace, goal, goal.values(y), grads, warnings


def saliency(model: Model, x: Any, target: Any = None, *, rule: str = "plain") -> Attribution:
    """The size of the target's gradient at each pixel: M(r, c) = max over channels k of |∂S/∂x[r,
    c, k]|.

    S: the target (for a class, its logit). values: (N, rows, cols), not negative; raw: the signed
    gradient (N, rows, cols, channels).
    target: a class number or name, one for each picture, a `Target`, or None for the predicted
        class.
    rule: "plain", "guided" or "rectified" (see `rules`).
    Simonyan, Vedaldi, Zisserman 2013, section 3, arXiv:1312.6034.
    """
    rule = rule_name(rule)
    _, goal, scores, grads, warnings = target_gradient(model, x, target, at=(INPUT,), rule=rule)
    raw = grads[INPUT]
    if raw.ndim != 4:
        raise ArgumentError(
            f"saliency draws pictures, this model's input has shape {raw.shape[1:]}"
        )
    values = np.abs(raw).max(axis=-1)
    return Attribution(
        values=values,
        scores=scores,
        raw=raw,
        warnings=warnings + degenerate(values, CAUSE),
        provenance=Provenance.of(
            model, "saliency", target=goal.describe(model), settings={"rule": rule}
        ),
    )
