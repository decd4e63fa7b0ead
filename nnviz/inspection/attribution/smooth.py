"""Gradients near the picture: their mean, their mean square and their variance under noise.

One picture's gradient is the slope of a surface with many small folds. These methods ask for the
slope at many noisy copies of the picture; what is left over when the draws are put together depends
less on the folds. The noise depends on the seed alone: every picture of a batch gets the same
draws, each scaled to its own range.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.model import Model
from ..results import Attribution
from .checks import choice, generator, number, whole_number
from .draws import Moments, joined_error, noisy, with_sum, without_noise
from .gradients import CAUSE, without_channels
from .methods import method
from .question import Question
from .rules import rule_name, rule_set

STEADY = (
    "the gradient is the same, or zero, at all noisy copies: the target is linear in the picture "
    "there, or does not depend on it, or the picture has no range for noise to be a share of; try "
    "more noise, another class or another picture"
)

SMOOTHED = ("gradient", "input_x_gradient")
"""What can be averaged: the slope g at each noisy copy, or copy × slope."""


class Noisy:
    """The draws of one question: `of` at x + ε, with ε normal noise of the given share."""

    def __init__(
        self,
        question: Question,
        of: str,
        noise: Any,
        samples: Any,
        seed: Any,
        rule: str,
        least: int = 1,
    ) -> None:
        owner = question.method
        self.question, self.rule = question, rule_name(rule)
        self.of = choice(of, "map to smooth", owner, SMOOTHED)
        self.noise = number(noise, "noise", owner)
        self.samples = whole_number(samples, "samples", owner, least=least)
        self.rng, self.seed = generator(seed, owner), seed
        self.rule_for, warnings = rule_set(question.model, self.rule)
        self.warnings = warnings + without_noise(question.x, self.noise)

    def __iter__(self) -> Iterator[Array]:
        points = noisy(self.question.x, self.noise, self.rng, self.samples)
        for walk in self.question.walks(points, rule_for=self.rule_for):
            times = walk.outputs[INPUT] if self.of == "input_x_gradient" else 1
            yield walk.gradient * times

    @property
    def settings(self) -> dict[str, Any]:
        """For the provenance."""
        return {
            "of": self.of,
            "samples": self.samples,
            "noise": self.noise,
            "rule": self.rule,
        }

    def answer(
        self,
        values: Array,
        *,
        raw: Array,
        error: Array | None,
        signed: bool = False,
        cause: str = CAUSE,
        settings: dict[str, Any] | None = None,
    ) -> Attribution:
        """The map made of the draws; `settings` are those that not every such map has."""
        return self.question.answer(
            values,
            scores=self.question.score(),
            signed=signed,
            raw=raw,
            error=error,
            cause=cause,
            settings={**self.settings, **(settings or {})},
            seed=self.seed,
            warnings=self.warnings,
        )


@method(
    "gradient",
    reference="Smilkov et al. 2017, arXiv:1706.03825",
    signed=True,
    cost="samples f + samples b",
)
def smooth_grad(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    samples: int = 50,
    noise: float = 0.15,
    of: str = "gradient",
    channels: str = "sum",
    rule: str = "plain",
    seed: int = 0,
) -> Attribution:
    """M = (1 / n) Σ_i g(x + ε_i), ε_i ~ N(0, σ²): the gradient, averaged over noisy copies.

    g: the target's gradient, (rows, cols, channels), or with of="input_x_gradient" the copy times
        its gradient. n: `samples`. σ = noise · (max − min), of each picture's own network input;
        a flat picture has no noise, and a warning that says so.
    values: (N, rows, cols), signed, the channels of the mean joined as for `gradient`; raw: the
        mean by channel; error: the standard error of each value (None for a single sample).
    rule: "plain", "guided" or "rectified" (see `rules`).
    Smilkov, Thorat, Kim, Viégas, Wattenberg 2017, section 3, arXiv:1706.03825; they find 10-20 %
    noise and 50 samples good. The sign is kept, which they drop when drawing.
    """
    draws = Noisy(Question.of(model, x, target, "smooth_grad"), of, noise, samples, seed, rule)
    moments = Moments()
    for raw in draws:
        moments.add(with_sum(raw))
    mean = moments.mean[..., :-1]
    return draws.answer(
        without_channels(mean, channels),
        raw=mean,
        error=joined_error(moments.error(), mean, channels),
        signed=channels != "absolute",
        settings={"channels": channels},
    )


@method(
    "gradient",
    reference="Hooker et al. 2018, arXiv:1806.10758",
    cost="samples f + samples b",
)
def smooth_grad_squared(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    samples: int = 50,
    noise: float = 0.15,
    of: str = "gradient",
    rule: str = "plain",
    seed: int = 0,
) -> Attribution:
    """M = (1 / n) Σ_i Σ_k g_k(x + ε_i)²: the mean square of what `smooth_grad` averages.

    values: (N, rows, cols), not negative, the squares of the channels k added up; raw: by channel;
    error: the standard error of each value. g, n, σ and the options as for `smooth_grad`.
    Hooker, Erhan, Kindermans, Kim 2018, section 4.1 ("SmoothGrad-Squared"), arXiv:1806.10758.
    """
    question = Question.of(model, x, target, "smooth_grad_squared")
    draws = Noisy(question, of, noise, samples, seed, rule)
    moments = Moments()
    for raw in draws:
        moments.add(with_sum(np.square(raw, dtype=np.float64)))
    error = moments.error()
    return draws.answer(
        moments.mean[..., -1],
        raw=moments.mean[..., :-1],
        error=None if error is None else error[..., -1],
    )


@method(
    "gradient",
    reference="Adebayo et al. 2018, arXiv:1810.03307",
    cost="samples f + samples b",
)
def var_grad(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    samples: int = 50,
    noise: float = 0.15,
    of: str = "gradient",
    rule: str = "plain",
    seed: int = 0,
) -> Attribution:
    """M = Σ_k (1 / n) Σ_i (g_k(x + ε_i) − ḡ_k)²: how much the gradient varies around the picture.

    ḡ: the mean over the draws, what `smooth_grad` shows. values: (N, rows, cols), not negative, the
    variances of the channels k added up; raw: by channel; error: the standard error of each value,
    √(Var_i(Σ_k (g_k − ḡ_k)²) / n). g, n, σ and the options as for `smooth_grad`; by channel it is
    `smooth_grad_squared` minus the square of `smooth_grad`. It is zero where the target is linear,
    and does not see the gradient itself (Seo et al. 2018, arXiv:1806.03000).
    Adebayo, Gilmer, Goodfellow, Kim 2018, section 2, arXiv:1810.03307.
    """
    question = Question.of(model, x, target, "var_grad")
    draws = Noisy(question, of, noise, samples, seed, rule, 2)
    # For the error, the deviations' square must be known before their mean is: it is put together
    # from h = g − first draw, as Σ (h − h̄)² = |h|² − 2 h̄ · h + |h̄|².
    moments, first = Moments(crossed=True), None
    for raw in draws:
        first = raw if first is None else first
        h = raw.astype(np.float64) - first
        moments.add(np.concatenate([np.square(h).sum(axis=-1, keepdims=True), h], axis=-1))
    n = moments.count
    raw = np.einsum("...kk->...k", moments.products)[..., 1:] / n
    weights = np.concatenate([np.ones_like(raw[..., :1]), -2 * moments.mean[..., 1:]], axis=-1)
    square = np.einsum("...j,...jk,...k->...", weights, moments.products, weights)
    error = np.sqrt(np.maximum(square, 0) / (n * (n - 1)))
    return draws.answer(raw.sum(axis=-1), raw=raw, error=error, cause=STEADY)
