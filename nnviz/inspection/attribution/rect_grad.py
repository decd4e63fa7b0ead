"""Rectified gradient: at every ReLU only the most important part may pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.graph import Node
from ...engine.layer import Array, Call, Layer, Rule
from ...engine.layers.rectifier import ReLU
from ...engine.model import Model
from ..results import Attribution
from .checks import number
from .gradients import without_channels
from .methods import method
from .question import Question
from .rules import relu_warnings

CAUSE = (
    "no ReLU let anything pass that leads to the picture; try a lower percentile, or another class"
)


@method(
    "gradient",
    reference="Kim et al. 2019, arXiv:1902.04893",
    signed=True,
    slope=True,
    needs="ReLU",
    cost="1 f + 1 b",
)
def rect_grad(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    percentile: float = 98.0,
    channels: str = "sum",
) -> Attribution:
    """The gradient, where every ReLU passes dx = dy · [a · dy > τ], a being its output.

    τ: the `percentile` of a · dy over the layer, for each picture by itself. values:
    (N, rows, cols), signed, the channels joined as for `gradient`; raw: by channel.
    percentile: 0 or more, below 100. With τ = 0 in its place this is guided backprop.
    Kim, Seo, Jeon, Koo, Choe, Jeon 2019, arXiv:1902.04893, without their final product
    with the input and without the padding that they add to every picture.
    """
    percentile = number(percentile, "percentile", "rect_grad", most=100, below=True)
    question = Question.of(model, x, target, "rect_grad")
    rule = most_important(percentile)

    def rule_for(node: Node) -> Rule:
        return rule if isinstance(node.layer, ReLU) else type(node.layer).backward

    walk = question.walk(rule_for=rule_for)
    return question.answer(
        without_channels(walk.gradient, channels),
        scores=walk.scores,
        signed=channels != "absolute",
        raw=walk.gradient,
        cause=CAUSE,
        settings={"percentile": percentile, "channels": channels},
        warnings=relu_warnings(model, "rect_grad"),
    )


def most_important(percentile: float) -> Rule:
    """dx = dy where a · dy is above its percentile in the picture's own layer."""

    def rule(layer: Layer, dy: Array, call: Call) -> Array:
        weight = (call.y * dy).reshape(len(dy), -1)
        least = np.percentile(weight, percentile, axis=1, keepdims=True)
        return dy * (weight > least).reshape(dy.shape)

    return rule
