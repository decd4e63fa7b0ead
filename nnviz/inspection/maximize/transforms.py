"""Transforms: small random changes that a picture must survive while it climbs.

A picture that a target likes only as it is, to the pixel, is mostly fine noise. One that it likes
wherever it is moved, turned or resized has shapes (Olah, Mordvintsev, Schubert 2017, "Feature
Visualization", doi:10.23915/distill.00007, section "The Enemy of Feature Visualization").

A transform draws a `Linear` map for each step: y = T x forward and x̄ = Tᵀ ȳ backward, exactly, so
that <T x, y> = <x, Tᵀ y>. The same map goes over all pictures of a batch. What lies outside a
picture is 0, so the caller hands over the difference to a resting level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...engine.layer import Array
from ...errors import ArgumentError

Size = tuple[int, int]


class Linear(Protocol):
    """A linear map of pictures (N, rows, cols, channels), and its transpose."""

    def forward(self, x: Array) -> Array:
        """T x."""

    def backward(self, dy: Array) -> Array:
        """Tᵀ dy."""


@dataclass(frozen=True)
class Transform:
    """Base of all transforms. Give `draw` to write one."""

    def draw(self, rng: np.random.Generator, size: Size) -> Linear:
        """This step's map for pictures of `size`."""
        raise NotImplementedError(f"{type(self).__name__} draws nothing")

    def out_size(self, size: Size) -> Size:
        """The size of a picture afterwards."""
        return size


@dataclass(frozen=True)
class Jitter(Transform):
    """Move by up to `pixels` in both directions; what leaves at one edge comes in at the other.

    After `Padding` it is the padding that comes in.
    """

    pixels: int

    def __post_init__(self) -> None:
        _check(self, "pixels", whole=True)

    def draw(self, rng: np.random.Generator, size: Size) -> Linear:
        down, along = rng.integers(-self.pixels, self.pixels + 1, 2).tolist()
        return Roll(down, along)


@dataclass(frozen=True)
class Rotation(Transform):
    """Turn about the middle by up to `degrees` either way; values in between are bilinear."""

    degrees: float

    def __post_init__(self) -> None:
        _check(self, "degrees", most=180)

    def draw(self, rng: np.random.Generator, size: Size) -> Linear:
        angle = np.deg2rad(rng.uniform(-self.degrees, self.degrees))
        cos, sin = np.cos(angle), np.sin(angle)
        return Resampling.of(np.array([[cos, -sin], [sin, cos]]), size)


@dataclass(frozen=True)
class Scaling(Transform):
    """Make larger or smaller about the middle, by a factor of up to 1 + `share` either way; the
    picture keeps its size."""

    share: float

    def __post_init__(self) -> None:
        _check(self, "share", most=9)

    def draw(self, rng: np.random.Generator, size: Size) -> Linear:
        factor = (1 + self.share) ** rng.uniform(-1, 1)
        return Resampling.of(np.eye(2) / factor, size)


@dataclass(frozen=True)
class Padding(Transform):
    """A margin of `pixels` on every side, of the resting level.

    In the end the middle is cut out again, so it matters together with what follows it: after a
    margin nothing comes in from the other edge.
    """

    pixels: int

    def __post_init__(self) -> None:
        _check(self, "pixels", whole=True)

    def draw(self, rng: np.random.Generator, size: Size) -> Linear:
        return Placement(size, self.out_size(size))

    def out_size(self, size: Size) -> Size:
        return size[0] + 2 * self.pixels, size[1] + 2 * self.pixels


@dataclass(frozen=True)
class Blur(Transform):
    """A Gaussian blur whose spread is drawn between 0 and `pixels`."""

    pixels: float

    def __post_init__(self) -> None:
        _check(self, "pixels")

    def draw(self, rng: np.random.Generator, size: Size) -> Linear:
        return Smoothing(float(rng.uniform(0, self.pixels)))


def drawn(transforms: Sequence[Transform], rng: np.random.Generator, size: Size) -> list[Linear]:
    """One map for each transform, and one that brings the picture back to its size."""
    maps, now = [], size
    for transform in transforms:
        maps.append(transform.draw(rng, now))
        now = transform.out_size(now)
    return maps if now == size else [*maps, Placement(now, size)]


# The maps ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Roll:
    """Move round the edges; its transpose moves back."""

    down: int
    along: int

    def forward(self, x: Array) -> Array:
        return np.roll(x, (self.down, self.along), axis=(1, 2))

    def backward(self, dy: Array) -> Array:
        return np.roll(dy, (-self.down, -self.along), axis=(1, 2))


@dataclass(frozen=True)
class Placement:
    """Lay a picture with its middle on the middle of another size: a margin of 0, or a cut; the
    transpose is the cut, or the margin."""

    size: Size
    other: Size

    def forward(self, x: Array) -> Array:
        return _placed(x, self.other)

    def backward(self, dy: Array) -> Array:
        return _placed(dy, self.size)


def _placed(x: Array, size: Size) -> Array:
    out = np.zeros((len(x), *size, x.shape[3]), x.dtype)
    here, there = [], []
    for old, new in zip(x.shape[1:3], size, strict=True):
        common, skip = min(old, new), abs(old - new) // 2
        here.append(slice(skip, skip + common) if old > new else slice(common))
        there.append(slice(skip, skip + common) if new > old else slice(common))
    out[:, there[0], there[1]] = x[:, here[0], here[1]]
    return out


@dataclass(frozen=True, eq=False)
class Resampling:
    """Every pixel of the result is a bilinear mean of four pixels, or of those of them that lie in
    the picture. weights: a sparse (pixels, pixels) array."""

    weights: Any

    @classmethod
    def of(cls, matrix: Array, size: Size) -> Resampling:
        """The pixel at p (from the middle) reads the place `matrix` · p."""
        from scipy.sparse import coo_array

        rows, cols = size
        middle = np.array([[(rows - 1) / 2], [(cols - 1) / 2]])
        to = np.arange(rows * cols)
        places = matrix @ (np.stack(np.divmod(to, cols)) - middle) + middle
        corner = np.floor(places).astype(np.intp)
        part = places - corner
        entries = []
        for down, along in np.ndindex(2, 2):
            r, c = corner[0] + down, corner[1] + along
            weight = np.abs(1 - down - part[0]) * np.abs(1 - along - part[1])
            inside = (r >= 0) & (r < rows) & (c >= 0) & (c < cols)
            entries.append((weight[inside], to[inside], (r * cols + c)[inside]))
        weight, target, source = map(np.concatenate, zip(*entries, strict=True))
        return cls(coo_array((weight, (target, source)), shape=(to.size, to.size)).tocsr())

    def forward(self, x: Array) -> Array:
        return self._applied(self.weights, x)

    def backward(self, dy: Array) -> Array:
        return self._applied(self.weights.T, dy)

    @staticmethod
    def _applied(weights: Any, x: Array) -> Array:
        n, rows, cols, channels = x.shape
        columns = x.reshape(n, rows * cols, channels).transpose(1, 0, 2).reshape(rows * cols, -1)
        out = np.asarray(weights.astype(x.dtype) @ columns).reshape(rows * cols, n, channels)
        return np.ascontiguousarray(out.transpose(1, 0, 2)).reshape(x.shape)


@dataclass(frozen=True)
class Smoothing:
    """A Gaussian with zeros outside: symmetric, so it is its own transpose."""

    spread: float

    def forward(self, x: Array) -> Array:
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(x, (0, self.spread, self.spread, 0), mode="constant")

    def backward(self, dy: Array) -> Array:
        return self.forward(dy)


def _check(transform: Transform, name: str, whole: bool = False, most: float = 4096) -> None:
    """An error for a setting that is no (whole) number in 0 … most."""
    value = getattr(transform, name)
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= most:
        raise ArgumentError(
            f"{name} of {type(transform).__name__} must be a {'whole ' if whole else ''}number in "
            f"0 … {most:g}, got {value!r}"
        )
