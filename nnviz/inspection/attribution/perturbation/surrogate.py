"""A plain model in place of the network: a straight line fitted to its answers near one picture.

Both methods show the picture with random segments filled, and fit v(S) ≈ β₀ + Σ_{j in S} β_j by
weighted least squares. They differ in the weights, and in what they ask of β.
"""

from __future__ import annotations

from functools import partial
from math import comb
from typing import Any

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ..checks import MOST_RUNS, choice, generator, number, whole_number
from ..gap import relative_gap
from ..methods import method
from .masks import Game, SegmentAttribution, Solved, by_segment
from .shapley import CAUSE, all_coalitions

PENALTIES = {"ridge": 1.0, "lasso": 0.01}
"""Penalty -> its usual strength."""
SWEEPS = 10_000
"""The lasso's sweeps end here at the latest."""


@method(
    "perturbation",
    reference="Lundberg and Lee 2017, arXiv:1705.07874",
    signed=True,
    cost="(samples + 2) f",
)
def kernel_shap(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = "auto",
    count: int = 50,
    fill: Any = 0.0,
    samples: int = 1000,
    seed: int = 0,
) -> SegmentAttribution:
    """φ = argmin Σ_S π(S) [v(S) − v(none) − Σ_{j in S} φ_j]² where Σ_j φ_j = v(all) − v(none),
    with π(S) = (k − 1) / (C(k, |S|) · |S| · (k − |S|)).

    v(S): the target with the segments outside S filled; k: the number of segments. values: (N,
        rows, cols), φ_j at every pixel of segment j, signed; gap: what rounding leaves of the sum,
        which is solved for exactly, not by large weights.
    samples: how many coalitions are asked. Where that is all 2^k − 2 of them, φ are the Shapley
        values. Otherwise sizes are taken whole from both ends (1 and k − 1, then 2 and k − 2, …)
        while their share of the weight pays for it, the first in any case; the rest is drawn, sizes
        by weight, each coalition with its complement. From 2k on a linear model is met exactly;
        below, the answer is the one nearest to equal shares, with a warning.
    segments, count, fill, seed: as for `shapley_sampling`.
    Lundberg and Lee 2017, theorem 2, arXiv:1705.07874; the constraint solved and the complements:
    Covert and Lee 2021, arXiv:2012.01536. Their paper draws all coalitions; taking sizes whole is
    the authors' later practice.
    """
    samples = whole_number(samples, "samples", "kernel_shap", most=MOST_RUNS)
    generator(seed, "kernel_shap")
    return by_segment(
        model, x, target, "kernel_shap", partial(_kernel_shap, samples=samples, seed=seed),
        segments=segments, count=count, fill=fill, cause=CAUSE, signed=True, seed=seed,
        settings={"samples": samples},
    )  # fmt: skip


def _kernel_shap(game: Game, samples: int, seed: int) -> Solved:
    k = game.count
    nothing, everything = game.ends
    rise = everything - nothing
    equal = np.full(k, rise / k)
    if k == 1:
        return Solved(equal, gap=0.0)
    coalitions, weights = shap_coalitions(k, samples, seed)
    left = game.worth(coalitions) - nothing - coalitions @ equal
    # φ = equal shares + Q u: the columns of Q are orthonormal and each sums to 0.
    q = np.linalg.svd(np.ones((1, k)))[2][1:].T
    root = np.sqrt(weights)
    u, _, rank, _ = np.linalg.lstsq((root[:, None] * coalitions) @ q, root * left)
    parts = equal + q @ u
    unsettled = (
        f"{len(coalitions)} coalitions do not settle {k} segments, and the map is one of many that "
        f"fit: raise samples to {2 * k} or more"
    )
    warnings = () if rank == k - 1 else (unsettled,)
    return Solved(parts, gap=relative_gap(parts.sum(), rise), warnings=warnings)


def shap_coalitions(count: int, samples: int, seed: int) -> tuple[Array, Array]:
    """Coalitions (m, count), none empty or full, and the weight (m,) of each; `count` ≥ 2."""
    k = count
    if k <= 23 and 2**k - 2 <= samples:
        every = all_coalitions(k)[1:-1]
        mass = np.array([_mass(k, s) / comb(k, s) for s in range(1, k)])
        return every, mass[every.sum(axis=1) - 1]
    rng = generator(seed, "kernel_shap")
    sizes = list(range(1, k // 2 + 1))  # with each goes its complement's size
    rows, weights, budget = [], [], samples
    while sizes:
        s = sizes[0]
        number_of = comb(k, s) * (1 if 2 * s == k else 2)
        share = _pair_mass(k, s) / sum(_pair_mass(k, t) for t in sizes)
        if number_of > budget or (s > 1 and number_of > budget * share):
            break
        rows += _of_size(k, s)
        weights += [_pair_mass(k, s) / number_of] * number_of
        budget -= number_of
        sizes.pop(0)
    pairs = budget // 2
    if sizes and pairs:
        mass = np.array([_pair_mass(k, s) for s in sizes])
        for s in rng.choice(sizes, size=pairs, p=mass / mass.sum()):
            row = np.zeros(k, bool)
            row[rng.permutation(k)[:s]] = True
            rows += [row, ~row]
        weights += [mass.sum() / (2 * pairs)] * (2 * pairs)
    if not rows:  # one sample: a single segment
        rows, weights = [np.arange(k) == rng.integers(k)], [1.0]
    return np.array(rows), np.array(weights)


def _mass(k: int, s: int) -> float:
    """The weight π of all coalitions of size s together."""
    return (k - 1) / (s * (k - s))


def _pair_mass(k: int, s: int) -> float:
    return _mass(k, s) * (1 if 2 * s == k else 2)


def _of_size(k: int, s: int) -> list[Array]:
    """Every coalition of size s, and of size k − s."""
    from itertools import combinations

    chosen = np.array(list(combinations(range(k), s)))
    rows = np.zeros((len(chosen), k), bool)
    np.put_along_axis(rows, chosen, True, axis=1)
    return [*rows] if 2 * s == k else [*rows, *~rows]


@method(
    "perturbation", reference="Ribeiro et al. 2016, arXiv:1602.04938", signed=True, cost="samples f"
)
def lime(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = "auto",
    count: int = 50,
    fill: Any = 0.0,
    samples: int = 1000,
    width: float = 0.25,
    penalty: str = "ridge",
    alpha: float | None = None,
    seed: int = 0,
) -> SegmentAttribution:
    """β = argmin Σ_z π(z) [v(z) − β₀ − β·z]² + Ω(β), with π(z) = exp(−D(z)² / σ²) and
    D(z) = 1 − √(|z| / k), the cosine distance of z to the whole picture.

    z: which of the k segments show, each with probability ½, the first z the whole picture; v(z):
        the target with the others filled. values: (N, rows, cols), β_j at every pixel of segment j,
        signed.
    width: σ, 1e-6 or more. penalty: "ridge" — Ω = α Σ β², solved in closed form; "lasso" —
        Ω = 2 Σ_z π(z) · α Σ |β| (scikit-learn's scale), by coordinate descent. alpha: α; None for 1
        (ridge) or 0.01 (lasso). β₀ is never penalised.
    samples: how many z. segments, count, fill, seed: as for `shapley_sampling`.
    Ribeiro, Singh, Guestrin 2016, eq. 2 and section 3.4, arXiv:1602.04938. There K features are
    chosen by a lasso path and fitted again; here all take part, which is what their package does
    for pictures, with ridge at α = 1. That package takes √π as the weight and each superpixel's
    mean colour as the fill; the paper's π is used here.
    """
    samples = whole_number(samples, "samples", "lime", most=MOST_RUNS)
    width = number(width, "width", "lime", least=1e-6)
    penalty = choice(penalty, "penalty", "lime", PENALTIES)
    alpha = PENALTIES[penalty] if alpha is None else number(alpha, "alpha", "lime")
    generator(seed, "lime")
    return by_segment(
        model, x, target, "lime",
        partial(_lime, samples=samples, width=width, penalty=penalty, alpha=alpha, seed=seed),
        segments=segments, count=count, fill=fill, cause=CAUSE, signed=True, seed=seed,
        settings={"samples": samples, "width": width, "penalty": penalty, "alpha": alpha},
    )  # fmt: skip


def _lime(game: Game, samples: int, width: float, penalty: str, alpha: float, seed: int) -> Solved:
    k = game.count
    shown = generator(seed, "lime").random((samples, k)) < 0.5
    shown[0] = True
    distance = 1 - np.sqrt(shown.mean(axis=1))
    weights = np.exp(-((distance / width) ** 2))
    weights /= weights.max()
    worth = game.worth(shown)
    # Centred, the penalty leaves β₀ alone.
    z: Array = shown - np.average(shown, axis=0, weights=weights)
    v = worth - np.average(worth, weights=weights)
    root = np.sqrt(weights)
    fit = ridge if penalty == "ridge" else lasso
    return Solved(fit(root[:, None] * z, root * v, alpha * (1 if fit is ridge else weights.sum())))


def ridge(a: Array, b: Array, alpha: float) -> Array:
    """argmin ‖a β − b‖² + α ‖β‖²; of all solutions the smallest, where α is 0."""
    k = a.shape[1]
    below = np.sqrt(alpha) * np.eye(k)
    return np.linalg.lstsq(np.vstack([a, below]), np.concatenate([b, np.zeros(k)]))[0]


def lasso(a: Array, b: Array, alpha: float) -> Array:
    """argmin ½ ‖a β − b‖² + α ‖β‖₁, one coefficient after the other until none moves."""
    gram, slope = a.T @ a, a.T @ b
    beta = np.zeros(len(slope))
    for _ in range(SWEEPS):
        before = beta.copy()
        for j, size in enumerate(np.diag(gram)):
            pull = slope[j] - gram[j] @ beta + size * beta[j]
            beta[j] = np.sign(pull) * max(abs(pull) - alpha, 0) / size if size > 0 else 0.0
        if np.abs(beta - before).max() <= 1e-12 * np.abs(beta).max():
            break
    return beta
