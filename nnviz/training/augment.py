"""Augmentation: each time a picture is learnt from, it is a little different.

An augmentation is called with a chunk of pictures and the chunk's own random generator, and gives
new pictures of the same shape and type; the ones it was given stay as they are.
"""

from __future__ import annotations

import numpy as np

from ..engine.layer import Array
from ..errors import ArgumentError


class Augmentation:
    """Base of all augmentations."""

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        raise NotImplementedError(f"{type(self).__name__} changes no pictures")


class Shift(Augmentation):
    """Every picture moved by up to `most` pixels down or up and along, black where it has left."""

    def __init__(self, most: int) -> None:
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise ArgumentError(f"Shift needs a whole number of pixels of at least 1, got {most!r}")
        self.most = most

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        rows, cols = x.shape[1:3]
        steps = rng.integers(-self.most, self.most + 1, (len(x), 2))
        steps = steps.clip([-rows, -cols], [rows, cols])  # farther than that it is gone as well
        out = np.zeros_like(x)
        for picture, target, (down, along) in zip(x, out, steps.tolist(), strict=True):
            target[max(down, 0) : rows + min(down, 0), max(along, 0) : cols + min(along, 0)] = (
                picture[max(-down, 0) : rows - max(down, 0), max(-along, 0) : cols - max(along, 0)]
            )
        return out

    def __repr__(self) -> str:
        return f"Shift({self.most})"
