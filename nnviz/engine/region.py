"""A part of a map for each of many copies: all of one size, each at its own place.

Cutting parts out of an unchanged map and pasting parts into others is what incremental
recomputation does besides arithmetic, so it is done for all copies in one indexed copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from .mode import Mode
from .window import POINTWISE, Box, Size, SlidingWindow, Window

Array = np.ndarray
Span = tuple[Array, Array]
"""First and one past the last cell along one axis, of each of many boxes."""
MANY = 4
"""Where so many copies follow each other that lie alike, they are written in one call by slices."""


@dataclass(frozen=True)
class Region:
    """One size, and each copy's first row and col on a map; it may stick out where that is said.

    flat: the map was flattened since; the region is still that of the map before.
    """

    size: Size
    top: Array
    left: Array
    map_size: Size
    flat: bool = False

    def part(self, copies: slice | Array) -> Region:
        """The same for some of the copies."""
        return Region(self.size, self.top[copies], self.left[copies], self.map_size, self.flat)

    @property
    def spans(self) -> tuple[Span, Span]:
        """First and one past the last cell of each copy, along the rows and along the cols."""
        (high, wide), top, left = self.size, self.top, self.left
        return (top, top + high), (left, left + wide)

    @property
    def share(self) -> float:
        """Its cells over those of the map."""
        return self.size[0] * self.size[1] / (self.map_size[0] * self.map_size[1])

    @property
    def beyond(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """How far it sticks out of the map: ((above, below), (left, right))."""
        sides = zip((self.top, self.left), self.size, self.map_size, strict=True)
        above, across = (
            (max(0, -int(starts.min())), max(0, int(starts.max()) + length - cells))
            for starts, length, cells in sides
        )
        return above, across

    def same_place(self, other: Region) -> bool:
        """Whether the two hold the same cells of every copy."""
        if self is other:
            return True
        alike = self.size == other.size and np.array_equal(self.top, other.top)
        return alike and np.array_equal(self.left, other.left)

    def inside(self) -> Array | None:
        """(P, h, w, 1): which cells lie on the map; None where all do."""
        if not any(map(any, self.beyond)):
            return None
        on = []
        sides = zip((self.top, self.left), self.size, self.map_size, strict=True)
        for starts, length, count in sides:
            cells = starts[:, None] + np.arange(length)
            on.append((cells >= 0) & (cells < count))
        return (on[0][:, :, None] & on[1][:, None, :])[..., None]


def hull(spans: Sequence[Span], map_size: Size) -> Region:
    """Regions of the largest size that hold what lies in the spans along the rows and along the
    cols, slid inward at the borders."""
    high, wide = (int((end - first).max()) for first, end in spans)
    top = np.minimum(spans[0][0], map_size[0] - high)
    left = np.minimum(spans[1][0], map_size[1] - wide)
    return Region((high, wide), top, left, map_size)


def ends(boxes: Array) -> tuple[Span, Span]:
    """The spans of boxes (P, 4)."""
    return (boxes[:, 0], boxes[:, 2]), (boxes[:, 1], boxes[:, 3])


def union(seen: Sequence[Sequence[Span]], map_size: Size) -> list[Span]:
    """The spans that hold all that was seen of one change; never empty, also where a stride passes
    over all of it."""
    found = []
    for axis, cells in enumerate(map_size):
        first, end = seen[0][axis]
        for spans in seen[1:]:
            first, end = np.minimum(first, spans[axis][0]), np.maximum(end, spans[axis][1])
        first = np.minimum(first, cells - 1)
        found.append((first, np.maximum(end, first + 1)))
    return found


def touched(window: Window, spans: Sequence[Span], size: Size) -> list[Span]:
    """What changes along the rows and along the cols touch, each axis for itself."""
    if window == POINTWISE:
        return list(spans)
    if isinstance(window, SlidingWindow):
        return [window.touched_along(a, *spans[a], size) for a in (0, 1)]  # type: ignore[misc]
    return _one_by_one(window.touched, spans, size)


def needed(window: Window, region: Region, size: Size) -> Region:
    """What a region of outputs reads of an input of this size; it may stick out of it."""
    if window == POINTWISE:
        return replace(region, map_size=size)
    spans: Sequence[Span]
    if isinstance(window, SlidingWindow):
        spans = [window.needed_along(a, *region.spans[a], size) for a in (0, 1)]  # type: ignore[misc]
    else:
        spans = _one_by_one(window.needed, region.spans, size)
    high, wide = (int((last - first).max()) for first, last in spans)
    return Region((high, wide), spans[0][0], spans[1][0], size)


def inward(read: Region, wanted: Region, origin: Callable[[Array, int], Array]) -> Region:
    """`read` on the map alone, and from so far in front on that what is made of it, which begins
    at `origin`, holds the region wanted."""
    firsts, lengths = [], []
    starts, wants = (read.top, read.left), (wanted.top, wanted.left)
    for axis, (length, cells) in enumerate(zip(read.size, read.map_size, strict=True)):
        first = np.clip(starts[axis], 0, cells - 1)
        first = first - (origin(first, axis) > wants[axis])  # it begins in a gap between strides
        end = np.minimum(np.maximum(starts[axis] + length, first + 1), cells)
        lengths.append(int((end - first).max()))
        firsts.append(np.minimum(first, cells - lengths[axis]))
    return Region((lengths[0], lengths[1]), firsts[0], firsts[1], read.map_size)


def _one_by_one(ask: Callable[[Box, Size], Box], spans: Sequence[Span], size: Size) -> list[Span]:
    """The answers for spans along the rows and along the cols: neither axis depends on the other,
    so one of each is asked for at once."""
    unlike = [np.unique(np.stack(span, axis=1), axis=0, return_inverse=True) for span in spans]
    rows, cols = (some.tolist() for some, _ in unlike)
    found = []
    for row, col in zip_longest(rows, cols):
        (top, bottom), (left, right) = row or rows[-1], col or cols[-1]
        found.append(ask((top, left, bottom, right), size))
    ends = np.array(found)
    return [
        (ends[at.reshape(-1), a], ends[at.reshape(-1), a + 2]) for a, (_, at) in enumerate(unlike)
    ]


# Cutting and pasting ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """A map to cut parts from, framed so that none sticks out: made once for all copies.

    map: (rows, cols, channels), contiguous. before: how many rows and cols the frame adds in front.
    """

    map: Array
    before: Size

    @classmethod
    def of(cls, base: Array, region: Region, beside: float) -> Sheet:
        """base: (rows, cols, channels); `beside` stands where there is no map."""
        return cls.several(base, [region], beside)

    @classmethod
    def several(cls, base: Array, regions: Sequence[Region], beside: float) -> Sheet:
        """One sheet for regions of several sizes."""
        beyond = np.max([region.beyond for region in regions], axis=0)
        if beyond.any():
            base = np.pad(base, (*beyond.tolist(), (0, 0)), constant_values=beside)
        above, before = beyond[:, 0].tolist()
        return cls(np.ascontiguousarray(base), (above, before))

    def cut(self, region: Region, mode: Mode | None = None) -> Array:
        """(P, *size, channels): each copy's part, a new array."""
        return windows_at(
            self.map, region.top + self.before[0], region.left + self.before[1], region.size, mode
        )


def windows_at(maps: Array, top: Array, left: Array, size: Size, mode: Mode | None = None) -> Array:
    """(P, *size, channels): the parts that begin at (top, left) (P,), counted through the rows of
    all maps (…, rows, cols, channels), contiguous."""
    cols, channels = maps.shape[-2:]
    if mode is None or mode.notes is None:
        return _parts(maps.reshape(1, -1, cols, channels), size)[0][top, left]
    # The same in memory that stays: slower by a tenth, as it copies cell by cell.
    down, along = (np.arange(length) for length in size)
    cells = ((top[:, None] + down) * cols + left[:, None])[:, :, None] + along
    found = mode.new((*cells.shape, channels), maps.dtype)
    mode.do(np.take, maps.reshape(-1, channels), cells, axis=0, out=found, mode="clip")
    return found


def paste(
    onto: Array,
    there: Region,
    values: Array,
    here: Region,
    *,
    change: bool = False,
    mode: Mode | None = None,
) -> None:
    """Write each copy's values, which lie at `here`, into its part of the map, which lies at
    `there`; what sticks out of the part is left out. change: they are added to what is there."""
    do = (mode or Mode()).do
    down, along = here.top - there.top, here.left - there.left
    fits = all(
        by.min() >= 0 and by.max() + length <= room
        for by, length, room in zip((down, along), here.size, there.size, strict=True)
    )
    ends = np.flatnonzero((np.diff(down) != 0) | (np.diff(along) != 0)) + 1
    few = len(ends) < len(down) / MANY
    write = _add if change else _put
    if fits and not few:
        do(write, _parts(onto, here.size), (np.arange(len(onto)), down, along), values, ...)
        return
    for chosen in _runs(ends, len(down)) if few else _alike(down, along):
        row, col = int(down[chosen][0]), int(along[chosen][0])
        rows = _overlap(row, values.shape[1], onto.shape[1])
        cols = _overlap(col, values.shape[2], onto.shape[2])
        if rows is not None and cols is not None:
            at, of = (chosen, rows[0], cols[0]), (chosen, rows[1], cols[1])
            do(write, onto, at, values, of)


def pasted(
    base: Array, values: Array, here: Region, *, change: bool = False, mode: Mode | None = None
) -> Array:
    """The map (rows, cols, channels) once for each copy, with its values, which lie at `here`."""
    if here.size == here.map_size and not change:
        return values
    mode = mode or Mode()
    full = mode.new((len(values), *base.shape), values.dtype)
    mode.do(np.copyto, full, base)
    zeros = np.zeros(len(values), np.int64)
    whole = Region(here.map_size, zeros, zeros, here.map_size)
    paste(full, whole, values, here, change=change, mode=mode)
    return full


def _put(onto: Array, at: Any, values: Array, of: Any) -> None:
    onto[at] = values[of]


def _add(onto: Array, at: Any, values: Array, of: Any) -> None:
    onto[at] += values[of]


def _parts(maps: Array, size: Size) -> Array:
    """(n, rows − h + 1, cols − w + 1, h, w, channels): views of all parts of contiguous maps."""
    n, rows, cols, channels = maps.shape
    sn, sr, sc, sch = maps.strides
    shape = (n, rows - size[0] + 1, cols - size[1] + 1, *size, channels)
    return np.ndarray(shape, maps.dtype, maps, 0, (sn, sr, sc, sr, sc, sch))


def _runs(ends: Array, count: int) -> Iterator[slice]:
    """Copies that follow each other, up to each of the ends."""
    return map(slice, (0, *ends.tolist()), (*ends.tolist(), count))


def _alike(down: Array, along: Array) -> Iterator[Array]:
    """Which copies have each of the offsets that occur."""
    for row in np.unique(down).tolist():
        picked = np.flatnonzero(down == row)
        for col in np.unique(along[picked]).tolist():
            yield picked[along[picked] == col]


def _overlap(offset: int, length: int, size: int) -> tuple[slice, slice] | None:
    """Where `length` cells from `offset` on meet `size` cells: slices of these and of those."""
    first, last = max(offset, 0), min(offset + length, size)
    if first >= last:
        return None
    return slice(first, last), slice(first - offset, last - offset)
