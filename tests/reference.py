"""Layers and losses as their formulas say, cell by cell: slow, plain, nothing shared with nnviz.

Arrays are (n, rows, cols, channels), float64. Windows are given by `kernel`, `stride`, `dilation`
and `pads` ((top, bottom), (left, right)).
"""

from __future__ import annotations

import math

import numpy as np


def same_pads(size, kernel, stride, dilation=(1, 1)):
    """Keras's `same`: ceil(size / stride) outputs, the odd cell of padding at the end."""
    pads = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def out_size(size, kernel, stride, pads, dilation=(1, 1)):
    """(H + 2P − FH) / S + 1, with the window's holes counted in FH."""
    return tuple(
        (n + sum(p) - (d * (k - 1) + 1)) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, pads, dilation, strict=True)
    )


def cells(size, kernel, stride, pads, dilation, r, c):
    """The window of output (r, c): (i, j, row, col) for its cells that lie inside the picture."""
    found = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            row = r * stride[0] - pads[0][0] + i * dilation[0]
            col = c * stride[1] - pads[1][0] + j * dilation[1]
            if 0 <= row < size[0] and 0 <= col < size[1]:
                found.append((i, j, row, col))
    return found


def conv(x, w, b, stride, pads, dilation=(1, 1), groups=1):
    """y[n, r, c, o] = b[o] + Σ x[n, r·s − p + i·d, c·s − p + j·d, k] · w[i, j, k, o]."""
    kernel, size = w.shape[:2], x.shape[1:3]
    out = out_size(size, kernel, stride, pads, dilation)
    y = np.zeros((len(x), *out, w.shape[3]))
    inside, each = w.shape[2], w.shape[3] // groups
    for n, r, c, o in np.ndindex(y.shape):
        first = (o // each) * inside
        y[n, r, c, o] = b[o]
        for i, j, row, col in cells(size, kernel, stride, pads, dilation, r, c):
            for k in range(inside):
                y[n, r, c, o] += x[n, row, col, first + k] * w[i, j, k, o]
    return y


def conv_gradients(x, w, dy, stride, pads, dilation=(1, 1), groups=1):
    """(dx, dw, db): every product of the sum gives each of its factors the other one, times dy."""
    kernel, size = w.shape[:2], x.shape[1:3]
    inside, each = w.shape[2], w.shape[3] // groups
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros(w.shape[3])
    for n, r, c, o in np.ndindex(dy.shape):
        first, d = (o // each) * inside, dy[n, r, c, o]
        db[o] += d
        for i, j, row, col in cells(size, kernel, stride, pads, dilation, r, c):
            for k in range(inside):
                dx[n, row, col, first + k] += d * w[i, j, k, o]
                dw[i, j, k, o] += d * x[n, row, col, first + k]
    return dx, dw, db


def max_pool(x, dy, kernel, stride, pads):
    """(y, dx): the first maximum in row-major order takes the gradient; padding never wins."""
    size = x.shape[1:3]
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for n, r, c, k in np.ndindex(dy.shape):
        best, at = -math.inf, None
        for _, _, row, col in cells(size, kernel, stride, pads, (1, 1), r, c):
            if x[n, row, col, k] > best:
                best, at = x[n, row, col, k], (n, row, col, k)
        y[n, r, c, k] = best
        dx[at] += dy[n, r, c, k]
    return y, dx


def average_pool(x, dy, kernel, stride, pads):
    """(y, dx): the mean over the window's cells inside the picture."""
    size = x.shape[1:3]
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for n, r, c, k in np.ndindex(dy.shape):
        window = cells(size, kernel, stride, pads, (1, 1), r, c)
        for _, _, row, col in window:
            y[n, r, c, k] += x[n, row, col, k] / len(window)
            dx[n, row, col, k] += dy[n, r, c, k] / len(window)
    return y, dx


def batch_norm(x, gamma, beta, epsilon):
    """Algorithm 1 of Ioffe and Szegedy 2015, channel by channel."""
    y = np.zeros_like(x)
    for k in range(x.shape[-1]):
        values = [float(v) for v in x[..., k].ravel()]
        mean = math.fsum(values) / len(values)
        variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
        normal = [(v - mean) / math.sqrt(variance + epsilon) for v in values]
        y[..., k] = np.reshape([gamma[k] * v + beta[k] for v in normal], x.shape[:-1])
    return y


def dense(x, w, b):
    """y[n, o] = b[o] + Σ_i x[n, i] w[i, o]."""
    y = np.zeros((len(x), w.shape[1]))
    for n, o in np.ndindex(y.shape):
        y[n, o] = b[o] + math.fsum(x[n, i] * w[i, o] for i in range(len(w)))
    return y


def softmax(values):
    """e^v / Σ e^v of one vector, with the largest taken off first."""
    powers = [math.exp(v - max(values)) for v in values]
    return [p / math.fsum(powers) for p in powers]


def cross_entropy(p, t, epsilon):
    """−Σ t log(p + ε) of one sample."""
    return -math.fsum(b * math.log(a + epsilon) for a, b in zip(p, t, strict=True))


# Explanations ---------------------------------------------------------------------------------
# A net of two steps: z = W2ᵀ · max(conv(x, w) + b, 0) + b2, flattened row by row, no padding.


def small_net(x, net):
    """(answers of the convolution, logits) of one batch."""
    w, b, w2, b2 = net
    a = conv(x, w, b, (1, 1), ((0, 0), (0, 0)))
    flat = np.maximum(a, 0).reshape(len(x), -1)
    return a, dense(flat, w2, b2)


def small_gradient(x, net, classes, rule):
    """(gradient of each picture's logit for its pixels, and for the ReLU's output), by the rule."""
    w, _, w2, _ = net
    a, _ = small_net(x, net)
    dr, da = np.zeros_like(a), np.zeros_like(a)
    for n in range(len(x)):
        dr[n] = w2[:, classes[n]].reshape(a.shape[1:])
        for place in np.ndindex(a.shape[1:]):
            d, open_ = dr[n][place], a[n][place] > 0
            passes = {"plain": open_, "guided": open_ and d > 0, "rectified": d > 0}[rule]
            da[n][place] = d if passes else 0
    return conv_gradients(x, w, da, (1, 1), ((0, 0), (0, 0)))[0], dr


def saliency(gradient):
    """M(r, c) = max_k |g(r, c, k)|."""
    out = np.zeros(gradient.shape[:3])
    for n, r, c in np.ndindex(out.shape):
        out[n, r, c] = max(abs(g) for g in gradient[n, r, c])
    return out


def grad_cam(maps, gradient):
    """L = max(Σ_k α_k A_k, 0), α_k = (1 / Z) Σ_{r, c} dS / dA_k[r, c]."""
    n, rows, cols, channels = maps.shape
    out = np.zeros((n, rows, cols))
    for i in range(n):
        alpha = [gradient[i, :, :, k].sum() / (rows * cols) for k in range(channels)]
        for r, c in np.ndindex(rows, cols):
            out[i, r, c] = max(sum(alpha[k] * maps[i, r, c, k] for k in range(channels)), 0)
    return out


def occlusion(score, x, patch, stride, fill, beyond):
    """(map, drops): the patch over every place of one picture, pixel by pixel.

    score: picture (rows, cols, channels) -> number. beyond: centred on cells of the zero-padded
    picture, as the guide does; else started at every stride-th place and slid inward at the end.
    """
    starts = []
    for n, p, s in zip(x.shape[:2], patch, stride, strict=True):
        if beyond:
            starts.append([cell + (s - p) // 2 for cell in range(0, n, s)])
        else:
            every = list(range(0, n - p + 1, s))
            starts.append(every if every[-1] == n - p else [*every, n - p])
    total, count, drops = np.zeros(x.shape[:2]), np.zeros(x.shape[:2]), []
    for top in starts[0]:
        for left in starts[1]:
            covered, under = x.copy(), []
            for r, c in np.ndindex(x.shape[:2]):
                if top <= r < top + patch[0] and left <= c < left + patch[1]:
                    covered[r, c] = fill
                    under.append((r, c))
            drops.append(score(x) - score(covered))
            for place in under:
                total[place] += drops[-1]
                count[place] += 1
    return total / np.maximum(count, 1), drops
