"""From a picture's pixels to what the network wants.

A user hands over pixels; how the network was taught to see them (range, mean, spread, channel
order) is part of the model and is saved with it, as metadata: it has no row in the summary and no
parameter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ArgumentError, unknown
from .layer import Array, Shape
from .lines import lines, spread

FITS = ("exact", "crop", "stretch")
"""What may be done with pictures of another size; see `InputSpec.fit`."""


def as_array(values: Any, what: str) -> Array:
    """`values` as an array; an `ArgumentError` where its rows differ in length."""
    try:
        return np.asarray(values)
    except ValueError:
        raise ArgumentError(f"{what} must be one array, got rows of different shapes") from None


def floats(x: Array, out: Array | None = None) -> Array:
    """Numbers as floats, float32 where they are whole; in `out` where that is given."""
    if out is None:
        return x if x.dtype.kind == "f" else x.astype(np.float32)
    if x is not out:
        np.copyto(out, x, casting="same_kind")
    return out


def pictures_of(x: Any) -> Any:
    """The pictures of what holds them in an array `x`, as a data set does; all else as it is."""
    held = getattr(x, "x", None)
    return held if isinstance(held, np.ndarray) and not isinstance(x, np.ndarray) else x


@dataclass(frozen=True)
class InputSpec:
    """What a network wants as input.

    shape: one sample, `(rows, cols, channels)`, `(features,)`, or up to 6 axes of any meaning.
    value_range: what pixels 0 and 1 (uint8 0 and 255) become before mean and std, (0, 1) by
    default.
    mean, std: subtracted and divided afterwards, one number for all channels or one for each.
    channel_order: "RGB", or "BGR" where the network was trained on reversed channels; mean and std
    are then in this order, too.
    fit: what the command line does with pictures of another size: "exact" refuses them, "crop"
        takes the largest part in their middle that has the input's shape, "stretch" takes all of
        them and bends; both resize.
    background: how bright the training pictures' edges were, 0..1, where that is known; it tells a
        dark-on-light scan from a light-on-dark one.
    """

    shape: Shape
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    channel_order: str = "RGB"
    background: float | None = None
    fit: str = field(default="exact", repr=False)  # it is no part of what the network computes

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(s) for s in self.shape))
        for name in ("value_range", "mean", "std"):  # plain floats, as a model file gives them back
            given = np.atleast_1d(as_array(getattr(self, name), name))
            if given.ndim != 1 or given.dtype.kind not in "uif":
                raise ArgumentError(f"{name} of the input must be numbers, got {given.tolist()!r}")
            object.__setattr__(self, name, tuple(given.astype(np.float64).tolist()))
        if len(self.value_range) != 2:
            raise ArgumentError(f"value_range must be (low, high), got {self.value_range!r}")
        for label, values in (("mean", self.mean), ("std", self.std)):
            channels = self.shape[-1] if self.shape else 1
            if len(values) not in (1, channels) or not np.isfinite(values).all():
                count = "1 finite number" if channels == 1 else f"1 or {channels} finite numbers"
                raise ArgumentError(f"{label} of the input must have {count}, got {values!r}")
        if min(self.std) <= 0:
            raise ArgumentError(f"std of the input must be above 0, got {self.std!r}")
        low, high = self.value_range
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ArgumentError(f"value_range must be (low, high), got {self.value_range!r}")
        if self.channel_order not in ("RGB", "BGR"):
            raise ArgumentError(f"channel_order must be RGB or BGR, got {self.channel_order!r}")
        if self.fit not in FITS:
            raise unknown("fit", self.fit, FITS, "the input")

    def check(self, x: Any) -> Array:
        """`x` as a batch (N, *shape) of finite numbers; an `ArgumentError` says what does not fit.

        One picture, and grey pictures without their channel axis, are given the axes they lack. A
        data set stands for its pictures (`pictures_of`).
        """
        x = as_array(pictures_of(x), "the input")
        if x.dtype.kind not in "uifb":
            raise ArgumentError(f"the input must be numbers, got an array of {x.dtype}")
        wanted = self.shape
        if x.shape == wanted or (len(wanted) == 3 and wanted[2] == 1 and x.shape == wanted[:2]):
            x = x.reshape(1, *wanted)
        elif len(wanted) == 3 and wanted[2] == 1 and x.ndim == 3 and x.shape[1:] == wanted[:2]:
            x = x[..., None]
        if x.shape[1:] != wanted or x.ndim != len(wanted) + 1:
            sizes = "×".join(map(str, wanted))
            advice = {
                1: "the model takes so many numbers, of several inputs one after the other",
                3: f"the model was made for {sizes}; resize the pictures first (on the command "
                "line: --resize)",
            }.get(len(wanted), f"the model was made for {sizes}")
            raise ArgumentError(f"the input has shape {x.shape}, expected N×{sizes}: {advice}")
        if len(x) == 0:
            raise ArgumentError("the input is empty: expected at least one picture")
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            bad = int(np.size(x) - np.isfinite(x).sum())
            raise ArgumentError(
                f"the input has {bad} value(s) that are NaN or infinite: clean the pictures first"
            )
        return x

    def prepare(self, x: Array, out: Array | None = None) -> Array:
        """Pixels as the network's input: ((x · (high − low) + low) − mean) / std.

        uint8 is divided by 255 first; other integers become float32 as they are; floats keep dtype.
        out: where it is written.
        """
        x = np.divide(x, np.float32(255), out=out) if x.dtype == np.uint8 else floats(x)
        if self.is_plain:
            return x if out is None else floats(x, out)
        made = np.empty(x.shape, x.dtype) if out is None or x is out else out
        if self.channel_order == "BGR":
            for k in range(x.shape[-1]):  # a long walk for each, no short one for each pixel
                made[..., -1 - k] = x[..., k]
            x = made
        low, high = self.value_range
        scale = (high - low) / np.asarray(self.std)
        shift = (low - np.asarray(self.mean)) / np.asarray(self.std)
        scale, shift = (spread(np.broadcast_to(v, x.shape[-1:]), x) for v in (scale, shift))
        flat = np.multiply(lines(x), scale, out=lines(made))
        flat += shift
        return made if out is None else floats(made, out)

    @property
    def is_plain(self) -> bool:
        """Whether the network takes pixels 0..1 as they are, RGB."""
        numbers = self.value_range == (0, 1) and set(self.mean) == {0.0} and set(self.std) == {1.0}
        return numbers and self.channel_order == "RGB"

    def pixel_gradient(self, dx: Array) -> Array:
        """The chain rule of `prepare`: a gradient for the network's input as one for the pixels."""
        low, high = self.value_range
        scale = np.asarray((high - low) / np.asarray(self.std), dx.dtype)
        pixels = dx * scale
        return pixels[..., ::-1] if self.channel_order == "BGR" else pixels
