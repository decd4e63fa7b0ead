"""What a model is made of, as pictures: kernels, feature maps, patches, spreads, the embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.input import pictures_of
from ..engine.layer import Array
from ..errors import ArgumentError
from ..inspection.anatomy import Distributions, Embedding, FeatureMaps, Filters, TopPatches
from ..inspection.anatomy.spread import Spread
from . import chart
from .colour import CATEGORIES, DIVERGING, REST, SEQUENTIAL, class_colours, coloured, limits
from .image import (
    below,
    beside,
    blank,
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
from .results import picture, signed_tiles

MOST = 256
"""Filters, maps or channels that one picture shows at the most; it says where there are more."""
WIDE = 64
"""Channels of one deep kernel that are shown at the most."""
PANELS = 16
"""Histograms that one picture shows at the most."""
PATCH = 42
"""About how many pixels wide a patch is drawn."""
BESIDE = (150, 165, 200)
"""The colour of what lies beside the picture: blue, since patches may be black, white or grey."""
BAR = 5
"""Pixels of the bar that says of which cluster a filter is."""


def limited(shown: int, count: int, what: str) -> list[Array]:
    """A line that says what was left out; none where nothing was."""
    return [text(f"the first {shown} of {count} {what}")] if shown < count else []


@picture.register
def _(result: Filters, pictures: Array | None = None, cmap: str | None = None) -> Array:
    values = result.values[:MOST, ..., : max(3, WIDE)]
    count, _, _, channels = result.values.shape
    tiles, top = signed_tiles(values, result.is_colour)
    flat = channels == 1 or (channels == 3 and result.is_colour)
    if values.shape[1] == 1 < values.shape[2]:  # a line of weights would be too thin to be seen
        tiles = [tile.repeat(3, axis=0) for tile in tiles]
    factor = factor_for(tiles[0].shape[1], 48 if flat and tiles[0].shape[1] <= 48 else 512)
    tiles = [enlarge(tile, factor) for tile in tiles]
    if result.order is not None:
        clusters = result.keys if result.provenance.settings.get("sort") == "cluster" else None
        tiles = _numbered(tiles, result.order, clusters, under=flat)
    # Long thin kernels (a dense layer's on a vector) stand one below the other.
    columns = int(np.ceil(np.sqrt(2 * len(tiles)))) if flat and tiles[0].shape[1] <= 96 else 1
    drawn = sheet(tiles, columns, 4 if flat else factor)
    parts = [drawn, scale_bar(number(-top), number(top), DIVERGING, drawn.shape[1])]
    if channels == 3 and result.is_colour:
        parts[1] = text(f"grey: 0, a full colour: {number(top)}, its opposite: {number(-top)}")
    if result.provenance.settings.get("sort") == "cluster":
        parts.append(text("number of the filter, c: its cluster, which a bar's colour shows too"))
    parts += limited(len(values), count, "filters")
    return below(parts + limited(values.shape[-1], channels, "channels of each"))


def _numbered(
    tiles: Sequence[Array], order: Array, clusters: Array | None, under: bool
) -> list[Array]:
    """Tiles with the filters' numbers under them, or before them; where there are clusters, with
    theirs as well, and a bar in the cluster's colour."""
    words = [str(n) for n in order[: len(tiles)].tolist()]
    bars: list[list[Array]] = [[] for _ in tiles]
    if clusters is not None:
        places = clusters[: len(tiles)].tolist()
        words = [f"{n} c{c}" for n, c in zip(words, places, strict=True)]
        colours = CATEGORIES[(clusters - 1) % len(CATEGORIES)]
        for bar, tile, colour in zip(bars, tiles, colours, strict=False):
            size = (BAR, tile.shape[1]) if under else (tile.shape[0], BAR)
            bar.append(opaque(np.broadcast_to(colour, (*size, 3))))
    numbers = [text(line) for line in words]
    if under:
        return [below([*b, t, n], 1) for b, t, n in zip(bars, tiles, numbers, strict=True)]
    margin = max(n.shape[1] for n in numbers)
    lines = []
    for bar, tile, n in zip(bars, tiles, numbers, strict=True):
        before = blank(n.shape[0], margin)
        before[:, margin - n.shape[1] :] = n
        lines.append(beside([before, *bar, tile]))
    return lines


@picture.register
def _(result: FeatureMaps, pictures: Array | None = None, cmap: str | None = None) -> Array:
    values, count = result.values[..., :MOST], result.values.shape[-1]
    signed = bool(values.min() < 0)
    name = cmap or (DIVERGING if signed else SEQUENTIAL)
    low, high = limits(values, signed)
    factor = factor_for(values.shape[2], 64)
    lines = []
    for maps in values:
        tiles = [enlarge(heat(maps[..., k], low, high, name), factor) for k in range(maps.shape[2])]
        lines.append(sheet(tiles, 8 if len(tiles) <= 32 else 16))
    if pictures is not None:
        shown = _originals(pictures, len(values))
        lines = [beside([p, line], 12) for p, line in zip(shown, lines, strict=True)]
    drawn = below(lines)
    parts = [drawn, scale_bar(number(low), number(high), name, drawn.shape[1])]
    if not values.any():
        parts.append(text("every answer is 0"))
    return below(parts + limited(values.shape[-1], count, "maps"))


def _originals(pictures: Array, count: int) -> list[Array]:
    """The pictures that were looked at, about as large as two maps."""
    pictures = np.asarray(pictures_of(pictures))
    if pictures.ndim != 4 or len(pictures) != count:
        raise ArgumentError(
            f"pictures of shape {pictures.shape} for the maps of {count} pictures: expected "
            f"({count}, rows, cols, channels)"
        )
    return [enlarge(pixels(p), factor_for(p.shape[1], 128)) for p in pictures]


@picture.register
def _(result: TopPatches, pictures: Array | None = None, cmap: str | None = None) -> Array:
    patches = result.patches[:MOST]
    k, rows, cols = patches.shape[1:4]
    factor = factor_for(max(rows, cols), PATCH)
    side = int(np.ceil(np.sqrt(k)))
    blocks = []
    for i, few in enumerate(patches):
        tiles = [enlarge(patch_picture(patch), factor) for patch in few]
        words = f"{result.channels[i]}: {number(float(result.maximum[i]))}"
        if result.constant[i]:  # whatever patches there are, they show nothing
            tiles = [heat(np.full(t.shape[:2], np.nan), 0, 1, SEQUENTIAL) for t in tiles]
            words += " always"
        blocks.append(below([sheet(tiles, side, 3), text(words)], 2))
    columns = max(1, min(8, 1000 // blocks[0].shape[1]))
    parts = [sheet(blocks, columns, 12)]
    silent = len(result.warnings)
    if silent:
        parts.append(
            text(
                "1 channel answers the same everywhere: its patches mean little"
                if silent == 1
                else f"{silent} channels answer the same everywhere: their patches mean little"
            )
        )
    return below(parts + limited(len(patches), len(result.patches), "channels"))


def patch_picture(values: Array) -> Array:
    """A patch as RGBA; what lies beside the picture has a colour of its own."""
    beside_it = np.isnan(values).any(axis=-1)
    drawn = pixels(np.where(beside_it[..., None], 0, values))
    drawn[beside_it, :3] = BESIDE
    return drawn


@picture.register
def _(result: Distributions, pictures: Array | None = None, cmap: str | None = None) -> Array:
    kernels = [s for s in result.weights if s.name.endswith("/weight")]
    parts = []
    for title, spreads in (("weights", kernels), ("activations", result.activations)):
        shown = evenly(spreads)
        if not shown:
            continue
        left_out = f", {len(shown)} of {len(spreads)}" if len(shown) < len(spreads) else ""
        parts.append(text(f"{title}{left_out}", 22))
        drawn = chart.histograms(shown, title.removesuffix("s"), title == "activations", 4)
        parts.append(drawn)
    return below(parts)


def evenly(spreads: Sequence[Spread]) -> list[Spread]:
    """At most PANELS of them, evenly spread, the first and the last among them."""
    if len(spreads) <= PANELS:
        return list(spreads)
    places = np.linspace(0, len(spreads) - 1, PANELS).round().astype(int)
    return [spreads[i] for i in places.tolist()]


@picture.register
def _(result: Embedding, pictures: Array | None = None, cmap: str | None = None) -> Array:
    parts = [plane(result)]
    if result.labels is not None:
        parts.append(_classes(result.labels))
    return below(parts + notes(result.warnings, parts[0].shape[1]))


def plane(result: Embedding) -> Array:
    """The points with their axes, in the colours of `class_colours`; which class has which colour
    stands elsewhere."""
    figure, axes = chart._canvas(5.6, 4.8)
    ax, points = axes[0, 0], result.points
    look = {"s": min(40.0, max(7.0, 1000 / len(points))), "linewidths": 0}  # few must be seen, too
    if result.labels is None:
        ax.scatter(points[:, 0], points[:, 1], color=chart.LINES[0], **look)
    else:
        palette = class_colours(result.labels)
        ax.scatter(points[:, 0], points[:, 1], c=palette[result.labels] / 255, **look)
    if result.explained is not None:
        first, second = result.explained.tolist()
        ax.set_xlabel(f"first direction ({first:.0%} of the variance)")
        ax.set_ylabel(f"second direction ({second:.0%})")
    else:
        ax.set_xlabel("t-SNE: neighbours stay neighbours, distances mean little")
    ax.set_aspect("equal", "datalim")
    return chart._drawn(figure)


def _classes(labels: Array) -> Array:
    """The colours of the classes with their numbers."""
    palette, own = class_colours(labels), coloured(labels)
    parts: list[Array] = []
    for c in own.tolist():
        swatch = opaque(np.broadcast_to(palette[c], (16, 16, 3)))
        parts += [swatch, text(str(c), 16), blank(1, 8)]
    if more := len(np.unique(labels)) - len(own):
        swatch = opaque(np.broadcast_to(np.array(REST, np.uint8), (16, 16, 3)))
        parts += [swatch, text(f"+ {more} more classes", 16)]
    return beside(parts)
