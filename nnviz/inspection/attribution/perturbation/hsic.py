"""HSIC: how far the target depends on whether a segment shows, in any form whatever."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ..checks import generator, whole_number
from ..methods import method
from .masks import Game, SegmentAttribution, Solved, by_segment
from .sobol import CAUSE

MOST_SAMPLES = 20_000
"""The kernel's matrix has samples² numbers."""
BLOCK = 1 << 20
"""So many of them are made at a time."""


@method("perturbation", reference="Novello et al. 2022, arXiv:2206.06219", cost="samples f")
def hsic(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = "grid",
    count: int = 49,
    fill: Any = 0.0,
    samples: int = 1000,
    seed: int = 0,
) -> SegmentAttribution:
    """H_j = tr(K_j C L C) / (n − 1)², with C = I − 1/n: the dependence of the target on segment j.

    n: `samples` draws; each segment shows in one half of them, independently of the rest (a Latin
        hypercube of two levels). K_j(i, i') = [z_ij = z_i'j] − ½: the kernel of the segment.
        L(i, i') = exp(−(v_i − v_i')² / (2 σ²)): that of the target, σ the median of |v_i − v_i'|
        over all pairs. values: (N, rows, cols), H_j at every pixel of segment j, not negative; near
        0, by about 1 / n, where the target does not depend on it.
    segments, count, fill, seed: as for `shapley_sampling`.
    Novello, Fel, Vigouroux 2022, section 3, arXiv:2206.06219; Gretton et al. 2005 for the
    estimator. Where more than half of the pairs are equal, σ is the median of those that are not.
    """
    samples = whole_number(samples, "samples", "hsic", least=4, most=MOST_SAMPLES)
    generator(seed, "hsic")
    return by_segment(
        model, x, target, "hsic", partial(_dependence, samples=samples, seed=seed),
        segments=segments, count=count, fill=fill, cause=CAUSE, signed=False, seed=seed,
        settings={"samples": samples},
    )  # fmt: skip


def balanced(count: int, samples: int, seed: int) -> Array:
    """(samples, count): truth values, one half of each column true, in random order."""
    half = np.arange(samples) < samples // 2
    return generator(seed, "hsic").permuted(np.tile(half, (count, 1)), axis=1).T


def _dependence(game: Game, samples: int, seed: int) -> Solved:
    shown = balanced(game.count, samples, seed)
    worth = game.worth(shown)
    sigma = median_difference(worth) or median_difference(worth, unequal=True)
    if sigma == 0:
        return Solved(np.zeros(game.count))
    # K_j is 2 z zᵀ and what centring takes away, z the centred column: so no K_j is made.
    z = shown - shown.mean(axis=0)
    total, rows = np.zeros(game.count), max(1, BLOCK // samples)
    for start in range(0, samples, rows):
        apart = (worth[start : start + rows, None] - worth) / sigma
        total += np.einsum("ij,ij->j", z[start : start + rows], np.exp(-(apart**2) / 2) @ z)
    return Solved(np.maximum(2 * total / (samples - 1) ** 2, 0))


def median_difference(values: Array, *, unequal: bool = False) -> float:
    """The median of |v_i − v_j| over all pairs, or over those that are not 0 (0 where there are
    none), without making the pairs."""
    ordered = np.sort(values.astype(np.float64))
    pairs = len(ordered) * (len(ordered) - 1) // 2
    skipped = _pairs_within(ordered, 0.0) if unequal else 0
    left = pairs - skipped
    if left == 0:
        return 0.0
    return float(
        np.mean([_ranked(ordered, skipped + rank) for rank in ((left - 1) // 2, left // 2)])
    )


def _ranked(ordered: Array, rank: int) -> float:
    """The difference of this rank, from 0: halving over the floats themselves, whose bits, read as
    whole numbers, are in the same order."""
    low, high = 0, int(np.float64(ordered[-1] - ordered[0]).view(np.int64))
    while low < high:
        middle = (low + high) // 2
        if _pairs_within(ordered, float(np.int64(middle).view(np.float64))) > rank:
            high = middle
        else:
            low = middle + 1
    return float(np.int64(low).view(np.float64))


def _pairs_within(ordered: Array, width: float) -> int:
    """How many pairs of sorted values differ by at most `width`."""
    n = len(ordered)
    low, high = np.arange(n), np.full(n, n - 1)  # the last partner of each lies between these
    while (low < high).any():
        middle = (low + high + 1) // 2
        near = ordered[middle] - ordered <= width
        low, high = np.where(near, middle, low), np.where(near, high, middle - 1)
    return int((low - np.arange(n)).sum())
