"""Whether places that see the same get the same number, to the last digit.

A matrix product sums each of its numbers by itself, but not all in the same order. On processors
with AVX2 and without AVX-512, OpenBLAS 0.3 adds up even and odd terms apart for some rows and
columns of its blocks. In float32 equal rows of a factor then give rows that differ by a unit in
the last place, and a pool that chooses between such places on the way back chooses by chance. In
float64 the last of an odd number of rows is made otherwise.

Where float32's rows come out unequal, a convolution that a pool may choose from is summed in
float64 and rounded to float32: there the products of two numbers are exact, and what differs lies
far behind the last digit that is kept. In float64 rows are made two by two.

Not covered are layers that multiply matrices and are no convolutions (`Dense` at every place,
`Conv2DTranspose`), and in float64 products of one column or one row, for which NumPy calls another
function.
"""

from __future__ import annotations

import functools

import numpy as np

SHAPES = ((400, 144, 16), (576, 288, 64))
"""(rows, inner, columns) of the products that are tried: one that the library may do without
packing its factors, and one that it packs."""


@functools.cache
def equal_rows(dtype: np.dtype) -> bool:
    """Whether this machine's product gives equal rows for equal rows; tried once, in some ms, with
    products of two usual sizes."""
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
    """Slices of a factor's rows that are multiplied by themselves. In float64 the last of an odd
    number is made once more, with the one before it."""
    if rows % 2 == 0 or rows == 1 or dtype != np.float64:
        return (slice(0, rows),)
    return slice(0, rows - 1), slice(rows - 2, rows)


def sums_for_ties(dtype: np.dtype) -> np.dtype:
    """In which dtype products are summed where places that see the same must tie."""
    narrow = dtype == np.float32 and not equal_rows(dtype)
    return np.dtype(np.float64) if narrow else dtype
