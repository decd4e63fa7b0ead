"""A fair sample of a stream whose length is not known: constant memory, whatever comes."""

from __future__ import annotations

import numpy as np

from ...engine.layer import Array


class Reservoir:
    """Rows of which each that has come by is in the sample with the same probability.

    Vitter 1985, algorithm R: the first `size` rows are kept; row i after them (from 0) draws a
    place in 0 … i and takes it where it is below `size`. The sample depends on the seed and the
    rows alone, not on how they were cut into batches.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seen = size, 0
        self._rng = np.random.default_rng(seed)
        self._rows: Array | None = None

    def add(self, rows: Array) -> None:
        """(n, numbers): the next n rows."""
        if self._rows is None:
            self._rows = np.empty((self.size, *rows.shape[1:]), rows.dtype)
        fresh = min(len(rows), max(0, self.size - self.seen))
        self._rows[self.seen : self.seen + fresh] = rows[:fresh]
        late = np.arange(self.seen + fresh, self.seen + len(rows))
        places = (self._rng.random(len(late)) * (late + 1)).astype(np.int64)
        for row, place in zip(rows[fresh:], places.tolist(), strict=True):
            if place < self.size:
                self._rows[place] = row
        self.seen += len(rows)

    @property
    def rows(self) -> Array:
        """(min(size, seen), numbers): all rows in order as long as they fit, else the sample."""
        assert self._rows is not None
        return self._rows[: min(self.size, self.seen)]
