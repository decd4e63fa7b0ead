"""The fully connected layer: every output reads every input."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...errors import ArgumentError
from ..executor import each
from ..initializers import Spec, check_initializer, initializer
from ..layer import Array, Call, Layer, Mode, Shape, whole
from ..lines import PART_BYTES
from ..window import POINTWISE, SlidingWindow
from ..winograd import SMALL

MANY = 1 << 25
"""Multiply-adds that are worth a thread's while."""
FEW, MOST_BACK = 24, 48
"""So few rows are multiplied with slabs of the weight, forward and backward."""


class Dense(Layer):
    """Y = X W + B.

    X (n, in), W (in, out), B (out), Y (n, out). With dY the gradient of the loss for Y:
    dX = dY Wᵀ, dW = Xᵀ dY, dB = the column sums of dY.

    units: how many outputs. use_bias: whether there is a B. weight_init: an initializer's name.
    everywhere: take inputs of any rank, each place by itself, along the last axis.
    """

    gathers = True
    linear = True
    forgets = True
    repeats = True
    later = ("everywhere",)

    def __init__(
        self,
        units: int,
        *,
        activation: str | None = None,
        use_bias: bool = True,
        weight_init: Spec = "glorot_uniform",
        everywhere: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, activation=activation)
        self.everywhere = bool(everywhere)
        self.units = whole(units, "units of Dense")
        self.use_bias = bool(use_bias)
        self.weight_init = check_initializer(weight_init)

    def window(self, i: int = 0) -> SlidingWindow | None:
        return POINTWISE if self.everywhere else None

    def out_shape(self, *shapes: Shape) -> Shape:
        if not shapes[0] or (len(shapes[0]) > 1 and not self.everywhere):
            raise ArgumentError(
                f"Dense needs vectors (features,), got {shapes[0]}: put Flatten() before it, or "
                "say everywhere=True to have each place by itself"
            )
        return (*shapes[0][:-1], self.units)

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        weight = {"weight": (shapes[0][-1], self.units)}
        return {**weight, "bias": (self.units,)} if self.use_bias else dict(weight)

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        if name == "bias":
            return np.zeros(shape, np.float32)
        return initializer(self.weight_init)(rng, shape, shape[0], shape[1])

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        y = mode.new((*x.shape[:-1], self.units), x.dtype)
        rows, out = _rows(x, mode), _rows(y, mode)
        for i, (part, weight) in enumerate(_parts(self.params["weight"], x.dtype)):
            if i == 0:
                _multiply(rows[:, part], weight, out, mode)
            else:
                out += rows[:, part] @ weight
        if self.use_bias:
            mode.do(np.add, out, self.param("bias", x.dtype), out=out)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        dx = call.mode.new(call.x.shape, dy.dtype)
        rows, out = _rows(dy, call.mode), _rows(dx, call.mode)
        for part, weight in _parts(self.params["weight"], dy.dtype):
            _multiply_back(rows, weight, out[:, part], call.mode)
        return dx

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        x, dy = _rows(call.x, call.mode), _rows(dy, call.mode)
        out = call.mode.new(self.params["weight"].shape, dy.dtype)
        # One call for the whole batch (see `gathers`), so it is shared out here.
        count = 2 * round(len(x) * out.size / MANY / 2) or 1
        step = -(-len(out) // count)
        parts = [slice(i, i + step) for i in range(0, len(out), step)]
        each([partial(np.matmul, x.T[part], dy, out=out[part]) for part in parts])
        weight = {"weight": out}
        return {**weight, "bias": dy.sum(axis=0)} if self.use_bias else weight

    def answer_to(self, change: Array, top: Array, left: Array, size: tuple[int, int]) -> Array:
        """change · W over the changed rows of W alone: copies that begin at one col and at nearly
        one row are laid on a strip of the map, with zeros above and below, and multiplied together
        map row by map row. Each call costs more than a few zeros."""
        count, high, wide, channels = change.shape
        weight = self.param("weight", change.dtype).reshape(*size, channels, self.units)
        y = np.empty((count, self.units), change.dtype)
        order = np.lexsort((top, left))
        lines = change.reshape(count, high, wide * channels)
        for first, stop in _strips(top[order], left[order], high - 1):
            here = order[first:stop]
            row, col = int(top[here[0]]), int(left[here[0]])
            down = top[here] - row
            strip = np.zeros((high + int(down[-1]), len(here), wide * channels), change.dtype)
            strip[down[:, None] + np.arange(high), np.arange(len(here))[:, None]] = lines[here]
            part = weight[row : row + len(strip), col : col + wide]
            y[here] = (strip @ part.reshape(len(strip), -1, self.units)).sum(axis=0)
        return y

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(3), ((5,),)),
            (cls(4, use_bias=False), ((2,),)),
            (cls(3, everywhere=True), ((4, 3, 2),)),
            (cls(2, everywhere=True), ((3, 4),)),
        ]


def _strips(top: Array, left: Array, reach: int) -> Iterator[tuple[int, int]]:
    """Runs (first, stop) of places, sorted by left and then top, that have one left and whose tops
    lie no farther apart than `reach`."""
    ends = [*(np.flatnonzero(np.diff(left)) + 1).tolist(), len(left)]
    first = 0
    for end in ends:
        while first < end:
            stop = first + int(np.searchsorted(top[first:end], top[first] + reach, "right"))
            yield first, stop
            first = stop


def _parts(weight: Array, dtype: Any) -> Iterator[tuple[slice, Array]]:
    """(rows, those of the weight in this dtype): all at once, or, where they must be converted, as
    many as stay in cache. A copy of the whole costs more than a few pictures' product with it."""
    step = len(weight)
    if weight.dtype != dtype:
        step = max(1, PART_BYTES // (weight.shape[1] * np.dtype(dtype).itemsize))
    for start in range(0, len(weight), step):
        yield slice(start, start + step), weight[start : start + step].astype(dtype, copy=False)


def _multiply(x: Array, weight: Array, y: Array, mode: Mode) -> None:
    """y = x W. For a few rows the library would spend as much time on packing W as on the product:
    slabs of W are so small that it takes them as they are, and what they give is added up."""
    (n, inside), units = x.shape, weight.shape[1]
    count = -(-n * inside * units // SMALL)
    count = next((c for c in range(count, 2 * count) if inside % c == 0), 1)
    if not 1 < n <= FEW or count == 1:
        mode.do(np.matmul, x, weight, out=y)
        return
    parts = mode.temp((count, n, units), x.dtype)
    slabs = x.reshape(n, count, -1).swapaxes(0, 1)
    mode.do(np.matmul, slabs, weight.reshape(count, -1, units), out=parts)
    mode.do(np.add.reduce, parts, axis=0, out=y)


def _multiply_back(dy: Array, weight: Array, dx: Array, mode: Mode) -> None:
    """dx = dy Wᵀ, for a few rows as the transpose of W dyᵀ, slab by slab of W: nothing of it has to
    be packed or turned."""
    (n, units), inside = dy.shape, len(weight)
    count = -(-n * inside * units // SMALL)
    count = next((c for c in range(2 * count, 4 * count) if inside % c == 0), 1)
    if not 1 < n <= MOST_BACK or count == 1 or inside * units < 1 << 18:
        mode.do(np.matmul, dy, weight.T, out=dx)
        return
    turned, columns = mode.temp((inside, n), dy.dtype), mode.temp((units, n), dy.dtype)
    mode.do(np.copyto, columns, dy.T)
    slabs = turned.reshape(count, -1, n)
    mode.do(np.matmul, weight.reshape(count, -1, units), columns, out=slabs)
    mode.do(np.copyto, dx, turned.T)


def _rows(x: Array, mode: Mode) -> Array:
    """All places as rows of one matrix."""
    return x if x.ndim == 2 else mode.in_order(x).reshape(-1, x.shape[-1])
