"""The first values of the weights.

A weight that is too small lets the signal die from layer to layer, one that is too large saturates
it. He, Glorot (also called Xavier) and LeCun choose the spread so that the second moment stays
about the same.

fan_in: how many inputs one output reads. fan_out: how many outputs one input reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import ArgumentError, unknown

Array = np.ndarray
Initializer = Callable[["np.random.Generator", tuple[int, ...], int, int], Array]
Spec = str | tuple[str, float]
"""An initializer's name, or ("uniform", limit) or ("normal", standard deviation)."""


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


def _lecun(fan_in: int, fan_out: int) -> float:
    """1 / fan_in: LeCun, Bottou, Orr, Müller 1998, section 4.6, for tanh and SELU."""
    return 1.0 / fan_in


def orthogonal(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
) -> Array:
    """Rows or columns (whichever are fewer) of length 1 and at right angles, drawn uniformly.

    The weight is taken as a matrix (all axes but the last, last). Saxe, McClelland, Ganguli 2014,
    arXiv:1312.6120.
    """
    rows, cols = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.standard_normal((max(rows, cols), min(rows, cols))))
    q *= np.sign(np.diag(r))  # without this, the distribution would not be uniform
    return (q if rows >= cols else q.T).reshape(shape).astype(np.float32)


INITIALIZERS: dict[str, Initializer] = {
    "he_normal": _normal(_he),
    "he_uniform": _uniform(_he),
    "glorot_normal": _normal(_glorot),
    "glorot_uniform": _uniform(_glorot),
    "xavier_normal": _normal(_glorot),
    "xavier_uniform": _uniform(_glorot),
    "lecun_normal": _normal(_lecun),
    "lecun_uniform": _uniform(_lecun),
    "orthogonal": orthogonal,
}
"""Name -> function of (rng, shape, fan_in, fan_out); `xavier_*` are the same as `glorot_*`."""

SPREADS: dict[str, Callable[[float], Initializer]] = {
    "uniform": lambda limit: _uniform(lambda *_: limit**2 / 3),
    "normal": lambda spread: _normal(lambda *_: spread**2),
}
"""Kinds that take a number: uniform in ± limit, normal with a standard deviation."""


def initializer(spec: Spec) -> Initializer:
    """The function for a checked spec."""
    return INITIALIZERS[spec] if isinstance(spec, str) else SPREADS[spec[0]](spec[1])


def check_initializer(spec: str | Sequence[object]) -> Spec:
    """A spec of an initializer that exists."""
    if isinstance(spec, str):
        if spec in INITIALIZERS:
            return spec
        raise unknown("initializer", spec, INITIALIZERS, "nnviz")
    kind, number = spec if isinstance(spec, Sequence) and len(spec) == 2 else (None, None)
    real = isinstance(number, int | float) and not isinstance(number, bool)
    if isinstance(kind, str) and kind in SPREADS and real and 0 < number < math.inf:  # type: ignore[operator]
        return kind, float(number)  # type: ignore[arg-type]
    raise ArgumentError(
        f"weight_init is a name, ('uniform', limit) or ('normal', spread), got {spec!r}"
    )
