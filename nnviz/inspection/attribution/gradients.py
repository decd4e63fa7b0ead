"""Explanations by gradients: how the target would move if a pixel moved."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ..results import Attribution
from .checks import choice
from .methods import method
from .question import Question
from .rules import rule_name, rule_set

CAUSE = (
    "no ReLU is open on any way from the picture to the target, or the target does not depend on "
    "the picture; try rule='plain' or another class"
)

CHANNELS = {
    "sum": lambda raw: raw.sum(axis=-1),
    "mean": lambda raw: raw.mean(axis=-1),
    "largest": lambda raw: np.take_along_axis(
        raw, np.abs(raw).argmax(axis=-1, keepdims=True), axis=-1
    )[..., 0],
    "absolute": lambda raw: np.abs(raw).max(axis=-1),
}
"""How a map with channels becomes one without: their sum, their mean, the channel of the largest
size with its sign, or the largest size."""


def without_channels(raw: Array, channels: str) -> Array:
    """(N, rows, cols) from (N, rows, cols, channels), by one of `CHANNELS`."""
    return CHANNELS[choice(channels, "way to join channels", "nnviz", CHANNELS)](raw)


@method(
    "gradient",
    reference="Simonyan et al. 2013, arXiv:1312.6034",
    signed=True,
    slope=True,
    cost="1 f + 1 b",
)
def gradient(
    model: Model, x: Any, target: Any = None, *, channels: str = "sum", rule: str = "plain"
) -> Attribution:
    """M(r, c) = Σ_k ∂S/∂x[r, c, k], with its sign: above 0, more light would raise the target.

    S: the target (for a class, its logit). x: the network's input. values: (N, rows, cols); raw:
    the gradient itself, (N, rows, cols, channels), in the network's channel order and units;
    `model.input.pixel_gradient(raw)` is the one for the pixels.
    channels: how raw becomes values — "sum", "mean", "largest" (in size, with its sign) or
        "absolute" (its size, never negative).
    target: a class number or name, one for each picture, a `Target`, or None for the predicted
        class. rule: "plain", "guided" or "rectified" (see `rules`).
    Simonyan, Vedaldi, Zisserman 2013, section 3, arXiv:1312.6034, before the absolute value.
    """
    return _slope(model, x, target, "gradient", rule, channels)


@method("gradient", reference="Simonyan et al. 2013, arXiv:1312.6034", cost="1 f + 1 b")
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
    return _slope(model, x, target, "saliency", rule, "absolute")


@method(
    "gradient",
    reference="Shrikumar et al. 2016, arXiv:1605.01713",
    signed=True,
    cost="1 f + 1 b",
)
def input_x_gradient(
    model: Model, x: Any, target: Any = None, *, rule: str = "plain"
) -> Attribution:
    """M(r, c) = Σ_k x[r, c, k] · ∂S/∂x[r, c, k]: what each pixel adds to a linear network's target.

    x: the network's input (after mean and spread, where the model has them). values: (N, rows,
    cols), signed; raw: the products by channel. rule: "plain", "guided" or "rectified".
    Shrikumar, Greenside, Shcherbina, Kundaje 2016, section 2, arXiv:1605.01713. On ReLU nets
    without biases the values add up to the target.
    """
    return _slope(model, x, target, "input_x_gradient", rule, "sum")


@method(
    "gradient",
    reference="Springenberg et al. 2014, arXiv:1412.6806",
    signed=True,
    slope=True,
    needs="ReLU",
    cost="1 f + 1 b",
)
def guided_backprop(
    model: Model, x: Any, target: Any = None, *, channels: str = "sum"
) -> Attribution:
    """The gradient, where every ReLU lets pass only what is positive on both ways:
    dx = dy · [x > 0] · [dy > 0].

    values: (N, rows, cols), signed, the channels joined as for `gradient`; raw: by channel.
    Springenberg, Dosovitskiy, Brox, Riedmiller 2014, section 3.4, arXiv:1412.6806. It draws the
    picture's edges more than the network's reasons (Adebayo et al. 2018, arXiv:1810.03292).
    """
    return _slope(model, x, target, "guided_backprop", "guided", channels)


@method(
    "gradient",
    reference="Zeiler and Fergus 2013, arXiv:1311.2901",
    signed=True,
    slope=True,
    needs="ReLU",
    cost="1 f + 1 b",
)
def deconvnet(model: Model, x: Any, target: Any = None, *, channels: str = "sum") -> Attribution:
    """The gradient, where every ReLU lets pass what is positive coming back: dx = max(dy, 0).

    values: (N, rows, cols), signed, the channels joined as for `gradient`; raw: by channel.
    Zeiler and Fergus 2013, section 2.1, arXiv:1311.2901, in the form of Simonyan et al. 2013,
    section 4. It depends on the network's weights little more than an edge detector does (Adebayo
    et al. 2018, arXiv:1810.03292).
    """
    return _slope(model, x, target, "deconvnet", "rectified", channels)


def _slope(model: Model, x: Any, target: Any, name: str, rule: str, channels: str) -> Attribution:
    """One walk back by a rule, and what `name` makes of it."""
    rule = rule_name(rule)
    question = Question.of(model, x, target, name)
    rule_for, warnings = rule_set(model, rule)
    walk = question.walk(rule_for=rule_for)
    raw = walk.gradient * question.x if name == "input_x_gradient" else walk.gradient
    return question.answer(
        without_channels(raw, channels),
        scores=walk.scores,
        signed=channels != "absolute",
        raw=raw,
        cause=CAUSE,
        settings={"rule": rule} if name != "gradient" else {"rule": rule, "channels": channels},
        warnings=warnings,
    )
