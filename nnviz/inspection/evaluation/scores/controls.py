"""Maps that know nothing of the network. A method that does no better has shown nothing.

| control | what it shows                                                                         |
|---------|---------------------------------------------------------------------------------------|
| random  | noise, a fresh one for each picture                                                   |
| centre  | how near the middle a pixel lies: things tend to stand there                          |
| edges   | where the picture itself changes: people take edges for reasons                       |
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....engine.layer import Array
from .measures import picture_seed


def random_map(x: Array, seed: int) -> Array:
    """(N, rows, cols), even noise 0..1, drawn from the seed and the picture itself."""
    return np.stack(
        [np.random.default_rng(picture_seed(one, seed)).random(one.shape[:2]) for one in x]
    )


def centre_map(x: Array, seed: int) -> Array:
    """(N, rows, cols): 1 in the middle, falling evenly to 0 in the corners."""
    down, along = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in x.shape[1:3])
    away = np.hypot(down[:, None], along) / np.sqrt(2)
    return np.broadcast_to(1 - away, x.shape[:3]).copy()


def edge_map(x: Array, seed: int) -> Array:
    """(N, rows, cols): √(g_r² + g_c²), Sobel's slopes of the picture, its channels averaged."""
    grey = np.pad(x.mean(axis=3, dtype=np.float64), ((0, 0), (1, 1), (1, 1)), mode="edge")

    def smooth_across(a: Array, axis: int) -> Array:
        n = a.shape[axis] - 2
        before, here, after = (a.take(range(k, k + n), axis) for k in range(3))
        return before + 2 * here + after

    def slope_along(a: Array, axis: int) -> Array:
        n = a.shape[axis] - 2
        return a.take(range(2, 2 + n), axis) - a.take(range(n), axis)

    rows = smooth_across(slope_along(grey, 1), 2)
    cols = smooth_across(slope_along(grey, 2), 1)
    return np.hypot(rows, cols)


CONTROLS: dict[str, Callable[[Array, int], Array]] = {
    "random": random_map,
    "centre": centre_map,
    "edges": edge_map,
}
"""Name -> (network input (N, rows, cols, channels), seed) -> maps."""
