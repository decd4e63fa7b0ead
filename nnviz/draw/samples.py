"""A sheet of a data set's pictures: a row for each class, or plain where there are no labels.

A row begins with the class's number; names belong into text, because fonts lack many of them.
"""

from __future__ import annotations

import numpy as np

from ..data import Dataset, resize
from ..engine.layer import Array
from ..errors import ArgumentError
from .image import GAP, below, beside, blank, enlarge, factor_for, pixels, sheet, text

TILE = 64
"""About how many pixels a small picture is drawn large; a large one is drawn twice that."""
MOST = 100
"""Rows at most: a sheet of a thousand classes is no picture."""


def samples(data: Dataset, each: int = 10) -> Array:
    """(rows, cols, 4) uint8: up to `each` pictures of every class, spread evenly over the data.

    Classes come in order, the first 100 of them; a class without pictures leaves its row empty.
    Unlabelled data gives a square of up to each × each pictures. Raises `ArgumentError` where
    `each` is not in 1..100.
    """
    if not 1 <= each <= 100:
        raise ArgumentError(f"each must lie in 1..100, got {each}")
    if data.y is None:
        return sheet([_tile(data.x[i]) for i in spread(np.arange(len(data)), each * each)], each)
    counts = data.counts()[:MOST]
    numbers = [text(str(i)) for i in range(len(counts))]
    margin = max(drawn.shape[1] for drawn in numbers)
    height, width = _tile(data.x[0]).shape[:2]
    columns = min(each, int(counts.max()))
    lines = []
    for i, drawn in enumerate(numbers):
        label = blank(max(height, drawn.shape[0]), margin)
        label[: drawn.shape[0], margin - drawn.shape[1] :] = drawn
        shown = [_tile(data.x[k]) for k in spread(np.flatnonzero(data.y == i), columns)]
        lines.append(beside([label, *shown, *[blank(height, width)] * (columns - len(shown))]))
    return below(lines, GAP)


def spread(places: Array, count: int) -> Array:
    """Up to `count` of the places, evenly spread, the first one among them."""
    if len(places) <= count:
        return places
    return places[np.arange(count) * len(places) // count]


def _tile(picture: Array) -> Array:
    """A picture (rows, cols, channels) as RGBA, about as large as a tile."""
    drawn = pixels(picture)
    rows, cols = drawn.shape[:2]
    if max(rows, cols) > 2 * TILE:
        scale = 2 * TILE / max(rows, cols)
        return resize(drawn, max(1, round(rows * scale)), max(1, round(cols * scale)))
    return enlarge(drawn, factor_for(max(rows, cols), TILE))
