"""An operation counter: networks executed number by number with numbers that count what is done.

It knows nothing of nnviz's table of operations: every layer is written out as its formula says,
in loops, and each `+`, `*`, `/`, comparison and elementary function of a `Counted` adds one. Sums
begin at zero. What is the same for all pictures is made of plain numbers before and costs nothing.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from counting_later import LATER
from counting_numbers import Counted, counted, each, plain, total


def framed(layer, x, fill=0.0):
    """The input with its padding, as counting numbers."""
    return counted(np.pad(plain(x), (*layer.window().padding(x.shape[:2]), (0, 0)),
                          constant_values=fill))  # fmt: skip


def conv(layer, x):
    w, size = counted(layer.params["weight"], True), layer.window().out_size(x.shape[:2])
    x, (s, t), (d, e) = framed(layer, x), layer.strides, layer.dilation_rate
    inside, each = w.shape[2], layer.filters // layer.groups
    y = np.empty((*size, layer.filters), object)
    for r, c, o in np.ndindex(y.shape):
        first = o // each * inside
        y[r, c, o] = total(
            x[r * s + i * d, c * t + j * e, first + k] * w[i, j, k, o]
            for i, j, k in np.ndindex(w.shape[:3])
        )
    return biased(layer, y)


def biased(layer, y):
    if layer.use_bias:
        for place in np.ndindex(y.shape):
            y[place] = y[place] + float(layer.params["bias"][place[-1]])
    return y


def depthwise(layer, x):
    w, size = counted(layer.params["weight"], True), layer.window().out_size(x.shape[:2])
    x, (s, t), (d, e), m = framed(layer, x), layer.strides, layer.dilation_rate, w.shape[3]
    y = np.empty((*size, w.shape[2] * m), object)
    for r, c, o in np.ndindex(y.shape):
        y[r, c, o] = total(
            x[r * s + i * d, c * t + j * e, o // m] * w[i, j, o // m, o % m]
            for i, j in np.ndindex(w.shape[:2])
        )
    return biased(layer, y)


def transposed(layer, x):
    """Every input gives a whole kernel; what falls outside is added where nobody looks."""
    w, window = counted(layer.params["weight"], True), layer.window()
    (top, bottom), (left, right) = window.padding(x.shape[:2])
    rows, cols = window.out_size(x.shape[:2])
    (s, t), (d, e) = layer.strides, layer.dilation_rate
    reach = window.reach
    height = max(top + rows + bottom, (x.shape[0] - 1) * s + reach[0])
    width = max(left + cols + right, (x.shape[1] - 1) * t + reach[1])
    y = counted(np.zeros((height, width, layer.filters)))
    for r, c, k in np.ndindex(x.shape):
        for i, j, o in np.ndindex(w.shape[:3]):
            place = r * s + i * d, c * t + j * e, o
            y[place] = y[place] + x[r, c, k] * w[i, j, o, k]
    return biased(layer, y[top : top + rows, left : left + cols])


def dense(layer, x):
    w = counted(layer.params["weight"], True)
    y = np.empty((*x.shape[:-1], layer.units), object)
    for *at, o in np.ndindex(y.shape):
        y[(*at, o)] = total(x[(*at, i)] * w[i, o] for i in range(len(w)))
    return biased(layer, y)


def batch_norm(layer, x):
    p, b = layer.params, layer.buffers
    factor = p["gamma"] / np.sqrt(b["moving_variance"] + layer.epsilon)
    shift, factor = p["beta"] - b["moving_mean"] * factor, counted(factor, True)
    return each(x, lambda v, k: v * factor[k] + float(shift[k]))


def counts(layer, size):
    """1 for every cell of the padded input that a mean counts."""
    found = np.pad(np.ones(size), layer.window().padding(size))
    if getattr(layer, "count_include_pad", False):
        pads = layer.padding
        found[: size[0] + sum(pads[0]), : size[1] + sum(pads[1])] = 1
    return found


def pool(layer, x):
    kind, size = type(layer).__name__, layer.window().out_size(x.shape[:2])
    inside = counts(layer, x.shape[:2])
    x = framed(layer, x, -np.inf if kind == "MaxPooling2D" else 0.0)
    (s, t), (d, e) = layer.strides, layer.dilation_rate
    y = np.empty((*size, x.shape[2]), object)
    for r, c, k in np.ndindex(y.shape):
        places = [(r * s + i * d, c * t + j * e) for i, j in np.ndindex(layer.pool_size)]
        cells = [x[(*at, k)] for at in places]
        if kind == "MaxPooling2D":
            best = Counted(-np.inf)
            for cell in cells:
                best = best.larger(cell)
            y[r, c, k] = best
        elif kind == "AveragePooling2D":
            y[r, c, k] = total(cells) / sum(inside[at] for at in places)
        else:
            weight = Counted(layer.params["weight"][k], True)
            y[r, c, k] = total(cells) * weight + float(layer.params["bias"][k])
    return y


def response_norm(layer, x):
    before, after, y = (layer.size - 1) // 2, layer.size // 2, np.empty(x.shape, object)
    squares = each(x, lambda v, k: v * v)
    for *at, c in np.ndindex(x.shape):
        near = squares[(*at, slice(max(c - before, 0), c + after + 1))]
        base = total(near) * (layer.alpha / layer.size) + layer.bias
        y[(*at, c)] = x[(*at, c)] * base.apply(lambda v: v**-layer.beta)
    return y


def upsampling(layer, x):
    if layer.interpolation == "nearest":
        return x.repeat(layer.size[0], axis=0).repeat(layer.size[1], axis=1)
    y = np.empty((*layer.window().out_size(x.shape[:2]), x.shape[2]), object)
    a, b = (layer.matrix(x.shape[axis], axis) for axis in (0, 1))
    for r, c, k in np.ndindex(y.shape):
        near = [(i, j) for i in np.flatnonzero(a[r]) for j in np.flatnonzero(b[c])]
        y[r, c, k] = total(x[i, j, k] * (a[r, i] * b[c, j]) for i, j in near)
    return y


def merge(f):
    def forward(layer, *xs):
        y = np.broadcast_arrays(*xs)[0]
        for x in xs[1:]:
            y = f(y, x)
        return y

    return forward


def curve(f):
    return lambda layer, x: each(x, lambda v, k: f(layer, v, k))


def sigmoid(v):
    return Counted(1) / ((v * -1).apply(math.exp) + 1)


def chosen(v, positive, negative):
    """Both sides are worked out and one is chosen, as arrays do."""
    Counted.tally["flops"] += 1
    return positive if v.value > 0 else negative


def gelu(layer, v):
    if not layer.approximate:
        return v * (((v / math.sqrt(2)).apply(math.erf) + 1) * 0.5)
    bent = ((v * v * v) * 0.044715 + v) * math.sqrt(2 / math.pi)
    return v * ((bent.apply(math.tanh) + 1) * 0.5)


def prelu(layer, x):
    slopes = np.broadcast_to(counted(layer.params["slope"], True), x.shape)
    return np.frompyfunc(lambda v, a: chosen(v, v, v * a), 2, 1)(x, slopes)


EXECUTE = {
    **LATER,
    "Conv2D": conv,
    "DepthwiseConv2D": depthwise,
    "Conv2DTranspose": transposed,
    "Dense": dense,
    "BatchNormalization": batch_norm,
    "LocalResponseNormalization": response_norm,
    "MaxPooling2D": pool,
    "AveragePooling2D": pool,
    "Subsampling2D": pool,
    "UpSampling2D": upsampling,
    "ZeroPadding2D": lambda layer, x: framed(layer, x),
    "Flatten": lambda layer, x: x.reshape(-1),
    "Dropout": lambda layer, x: x,
    "Linear": lambda layer, x: x,
    "Add": merge(lambda a, b: a + b),
    "Multiply": merge(lambda a, b: a * b),
    "Concatenate": lambda layer, *xs: np.concatenate(
        xs, axis=layer.axis - 1 if layer.axis > 0 else layer.axis
    ),
    "Normalization": curve(
        lambda layer, v, k: (v - layer.mean[k % len(layer.mean)]) / layer.std[k % len(layer.std)]
    ),
    "ReLU": curve(lambda layer, v, k: v.larger(0)),
    "Step": curve(lambda layer, v, k: chosen(v, Counted(1), Counted(0))),
    "LeakyReLU": curve(lambda layer, v, k: chosen(v, v, v * layer.negative_slope)),
    "PReLU": prelu,
    "ELU": curve(lambda layer, v, k: chosen(v, v, (v.apply(math.exp) - 1) * layer.alpha)),
    "SELU": curve(
        lambda layer, v, k: chosen(v, v, (v.apply(math.exp) - 1) * 1.6732632423543772)
        * 1.0507009873554805
    ),
    "Tanh": curve(lambda layer, v, k: v.apply(math.tanh)),
    "Sigmoid": curve(lambda layer, v, k: sigmoid(v)),
    "Softplus": curve(lambda layer, v, k: (v.apply(math.exp) + 1).apply(math.log)),
    "Swish": curve(
        lambda layer, v, k: v * sigmoid(v if layer.beta == 1 else v * layer.beta)
    ),
    "GELU": curve(lambda layer, v, k: gelu(layer, v)),
    "HardSwish": curve(
        lambda layer, v, k: v * ((v + 3).larger(0).apply(lambda a: min(a, 6)) * (1 / 6))
    ),
}  # fmt: skip


def execute(layer, *xs):
    """One layer on one picture's plain arrays: (its output, the operations counted)."""
    Counted.tally = Counter()
    y = EXECUTE[type(layer).__name__](layer, *(counted(x) for x in xs))
    return plain(y), Counted.tally
