"""The shapes that planted pictures are made of, and how they come into a picture.

Everything works on many pictures at once: (n, …) arrays, no loop over pictures.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
GRID = 7
"""Glyphs are drawn on 7×7 squares."""
CELL = 9
"""A glyph's cell: itself and room to move."""

_AT = np.indices((GRID, GRID)) - GRID // 2
ROW, COL = _AT
SHAPES = {
    "plus": (ROW == 0) | (COL == 0),
    "cross": (ROW == COL) | (ROW == -COL),
    "diamond": np.abs(ROW) + np.abs(COL) == 3,
    "bars": np.abs(ROW) == 2,
    "ring": np.maximum(np.abs(ROW), np.abs(COL)) == 2,
    "tee": (ROW == -3) | (COL == 0),
    "corner": (ROW == 3) | (COL == -3),
    "posts": np.abs(COL) == 2,
}
"""Twelve to sixteen of 49 squares each, so that none is told by its brightness alone."""
CUES, OTHERS = ("plus", "cross", "diamond", "bars"), ("ring", "tee", "corner", "posts")
DOTS = 13
"""Squares of a scrambled glyph."""


def scale_of(size: tuple[int, int]) -> int:
    """How many pixels a glyph's square has on a side."""
    return max(1, min(size) // 28)


def noise(rng: np.random.Generator, n: int, size: tuple[int, int], channels: int) -> Array:
    """(n, rows, cols, channels) uint8, even noise from 0 to 63."""
    count = n * size[0] * size[1] * channels
    drawn = np.frombuffer(rng.bytes(count), np.uint8) >> 2
    return drawn.reshape(n, *size, channels)


def glyphs(names: tuple[str, ...], which: Array, scale: int) -> Array:
    """(n, side, side) bool, for each picture the glyph of this number."""
    table = np.stack([SHAPES[name] for name in names])
    return enlarged(table, scale)[which]


def scrambles(rng: np.random.Generator, n: int, scale: int) -> Array:
    """(n, side, side) bool: squares set at random, as many as a glyph has."""
    order = rng.random((n, GRID * GRID)).argsort(axis=1)
    return enlarged((order < DOTS).reshape(n, GRID, GRID), scale)


def enlarged(masks: Array, scale: int) -> Array:
    """Every square as `scale` by `scale` pixels."""
    return masks.repeat(scale, axis=-2).repeat(scale, axis=-1)


def cells(rng: np.random.Generator, n: int, size: tuple[int, int], scale: int, count: int) -> Array:
    """(n, count, 2): upper left corners of `count` glyphs, each in a cell of its own."""
    side = CELL * scale
    down, along = size[0] // side, size[1] // side
    chosen = rng.random((n, down * along)).argsort(axis=1)[:, :count]
    # What the cells leave over at the border goes to all of them by a common shift.
    spare = [length - cells * side for length, cells in zip(size, (down, along), strict=True)]
    shift = np.stack([rng.integers(0, over + 1, n) for over in spare], axis=-1)
    move = rng.integers(0, (CELL - GRID) * scale + 1, (n, count, 2))
    places = np.stack([chosen // along, chosen % along], axis=-1) * side
    return places + move + shift[:, None]


def inks(rng: np.random.Generator, n: int, channels: int, low: int = 150, high: int = 255) -> Array:
    """(n, channels) uint8: how bright a shape is, in each channel by itself."""
    return rng.integers(low, high, (n, channels), dtype=np.uint8, endpoint=True)


def at(corners: Array, high: int, wide: int) -> tuple[Array, Array, Array]:
    """The index of a box in each picture: (n, 1, 1), (n, high, 1), (n, 1, wide)."""
    n = len(corners)
    rows = corners[:, 0, None, None] + np.arange(high)[:, None]
    cols = corners[:, 1, None, None] + np.arange(wide)
    return np.arange(n)[:, None, None], rows, cols


def stamp(x: Array, corners: Array, shapes: Array, ink: Array) -> None:
    """Draw shapes (n, high, wide) bool with ink (n, channels) at their corners (n, 2), in place."""
    place = at(corners, *shapes.shape[1:])
    x[place] = np.where(shapes[..., None], ink[:, None, None], x[place])


def boxes(n: int, size: tuple[int, int], corners: Array, high: int, wide: int) -> Array:
    """(n, rows, cols) bool: true in the box of each picture."""
    masks = np.zeros((n, *size), bool)
    masks[at(corners, high, wide)] = True
    return masks


def line(direction: Array, length: int, scale: int) -> Array:
    """(n, side, side) bool: a line through the middle of a square, by direction 0 … 3: level,
    upright, falling, rising."""
    row, col = np.indices((length, length))
    middle = length // 2
    table = np.stack([row == middle, col == middle, row == col, row + col == length - 1])
    return enlarged(table, scale)[direction]


def grown(masks: Array, by: int) -> Array:
    """Masks (n, rows, cols), every true pixel grown into a square of 2 · by + 1."""
    padded = np.pad(masks, ((0, 0), (by, by), (by, by)))
    rows, cols = masks.shape[1:]
    out = np.zeros_like(masks)
    for down in range(2 * by + 1):
        for along in range(2 * by + 1):
            out |= padded[:, down : down + rows, along : along + cols]
    return out
