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
    apart = np.abs(worth[:, None] - worth)
    pairs = apart[np.triu_indices(samples, 1)]
    sigma = float(np.median(pairs))
    if sigma == 0:
        if not pairs.any():
            return Solved(np.zeros(game.count))
        sigma = float(np.median(pairs[pairs > 0]))
    kernel = np.exp(-((apart / sigma) ** 2) / 2)
    # K_j is 2 z zᵀ and what centring takes away, z the centred column: so no K_j is made.
    z = shown - shown.mean(axis=0)
    parts = 2 * np.einsum("ij,ij->j", z, kernel @ z) / (samples - 1) ** 2
    return Solved(np.maximum(parts, 0))
