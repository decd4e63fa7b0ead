"""Relevance rules, multipliers and excitation as the papers write them: one product at a time.

A layer is a matrix here: w (inputs, outputs), b (outputs), x (inputs), relevance r (outputs), all
float64. `matrix` writes any layer that is linear in its input as one, column by column.
"""

from __future__ import annotations

import numpy as np

from nnviz.engine.layer import Mode


def matrix(layer, shape):
    """(w, b) with layer(x).ravel() = x.ravel() @ w + b, by asking for every unit vector."""
    zero = np.zeros((1, *shape))
    b = layer.forward(zero, mode=Mode())[0].ravel().copy()
    rows = []
    for i in range(zero.size):
        unit = zero.copy()
        unit.ravel()[i] = 1
        rows.append(layer.forward(unit, mode=Mode())[0].ravel() - b)
    return np.array(rows), b


def shared(parts, totals, r):
    """R_i = Σ_j parts_ij / totals_j · r_j; nothing where the total is 0."""
    out = np.zeros(len(parts))
    for i in range(len(parts)):
        for j in range(len(r)):
            if totals[j] != 0:
                out[i] += parts[i, j] / totals[j] * r[j]
    return out


def products(x, w):
    """z_ij = x_i w_ij."""
    return np.array([[x[i] * w[i, j] for j in range(w.shape[1])] for i in range(len(x))])


def epsilon(x, w, b, r, e):
    """Bach et al. 2015, eq. 58; e = 0 is eq. 56."""
    z = products(x, w)
    total = z.sum(axis=0) + b
    return shared(z, np.array([t + e * (1 if t >= 0 else -1) for t in total]), r)


def alpha_beta(x, w, b, r, alpha, beta):
    """Bach et al. 2015, eq. 60, with β's sign turned."""
    z = products(x, w)
    up, down = np.maximum(z, 0), np.minimum(z, 0)
    for_ = shared(up, up.sum(axis=0) + np.maximum(b, 0), r)
    against = shared(down, down.sum(axis=0) + np.minimum(b, 0), r)
    return alpha * for_ - beta * against


def gamma(x, w, b, r, g):
    """Montavon et al. 2019, section 10.2.3, for x ≥ 0 and outputs of either sign: what has the
    output's sign counts 1 + g times."""
    z = products(x, w)
    total = z.sum(axis=0) + b
    for j in range(len(total)):
        sign = np.sign(total[j])
        for i in range(len(x)):
            if z[i, j] * sign > 0:
                z[i, j] *= 1 + g
    raised = b + g * np.where(b * np.sign(total) > 0, b, 0)
    return shared(z, z.sum(axis=0) + raised, r)


def z_plus(x, w, r):
    """Montavon et al. 2017, the z⁺ rule."""
    z = products(x, np.maximum(w, 0))
    return shared(z, z.sum(axis=0), r)


def w_square(w, r):
    """Montavon et al. 2017, the w² rule."""
    return shared(w * w, (w * w).sum(axis=0), r)


def flat(connected, r):
    """Every input that the output reads gets the same share."""
    ones = connected.astype(float)
    return shared(ones, ones.sum(axis=0), r)


def z_box(x, w, r, low, high):
    """Montavon et al. 2017, the z^B rule."""
    z = np.zeros_like(w)
    for i, j in np.ndindex(w.shape):
        z[i, j] = x[i] * w[i, j] - low[i] * max(w[i, j], 0) - high[i] * min(w[i, j], 0)
    return shared(z, z.sum(axis=0), r)


def marginal_winning(a, w, p):
    """Zhang et al. 2016: P(a_i) = Σ_j P(a_i | a_j) P(a_j)."""
    return z_plus(np.maximum(a, 0), w, p)


def max_pool_multipliers(x, x0, m, windows):
    """Each window by itself: the rise at the new maximum, the fall at the old one."""
    out = np.zeros(len(x))
    for cells, value in zip(windows, m, strict=True):
        new, old = cells[np.argmax(x[cells])], cells[np.argmax(x0[cells])]
        change = x[new] - x0[old]
        place = new if change > 0 else old
        if change != 0:
            out[place] += value * change / (x[place] - x0[place])
    return out
