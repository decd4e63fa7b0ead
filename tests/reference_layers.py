"""The later layers as their formulas say, number by number; beside `reference`, in its manner.

Arrays are (n, rows, cols, channels), float64. Where a layer is linear in its input, its gradient is
not written out: `linear_gradient` reads it off the forward pass, one unit picture at a time.
"""

from __future__ import annotations

import math

import numpy as np
from reference import cells, out_size


def transposed(x, w, b, stride, cut, dilation, out):
    """y[n, r·s − p + i·d, c·s − p + j·d, o] += x[n, r, c, k] · w[i, j, o, k], then + b[o]."""
    y = np.zeros((len(x), *out, w.shape[2])) + b
    for n, r, c, k in np.ndindex(x.shape):
        for i, j, o in np.ndindex(w.shape[:3]):
            row = r * stride[0] - cut[0][0] + i * dilation[0]
            col = c * stride[1] - cut[1][0] + j * dilation[1]
            if 0 <= row < out[0] and 0 <= col < out[1]:
                y[n, row, col, o] += x[n, r, c, k] * w[i, j, o, k]
    return y


def transposed_size(size, kernel, stride, padding, dilation=(1, 1)):
    """Keras's: valid n·s + max(k − s, 0), same n·s, with the holes counted in k."""
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    more = [max(r - s, 0) if padding == "valid" else 0 for r, s in zip(reach, stride, strict=True)]
    return tuple(n * s + m for n, s, m in zip(size, stride, more, strict=True))


def depthwise(x, w, b, stride, pads, dilation):
    """y[n, r, c, k·m + q] = b[k·m + q] + Σ x[n, r·s−p+i·d, c·s−p+j·d, k] · w[i, j, k, q]."""
    kernel, size = w.shape[:2], x.shape[1:3]
    channels, many = w.shape[2:]
    out = out_size(size, kernel, stride, pads, dilation)
    y = np.zeros((len(x), *out, channels * many))
    for n, r, c, k, q in np.ndindex(len(x), *out, channels, many):
        total = b[k * many + q]
        for i, j, row, col in cells(size, kernel, stride, pads, dilation, r, c):
            total += x[n, row, col, k] * w[i, j, k, q]
        y[n, r, c, k * many + q] = total
    return y


def subsampling(x, w, b, kernel, stride, pads):
    """y[n, r, c, k] = w[k] · Σ over the window of x[n, ·, ·, k] + b[k]."""
    size = x.shape[1:3]
    out = out_size(size, kernel, stride, pads)
    y = np.zeros((len(x), *out, x.shape[3]))
    for n, r, c, k in np.ndindex(y.shape):
        window = cells(size, kernel, stride, pads, (1, 1), r, c)
        y[n, r, c, k] = w[k] * math.fsum(x[n, row, col, k] for _, _, row, col in window) + b[k]
    return y


def bilinear(x, factors):
    """Half-pixel centres: output i lies at (i + ½)/f − ½, between two cells; the edge holds on."""
    n, rows, cols, channels = x.shape
    y = np.zeros((n, rows * factors[0], cols * factors[1], channels))

    def between(i, factor, size):
        place = min(max((i + 0.5) / factor - 0.5, 0), size - 1)
        first = math.floor(place)
        return first, min(first + 1, size - 1), place - first

    for r, c in np.ndindex(y.shape[1:3]):
        top, bottom, down = between(r, factors[0], rows)
        left, right, along = between(c, factors[1], cols)
        upper = x[:, top, left] * (1 - along) + x[:, top, right] * along
        lower = x[:, bottom, left] * (1 - along) + x[:, bottom, right] * along
        y[:, r, c] = upper * (1 - down) + lower * down
    return y


def response_norm(x, size, alpha, beta, bias):
    """y = x / (k + α/size · Σ x²)^β over the channels c − ⌊(size−1)/2⌋ … c + ⌈(size−1)/2⌉."""
    y = np.zeros_like(x)
    channels = x.shape[-1]
    for place in np.ndindex(x.shape):
        *at, c = place
        low, high = c - math.floor((size - 1) / 2), c + math.ceil((size - 1) / 2)
        near = [x[(*at, k)] ** 2 for k in range(max(low, 0), min(high, channels - 1) + 1)]
        y[place] = x[place] / (bias + alpha / size * math.fsum(near)) ** beta
    return y


def linear_gradient(forward, x, dy):
    """Σ dy · dy/dx for a forward that is affine in x: f(x + e) − f(x) for each number of x."""
    at, dx = forward(x), np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = x.copy()
        moved[place] += 1
        dx[place] = ((forward(moved) - at) * dy).sum()
    return dx


CURVES = {
    "linear": lambda v: v,
    "step": lambda v: 1.0 if v > 0 else 0.0,
    "relu": lambda v: max(v, 0.0),
    "leaky_relu": lambda v: v if v > 0 else 0.3 * v,
    "prelu": lambda v: v if v > 0 else 0.25 * v,
    "elu": lambda v: v if v > 0 else math.exp(v) - 1,
    "selu": lambda v: 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * (math.exp(v) - 1)),
    "gelu": lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))),
    "swish": lambda v: v / (1 + math.exp(-v)),
    "silu": lambda v: v / (1 + math.exp(-v)),
    "hard_swish": lambda v: v * min(max(v + 3, 0), 6) / 6,
    "softplus": lambda v: math.log(1 + math.exp(v)),
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": math.tanh,
}
"""Every activation that works number by number, by its name in `activation=`."""
