"""Options that are numbers, checked once and named in the error."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from ...errors import ArgumentError

MOST = 100_000
"""More steps or samples than this are a slip of the keyboard."""


def count(value: Any, what: str, *, least: int = 1, most: int = MOST) -> int:
    """`value` as a whole number from `least` to `most`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise ArgumentError(
            f"{what} must be a whole number from {least} to {most:,}, got {value!r}"
        )
    return int(value)


def number(value: Any, what: str, *, least: float = 0.0, most: float = np.inf) -> float:
    """`value` as a finite number from `least` to `most`."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not np.isfinite(float(value)) or not least <= float(value) <= most:
        allowed = f"of at least {least:g}" if most == np.inf else f"from {least:g} to {most:g}"
        raise ArgumentError(f"{what} must be a finite number {allowed}, got {value!r}")
    return float(value)


def generator(seed: Any) -> np.random.Generator:
    """The generator of a seed, a whole number of at least 0."""
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or seed < 0:
        raise ArgumentError(f"seed must be a whole number of at least 0, got {seed!r}")
    return np.random.default_rng(int(seed))
