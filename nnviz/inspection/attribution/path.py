"""Path methods: slopes added up along a way from a baseline to the picture.

By the fundamental theorem of calculus the slopes along any way add up to f(x) − f(baseline): every
unit of the target is given to some pixel (completeness). What the sum over finitely many steps
misses is reported as `gap`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ..results import Attribution
from .baseline import baseline_scores, baselines, described, references
from .checks import generator, whole_number
from .draws import Moments, with_sum
from .gap import completeness, total
from .methods import method
from .quadrature import quadrature_points
from .question import Question

CAUSE = (
    "the picture is the baseline, or the target does not move on the way between them; try another "
    "baseline or another class"
)

MORE_STEPS = "raise steps"
MORE_SAMPLES = "raise samples"

ROUNDS = 20
"""Draws are made in this many rounds, which are independent of each other: from their spread the
standard error is known, whatever is done within a round."""


def straight(question: Question, bases: list[Array], points: Array) -> Iterator[Array]:
    """The points of the straight ways from each baseline to the pictures, in order."""
    for base in bases:
        way = question.x - base
        yield from (base + alpha * way for alpha in points.tolist())


def ends(question: Question, bases: list[Array]) -> tuple[Array, Array]:
    """The target's value for the pictures, and its mean over the baselines, both (N,)."""
    return question.score(), baseline_scores(question, bases).mean(axis=0)


def answer_complete(
    question: Question,
    raw: Array,
    scores: tuple[Array, Array],
    *,
    settings: dict[str, Any],
    remedy: str = MORE_STEPS,
    cause: str = CAUSE,
    error: Array | None = None,
    seed: int | None = None,
) -> Attribution:
    """The answer, from a signed map by channel (N, rows, cols, channels) that should add up to the
    difference of the scores, of the pictures and of where the way began, both (N,). The remedy is
    what to try where it does not."""
    after, before = scores
    gap, warnings = completeness(total(raw), after, before, remedy)
    return question.answer(
        raw.sum(axis=-1),
        scores=after,
        signed=True,
        raw=raw,
        gap=gap,
        error=error,
        cause=cause,
        settings=settings,
        seed=seed,
        warnings=warnings,
    )


@method(
    "path",
    reference="Sundararajan et al. 2017, arXiv:1703.01365",
    signed=True,
    cost="steps f + steps b",
)
def integrated_gradients(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    baseline: Any = "black",
    steps: int = 50,
    quadrature: str = "gauss_legendre",
) -> Attribution:
    """M(r, c) = Σ_k (x − x')[r, c, k] · ∫₀¹ ∂S/∂x[r, c, k] (x' + α (x − x')) dα.

    S: the target (for a class, its logit). x': the baseline as network input.
    values: (N, rows, cols), signed; raw: by channel. They add up to S(x) − S(x') but for `gap`,
    (N,), relative to that difference.
    baseline: a name ("black", "grey", "white", "mean", "zero", "blur": see `baseline.NAMES`), a
        pixel value, a colour, a picture, an array with one for each picture, or a list of several,
        whose maps are averaged.
    steps: gradients for each baseline. quadrature: "gauss_legendre", "midpoint", "trapezoid",
        "left" or "right", see `quadrature.QUADRATURES`.
    Sundararajan, Taly, Yan 2017, eq. 1, arXiv:1703.01365. Their sum (eq. 3) is quadrature="right".
    """
    return integrated(
        Question.of(model, x, target, "integrated_gradients"), baseline, steps, quadrature
    )


def integrated(question: Question, baseline: Any, steps: Any, rule: Any) -> Attribution:
    """`integrated_gradients` for a question that has been asked already."""
    bases = baselines(question, baseline)
    points, weights = quadrature_points(rule, steps, question.method)
    x = question.x
    walks = question.walks(straight(question, bases, points))
    raw = np.zeros(x.shape)
    for base in bases:
        slope = np.zeros(x.shape)
        for weight in weights.tolist():
            slope += weight * next(walks).gradient
        raw += slope * (x - base)
    raw /= len(bases)
    settings = {"baseline": described(baseline), "steps": len(points), "quadrature": rule}
    return answer_complete(question, raw, ends(question, bases), settings=settings)


@method(
    "path",
    reference="Erion et al. 2019, arXiv:1906.10670",
    signed=True,
    cost="samples f + samples b",
    also=("gradient_shap",),
)
def expected_gradients(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    baselines: Any = None,
    samples: int = 200,
    seed: int = 0,
) -> Attribution:
    """M = E over x' from D and α from U(0, 1) of Σ_k (x − x')_k · ∂S/∂x_k (x' + α (x − x')).

    Integrated gradients averaged over a distribution D of baselines, both integrals by random
    draws; known as `gradient_shap` as well. values: (N, rows, cols), signed; raw: by channel;
    error: the standard error of each value. They add up to S(x) − mean over D of S(x') but for
    `gap`.
    baselines: reference pictures (M, rows, cols, channels), best drawn from the training set; or
        anything that `integrated_gradients` takes; None for five flat pictures from black to white.
    samples: draws of (x', α), the same for every picture of the batch. They are made in up to 20
        independent rounds; within a round of m draws every 1/m of 0..1 has one α, and no baseline
        comes twice before all have come once: each draw is still uniform, and they err less.
    Erion, Janizek, Sturmfels, Lundberg, Lee 2019, eq. 2, arXiv:1906.10670. (The GradientShap of a
    well-known toolkit adds noise to the picture as well, and is another thing.)
    """
    question = Question.of(model, x, target, "expected_gradients")
    owner = question.method
    samples, rng = whole_number(samples, "samples", owner), generator(seed, owner)
    bases = references(question, baselines)
    rounds = drawn(rng, samples, len(bases))
    walks = question.walks(
        bases[j] + alpha * (question.x - bases[j]) for one in rounds for j, alpha in one
    )
    moments = Moments()
    for one in rounds:
        raw = np.zeros(question.x.shape)
        for j, _ in one:
            raw += (question.x - bases[j]) * next(walks).gradient / len(one)
        moments.add(with_sum(raw))
    raw, error = moments.mean[..., :-1], moments.error()
    return answer_complete(
        question,
        raw,
        ends(question, bases),
        remedy=MORE_SAMPLES,
        error=None if error is None else error[..., -1],
        settings={
            "baselines": described("flat" if baselines is None else baselines),
            "samples": samples,
        },
        seed=seed,
    )


gradient_shap = expected_gradients
"""Lundberg's name for it."""


def drawn(rng: np.random.Generator, samples: int, bases: int) -> list[list[tuple[int, float]]]:
    """Rounds of (baseline, α), in all `samples` of them, spread evenly within each round."""
    rounds = []
    for part in np.array_split(np.arange(samples), min(samples, ROUNDS)):
        m = len(part)
        alphas = (rng.permutation(m) + rng.random(m)) / m
        turns = [rng.permutation(bases) for _ in range(-(-m // bases))]
        rounds.append(list(zip(np.concatenate(turns)[:m].tolist(), alphas.tolist(), strict=True)))
    return rounds
