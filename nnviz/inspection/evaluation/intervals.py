"""How far a counted share can be trusted: intervals for one share, for the difference of two,
and for a mean."""

from __future__ import annotations

import math

import numpy as np

from ...engine.layer import Array

Interval = tuple[float, float]


def wilson(right: int, n: int, z: float = 1.959964) -> Interval:
    """The Wilson score interval for a share of `right` out of n, 95 % by default (Wilson 1927).

    Of nothing (n = 0) nothing is known: 0 to 1.
    """
    if n == 0:
        return 0.0, 1.0
    p = right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def newcombe(both: int, lost: int, gained: int, neither: int) -> Interval:
    """The 95 % interval for p_b − p_a, two shares counted on the same n pictures.

    both: right in a and in b; lost: in a alone; gained: in b alone; neither: in none.
    θ = (gained − lost) / n; with Wilson's intervals (l_a, u_a) and (l_b, u_b),
    low = θ − √((p_b − l_b)² − 2φ (p_b − l_b)(u_a − p_a) + (u_a − p_a)²), high likewise with the
    other ends; φ is the correlation of the two, its numerator drawn n / 2 towards zero where it is
    positive. Newcombe 1998, Statistics in Medicine 17:2635-2650, method 10.
    """
    n = both + lost + gained + neither
    if n == 0:
        return -1.0, 1.0
    a, b = both + lost, both + gained
    low_a, high_a = (abs(end - a / n) for end in wilson(a, n))
    low_b, high_b = (abs(end - b / n) for end in wilson(b, n))
    margins = a * (n - a) * b * (n - b)
    product = both * neither - lost * gained
    drawn = product if product <= 0 else max(0.0, product - n / 2)
    phi = drawn / math.sqrt(margins) if margins else 0.0
    theta = (gained - lost) / n
    down = math.sqrt(max(0.0, low_b**2 - 2 * phi * low_b * high_a + high_a**2))
    up = math.sqrt(max(0.0, high_b**2 - 2 * phi * high_b * low_a + low_a**2))
    return max(-1.0, theta - down), min(1.0, theta + up)


def mcnemar(lost: int, gained: int) -> float:
    """McNemar's mid-p value: how probable so uneven a split of the changed pictures is by chance.

    With m = lost + gained and k = min(lost, gained), X ~ Binomial(m, 1/2):
    p = 2 P(X < k) + P(X = k), at most 1; 1 where nothing changed. McNemar 1947; the mid-p version
    of Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol. 13:91.
    """
    m, k = lost + gained, min(lost, gained)
    if lost == gained:
        return 1.0
    tail = 2 * sum(math.comb(m, i) for i in range(k)) + math.comb(m, k)
    return tail / (1 << m)


ANYWHERE = (-math.inf, math.inf)


def student(values: Array, ends: Interval = ANYWHERE) -> tuple[float, Interval | None]:
    """The mean of n numbers and its 95 % interval, x̄ ± t · s / √n (Student 1908), cut off at the
    ends between which the numbers lie; those that are NaN are left out. Of one number there is no
    interval, of none the mean is NaN.

    The cut costs nothing: a mean of numbers between the ends lies there too, so what is cut off
    could not hold it. (Of two numbers t is 12.7: uncut, the interval would be mostly such places.)
    """
    there = values[np.isfinite(values)]
    if not len(there):
        return math.nan, None
    mean = float(there.mean())
    if len(there) == 1:
        return mean, None
    return mean, _around(mean, float(there.var(ddof=1)) / len(there), len(there) - 1, ends)


def mean_there(values: Array, axis: int | None = None) -> Array:
    """The mean of what is no NaN; NaN where nothing is left."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def crossed(values: Array, ends: Interval = ANYWHERE) -> tuple[float, Interval | None]:
    """The mean of numbers (R, N), and its 95 % interval for other R rows *and* other N columns;
    None where there is one row or one number. Those that are NaN are left out.

    v = v_R + v_N, the variances of the rows' means over R and of the columns' means over N (one
    column has none), with the degrees of freedom (v_R + v_N)² / (v_R² / (R − 1) + v_N² / (N − 1)):
    Satterthwaite 1946, doi:10.2307/3002019. What rows and columns have to do with each other is
    in both, so that the interval is a little wide rather than narrow. Cut off as in `student`.
    """
    mean = float(mean_there(values))
    rows, columns = (mean_there(values, axis) for axis in (1, 0))
    rows, columns = (means[np.isfinite(means)] for means in (rows, columns))
    if len(rows) < 2:
        return mean, None
    parts = [
        (float(means.var(ddof=1)) / len(means), len(means) - 1)
        for means in (rows, columns)
        if len(means) > 1
    ]
    variance = sum(part for part, _ in parts)
    below = sum(part * part / free for part, free in parts)
    return mean, _around(mean, variance, variance**2 / below if below else 1.0, ends)


def _around(mean: float, variance: float, free: float, ends: Interval) -> Interval:
    """mean ± t √variance, t with so many degrees of freedom, within the ends."""
    from scipy.special import stdtrit

    half = float(stdtrit(free, 0.975)) * math.sqrt(variance)
    return min(mean, max(ends[0], mean - half)), max(mean, min(ends[1], mean + half))
