"""How much arithmetic one layer does for one picture, and how many numbers it leaves behind.

A table by the kind of layer, because the count is a property of the formula and not of how it is
computed. A layer that is not in the table (one that a user wrote) has no count: better none than a
guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...engine.layer import Layer, Shape
from ...engine.layers import (
    CELU,
    ELU,
    GELU,
    SELU,
    Add,
    ArgMax,
    ArgMin,
    Arithmetic,
    AveragePooling2D,
    BatchNormalization,
    BroadcastTo,
    Clip,
    Concatenate,
    Constant,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthToSpace,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    Function,
    Gather,
    GlobalAveragePooling2D,
    GlobalLpPooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    HardSigmoid,
    HardSwish,
    InstanceNormalization,
    LayerNormalization,
    LeakyReLU,
    Linear,
    LocalResponseNormalization,
    LogSoftmax,
    LpPooling2D,
    MatMul,
    MaxPlaces2D,
    MaxPooling2D,
    Mish,
    Multiply,
    Normalization,
    Pad,
    Permute,
    PReLU,
    Reduce,
    ReLU,
    ReLU6,
    Reshape,
    Resize,
    Sigmoid,
    Slice,
    Softmax,
    Softplus,
    Softsign,
    SpaceToDepth,
    Step,
    Subsampling2D,
    Swish,
    Tanh,
    ThresholdedReLU,
    UpSampling2D,
    Where,
    WithConstant,
    ZeroPadding2D,
)


class Operations(NamedTuple):
    """What one layer costs at prediction, for one picture.

    mult_adds: products with a learnt number, each with the addition that follows it.
    flops: additions, multiplications, divisions, comparisons and elementary functions (exp, erf,
        tanh, a power), one each. A sum begins at zero, so a multiply-add is two. Cells of padding
        count as cells. What is the same for every picture (γ / √(σ² + ε)) is computed once.
    kept: numbers that `model.run` leaves behind for backward: the output, and what else the layer
        saves; a view of the input is none.
    """

    mult_adds: int
    flops: int
    kept: int


Count = Callable[[Any, tuple[Shape, ...], Shape], Operations]
"""Layer, the shapes of its inputs, the shape of its output -> Operations."""


def operations(layer: Layer, shapes: tuple[Shape, ...], out: Shape) -> Operations | None:
    """What `layer` costs for inputs of these shapes; None where nobody has said it.

    A subclass counts as its parent does as long as it computes with its parent's `forward`.
    """
    kind = type(layer)
    for known in kind.__mro__:
        if known in TABLE:
            return TABLE[known](layer, shapes, out) if kind.forward is known.forward else None
    return None


def _weighted(products: int, biases: int, out: Shape) -> Operations:
    """A weighted sum: every product is added to something, then the biases are."""
    return Operations(products, 2 * products + biases, math.prod(out))


def _conv(layer: Conv2D, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    each = math.prod(layer.kernel_size) * shapes[0][2] // layer.groups
    size = math.prod(out)
    return _weighted(size * each, size * layer.use_bias, out)


def _transposed(layer: Conv2DTranspose, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    """Every input is multiplied with a whole kernel, also where "same" cuts the result off."""
    products = math.prod(shapes[0]) * math.prod(layer.kernel_size) * layer.filters
    pads = layer.window().padding((shapes[0][0], shapes[0][1]))
    whole = (out[0] + sum(pads[0]), out[1] + sum(pads[1]), out[2])  # the output is a view of it
    cost = _weighted(products, math.prod(out) * layer.use_bias, out)
    return cost._replace(kept=math.prod(whole))


def _depthwise(layer: DepthwiseConv2D, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    size = math.prod(out)
    return _weighted(size * math.prod(layer.kernel_size), size * layer.use_bias, out)


def _dense(layer: Dense, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    size = math.prod(out)
    return _weighted(size * shapes[0][-1], size * layer.use_bias, out)


def _batch_norm(layer: BatchNormalization, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    """A factor and a shift a channel."""
    size = math.prod(out)
    return Operations(size, 2 * size, size)


def _response_norm(
    layer: LocalResponseNormalization, shapes: tuple[Shape, ...], out: Shape
) -> Operations:
    """x · (k + α/size · Σ x²)^−β: a square, the sum over the neighbours, four more."""
    before, after, channels = (layer.size - 1) // 2, layer.size // 2, out[-1]
    neighbours = sum(min(c + after, channels - 1) - max(c - before, 0) + 1 for c in range(channels))
    size = math.prod(out)
    return Operations(0, 5 * size + size // channels * neighbours, 2 * size)


def _pool(more: int, learnt: int = 0, kept: int = 1) -> Count:
    """A pool: one operation a cell of the window, and `more` for each output."""

    def count(layer: Any, shapes: tuple[Shape, ...], out: Shape) -> Operations:
        size = math.prod(out)
        flops = size * (math.prod(layer.pool_size) + more)
        return Operations(learnt * size, flops, kept * size)

    return count


def _lp_pool(layer: LpPooling2D, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    """|x|^p of every cell of the padded input, the sums, the roots."""
    sizes, pads = shapes[0][:2], layer.window().padding((shapes[0][0], shapes[0][1]))
    cells = math.prod(n + sum(p) for n, p in zip(sizes, pads, strict=True)) * out[2]
    size = math.prod(out)
    return Operations(0, 2 * cells + size * (math.prod(layer.pool_size) + 1), size)


def _over(cell: int, more: int) -> Count:
    """A reduction: so many operations for each number of the input, `more` for each result."""

    def count(layer: Any, shapes: tuple[Shape, ...], out: Shape) -> Operations:
        size = math.prod(out)
        return Operations(0, cell * math.prod(shapes[0]) + more * size, size)

    return count


REDUCTIONS: dict[str, Count] = {
    "mean": _over(1, 1),
    "sum": _over(1, 0),
    "max": _over(1, 0),
    "min": _over(1, 0),
    "prod": _over(1, 0),
    "l1": _over(2, 0),
    "l2": _over(2, 1),
    "sum_square": _over(2, 0),
    "log_sum": _over(1, 1),
    "log_sum_exp": _over(4, 2),  # the maximum, − m, e^…, the sum; log, + m
}


def _reduce(layer: Reduce, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    return REDUCTIONS[layer.operation](layer, shapes, out)


def _interpolated(layer: Resize, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    """One axis after the other, every product with a weight that is not zero."""
    flops, sizes = 0, list(shapes[0])
    for place, axis in enumerate(layer.axes):
        i = axis - 1 if axis > 0 else axis
        weights = layer.matrix(sizes[i], place)
        if layer.interpolation != "nearest":
            others = math.prod(sizes) // sizes[i]
            flops += 2 * int(np.count_nonzero(weights)) * others
        sizes[i] = len(weights)
    return Operations(0, flops, math.prod(out))


def _standardized(layer: Any, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    """Of each number: two sums, − μ, (…)², · 1 / σ, · γ, + β; of each set: two divisions, + ε, √,
    1 / σ."""
    size = math.prod(out)
    if isinstance(layer, LayerNormalization):
        sets = size // math.prod(layer.param_shapes(*shapes)["gamma"])
    else:
        sets = layer.groups if isinstance(layer, GroupNormalization) else out[-1]
    return Operations(size, 7 * size + 5 * sets, 2 * size + sets)


def _arithmetic(layer: Arithmetic, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    size = math.prod(out)
    return Operations(0, (len(shapes) - 1 + (layer.operation == "mean")) * size, size)


def _matmul(layer: Layer, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    size = math.prod(out)
    return Operations(0, 2 * size * shapes[0][-1], size)


def _log_softmax(layer: LogSoftmax, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    """The maximum, − m, e^…, the sum, and − its logarithm, one for each set."""
    axes = layer.axis if isinstance(layer.axis, tuple) else (layer.axis,)
    size = math.prod(out)
    together = math.prod(out[a - 1 if a > 0 else a] for a in axes)
    return Operations(0, 5 * size + size // together, size)


def _resize(layer: UpSampling2D, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    """Copying is free; of a bilinear mean, every product with a weight that is not zero counts."""
    if layer.interpolation == "nearest":
        return Operations(0, 0, math.prod(out))
    down, along = (int(np.count_nonzero(layer.matrix(shapes[0][axis], axis))) for axis in (0, 1))
    return Operations(0, 2 * down * along * out[2], math.prod(out))


def _merge(layer: Layer, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    size = math.prod(out)
    return Operations(0, (len(shapes) - 1) * size, size)


def _each(flops: int, learnt: int = 0, kept: int = 1) -> Count:
    """So many operations for every number of the output."""

    def count(layer: Layer, shapes: tuple[Shape, ...], out: Shape) -> Operations:
        size = math.prod(out)
        return Operations(learnt * size, flops * size, kept * size)

    return count


def _by(setting: Callable[[Any], bool], yes: Count, no: Count) -> Count:
    """One count or another, as a setting of the layer says."""
    return lambda layer, shapes, out: (yes if setting(layer) else no)(layer, shapes, out)


TABLE: dict[type[Layer], Count] = {
    Conv2D: _conv,
    Conv2DTranspose: _transposed,
    DepthwiseConv2D: _depthwise,
    Dense: _dense,
    BatchNormalization: _batch_norm,
    LocalResponseNormalization: _response_norm,
    Normalization: _each(2),
    MaxPooling2D: _pool(0),
    MaxPlaces2D: _pool(0),
    AveragePooling2D: _pool(1),
    Subsampling2D: _pool(2, learnt=1, kept=2),
    LpPooling2D: _lp_pool,
    GlobalAveragePooling2D: _over(1, 1),
    GlobalMaxPooling2D: _over(1, 0),
    GlobalLpPooling2D: _over(3, 1),
    Reduce: _reduce,
    ArgMax: _over(1, 0),
    Constant: _each(0, kept=0),
    ArgMin: _over(1, 0),
    GroupNormalization: _standardized,
    InstanceNormalization: _standardized,
    LayerNormalization: _standardized,
    Resize: _interpolated,
    UpSampling2D: _resize,
    ZeroPadding2D: _each(0),
    Concatenate: _each(0),
    Add: _merge,
    Multiply: _merge,
    Arithmetic: _arithmetic,
    Where: _each(1),
    WithConstant: _each(1),
    MatMul: _matmul,
    Flatten: _each(0, kept=0),
    Reshape: _each(0, kept=0),
    Slice: _each(0, kept=0),
    Permute: _each(0),
    Gather: _each(0),
    Pad: _each(0),
    BroadcastTo: _each(0),
    DepthToSpace: _each(0),
    SpaceToDepth: _each(0),
    Dropout: _each(0, kept=0),
    Linear: _each(0, kept=0),
    ReLU: _each(1),
    Step: _each(1),
    LeakyReLU: _each(2),  # a comparison and a product
    PReLU: _each(2, learnt=1),
    ELU: _each(4),  # a comparison, e^x, − 1, · α
    SELU: _each(5),
    Tanh: _each(1),
    Sigmoid: _each(4),  # − x, e^−x, + 1, 1 / …
    Softplus: _each(3),
    Swish: _by(lambda layer: layer.beta == 1, _each(5, kept=2), _each(6, kept=2)),
    GELU: _by(
        lambda layer: layer.approximate,
        _each(9, kept=2),  # x³ is two products; · c, + x, · b, tanh, + 1, / 2, · x
        _each(5, kept=2),  # x / √2, erf, + 1, / 2, · x
    ),
    HardSwish: _each(5),
    HardSigmoid: _each(4),  # two for the line, two for its ends
    Clip: lambda layer, shapes, out: _each((layer.low is not None) + (layer.high is not None))(
        layer, shapes, out
    ),
    ReLU6: _each(2),
    ThresholdedReLU: _each(1),
    CELU: _each(5),
    Mish: _each(5, kept=2),  # e^x, + 1, log, tanh, · x
    Softsign: _each(3),
    Function: _each(1),
    Softmax: _each(5),  # the maximum, − m, e^…, the sum, the division
    LogSoftmax: _log_softmax,
}
"""What each layer of ours costs."""
