"""What a node inside the network does for the target, as a map.

The node's output A (N, r, c, channels) takes the picture's place: slopes are asked for there, and
the map, one value for each of the node's places, is put on the picture by the receptive fields.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.model import Model
from ..anatomy.receptive import place_on_picture
from ..results import Attribution
from .baseline import baselines, described
from .checks import choice, whole_number
from .gap import completeness, total
from .methods import method
from .path import MORE_STEPS, ends, straight
from .places import spatial_node
from .quadrature import quadrature_points
from .question import Question

CAUSE = (
    "the target does not depend on this node, or the node is the same for the picture and for the "
    "baseline; try another node, baseline or class"
)

ALIKE = (
    "what follows the node treats all its places alike, as pooling over the whole map does, or the "
    "target does not depend on the node; try an earlier node or another class"
)

DIFFERENCES = ("trapezoid", "left", "right")


@method(
    "layer",
    reference="Shrikumar et al. 2016, arXiv:1605.01713",
    signed=True,
    needs="a node with places",
    cost="1 f + 1 b",
)
def layer_gradient_x_activation(
    model: Model, x: Any, target: Any = None, *, node: str | None = None
) -> Attribution:
    """L(r, c) = Σ_k A_k[r, c] · ∂S/∂A_k[r, c]: input × gradient with a node as the input.

    A_k: channel k of the node's output; S: the target. values: (N, rows, cols), signed, placed on
    the picture; at_node: L itself, (N, r, c). node: by name; None for the last node with space in
    it. Shrikumar, Greenside, Shcherbina, Kundaje 2016, section 2, arXiv:1605.01713.
    """
    question = Question.of(model, x, target, "layer_gradient_x_activation")
    name = spatial_node(model, node)
    walk = question.walk(at=(name,))
    return placed(question, name, walk.outputs[name] * walk.gradients[name], walk.scores)


@method(
    "layer",
    reference="Leino et al. 2018, arXiv:1802.03788",
    signed=True,
    needs="a node with places",
    cost="steps f + steps b",
)
def internal_influence(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    baseline: Any = "black",
    steps: int = 50,
    quadrature: str = "gauss_legendre",
) -> Attribution:
    """L(r, c) = Σ_k ∫₀¹ ∂S/∂A_k[r, c] (x' + α (x − x')) dα: a node's mean slope on the way from the
    baseline to the picture.

    values: (N, rows, cols), signed, placed on the picture; at_node: L itself, (N, r, c).
    node: by name; None for the last node with space in it. baseline, steps, quadrature: as for
    `integrated_gradients`.
    Leino, Sen, Datta, Fredrikson, Li 2018, definition 1 with the uniform distribution on the way,
    arXiv:1802.03788. They rank single channels by it; here the channels are added up.
    """
    question = Question.of(model, x, target, "internal_influence")
    name, bases = spatial_node(model, node), baselines(question, baseline)
    points, weights = quadrature_points(quadrature, steps, question.method)
    walks = question.walks(straight(question, bases, points), at=(name,))
    mean = np.zeros((len(question), *model.shapes[name]))
    for weight, walk in zip(np.tile(weights, len(bases)).tolist(), walks, strict=True):
        mean += weight / len(bases) * walk.gradients[name]
    settings = {"baseline": described(baseline), "steps": len(points), "quadrature": quadrature}
    return placed(question, name, mean, question.score(), settings=settings, cause=ALIKE)


@method(
    "layer",
    reference="Dhamdhere et al. 2018, arXiv:1805.12233",
    signed=True,
    needs="a node with places",
    cost="steps f + steps b",
)
def layer_conductance(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    baseline: Any = "black",
    steps: int = 50,
    quadrature: str = "trapezoid",
) -> Attribution:
    """L(r, c) = Σ_k ∫₀¹ ∂S/∂A_k[r, c] · ∂A_k[r, c]/∂α dα, on the way x' + α (x − x').

    What flows through a node of the integrated gradients. With A_i and G_i the node's output and
    slope at α_i = i / (n − 1), the integral is Σ_i ½ (G_i + G_{i+1}) (A_{i+1} − A_i): the
    derivative of A is not asked for.
    values: (N, rows, cols), signed, placed on the picture; at_node: L itself, (N, r, c), which adds
    up to S(x) − S(x') but for `gap`, where all ways from the picture to the target lead through the
    node (otherwise a warning, and no gap).
    node: by name; None for the last node with space in it. baseline: as for `integrated_gradients`.
    steps: n, at least 2. quadrature: "trapezoid" as above; "left" or "right" with G_i or G_{i+1}
    alone.
    Dhamdhere, Sundararajan, Yan 2018, eq. 2, arXiv:1805.12233.
    """
    choice(quadrature, "quadrature", "layer_conductance", DIFFERENCES)
    question = Question.of(model, x, target, "layer_conductance")
    name, bases = spatial_node(model, node), baselines(question, baseline)
    points = np.linspace(0, 1, whole_number(steps, "steps", question.method, least=2))
    walks = question.walks(straight(question, bases, points), at=(name,))
    later = {"trapezoid": 0.5, "left": 0.0, "right": 1.0}[quadrature]
    flow = np.zeros((len(question), *model.shapes[name]))
    for _ in bases:
        before = next(walks)
        for _ in range(len(points) - 1):
            after = next(walks)
            slope = (1 - later) * before.gradients[name] + later * after.gradients[name]
            flow += slope * (after.outputs[name].astype(np.float64) - before.outputs[name])
            before = after
    flow /= len(bases)
    scores, start = ends(question, bases)
    settings = {"baseline": described(baseline), "steps": len(points), "quadrature": quadrature}
    if leads_round(question, name):
        around = f"ways lead round {name}, so its map is only a part of the target's change"
        return placed(question, name, flow, scores, settings=settings, warnings=(around,))
    gap, warnings = completeness(total(flow), scores, start, MORE_STEPS)
    return placed(question, name, flow, scores, settings=settings, gap=gap, warnings=warnings)


@method(
    "layer",
    reference="Sundararajan et al. 2017, arXiv:1703.01365",
    signed=True,
    needs="a node with places",
    cost="steps f + steps b",
)
def layer_integrated_gradients(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    baseline: Any = "black",
    steps: int = 50,
    quadrature: str = "gauss_legendre",
) -> Attribution:
    """L(r, c) = Σ_k (A − A')_k[r, c] · ∫₀¹ ∂S/∂A_k[r, c] (A' + α (A − A')) dα.

    Integrated gradients with a node's output as the input: the way is straight at the node, from
    what the baseline gives there (A') to what the picture gives (A). What leads round the node
    stays as it is for the picture. values: (N, rows, cols), signed, placed on the picture; at_node:
    L itself, (N, r, c), which adds up to S(x) − S(x with A' at the node) but for `gap`.
    node: by name; None for the last node with space in it. baseline, steps, quadrature: as for
    `integrated_gradients`, eq. 1 of Sundararajan, Taly, Yan 2017, arXiv:1703.01365.
    """
    question = Question.of(model, x, target, "layer_integrated_gradients")
    name, bases = spatial_node(model, node), baselines(question, baseline)
    points, weights = quadrature_points(quadrature, steps, question.method)
    most = question.most_traces(4)
    parts = []
    for i, part in enumerate(question.slices(most)):
        rows = slice(i * most, i * most + len(part))
        own = [base if len(base) == 1 else base[rows] for base in bases]
        parts.append(_inside(part, name, own, points, weights))
    inside, scores, before = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    gap, warnings = completeness(total(inside), scores, before, MORE_STEPS)
    settings = {"baseline": described(baseline), "steps": len(points), "quadrature": quadrature}
    return placed(question, name, inside, scores, settings=settings, gap=gap, warnings=warnings)


def _inside(
    question: Question, name: str, bases: list[Array], points: Array, weights: Array
) -> tuple[Array, Array, Array]:
    """The integral at the node (N, r, c, channels), the scores, and those with the baseline's
    values there."""
    model, goal = question.model, question.goal
    trace = model.run(question.x, prepared=True)
    end = trace[name].y

    def scored(changed: Any) -> tuple[Array, dict[str, Array]]:
        outputs = {node: changed[node].y for node in goal.nodes}
        return goal.values(outputs), outputs

    flow, before = np.zeros(end.shape), np.zeros(len(end))
    for base in bases:
        given = np.array(np.broadcast_to(base, question.x.shape))
        start = model.run(given, prepared=True, keep=(name,))[name].y
        slope = np.zeros(end.shape)
        for alpha, weight in zip(points.tolist(), weights.tolist(), strict=True):
            changed = model.rerun(trace, {name: start + alpha * (end - start)})
            seeds = goal.seeds(scored(changed)[1])
            slope += weight * model.backward(changed, seeds, until=(name,))[name]
        flow += slope * (end - start) / len(bases)
        before += scored(model.rerun(trace, {name: start}))[0] / len(bases)
    return flow, scored(trace)[0], before


def leads_round(question: Question, name: str) -> bool:
    """Whether a way from the picture to the target leaves the node out."""
    reached = {INPUT}
    for node in question.model.nodes:
        if node.name != name and reached.intersection(node.inputs):
            reached.add(node.name)
    return bool(reached.intersection(question.goal.nodes))


def placed(
    question: Question,
    name: str,
    inside: Array,
    scores: Array,
    *,
    cause: str = CAUSE,
    settings: dict[str, Any] | None = None,
    gap: Array | None = None,
    seed: int | None = None,
    warnings: tuple[str, ...] = (),
) -> Attribution:
    """The answer, from what each of the node's values (N, r, c, channels) does."""
    at_node = inside.sum(axis=-1)
    return question.answer(
        place_on_picture(question.model, name, at_node),
        scores=scores,
        signed=True,
        at_node=at_node,
        node=name,
        gap=gap,
        cause=cause,
        settings=settings,
        seed=seed,
        warnings=warnings,
    )
