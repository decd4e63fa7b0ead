"""Path, smoothing and layer methods as their papers say, number by number: slow and plain.

`slope(point)` gives the target's gradient for one picture, an array of the picture's shape.
"""

from __future__ import annotations

import math

import numpy as np


def riemann(x, base, slope, steps, offset):
    """Integrated gradients, eq. 1 of Sundararajan et al., as a Riemann sum with steps of 1 / n, the
    slope taken at the share `offset` of each step."""
    map_ = np.zeros_like(x)
    for i in range(steps):
        at = slope(base + (i + offset) / steps * (x - base))
        for place in np.ndindex(x.shape):
            map_[place] += (x[place] - base[place]) * at[place] / steps
    return map_


def expected_gradients(x, bases, slope, rounds):
    """Eq. 2 of Erion et al. for given draws (baseline, α), in independent rounds: (map, standard
    error of the channels' sum)."""
    maps = []
    for draws in rounds:
        parts = [(x - bases[j]) * slope(bases[j] + a * (x - bases[j])) for j, a in draws]
        maps.append(sum(parts) / len(parts))
    mean = sum(maps) / len(maps)
    sums = [map_.sum(axis=-1) for map_ in maps]
    middle = sum(sums) / len(sums)
    variance = sum((s - middle) ** 2 for s in sums) / (len(sums) - 1)
    return mean, np.sqrt(variance / len(sums))


def noisy_slopes(x, slope, noise, samples, seed):
    """The gradient at x + ε_i, with σ the share `noise` of the picture's range."""
    rng = np.random.default_rng(seed)
    sigma = noise * (x.max() - x.min())
    return [slope(x + sigma * rng.standard_normal(x.shape)) for _ in range(samples)]


def mirrored(i, size):
    """The pixel that stands at place i when the picture is continued by its mirror images."""
    i %= 2 * size
    return i if i < size else 2 * size - 1 - i


def blurred(x, sigma):
    """A Gaussian of σ pixels over the mirrored picture, each axis for itself."""
    if sigma == 0:
        return x.copy()
    reach = math.ceil(8 * sigma)
    kernel = {d: math.exp(-d * d / (2 * sigma**2)) for d in range(-reach, reach + 1)}
    norm = sum(kernel.values())
    out = x
    for axis in (0, 1):
        size, before, out = x.shape[axis], out, np.zeros_like(x)
        for i in range(size):
            row = [slice(None)] * x.ndim
            row[axis] = i
            for d, weight in kernel.items():
                other = list(row)
                other[axis] = mirrored(i + d, size)
                out[tuple(row)] += weight / norm * before[tuple(other)]
    return out


def guided_ig(x, base, slope, steps, fraction, window):
    """Algorithm 1 of Kapishnikov et al., in distances as they write it, the slope at the beginning
    of each step; (map, the points that were passed)."""
    point, map_, passed = base.copy(), np.zeros_like(x), [base.copy()]
    whole = np.abs(x - base).sum()
    for step in range(1, steps + 1):
        alpha = step / steps
        low = base + max(alpha - window, 0) * (x - base)
        high = base + min(alpha + window, 1) * (x - base)
        left = whole * (1 - alpha)  # the distance that may be left after this step
        at, start = slope(point), point.copy()
        ranks = np.abs(at)
        for place in np.ndindex(x.shape):
            if x[place] != base[place]:
                gone = (point[place] - base[place]) / (x[place] - base[place])
                if gone < max(alpha - window, 0):
                    point[place] = low[place]
        while np.abs(x - point).sum() > left + 1e-12:
            waiting = [p for p in np.ndindex(x.shape) if abs(point[p] - high[p]) > 1e-13]
            every = sorted([ranks[p] for p in waiting] + [math.inf] * (x.size - len(waiting)))
            limit = every[math.floor(fraction * (x.size - 1))]
            chosen = [p for p in waiting if ranks[p] <= limit]
            reach = sum(abs(high[p] - point[p]) for p in chosen)
            share = min((np.abs(x - point).sum() - left) / reach, 1.0)
            for p in chosen:
                point[p] += share * (high[p] - point[p])
        map_ += (point - start) * at
        passed.append(point.copy())
    return map_, passed


def low_pass(map_, cutoff):
    """The waves of at most `cutoff` cycles over the longer side, by the sums of the transform."""
    rows, cols = map_.shape
    longer, out = max(rows, cols), np.zeros(map_.shape, complex)
    for u in range(-(rows // 2), (rows + 1) // 2):
        for v in range(-(cols // 2), (cols + 1) // 2):
            if math.hypot(u * longer / rows, v * longer / cols) > cutoff + 1e-9:
                continue
            wave = np.array(
                [
                    [np.exp(2j * math.pi * (u * r / rows + v * c / cols)) for c in range(cols)]
                    for r in range(rows)
                ]
            )
            out += (map_ * wave.conj()).sum() * wave / (rows * cols)
    return out


def xrai(values, regions, least):
    """Algorithm 1 of Kapishnikov et al.: regions (sets of places) by the mean of what they add."""
    map_, covered, waiting = np.full(values.shape, np.nan), set(), list(regions)
    while True:
        gains = []
        for region in waiting:
            new = region - covered
            if len(new) >= least:
                gains.append((sum(values[p] for p in new) / len(new), new, region))
        if not gains:
            break
        gain, new, region = max(gains, key=lambda one: one[0])
        for place in new:
            map_[place] = gain
        covered |= new
        waiting.remove(region)
    rest = [p for p in np.ndindex(values.shape) if p not in covered]
    for place in rest:
        map_[place] = sum(values[p] for p in rest) / len(rest)
    return map_


def conductance(values, slopes):
    """Eq. 2 of Dhamdhere et al. for one neuron: ∫ ∂S/∂y dy, by trapezoids over the points."""
    pairs = zip(values, values[1:], slopes, slopes[1:], strict=False)
    return sum((after - before) * (g + h) / 2 for before, after, g, h in pairs)
