"""Activation maximization: starting from noise, change the picture so that a target rises.

Pixels are kept in 0..1 by writing them as x = 1 / (1 + e^−u) and climbing in u. While climbing, the
picture is shifted by a few random pixels at each step (and the gradient shifted back), so that what
remains does not hang on single pixels; the last fifth of the steps stands still, and the best
picture of those is kept as it is, with no stretching of its contrast.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.model import Model
from ...engine.rewrite import up_to
from ...errors import ArgumentError
from ..attribution.goal import Goal, as_goal
from ..probability import probabilities
from ..results import Provenance, Result
from .priors import brightness, total_variation

STILL = 0.2
"""The last share of the steps, without shifts."""


@dataclass(frozen=True)
class Maximized(Result):
    """The pictures that a target likes best.

    values: (N, rows, cols, channels) pixels in 0..1. activation: (N,) the target's value for them;
    start: (N,) for the noise it began with. probability: (N,) of the class, where the target is
        one.
    path: (steps, N), the target while climbing.
    """

    values: Array
    activation: Array
    start: Array
    path: Array
    provenance: Provenance
    probability: Array | None = None
    warnings: tuple[str, ...] = ()


def maximize(
    model: Model,
    target: Any,
    *,
    steps: int = 192,
    rate: float = 0.1,
    shift: int = 2,
    smooth: float = 3.0,
    dark: float = 0.5,
    seed: int = 0,
) -> Maximized:
    """Maximize S(x) / s − smooth · TV(x) − dark · |x|² / size over pixels x in 0..1.

    s = √size · |∂S/∂x| at the noise where it begins (the Euclidean norm), for each picture: what
    one grey level everywhere is worth to the target. So the priors weigh the same for a logit as
    for a channel of any layer.
    target: a class, several classes (one picture for each), or a `Target`. S of a class is its
    logit: a probability is also raised by lowering the other classes. steps: how many; rate: of
        Adam, in u.
    shift: the largest random shift in pixels. smooth, dark: the weights of the priors.
    Erhan et al. 2009; Simonyan et al. 2013, section 2, arXiv:1312.6034.
    """
    if len(model.input.shape) != 3:
        raise ArgumentError(
            f"maximize makes pictures, this model's input has shape {model.input.shape}"
        )
    _check(steps, rate, shift, smooth, dark, seed)
    goal = as_goal(model, target)
    count = 1 if goal.count is None else goal.count
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    shape = (count, *model.input.shape)
    u = (-1.5 + 0.1 * rng.standard_normal(shape)).astype(np.float32)
    m, v = np.zeros_like(u), np.zeros_like(u)
    part = up_to(model, *goal.nodes)
    best, best_score, path = u.copy(), np.full(count, -np.inf), np.empty((steps, count))
    for step in range(steps):
        still = step >= steps - max(1, round(steps * STILL))
        move = (0, 0) if still else tuple(rng.integers(-shift, shift + 1, 2).tolist())
        x = _pixels(u)
        score, gradient = _climb(part, goal, x, move)
        path[step] = score
        if step == 0:
            norm = np.sqrt((gradient.astype(np.float64) ** 2).sum(axis=(1, 2, 3)) * x[0].size)
            worth = np.where(norm > 0, norm, 1).astype(x.dtype)
        score, gradient = score / worth, gradient / worth[:, None, None, None]
        for weight, prior in ((smooth, total_variation), (dark, brightness)):
            cost, slope = prior(x)
            score, gradient = score - weight * cost, gradient - weight * slope
        if still:
            better = score > best_score
            best[better], best_score = u[better], np.where(better, score, best_score)
        # Adam on u, uphill; the chain rule of the sigmoid is x (1 − x).
        slope = gradient * x * (1 - x)
        m += 0.1 * (slope - m)
        v += 0.001 * (slope * slope - v)
        t = step + 1
        u += rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    values = _pixels(best)
    return _finish(model, goal, values, path, steps, rate, shift, smooth, dark, seed)


def _check(steps: Any, rate: Any, shift: Any, smooth: Any, dark: Any, seed: Any) -> None:
    """An error for settings with which there is nothing to climb."""
    for name, value, least in (("steps", steps, 1), ("shift", shift, 0), ("seed", seed, 0)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise ArgumentError(f"{name} must be a whole number of at least {least}, got {value!r}")
    numbers = (rate, smooth, dark)
    if not all(isinstance(v, Real) and 0 <= float(v) < np.inf for v in numbers) or rate == 0:
        raise ArgumentError(
            f"rate must be above 0, smooth and dark at least 0, got {rate!r}, {smooth!r}, {dark!r}"
        )


def _pixels(u: Array) -> Array:
    """1 / (1 + e^−u), which nothing overflows."""
    return 0.5 * (1 + np.tanh(0.5 * u))


def _climb(part: Model, goal: Goal, x: Array, move: tuple[int, ...]) -> tuple[Array, Array]:
    """The target (N,) of the shifted pictures, and its gradient for the unshifted pixels.

    part: the model up to the target's nodes."""
    trace = part.run(np.roll(x, move, axis=(1, 2)))
    outputs = {node: trace[node].y for node in goal.nodes}
    grads = part.backward(trace, goal.seeds(outputs))
    pixels = part.input.pixel_gradient(grads[INPUT])
    return goal.values(outputs), np.roll(pixels, (-move[0], -move[1]), axis=(1, 2))


def _finish(
    model: Model,
    goal: Goal,
    values: Array,
    path: Array,
    steps: int,
    rate: float,
    shift: int,
    smooth: float,
    dark: float,
    seed: int,
) -> Maximized:
    trace = model.run(values, keep=goal.nodes)
    reached = goal.values({node: trace[node].y for node in goal.nodes})
    probability = None
    classes = goal.classes(len(values))
    if classes is not None:
        probability = probabilities(model, trace.output)[np.arange(len(values)), classes]
    low = np.flatnonzero(reached <= path[0])
    warnings = tuple(
        f"picture {i}: the target did not rise above the noise it began with; try more steps or "
        "smaller priors"
        for i in low
    )
    settings = {"steps": steps, "rate": rate, "shift": shift, "smooth": smooth, "dark": dark}
    return Maximized(
        values=values,
        activation=reached,
        start=path[0].copy(),
        path=path,
        probability=probability,
        warnings=warnings,
        provenance=Provenance.of(
            model, "maximize", target=goal.words, settings=settings, seed=seed
        ),
    )
