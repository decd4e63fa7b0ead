"""Shapley values: the target's rise from the empty picture to the whole one, shared out fairly.

Segments enter an empty picture one after the other, in some order; each is given the rise that it
brings. The Shapley value is the mean over all orders: the one way of sharing that leaves nothing
over, gives equal segments equal shares, gives idle segments nothing, and adds up over sums of
targets (Shapley 1953). Orders are many, so they are drawn at random; for a few segments the sum
over all coalitions is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import comb
from typing import Any

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ....errors import ArgumentError
from ..checks import MOST_RUNS, flag, generator, whole_number
from ..draws import Moments
from ..gap import relative_gap
from ..methods import method
from .masks import Game, SegmentAttribution, Solved, by_segment

CAUSE = (
    "showing the segments changes nothing, perhaps because the fill is what the picture already "
    "shows; try another fill, or another target"
)
MOST_EXACT = 16
"""2^16 coalitions are as many as anyone will wait for."""


@method(
    "perturbation",
    reference="Štrumbelj and Kononenko 2010; Castro et al. 2009; Mitchell et al. 2021, "
    "arXiv:2104.12199",
    signed=True,
    cost="samples · (segments + 1) f",
)
def shapley_sampling(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = "auto",
    count: int = 50,
    fill: Any = 0.0,
    samples: int = 20,
    antithetic: bool = True,
    seed: int = 0,
) -> SegmentAttribution:
    """φ_j = (1 / m) Σ_π [v(before j in π, and j) − v(before j in π)] over m random orders π.

    v(S): the target with the segments outside S filled. values: (N, rows, cols), φ_j at every pixel
        of segment j, signed. Σ φ_j = v(all) − v(none) for every order; `gap` is what rounding
        leaves of it. error: the standard error of φ_j over the independent draws, where there are
        two or more.
    samples: m. antithetic: each order is followed by itself backwards, which halves the variance
        that comes from pairs of segments; a pair is then one draw, and m must be even.
    segments, count, fill: as for `feature_ablation`. seed: of the orders, the same for all pictures
        with as many segments.
    Castro, Gómez, Tejada 2009, https://doi.org/10.1016/j.cor.2008.04.004; Štrumbelj and Kononenko
    2010, algorithm 1, with a fill in place of draws from the data; backward orders: Mitchell et al.
    2021, arXiv:2104.12199. Exact for a linear model from one order on. Every run is a full one: a
    coalition differs from the one before it by one segment, but the whole trace of that one would
    be needed to start from, and each of them serves one step alone; `feature_ablation`, where all
    start from the picture, runs only what a segment can change.
    """
    samples = whole_number(samples, "samples", "shapley_sampling", most=MOST_RUNS)
    antithetic = flag(antithetic, "antithetic", "shapley_sampling")
    if antithetic and samples % 2:
        raise ArgumentError(
            "antithetic orders come in pairs: samples of shapley_sampling must be even, got "
            f"{samples}"
        )
    generator(seed, "shapley_sampling")
    return by_segment(
        model, x, target, "shapley_sampling",
        partial(_walk_orders, samples=samples, antithetic=antithetic, seed=seed),
        segments=segments, count=count, fill=fill, cause=CAUSE, signed=True, seed=seed,
        settings={"samples": samples, "antithetic": antithetic},
    )  # fmt: skip


def orders(count: int, samples: int, antithetic: bool, seed: int) -> Iterator[Array]:
    """`samples` random orders (count,) of the segments."""
    rng = generator(seed, "shapley_sampling")
    for _ in range(samples // 2 if antithetic else samples):
        order = rng.permutation(count)
        yield order
        if antithetic:
            yield order[::-1]


def _walk_orders(game: Game, samples: int, antithetic: bool, seed: int) -> Solved:
    k = game.count
    nothing, everything = game.ends
    every = list(orders(k, samples, antithetic, seed))

    def growing() -> Iterator[Array]:
        """The coalitions on the way, without nothing and everything."""
        for order in every:
            shown = np.zeros(k, bool)
            for j in order[:-1]:
                shown[j] = True
                yield shown.copy()

    worth = game.worth(growing()).reshape(samples, k - 1)
    ways = np.column_stack([np.full(samples, nothing), worth, np.full(samples, everything)])
    rises = np.empty((samples, k))
    np.put_along_axis(rises, np.array(every), np.diff(ways, axis=1), axis=1)
    draws = rises.reshape(-1, 2, k).mean(axis=1) if antithetic else rises
    moments = Moments()
    for draw in draws:
        moments.add(draw)
    gap = relative_gap(moments.mean.sum(), everything - nothing)
    return Solved(moments.mean, moments.error(), gap)


@method(
    "perturbation",
    reference="Shapley 1953; Lundberg and Lee 2017, arXiv:1705.07874",
    signed=True,
    cost="2^segments f",
)
def shapley_exact(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = "grid",
    count: int = 9,
    fill: Any = 0.0,
) -> SegmentAttribution:
    """φ_j = Σ_{S without j} |S|! (k − |S| − 1)! / k! · [v(S and j) − v(S)], over all coalitions S.

    k: the number of segments, 16 at most. v(S), values, gap, segments, count and fill: as for
    `shapley_sampling`. Shapley 1953; Lundberg and Lee 2017, eq. 4, arXiv:1705.07874.
    """
    return by_segment(
        model, x, target, "shapley_exact", _sum_all,
        segments=segments, count=count, fill=fill, cause=CAUSE, signed=True, settings={},
    )  # fmt: skip


def all_coalitions(count: int) -> Array:
    """(2^count, count): every coalition as truth values, the empty one first, the full one last."""
    return (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(bool)


def _sum_all(game: Game) -> Solved:
    k = game.count
    if k > MOST_EXACT:
        raise ArgumentError(
            f"shapley_exact asks 2^{k} coalitions for {k} segments: use at most {MOST_EXACT}, or "
            "shapley_sampling"
        )
    coalitions = all_coalitions(k)
    worth = game.worth(coalitions)
    size = coalitions.sum(axis=1)
    # v(S) counts for j in S as what j has just brought, and against the others.
    brought = np.array([0, *(1 / (k * comb(k - 1, s - 1)) for s in range(1, k + 1))])
    missed = np.array([*(1 / (k * comb(k - 1, s)) for s in range(k)), 0])
    weights = np.where(coalitions, brought[size][:, None], -missed[size][:, None])
    parts = worth @ weights
    return Solved(parts, gap=relative_gap(parts.sum(), worth[-1] - worth[0]))
