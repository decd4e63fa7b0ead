"""The rule methods and expected gradients at a node inside the network: what its output does for
the target by relevance, by differences from a baseline, or by slopes on random ways.

As in `layer`, the map has one value for each of the node's places and is put on the picture by the
receptive fields.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.model import Model
from ..results import Attribution
from .baseline import baselines, described, references
from .checks import choice, generator, whole_number
from .composites import COMPOSITES
from .deep_lift import REMEDY, mean_contrast
from .gap import completeness, total
from .layer import CAUSE, leads_round, placed
from .lrp import CAUSE as NO_RELEVANCE
from .lrp import lost, relevance_at, rule_settings
from .methods import method
from .path import drawn
from .places import spatial_node
from .question import Question


@method(
    "layer",
    reference="Bach et al. 2015; Kohlbrenner et al. 2020, arXiv:1910.09840",
    signed=True,
    needs="a node with places, no softmax inside",
    cost="1 f + 1 b of 2 to 4 times the size",
)
def layer_lrp(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    composite: str = "epsilon_plus",
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    alpha: float = 2.0,
    beta: float = 1.0,
) -> Attribution:
    """L(r, c) = Σ_k R_k[r, c], R the relevance that reaches a node's output on its way from the
    target to the picture.

    values: (N, rows, cols), signed, placed on the picture; at_node: L itself, (N, r, c), which adds
    up to the target but for `gap`, where all ways from the picture lead through the node (otherwise
    a warning, and no gap).
    node: by name; None for the last node with space in it. composite, epsilon, gamma, alpha, beta:
    as for `lrp`, of which this is the same walk, stopped earlier. Bach et al. 2015; Kohlbrenner et
    al. 2020, arXiv:1910.09840.
    """
    composite = choice(composite, "composite", "layer_lrp", COMPOSITES)
    given = {"epsilon": epsilon, "gamma": gamma, "alpha": alpha, "beta": beta}
    settings = rule_settings("layer_lrp", **given)
    question, name = Question.of(model, x, target, "layer_lrp"), spatial_node(model, node)
    walk, warnings = relevance_at(question, name, COMPOSITES[composite], settings)
    part = leads_round(question, name)
    gap, missed = lost(question, walk.gradients[name], walk.scores)
    return placed(
        question,
        name,
        walk.gradients[name],
        walk.scores,
        cause=NO_RELEVANCE,
        settings={"composite": composite, **given},
        gap=None if part else gap,
        warnings=warnings + (around(name) if part else missed),
    )


@method(
    "layer",
    reference="Shrikumar et al. 2017, arXiv:1704.02685",
    signed=True,
    needs="a node with places",
    cost="2 f + 1 b",
)
def layer_deep_lift(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    baseline: Any = "black",
) -> Attribution:
    """L(r, c) = Σ_k m_k[r, c] (A_k − A'_k)[r, c]: DeepLIFT's contributions of a node's output.

    A, A': the node's output for the picture and for the baseline; m: DeepLIFT's multiplier there.
    values: (N, rows, cols), signed, placed on the picture; at_node: L itself, (N, r, c), which adds
    up to S(x) − S(x') but for `gap`, where all ways lead through the node (otherwise a warning, and
    no gap). node: by name; None for the last node with space in it. baseline: as for `deep_lift`.
    Shrikumar, Greenside, Kundaje 2017, section 3, arXiv:1704.02685.
    """
    question, name = Question.of(model, x, target, "layer_deep_lift"), spatial_node(model, node)
    inside, scores = mean_contrast(question, baselines(question, baseline), name)
    gap, warnings = completeness(total(inside), scores[:, 0], scores[:, 1], REMEDY)
    part = leads_round(question, name)
    return placed(
        question,
        name,
        inside,
        scores[:, 0],
        settings={"baseline": described(baseline)},
        gap=None if part else gap,
        warnings=around(name) if part else warnings,
    )


@method(
    "layer",
    reference="Erion et al. 2019, arXiv:1906.10670",
    signed=True,
    needs="a node with places",
    cost="samples f + samples b",
)
def layer_gradient_shap(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    baselines: Any = None,
    samples: int = 200,
    seed: int = 0,
) -> Attribution:
    """L = E over x' from D and α from U(0, 1) of Σ_k (A(x) − A(x'))_k · ∂S/∂A_k (x' + α (x − x')).

    `expected_gradients` (known as GradientSHAP) with a node's output A: the slopes are asked for at
    points between the pictures, and the difference is the node's. The way there is not straight at
    the node, so that L adds up to S(x) − E S(x') only where the network before the node is linear:
    there is no gap; `layer_integrated_gradients` has one.
    values: (N, rows, cols), signed, placed on the picture; at_node: L itself, (N, r, c). node: by
    name; None for the last node with space in it. baselines, samples, seed: as for
    `expected_gradients`. Erion et al. 2019, eq. 2, arXiv:1906.10670.
    """
    question, name = Question.of(model, x, target, "layer_gradient_shap"), spatial_node(model, node)
    owner = question.method
    samples, rng = whole_number(samples, "samples", owner), generator(seed, owner)
    bases = references(question, baselines)
    here = question.walk(at=(name,))
    there = [model.run(base, prepared=True, keep=(name,))[name].y for base in bases]
    rounds = drawn(rng, samples, len(bases))
    walks = question.walks(
        (bases[j] + alpha * (question.x - bases[j]) for one in rounds for j, alpha in one),
        at=(name,),
    )
    inside = np.zeros(here.outputs[name].shape)
    for one in rounds:
        for j, _ in one:
            share = (here.outputs[name] - there[j]) / (len(one) * len(rounds))
            inside += share * next(walks).gradients[name]
    settings = {
        "baselines": described("flat" if baselines is None else baselines),
        "samples": samples,
    }
    return placed(question, name, inside, here.scores, cause=CAUSE, settings=settings, seed=seed)


def around(name: str) -> tuple[str]:
    """What is said where the node is not all there is."""
    return (f"ways lead round {name}, so its map is only a part of the target",)
