"""Pictures of judgements: maps of mistakes, and of two models beside each other, on one scale."""

from __future__ import annotations

import numpy as np

from ..engine.input import pictures_of
from ..engine.layer import Array
from ..errors import ArgumentError
from ..inspection.evaluation import Calibration, Comparison, ExplainedMistakes, Flips
from . import scores
from .colour import DIVERGING, SEQUENTIAL
from .image import (
    GAP,
    below,
    enlarge,
    factor_for,
    heat,
    notes,
    number,
    pixels,
    scale_bar,
    sheet,
    text,
)
from .results import TILE, by_line, picture


@picture.register
def _(result: Calibration, pictures: Array | None = None, cmap: str | None = None) -> Array:
    return scores.reliability(result)


@picture.register
def _(result: Flips, pictures: Array | None = None, cmap: str | None = None) -> Array:
    return scores.flip_shares(result)


@picture.register
def _(result: ExplainedMistakes, pictures: Array | None = None, cmap: str | None = None) -> Array:
    """A line for each mistake: the picture where it is given, the answer's map, the truth's."""
    if not len(result.numbers):
        return text("no mistakes", 16)
    name = cmap or (DIVERGING if result.signed else SEQUENTIAL)
    low, high = result.scale
    columns = [[heat(v, low, high, name) for v in maps]
               for maps in (result.for_answer, result.for_truth)]  # fmt: skip
    heads = ["answered", "true"]
    if pictures is not None:
        columns.insert(0, _originals(pictures, result.numbers, result.for_answer))
        heads.insert(0, "picture")
    drawn = _headed(heads, columns)
    width = drawn.shape[1]
    said = [f"{what}: {warning}"
            for what, warnings in (("answered", result.answer_warnings),
                                   ("true", result.truth_warnings))
            for warning in by_line(warnings)]  # fmt: skip
    bar = scale_bar(number(low), number(high), name, width)
    return below([drawn, bar, *notes(said, width)])


@picture.register
def _(result: Comparison, pictures: Array | None = None, cmap: str | None = None) -> Array:
    """A line for each picture: itself where it is given, a's map, b's, and b minus a.

    Where there are no maps, the classes.
    """
    if not len(result.shown):
        return scores.class_changes(result.classes)
    name = cmap or (DIVERGING if result.signed else SEQUENTIAL)
    top = result.scale
    low = -top if result.signed else 0.0
    columns = [[heat(v, low, top, name) for v in maps] for maps in (result.maps_a, result.maps_b)]
    # All zero is neutral: a scale without length would draw it in the lower end's colour.
    columns.append([heat(v, -(top or 1), top or 1, DIVERGING) for v in result.map_difference])
    heads = ["a", "b", "b - a"]
    if pictures is not None:
        columns.insert(0, _originals(pictures, result.shown, result.maps_a))
        heads.insert(0, "picture")
    drawn = _headed(heads, columns)
    width = drawn.shape[1]
    bars = [scale_bar(number(-top), number(top), DIVERGING, width)]
    if name != DIVERGING:
        bars.insert(0, scale_bar(number(low), number(top), name, width))
    return below([drawn, *bars, *notes(by_line(result.warnings), width)])


def _originals(pictures: Array, chosen: Array, maps: Array) -> list[Array]:
    """The chosen ones of all pictures, as tiles."""
    pictures = np.asarray(pictures_of(pictures))
    if pictures.ndim != 4 or pictures.shape[1:3] != maps.shape[1:] or chosen.max() >= len(pictures):
        raise ArgumentError(
            f"pictures of shape {pictures.shape} for maps of shape {maps.shape}: give all the "
            "pictures that were judged, (N, rows, cols, channels)"
        )
    return [pixels(pictures[i]) for i in chosen]


def _headed(heads: list[str], columns: list[list[Array]]) -> Array:
    """Columns of tiles of one size, each with a word above it."""
    factor = factor_for(columns[0][0].shape[1], TILE)
    words = [text(head, 14) for head in heads]
    width = max(columns[0][0].shape[1] * factor, *(word.shape[1] for word in words))
    drawn = []
    for word, tiles in zip(words, columns, strict=True):
        large = [enlarge(tile, factor) for tile in tiles]
        drawn.append(below([_wide(word, width), sheet(large, 1)], GAP))
    return sheet(drawn, len(drawn))


def _wide(tile: Array, width: int) -> Array:
    """The tile with nothing to its right, up to this width."""
    return np.pad(tile, ((0, 0), (0, width - tile.shape[1]), (0, 0)))
