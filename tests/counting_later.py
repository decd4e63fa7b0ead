"""The counter's loops for the layers that other frameworks' networks need; see `counting`.

Each layer is written as its formula says, on one sample's array of counting numbers, and knows
nothing of how nnviz computes it: it is both a count and a reference for the values.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from counting_numbers import Counted, counted, each, plain, total


def sets(shape, axes):
    """The places that belong together along axes (the batch is 0), one list for each set."""
    rank = len(shape)
    inner = [a - 1 if a > 0 else a + rank for a in axes]
    outer = [a for a in range(rank) if a not in inner]
    for rest in itertools.product(*(range(shape[a]) for a in outer)):
        found = []
        for place in itertools.product(*(range(shape[a]) for a in inner)):
            at = dict(zip([*outer, *inner], [*rest, *place], strict=True))
            found.append(tuple(at[a] for a in range(rank)))
        yield found


def extreme(values, choose):
    best = values[0]
    Counted.tally["flops"] += 1  # with what stands there before the first
    for value in values[1:]:
        best = best._with(value, choose(best.value, value.value))
    return best


def product(values):
    result = Counted(1)
    for value in values:
        result = result * value
    return result


def log_sum_exp(values):
    top = extreme(values, max)
    return total((v - top).apply(math.exp) for v in values).apply(math.log) + top


REDUCTIONS = {
    "mean": lambda v: total(v) / len(v),
    "sum": total,
    "max": lambda v: extreme(v, max),
    "min": lambda v: extreme(v, min),
    "prod": product,
    "l1": lambda v: total(a.apply(abs) for a in v),
    "l2": lambda v: total(a * a for a in v).apply(math.sqrt),
    "sum_square": lambda v: total(a * a for a in v),
    "log_sum": lambda v: total(v).apply(math.log),
    "log_sum_exp": log_sum_exp,
}


def reduced(x, axes, f):
    """f of every set, in the order of the axes that are left."""
    axes = range(1, x.ndim + 1) if axes is None else axes
    return np.array([f([x[at] for at in places]) for places in sets(x.shape, axes)])


def place_of(layer, values):
    """Where the largest (smallest) stands."""
    numbers = [v.value for v in values]
    choose = max if type(layer).__name__ == "ArgMax" else min
    best = extreme(values, choose).value
    hits = [i for i, v in enumerate(numbers) if v == best]
    return Counted(hits[-1 if layer.last else 0])


def norm(values, p):
    return total(v.apply(abs).apply(lambda a: a**p) for v in values).apply(lambda a: a ** (1 / p))


def lp_pool(layer, x):
    window, size = layer.window(), layer.window().out_size(x.shape[:2])
    framed = counted(np.pad(plain(x), (*window.padding(x.shape[:2]), (0, 0))))
    powers = each(framed, lambda v, k: v.apply(abs).apply(lambda a: a**layer.p))
    (s, t), (d, e) = layer.strides, layer.dilation_rate
    y = np.empty((*size, x.shape[2]), object)
    for r, c, k in np.ndindex(y.shape):
        cells = np.ndindex(layer.pool_size)
        whole = total(powers[r * s + i * d, c * t + j * e, k] for i, j in cells)
        y[r, c, k] = whole.apply(lambda a: a ** (1 / layer.p))
    return y


def max_places(layer, x):
    """The largest of each window, and where it was met first."""
    (rows, cols, channels), window = x.shape, layer.window()
    (top, _), (left, _) = pads = window.padding((rows, cols))
    framed = np.pad(plain(x), (*pads, (0, 0)), constant_values=-np.inf)
    (s, t), (d, e) = layer.strides, layer.dilation_rate
    y = np.empty((*window.out_size((rows, cols)), channels), object)
    for r, c, k in np.ndindex(y.shape):
        cells = [(r * s + i * d, c * t + j * e) for i, j in np.ndindex(layer.pool_size)]
        best = extreme([Counted(framed[(*at, k)]) for at in cells], max).value
        row, col = next(at for at in cells if framed[(*at, k)] == best)
        place = (col - left, row - top) if layer.columns_first else (row - top, col - left)
        wide = rows if layer.columns_first else cols
        y[r, c, k] = Counted(k * rows * cols + place[0] * wide + place[1])
    return y


def normalized(layer, x):
    """Each set to mean 0 and variance 1, then γ and β."""
    kind, channels, y = type(layer).__name__, x.shape[-1], np.empty(x.shape, object)
    axes = getattr(layer, "axis", tuple(range(1, x.ndim)))  # instances: all but the channels
    axes = axes if isinstance(axes, tuple) else (axes,)
    found = list(sets(x.shape, axes))
    if kind == "GroupNormalization":
        each_group = channels // layer.groups
        every = list(np.ndindex(x.shape))
        found = [[at for at in every if at[-1] // each_group == g] for g in range(layer.groups)]
    gamma, beta = layer.params["gamma"], layer.params["beta"]
    if kind == "LayerNormalization":
        inside = sorted(a - 1 if a > 0 else a + x.ndim for a in axes)
    else:
        inside = [x.ndim - 1]
    for places in found:
        mean = total(x[at] for at in places) / len(places)
        centred = {at: x[at] - mean for at in places}
        variance = total(v * v for v in centred.values()) / len(places)
        inverse = Counted(1) / (variance + layer.epsilon).apply(math.sqrt)
        for at, v in centred.items():
            own = tuple(at[a] for a in inside)
            y[at] = v * inverse * Counted(gamma[own], True) + float(beta[own])
    return y


def together(layer, x):
    """Softmax or its logarithm over sets."""
    y = np.empty(x.shape, object)
    axes = layer.axis if isinstance(layer.axis, tuple) else (layer.axis,)
    for places in sets(x.shape, axes):
        top = extreme([x[at] for at in places], max)
        moved = {at: x[at] - top for at in places}
        powers = {at: v.apply(math.exp) for at, v in moved.items()}
        whole = total(powers.values())
        if type(layer).__name__ == "Softmax":
            for at in places:
                y[at] = powers[at] / whole
        else:
            whole = whole.apply(math.log)
            for at in places:
                y[at] = moved[at] - whole
    return y


def two(operation):
    """One operation between two numbers."""
    f = {
        "add": lambda a, b: a + b,
        "mean": lambda a, b: a + b,
        "subtract": lambda a, b: a - b,
        "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b,
        "power": lambda a, b: a._with(b, a.value**b.value),
        "maximum": lambda a, b: a.larger(b),
        "minimum": lambda a, b: a._with(b, min(a.value, b.value)),
    }.get(operation) or (lambda a, b: a._with(b, getattr(np, operation)(a.value, b.value)))
    return np.frompyfunc(f, 2, 1)


def arithmetic(layer, *xs):
    y = np.broadcast_arrays(*xs)[0]
    for x in xs[1:]:
        y = two(layer.operation)(y, x)
    count = len(xs)
    return np.frompyfunc(lambda v: v / count, 1, 1)(y) if layer.operation == "mean" else y


def where(layer, *xs):
    """One choice for each number of the output."""
    pick = np.frompyfunc(lambda c, a, b: c._with(a, a.value if c.value > 0 else b.value), 3, 1)
    return pick(*np.broadcast_arrays(*xs))


def with_constant(layer, x):
    value = counted(layer.buffers["value"])
    value, x = np.broadcast_arrays(value, x)
    return two(layer.operation)(*((value, x) if layer.first else (x, value)))


def matmul(layer, a, b):
    shape = np.matmul(plain(a), plain(b)).shape
    a = a[None] if a.ndim == 1 else a
    b = b[:, None] if b.ndim == 1 else b
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, (*stack, *a.shape[-2:])), np.broadcast_to(b, (*stack, *b.shape[-2:]))
    y = np.empty((*stack, a.shape[-2], b.shape[-1]), object)
    for *at, i, j in np.ndindex(y.shape):
        rows, cols = a[(*at, i)], b[(*at, slice(None), j)]
        y[(*at, i, j)] = total(rows[k] * cols[k] for k in range(len(rows)))
    return y.reshape(shape)


def pad(layer, x):
    """Which cell stands where, by its number from 1 on; 0 is none."""
    numbers = np.arange(1, x.size + 1).reshape(x.shape)
    for axis, (before, after) in enumerate(layer.amounts):
        part = np.arange(max(0, -before), x.shape[axis] - max(0, -after))
        numbers = numbers.take(part, axis=axis)
    frame = [(max(0, a), max(0, b)) for a, b in layer.amounts]
    numbers = np.pad(numbers, frame, mode=layer.mode)
    flat = [Counted(layer.value), *x.ravel()]
    return np.array([flat[i] for i in numbers.ravel()]).reshape(numbers.shape)


def sliced(layer, x):
    cuts = [slice(None)] * x.ndim
    for axis, *cut in zip(layer.axes, layer.starts, layer.stops, layer.steps, strict=True):
        cuts[axis - 1 if axis > 0 else axis] = slice(*cut)
    return x[tuple(cuts)]


def space_to_depth(layer, x):
    b = layer.block
    y = np.empty((x.shape[0] // b, x.shape[1] // b, x.shape[2] * b * b), object)
    for r, c, k in np.ndindex(x.shape):
        y[r // b, c // b, (r % b * b + c % b) * x.shape[2] + k] = x[r, c, k]
    return y


def depth_to_space(layer, x):
    b, deep = layer.block, x.shape[2] // layer.block**2
    y = np.empty((x.shape[0] * b, x.shape[1] * b, deep), object)
    for r, c, k in np.ndindex(y.shape):
        i, j = r % b, c % b
        from_ = (i * b + j) * deep + k if layer.mode == "DCR" else k * b * b + i * b + j
        y[r, c, k] = x[r // b, c // b, from_]
    return y


def resize(layer, x):
    """One axis after the other, every weight that is not zero."""
    for place, axis in enumerate(layer.axes):
        axis = axis - 1 if axis > 0 else axis + x.ndim
        weights, lines = layer.matrix(x.shape[axis], place), np.moveaxis(x, axis, 0)
        missed = layer.missed(x.shape[axis], place)
        y = np.empty((len(weights), *lines.shape[1:]), object)
        for i, *at in np.ndindex(y.shape):
            taps = np.flatnonzero(weights[i])
            if missed[i]:
                y[(i, *at)] = Counted(layer.outside)
            elif layer.interpolation == "nearest":
                y[(i, *at)] = lines[(taps[0], *at)]
            else:
                y[(i, *at)] = total(lines[(j, *at)] * weights[i, j] for j in taps)
        x = np.moveaxis(y, 0, axis)
    return x


FUNCTIONS = {
    "absolute": abs,
    "asin": math.asin, "asinh": math.asinh, "acos": math.acos, "acosh": math.acosh,
    "atan": math.atan, "atanh": math.atanh, "ceil": math.ceil, "cos": math.cos, "cosh": math.cosh,
    "erf": math.erf, "exp": math.exp, "floor": math.floor, "log": math.log,
    "negative": lambda v: -v, "reciprocal": lambda v: 1 / v, "round": round,
    "sign": lambda v: math.copysign(1, v) if v else 0, "sin": math.sin, "sinh": math.sinh,
    "sqrt": math.sqrt, "square": lambda v: v * v, "tan": math.tan, "truncate": math.trunc,
    "truth": lambda v: float(v != 0),
}  # fmt: skip


def curve(f):
    return lambda layer, x: each(x, lambda v, k: f(layer, v))


def clip(layer, v):
    v = v if layer.low is None else v.larger(layer.low)
    return v if layer.high is None else v._with(None, min(v.value, layer.high))


def celu(layer, v):
    Counted.tally["flops"] += 1
    low = ((v / layer.alpha).apply(math.exp) - 1) * layer.alpha
    return v if v.value > 0 else low


def over_theta(layer, v):
    Counted.tally["flops"] += 1
    return v if v.value > layer.theta else Counted(0)


def hard_sigmoid(layer, v):
    return (v * layer.slope + layer.offset).larger(0).apply(lambda a: min(a, 1))


def mish(layer, v):
    return v * (v.apply(math.exp) + 1).apply(math.log).apply(math.tanh)


def channels(f):
    """A global pooling: f of each channel's numbers."""

    def pooled(layer, x):
        found = reduced(x, (1, 2), lambda v: f(layer, v))
        return found.reshape(1, 1, -1) if layer.keepdims else found

    return pooled


LATER = {
    "Arithmetic": arithmetic,
    "WithConstant": with_constant,
    "MatMul": matmul,
    "Where": where,
    "Reshape": lambda layer, x: x.reshape(layer.shape),
    "Permute": lambda layer, x: x.transpose([a - 1 for a in layer.order[1:]]),
    "BroadcastTo": lambda layer, x: np.broadcast_to(x, np.broadcast_shapes(x.shape, layer.shape)),
    "Slice": sliced,
    "Gather": lambda layer, x: np.take(
        x, layer.indices, axis=layer.axis - 1 if layer.axis > 0 else layer.axis
    ),
    "Pad": pad,
    "SpaceToDepth": space_to_depth,
    "DepthToSpace": depth_to_space,
    "Resize": resize,
    "Reduce": lambda layer, x: reduced(x, layer.axes, REDUCTIONS[layer.operation]),
    "ArgMax": lambda layer, x: reduced(x, (layer.axis,), lambda v: place_of(layer, v)),
    "ArgMin": lambda layer, x: reduced(x, (layer.axis,), lambda v: place_of(layer, v)),
    "LpPooling2D": lp_pool,
    "MaxPlaces2D": max_places,
    "Constant": lambda layer, x: counted(np.array(layer.buffers["value"], float)),
    "GlobalAveragePooling2D": channels(lambda layer, v: total(v) / len(v)),
    "GlobalMaxPooling2D": channels(lambda layer, v: extreme(v, max)),
    "GlobalLpPooling2D": channels(lambda layer, v: norm(v, layer.p)),
    "GroupNormalization": normalized,
    "InstanceNormalization": normalized,
    "LayerNormalization": normalized,
    "Softmax": together,
    "LogSoftmax": together,
    "Function": curve(lambda layer, v: v.apply(FUNCTIONS[layer.function])),
    "Clip": curve(clip),
    "ReLU6": curve(lambda layer, v: v.larger(0).apply(lambda a: min(a, 6))),
    "CELU": curve(celu),
    "ThresholdedReLU": curve(over_theta),
    "HardSigmoid": curve(hard_sigmoid),
    "Mish": curve(mish),
    "Softsign": curve(lambda layer, v: v / (v.apply(abs) + 1)),
}
