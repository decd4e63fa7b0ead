"""Plain functions of one number, by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...errors import unknown
from ..layer import Array, Call, Layer, Mode, Shape
from .activation import Pointwise


class Curve(NamedTuple):
    """f, its derivative from x and y = f(x), and where the batteries may try it."""

    f: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    domain: tuple[float, float] = Layer.domain


def erf(x: Array) -> Array:
    """2/√π ∫₀ˣ e^(−t²) dt."""
    from scipy.special import erf

    found: Array = erf(x)
    return found


def flat(x: Array, y: Array) -> Array:
    """0: steps have no slope between their edges, and none is taken at the edges."""
    return np.zeros_like(x)


CURVES: dict[str, Curve] = {
    "absolute": Curve(np.abs, lambda x, y: np.sign(x)),
    "acos": Curve(np.arccos, lambda x, y: -1 / np.sqrt(1 - x * x), (-0.9, 0.9)),
    "acosh": Curve(np.arccosh, lambda x, y: 1 / np.sqrt(x * x - 1), (1.2, 3.0)),
    "asin": Curve(np.arcsin, lambda x, y: 1 / np.sqrt(1 - x * x), (-0.9, 0.9)),
    "asinh": Curve(np.arcsinh, lambda x, y: 1 / np.sqrt(x * x + 1)),
    "atan": Curve(np.arctan, lambda x, y: 1 / (1 + x * x)),
    "atanh": Curve(np.arctanh, lambda x, y: 1 / (1 - x * x), (-0.9, 0.9)),
    "ceil": Curve(np.ceil, flat),
    "cos": Curve(np.cos, lambda x, y: -np.sin(x)),
    "cosh": Curve(np.cosh, lambda x, y: np.sinh(x)),
    "erf": Curve(erf, lambda x, y: np.exp(-x * x) * (2 / math.sqrt(math.pi))),
    "exp": Curve(np.exp, lambda x, y: y),
    "floor": Curve(np.floor, flat),
    "log": Curve(np.log, lambda x, y: 1 / x, (0.5, 2.0)),
    "negative": Curve(np.negative, lambda x, y: np.full_like(x, -1)),
    "reciprocal": Curve(np.reciprocal, lambda x, y: -y * y, (0.5, 2.0)),
    "round": Curve(np.rint, flat),
    "sign": Curve(np.sign, flat),
    "sin": Curve(np.sin, lambda x, y: np.cos(x)),
    "sinh": Curve(np.sinh, lambda x, y: np.cosh(x)),
    "sqrt": Curve(np.sqrt, lambda x, y: 0.5 / y, (0.5, 2.0)),
    "square": Curve(np.square, lambda x, y: 2 * x),
    "tan": Curve(np.tan, lambda x, y: 1 + y * y, (-1.2, 1.2)),
    "truncate": Curve(np.trunc, flat),
}
"""Name -> function. "round" takes halves to the even number; "truncate" goes towards 0."""


class Function(Pointwise):
    """y = f(x) for each number; dx = dy f′(x).

    function: a name in the table above. The steps (ceil, floor, round, sign, truncate) have the
    derivative 0. What is not defined (log 0) is inf or NaN, as in NumPy, without a warning.
    """

    elementwise = True

    def __init__(self, function: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if function not in CURVES:
            raise unknown("function", function, CURVES, "Function")
        self.function = function
        self.domain = CURVES[function].domain

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        with np.errstate(all="ignore"):
            return CURVES[self.function].f(xs[0]), None

    def backward(self, dy: Array, call: Call) -> Array:
        with np.errstate(all="ignore"):
            return dy * CURVES[self.function].slope(call.x, call.y)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [*((cls(name), ((7,),)) for name in CURVES), (cls("exp"), ((4, 3, 2),))]
