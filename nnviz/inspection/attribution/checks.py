"""Options of methods, checked once and in the same words.

Every error names the option and the method: `steps of integrated_gradients must be a whole number
from 1 to 100,000, got 0`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from ...errors import ArgumentError, unknown

MOST = 100_000
"""More steps or samples than this are a slip of the keyboard."""
MOST_RUNS = 10_000_000
"""The same for samples that are one run of the network each, without a walk back."""
LARGEST = 1e9
"""The largest number where an option has no bound of its own: products with it stay finite."""


def whole_number(value: Any, option: str, owner: str, *, least: int = 1, most: int = MOST) -> int:
    """`value` as a whole number from `least` to `most`."""
    if not is_whole(value) or not least <= value <= most:
        raise ArgumentError(
            f"{option} of {owner} must be a whole number from {least} to {most:,}, got {value!r}"
        )
    return int(value)


def number(
    value: Any,
    option: str,
    owner: str,
    *,
    least: float = 0.0,
    most: float = LARGEST,
    above: bool = False,
    below: bool = False,
) -> float:
    """`value` as a finite number from `least` to `most`; with `above` and `below` it is neither of
    them itself."""
    plain = is_number(value)
    low = plain and (least < value if above else least <= value)
    high = plain and (value < most if below else value <= most)
    if not low or not high:
        words = f"above {least:g}" if above else f"of at least {least:g}"
        if most < np.inf:
            words += f" and below {most:g}" if below else f" and at most {most:g}"
        raise ArgumentError(f"{option} of {owner} must be a finite number {words}, got {value!r}")
    return float(value)


def choice(value: Any, option: str, owner: str, known: Iterable[str]) -> str:
    """One of the known words."""
    words = list(known)
    if not isinstance(value, str) or value not in words:
        raise unknown(option, value, words, owner)
    return value


def flag(value: Any, option: str, owner: str) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ArgumentError(f"{option} of {owner} must be True or False, got {value!r}")
    return bool(value)


def generator(seed: Any, owner: str) -> np.random.Generator:
    """A generator of random numbers that depends on `seed` alone."""
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise ArgumentError(
            f"seed of {owner} must be a whole number from 0 to 2^63 − 1, got {seed!r}"
        )
    return np.random.default_rng(int(seed))


def is_number(value: Any) -> bool:
    """Whether it is a finite real number; True and False are none."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        return False
    value = value.item() if isinstance(value, np.generic) else value
    return bool(abs(value) <= sys.float_info.max)  # whole numbers have no largest one


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
