"""Sobol' indices: which part of the target's variance each segment answers for."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ....errors import ArgumentError
from ..checks import choice, generator, whole_number
from ..methods import method
from .masks import Game, SegmentAttribution, Solved, by_segment

CAUSE = (
    "dimming the segments does not move the target, perhaps because the fill is what the picture "
    "already shows; try another fill, or another target"
)
ORDERS = ("total", "first")
MOST_SEGMENTS = 10_600
"""The quasi-random sequence has 21,201 dimensions, and each segment takes two."""


@method("perturbation", reference="Fel et al. 2021, arXiv:2111.04138", cost="samples · segments f")
def sobol(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = "grid",
    count: int = 64,
    fill: Any = 0.0,
    samples: int = 32,
    order: str = "total",
    seed: int = 0,
) -> SegmentAttribution:
    """T_j = E[Var(v | all but z_j)] / Var(v), by Jansen: T_j = Σ_i [v(A_i) − v(C_ij)]² / (2 n V).

    z: how much of each segment shows, uniform in 0..1; v(z): the target of the picture so dimmed
        towards the fill. A, B: two designs of n = `samples` quasi-random points (one scrambled
        Sobol' sequence of twice the dimensions); C_j: A with column j from B; V: the variance of v
        over A and B. values: (N, rows, cols), T_j at every pixel of segment j, not negative: what
        it answers for, alone and together with others, whichever way it moves the target.
    order: "total" — T_j; "first" — what it answers for alone, S_j = 1 − Σ_i [v(B_i) − v(C_ij)]² /
        (2 n V). A share is never below 0; where noise pushes it there it counts as 0, and a warning
        says so.
    samples: a power of two, for which the sequence is balanced; n (segments + 2) runs in all, of
        which n · segments are only of what one segment can change (see `engine.boxes`).
    segments, count, fill, seed: as for `shapley_sampling`.
    Fel, Cadène, Chalvidal, Cord, Vigouroux, Serre 2021, section 3, arXiv:2111.04138; Jansen 1999,
    https://doi.org/10.1016/S0010-4655(98)00154-4. The paper takes V over A alone.
    """
    samples = whole_number(samples, "samples", "sobol", least=2, most=2**20)
    if samples & (samples - 1):
        raise ArgumentError(f"samples of sobol must be a power of two such as 32, got {samples}")
    order = choice(order, "order", "sobol", ORDERS)
    generator(seed, "sobol")
    return by_segment(
        model, x, target, "sobol", partial(_indices, samples=samples, order=order, seed=seed),
        segments=segments, count=count, fill=fill, cause=CAUSE, signed=False, seed=seed,
        settings={"samples": samples, "order": order},
    )  # fmt: skip


def designs(count: int, samples: int, seed: int) -> tuple[Array, Array]:
    """A and B, (samples, count) each, in 0..1."""
    from scipy.stats import qmc

    if count > MOST_SEGMENTS:
        raise ArgumentError(f"sobol takes at most {MOST_SEGMENTS} segments, got {count}")
    points = qmc.Sobol(2 * count, seed=generator(seed, "sobol")).random(samples)
    return points[:, :count], points[:, count:]


def _indices(game: Game, samples: int, order: str, seed: int) -> Solved:
    a, b = designs(game.count, samples, seed)
    of_a, of_b = game.worth(a), game.worth(b)
    variance = np.concatenate([of_a, of_b]).var(ddof=1)
    parts = np.zeros(game.count)
    if variance == 0:
        return Solved(parts)
    of_c = np.stack([game.exchanged(one, other) for one, other in zip(a, b, strict=True)])
    if order == "total":
        parts = ((of_a[:, None] - of_c) ** 2).mean(axis=0) / (2 * variance)
    else:
        parts = 1 - ((of_b[:, None] - of_c) ** 2).mean(axis=0) / (2 * variance)
    return Solved(np.maximum(parts, 0), warnings=_below(parts))


def _below(parts: Array) -> tuple[str, ...]:
    """The warning where shares came out below 0 by more than rounding."""
    below = int((parts < -1e-9).sum())
    if not below:
        return ()
    return (
        f"{below} of {len(parts)} shares came out below 0 (down to {parts.min():.2g}), which only "
        "noise can do, and are shown as 0: raise samples",
    )
