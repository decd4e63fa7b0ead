"""Whether places that see the same get the same number, to the last digit.

A matrix product sums each of its numbers by itself, but not always in the same order: with AVX2
OpenBLAS 0.3 adds up even and odd terms apart in the first and last few columns of its blocks, for
some rows and not for others. In float32 equal rows of a factor then give rows that differ by a unit
in the last place, and a pool that chooses between such places on the way back chooses by chance.
In float64 only the last of an odd number of rows is made otherwise. With AVX-512 all are alike.

Where float32's rows come out unequal, their sums are made in float64 and rounded once: what differs
then lies nine digits behind the last that is kept. In float64 rows are made two by two.
"""

from __future__ import annotations

import functools

import numpy as np

SHAPES = ((61, 9, 16), (61, 72, 64), (200, 144, 32), (401, 288, 64), (1000, 576, 128))
"""(rows, inner, columns) of the products that are tried: with and without a packing of the factors,
and with all remainders."""


@functools.cache
def equal_rows(dtype: np.dtype) -> bool:
    """Whether this machine's product gives equal rows for equal rows; tried once, in 2 ms."""
    rng = np.random.default_rng(0)
    for rows, inner, columns in SHAPES:
        row, factor = (
            rng.standard_normal(size).astype(dtype) for size in ((1, inner), (inner, columns))
        )
        made = np.repeat(row, rows, axis=0) @ factor
        if (made != made[0]).any():
            return False
    return True


def in_pairs(rows: int, dtype: np.dtype) -> tuple[slice, ...]:
    """Slices of a factor's rows whose products together give equal rows for equal rows, in float64:
    the last of an odd number is made once more with the one before it."""
    if rows % 2 == 0 or rows == 1 or dtype != np.float64 or equal_rows(np.dtype(dtype)):
        return (slice(0, rows),)
    return slice(0, rows - 1), slice(rows - 2, rows)


def sums_for_ties(dtype: np.dtype) -> np.dtype:
    """In which dtype products are summed where places that see the same must tie."""
    narrow = dtype == np.float32 and not equal_rows(dtype)
    return np.dtype(np.float64) if narrow else dtype
