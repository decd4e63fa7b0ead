"""Arithmetic between several inputs, or between one input and a fixed array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from ...errors import ArgumentError, unknown
from ..layer import Array, Call, Layer, Mode, Shape, sizes
from ..window import POINTWISE, SlidingWindow
from .axes import added_up, lined
from .merge import Merge

Partial = Callable[[int, Sequence[Array], Array], Any]
"""Which input, all of them, the output -> ∂y/∂x_i, of the output's shape or of one that stretches
to it."""


class Operation(NamedTuple):
    """combine: a ufunc of two. partial: its derivative. many: whether it takes more than two."""

    combine: np.ufunc
    partial: Partial
    many: bool = True


def _others(i: int, xs: Sequence[Array], y: Array) -> Array:
    """The product of the others."""
    return reduce(np.multiply, [x for j, x in enumerate(xs) if j != i])


def _quotient(i: int, xs: Sequence[Array], y: Array) -> Array:
    """1 / b for a / b, and −y / b."""
    return 1 / xs[1] if i == 0 else -y / xs[1]


def _power(i: int, xs: Sequence[Array], y: Array) -> Array:
    """b a^(b−1) for a^b, and y log a; 0 where b is 0, and where a is 0 and b above it."""
    base, exponent = np.broadcast_arrays(*xs)
    if i == 0:
        slope = exponent * np.power(base, exponent - 1)
        return np.where(exponent == 0, 0, slope).astype(y.dtype, copy=False)
    flat = (base == 0) & (exponent > 0)
    return y * np.log(np.where(flat, 1, base))


def _flat(i: int, xs: Sequence[Array], y: Array) -> float:
    """0: what is true or not has no slope, and none is taken where it changes."""
    return 0.0


def _first(i: int, xs: Sequence[Array], y: Array) -> Array:
    """1 where x_i is the chosen one; of several equal ones the first is."""
    mine = xs[i] == y
    for x in xs[:i]:
        mine = mine & (x != y)
    return mine.astype(y.dtype)


QUESTIONS = (
    *("equal", "greater", "greater_equal", "less", "less_equal"),
    *("logical_and", "logical_or", "logical_xor"),
)
"""Operations whose answer is yes (1) or no (0), by NumPy's names."""
OPERATIONS = {
    "add": Operation(np.add, lambda i, xs, y: 1.0),
    "subtract": Operation(np.subtract, lambda i, xs, y: 1.0 - 2.0 * i, many=False),
    "multiply": Operation(np.multiply, _others),
    "divide": Operation(np.divide, _quotient, many=False),
    "power": Operation(np.power, _power, many=False),
    "maximum": Operation(np.maximum, _first),
    "minimum": Operation(np.minimum, _first),
    "mean": Operation(np.add, lambda i, xs, y: 1.0 / len(xs)),
    **{name: Operation(getattr(np, name), _flat, many=False) for name in QUESTIONS},
}
"""Name -> what it does to two numbers. What is true is 1, what is not 0."""

NARROW = {"divide": (0.5, 2.0), "power": (0.5, 2.0)}
"""Where the batteries try an operation that is not defined, or not tame, everywhere."""


def _known(operation: str, owner: str, table: dict[str, Any]) -> str:
    if operation not in table:
        raise unknown("operation", operation, table, owner)
    return operation


class Arithmetic(Merge):
    """y = x₁ ∘ x₂ ∘ …, number by number; `broadcast` as for Add.

    operation: "add", "multiply", "maximum", "minimum", "mean" of two or more inputs; "subtract",
    "divide", "power" (x₁ to the x₂), and the questions "equal", "greater", "greater_equal", "less",
    "less_equal", "logical_and", "logical_or", "logical_xor" (1 where it is so, else 0; their
    derivative is 0) of exactly two. Each input receives dy · ∂y/∂x_i; of several
    equal maxima the first one does. What is not defined (1 / 0, a root of −1) is inf or NaN, as in
    NumPy, without a warning.
    """

    chooses = True

    def __init__(self, operation: str, *, broadcast: bool = False, name: str | None = None) -> None:
        super().__init__(broadcast=broadcast, name=name)
        self.operation = _known(operation, "Arithmetic", OPERATIONS)
        self.domain = NARROW.get(operation, Layer.domain)

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) > 2 and not OPERATIONS[self.operation].many:
            raise ArgumentError(
                f"Arithmetic({self.operation!r}) takes exactly 2 inputs, got {len(shapes)}"
            )
        return super().out_shape(*shapes)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        with np.errstate(all="ignore"):
            y = self.combine(OPERATIONS[self.operation].combine, xs, mode)
        if self.operation == "mean":
            y /= len(xs)
        return y, None

    def backward(self, dy: Array, call: Call) -> tuple[Array, ...]:
        views, partial = self.stretched(call.xs), OPERATIONS[self.operation].partial
        with np.errstate(all="ignore"):
            return tuple(
                self.shrunk(dy * partial(i, views, call.y), x) for i, x in enumerate(call.xs)
            )

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        wide = ((3, 4, 2), (2,), (1, 4, 1))
        return [
            *((cls(name), ((4, 3, 2),) * (3 if op.many else 2)) for name, op in OPERATIONS.items()),
            *((cls(name, broadcast=True), wide[: 3 if op.many else 2])
              for name, op in OPERATIONS.items()),
            (cls("subtract", broadcast=True), ((2,), (3, 1, 2))),
            (cls("divide", broadcast=True), ((), (2, 3))),
        ]  # fmt: skip


class WithConstant(Layer):
    """y = x ∘ c with a fixed array c, stretched over the sample as NumPy does; `first`: c ∘ x.

    operation: one of those of `Arithmetic` but "mean". c is a buffer
    called `value`: it is saved with the model and never trained. dx = dy · ∂y/∂x, added up where
    c has stretched x. `WithConstant.of("add", array)` makes the layer with its array.

    shape: that of c, without N; () for a number.
    """

    constant = True

    def __init__(
        self,
        operation: str,
        shape: Sequence[int] = (),
        *,
        first: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        known = {k: v for k, v in OPERATIONS.items() if k != "mean"}
        self.operation = _known(operation, "WithConstant", known)
        self.shape = sizes(shape, "shape of WithConstant")
        self.first = bool(first)
        self.domain = NARROW.get(operation, Layer.domain)
        self.elementwise = self.shape == ()

    @classmethod
    def of(
        cls, operation: str, value: Any, *, first: bool = False, name: str | None = None
    ) -> WithConstant:
        """The layer with this number or array."""
        array = np.asarray(value)
        if array.dtype.kind not in "uifb":
            raise ArgumentError(f"value of WithConstant must be numbers, got {array.dtype}")
        layer = cls(operation, array.shape, first=first, name=name)
        layer.buffers["value"] = array.astype(array.dtype if array.dtype.kind == "f" else "f4")
        return layer

    def window(self, i: int = 0) -> SlidingWindow | None:
        alike = len(self.shape) <= 3 and set(self.shape[:-1]) <= {1}
        return POINTWISE if alike else None

    def out_shape(self, *shapes: Shape) -> Shape:
        try:
            return np.broadcast_shapes(shapes[0], self.shape)
        except ValueError:
            raise ArgumentError(
                f"WithConstant cannot bring a constant of shape {self.shape} and inputs of "
                f"{shapes[0]} to one shape"
            ) from None

    def buffer_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        return {"value": self.shape}

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        return np.ones(shape, np.float32)

    def _sides(self, x: Array) -> tuple[list[Array], int]:
        """Both operands with one rank, and which of them is the input."""
        value = self.buffer("value", x.dtype)[None]
        rank = max(x.ndim, value.ndim) - 1
        x, value = lined(x, rank), lined(value, rank)
        return ([value, x], 1) if self.first else ([x, value], 0)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (a, b), _ = self._sides(xs[0])
        y = mode.new(np.broadcast_shapes(a.shape, b.shape), xs[0].dtype)
        with np.errstate(all="ignore"):
            return OPERATIONS[self.operation].combine(a, b, out=y), None

    def backward(self, dy: Array, call: Call) -> Array:
        sides, mine = self._sides(call.x)
        with np.errstate(all="ignore"):
            dx = dy * OPERATIONS[self.operation].partial(mine, sides, call.y)
        return added_up(dx, sides[mine].shape).reshape(call.x.shape)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        three = np.array([0.7, 1.3, 2.1])
        names = [name for name in OPERATIONS if name != "mean"]
        return [
            *((cls.of(name, three), ((2, 4, 3),)) for name in names),
            *((cls.of(name, 1.4, first=True), ((3,),)) for name in names),
            (cls.of("multiply", three[:2, None, None]), ((2, 4, 3),)),
            (cls.of("subtract", np.ones((4, 1, 3))), ((2, 1),)),
        ]
