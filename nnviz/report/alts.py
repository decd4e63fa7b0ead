"""What a reader who cannot see a map is told of it: what it shows, and where it is strongest."""

from __future__ import annotations

import numpy as np

from ..engine.layer import Array
from .words import place_words, say


def of_map(what: str, values: Array) -> str:
    """A map that is not signed (rows, cols): where its largest value lies."""
    if not values.max() > values.min():
        return say("alt.map.flat", what=what)
    return say("alt.map", what=what, place=place_of(values))


def of_signed(what: str, values: Array) -> str:
    """A signed map (rows, cols): where it is most red, and where most blue."""
    red, blue = bool(values.max() > 0), bool(values.min() < 0)
    if not red and not blue:
        return say("alt.map.flat", what=what)
    key = "alt.map.signed" if red and blue else "alt.map.red" if red else "alt.map.blue"
    return say(key, what=what, high=place_of(values), low=place_of(-values))


def place_of(values: Array) -> str:
    """Where the largest value of (rows, cols) or (rows, cols, channels) lies, in words."""
    flat = values if values.ndim == 2 else values.sum(axis=-1)
    row, col = np.unravel_index(int(flat.argmax()), flat.shape)
    return place_words(float(row), float(col), *flat.shape)
