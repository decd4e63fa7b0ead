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

    def sizes(self, x: Array) -> tuple[int, int, int]:
        """(rows, cols, channels) of the pictures, or an error where they are none."""
        if x.ndim != 4:
            raise ArgumentError(
                f"{type(self).__name__} needs pictures (N, rows, cols, channels), got {x.shape}"
            )
        return x.shape[1], x.shape[2], x.shape[3]

    def __repr__(self) -> str:  # it says in a checkpoint what was done: no address in memory
        inside = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({inside})"


def augmented(augment: Augmentation, x: Array, rng: np.random.Generator) -> Array:
    """The augmentation's pictures, after a check that they can take the place of those given."""
    new = augment(x, rng)
    if np.shape(new) != x.shape:
        raise ArgumentError(
            f"{augment!r} made pictures of shape {np.shape(new)} of {x.shape}: an augmentation "
            "keeps the shape"
        )
    return new


class Shift(Augmentation):
    """Every picture moved by up to `most` pixels down or up and along, black where it has left."""

    def __init__(self, most: int) -> None:
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise ArgumentError(f"Shift needs a whole number of pixels of at least 1, got {most!r}")
        self.most = most

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        rows, cols, _ = self.sizes(x)
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


class _Warp(Augmentation):
    """Each picture seen through a 2×2 matrix about its middle, interpolated linearly, black
    outside.

    The matrix takes a place of the new picture, (row, col) from the middle, to where it is read.
    """

    def matrix(self, rng: np.random.Generator) -> Array:
        """A random matrix."""
        raise NotImplementedError(f"{type(self).__name__} has no matrix")

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        from scipy.ndimage import affine_transform

        rows, cols, channels = self.sizes(x)
        middle = (np.array([rows, cols]) - 1) / 2
        out = np.empty_like(x)
        for picture, target in zip(x, out, strict=True):
            matrix = self.matrix(rng)
            offset = middle - matrix @ middle
            for k in range(channels):
                # grid-constant: what lies half outside is half black, "constant" makes it black.
                affine_transform(
                    picture[..., k],
                    matrix,
                    offset,
                    output=target[..., k],
                    order=1,
                    mode="grid-constant",
                )
        return out


class Rotate(_Warp):
    """Every picture turned by up to `degrees` to either side."""

    def __init__(self, degrees: float) -> None:
        number = isinstance(degrees, int | float) and not isinstance(degrees, bool)
        if not number or not 0 < degrees <= 180:
            raise ArgumentError(f"Rotate needs degrees in (0, 180], got {degrees!r}")
        self.degrees = float(degrees)

    def matrix(self, rng: np.random.Generator) -> Array:
        angle = np.deg2rad(rng.uniform(-self.degrees, self.degrees))
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def __repr__(self) -> str:
        return f"Rotate({self.degrees})"


class Zoom(_Warp):
    """Every picture made larger or smaller by a factor from 1 − share to 1 + share."""

    def __init__(self, share: float) -> None:
        if not isinstance(share, int | float) or not 0 < share < 1:
            raise ArgumentError(f"Zoom needs a share in (0, 1), got {share!r}")
        self.share = float(share)

    def matrix(self, rng: np.random.Generator) -> Array:
        return np.eye(2) / rng.uniform(1 - self.share, 1 + self.share)

    def __repr__(self) -> str:
        return f"Zoom({self.share})"


class Flip(Augmentation):
    """Every second picture, by chance, with left and right exchanged."""

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        self.sizes(x)
        turned = rng.random(len(x)) < 0.5
        return np.where(turned[:, None, None, None], x[:, :, ::-1], x)

    def __repr__(self) -> str:
        return "Flip()"


class Augmentations(Augmentation):
    """Several, one after the other: `Augmentations(Shift(2), Rotate(10))`."""

    def __init__(self, *parts: Augmentation) -> None:
        for part in parts:
            if not isinstance(part, Augmentation):
                raise ArgumentError(f"Augmentations takes augmentations, got {part!r}")
        self.parts = parts

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        for part in self.parts:
            x = part(x, rng)
        return x

    def __repr__(self) -> str:
        return f"Augmentations({', '.join(map(repr, self.parts))})"
