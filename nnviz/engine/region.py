"""A part of a map for each of many copies: all of one size, each at its own place.

Cutting parts out of an unchanged map and pasting parts into others is what incremental
recomputation does besides arithmetic, so it is done for all copies in one indexed copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .window import POINTWISE, Size, Window

Array = np.ndarray


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

    def part(self, copies: slice) -> Region:
        """The same for some of the copies."""
        return replace(self, top=self.top[copies], left=self.left[copies])

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
    boxes = np.empty((len(region.top), 4), np.int64)
    sides = zip((region.top, region.left), region.size, strict=True)
    for axis, (starts, length) in enumerate(sides):
        boxes[:, axis], boxes[:, axis + 2] = _spans(
            window, "touched", axis, starts, length, region.map_size
        )
    return boxes


def needed(window: Window, region: Region, size: Size) -> Region:
    """What a region of outputs reads of an input of this size; it may stick out of it."""
    if window == POINTWISE:
        return replace(region, map_size=size)
    lengths, firsts = [], []
    sides = zip((region.top, region.left), region.size, strict=True)
    for axis, (starts, length) in enumerate(sides):
        first, last = _spans(window, "needed", axis, starts, length, size)
        lengths.append(int((last - first).max()))
        firsts.append(first)
    return Region((lengths[0], lengths[1]), firsts[0], firsts[1], size)


def _spans(
    window: Window, way: str, axis: int, starts: Array, length: int, size: Size
) -> tuple[Array, Array]:
    """First and one past the last cell along an axis, which does not depend on the other one."""
    if window == POINTWISE:
        return starts, starts + length
    unique, where = np.unique(starts, return_inverse=True)
    ask, spans = getattr(window, way), []
    for start in unique.tolist():
        box = [0, 0, 1, 1]
        box[axis], box[axis + 2] = start, start + length
        found = ask(tuple(box), size)
        spans.append((found[axis], found[axis + 2]))
    ends = np.array(spans)[where]
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


def paste(onto: Array, there: Region, values: Array, here: Region) -> None:
    """Write each copy's values, which lie at `here`, into its part of the map, which lies at
    `there`; what sticks out of the part is left out."""
    down, along = here.top - there.top, here.left - there.left
    fits = all(
        by.min() >= 0 and by.max() + length <= room
        for by, length, room in zip((down, along), here.size, there.size, strict=True)
    )
    if not fits:
        _paste_clipped(onto, values, down, along)
        return
    high, wide = here.size
    if (down == down[0]).all() and (along == along[0]).all():
        row, col = int(down[0]), int(along[0])
        onto[:, row : row + high, col : col + wide] = values
        return
    parts(onto, here.size, writeable=True)[np.arange(len(onto)), down, along] = values


def _paste_clipped(onto: Array, values: Array, down: Array, along: Array) -> None:
    """`paste` where some values stick out: one offset after the other."""
    for row, picked in _alike(down):
        for col, both in _alike(along[picked]):
            chosen = picked[both]
            rows = _overlap(row, values.shape[1], onto.shape[1])
            cols = _overlap(col, values.shape[2], onto.shape[2])
            if rows is not None and cols is not None:
                onto[chosen, rows[0], cols[0]] = values[chosen, rows[1], cols[1]]


def _alike(offsets: Array) -> Iterator[tuple[int, Array]]:
    """(offset, which copies have it) for each offset that occurs."""
    for offset in np.unique(offsets).tolist():
        yield offset, np.flatnonzero(offsets == offset)


def _overlap(offset: int, length: int, size: int) -> tuple[slice, slice] | None:
    """Where `length` cells from `offset` on meet `size` cells: slices of these and of those."""
    first, last = max(offset, 0), min(offset + length, size)
    if first >= last:
        return None
    return slice(first, last), slice(first - offset, last - offset)
