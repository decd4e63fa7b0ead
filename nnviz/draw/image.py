"""Pictures as arrays: tiles, sheets of tiles, and scale bars.

A drawn picture is (rows, cols, 4) uint8, RGBA. What is between the tiles is transparent, and the
few numbers are in a grey that is readable on white and on black, so the same file serves light and
dark pages.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from ..engine.layer import Array
from .colour import colours

INK = (118, 118, 118)
GAP = 4
SIGNS = str.maketrans({"×": "x", "·": "-", "…": "...", "–": "-", "−": "-"})
"""Signs of our own words that the font lacks."""
NOTES = 6
"""Warnings that stand under a picture at the most."""


def pixels(x: Array) -> Array:
    """A network's picture (rows, cols, channels), uint8 or 0..1, as RGBA; grey stays grey.

    Of other channel counts than 1, 3 and 4 the mean is shown.
    """
    x = x / np.float32(255) if x.dtype == np.uint8 else x
    if x.shape[-1] not in (1, 3, 4):
        x = x.mean(axis=-1, keepdims=True)
    rgb = np.broadcast_to(x, (*x.shape[:2], 3)) if x.shape[-1] == 1 else x[..., :3]
    return opaque((np.clip(rgb, 0, 1) * 255).round().astype(np.uint8))


def block_for(rows: int, cols: int, most: int) -> int:
    """The side of the blocks by whose means a map of this size becomes at most `most` wide."""
    return max(1, -(-max(rows, cols) // most))


def coarse(values: Array, block: int) -> Array:
    """Maps or pictures (…, rows, cols[, channels] behind N) by the means of blocks of pixels; at
    the ends a block may be smaller."""
    if block == 1:
        return values
    for axis in (1, 2):
        size = values.shape[axis]
        starts = np.arange(0, size, block)
        shape = [1] * values.ndim
        shape[axis] = len(starts)
        counts = np.diff(np.append(starts, size)).reshape(shape).astype(np.float32)
        values = np.add.reduceat(values.astype(np.float32), starts, axis=axis) / counts
    return values


def heat(values: Array, low: float, high: float, name: str) -> Array:
    """A map (rows, cols) as RGBA."""
    return opaque(colours(values, low, high, name))


def opaque(rgb: Array) -> Array:
    """RGB as RGBA that hides what is behind it."""
    full = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    return np.concatenate([rgb, full], axis=-1)


def enlarge(picture: Array, factor: int) -> Array:
    """Every pixel as a square of `factor` pixels: sharp, nothing smoothed."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def factor_for(size: int, wanted: int) -> int:
    """The whole number that brings `size` pixels nearest to `wanted` without passing it."""
    return max(1, wanted // max(size, 1))


def blank(rows: int, cols: int) -> Array:
    """A transparent picture."""
    return np.zeros((rows, cols, 4), np.uint8)


def sheet(tiles: Sequence[Array], columns: int, gap: int = GAP) -> Array:
    """Tiles of one size row by row, with transparent gaps."""
    columns = max(1, min(columns, len(tiles)))
    height = max(tile.shape[0] for tile in tiles)
    width = max(tile.shape[1] for tile in tiles)
    lines = -(-len(tiles) // columns)
    out = blank(lines * (height + gap) - gap, columns * (width + gap) - gap)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        out[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return out


def below(pictures: Sequence[Array], gap: int = 2 * GAP) -> Array:
    """Pictures of any widths one under the other."""
    width = max(p.shape[1] for p in pictures)
    out = blank(sum(p.shape[0] for p in pictures) + gap * (len(pictures) - 1), width)
    top = 0
    for p in pictures:
        out[top : top + p.shape[0], : p.shape[1]] = p
        top += p.shape[0] + gap
    return out


def beside(pictures: Sequence[Array], gap: int = GAP) -> Array:
    """Pictures of any heights in a row, their upper edges in line."""
    out = blank(
        max(p.shape[0] for p in pictures),
        sum(p.shape[1] for p in pictures) + gap * (len(pictures) - 1),
    )
    left = 0
    for p in pictures:
        out[: p.shape[0], left : left + p.shape[1]] = p
        left += p.shape[1] + gap
    return out


def scale_bar(low: str, high: str, name: str, width: int) -> Array:
    """A strip of the colours with what its two ends mean under it."""
    left, right = text(low, 16), text(high, 16)
    width = max(width, left.shape[1] + right.shape[1] + 3 * GAP)
    strip = heat(np.linspace(0, 1, width)[None].repeat(8, axis=0), 0, 1, name)
    ends = blank(left.shape[0], width)
    ends[:, : left.shape[1]] = left
    ends[:, width - right.shape[1] :] = right
    return below([strip, ends], gap=2)


def text(words: str, size: int = 12, ink: tuple[int, int, int] = INK) -> Array:
    """A line of text as a picture; for numbers and node names, never for a user's own text."""
    from PIL import Image, ImageDraw, ImageFont

    words = plain(words)
    font = ImageFont.load_default(size)
    left, _, right, _ = font.getbbox(words)
    ascent = size + size // 4
    canvas = Image.new("RGBA", (max(1, int(np.ceil(right - left))), ascent + 1), (*ink, 0))
    ImageDraw.Draw(canvas).text((-left, 0), words, font=font, fill=(*ink, 255))
    return np.asarray(canvas)


def plain(words: str) -> str:
    """Words in the few letters that the font has; our own signs become what they look like."""
    return words.translate(SIGNS).encode("ascii", "replace").decode()


def notes(words: Sequence[str], width: int) -> list[Array]:
    """Warnings under a picture of this width, wrapped; of many the first `NOTES`, and how many
    there are besides."""
    shown = list(words[:NOTES])
    if len(words) > NOTES:
        shown.append(f"and {len(words) - NOTES} more: see the result's warnings")
    letters = max(60, width // 6)
    wrapped = [textwrap.wrap(plain(one), letters) for one in shown]
    return [below([text(line) for line in lines], 0) for lines in wrapped]


def number(value: float) -> str:
    """A number with as many digits as it deserves."""
    if value == 0:
        return "0"
    if 0.001 <= abs(value) < 1e5:
        return minus(f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}")
    return minus(f"{value:.1e}")


def minus(digits: str) -> str:
    """A number that was written with hyphens, with signs that are as wide as a plus."""
    return digits.replace("-", "−")
