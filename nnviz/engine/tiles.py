"""How Winograd's convolution cuts its pictures: tiles of rows, blocks of tiles, rows of cells.

Rows of pictures lie one after the other with a gap of zeros between them, so that the window at a
place is simply the `kw · channels` numbers from there on (see `winograd`).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .layer import Mode
from .window import Pads, Size

Array = np.ndarray
SMALL = 1_000_000
"""Multiply-adds of one product that the linear algebra library still does without packing its
factors anew; blocks are cut so that they stay below."""
LARGE, DENSE, ROWS = 1 << 24, 1 << 13, 40
"""From `DENSE` channels · filters on, where there are `ROWS` rows, packing is worth while: there
products have up to `LARGE` multiply-adds, or twice those rows. With 256 channels that is up to
three times as quick."""
LOW = 1000
"""Where a product below `SMALL` has fewer rows, as with many channels, cutting larger ones into
such gains nothing; with few it does, up to twice."""
FEW, DEEP, LITTLE = 32, 32, 1 << 10
"""A product of so few rows, with so long sums, that makes so few numbers, it does without packing a
factor that lies transposed."""


def slab(rows: int, inner: int, columns: int) -> int:
    """How many columns of (rows × inner) · (columns × inner)ᵀ are best made by one product."""
    if not (1 < rows <= FEW and inner >= DEEP):
        return columns
    most = min(columns, LITTLE // rows, SMALL // (rows * inner))
    return next((k for k in range(most, most // 2, -1) if columns % k == 0), columns)


def cut(matrix: Array, per_row: int) -> Array:
    """A matrix (rows, …) as (parts, rows of a part, …), a view: parts so small that their products,
    of `per_row` multiply-adds a row, are below `SMALL`; one part where that gains nothing. Of an
    even number of rows each part has an even number (see `equal_rows`)."""
    rows, most = len(matrix), SMALL // per_row
    parts = -(-rows // most) if most >= LOW else 1
    units = rows if rows % 2 else rows // 2
    parts = next((k for k in range(parts, 2 * parts) if units % k == 0), 1)
    down, along = matrix.strides
    shape, strides = (parts, rows // parts, matrix.shape[1]), (rows // parts * down, down, along)
    return np.lib.stride_tricks.as_strided(matrix, shape, strides)


class Form(NamedTuple):
    """A tile, `step` rows of outputs from `read` rows of inputs, and how it is computed.

    input: Bᵀ (read, read). kernel: G (read, 3). output: Aᵀ (step, read).
    units: so many products of one size (see `SMALL`) are made by one call: with fewer the threads
        wait for each other's Python, with more they leave the second-level cache.
    """

    input: Array
    kernel: Array
    output: Array
    units: int

    @property
    def step(self) -> int:
        return len(self.output)

    @property
    def read(self) -> int:
        return len(self.input)


class Plan(NamedTuple):
    """Where things lie.

    length: the cells of a row with its gap. The zeros behind a row are at once those before the
    next, so one gap is as wide as the wider of the two.
    gap: the zeros that stand before the first row and behind the last.
    """

    form: Form
    size: Size
    out: Size
    kw: int
    gap: int
    top: int
    left: int
    tiles: int
    length: int

    def rows(self, n: int) -> int:
        """The rows of one product of n pictures."""
        return n * self.tiles * self.length // self.kw

    @staticmethod
    def of(form: Form, size: Size, kw: int, pads: Pads) -> Plan:
        (top, bottom), (left, right) = pads
        out = (size[0] + top + bottom - 2, size[1] + left + right - kw + 1)
        need = max(size[1] + max(left, right), out[1])
        return Plan(form, size, out, kw, kw - 1, top, left, -(-out[0] // form.step), need)


class Block(NamedTuple):
    """Pictures and tiles that are done at once; `unit` tiles of them go into one product."""

    pictures: slice
    tiles: slice
    unit: int
    step: int

    def rows(self, plan: Plan) -> tuple[int, int]:
        """How many products there are, and how many rows each of their matrices has."""
        tiles = self.shape[0] * self.shape[1]
        units = -(-tiles // self.unit)
        return units, -(-tiles * plan.length // (units * plan.kw))

    @property
    def shape(self) -> tuple[int, int]:
        return self.pictures.stop - self.pictures.start, self.tiles.stop - self.tiles.start

    def strips(self, x: Array, above: int, high: int) -> Iterator[tuple[Array, slice, slice]]:
        """`(rows of x, which of a tile's rows, which of the block's tiles)`.

        Tile t has the `high` rows of x from step · t − above on, as far as x has them; tiles that
        have the same of their rows come together: (pictures, tiles, rows, cols · channels), a view.
        """
        rows, cols, channels = x.shape[1:]
        row = cols * channels * x.itemsize
        for first, tiles, start, stop in _spans(
            self.tiles.start, self.tiles.stop, self.step, above, high, rows
        ):
            shape = (self.shape[0], tiles, stop - start, cols * channels)
            begin = self.pictures.start * rows + first * self.step - above + start
            begin = begin if stop > start else 0  # no row: it may lie behind the last picture
            strides = (rows * row, self.step * row, row, x.itemsize)
            view: Array = np.ndarray(shape, x.dtype, x, begin * row, strides)
            at = first - self.tiles.start
            yield view, slice(start, stop), slice(at, at + tiles)


def blocks(
    plan: Plan, n: int, channels: tuple[int, int], dtype: np.dtype, mode: Mode
) -> Iterator[tuple[Block, list[Cells]]]:
    """The blocks of n pictures, with cells for what goes into the products and what comes out."""
    row = plan.length * channels[0] * channels[1]
    most, units, step = SMALL, plan.form.units, plan.form.step
    if channels[0] * channels[1] >= DENSE and plan.rows(n) >= ROWS:
        most, units = max(LARGE, 2 * ROWS * plan.kw * channels[0] * channels[1]), 1
    if (of_picture := plan.tiles * row) <= most:
        unit = _even(n, most // of_picture)
        cuts = _cuts(n, unit, units)
        blocks = [Block(cut, slice(0, plan.tiles), unit * plan.tiles, step) for cut in cuts]
    else:
        unit = _even(plan.tiles, most // row)
        cuts = _cuts(plan.tiles, unit, units)
        blocks = [Block(slice(i, i + 1), cut, unit, step) for i in range(n) for cut in cuts]
    most = max(math.prod(block.rows(plan)) for block in blocks) * plan.kw
    rooms = [mode.temp((plan.form.read * (most + 2 * plan.gap) * c,), dtype) for c in channels]
    for block in blocks:
        yield block, [Cells(plan, block, mode, *of) for of in zip(channels, rooms, strict=True)]


def _even(total: int, most: int) -> int:
    """How many of `total` things make a unit of at most `most`, so that all units are alike."""
    return -(-total // -(-total // max(1, most)))


def _cuts(total: int, unit: int, units: int) -> list[slice]:
    """Slices of `total` things, as alike as may be, of about so many units each."""
    count = max(1, round(-(-total // unit) / units))
    size = -(-total // count)
    return [slice(i, min(total, i + size)) for i in range(0, total, size)]


@functools.lru_cache(maxsize=4096)
def _spans(
    start: int, stop: int, step: int, above: int, high: int, size: int
) -> list[tuple[int, ...]]:
    """`(first tile, tiles, first row, end row)`: tiles with the same of their rows on the map."""
    tops = [tile * step - above for tile in range(start, stop)]
    on_map = [(min(high, max(0, -top)), max(0, min(high, size - top))) for top in tops]
    spans: list[tuple[int, ...]] = []
    for rows, same in itertools.groupby(range(stop - start), on_map.__getitem__):
        tiles = list(same)
        spans.append((start + tiles[0], len(tiles), *rows))
    return spans


class Cells:
    """The rows of a block's tiles, `read` a tile, one after the other with their gaps.

    array: (read, gap + cells + gap, channels); cells: pictures · tiles · length, and so many more
    that all products are alike.
    """

    def __init__(self, plan: Plan, block: Block, mode: Mode, channels: int, room: Array) -> None:
        self.plan, self.block, self.channels, self.do = plan, block, channels, mode.do
        self.units, self.rows = block.rows(plan)
        self.cells = self.units * self.rows * plan.kw
        read = plan.form.read
        cells = read * (self.cells + 2 * plan.gap)
        self.array = room[: cells * channels].reshape(read, -1, channels)

    def windows(self, first: int) -> Array:
        """(read, units, kw, rows, kw · channels): the windows from the cell `first` on. Windows
        that follow each other overlap; every kw-th of them are a matrix."""
        return self._every(first, self.plan.kw)

    def places(self) -> Array:
        """(read, units, kw, rows, channels): the places, in the order of the windows."""
        return self._every(self.plan.gap, 1)

    def _every(self, first: int, cells: int) -> Array:
        kw, array = self.plan.kw, self.array
        shape = (self.plan.form.read, self.units, kw, self.rows, cells * self.channels)
        sa, sp, sc = array.strides
        strides = (sa, self.rows * kw * sp, sp, kw * sp, sc)
        return np.ndarray(shape, array.dtype, array, first * sp, strides)

    def grid(self, start: int, width: int) -> Array:
        """(pictures, tiles, read, width · channels): `width` cells of each row from `start` on."""
        array, (pictures, tiles) = self.array, self.block.shape
        sa, sp, sc = array.strides
        row = self.plan.length * sp
        shape = (pictures, tiles, self.plan.form.read, width * self.channels)
        strides = (tiles * row, row, sa, sc)
        return np.ndarray(shape, array.dtype, array, (self.plan.gap + start) * sp, strides)

    def lay(
        self,
        matrix: Array,
        strips: Iterator[tuple[Array, slice, slice]],
        left: int,
        cols: int,
    ) -> None:
        """The matrix (read, rows of a tile) times each tile's rows, `left` cells from the begin."""
        plan, matrix, do = self.plan, matrix.astype(self.array.dtype), self.do
        do(np.copyto, self.array[:, : plan.gap], 0)
        do(np.copyto, self.array[:, plan.gap + math.prod(self.block.shape) * plan.length :], 0)
        if left:
            do(np.copyto, self.grid(0, left), 0)
        if behind := plan.length - left - cols:
            do(np.copyto, self.grid(left + cols, behind), 0)
        target = self.grid(left, cols)
        for strip, rows, tiles in strips:
            do(np.matmul, matrix[:, rows], strip, out=target[:, tiles])


class Room:
    """One temporary array after the other in the same memory; the largest is wanted first."""

    def __init__(self, mode: Mode, dtype: np.dtype) -> None:
        self._mode, self._array = mode, np.empty(0, dtype)

    def of(self, shape: tuple[int, ...]) -> Array:
        """An uninitialised array in the place of the one before."""
        size = math.prod(shape)
        if size > self._array.size:
            self._array = self._mode.temp((size,), self._array.dtype)
        return self._array[:size].reshape(shape)
