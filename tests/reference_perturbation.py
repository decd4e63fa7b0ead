"""Perturbation methods as their papers say, loop by loop: slow, plain, nothing shared with nnviz.

A game is a function v(shown) of a tuple of truth values (or of parts 0..1), one for each of k
players.
"""

from __future__ import annotations

import itertools
import math

import numpy as np


def game(f, picture, fill, labels):
    """v: the value f gives the picture whose segments outside the coalition are filled."""

    def v(shown):
        seen = np.empty_like(picture)
        for r in range(picture.shape[0]):
            for c in range(picture.shape[1]):
                m = float(shown[labels[r, c]])
                seen[r, c] = m * picture[r, c] + (1 - m) * fill[r, c]
        return f(seen)

    return v


def shapley(v, k):
    """Lundberg and Lee 2017, eq. 4: over all subsets without j."""
    phi = [0.0] * k
    for j in range(k):
        others = [i for i in range(k) if i != j]
        for size in range(k):
            for chosen in itertools.combinations(others, size):
                weight = math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
                without = tuple(i in chosen for i in range(k))
                with_j = tuple(i in chosen or i == j for i in range(k))
                phi[j] += weight * (v(with_j) - v(without))
    return np.array(phi)


def shapley_by_orders(v, k, orders):
    """Castro et al. 2009: each order's rises, (orders, k)."""
    rises = np.zeros((len(orders), k))
    for row, order in enumerate(orders):
        shown = [False] * k
        before = v(tuple(shown))
        for j in order:
            shown[j] = True
            after = v(tuple(shown))
            rises[row, j] = after - before
            before = after
    return rises


def constrained_least_squares(v, coalitions, weights, k):
    """argmin Σ w (v(S) − v(none) − Σ φ)² where Σ φ = v(all) − v(none), by a multiplier."""
    nothing, everything = v((False,) * k), v((True,) * k)
    system, right = np.zeros((k + 1, k + 1)), np.zeros(k + 1)
    for shown, weight in zip(coalitions, weights, strict=True):
        for i in range(k):
            right[i] += weight * shown[i] * (v(tuple(shown)) - nothing)
            for j in range(k):
                system[i, j] += weight * shown[i] * shown[j]
    system[k, :k] = system[:k, k] = 1
    right[k] = everything - nothing
    return np.linalg.solve(system, right)[:k]


def shap_weight(k, size):
    """Lundberg and Lee 2017, theorem 2."""
    return (k - 1) / (math.comb(k, size) * size * (k - size))


def lime_ridge(v, shown, width, alpha):
    """Ribeiro et al. 2016, eq. 2 with Ω = α Σ β², the line's height free."""
    k = shown.shape[1]
    system, right = np.zeros((k + 1, k + 1)), np.zeros(k + 1)
    for row in shown:
        distance = 1 - sum(row) / (math.sqrt(sum(row)) * math.sqrt(k)) if sum(row) else 1.0
        weight = math.exp(-(distance**2) / width**2)
        z = [*row.astype(float), 1.0]
        for i in range(k + 1):
            right[i] += weight * z[i] * v(tuple(row))
            for j in range(k + 1):
                system[i, j] += weight * z[i] * z[j]
    for i in range(k):
        system[i, i] += alpha
    return np.linalg.solve(system, right)[:k]


def rise_mask(grid, up, first, size):
    """One mask: a grid of truth values stretched bilinearly to `up`, then cropped at `first`."""
    mask = np.zeros(size)
    for r in range(size[0]):
        for c in range(size[1]):
            total = 0.0
            at = []
            for place, n, length in ((r + first[0], grid.shape[0], up[0]),
                                     (c + first[1], grid.shape[1], up[1])):  # fmt: skip
                at.append(min(max((place + 0.5) * n / length - 0.5, 0), n - 1))
            for i in range(grid.shape[0]):
                for j in range(grid.shape[1]):
                    near = max(0, 1 - abs(at[0] - i)) * max(0, 1 - abs(at[1] - j))
                    total += near * grid[i, j]
            mask[r, c] = total
    return mask


def rise(f, picture, fill, masks, divisor=None):
    """Petsiuk et al. 2018, eq. 6; divisor None: by the sum of the masks."""
    total, shown = np.zeros(picture.shape[:2]), np.zeros(picture.shape[:2])
    for mask in masks:
        seen = picture * mask[..., None] + fill * (1 - mask[..., None])
        total += f(seen) * mask
        shown += mask
    return total / (shown if divisor is None else divisor * len(masks))


def jansen(v, a, b, order):
    """Jansen 1999: total or first-order indices, over the variance of both designs."""
    n, k = a.shape
    of_a, of_b = [v(tuple(row)) for row in a], [v(tuple(row)) for row in b]
    both = of_a + of_b
    mean = sum(both) / (2 * n)
    variance = sum((y - mean) ** 2 for y in both) / (2 * n - 1)
    indices = []
    for j in range(k):
        total = 0.0
        for i in range(n):
            mixed = list(a[i])
            mixed[j] = b[i, j]
            total += ((of_a if order == "total" else of_b)[i] - v(tuple(mixed))) ** 2
        part = total / (2 * n * variance)
        indices.append(part if order == "total" else 1 - part)
    return np.array(indices)


def hsic(v, shown):
    """Novello et al. 2022: tr(K H L H) / (n − 1)² with the kernels as matrices."""
    n, k = shown.shape
    y = [v(tuple(row)) for row in shown]
    sigma = np.median([abs(y[i] - y[j]) for i in range(n) for j in range(i + 1, n)])
    target = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            target[i, j] = math.exp(-((y[i] - y[j]) ** 2) / (2 * sigma**2))
    centre = np.eye(n) - 1 / n
    found = []
    for segment in range(k):
        kernel = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                kernel[i, j] = (shown[i, segment] == shown[j, segment]) - 0.5
        found.append(np.trace(kernel @ centre @ target @ centre) / (n - 1) ** 2)
    return np.array(found)


def total_variation(m):
    """The mean |difference|³ over pairs of neighbours."""
    steps = []
    for r in range(m.shape[0]):
        for c in range(m.shape[1]):
            if r + 1 < m.shape[0]:
                steps.append(abs(m[r + 1, c] - m[r, c]) ** 3)
            if c + 1 < m.shape[1]:
                steps.append(abs(m[r, c + 1] - m[r, c]) ** 3)
    return sum(steps) / max(len(steps), 1)


def soft_maximum(kernel, cells):
    """Fong et al. 2019, section 3, T = 1/20."""
    m = []
    for row in kernel:
        h = [k * cell for k, cell in zip(row, cells, strict=True)]
        powers = [math.exp(20 * value) for value in h]
        m.append(sum(a * b for a, b in zip(h, powers, strict=True)) / sum(powers))
    return np.array(m)
