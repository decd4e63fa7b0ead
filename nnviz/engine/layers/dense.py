"""The fully connected layer: every output reads every input."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError
from ..initializers import Spec, check_initializer, initializer
from ..layer import Array, Call, Layer, Mode, Shape, whole
from ..window import POINTWISE, SlidingWindow


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
        np.matmul(_rows(x), self.param("weight", x.dtype), out=_rows(y))
        if self.use_bias:
            y += self.param("bias", x.dtype)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        dx = call.mode.new(call.x.shape, dy.dtype)
        np.matmul(_rows(dy), self.param("weight", dy.dtype).T, out=_rows(dx))
        return dx

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        x, dy = _rows(call.x), _rows(dy)
        out = call.mode.new(self.params["weight"].shape, dy.dtype)
        weight = {"weight": np.matmul(x.T, dy, out=out)}
        return {**weight, "bias": dy.sum(axis=0)} if self.use_bias else weight

    def answer_to(self, change: Array, top: Array, left: Array, size: tuple[int, int]) -> Array:
        """change · W over the changed rows of W alone: those of one map row and one first col
        together."""
        _, high, wide, channels = change.shape
        weight = self.param("weight", change.dtype).reshape(*size, channels, self.units)
        y = np.zeros((len(change), self.units), change.dtype)
        order = np.lexsort((top, left))
        lines, tops, lefts = change.reshape(-1, wide * channels), top[order], left[order]
        first = order * high - tops  # where in `lines` the map's row 0 of each copy would be
        ends = [*np.flatnonzero(np.diff(lefts)) + 1, len(order)]
        for start, end in zip([0, *ends], ends, strict=False):
            col, rows = int(lefts[start]), range(int(tops[start]), int(tops[end - 1]) + high)
            begin = start + np.searchsorted(tops[start:end], np.array(rows) - high, "right")
            stop = start + np.searchsorted(tops[start:end], np.array(rows), "right")
            for row, a, b in zip(rows, begin.tolist(), stop.tolist(), strict=True):
                if a < b:
                    moved = lines.take(first[a:b] + row, axis=0)
                    y[order[a:b]] += moved @ weight[row, col : col + wide].reshape(-1, self.units)
        return y

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(3), ((5,),)),
            (cls(4, use_bias=False), ((2,),)),
            (cls(3, everywhere=True), ((4, 3, 2),)),
            (cls(2, everywhere=True), ((3, 4),)),
        ]


def _rows(x: Array) -> Array:
    """All places as rows of one matrix, a view where x is contiguous."""
    return x.reshape(-1, x.shape[-1])
