"""How alike are two maps? By the order of their pixels, and by their structure."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ....engine.layer import Array

WINDOW = 7
"""The side of the windows of `ssim`; smaller on maps that are smaller."""
K1, K2 = 0.01, 0.03


def ranks(maps: Array) -> Array:
    """(N, P): the rank 1 … P of each pixel; equal ones share the mean of theirs."""
    flat = maps.reshape(len(maps), -1)
    found = np.empty(flat.shape)
    for out, values in zip(found, flat, strict=True):
        _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
        out[:] = (np.cumsum(counts) - (counts - 1) / 2)[which]
    return found


def rank_correlation(one: Array, other: Array) -> Array:
    """(N,): Spearman's ρ of maps (N, rows, cols), Pearson's correlation of the ranks; NaN where a
    map is the same everywhere. Spearman 1904."""
    a, b = (ranks(maps) for maps in (one, other))
    a, b = (r - r.mean(axis=1, keepdims=True) for r in (a, b))
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    found: Array = (a * b).sum(axis=1) / np.where(size > 0, size, 1)
    return np.where(size > 0, found, np.nan)


def ssim(one: Array, other: Array, signed: bool = False) -> Array:
    """(N,): the mean structural similarity of maps (N, rows, cols), each divided by its largest
    size first; NaN where one of them is 0 everywhere.

    SSIM = (2 μ_a μ_b + C_1)(2 σ_ab + C_2) / ((μ_a² + μ_b² + C_1)(σ_a² + σ_b² + C_2)) over even
    windows of 7×7 that lie inside, variances with n − 1, C_i = (K_i L)², K = (0.01, 0.03), L = 1,
    or 2 for signed maps. Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13, doi:10.1109/TIP.2003.819861,
    with even windows in place of Gaussian ones.
    """
    tops = [np.abs(m).max(axis=(1, 2), keepdims=True, initial=0.0) for m in (one, other)]
    a, b = (m / np.where(top > 0, top, 1) for m, top in zip((one, other), tops, strict=True))
    reach = 2.0 if signed else 1.0
    c1, c2 = (K1 * reach) ** 2, (K2 * reach) ** 2
    sides = tuple(min(WINDOW, n) for n in one.shape[1:])
    count = sides[0] * sides[1]

    def mean(m: Array) -> Array:
        down, along = (n - side + 1 for n, side in zip(m.shape[1:], sides, strict=True))
        rows = reduce(np.add, [m[:, k : k + down] for k in range(sides[0])])
        found: Array = reduce(np.add, [rows[:, :, k : k + along] for k in range(sides[1])])
        return found / count

    more = count / max(1, count - 1)
    mean_a, mean_b = mean(a), mean(b)
    spread_a, spread_b, both = (
        more * (mean(p) - q)
        for p, q in ((a * a, mean_a**2), (b * b, mean_b**2), (a * b, mean_a * mean_b))
    )
    above = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2)
    found = (above / below).mean(axis=(1, 2))
    blank = (tops[0] == 0) | (tops[1] == 0)
    return np.where(blank[:, 0, 0], np.nan, found)
