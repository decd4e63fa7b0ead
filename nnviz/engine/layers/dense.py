"""The fully connected layer: every output reads every input."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from functools import partial

import numpy as np

from ...errors import ArgumentError
from ..executor import each
from ..initializers import Spec, check_initializer, initializer
from ..layer import Array, Call, Layer, Mode, Shape, whole
from ..lines import PART_BYTES
from ..tiles import FEW, SMALL, slab
from ..window import POINTWISE, SlidingWindow

MANY = 1 << 25
"""Multiply-adds that are worth a thread's while."""


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
    saves = True
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
        weight = self.params["weight"]
        if weight.dtype == x.dtype:
            _multiply(rows, weight, out, mode)
        else:
            shares = [partial(_share, rows, weight, parts) for parts in _parts(weight, rows)]
            np.sum(each(shares), axis=0, out=out)
        if self.use_bias:
            mode.do(np.add, out, self.param("bias", x.dtype), out=out)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        dx = call.mode.new(call.x.shape, dy.dtype)
        rows, out = _rows(dy, call.mode), _rows(dx, call.mode)
        weight = self.params["weight"]
        if weight.dtype == dy.dtype:
            _multiply_back(rows, weight, out, call.mode)
        else:
            each([partial(_share_back, rows, weight, p, out) for p in _parts(weight, rows)])
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

    def answer_to(
        self, change: Array, top: Array, left: Array, size: tuple[int, int], mode: Mode
    ) -> Array:
        """change · W over the changed rows of W alone: each copy's map rows by themselves, in the
        order of the map, so that those of all copies that lie at one place meet W together, and
        neighbours that equally many meet in one call."""
        count, high, wide, channels = change.shape
        weight = mode.in_order(self.param("weight", change.dtype))
        cell = channels * weight.strides[0]
        parts = np.ndarray(  # of W that a row of a region meets, by its place
            (size[0], size[1] - wide + 1, wide * channels, self.units), weight.dtype, weight, 0,
            (size[1] * cell, cell, *weight.strides),
        )  # fmt: skip
        places = ((top[:, None] + np.arange(high)) * size[1] + left[:, None]).ravel()
        order = np.argsort(places, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        ordered = mode.temp((len(order), wide * channels), change.dtype)
        made = mode.temp((len(order), self.units), change.dtype)
        mode.do(np.take, change.reshape(ordered.shape), order, axis=0, out=ordered, mode="clip")
        for first, stop, row, col, among in _stretches(places[order], size[1]):
            some = ordered[first:stop].reshape(among, -1, wide * channels)
            out = made[first:stop].reshape(among, -1, self.units)
            mode.do(np.matmul, some, parts[row, col : col + among], out=out)
        shares = mode.temp((count, high, self.units), change.dtype)
        y = mode.new((count, self.units), change.dtype)
        mode.do(np.take, made, back.reshape(count, high), axis=0, out=shares, mode="clip")
        mode.do(np.add.reduce, shares, axis=1, out=y)
        return y

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(3), ((5,),)),
            (cls(4, use_bias=False), ((2,),)),
            (cls(3, everywhere=True), ((4, 3, 2),)),
            (cls(2, everywhere=True), ((3, 4),)),
        ]


def _stretches(places: Array, cols: int) -> Iterator[tuple[int, int, int, int, int]]:
    """`(first, stop, row, col, neighbours)` of sorted places, each row · cols + col: the stretches
    of neighbours in a row that come equally often."""
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    counts, where = np.diff(starts, append=len(places)), places[starts]
    ends = (np.diff(where) != 1) | (np.diff(counts) != 0) | (where[1:] % cols == 0)
    edges = [*starts.tolist(), len(places)]
    for i, k in itertools.pairwise([0, *(np.flatnonzero(ends) + 1).tolist(), len(where)]):
        yield edges[i], edges[k], *divmod(int(where[i]), cols), k - i


def _parts(weight: Array, x: Array) -> list[list[slice]]:
    """Rows of a weight that must be converted to the dtype of x (n, …), as many at once as stay in
    cache, for each of those who work on it. A copy of the whole costs more than a few pictures'
    product with it."""
    step = max(1, PART_BYTES // (weight.shape[1] * x.itemsize))
    parts = [slice(start, start + step) for start in range(0, len(weight), step)]
    return [parts] if len(x) * weight.size < MANY else [[part] for part in parts]


def _converted(weight: Array, parts: list[slice], dtype: np.dtype) -> Iterator[tuple[slice, Array]]:
    """Parts of a weight, one after the other in the same memory."""
    room = np.empty(weight[parts[0]].shape, dtype)
    for part in parts:
        rows = weight[part]
        np.copyto(room[: len(rows)], rows)
        yield part, room[: len(rows)]


def _share(x: Array, weight: Array, parts: list[slice]) -> Array:
    shares = (x[:, part] @ rows for part, rows in _converted(weight, parts, x.dtype))
    return functools.reduce(np.add, shares)


def _share_back(dy: Array, weight: Array, parts: list[slice], dx: Array) -> None:
    for part, rows in _converted(weight, parts, dy.dtype):
        np.matmul(dy, rows.T, out=dx[:, part])


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
    """dx = dY Wᵀ, in slabs as well: each gives a few columns of dX."""
    (n, units), inside = dy.shape, len(weight)
    step = slab(n, units, inside)
    if step == inside:
        mode.do(np.matmul, dy, weight.T, out=dx)
        return
    slabs = weight.reshape(-1, step, units).swapaxes(1, 2)
    mode.do(np.matmul, dy, slabs, out=dx.reshape(n, -1, step).swapaxes(0, 1))


def _rows(x: Array, mode: Mode) -> Array:
    """All places as rows of one matrix."""
    return x if x.ndim == 2 else mode.in_order(x).reshape(-1, x.shape[-1])
