"""Colours: numbers as colours through a table of 256.

Maps without sign use a perceptually uniform table, dark for little and bright for much. Signed maps
use one with a neutral zero and symmetric ends: red for, blue against. `jet` is there for who asks.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..engine.layer import Array
from ..errors import ArgumentError

SEQUENTIAL, DIVERGING = "inferno", "RdBu_r"

CATEGORIES = np.array(
    [
        (51, 34, 136), (136, 204, 238), (68, 170, 153), (17, 119, 51), (153, 153, 51),
        (221, 204, 119), (204, 102, 119), (136, 34, 85), (170, 68, 153), (102, 153, 255),
    ],
    np.uint8,
)  # fmt: skip
"""Ten colours for classes: the "muted" scheme of Paul Tol (2021) and a blue, which stay
apart for readers who see no red or no green."""
REST = (150, 150, 150)
"""The grey of all other classes together."""


def class_colours(answers: Array) -> Array:
    """A table (classes, 3) of the colours of the classes among these answers.

    Each of the first ten classes has its own colour; where there are others, the ten that were
    answered most often have one each, and all the rest share a grey: no colour means two classes.
    """
    seen, colours = np.unique(answers), np.full((int(np.max(answers)) + 1, 3), REST, np.uint8)
    own = seen if seen.max() < len(CATEGORIES) else coloured(answers)
    colours[own] = CATEGORIES[own if seen.max() < len(CATEGORIES) else np.arange(len(own))]
    return colours


def coloured(answers: Array) -> Array:
    """The classes among these answers that have a colour of their own, in ascending order: the most
    frequent ones."""
    seen, counts = np.unique(answers, return_counts=True)
    found: Array = np.sort(seen[np.argsort(-counts, kind="stable")[: len(CATEGORIES)]])
    return found


@cache
def table(name: str) -> Array:
    """The 256 RGB colours of a named colour map, (256, 3) uint8."""
    from matplotlib import colormaps

    if name not in colormaps:
        raise ArgumentError(
            f"no colour map named {name!r}; matplotlib's names are known, such as inferno, "
            "viridis, RdBu_r, jet"
        )
    return (colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def colours(values: Array, low: float, high: float, name: str) -> Array:
    """Values as RGB (…, 3) uint8; low and high are the table's ends, NaN becomes grey."""
    span = high - low
    share = np.zeros(values.shape) if span <= 0 else (values - low) / span
    bad = ~np.isfinite(share)
    place = np.where(bad, 0, share).clip(0, 1) * 255
    rgb = table(name)[place.round().astype(np.intp)]
    rgb[bad] = 128
    return rgb


def limits(values: Array, signed: bool) -> tuple[float, float]:
    """The common scale for maps that stand side by side: symmetric where they are signed."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return (-1.0, 1.0) if signed else (0.0, 1.0)
    if signed:
        top = float(np.abs(finite).max()) or 1.0  # all zero is neutral, not the lower end
        return -top, top
    return min(float(finite.min()), 0.0), float(finite.max())
