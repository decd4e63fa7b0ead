"""The scores of maps written as loops, from the papers."""

from __future__ import annotations

import itertools
import math

import numpy as np


def gini(map_):
    """Hurley and Rickard 2009: 1 − 2 Σ (a_(k) / ‖a‖₁) (P − k + ½) / P."""
    a = sorted(abs(v) for v in map_.ravel().tolist())
    total = sum(a)
    return 1 - 2 * sum(v / total * (len(a) - k + 0.5) / len(a) for k, v in enumerate(a, 1))


def entropy(map_):
    """−Σ p ln p."""
    a = [abs(v) for v in map_.ravel().tolist()]
    return -sum(v / sum(a) * math.log(v / sum(a)) for v in a if v > 0)


def spearman(one, other):
    """Pearson's correlation of mean ranks."""

    def ranks(values):
        return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]

    a, b = ranks(one.ravel().tolist()), ranks(other.ravel().tolist())
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    both = sum((p - mean_a) * (q - mean_b) for p, q in zip(a, b, strict=True))
    size_a, size_b = sum((p - mean_a) ** 2 for p in a), sum((q - mean_b) ** 2 for q in b)
    return both / math.sqrt(size_a * size_b)


def removal(f, x, fill, map_, steps, insert=False):
    """f at x with the highest pixels filled (or f at the fill with these put in), step by step."""
    rows, cols = map_.shape
    pixels = sorted(((map_[r, c], r, c) for r in range(rows) for c in range(cols)), reverse=True)
    found = []
    for k in range(steps + 1):
        count = k * rows * cols // steps
        picture = np.array(fill if insert else x)
        for _, r, c in pixels[:count]:
            picture[r, c] = (x if insert else fill)[r, c]
        found.append(f(picture))
    return found


def trapezia(curve):
    """The area under a curve over 0..1."""
    return sum((a + b) / 2 for a, b in itertools.pairwise(curve)) / (len(curve) - 1)
