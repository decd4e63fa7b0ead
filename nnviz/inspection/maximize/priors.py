"""Priors: what a picture should look like whatever the network says, as penalties with gradients.

Without them the strongest picture for a network is fine noise that nobody can read. Pictures are
pixels, (N, rows, cols, channels); each penalty gives (N,) and the gradient of each for its own
picture. `rest` is the level that means "nothing here", one pixel (channels,).
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from ...engine.layer import Array
from ..attribution.checks import number

AXES = (1, 2, 3)
STEEPEST = 100
"""The largest power of a step from pixel to pixel."""


@dataclass(frozen=True)
class Prior:
    """Base of all priors: weight · penalty is taken off the target. Give `penalty` to write one."""

    weight: float

    def __post_init__(self) -> None:
        number(self.weight, "weight", type(self).__name__)

    def penalty(self, x: Array, rest: Array) -> tuple[Array, Array]:
        """(N,) and its gradient for x."""
        raise NotImplementedError(f"{type(self).__name__} has no penalty")

    def __call__(self, x: Array, rest: Array) -> tuple[Array, Array]:
        """The penalty and its gradient, weighted."""
        values, gradient = self.penalty(x, rest)
        return self.weight * values, self.weight * gradient


@dataclass(frozen=True)
class TotalVariation(Prior):
    """Σ (d² + a²)^(β/2) / size, with d and a the steps to the pixels below and beside: favours
    smooth areas, and edges between them the more the smaller β is.

    β = `power` ≥ 1. Where both steps are 0 and β < 2 the gradient is taken as 0. Mahendran and
    Vedaldi 2015, eq. 4, arXiv:1412.0035.
    """

    power: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self.power, "power", type(self).__name__, least=1, most=STEEPEST)

    def penalty(self, x: Array, rest: Array) -> tuple[Array, Array]:
        down, along = np.zeros_like(x), np.zeros_like(x)
        np.subtract(x[:, 1:], x[:, :-1], out=down[:, :-1])
        np.subtract(x[:, :, 1:], x[:, :, :-1], out=along[:, :, :-1])
        squares = down * down + along * along
        size, half = x[0].size, self.power / 2
        values = (squares**half).sum(axis=AXES) / size
        if half != 1:
            slope = np.zeros_like(squares)
            np.power(squares, half - 1, out=slope, where=squares > 0)
            slope *= half
            down, along = down * slope, along * slope
        gradient = -down - along
        gradient[:, 1:] += down[:, :-1]
        gradient[:, :, 1:] += along[:, :, :-1]
        return values, gradient * (2 / size)


@dataclass(frozen=True)
class Decay(Prior):
    """Σ (x − rest)² / size: what the target does not need stays at rest."""

    def penalty(self, x: Array, rest: Array) -> tuple[Array, Array]:
        away, size = x - rest, x[0].size
        return (away**2).sum(axis=AXES) / size, away * (2 / size)


@dataclass(frozen=True)
class LpNorm(Prior):
    """(Σ |x − rest|^p)^(1/p) / size: no pixel far from rest; p = ∞ is the farthest pixel alone.

    Simonyan et al. 2013, section 2, arXiv:1312.6034, with p = 2 and without the root.
    """

    p: float = 6.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.p, Real) or not np.isinf(float(self.p)) or float(self.p) < 0:
            number(self.p, "p", type(self).__name__, least=1)

    def penalty(self, x: Array, rest: Array) -> tuple[Array, Array]:
        away = x - rest
        sizes, count = np.abs(away), x[0].size
        top = sizes.max(axis=AXES, keepdims=True)
        if np.isinf(self.p):
            first = np.zeros_like(x).reshape(len(x), -1)
            first[np.arange(len(x)), sizes.reshape(len(x), -1).argmax(axis=1)] = 1
            return top.reshape(-1) / count, np.sign(away) * first.reshape(x.shape) / count
        # Divided by the largest first, so that no power overflows or vanishes.
        share = np.divide(sizes, top, out=np.zeros_like(sizes), where=top > 0)
        root = (share**self.p).sum(axis=AXES, keepdims=True) ** (1 / self.p)
        slope = np.divide(share, root, out=np.zeros_like(share), where=root > 0) ** (self.p - 1)
        return (top * root).reshape(-1) / count, np.sign(away) * slope / count
