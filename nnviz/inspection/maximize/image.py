"""Parametrizations: what is climbed in, and how it becomes a picture.

The trouble: steepest ascent depends on the coordinates. In pixels it makes fine noise, because a
network's gradient is strongest there. The idea: other coordinates of the same picture, in which
large shapes are as easy to change as small ones (Olah, Mordvintsev, Schubert 2017, "Feature
Visualization", doi:10.23915/distill.00007, section "Preconditioning and Parameterization").

    u  --basis-->  v  --colours-->  C v + o  --curve-->  pixels 1 / (1 + e^−(C v + o)) in 0..1

The offset o makes u = 0 the resting level. Every step is differentiated exactly, and every number
of u is of unit size: with u normal and independent, the spread of v is 1 in either basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from ...engine.layer import Array, Shape
from ...errors import ArgumentError, unknown

COLOURS = np.array([[1, 1, 1], [1, 0, -1], [-1, 2, -1]]) / np.sqrt([[3], [2], [6]])
"""Rows: brightness, red against blue, green against the two. In photographs these three hardly
depend on each other (Ohta, Kanade, Sakai 1980, "Color information for region segmentation")."""
SPREADS = np.array([1.0, 0.284, 0.127])
"""How far they vary, relative to brightness; measured on 5,000 of CIFAR-10's training pictures."""


@dataclass(frozen=True)
class Image:
    """Base of the parametrizations.

    colours: whether three channels are climbed as brightness and two colour differences, each with
    its natural spread; other pictures, grey ones among them, have nothing to decorrelate.
    """

    colours: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.colours, bool):
            raise ArgumentError(f"colours must be True or False, got {self.colours!r}")

    def basis(self, u: Array) -> Array:
        """v = B u, with (N, rows, cols, channels) on both sides."""
        raise NotImplementedError(f"{type(self).__name__} has no basis")

    def basis_backward(self, dv: Array) -> Array:
        """Bᵀ dv."""
        raise NotImplementedError(f"{type(self).__name__} has no basis_backward")

    def pixels(self, u: Array, offset: Array) -> Array:
        """u as a picture, 0..1."""
        field = self.basis(u) @ self._mixing(u).T + offset
        return 0.5 * (1 + np.tanh(0.5 * field))  # the sigmoid, which nothing overflows

    def backward(self, dx: Array, x: Array) -> Array:
        """The gradient for u, of the pixels x that it gave and their gradient dx."""
        return self.basis_backward((dx * x * (1 - x)) @ self._mixing(x))

    def _mixing(self, u: Array) -> Array:
        """C, (channels, channels); mean square 1 over its rows."""
        channels = u.shape[3]
        if channels != 3 or not self.colours:
            return np.eye(channels, dtype=u.dtype)
        scale = SPREADS * np.sqrt(3 / (SPREADS**2).sum())
        return (COLOURS.T * scale).astype(u.dtype)


@dataclass(frozen=True)
class Pixels(Image):
    """Every pixel for itself: v = u."""

    def basis(self, u: Array) -> Array:
        return u

    def basis_backward(self, dv: Array) -> Array:
        return dv


@dataclass(frozen=True)
class Fourier(Image):
    """Waves: v = H (s · u), where s falls with the frequency f (in cycles per pixel) as
    1 / max(f, 1 / largest side)^`decay`, as in photographs, scaled to a mean square of 1.

    H is the Hartley transform, H a = (Re − Im) of the discrete Fourier transform of a / √(rows ·
    cols): real, symmetric and its own inverse, so its transpose is itself.
    """

    decay: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number = isinstance(self.decay, Real) and not isinstance(self.decay, bool)
        if not number or not 0 <= self.decay <= 4:
            raise ArgumentError(f"decay of Fourier must be a number in 0 … 4, got {self.decay!r}")

    def basis(self, u: Array) -> Array:
        return _hartley(u * self._scale(u.shape[1:3], u.dtype))

    def basis_backward(self, dv: Array) -> Array:
        return _hartley(dv) * self._scale(dv.shape[1:3], dv.dtype)

    def _scale(self, size: tuple[int, ...], dtype: np.dtype) -> Array:
        down, along = (np.fft.fftfreq(n) for n in size)
        frequency = np.maximum(np.hypot(down[:, None], along), 1 / max(size))
        scale = frequency**-self.decay
        return (scale / np.sqrt((scale**2).mean()))[..., None].astype(dtype)


def _hartley(a: Array) -> Array:
    """The two-dimensional Hartley transform over rows and cols, orthonormal."""
    waves = np.fft.fft2(a, axes=(1, 2), norm="ortho")
    return waves.real - waves.imag


IMAGES: dict[str, type[Image]] = {"pixels": Pixels, "fourier": Fourier}
"""Name -> parametrization."""


def get_image(image: str | Image) -> Image:
    """A parametrization by name, or the one given."""
    if isinstance(image, Image):
        return image
    if not isinstance(image, str) or image not in IMAGES:
        raise unknown("image", image, IMAGES, "maximize")
    return IMAGES[image]()


def noise(
    shape: Shape,
    count: int,
    targets: int,
    spread: float,
    seed: int,
    key: tuple[int, ...] = (0,),
) -> Array:
    """What climbing begins with, (targets · count, *shape) float32: `count` draws, the same ones
    for each target, so that a target's pictures do not depend on what else is asked. Another `key`
    gives others."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    one = (spread * rng.standard_normal((count, *shape))).astype(np.float32)
    return np.tile(one, (targets, 1, 1, 1))
