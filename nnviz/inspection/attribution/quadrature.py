"""Adding up along a path: where an integral over 0..1 is sampled, and with which weights.

| name           | points                        | error falls as          |
|----------------|-------------------------------|-------------------------|
| gauss_legendre | roots of the n-th polynomial  | faster than any power¹  |
| midpoint       | (i + ½) / n                   | 1 / n²                  |
| trapezoid      | i / (n − 1), ends count half  | 1 / n²                  |
| left, right    | i / n, (i + 1) / n            | 1 / n                   |

¹ on smooth networks; where the path crosses the kinks of ReLUs, no rule is better than 1 / n².
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.layer import Array
from .checks import MOST, choice, whole_number

QUADRATURES = ("gauss_legendre", "midpoint", "trapezoid", "left", "right")

MOST_ROOTS = 1000
"""The roots of larger polynomials take long to find, and gain nothing."""


def quadrature_points(
    name: Any, steps: Any, owner: str = "quadrature_points", option: str = "steps"
) -> tuple[Array, Array]:
    """(points, weights), each (steps,), for ∫₀¹ h(α) dα ≈ Σ_i weight_i · h(point_i).

    `steps` is the number of points, that is, of gradients; `option` is its
    name in the method `owner`, for errors.
    """
    name = choice(name, "quadrature", owner, QUADRATURES)
    least = 2 if name == "trapezoid" else 1
    most = MOST_ROOTS if name == "gauss_legendre" else MOST
    steps = whole_number(steps, option, f"{owner} with {name}", least=least, most=most)
    if name == "gauss_legendre":
        roots, weights = np.polynomial.legendre.leggauss(steps)
        return (roots + 1) / 2, weights / 2
    if name == "trapezoid":
        weights = np.full(steps, 1 / (steps - 1))
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, steps), weights
    offset = {"left": 0.0, "midpoint": 0.5, "right": 1.0}[name]
    return (np.arange(steps) + offset) / steps, np.full(steps, 1 / steps)
