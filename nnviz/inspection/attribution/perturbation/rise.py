"""RISE: random parts of the picture, each weighed by what the target makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ....engine.layer import Array, pair
from ....engine.model import Model
from ...results import Attribution
from ..baseline import baselines, described
from ..checks import MOST_RUNS, choice, generator, number, whole_number
from ..methods import method
from ..question import Question
from .masks import Masked, masked

CAUSE = (
    "the target is the same behind every mask, or every mask shows the same; try another fill, "
    "smaller cells, or a probability near 0.5"
)
DIVISORS = ("masks", "probability")


@method(
    "perturbation", reference="Petsiuk et al. 2018, arXiv:1806.07421", signed=True, cost="samples f"
)
def rise(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    samples: int = 1000,
    cells: int | Sequence[int] = 8,
    probability: float = 0.5,
    fill: Any = 0.0,
    divisor: str = "masks",
    seed: int = 0,
) -> Attribution:
    """M(u) = Σ_i f(x ⊙ m_i) m_i(u) / Σ_i m_i(u): the mean target where pixel u shows.

    f: the target. values: (N, rows, cols); they lie near the mean of f, and what counts is where
        they are higher. error: the standard error of each.
    m_i: `samples` grids of `cells` (down and along, at most one for each pixel) truth values, each
        true with `probability`, stretched bilinearly to (cells + 1) · ⌈size / cells⌉ and cropped at
        a random place, so that cells do not always begin at the same pixels; the same for all
        pictures. fill: pixels that show where a mask is 0, as for `feature_ablation`.
    divisor: "masks" as above, an estimate of E[f | u shows] that is exact where f is constant;
        "probability" for the paper's (1 / (probability · samples)) Σ_i f m_i(u), eq. 6, whose noise
        is larger by the masks' own unevenness.
    Petsiuk, Das, Saenko 2018, section 3, arXiv:1806.07421. The paper stretches by ⌊size / cells⌋,
    which does not cover every size; ⌈ ⌉ is what the authors' program does.
    """
    samples = whole_number(samples, "samples", "rise", most=MOST_RUNS)
    probability = number(probability, "probability", "rise", most=1, above=True)
    divisor = choice(divisor, "divisor", "rise", DIVISORS)
    most = pair(cells, "cells of rise")
    generator(seed, "rise")
    question = Question.of(model, x, target, "rise")
    rows, cols = question.x.shape[1:3]
    down, along = (min(c, n) for c, n in zip(most, (rows, cols), strict=True))
    maps, errors, unseen = [], [], np.zeros((rows, cols), bool)
    for one in masked(question, baselines(question, fill, "fill")):
        masks = random_masks((rows, cols), (down, along), probability, samples, seed)
        sums = _sums(one, masks)
        values, error = _mean_where_shown(*sums, samples, probability, divisor)
        maps.append(values)
        errors.append(error)
        unseen = sums[1] == 0
    warnings = (
        f"{int(unseen.sum())} of {unseen.size} pixels show in no mask and have the value 0: raise "
        "samples or probability",
    )  # fmt: skip
    return question.answer(
        np.stack(maps),
        scores=question.score(),
        signed=True,
        cause=CAUSE,
        error=np.stack(errors) if samples > 1 else None,
        settings={"samples": samples, "cells": (down, along), "probability": probability,
                  "fill": described(fill), "divisor": divisor},
        seed=seed,
        warnings=warnings if unseen.any() else (),
    )  # fmt: skip


def random_masks(
    size: tuple[int, int], cells: tuple[int, int], probability: float, samples: int, seed: int
) -> Iterator[Array]:
    """`samples` masks (rows, cols) with values 0..1."""
    rng = generator(seed, "rise")
    cell = tuple(-(-n // c) for n, c in zip(size, cells, strict=True))
    for _ in range(samples):
        mask = (rng.random(cells) < probability).astype(np.float64)
        for axis in (0, 1):
            first = int(rng.integers(cell[axis]))
            mask = _stretched(mask, axis, (cells[axis] + 1) * cell[axis], first, size[axis])
        yield mask


def _stretched(grid: Array, axis: int, length: int, first: int, size: int) -> Array:
    """Places first … first + size of `grid` stretched along an axis to `length`, bilinearly, cell
    centres on cell centres and the last cells continued. Where cells are equal, so are places, to
    the last bit."""
    low, high, part = neighbours(grid.shape[axis], length)
    here = slice(first, first + size)
    below, above = grid.take(low[here], axis), grid.take(high[here], axis)
    return below + (part[here, None] if axis == 0 else part[here]) * (above - below)


def neighbours(cells: int, length: int) -> tuple[Array, Array, Array]:
    """For each of `length` places: the cells before and after it, and how far it lies between."""
    at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    low = at.astype(int)
    return low, np.minimum(low + 1, cells - 1), at - low


def stretching(length: int, cells: int) -> Array:
    """(length, cells): the same stretching as a matrix."""
    low, high, part = neighbours(cells, length)
    one = np.eye(cells)
    return one[low] + part[:, None] * (one[high] - one[low])


def _sums(one: Masked, masks: Iterator[Array]) -> tuple[float, Array, Array, Array, Array, Array]:
    """A value near f, and over all masks Σ m, Σ m², Σ g m, Σ g m², Σ g² m², where g is f less that
    value: so that rounding does not eat the differences."""
    centre = float(one.question.score()[0])
    kept: list[Array] = []

    def remembered() -> Iterator[Array]:
        for mask in masks:
            kept.append(mask)
            yield mask

    size = one.question.x.shape[1:3]
    m, mm, gm, gmm, ggmm = (np.zeros(size) for _ in range(5))
    for score in one.scores(remembered()):
        mask, g = kept.pop(0), score - centre
        square = mask * mask
        m += mask
        mm += square
        gm += g * mask
        gmm += g * square
        ggmm += g * g * square
    return centre, m, mm, gm, gmm, ggmm


def _mean_where_shown(
    centre: float,
    m: Array,
    mm: Array,
    gm: Array,
    gmm: Array,
    ggmm: Array,
    samples: int,
    probability: float,
    divisor: str,
) -> tuple[Array, Array]:
    """The map and its standard error."""
    n = max(samples, 2)
    if divisor == "probability":
        total, squares = gm + centre * m, ggmm + 2 * centre * gmm + centre * centre * mm
        spread = np.maximum(squares - total * total / samples, 0) / (n - 1)
        return total / (probability * samples), np.sqrt(spread / samples) / probability
    shown = np.where(m > 0, m, 1)
    mean = gm / shown
    # The residuals of a ratio of means are m (g − mean).
    spread = np.maximum(ggmm - 2 * mean * gmm + mean * mean * mm, 0) * n / (n - 1)
    return np.where(m > 0, centre + mean, 0.0), np.sqrt(spread) / shown
