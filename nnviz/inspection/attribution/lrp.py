"""Layer-wise relevance propagation: the target's value shared out, layer by layer, to the pixels.

Batch normalizations are multiplied into their neighbours first (in a copy), since a rule that sees
them apart shares by numbers that cancel. The rules stand in `composites`, the mechanism in
`relevance`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.model import Model
from ...engine.rewrite import fold_batch_norm
from ...errors import ArgumentError
from ..results import Attribution
from .checks import choice, number
from .composites import COMPOSITES, DEEP_TAYLOR, Composite, Settings, composite_rules
from .gap import completeness, total
from .gradients import without_channels
from .methods import method
from .question import Question, Walk
from .relevance import beyond, first_layers, unfit
from .target import Probability

CAUSE = (
    "no relevance reached the picture: the target's value is 0, or the relevance ended at outputs "
    "that no input speaks for; try another class, composite='epsilon', or the gradient"
)
REMEDY = (
    "biases, epsilon and outputs that no input speaks for have taken or made the rest; try lrp "
    "with composite='epsilon_gamma_box', or integrated_gradients"
)
CURVED = (
    "this target is no linear function of its node, and relevance begins there with y ∂S/∂y; try "
    "integrated_gradients"
)
LARGE_LOSS = 0.5
"""Biases always take a part of the relevance: only a gap above this is named."""
TAYLOR_CAUSE = (
    "deep Taylor explains what is above 0, and the target is not, or its relevance ended at "
    "outputs that no input speaks for; try another class, or lrp"
)


@method(
    "rule",
    reference="Bach et al. 2015; Kohlbrenner et al. 2020, arXiv:1910.09840",
    signed=True,
    needs="no softmax inside",
    cost="1 f + 1 b of 2 to 4 times the size",
)
def lrp(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    composite: str = "epsilon_plus",
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    alpha: float = 2.0,
    beta: float = 1.0,
) -> Attribution:
    """R_i = Σ_j share of input i in output j · R_j, from the target back to the picture.

    It begins at the node that the target reads with R = y ∂S/∂y: a class's logit, with its own
    sign; of "why 4 and not 9", z₄ and −z₉. values: (N, rows, cols), signed, the channels added up;
    raw: by channel. gap: (Σ values − S) / S, what biases, ε and dead ends have taken.
    composite: which rule each kind of layer gets (first | dense | convolution):
        "epsilon_plus" (– | ε | z⁺), "epsilon_plus_flat" (flat | ε | z⁺), "epsilon_alpha2_beta1",
        "epsilon_alpha2_beta1_flat", "epsilon_gamma_box" (z-box | ε | γ), or one rule for all:
        "zero", "epsilon", "gamma", "alpha_beta", "z_plus", "w_square", "flat".
    epsilon: the ε of every ε rule, in units of the layer's outputs, 0 or more. gamma: 0 or more.
    alpha, beta: of "alpha_beta" alone; α − β = 1 with β ≥ 0.

    By w² and flat every input gets a share whatever it holds, a frame of `ZeroPadding2D` as well.
    Activations pass relevance on as it is, max pooling to the winner, sums and means by their
    shares with ε, a product's factors share alike (Arras et al. 2019, "LRP-half",
    arXiv:1909.12114). A normalization that cannot be folded, s x + t, gives x its share with ε
    where one rule is for all and that is zero, ε or γ, else all.
    Refused: softmax inside the network, probabilities as target, layers without a rule.
    Bach et al. 2015, doi:10.1371/journal.pone.0130140; Kohlbrenner et al. 2020, arXiv:1910.09840;
    the formulas stand in `composites`.
    """
    composite = choice(composite, "composite", "lrp", COMPOSITES)
    given = {"epsilon": epsilon, "gamma": gamma, "alpha": alpha, "beta": beta}
    settings = rule_settings("lrp", **given)
    question = Question.of(model, x, target, "lrp")
    said = {"composite": composite, **given}
    return _explained(question, COMPOSITES[composite], settings, said)


@method(
    "rule",
    reference="Bach et al. 2015; Montavon et al. 2017, arXiv:1512.02479",
    signed=True,
    needs="no softmax inside",
    cost="1 f + 1 b of 2 times the size",
)
def lrp_zero(model: Model, x: Any, target: Any = None) -> Attribution:
    """R_i = Σ_j x_i w_ij / (Σ_i x_i w_ij + b_j) · R_j at every layer: `lrp` with the plain rule.

    On ReLU nets without biases it is input times gradient, and its values add up to the target.
    values, raw, gap and refusals as for `lrp`. Bach et al. 2015, eq. 56; Montavon et al. 2017,
    arXiv:1512.02479; the equality: Shrikumar et
    al. 2016, section 2, arXiv:1605.01713.
    """
    question = Question.of(model, x, target, "lrp_zero")
    return _explained(question, COMPOSITES["zero"], Settings(), {})


@method(
    "rule",
    reference="Bach et al. 2015; Kohlbrenner et al. 2020, arXiv:1910.09840",
    signed=True,
    needs="no softmax inside",
    cost="1 f + 1 b of 2 times the size",
)
def lrp_epsilon(model: Model, x: Any, target: Any = None, *, epsilon: float = 1e-6) -> Attribution:
    """R_i = Σ_j x_i w_ij / (z_j + ε sign z_j) · R_j, z_j = Σ_i x_i w_ij + b_j, at every layer.

    epsilon: in units of the layers' outputs, 0 or more; it takes relevance where evidence for and
    against cancels. values, raw, gap and refusals as for `lrp`. Bach et al. 2015, eq. 58; use:
    Kohlbrenner et al. 2020, arXiv:1910.09840.
    """
    question = Question.of(model, x, target, "lrp_epsilon")
    settings = rule_settings("lrp_epsilon", epsilon=epsilon)
    return _explained(question, COMPOSITES["epsilon"], settings, {"epsilon": epsilon})


@method(
    "rule",
    reference="Montavon et al. 2019; Kohlbrenner et al. 2020, arXiv:1910.09840",
    signed=True,
    needs="no softmax inside",
    cost="1 f + 1 b of 5 times the size",
)
def lrp_gamma(model: Model, x: Any, target: Any = None, *, gamma: float = 0.25) -> Attribution:
    """R_i = Σ_j x_i (w_ij + γ w_ij⁺) / Σ_i x_i (w_ij + γ w_ij⁺) · R_j: what speaks for an output
    counts 1 + γ times.

    gamma: 0 or more; 0 is `lrp_zero`, and as it grows the rule becomes z⁺. For negative inputs or
    outputs see `composites`. Montavon et al. 2019, section 10.2.3; use: Kohlbrenner et al. 2020,
    arXiv:1910.09840. values, raw, gap and refusals as for `lrp`.
    """
    question = Question.of(model, x, target, "lrp_gamma")
    settings = rule_settings("lrp_gamma", gamma=gamma)
    return _explained(question, COMPOSITES["gamma"], settings, {"gamma": gamma})


@method(
    "rule",
    reference="Bach et al. 2015; Kohlbrenner et al. 2020, arXiv:1910.09840",
    signed=True,
    needs="no softmax inside",
    cost="1 f + 1 b of 4 times the size",
)
def lrp_alpha_beta(
    model: Model, x: Any, target: Any = None, *, alpha: float = 2.0, beta: float = 1.0
) -> Attribution:
    """R_i = Σ_j (α z_ij⁺ / z_j⁺ − β z_ij⁻ / z_j⁻) R_j, z_ij = x_i w_ij.

    z_j⁺, z_j⁻: the sums of what is above and below 0 in output j, with b_j⁺ and b_j⁻.
    alpha, beta: α − β = 1 with β ≥ 0; α = 1, β = 0 is the z⁺ rule. values, raw, gap and refusals as
    for `lrp`. Bach et al. 2015, eq. 60, where β has the other sign; use: Kohlbrenner et al. 2020,
    arXiv:1910.09840.
    """
    question = Question.of(model, x, target, "lrp_alpha_beta")
    given = {"alpha": alpha, "beta": beta}
    settings = rule_settings("lrp_alpha_beta", **given)
    return _explained(question, COMPOSITES["alpha_beta"], settings, given)


@method(
    "rule",
    reference="Montavon et al. 2017, arXiv:1512.02479",
    needs="no softmax inside; made for ReLU",
    cost="1 f + 1 b of 2 times the size",
)
def deep_taylor(model: Model, x: Any, target: Any = None, *, first: str = "z_box") -> Attribution:
    """R_i = Σ_j x_i w_ij⁺ / Σ_i x_i w_ij⁺ · R_j, and at the layers that read pixels
    R_i = Σ_j (x_i w_ij − l_i w_ij⁺ − h_i w_ij⁻) / Σ_i … · R_j.

    l, h: the least and the largest that the pixel may be there (pixel 0 and 1; one beyond them is
    its own bound, and a warning says so). It begins with R = max(y ∂S/∂y, 0), so values
    (N, rows, cols) are never negative. gap: (Σ values − S⁺) / S⁺.
    first: "z_box", or "w_square" for inputs without bounds: w_ij² / Σ_i w_ij².
    Montavon, Lapuschkin, Binder, Samek, Müller 2017, the z⁺, z^B and w² rules, arXiv:1512.02479.
    It is derived for ReLUs with biases of at most 0; biases have no share. Where an input x_i below
    0 meets a weight below 0, x_i w_ij counts as well. Sums and means share by what is positive, a
    normalization that cannot be folded passes all on, a product's factors share alike.
    """
    first = choice(first, "first rule", "deep_taylor", ("z_box", "w_square"))
    composite = Composite(**{**vars(DEEP_TAYLOR), "first": first})
    question = Question.of(model, x, target, "deep_taylor")
    return _explained(question, composite, Settings(), {"first": first}, only_positive=True)


def _explained(
    question: Question,
    composite: Composite,
    settings: Settings,
    said: dict[str, Any],
    *,
    only_positive: bool = False,
) -> Attribution:
    """The relevance of the pixels by a composite, as a result."""
    walk, warnings = relevance_at(question, INPUT, composite, settings, only_positive=only_positive)
    started = np.maximum(walk.scores, 0) if only_positive else walk.scores
    gap, missed = lost(question, walk.gradient, started)
    return question.answer(
        without_channels(walk.gradient, "sum"),
        scores=walk.scores,
        signed=not only_positive,
        raw=walk.gradient,
        gap=gap,
        cause=TAYLOR_CAUSE if only_positive else CAUSE,
        settings=said,
        warnings=warnings + missed,
    )


def relevance_at(
    question: Question,
    place: str,
    composite: Composite,
    settings: Settings,
    *,
    only_positive: bool = False,
) -> tuple[Walk, tuple[str, ...]]:
    """The walk whose gradient at `place`, a node or the input, is the relevance there."""
    ends = question.goal.nodes
    refuse_probabilities(question)
    folded = question.with_model(fold_batch_norm(question.model, keep=(*ends, place)))
    rules = composite_rules(folded.model, ends, question.method, composite, settings)

    def start(dy: Array, y: Array) -> Array:
        return np.maximum(dy * y, 0) if only_positive else dy * y

    walk = folded.walk(at=(place,), rule_for=rules, seed_of=start)
    return walk, _warnings(folded, composite, only_positive)


def lost(question: Question, relevance: Array, started: Array) -> tuple[Array, tuple[str, ...]]:
    """(Σ R − S) / S for each picture, and warnings where that is large."""
    return completeness(
        total(relevance), started, np.zeros(len(started)),
        REMEDY if question.goal.linear else CURVED,
        large=LARGE_LOSS, wanted="the target is {:.4g}",
    )  # fmt: skip


def _warnings(question: Question, composite: Composite, only_relus: bool) -> tuple[str, ...]:
    """What a rule was not made for, or has nothing to act on."""
    found = []
    if composite.first and not first_layers(question.model):
        found.append(
            "no layer with weights reads the picture directly, so nothing got the "
            f"{composite.first} rule of the first layers"
        )
    found += unfit(
        question.model,
        question.goal.nodes,
        question.method,
        for_relus=only_relus,
        scaling_passes=composite.scaling is None,
    )
    if composite.first == "z_box":
        found += beyond(question.model, question.x, question.method)
    return tuple(found)


def refuse_probabilities(question: Question) -> None:
    """A probability mixes all classes; the rules share out one value of the network."""
    for _, node, target in question.goal.terms:
        if isinstance(target, Probability) and target.curve != "none":
            raise ArgumentError(
                f"{question.method} shares out a value of the network, and a probability mixes all "
                f"those of {node!r}: give a class number as target (its logit), or Logit(a) − "
                "Logit(b)"
            )


def rule_settings(owner: str, **given: Any) -> Settings:
    """The numbers, checked; those that are not given are the usual ones."""
    checked = {name: number(value, name, owner) for name, value in given.items()}
    settings = Settings(**checked)
    if abs(settings.alpha - settings.beta - 1) > 1e-9:
        raise ArgumentError(
            f"alpha − beta of {owner} must be 1, so that no relevance is made or lost, got "
            f"{settings.alpha!r} and {settings.beta!r}"
        )
    return settings
