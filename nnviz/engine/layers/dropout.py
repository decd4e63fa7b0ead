"""Dropout: while training, a random part of the numbers is left out."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape
from ..window import POINTWISE, SlidingWindow

DRAWS = 1 << 16
"""A share of places is as exact as a 16-bit number."""


def _draw(rng: np.random.Generator, least: int, *, out: Array) -> None:
    """Whether numbers of 0 to `DRAWS` − 1, four of each that the generator makes, are as large."""
    raw = rng.integers(0, 1 << 64, -(-out.size // 4), np.uint64)
    np.greater_equal(raw.view(np.uint16)[: out.size].reshape(out.shape), least, out=out)


class Dropout(Layer):
    """While training y = x · m / (1 − rate) with m = 0 at a share `rate` of the places, else y = x.

    The division keeps the expected value, so nothing has to change at prediction ("inverted"
    dropout). Srivastava et al. 2014, section 4; they scale at prediction instead.
    """

    random = True
    elementwise = True
    repeats = True
    saves = True

    def __init__(self, rate: float, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if not isinstance(rate, int | float) or not 0 <= rate < 1:
            raise ArgumentError(f"rate of {type(self).__name__} must lie in [0, 1), got {rate!r}")
        self.rate = float(rate)

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE

    def mask_shape(self, x: Array) -> Shape:
        """Which places are left out or kept by themselves: here each number."""
        return x.shape

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array | None]:
        (x,) = xs
        if not mode.train or self.rate == 0:
            return x, None
        if mode.rng is None:
            raise ArgumentError("Dropout in training needs mode.rng, a NumPy random Generator")
        kept = mode.new(self.mask_shape(x), bool)
        mode.do(_draw, mode.rng, round(self.rate * DRAWS), out=kept)
        return self._only(kept, x, mode), kept

    def backward(self, dy: Array, call: Call) -> Array:
        return dy if call.saved is None else self._only(call.saved, dy, call.mode)

    def _only(self, kept: Array, x: Array, mode: Mode) -> Array:
        y = mode.over(x)
        mode.do(np.multiply, x, kept, out=y)
        mode.do(np.multiply, y, 1 / (1 - self.rate), out=y)
        return y

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(0.4), ((5, 4, 3),)), (cls(0.5), ((9,),))]


class SpatialDropout2D(Dropout):
    """Dropout of whole channels: neighbours say nearly the same, so single places are no loss.

    m is one number for each picture and channel. Tompson et al. 2015, section 3.2, arXiv:1411.4280.
    """

    def mask_shape(self, x: Array) -> Shape:
        return (len(x), *(1,) * (x.ndim - 2), x.shape[-1])

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(0.4), ((5, 4, 3),))]
