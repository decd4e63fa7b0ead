"""The options that the methods of this folder share, checked in one place."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from ....errors import ArgumentError

MOST = 10_000_000
"""No method asks the network more often than this for one picture."""


def whole(value: Any, what: str, *, least: int = 1, most: int = MOST) -> int:
    """`value` as a whole number from `least` to `most`."""
    fits = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not fits or not least <= value <= most:
        raise ArgumentError(f"{what} must be a whole number of {least} … {most}, got {value!r}")
    return int(value)


def number(
    value: Any, what: str, *, low: float = 0.0, high: float = 1e9, above: bool = False
) -> float:
    """`value` as a number from `low` (or, with `above`, from above it) to `high`."""
    fits = isinstance(value, Real) and not isinstance(value, bool)
    if not fits or not low <= float(value) <= high or (above and float(value) == low):
        least = f"above {low:g}" if above else f"at least {low:g}"
        raise ArgumentError(f"{what} must be a number {least} and at most {high:g}, got {value!r}")
    return float(value)


def seeded(seed: Any) -> np.random.Generator:
    """A generator that depends on the seed alone."""
    return np.random.default_rng(whole(seed, "seed", least=0, most=2**63 - 1))
