"""Options that several class activation maps take, checked once and in the same words."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from ...errors import ArgumentError, unknown
from .methods import METHODS

MOST = 10_000
"""More samples or steps than this are a slip of the finger: they would run for days."""


def counted(value: Any, what: str) -> int:
    """A whole number from 1 to `MOST`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 1 <= value <= MOST:
        raise ArgumentError(f"{what} must be a whole number from 1 to {MOST:,}, got {value!r}")
    return int(value)


def amount(value: Any, what: str, *, most: float = 1e6, zero: bool = True) -> float:
    """A finite number from 0 (or above it) to `most`."""
    plain = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not plain or not 0 <= float(value) <= most or (not zero and value == 0):
        least = "of at least 0" if zero else "above 0"
        raise ArgumentError(f"{what} must be a number {least}, at most {most:g}, got {value!r}")
    return float(value)


def generator(seed: Any, what: str) -> np.random.Generator:
    """A generator of random numbers that depends on `seed` alone."""
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise ArgumentError(f"seed of {what} must be a whole number of at least 0, got {seed!r}")
    return np.random.default_rng(int(seed))


def chosen(value: Any, known: Any, what: str, owner: str) -> str:
    """One of the known names."""
    if not isinstance(value, str) or value not in known:
        raise unknown(what, value, known, owner)
    return value


def base_method(name: Any, owner: str) -> Any:
    """Another class activation map by name, one that takes a node and reads the target."""
    fit = [m.name for m in METHODS.values() if m.family == "cam" and "node" in m.options]
    return METHODS[chosen(name, [n for n in fit if n != owner], "base", owner)].function
