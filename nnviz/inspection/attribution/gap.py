"""The completeness gap: how far a map misses what it should add up to.

One definition for all methods: (Σ map − wanted) / wanted, signed; 0 where both are equal, infinite
where only what is wanted is 0.
"""

from __future__ import annotations

import numpy as np

from ...engine.layer import Array

LARGE_GAP = 0.05
"""A gap above this share of what is wanted is named in the warnings, where something helps."""


def total(maps: Array) -> Array:
    """(N,): what maps (N, …) add up to, in float64."""
    return maps.reshape(len(maps), -1).sum(axis=1, dtype=np.float64)


def relative_gap(found: Array | float, wanted: Array | float) -> Array:
    """(found − wanted) / wanted, in float64, of the arrays' shape."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    miss = found - wanted
    nowhere = np.where(miss == 0, 0.0, np.copysign(np.inf, miss))
    with np.errstate(over="ignore"):
        return np.divide(miss, wanted, out=nowhere, where=wanted != 0)


def completeness(
    found: Array,
    scores: Array,
    before: Array,
    remedy: str,
    *,
    large: float = LARGE_GAP,
    wanted: str = "the target moved by {:.4g} from the baseline",
) -> tuple[Array, tuple[str, ...]]:
    """The gaps (N,) of maps that add up to `found` and should to scores − before, all (N,), and
    warnings with the remedy where they are above `large`; `wanted` has words for the difference."""
    difference = scores.astype(np.float64) - before
    gap = relative_gap(found, difference)
    # A miss that rounding explains is none; without this, equal scores would cry wolf.
    rounding = np.finfo(scores.dtype).eps * np.maximum(np.abs(scores), np.abs(before))
    missed = (np.abs(found - difference) > 100 * rounding) & ~(np.abs(gap) <= large)
    texts = []
    for i in np.flatnonzero(missed):
        place = f"picture {i}: " if len(gap) > 1 else ""
        texts.append(
            f"{place}the map adds up to {found[i]:.4g}, but {wanted.format(difference[i])} "
            f"(gap {gap[i]:+.0%}): {remedy}"
        )
    return gap, tuple(texts)
