"""RISE: random parts of the picture, each weighed by what the target makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....engine.layer import Array, pair
from ....engine.model import Model
from ...results import Attribution
from ..baseline import baselines, described
from ..checks import MOST_RUNS, choice, flag, generator, number, whole_number
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
    centred: bool = True,
    seed: int = 0,
) -> Attribution:
    """M(u) = Σ_i f_i m_i(u) / Σ_i m_i(u) − f̄, f_i = f(x ⊙ m_i): by how much the mean target is
    higher where pixel u shows.

    f: the target, f̄ its mean over all masks. values: (N, rows, cols), signed: 0 is neutral, below
        it the target is higher where u is hidden. error: the standard error of each.
    m_i: `samples` grids of `cells` (down and along, at most one for each pixel) truth values, each
        true with `probability`, stretched bilinearly to (cells + 1) · ⌈size / cells⌉ and cropped at
        a random place, so that cells do not always begin at the same pixels; the same for all
        pictures. fill: pixels that show where a mask is 0, as for `feature_ablation`.
    divisor: "masks" as above, an estimate of E[f | u shows] that is exact where f is constant;
        "probability" for the paper's (1 / (probability · samples)) Σ_i (f_i − f̄) m_i(u), whose
        noise is larger by the masks' own unevenness.
    centred: False leaves f̄ in, which with divisor="probability" is the paper's eq. 6: the map then
        lies near f̄ everywhere, only its differences count, and `signed` is False, since the sign
        (that of a logit, say) speaks neither for nor against.
    Petsiuk, Das, Saenko 2018, section 3, arXiv:1806.07421. The paper does not centre, and stretches
    by ⌊size / cells⌋, which does not cover every size; ⌈ ⌉ is what the authors' program does.
    Each mask dims cells all over the picture: every run is a full one, unlike in `occlusion`.
    """
    samples = whole_number(samples, "samples", "rise", most=MOST_RUNS)
    probability = number(probability, "probability", "rise", most=1, above=True)
    divisor = choice(divisor, "divisor", "rise", DIVISORS)
    centred = flag(centred, "centred", "rise")
    most = pair(cells, "cells of rise")
    generator(seed, "rise")
    question = Question.of(model, x, target, "rise")
    rows, cols = question.x.shape[1:3]
    down, along = (min(c, n) for c, n in zip(most, (rows, cols), strict=True))
    maps, errors, unseen = [], [], np.zeros((rows, cols), bool)
    for one in masked(question, baselines(question, fill, "fill")):
        masks = random_masks((rows, cols), (down, along), probability, samples, seed)
        sums = _sums(one, masks)
        values, error = _where_shown(sums, probability, divisor, centred)
        maps.append(values)
        errors.append(error)
        unseen = sums.m == 0
    return question.answer(
        np.stack(maps),
        scores=question.score(),
        signed=centred,
        cause=CAUSE,
        error=np.stack(errors) if samples > 1 else None,
        settings={"samples": samples, "cells": (down, along), "probability": probability,
                  "fill": described(fill), "divisor": divisor, "centred": centred},
        seed=seed,
        warnings=_unseen(unseen),
    )  # fmt: skip


def _unseen(unseen: Array) -> tuple[str, ...]:
    """The warning where pixels show in no mask."""
    if not unseen.any():
        return ()
    return (
        f"{int(unseen.sum())} of {unseen.size} pixels show in no mask and have the value 0: raise "
        "samples or probability",
    )


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


@dataclass
class _Sums:
    """Sums over all masks m, (rows, cols) each, with g the target less `level`; n masks, `g` and
    `gg` numbers."""

    level: float
    n: int
    m: Array
    mm: Array
    gm: Array
    gmm: Array
    ggm: Array
    ggmm: Array
    g: float = 0.0
    gg: float = 0.0

    @property
    def mean(self) -> float:
        """The target's mean."""
        return self.level + self.g / self.n

    def about(self, level: float) -> _Sums:
        """The same with g the target less another level."""
        by = level - self.level
        return _Sums(
            level,
            self.n,
            self.m,
            self.mm,
            self.gm - by * self.m,
            self.gmm - by * self.mm,
            self.ggm - 2 * by * self.gm + by * by * self.m,
            self.ggmm - 2 * by * self.gmm + by * by * self.mm,
            self.g - by * self.n,
            self.gg - 2 * by * self.g + by * by * self.n,
        )


def _sums(one: Masked, masks: Iterator[Array]) -> _Sums:
    """Over all masks, with the first one's target as level: where all are alike, g is exactly 0,
    and rounding does not eat small differences."""
    kept: list[Array] = []

    def remembered() -> Iterator[Array]:
        for mask in masks:
            kept.append(mask)
            yield mask

    size = one.question.x.shape[1:3]
    sums = None
    for score in one.scores(remembered()):
        if sums is None:
            m, mm, gm, gmm, ggm, ggmm = (np.zeros(size) for _ in range(6))
            sums = _Sums(score, 0, m, mm, gm, gmm, ggm, ggmm)
        mask, g = kept.pop(0), score - sums.level
        square = mask * mask
        sums.n += 1
        sums.m += mask
        sums.mm += square
        sums.g += g
        sums.gg += g * g
        sums.gm += g * mask
        sums.gmm += g * square
        sums.ggm += g * g * mask
        sums.ggmm += g * g * square
    assert sums is not None
    return sums


def _where_shown(
    sums: _Sums, probability: float, divisor: str, centred: bool
) -> tuple[Array, Array]:
    """The map and its standard error, from each mask's influence on the map: that on the sums, and
    where it is centred that on the target's mean."""
    n, rest = sums.n, max(sums.n - 1, 1)
    mean = sums.m / n if centred else np.zeros_like(sums.m)
    if centred:
        sums = sums.about(sums.mean)
    elif divisor == "probability":
        sums = sums.about(0.0)
    spread = sums.ggmm - 2 * mean * sums.ggm + mean * mean * sums.gg  # Σ g² (m − m̄)²
    if divisor == "probability":
        spread = spread - sums.gm * sums.gm / n
        error = np.sqrt(np.maximum(spread, 0) / (rest * n)) / probability
        return sums.gm / (probability * n), error
    shown = np.where(sums.m > 0, sums.m, 1)
    map_ = sums.gm / shown
    # The residuals of a ratio of means are m (g − map).
    spread = spread - 2 * map_ * (sums.gmm - mean * sums.gm) + map_ * map_ * sums.mm
    error = np.sqrt(np.maximum(spread, 0) * n / rest) / shown
    return (map_ if centred else np.where(sums.m > 0, sums.level + map_, 0.0)), error
