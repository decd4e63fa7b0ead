"""Masks found by descent: the smallest part of the picture that decides, or that must go.

Random masks ask everywhere; these follow the target's gradient to the one mask that says most. The
trouble: a mask free at every pixel finds patterns that fool the network. The remedy of both papers
is a coarse and smooth mask, and a picture that moves a little at each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....engine.layer import Array, pair
from ....engine.model import Model
from ....errors import ArgumentError
from ...results import Attribution
from ..baseline import baselines, described
from ..checks import choice, generator, number, whole_number
from ..methods import method
from ..question import Question
from .masks import Masked, masked
from .rise import stretching

CAUSE = (
    "no mask moves the target, perhaps because the fill is what the picture already shows, or "
    "because the descent has not begun; try another fill, more steps or a higher rate"
)
GAMES = ("delete", "preserve")
SHARPNESS = 20.0
"""1 / T of the soft maximum."""
MOST_CELLS = 32
FORCE = 300.0
"""How strongly the area binds in the end, by the target's whole rise."""
Relative = Callable[[Array], Array]


@method(
    "perturbation",
    reference="Fong and Vedaldi 2017, arXiv:1704.03296",
    cost="(steps + 2) f + steps b",
)
def meaningful_perturbation(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    cells: int | Sequence[int] = 8,
    steps: int = 100,
    rate: float = 0.1,
    size: float = 1.0,
    smooth: float = 0.2,
    fill: Any = "blur",
    shift: int = 1,
    seed: int = 0,
) -> Attribution:
    """The smallest part whose deletion makes the target fall most: 1 − m, where
    m = argmin g(m) + λ₁ · mean(1 − m) + λ₂ · TV(m), m in 0..1.

    g(m) = [f(x ⊙ m + (1 − m) ⊙ fill) − f(fill)] / |f(x) − f(fill)|, f the target. m: (down, along)
        numbers, stretched bilinearly over the picture. TV: the mean |difference|³ of neighbouring
        cells. values: (N, rows, cols), 1 − m, from 0 (left alone) to 1 (deleted).
    cells: the size of m, at most 32 and one for each pixel. steps, rate: of Adam from m = 1, with m
    cut to 0..1 after each step. size, smooth: λ₁ and λ₂. fill: as for `feature_ablation`; "blur" is
    a Gaussian of σ = a tenth of the longer side. shift: at each step the masked picture is
    moved (round the border) by up to so many pixels, at random from `seed`, the same for all
    pictures.
    Fong and Vedaldi 2017, section 4, arXiv:1704.03296. Deviations: g is relative, so that λ₁ and
    λ₂ mean the same for every target (theirs explain probabilities); they blur m after stretching.
    """
    game = _Descent("meaningful_perturbation", steps, rate, shift, seed, cells)
    size = number(size, "size", game.owner)
    smooth = number(smooth, "smooth", game.owner)
    question = Question.of(model, x, target, "meaningful_perturbation")
    shape = game.fitting(question)
    up = [stretching(n, c) for n, c in zip(question.x.shape[1:3], shape, strict=True)]

    def step(m: Array, relative: Relative, done: float) -> Array:
        slope = up[0].T @ relative(up[0] @ m @ up[1].T) @ up[1]
        return slope - size / m.size + smooth * variation_slope(m)

    def shown(m: Array) -> Array:
        return 1 - up[0] @ m @ up[1].T

    settings = {"size": size, "smooth": smooth, "fill": described(fill)}
    return game.answer(question, fill, 1.0, step, shown, settings)


@method(
    "perturbation",
    reference="Fong et al. 2019, arXiv:1910.08485",
    cost="(steps + 2) f + steps b",
)
def extremal_perturbation(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    area: float = 0.15,
    game: str = "preserve",
    cells: int | Sequence[int] = 8,
    steps: int = 150,
    rate: float = 0.1,
    fill: Any = "blur",
    shift: int = 1,
    seed: int = 0,
) -> Attribution:
    """The mask of a given area that keeps the target highest: m_a = argmax g(m) − λ R_a(m), with
    R_a(m) = mean (sorted m − r_a)², r_a being 1 − area zeros and then area ones.

    g: as for `meaningful_perturbation`. values: (N, rows, cols), m_a, from 0 to 1; with
    game="delete" m_a is the mask whose complement is shown, and g is made as low as can be.
    m(u) = smax_v k(u − v) m̄(v): a soft maximum (Σ h e^(h/T) / Σ e^(h/T), T = 1/20) over a grid m̄ of
        `cells` (32 at most), with k(d) = exp(−2 max(d / σ − ½, 0)²) and σ 1½ cells, so that
        whatever shows is smooth and as large as a cell at least.
    λ: from 1 to 300 over the steps, so that the place is found before the area binds. steps, rate:
    of Adam from m̄ = ½, cut to 0..1. fill, shift, seed: as for `meaningful_perturbation`.
    Fong, Patrick, Vedaldi 2019, section 3, arXiv:1910.08485, k as in their program. Deviations: g
    is relative (their λ is 300 on activations); they descend with momentum; one area at a time.
    """
    descent = _Descent("extremal_perturbation", steps, rate, shift, seed, cells)
    area = number(area, "area", descent.owner, most=1, above=True)
    game = choice(game, "game", descent.owner, GAMES)
    question = Question.of(model, x, target, "extremal_perturbation")
    shape = descent.fitting(question)
    places = question.x.shape[1:3]
    kernel = smooth_kernel(places, shape)
    ranks = (np.arange(np.prod(places)) >= round((1 - area) * np.prod(places))).astype(float)
    side = 1 if game == "preserve" else -1

    def mask(cells: Array) -> tuple[Array, Callable[[Array], Array]]:
        return soft_maximum(kernel, cells.ravel())

    def step(cells: Array, relative: Relative, done: float) -> Array:
        m, back = mask(cells)
        seen = m.reshape(places)
        slope = -relative(seen if side == 1 else 1 - seen).ravel()
        far, order = np.empty_like(m), np.argsort(m, kind="stable")
        far[order] = m[order] - ranks
        return back(slope + FORCE**done * 2 * far / far.size).reshape(shape)

    settings = {"area": area, "game": game, "fill": described(fill)}
    return descent.answer(
        question, fill, 0.5, step, lambda cells: mask(cells)[0].reshape(places), settings
    )


class _Descent:
    """Adam on the cells of a mask, with what both methods check and keep."""

    def __init__(
        self, owner: str, steps: Any, rate: Any, shift: Any, seed: Any, cells: Any
    ) -> None:
        self.owner = owner
        self.steps = whole_number(steps, "steps", owner)
        self.rate = number(rate, "rate", owner, above=True)
        self.shift = whole_number(shift, "shift", owner, least=0, most=1000)
        self.most = pair(cells, f"cells of {owner}")
        if max(self.most) > MOST_CELLS:
            raise ArgumentError(
                f"cells of {owner} must be at most {MOST_CELLS} each way, got {cells!r}"
            )
        self.seed = seed
        generator(seed, owner)

    def fitting(self, question: Question) -> tuple[int, int]:
        """The cells down and along, at most one for each pixel."""
        rows, cols = question.x.shape[1:3]
        return min(self.most[0], rows), min(self.most[1], cols)

    def answer(
        self,
        question: Question,
        fill: Any,
        start: float,
        step: Callable[[Array, Relative, float], Array],
        shown: Callable[[Array], Array],
        settings: dict[str, Any],
    ) -> Attribution:
        """The maps shown(cells) after all steps, each against `step(cells, relative, done)`, the
        slope of what is made small, where relative(mask) is ∂g/∂mask and done runs from 0 to 1."""
        maps, shape = [], self.fitting(question)
        for one in masked(question, baselines(question, fill, "fill")):
            cells = self._run(one, np.full(shape, start), step)
            maps.append(np.zeros(question.x.shape[1:3]) if cells is None else shown(cells))
        own = {"cells": shape, "steps": self.steps, "rate": self.rate,
               "shift": self.shift}  # fmt: skip
        return question.answer(
            np.clip(maps, 0, 1),
            scores=question.score(),
            cause=CAUSE,
            settings={**own, **settings},
            seed=self.seed,
        )

    def _run(
        self, one: Masked, cells: Array, step: Callable[[Array, Relative, float], Array]
    ) -> Array | None:
        """None where f(x) = f(fill), so that there is nothing to explain."""
        nothing = np.zeros(one.question.x.shape[1:3], bool)
        empty, full = one.scores([nothing, ~nothing])
        if empty == full:
            return None
        rng = generator(self.seed, self.owner)
        m, v = np.zeros_like(cells), np.zeros_like(cells)
        for t in range(1, self.steps + 1):
            moved = tuple(rng.integers(-self.shift, self.shift + 1, 2).tolist())

            def relative(mask: Array, moved: tuple[int, ...] = moved) -> Array:
                return one.slope(mask, moved) / abs(full - empty)

            slope = step(cells, relative, (t - 1) / self.steps)
            m += 0.1 * (slope - m)
            v += 0.001 * (slope * slope - v)
            hop = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            cells = np.clip(cells - self.rate * hop, 0, 1)
        return cells


def variation_slope(m: Array) -> Array:
    """The gradient of the mean |difference|³ over all pairs of neighbours of m."""
    slope = np.zeros_like(m)
    pairs = m.shape[0] * (m.shape[1] - 1) + m.shape[1] * (m.shape[0] - 1)
    for axis in (0, 1):
        step = np.diff(m, axis=axis)
        push = 3 * step * np.abs(step) / max(pairs, 1)
        slope -= np.diff(push, axis=axis, prepend=0, append=0)
    return slope


def smooth_kernel(places: tuple[int, ...], cells: tuple[int, int]) -> Array:
    """k(u − v), (pixels, cells): how far each cell's centre reaches each pixel, at most 1."""
    axes = []
    for n, c in zip(places, cells, strict=True):
        centres = (np.arange(c) + 0.5) * n / c - 0.5
        axes.append((np.arange(n)[:, None] - centres) * c / n / 1.5)
    far = np.hypot(axes[0][:, None, :, None], axes[1][None, :, None, :])
    kernel = np.exp(-2 * np.maximum(far - 0.5, 0) ** 2)
    return kernel.reshape(places[0] * places[1], -1)


def soft_maximum(kernel: Array, cells: Array) -> tuple[Array, Callable[[Array], Array]]:
    """m = smax_v k(u, v) m̄(v), (pixels,), and the way back from ∂/∂m to ∂/∂m̄."""
    h = kernel * cells
    power = np.exp(SHARPNESS * (h - h.max(axis=1, keepdims=True)))
    power /= power.sum(axis=1, keepdims=True)
    m = (h * power).sum(axis=1)

    def back(slope: Array) -> Array:
        inner = power * (1 + SHARPNESS * (h - m[:, None])) * kernel
        return slope @ inner

    return m, back
