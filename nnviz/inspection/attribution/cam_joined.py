"""Class activation maps made of several walks, or of other maps: smoothed, curved, contrasted,
refined by earlier nodes, and crossed with guided backpropagation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...engine.graph import Node
from ...engine.layer import Array, Call, Layer, Rule
from ...engine.layers.curve import Clip, ThresholdedReLU
from ...engine.layers.dropout import Dropout, SpatialDropout2D
from ...engine.layers.pool import MaxPooling2D
from ...engine.layers.rectifier import LeakyReLU, PReLU, ReLU
from ...engine.layers.reduction import GlobalMaxPooling2D
from ...engine.model import Model
from ...engine.trace import Trace
from ...engine.walk import RuleFor
from ...errors import ArgumentError
from ..anatomy.receptive import has_places, receptive_field
from ..results import Attribution
from .cam import CAUSE, PLACES, AtNode, divided, pooled_slopes, positive, weighted
from .checks import choice, generator, number, whole_number
from .draws import noisy, without_noise
from .goal import Goal, as_goal
from .gradients import without_channels
from .methods import METHODS, method
from .places import spatial_node
from .question import Question
from .rules import rule_set
from .target import Logit, LogProbability, Probability

STEP = 1e-5
"""How far along A the gradient is taken for its change, in float64."""
BENDING = (ReLU, LeakyReLU, PReLU, MaxPooling2D, GlobalMaxPooling2D, Clip, ThresholdedReLU)
"""Layers of straight pieces: their second derivative is 0 wherever it exists."""


@method("cam", reference="Omeiza et al. 2019, arXiv:1908.01224", needs=PLACES,
        cost="samples f + samples b")  # fmt: skip
def smooth_grad_cam_plus_plus(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    samples: int = 10,
    noise: float = 0.15,
    seed: int = 0,
) -> Attribution:
    """Grad-CAM++ with its derivatives averaged over noisy copies of the picture:
    L = max(Σ_k w_k A_k, 0), w_k = Σ_{r, c} α_k · max(D1_k, 0) and
    α_k = D2_k / (2 D2_k + (Σ_{a, b} A_k[a, b]) · D3_k).

    Dp_k: the mean over the copies i of g_k(x + ε_i)ᵖ, place by place. A_k: of the picture without
        noise. The powers of g are the derivatives of Y = exp(S) without their factor exp(S), as for
        `grad_cam_plus_plus`.
    noise: the standard deviation of ε, as a share of the picture's range max − min (in the
    network's input); ε depends on the seed alone.
    values, at_node, node: as for `grad_cam`. Omeiza, Speakman, Cintas, Weldermariam 2019,
    arXiv:1908.01224.
    """
    owner = "smooth_grad_cam_plus_plus"
    samples, noise = whole_number(samples, "samples", owner), number(noise, "noise", owner)
    rng = generator(seed, owner)
    here = AtNode.of(model, x, target, owner, node)
    maps, scores = here.look()
    wide = here.wide
    points = noisy(wide.x, noise, rng, samples)
    flat = without_noise(wide.x, noise)
    first = second = third = np.zeros(maps.shape)
    for walk in wide.walks(points, at=(here.name,)):
        slope = walk.gradients[here.name]
        first, second, third = first + slope, second + slope**2, third + slope**3
    below = 2 * second + maps.sum(axis=(1, 2), keepdims=True) * third
    weights = (divided(second, below) * positive(first / samples)).sum(axis=(1, 2))
    at_node = positive(weighted(maps, weights))
    settings = {"samples": samples, "noise": noise}
    return here.answer(at_node, scores, settings=settings, seed=seed, warnings=flat)


@method("cam", reference="Cai 2025, arXiv:2501.06261", needs=PLACES, cost="3 f + 3 b")
def shapley_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None, utility: str = "rest"
) -> Attribution:
    """L = max(Σ_k w_k A_k, 0) with w_k = (1 / Z) Σ_{r, c} (g − ½ H A)_k[r, c].

    g, H: gradient and Hessian of the utility u for the node's output A; g − ½ H A is the Shapley
        value of A's entries for u's second-order expansion, divided by the entry.
    utility: "rest" (residual softmax) u = z_c + log p_c, z_c the class's logit and p_c its
    probability, where the target is a class and the head has probabilities; "target" for the target
    itself, and everywhere else. For a logit above ReLUs and max pools H is 0, and L is Grad-CAM.
    H A is the central difference of the gradient along A, step 1e-5 in float64, with ReLUs and max
    pools held to the pieces they are on.
    scores: the target's, not the utility's. values, at_node, node: as for `grad_cam`. Cai 2025,
    arXiv:2501.06261.
    """
    choice(utility, "utility", "shapley_cam", ("rest", "target"))
    here = AtNode.of(model, x, target, "shapley_cam", node)
    question = here.question
    goal = _rest(question) if utility == "rest" else question.goal
    maps, scores = here.look()
    most = question.most_traces(8)  # of float32: float64 takes twice as much
    slices = replace(here.wide, goal=goal).slices(most)
    weights = np.concatenate([_curved(part, here.name) for part in slices])
    at_node = positive(weighted(maps, weights))
    return here.answer(at_node, scores, settings={"utility": utility})


@method("cam", reference="Zhang et al. 2025, arXiv:2501.11309", needs="a node with places, two "
        "classes", cost="2 f + 1 b")  # fmt: skip
def finer_cam(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    alpha: float = 0.6,
    classes: int = 3,
    base: str = "grad_cam",
) -> Attribution:
    """Another map's L for z_c − (alpha / m) Σ_{d ∈ D} z_d: what speaks for this class and not for
    those most like it.

    z: the logits, c the class asked for, D the m = `classes` other classes whose logits are nearest
        to z_c for this picture (all others where there are fewer); ties go to the lower number.
    alpha: how strongly they are held against it; 0 gives the base itself. base: a class activation
    map by name.
    scores: of class c. values, at_node, node: as for the base. Zhang et al. 2025,
    arXiv:2501.11309; the mean over D is taken before the map.
    """
    alpha = number(alpha, "alpha", "finer_cam")
    classes = whole_number(classes, "classes", "finer_cam")
    function = base_method(base, "finer_cam")
    question = Question.of(model, x, target, "finer_cam")
    asked = question.goal.terms[0][2]
    chosen_classes = question.goal.classes(len(question))
    if chosen_classes is None or type(asked) is not Logit or question.goal.terms[0][0] != 1:
        raise ArgumentError("finer_cam sets classes against each other: give a class as target")
    head = asked.node(model)
    logits = model.run(question.x, prepared=True, keep=(head,))[head].y.reshape(len(question), -1)
    if logits.shape[1] < 2:
        raise ArgumentError("finer_cam needs at least two classes, this model has one output")
    rows = np.arange(len(question))
    distance = np.abs(logits - logits[rows, chosen_classes][:, None])
    distance[rows, chosen_classes] = np.inf
    count = min(classes, logits.shape[1] - 1)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :count]
    contrast = Logit(tuple(chosen_classes.tolist())) * 1.0
    for others in nearest.T:
        contrast = contrast - Logit(tuple(others.tolist())) * (alpha / count)
    inner = function(model, x, contrast, node=node)
    return question.answer(
        inner.values,
        scores=logits[rows, chosen_classes],
        at_node=inner.at_node,
        node=inner.provenance.node,
        cause=CAUSE,
        signed=inner.signed,
        settings={"alpha": alpha, "classes": classes, "base": base},
        warnings=inner.warnings,
    )


@method("cam", reference="Domeniconi et al. 2026, arXiv:2605.14641", needs=PLACES,
        cost="nodes f + nodes b")  # fmt: skip
def refine_cam(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    nodes: Sequence[str] | None = None,
    base: str = "grad_cam_plus_plus",
) -> Attribution:
    """L = Π_l max(L_l, 0) / max(L_l): the maps of several nodes, each brought to a largest value of
    1 on the picture, multiplied.

    L_l: another class activation map at node l, placed on the picture. What the late nodes know of
        the class is kept where the early ones see something, at the early ones' fineness.
    nodes: by name; None for the last node of each size (rows, cols) that has places. base: a class
    activation map by name.
    values: (N, rows, cols), 0 … 1. Domeniconi, Stramiglio, Lombardi, Salti 2026, arXiv:2605.14641.
    """
    function = base_method(base, "refine_cam")
    question = Question.of(model, x, target, "refine_cam")
    names = _stages(model) if nodes is None else _named(model, nodes)
    map_, scores = np.ones_like(question.x[..., 0]), question.score()
    warnings: tuple[str, ...] = ()
    for name in names:
        inner = function(model, x, target, node=name)
        values = positive(inner.values)
        map_ = map_ * divided(values, values.max(axis=(1, 2), keepdims=True))
        warnings = (*warnings, *(f"node {name!r}: {text}" for text in inner.warnings))
    return question.answer(
        map_,
        scores=scores,
        node=names[-1],
        cause="at no place do all of its nodes speak for the target; try fewer nodes",
        settings={"nodes": tuple(names), "base": base},
        warnings=warnings if map_.any(axis=(1, 2)).all() else (),
    )


@method("cam", reference="Selvaraju et al. 2017, arXiv:1610.02391", signed=True,
        needs="ReLU, a node with places", cost="2 f + 2 b")  # fmt: skip
def guided_grad_cam(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    channels: str = "sum",
) -> Attribution:
    """M = G · L: guided backpropagation times Grad-CAM placed on the picture, pixel by pixel.

    G: the gradient for the pixels with guided ReLUs (see `guided_backprop`); L: `grad_cam`.
    values: (N, rows, cols), signed, the channels joined as for `gradient`; raw: by channel;
    at_node: L. Selvaraju et al. 2017, section 3.2, arXiv:1610.02391. Like guided backpropagation it
    draws edges wherever L is not zero.
    """
    here = AtNode.of(model, x, target, "guided_grad_cam", node)
    rule_for, warnings = rule_set(model, "guided")
    map_, scores = here.summed(pooled_slopes)
    at_node = positive(map_)
    raw = here.question.walk(rule_for=rule_for).gradient * here.placed(at_node)[..., None]
    return here.question.answer(
        without_channels(raw, channels),
        scores=scores,
        raw=raw,
        node=here.name,
        at_node=at_node,
        cause=CAUSE,
        signed=channels != "absolute",
        settings={"channels": channels},
        warnings=warnings,
    )


# What they are made of ------------------------------------------------------------------------


def base_method(name: Any, owner: str) -> Any:
    """Another class activation map by name, one that takes a node and reads the target."""
    fit = [
        m.name for m in METHODS.values() if m.family == "cam" and "node" in m.options and m.targeted
    ]
    return METHODS[choice(name, "base", owner, [n for n in fit if n != owner])].function


def _rest(question: Question) -> Goal:
    """z_c + log p_c where the question is a class's logit and there are probabilities."""
    terms = question.goal.terms
    if len(terms) > 1 or type(terms[0][2]) is not Logit:
        return question.goal
    index = terms[0][2].index
    bound = Probability(index).bound(question.model)
    if not isinstance(bound, Probability) or bound.curve not in ("softmax", "sigmoid"):
        return question.goal
    return as_goal(question.model, Logit(index) + LogProbability(index), len(question))


def _curved(question: Question, name: str) -> Array:
    """(N, channels): the mean over places of g − ½ H A, in float64."""
    model, goal = question.model, question.goal
    trace = model.run(question.x, prepared=True)
    held = _held(trace)
    slopes = []
    for scale in (1.0, 1 + STEP, 1 - STEP):
        moved = trace if scale == 1 else model.rerun(trace, {name: trace[name].y * scale})
        seeds = goal.seeds({node: moved[node].y for node in goal.nodes})
        slopes.append(model.backward(moved, seeds, until=(name,), rule_for=held)[name])
    curve = (slopes[1] - slopes[2]) / (2 * STEP)
    return (slopes[0] - curve / 2).mean(axis=(1, 2))


def _held(trace: Trace) -> RuleFor:
    """The layers' own backward, with those of straight pieces held to the pieces of this trace: a
    unit that crosses its kink on the small step would count as an enormous curvature."""

    def rule_for(node: Node) -> Rule:
        if not isinstance(node.layer, BENDING):
            return type(node.layer).backward

        def rule(layer: Layer, dy: Array, call: Call) -> Array | tuple[Array, ...]:
            return layer.backward(dy, trace.calls[node.name][call.chunk])

        return rule

    return rule_for


def _stages(model: Model) -> list[str]:
    """The last node with places of each size (rows, cols), in the model's order."""
    last: dict[tuple[int, ...], str] = {}
    for node in model.nodes:
        size = model.shapes[node.name][:-1]
        idle = isinstance(node.layer, Dropout | SpatialDropout2D)
        if len(size) != 2 or size == (1, 1) or idle:
            continue
        if has_places(receptive_field(model, node.name)):
            last.pop(size, None)
            last[size] = node.name
    return list(last.values()) or [spatial_node(model, None)]


def _named(model: Model, nodes: Any) -> list[str]:
    """Nodes with places, by name."""
    if isinstance(nodes, str) or not isinstance(nodes, Sequence) or not nodes:
        raise ArgumentError(f"nodes of refine_cam must be a list of node names, got {nodes!r}")
    return [spatial_node(model, name) for name in nodes]
