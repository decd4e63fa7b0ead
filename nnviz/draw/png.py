"""PNG files: the same picture gives the same bytes."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..engine.layer import Array
from ..files import write_bytes

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LARGE = 128 * 128
"""Pixels from which on it is worth looking for a table of colours."""
SPARSE = 16
"""Every how many rows are looked at first."""


def png_bytes(picture: Array) -> bytes:
    """(rows, cols, 3 or 4) uint8 as a PNG."""
    from PIL import Image

    out = io.BytesIO()
    image = _by_table(picture) or Image.fromarray(picture)
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def data_uri(picture: Array) -> str:
    """A picture as a PNG inside a page."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode()


def _by_table(picture: Array) -> Picture | None:
    """A large picture of at most 256 colours, none of them see-through, as numbers in a table of
    colours: a third of the bytes of a heat map. None where there are more."""
    from PIL import Image

    if picture.shape[0] * picture.shape[1] < LARGE or (picture[..., 3:] < 255).any():
        return None
    if len(np.unique(_numbers(picture[::SPARSE]))) > 256:
        return None  # sorting all pixels of a large diagram takes seconds: a few rows say enough
    colours, places = np.unique(_numbers(picture), return_inverse=True)
    if len(colours) > 256:
        return None
    image = Image.fromarray(places.reshape(picture.shape[:2]).astype(np.uint8), "P")
    table = np.stack([colours >> 16, (colours >> 8) & 255, colours & 255], axis=1)
    image.putpalette(table.astype(np.uint8).tobytes())
    return image


def _numbers(picture: Array) -> Array:
    """Each pixel's colour as one number, (rows, cols)."""
    red, green, blue = (picture[..., k].astype(np.uint32) for k in range(3))
    return (red << 16) | (green << 8) | blue


def write_png(path: str | Path, picture: Array) -> None:
    """Write a picture as a PNG, atomically."""
    write_bytes(path, png_bytes(picture))
