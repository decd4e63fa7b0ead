"""A part of a map for each of many copies: all of one size, each at its own place.

Cutting parts out of an unchanged map and pasting parts into others is what incremental
recomputation does besides arithmetic, so it is done for all copies in one indexed copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from .window import POINTWISE, Size, Window

Array = np.ndarray
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


def hull(boxes: Array, map_size: Size) -> Region:
    """Regions of the largest box's size that hold each box, slid inward at the borders."""
    high, wide = (int((boxes[:, a + 2] - boxes[:, a]).max()) for a in (0, 1))
    top = np.minimum(boxes[:, 0], map_size[0] - high)
    left = np.minimum(boxes[:, 1], map_size[1] - wide)
    return Region((high, wide), top, left, map_size)


def touched(window: Window, region: Region) -> Array:
    """(P, 4): the outputs that may change with each copy's region."""
    (top, bottom), (left, right) = _spans("touched", window, region, region.map_size)
    return np.stack([top, left, bottom, right], axis=1)


def needed(window: Window, region: Region, size: Size) -> Region:
    """What a region of outputs reads of an input of this size; it may stick out of it."""
    if window == POINTWISE:
        return replace(region, map_size=size)
    spans = _spans("needed", window, region, size)
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


def _spans(kind: str, window: Window, region: Region, size: Size) -> list[tuple[Array, Array]]:
    """First and one past the last cell of each copy, along the rows and along the cols; neither
    depends on the other."""
    starts = (region.top, region.left)
    if window == POINTWISE:
        return [(first, first + n) for first, n in zip(starts, region.size, strict=True)]
    return [
        _along(kind, window, axis, starts[axis].tobytes(), region.size, size)  # type: ignore[arg-type]
        for axis in (0, 1)
    ]


@lru_cache(maxsize=1024)
def _along(
    kind: str, window: Window, axis: int, starts: bytes, lengths: Size, size: Size
) -> tuple[Array, Array]:
    """What a window answers for boxes that start there along one axis, at 0 along the other. A grid
    of boxes asks the same for every picture, and many nodes ask the same."""
    ask = window.touched if kind == "touched" else window.needed
    places, back = np.unique(np.frombuffer(starts, np.int64), return_inverse=True)
    found = []
    for start in places.tolist():
        top, left = (start, 0) if axis == 0 else (0, start)
        box = ask((top, left, top + lengths[0], left + lengths[1]), size)
        found.append((box[axis], box[axis + 2]))
    ends = np.array(found)[back]
    ends.setflags(write=False)
    return ends[:, 0], ends[:, 1]


# Cutting and pasting ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """A map to cut parts from, framed so that none sticks out: made once for all copies."""

    view: Array
    """(rows, cols, h, w, channels): the part that begins at each place."""
    before: Size

    @classmethod
    def of(cls, base: Array, region: Region, beside: float) -> Sheet:
        """base: (rows, cols, channels); `beside` stands where there is no map."""
        beyond = region.beyond
        if any(map(any, beyond)):
            base = np.pad(base, (*beyond, (0, 0)), constant_values=beside)
        view = parts(np.ascontiguousarray(base)[None], region.size, writeable=False)[0]
        return cls(view, (beyond[0][0], beyond[1][0]))

    def cut(self, region: Region) -> Array:
        """(P, *size, channels): each copy's part, a new array."""
        return self.view[region.top + self.before[0], region.left + self.before[1]]


def parts(maps: Array, size: Size, writeable: bool) -> Array:
    """(n, rows − h + 1, cols − w + 1, h, w, channels): views of all parts of contiguous maps."""
    n, rows, cols, channels = maps.shape
    sn, sr, sc, sch = maps.strides
    return np.lib.stride_tricks.as_strided(
        maps,
        (n, rows - size[0] + 1, cols - size[1] + 1, *size, channels),
        (sn, sr, sc, sr, sc, sch),
        writeable=writeable,
    )


def paste(onto: Array, there: Region, values: Array, here: Region, *, change: bool = False) -> None:
    """Write each copy's values, which lie at `here`, into its part of the map, which lies at
    `there`; what sticks out of the part is left out. change: they are added to what is there."""
    down, along = here.top - there.top, here.left - there.left
    fits = all(
        by.min() >= 0 and by.max() + length <= room
        for by, length, room in zip((down, along), here.size, there.size, strict=True)
    )
    ends = np.flatnonzero((np.diff(down) != 0) | (np.diff(along) != 0)) + 1
    few = len(ends) < len(down) / MANY
    if fits and not few:
        views, at = parts(onto, here.size, writeable=True), (np.arange(len(onto)), down, along)
        views[at] = values + views[at] if change else values
        return
    for chosen in _runs(ends, len(down)) if few else _alike(down, along):
        row, col = int(down[chosen][0]), int(along[chosen][0])
        rows = _overlap(row, values.shape[1], onto.shape[1])
        cols = _overlap(col, values.shape[2], onto.shape[2])
        if rows is not None and cols is not None:
            given, part = values[chosen, rows[1], cols[1]], onto[chosen, rows[0], cols[0]]
            if few:  # both are views
                np.add(part, given, out=part) if change else np.copyto(part, given)
            else:
                onto[chosen, rows[0], cols[0]] = part + given if change else given


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
