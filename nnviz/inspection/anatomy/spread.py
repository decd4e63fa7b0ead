"""Spreads: how many numbers lie where, counted batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.layer import Array
from ...errors import ArgumentError
from ..results import Part

BLOCK = 1 << 15
"""Numbers whose powers are added up at a time, so that they stay in cache."""


@dataclass(frozen=True)
class Spread(Part):
    """How numbers are distributed: a histogram with its edges, and the moments.

    counts: of a layer's answers without exact zeros (`zero` is their share), the outermost bins
    also holding what lies beyond them; of weights, of all. mean, std: of all numbers, zeros too.
    low, high: the smallest and the largest. skew: E[(a − mean)³] / std³, 0 for a symmetric hill.
    kurtosis: E[(a − mean)⁴] / std⁴ − 3, 0 for a normal one. Both are 0 where std is.
    """

    name: str
    counts: tuple[int, ...]
    edges: tuple[float, ...]
    mean: float
    std: float
    zero: float
    low: float | None = None
    high: float | None = None
    skew: float | None = None
    kurtosis: float | None = None


class Tally:
    """The spread of numbers that come in batches.

    The histogram's range is fixed by the first batch, a quarter wider on either side of zero, so
    that one pass is enough; the moments are sums of powers about the first batch's mean.
    """

    def __init__(self, name: str, bins: int) -> None:
        self.name, self._bins, self._count = name, bins, 0
        self._low, self._high, self._zeros = np.inf, -np.inf, 0
        self._sums = np.zeros(4)

    def add(self, values: Array) -> None:
        """The next batch, of any shape."""
        low, high = float(values.min()), float(values.max())
        if not np.isfinite((low, high)).all():
            bad = int(values.size - np.isfinite(values).sum())
            raise ArgumentError(
                f"{self.name} holds {bad:,} value(s) that are NaN or infinite: training ran away "
                "(train again with a smaller learning rate), or the file is damaged"
            )
        if self._count == 0:
            self._centre = float(values.mean(dtype=np.float64))
            ends = (min(low, 0.0) * 1.25, max(high, 0.0) * 1.25)
            self._ends = ends if ends[1] - ends[0] > 1e-6 else (ends[0], ends[0] + 1e-6)
            self._counts = np.zeros(self._bins, np.int64)
        self._low, self._high = min(self._low, low), max(self._high, high)
        alive = values[values != 0]
        zeros = values.size - alive.size
        self._zeros += zeros
        self._counts += np.histogram(alive.clip(*self._ends), self._bins, self._ends)[0]
        for first in range(0, alive.size, BLOCK):
            gaps = alive[first : first + BLOCK].astype(np.float64) - self._centre
            squares = gaps * gaps
            # One pass each, and the same bits for any number of threads, unlike BLAS.
            self._sums += [
                gaps.sum(), squares.sum(), np.einsum("i,i", squares, gaps),
                np.einsum("i,i", squares, squares),
            ]  # fmt: skip
        self._sums += zeros * (-self._centre) ** np.arange(1, 5)
        self._count += values.size

    def spread(self) -> Spread:
        """What has come so far."""
        one, two, three, four = (self._sums / self._count).tolist()
        variance = max(two - one**2, 0.0)
        std = float(np.sqrt(variance))
        skew = kurtosis = 0.0
        if std > 1e-12 * max(abs(self._low), abs(self._high), 1e-300):
            skew = (three - 3 * one * two + 2 * one**3) / std**3
            kurtosis = (four - 4 * one * three + 6 * one**2 * two - 3 * one**4) / variance**2 - 3
        edges = np.linspace(*self._ends, self._bins + 1)
        return Spread(
            self.name, tuple(self._counts.tolist()), tuple(edges.tolist()), self._centre + one,
            std, self._zeros / self._count, self._low, self._high, skew, kurtosis,
        )  # fmt: skip


def spread_of(name: str, array: Array, bins: int) -> Spread:
    """The spread of one array's numbers, from its smallest to its largest."""
    tally = Tally(name, bins)
    tally.add(array)
    counts, edges = np.histogram(array, bins)
    found = tally.spread()
    return Spread(
        name, tuple(counts.tolist()), tuple(float(e) for e in edges), found.mean, found.std,
        found.zero, found.low, found.high, found.skew, found.kurtosis,
    )  # fmt: skip
