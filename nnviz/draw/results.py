"""Which picture belongs to which result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.input import pictures_of
from ..engine.layer import Array
from ..errors import ArgumentError, listing
from ..files import write_bytes
from ..inspection.anatomy import Diagram
from ..inspection.attribution import Occlusion
from ..inspection.evaluation import Mistakes
from ..inspection.maximize import Maximized
from ..inspection.results import Attribution, Result
from . import chart, diagram
from .colour import DIVERGING, SEQUENTIAL, class_colours, limits
from .image import (
    GAP,
    below,
    beside,
    enlarge,
    factor_for,
    heat,
    notes,
    number,
    opaque,
    pixels,
    scale_bar,
    sheet,
    text,
)
from .png import png_bytes

TILE = 112
"""About how many pixels wide a picture of a network's input is drawn."""
MOST_ANSWERS = 5
"""How many different answers the line under an occlusion map counts."""


@singledispatch
def picture(result: Result, pictures: Array | None = None, cmap: str | None = None) -> Array:
    """A result as a picture, (rows, cols, 4) uint8.

    pictures: the originals (N, rows, cols, channels), drawn beside their maps. cmap: a colour map's
    name, such as "jet"; None for the default. Maps of one result share one scale, which is drawn.
    """
    raise ArgumentError(
        f"a {type(result).__name__} is shown as text, not as a picture: print it instead"
    )


@picture.register
def _(result: Attribution, pictures: Array | None = None, cmap: str | None = None) -> Array:
    name = cmap or (DIVERGING if result.signed else SEQUENTIAL)
    low, high = limits(result.values, result.signed)
    maps = [heat(v, low, high, name) for v in result.values]
    columns: list[list[Array]] = [maps]
    if pictures is not None:
        pictures = np.asarray(pictures_of(pictures))
        if pictures.ndim != 4 or pictures.shape[:3] != result.values.shape:
            raise ArgumentError(
                f"pictures of shape {pictures.shape} for maps of shape {result.values.shape}: "
                "expected (N, rows, cols, channels) with the maps' N, rows and cols"
            )
        columns.insert(0, [pixels(p) for p in pictures])
    if isinstance(result, Occlusion):
        columns.append(answers(result))
    if result.error is not None:
        most = limits(result.error, signed=False)[1]
        columns.append([heat(v, 0, most, SEQUENTIAL) for v in result.error])
    factor = factor_for(maps[0].shape[1], TILE)
    tiles = [enlarge(tile, factor) for line in zip(*columns, strict=True) for tile in line]
    drawn = sheet(tiles, len(columns))
    parts = [drawn, scale_bar(number(low), number(high), name, drawn.shape[1])]
    if result.error is not None:
        parts += [text("the last column: the standard error of each value"),
                  scale_bar("0", number(most), SEQUENTIAL, drawn.shape[1])]  # fmt: skip
    if isinstance(result, Occlusion):
        parts += legend(result)
    return below(parts + notes(by_line(result.warnings), drawn.shape[1]))


def by_line(warnings: Sequence[str]) -> list[str]:
    """Warnings about a result's pictures as warnings about the lines of its drawing; what is true
    of several lines is said once."""
    lines: dict[tuple[str, str], list[int]] = {}
    for warning in warnings:
        parts = re.fullmatch(r"(?s)(?:(.*?)picture (\d+): )?(.*)", warning)
        assert parts is not None  # it fits any text
        before, at, after = parts.groups()
        lines.setdefault((before or "", after), []).extend([int(at) + 1] if at else [])
    said = []
    for (before, after), found in lines.items():
        several = "s" if len(found) > 1 else ""
        where = f"line{several} {listing(found)}: " if found else ""
        said.append(f"{before}{where}{after}")
    return said


def answers(result: Occlusion) -> list[Array]:
    """For each picture, the class that the network answers with the patch at each place, as
    colours.

    A pixel shows the patch whose middle is nearest to it.
    """
    assert result.boxes is not None
    assert result.predicted is not None
    rows, cols = result.values.shape[1:]
    down, along = result.grid
    boxes = result.boxes[: down * along].reshape(down, along, 4)
    middle_rows = (boxes[:, 0, 0] + boxes[:, 0, 2] - 1) / 2
    middle_cols = (boxes[0, :, 1] + boxes[0, :, 3] - 1) / 2
    nearest_row = np.abs(np.arange(rows)[:, None] - middle_rows).argmin(axis=1)
    nearest_col = np.abs(np.arange(cols)[:, None] - middle_cols).argmin(axis=1)
    grids = result.predicted[:, : down * along].reshape(-1, down, along)  # the first size's
    palette = class_colours(result.predicted)
    return [opaque(palette[grid[nearest_row][:, nearest_col]]) for grid in grids]


def legend(result: Occlusion) -> list[Array]:
    """A line for each picture: the colours of its answers, with class number and count."""
    assert result.predicted is not None
    palette, lines = class_colours(result.predicted), []
    for predicted in result.predicted:
        classes, counts = np.unique(predicted, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:MOST_ANSWERS]
        parts: list[Array] = []
        for i in order:
            swatch = opaque(np.broadcast_to(palette[classes[i]], (12, 12, 3)))
            parts += [swatch, text(f"{classes[i]}: {counts[i]}")]
        if len(order) < len(classes):
            parts.append(text(f"+ {len(classes) - len(order)} more"))
        lines.append(beside(parts))
    return lines


def signed_tiles(values: Array, is_colour: bool = True) -> tuple[list[Array], float]:
    """Kernels (filters, kh, kw, channels) as tiles on one symmetric scale, and the scale's end.

    Three channels are drawn in colour (grey is zero), unless they are no colours; others as a row
    of one tile a channel.
    """
    top = limits(values, signed=True)[1]
    if values.shape[-1] == 3 and is_colour:
        return [pixels(v / (2 * top or 1) + 0.5) for v in values], top
    tiles = []
    for kernel in values:
        parts = [heat(kernel[..., k], -top, top, DIVERGING) for k in range(kernel.shape[-1])]
        tiles.append(sheet(parts, len(parts), gap=1))
    return tiles, top


@picture.register
def _(result: Maximized, pictures: Array | None = None, cmap: str | None = None) -> Array:
    """The pictures with what the target reaches, and what it reaches for the real ones."""
    factor = factor_for(result.values.shape[2], TILE)
    tiles = []
    for i, values in enumerate(result.values):
        words = [text(line) for line in _reached(result, i)]
        tiles.append(below([enlarge(pixels(values), factor), below(words, 0)], GAP))
    drawn = sheet(tiles, 5, 2 * GAP)
    return below([drawn, *notes(result.warnings, drawn.shape[1])])


def _reached(result: Maximized, i: int) -> list[str]:
    """How far one picture's target has come, in a few short lines."""
    reached = float(result.activation[i])
    lines = [f"{i}: reaches {number(reached)}"]
    if result.probability is not None:
        lines.append(f"p = {number(float(result.probability[i]))}")
    if result.best is not None and result.high is not None:
        best = float(result.best[i])
        lines.append(f"{'above' if reached > best else 'NOT above'} real ones")
        lines.append(f"best {number(best)}")
        lines.append(f"99 % {number(float(result.high[i]))}")
    elif reached <= result.start[i]:
        lines.append("did NOT rise")
    return lines


@picture.register
def _(result: Mistakes, pictures: Array | None = None, cmap: str | None = None) -> Array:
    return chart.confusion(result.confusion)


@picture.register
def _(result: Diagram, pictures: Array | None = None, cmap: str | None = None) -> Array:
    return diagram.raster(result)


def save_picture(result: Result, path: str | Path, **options: Any) -> Path:
    """Draw a result into a file: `.png`, or `.svg` for a diagram; returns the path."""
    path = Path(path)
    if path.suffix == ".svg" and isinstance(result, Diagram):
        write_bytes(path, diagram.svg(result).encode())
    elif path.suffix == ".png":
        write_bytes(path, png_bytes(picture(result, **options)))
    else:
        kinds = ".png or .svg" if isinstance(result, Diagram) else ".png"
        raise ArgumentError(f"cannot draw into {path.name!r}: the file must end in {kinds}")
    return path
