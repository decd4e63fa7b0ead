"""DeepLIFT: what each pixel's difference from a baseline adds to the target's difference.

Gradients say nothing where an activation is flat; DeepLIFT puts the whole step from the baseline in
the gradient's place, Δy / Δx, found by running the network on both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...engine.graph import INPUT, Node
from ...engine.layer import Array, Call, Layer, Mode, Rule
from ...engine.model import Model
from ...engine.trace import Trace
from ...engine.walk import RuleFor
from ..results import Attribution
from .baseline import baselines, described, references
from .goal import Goal
from .methods import method
from .path import answer_complete
from .question import Question
from .relevance import Sides, added, both_sides, rules_for

CAUSE = (
    "the target does not change on the way from the baseline to the picture, or the changes cancel "
    "at every pixel; try another baseline or another class"
)

REMEDY = (
    "a layer or the target bends too sharply for the quadrature, or sums cancel; try "
    "integrated_gradients"
)

LAYER_POINTS, TARGET_POINTS = 16, 64
"""Of the Gauss-Legendre quadrature along a straight line, at a layer and at the target: exact up to
polynomials of degree 31 and 127. A probability falls from 1 to 0 on a short part of its line."""


@method(
    "rule",
    reference="Shrikumar et al. 2017, arXiv:1704.02685",
    signed=True,
    cost="2 f + 1 b",
)
def deep_lift(model: Model, x: Any, target: Any = None, *, baseline: Any = 0.0) -> Attribution:
    """C_i = m_i (x_i − x⁰_i), the multiplier m_i walked back by the chain rule from m = ∂S/∂y.

    Linear layers pass m back as they pass gradients; an activation multiplies it by Δy / Δx (the
    rescale rule). values: (N, rows, cols), signed, the channels added up; raw: by channel.
    Σ_i C_i = S(x) − S(x⁰), so gap, the relative difference of both sides, is rounding.
    baseline: x⁰, as for `integrated_gradients`; the maps of several are averaged.

    Max pooling: where the maximum rose, the place of the new one gets the rise; where it fell, the
    place of the old one gets the fall. Products, a softmax inside the network, response
    normalization and a target that is no linear function of its node: the mean gradient on the
    straight line between both runs (Gauss-Legendre; exact for products). Where Δx is too small to
    divide by, the mean of the derivatives at both ends.
    Shrikumar, Greenside, Kundaje 2017, sections 3.1 to 3.5.2, arXiv:1704.02685; the paper says
    nothing of max pooling and products.
    """
    question = Question.of(model, x, target, "deep_lift")
    return _explained(question, baselines(question, baseline), {"baseline": described(baseline)})


@method(
    "rule",
    reference="Lundberg and Lee 2017, arXiv:1705.07874",
    signed=True,
    cost="(2 f + 1 b) · baselines",
)
def deep_lift_shap(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    baselines: Any = ("black", "grey", "white"),
) -> Attribution:
    """φ_i = 1/K Σ_k C_i(x⁰_k): the mean of DeepLIFT over K baselines.

    values, raw and gap as for `deep_lift`, the sum being S(x) − 1/K Σ_k S(x⁰_k).
    baselines: K pictures, (K, rows, cols, channels), or a list of anything that `deep_lift` takes
        as one; None for five flat pictures from black to white. A few dozen pictures of the
        training set are usual.
    Lundberg and Lee 2017, section 4.2 ("Deep SHAP"), arXiv:1705.07874.
    """
    question = Question.of(model, x, target, "deep_lift_shap")
    ready = references(question, baselines)
    return _explained(question, ready, {"baselines": described(baselines)})


def _explained(question: Question, bases: list[Array], said: dict[str, Any]) -> Attribution:
    """The mean over the baselines of the multipliers times the differences."""
    raw, scores = mean_contrast(question, bases, INPUT)
    return answer_complete(
        question, raw, (scores[:, 0], scores[:, 1]), remedy=REMEDY, cause=CAUSE, settings=said
    )


def mean_contrast(question: Question, bases: list[Array], place: str) -> tuple[Array, Array]:
    """The mean over the baselines of multiplier times difference at `place`, a node or the input,
    (N, …), and the mean scores (N, 2) of pictures and baselines."""
    walks = question.contrasts(
        bases, at=place, rule_for=lambda base: _rules(question, base), seeds=mean_seeds
    )
    shape = question.x.shape[1:] if place == INPUT else question.model.shapes[place]
    raw, scores = np.zeros((len(question), *shape)), np.zeros((len(question), 2))
    for walk in walks:
        raw += walk.gradients[place] * walk.outputs[place]
        scores += walk.scores
    return raw / len(bases), (scores / len(bases)).astype(question.x.dtype)


# Rules ----------------------------------------------------------------------------------------


def _rules(question: Question, base: Trace) -> RuleFor:
    """The rule of every node, given the baselines' run."""

    def rule_of(node: Node, kind: str) -> Rule | None:
        make = MULTIPLIERS.get(kind)
        return None if make is None else make(base.calls[node.name])

    return rules_for(question.model, question.goal.nodes, question.method, rule_of)


Before = tuple[Call, ...]
"""A node's calls in the baselines' run, by chunk."""


def linear(before: Before) -> Rule:
    """y = W x + b: m passes as a gradient does."""
    return lambda layer, m, call: layer.backward(m, call)


def rescaled(before: Before) -> Rule:
    """m Δy / Δx; where Δx is near 0 the mean derivative of both ends, unless a corner lies
    between them."""

    def rule(layer: Layer, m: Array, call: Call) -> Array:
        base = before[call.chunk]
        if call.x.shape != call.y.shape:  # a constant has stretched the input
            return both_sides(averaged(before)(layer, m, call))[0]
        one = np.ones_like(m)
        (slope,), (other,) = (both_sides(layer.backward(one, c)) for c in (call, base))
        dx, dy = call.x - base.x, call.y - base.y
        # The quotient is wrong by rounding / Δx, the mean derivative by Δx²: alike at ε^(1/3).
        near = np.cbrt(np.finfo(m.dtype).eps)
        close = (np.abs(dx) < near) & (np.abs(slope - other) < 10 * near)
        mean = np.asarray(slope + other) / 2
        return m * np.divide(dy, dx, out=mean, where=~close & (dx != 0))

    return rule


def pooled(before: Before) -> Rule:
    """Where the maximum rose, to its new place; where it fell, to its old place."""

    def rule(layer: Layer, m: Array, call: Call) -> Array:
        base = before[call.chunk]
        change, dx = difference(call.y, base.y), difference(call.x, base.x)
        (risen,) = both_sides(layer.backward(m * np.maximum(change, 0), call))
        (fallen,) = both_sides(layer.backward(m * np.minimum(change, 0), base))
        (still,) = both_sides(layer.backward(m, call))
        return np.divide(risen + fallen, dx, out=still.copy(), where=dx != 0)

    return rule


def difference(one: Array, other: Array) -> Array:
    """one − other, 0 where they are the same, be it infinite: the frame before a maximum is."""
    return np.subtract(one, other, out=np.zeros_like(one), where=one != other)


def averaged(before: Before) -> Rule:
    """∫₀¹ of the layer's backward at x⁰ + t (x − x⁰) dt, by Gauss-Legendre quadrature."""

    def rule(layer: Layer, m: Array, call: Call) -> tuple[Array, ...]:
        base = before[call.chunk]
        total: Sides = ()
        for t, weight in line(LAYER_POINTS):
            xs = tuple(b + (a - b) * t for a, b in zip(call.xs, base.xs, strict=True))
            y, saved = layer.forward(*xs, mode=Mode(scratch=call.mode.scratch))
            dxs = both_sides(layer.backward(m, Call(xs, y, saved, call.mode, call.chunk)))
            total = added(total, tuple(dx * weight for dx in dxs))
        return total

    return rule


MULTIPLIERS: Mapping[str, Callable[[Before], Rule]] = {
    "dense": linear,
    "convolution": linear,
    "mixing": linear,
    "scaling": linear,
    "routing": linear,
    "maximum": pooled,
    "choice": averaged,
    "curve": rescaled,
    "damping": averaged,
    "product": averaged,
    "softmax": averaged,
    "general": averaged,
}
"""The rule for a kind of layer, given its calls in the baselines' run."""


def line(count: int) -> Iterator[tuple[float, float]]:
    """(t, weight) of the quadrature on 0 … 1."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return zip(((points + 1) / 2).tolist(), (weights / 2).tolist(), strict=True)


def mean_seeds(
    goal: Goal, outputs: Mapping[str, Array], before: Mapping[str, Array]
) -> dict[str, Array]:
    """The target's mean gradient on the straight line between the two runs' outputs: its gradient
    where the target is linear."""
    if goal.linear:
        return goal.seeds(outputs)
    total: dict[str, Array] = {}
    for t, weight in line(TARGET_POINTS):
        between = {name: before[name] + (outputs[name] - before[name]) * t for name in outputs}
        for name, dy in goal.seeds(between).items():
            total[name] = total[name] + dy * weight if name in total else dy * weight
    return total
