"""The first values of the weights.

A weight that is too small lets the signal die from layer to layer, one that is too large saturates
it. He and Glorot (also called Xavier) choose the spread so that the second moment stays about the
same.

fan_in: how many inputs one output reads. fan_out: how many outputs one input reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Array = np.ndarray
Initializer = Callable[[np.random.Generator, tuple[int, ...], int, int], Array]


def _normal(variance: Callable[[int, int], float]) -> Initializer:
    def make(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        spread = math.sqrt(variance(fan_in, fan_out))
        return (rng.standard_normal(shape) * spread).astype(np.float32)

    return make


def _uniform(variance: Callable[[int, int], float]) -> Initializer:
    def make(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        limit = math.sqrt(3.0 * variance(fan_in, fan_out))  # U(−a, a) has variance a²/3
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    return make


def _he(fan_in: int, fan_out: int) -> float:
    """2 / fan_in: He, Zhang, Ren, Sun 2015, eq. 10, arXiv:1502.01852, for ReLU."""
    return 2.0 / fan_in


def _glorot(fan_in: int, fan_out: int) -> float:
    """2 / (fan_in + fan_out): Glorot and Bengio 2010, eq. 12, for tanh and sigmoid."""
    return 2.0 / (fan_in + fan_out)


INITIALIZERS: dict[str, Initializer] = {
    "he_normal": _normal(_he),
    "he_uniform": _uniform(_he),
    "glorot_normal": _normal(_glorot),
    "glorot_uniform": _uniform(_glorot),
}
"""Name -> function of (rng, shape, fan_in, fan_out); `xavier_*` are the same as `glorot_*`."""
INITIALIZERS["xavier_normal"] = INITIALIZERS["glorot_normal"]
INITIALIZERS["xavier_uniform"] = INITIALIZERS["glorot_uniform"]
