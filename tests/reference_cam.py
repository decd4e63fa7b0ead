"""Class activation maps as their papers' formulas say, place by place, for one picture: slow,
plain, nothing shared with nnviz. a and g are the maps and their gradient, (r, c, channels)."""

from __future__ import annotations

import math

import numpy as np


def weighted(a, weights, rectified=True):
    """Σ_k w_k A_k[r, c], and its positive part."""
    out = np.zeros(a.shape[:2])
    for r, c in np.ndindex(out.shape):
        total = sum(weights[k] * a[r, c, k] for k in range(a.shape[2]))
        out[r, c] = max(total, 0) if rectified else total
    return out


def grad_cam(a, g):
    """Selvaraju et al. 2017, eqs. 1 and 2."""
    places = a.shape[0] * a.shape[1]
    return weighted(a, [math.fsum(g[..., k].ravel()) / places for k in range(a.shape[2])])


def grad_cam_plus_plus(a, g, d2=None, d3=None):
    """Chattopadhay et al. 2018, the closed form for Y = exp(S); d2, d3: other second and third
    derivatives than g² and g³."""
    d2, d3 = g**2 if d2 is None else d2, g**3 if d3 is None else d3
    weights = []
    for k in range(a.shape[2]):
        total, w = math.fsum(a[..., k].ravel()), 0.0
        for r, c in np.ndindex(a.shape[:2]):
            below = 2 * d2[r, c, k] + total * d3[r, c, k]
            alpha = d2[r, c, k] / below if below != 0 else 0
            w += alpha * max(g[r, c, k], 0)
        weights.append(w)
    return weighted(a, weights)


def xgrad_cam(a, g):
    """Fu et al. 2020: w_k = Σ (A_k / Σ A_k) g_k."""
    weights = []
    for k in range(a.shape[2]):
        total = math.fsum(a[..., k].ravel())
        pairs = [a[r, c, k] * g[r, c, k] for r, c in np.ndindex(a.shape[:2])]
        weights.append(math.fsum(pairs) / total if total else 0)
    return weighted(a, weights)


def place_by_place(a, g, term, rectified=False):
    """Σ_k term(A_k[r, c], g_k[r, c])."""
    out = np.zeros(a.shape[:2])
    for r, c in np.ndindex(out.shape):
        total = math.fsum(term(a[r, c, k], g[r, c, k]) for k in range(a.shape[2]))
        out[r, c] = max(total, 0) if rectified else total
    return out


def layer_cam(a, g):
    """Jiang et al. 2021."""
    return place_by_place(a, g, lambda value, slope: max(slope, 0) * value, rectified=True)


def hires_cam(a, g):
    """Draelos and Carin 2020."""
    return place_by_place(a, g, lambda value, slope: slope * value)


def element_wise_cam(a, g):
    """Each product rectified before the sum."""
    return place_by_place(a, g, lambda value, slope: max(slope * value, 0))


def mask(placed):
    """One placed channel (rows, cols) brought to 0 … 1."""
    low, high = placed.min(), placed.max()
    return (placed - low) / (high - low)


def softmax_weights(scores, there):
    """e^S_k / Σ e^S_j over the channels that are there; 0 for the others."""
    top = max(s for s, yes in zip(scores, there, strict=True) if yes)
    powers = [math.exp(s - top) if yes else 0 for s, yes in zip(scores, there, strict=True)]
    return [p / math.fsum(powers) for p in powers]


def first_component(x):
    """X v₁ with X (places, channels) = U Σ Vᵀ; the sign that agrees with Σ_k X_k."""
    flat = x.reshape(-1, x.shape[-1])
    map_ = (flat @ np.linalg.svd(flat, full_matrices=False)[2][0]).reshape(x.shape[:2])
    return map_ * np.sign((map_ * x.sum(axis=-1)).sum())


def kernel_component(a, kernel):
    """Kernel PCA's first component, kernel and centring entry by entry."""
    flat = a.reshape(-1, a.shape[-1])
    n = len(flat)
    k = np.array([[kernel(p, q) for q in flat] for p in flat])
    centred = np.zeros_like(k)
    for i, j in np.ndindex(k.shape):
        centred[i, j] = k[i, j] - k[i].mean() - k[:, j].mean() + k.sum() / n**2
    sizes, vectors = np.linalg.eigh(centred)
    map_ = (math.sqrt(sizes[-1]) * vectors[:, -1]).reshape(a.shape[:2])
    return map_ * np.sign((map_ * a.sum(axis=-1)).sum())


def fem(a, k):
    """Σ_j μ_j [A_j ≥ μ_j + k σ_j]."""
    out = np.zeros(a.shape[:2])
    for j in range(a.shape[2]):
        values = a[..., j].ravel()
        mean = math.fsum(values) / len(values)
        spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))
        for r, c in np.ndindex(out.shape):
            if spread and a[r, c, j] >= mean + k * spread:
                out[r, c] += mean
    return np.maximum(out, 0)


def psi(term):
    """FullGrad's |t| brought to 0 … 1, summed over channels."""
    size = np.abs(term)
    low, high = size.min(), size.max()
    return ((size - low) / (high - low)).sum(axis=-1) if high > low else np.zeros(term.shape[:2])
