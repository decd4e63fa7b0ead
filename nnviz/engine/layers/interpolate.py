"""Resizing along any axes, by any of the usual rules: one matrix of weights an axis.

Where output i of n looks in an input of N cells (scale s = n / N where nothing else is said):

| coordinates          | place                                                          |
|----------------------|----------------------------------------------------------------|
| half_pixel           | (i + ½) / s − ½                                                |
| half_pixel_symmetric | the same about the middle of N, where s N is no whole number   |
| pytorch_half_pixel   | the same, but 0 where one cell comes out                       |
| tf_half_pixel_for_nn | (i + ½) / s                                                    |
| align_corners        | i (N − 1) / (s N − 1); 0 where s N = 1                         |
| asymmetric           | i / s                                                          |
| tf_crop_and_resize   | align_corners within the part `crop` of N; beside N: `outside` |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError, unknown
from ..layer import Array, Call, Layer, Mode, Shape
from ..window import ResizeWindow, Window
from .axes import check_axes, placed, whole_number
from .rectifier import number

Crop = tuple[float, float]
Coordinates = Callable[[Array, int, float, Crop], Array]
"""i (n,), N, s, crop -> the places."""


def _half_pixel(i: Array, size: int, scale: float, crop: Crop) -> Array:
    return (i + 0.5) / scale - 0.5


def _symmetric(i: Array, size: int, scale: float, crop: Crop) -> Array:
    moved = size / 2 * (1 - len(i) / (scale * size))
    return moved + (i + 0.5) / scale - 0.5


def _pytorch(i: Array, size: int, scale: float, crop: Crop) -> Array:
    return i * 0.0 if len(i) == 1 else (i + 0.5) / scale - 0.5


def _align_corners(i: Array, size: int, scale: float, crop: Crop) -> Array:
    return i * 0.0 if scale * size == 1 else i * (size - 1) / (scale * size - 1)


def _crop(i: Array, size: int, scale: float, crop: Crop) -> Array:
    start, part = crop[0] * (size - 1), (crop[1] - crop[0]) * (size - 1)
    if scale * size == 1:
        return np.full(len(i), start + part / 2)
    return i * (crop[1] - crop[0]) * (size - 1) / (scale * size - 1) + start


COORDINATES: dict[str, Coordinates] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": _pytorch,
    "tf_half_pixel_for_nn": lambda i, size, scale, crop: (i + 0.5) / scale,
    "align_corners": _align_corners,
    "asymmetric": lambda i, size, scale, crop: i / scale,
    "tf_crop_and_resize": _crop,
}
ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda place: np.ceil(place - 0.5),
    "round_prefer_ceil": lambda place: np.floor(place + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}
"""Which cell "nearest" takes."""
ROUNDING = 1e-12
"""A weight smaller than this is a 0 that was rounded: at a distance of exactly two cells, say."""
REACH = {"linear": 1, "cubic": 2}
"""How far from its place an output looks, in cells."""


class Resize(Layer):
    """y = A x along each of some axes, with A the weights of the cells near an output's place.

    axes: counted with the batch as 0. sizes: how many cells come out along each; scales: by what
    factor, ⌊N s⌋ cells where sizes are not given. With both, `scales` says where the cells lie.
    interpolation: "nearest"; "linear", weights 1 − |d| at distance d; "cubic", Keys 1981, eq. 4
    with a = `cubic` (−0.5 in the paper, −0.75 elsewhere). coordinates: see above. rounding: of
    "nearest", which cell is taken: "round_prefer_floor", "round_prefer_ceil", "floor", "ceil".
    exclude_outside: cells beside the input have no weight, the others are scaled to add up to 1;
    else the edge's value stands there. antialias: where it gets smaller, the weights are stretched
    by 1 / s, so that every cell counts. crop: (start, end) of each axis, 0 to 1, for
    "tf_crop_and_resize"; outside: what stands where the place lies beside the input then.
    """

    def __init__(
        self,
        axes: int | Sequence[int],
        *,
        sizes: Sequence[int] | None = None,
        scales: Sequence[float] | None = None,
        interpolation: str = "nearest",
        coordinates: str = "half_pixel",
        rounding: str = "round_prefer_floor",
        cubic: float = -0.75,
        exclude_outside: bool = False,
        antialias: bool = False,
        crop: Sequence[Sequence[float]] | None = None,
        outside: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.axes = check_axes(axes, "axes of Resize")
        for label, value, known in (
            ("interpolation", interpolation, ("nearest", *REACH)),
            ("coordinates", coordinates, COORDINATES),
            ("rounding", rounding, ROUNDINGS),
        ):
            if value not in known:
                raise unknown(label, value, known, "Resize")
        self.interpolation, self.coordinates = interpolation, coordinates
        self.rounding = rounding
        self.sizes = _each(sizes, "sizes of Resize", _size)
        self.scales = _each(scales, "scales of Resize", _scale)
        self.crop = _each(crop, "crop of Resize", _part)
        told = [v for v in (self.sizes, self.scales, self.crop) if v is not None]
        if sizes is scales is None or any(len(v) != len(self.axes) for v in told):
            raise ArgumentError(
                f"Resize needs sizes or scales, one for each of its {len(self.axes)} axes (and as "
                f"many crops, if any), got {sizes!r} and {scales!r}"
            )
        self.cubic, self.outside = number(cubic, "cubic"), number(outside, "outside of Resize")
        self.exclude_outside, self.antialias = bool(exclude_outside), bool(antialias)

    def measures(self, size: int, place: int) -> tuple[int, float]:
        """How many cells come out along the `place`-th of the axes, and the scale."""
        scale = None if self.scales is None else self.scales[place]
        count = math.floor(size * scale) if scale is not None else 0
        if self.sizes is not None:
            count = self.sizes[place]
        return count, count / size if scale is None else scale

    def places(self, size: int, place: int) -> Array:
        """(out,): where in the input each output along the `place`-th of the axes looks.

        For "nearest" they are worked out in float32, as other runtimes do: whether a place is half
        way between two cells hangs on the last digit of a scale such as 0.7.
        """
        count, scale = self.measures(size, place)
        crop = (0.0, 1.0) if self.crop is None else self.crop[place]
        dtype = np.float32 if self.interpolation == "nearest" else np.float64
        outputs = np.arange(count, dtype=dtype)
        return COORDINATES[self.coordinates](outputs, size, scale, crop)

    def missed(self, size: int, place: int) -> Array:
        """(out,): which outputs have their place beside the input and show `outside`."""
        at = self.places(size, place)
        return (self.coordinates == "tf_crop_and_resize") & ((at < 0) | (at > size - 1))

    def matrix(self, size: int, place: int) -> Array:
        """(out, in): the weights along the `place`-th of the axes."""
        at, scale = self.places(size, place), min(self.measures(size, place)[1], 1.0)
        rows = np.arange(len(at))[:, None]
        if self.interpolation == "nearest":
            taps = ROUNDINGS[self.rounding](at).astype(np.int64)[:, None]
            shares = np.ones(taps.shape)
        else:
            scale = scale if self.antialias else 1.0
            reach = math.ceil(REACH[self.interpolation] / scale)
            first = np.floor(at).astype(np.int64)[:, None]
            taps = first + np.arange(-reach, reach + 2)
            shares = self._kernel((taps - at[:, None]) * scale)
            if self.exclude_outside:
                shares = np.where((taps < 0) | (taps >= size), 0, shares)
            shares = np.where(np.abs(shares) < ROUNDING, 0, shares)
            if self.exclude_outside or self.antialias:
                shares = shares / shares.sum(axis=1, keepdims=True)
        weights = np.zeros((len(at), size))
        np.add.at(weights, (rows, np.clip(taps, 0, size - 1)), shares)
        weights[self.missed(size, place)] = 0
        return weights

    def _kernel(self, distance: Array) -> Array:
        """The weight of a cell by its distance from an output's place."""
        d = np.abs(distance)
        if self.interpolation == "linear":
            return np.maximum(1 - d, 0)
        a = self.cubic
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((d - 5) * d + 8) * d * a - 4 * a
        return np.where(d <= 1, near, np.where(d < 2, far, 0))

    def window(self, i: int = 0) -> Window | None:
        return ResizeWindow(self._along)

    def _along(self, size: int, axis: int) -> Array:
        """The weights along the rows (axis 0) or cols (1) of pictures."""
        for place, named in enumerate(self.axes):
            if named in (axis + 1, axis - 3):
                return self.matrix(size, place)
        return np.eye(size)

    def out_shape(self, *shapes: Shape) -> Shape:
        out = list(shapes[0])
        for place, axis in enumerate(placed(self.axes, shapes[0], self)):
            out[axis - 1] = self.measures(out[axis - 1], place)[0]
        if 0 in out:
            raise ArgumentError(f"Resize by {self.scales} leaves nothing of inputs {shapes[0]}")
        return tuple(out)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = xs[0]
        for place, axis in enumerate(placed(self.axes, y.shape[1:], self)):
            size = y.shape[axis]
            weights = self.matrix(size, place)
            if self.interpolation == "nearest":
                y = y.take(weights.argmax(axis=1), axis=axis)
            else:
                y = _times(weights, y, axis)
            missed = self.missed(size, place)
            if missed.any():
                np.moveaxis(y, axis, 0)[missed] = self.outside
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        axes = placed(self.axes, call.x.shape[1:], self)
        for place, axis in reversed(list(enumerate(axes))):
            dy = _times(self.matrix(call.x.shape[axis], place).T, dy, axis)
        return dy

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        picture: tuple[Shape, ...] = ((4, 3, 2),)
        crop = {"sizes": (3, 5), "crop": ((0.1, 0.9), (-0.2, 1.3)), "outside": 0.7,
                "coordinates": "tf_crop_and_resize"}  # fmt: skip
        made: list[dict[str, Any]] = [
            *({"scales": (1.6, 2.3), "coordinates": c, "interpolation": "linear"}
              for c in COORDINATES if c != "tf_crop_and_resize"),
            *({"sizes": (7, 2), "rounding": r} for r in ROUNDINGS),
            {"scales": (0.6, 2.0), "interpolation": "cubic", "antialias": True},
            {"scales": (0.4, 0.7), "interpolation": "linear", "antialias": True},
            {"sizes": (9, 5), "interpolation": "cubic", "exclude_outside": True, "cubic": -0.5},
            {"sizes": (3, 2), "scales": (0.7, 0.7), "interpolation": "linear"},
            {**crop, "interpolation": "linear"}, crop,
        ]  # fmt: skip
        return [
            *((cls((1, 2), **settings), picture) for settings in made),
            (cls((-1, 1), sizes=(5, 2), interpolation="linear"), picture),
            (cls(2, scales=(2.0,), interpolation="cubic"), ((2, 3),)),
        ]


def _times(weights: Array, x: Array, axis: int) -> Array:
    """Σ_j weights[i, j] x[…, j, …] along an axis."""
    parts = x.reshape(math.prod(x.shape[:axis]), x.shape[axis], -1)
    y = weights.astype(x.dtype) @ parts
    return y.reshape(*x.shape[:axis], len(weights), *x.shape[axis + 1 :])


def _each(values: Any, what: str, check: Callable[[Any, str], Any]) -> tuple[Any, ...] | None:
    """Each of them checked, or None."""
    if values is not None and not isinstance(values, Sequence):
        raise ArgumentError(f"{what} must be one for each axis, got {values!r}")
    return None if values is None else tuple(check(value, what) for value in values)


def _above_zero(value: Any, what: str) -> Any:
    if value <= 0:
        raise ArgumentError(f"{what} must be above 0, got {value!r}")
    return value


def _size(value: Any, what: str) -> int:
    return int(_above_zero(whole_number(value, what), what))


def _scale(value: Any, what: str) -> float:
    return float(_above_zero(number(value, what), what))


def _part(value: Any, what: str) -> Crop:
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ArgumentError(f"{what} must be (start, end) of each axis, got {value!r}")
    return number(value[0], what), number(value[1], what)


def keeping_aspect(
    shape: Sequence[int], sizes: Sequence[int], larger: bool
) -> tuple[tuple[int, ...], float]:
    """The sizes and the one scale with which cells of this shape fill these sizes and keep their
    proportions: not smaller than wanted along any axis (`larger`), or not larger. Halves are
    rounded up."""
    ratios = [wanted / size for wanted, size in zip(sizes, shape, strict=True)]
    scale = max(ratios) if larger else min(ratios)
    return tuple(math.floor(scale * size + 0.5) for size in shape), scale
