"""Layers that take some of the numbers, or put a frame around them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError, unknown
from ..layer import RANKS, Array, Call, Layer, Mode, Shape
from ..window import Cut, ResizeWindow, SliceWindow, SlidingWindow, Window
from .axes import along_channels, check_axes, placed, whole_number
from .rectifier import number


class Slice(Layer):
    """x[start:stop:step] along some axes, as Python slices.

    axes: counted with the batch as 0. starts, stops, steps: one for each of them; a stop of None
    goes to the end, numbers below 0 count from there, a step below 0 goes backwards.
    """

    def __init__(
        self,
        axes: int | Sequence[int],
        starts: int | Sequence[int],
        stops: Sequence[int | None] | int | None = None,
        steps: int | Sequence[int] = 1,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.axes = check_axes(axes, "axes of Slice")
        count = len(self.axes)
        self.starts = _numbers(starts, "starts", count)
        self.stops = _numbers(stops, "stops", count)
        self.steps = _numbers(steps, "steps", count)
        if None in self.starts or None in self.steps or 0 in self.steps:
            raise ArgumentError(
                f"starts and steps of Slice must be whole numbers, steps not 0, got {starts!r} and "
                f"{steps!r}"
            )

    repeats = True

    @property
    def _cuts(self) -> dict[int, Cut]:
        """axis -> (start, stop, step)"""
        cuts = zip(self.starts, self.stops, self.steps, strict=True)
        return dict(zip(self.axes, cuts, strict=True))

    def _slices(self, shape: Shape) -> tuple[slice, ...]:
        """The slice along each axis of a batch of such samples."""
        found = [slice(None)] * (len(shape) + 1)
        axes = placed(self.axes, shape, self)
        for axis, cut in zip(axes, self._cuts.values(), strict=True):
            found[axis] = slice(*cut)
        return tuple(found)

    @property
    def has_patches(self) -> bool:
        return all(step is not None and step > 0 for step in self.steps)

    def window(self, i: int = 0) -> SliceWindow:
        cuts, whole = self._cuts, (None, None, None)
        return SliceWindow(cuts.get(1, cuts.get(-3, whole)), cuts.get(2, cuts.get(-2, whole)))

    def out_shape(self, *shapes: Shape) -> Shape:
        cuts = self._slices(shapes[0])[1:]
        out = tuple(len(range(*c.indices(n))) for c, n in zip(cuts, shapes[0], strict=True))
        if 0 in out:
            raise ArgumentError(f"{self!r} leaves nothing of inputs of shape {shapes[0]}")
        return out

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return xs[0][self._slices(xs[0].shape[1:])], None

    def on_patches(self, *xs: Array, inside: Callable[[], Array | None], mode: Mode) -> Array:
        """A patch holds all from the first to the last row and col that is read."""
        found = [slice(None)] * 4
        for axis, cut in self._cuts.items():
            found[axis] = slice(*cut) if axis in (3, -1) else slice(None, None, cut[2])
        return xs[0][tuple(found)]

    def backward(self, dy: Array, call: Call) -> Array:
        dx = call.mode.new(call.x.shape, dy.dtype)
        call.mode.do(np.copyto, dx, 0)
        call.mode.do(np.copyto, dx[self._slices(dx.shape[1:])], dy)
        return dx

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls((1, 2), (1, -4), (-1, None), (2, 1)), ((7, 5, 2),)),
            (cls((2, 1), (0, -1), (10, None), (3, -2)), ((6, 7, 1),)),
            (cls(-1, 1, 3), ((3, 2, 4),)),
            (cls((-3, -1), (1, 0), (None, 1)), ((3, 2, 2),)),
            (cls(1, -1, -100, -1), ((4,),)),
            (cls((1, 3), (1, 0), None, 2), ((3, 2, 1, 3),)),
        ]


def _numbers(value: Any, what: str, count: int) -> tuple[int | None, ...]:
    """`count` whole numbers, or None."""
    given = tuple(value) if isinstance(value, Sequence) else (value,) * count
    if len(given) != count:
        raise ArgumentError(f"Slice has {len(given)} {what} for {count} axes: {value!r}")
    return tuple(None if v is None else whole_number(v, f"{what} of Slice") for v in given)


class Gather(Layer):
    """The entries at fixed places along one axis: y[…, i, …] = x[…, indices[i], …].

    indices: a whole number (the axis goes away), a row of them, or rows of rows (more axes come);
    below 0 they count from the end. axis: counted with the batch as 0. What is taken twice receives
    the sum of both gradients.
    """

    def __init__(self, indices: Any, axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        try:
            numbers = np.asarray(indices)
        except ValueError:
            numbers = np.asarray("rows of different lengths")
        if numbers.dtype.kind not in "iu" or not numbers.size or numbers.ndim > RANKS:
            raise ArgumentError(
                f"indices of Gather must be whole numbers, at least one, got {indices!r:.80}"
            )
        self.indices = numbers.tolist()
        self.axis = check_axes(axis, "axis of Gather")[0]

    def window(self, i: int = 0) -> SlidingWindow | None:
        return along_channels((self.axis,)) if np.ndim(self.indices) == 1 else None

    def out_shape(self, *shapes: Shape) -> Shape:
        (axis,) = placed((self.axis,), shapes[0], self)
        size, numbers = shapes[0][axis - 1], np.asarray(self.indices)
        if numbers.min() < -size or numbers.max() >= size:
            raise ArgumentError(
                f"Gather wants the places {numbers.min()} … {numbers.max()} along axis "
                f"{self.axis}, but inputs of shape {shapes[0]} have {size} there"
            )
        return (*shapes[0][: axis - 1], *numbers.shape, *shapes[0][axis:])

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (axis,) = placed((self.axis,), xs[0].shape[1:], self)
        return np.take(xs[0], np.asarray(self.indices), axis=axis), None

    def backward(self, dy: Array, call: Call) -> Array:
        (axis,) = placed((self.axis,), call.x.shape[1:], self)
        numbers = np.asarray(self.indices) % call.x.shape[axis]
        dx = np.zeros(call.x.shape, dy.dtype)
        shares = np.moveaxis(
            dy.reshape(*dy.shape[:axis], numbers.size, *dy.shape[axis + numbers.ndim :]), axis, 0
        )
        target, flat = np.moveaxis(dx, axis, 0), numbers.reshape(-1)
        if len(np.unique(flat)) == flat.size:
            target[flat] = shares
        else:
            np.add.at(target, flat, shares)
        return dx

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls([2, 0, 2]), ((2, 3, 4),)),
            (cls([1, 0, 3, 2], 3), ((2, 1, 4),)),
            (cls(-1, 1), ((3, 2, 2),)),
            (cls([[0, 1], [1, -1]], 2), ((2, 3),)),
            (cls(2), ((5,),)),
        ]


MODES = ("constant", "reflect", "edge", "wrap")


class Pad(Layer):
    """A frame around the sample, or (amounts below 0) less of it.

    amounts: ((before, after), …), one for each axis of a sample, without N. mode: "constant" (of
    `value`), "reflect" (mirrored, the edge not repeated), "edge" (the edge repeated), "wrap" (from
    the other side). Rows and cols are taken away before the frame is made.
    """

    def __init__(
        self,
        amounts: Sequence[Sequence[int]],
        *,
        mode: str = "constant",
        value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        pairs = [tuple(p) for p in amounts if isinstance(p, Sequence)]
        if len(pairs) < len(amounts) or {len(p) for p in pairs} - {2}:
            raise ArgumentError(f"amounts of Pad must be ((before, after), …), got {amounts!r}")
        self.amounts = tuple(
            (whole_number(a, "amounts of Pad"), whole_number(b, "amounts of Pad")) for a, b in pairs
        )
        if mode not in MODES:
            raise unknown("mode", mode, MODES, "Pad")
        endless = isinstance(value, float) and math.isinf(value)  # as before a max pool
        self.mode, self.value = mode, value if endless else number(value, "value of Pad")
        self.beside = self.value

    repeats = True

    @property
    def has_patches(self) -> bool:
        return self.mode == "constant" and len(self.amounts) == 3

    def window(self, i: int = 0) -> Window | None:
        if len(self.amounts) != 3:
            return None
        if self.mode == "constant":
            return SlidingWindow(pads=(self.amounts[0], self.amounts[1]))
        return ResizeWindow(lambda size, axis: np.eye(size)[self.places(size, axis)])

    def places(self, size: int, axis: int) -> Array:
        """Which entry of a sample along `axis` stands at each place of the output; −1: `value`."""
        before, after = self.amounts[axis]
        cut = np.arange(max(0, -before), size - max(0, -after))
        frame = (max(0, before), max(0, after))
        if self.mode == "constant":
            return np.pad(cut, frame, constant_values=-1)
        return np.pad(cut, frame, mode=self.mode)  # type: ignore[call-overload]

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) != len(self.amounts):
            raise ArgumentError(
                f"Pad has amounts for {len(self.amounts)} axes, inputs have shape {shapes[0]}"
            )
        for size, (before, after) in zip(shapes[0], self.amounts, strict=True):
            left = size + min(before, 0) + min(after, 0)
            if left < 1 or size + before + after < 1:
                raise ArgumentError(
                    f"Pad by {self.amounts} leaves nothing of inputs of shape {shapes[0]}"
                )
        return tuple(n + sum(pair) for n, pair in zip(shapes[0], self.amounts, strict=True))

    def _frame(self, sizes: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """What is kept of the input, and where that lies in the output."""
        pairs = zip(sizes, self.amounts, strict=True)
        kept = [slice(max(0, -a), n - max(0, -b)) for n, (a, b) in pairs]
        there = [
            slice(max(0, a), max(0, a) + k.stop - k.start)
            for k, (a, _) in zip(kept, self.amounts, strict=True)
        ]
        return (slice(None), *kept), (slice(None), *there)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        if self.mode != "constant":
            for axis in range(1, x.ndim):
                places = self.places(x.shape[axis], axis - 1)
                y = mode.new((*x.shape[:axis], len(places), *x.shape[axis + 1 :]), x.dtype)
                mode.do(np.take, x, places, axis=axis, out=y, mode="clip")
                x = y
            return x, None
        kept, there = self._frame(x.shape[1:])
        y = mode.new((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        mode.do(np.copyto, y, self.value)
        mode.do(np.copyto, y[there], x[kept])
        return y, None

    def on_patches(self, *xs: Array, inside: Callable[[], Array | None], mode: Mode) -> Array:
        """The frame of rows and cols is there already, as what stands beside the map."""
        inner = Pad(((0, 0), (0, 0), self.amounts[2]), value=self.value)
        return inner.forward(*xs, mode=mode)[0]

    def backward(self, dy: Array, call: Call) -> Array:
        x, new, do = call.x, call.mode.new, call.mode.do
        if self.mode == "constant":
            dx = new(x.shape, dy.dtype)
            kept, there = self._frame(x.shape[1:])
            do(np.copyto, dx, 0)
            do(np.copyto, dx[kept], dy[there])
            return dx
        for axis in reversed(range(1, x.ndim)):
            dx = new((*dy.shape[:axis], x.shape[axis], *dy.shape[axis + 1 :]), dy.dtype)
            places = self.places(x.shape[axis], axis - 1)
            do(np.copyto, dx, 0)
            do(np.add.at, np.moveaxis(dx, axis, 0), places, np.moveaxis(dy, axis, 0))
            dy = dx
        return dy

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        signs = itertools.product(MODES[1:], (((1, 2), (2, 0), (0, 0)), ((0, 1), (-1, 2), (1, 0))))
        return [
            (cls(((1, 0), (2, 1), (0, 1)), value=0.5), ((3, 2, 2),)),
            (cls(((-1, 2), (1, -2), (0, 0)), value=-1.0), ((4, 4, 2),)),
            *((cls(amounts, mode=mode), ((4, 4, 2),)) for mode, amounts in signs),
            (cls(((2, 1),), mode="reflect"), ((4,),)),
            (cls(((5, 6), (0, 0)), mode="wrap"), ((2, 2),)),
        ]
