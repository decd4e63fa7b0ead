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
    ELU,
    GELU,
    SELU,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    HardSwish,
    LeakyReLU,
    Linear,
    LocalResponseNormalization,
    MaxPooling2D,
    Multiply,
    Normalization,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Step,
    Subsampling2D,
    Swish,
    Tanh,
    UpSampling2D,
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
    return _weighted(shapes[0][0] * out[0], out[0] * layer.use_bias, out)


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


def _global_average(layer: Layer, shapes: tuple[Shape, ...], out: Shape) -> Operations:
    return Operations(0, math.prod(shapes[0]) + out[0], out[0])


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


TABLE: dict[type[Layer], Count] = {
    Conv2D: _conv,
    Conv2DTranspose: _transposed,
    DepthwiseConv2D: _depthwise,
    Dense: _dense,
    BatchNormalization: _batch_norm,
    LocalResponseNormalization: _response_norm,
    Normalization: _each(2),
    MaxPooling2D: _pool(0),
    AveragePooling2D: _pool(1),
    Subsampling2D: _pool(2, learnt=1, kept=2),
    GlobalAveragePooling2D: _global_average,
    UpSampling2D: _resize,
    ZeroPadding2D: _each(0),
    Concatenate: _each(0),
    Add: _merge,
    Multiply: _merge,
    Flatten: _each(0, kept=0),
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
    Swish: _each(5, kept=2),
    GELU: _each(5, kept=2),  # x / √2, erf, + 1, / 2, · x
    HardSwish: _each(5),
    Softmax: _each(5),  # the maximum, − m, e^…, the sum, the division
}
"""What each layer of ours costs."""
