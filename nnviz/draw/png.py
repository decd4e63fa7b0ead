"""PNG files: the same picture gives the same bytes."""

from __future__ import annotations

import io
from pathlib import Path

from ..engine.layer import Array
from ..files import write_bytes


def png_bytes(picture: Array) -> bytes:
    """(rows, cols, 3 or 4) uint8 as a PNG."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", compress_level=6)
    return out.getvalue()


def write_png(path: str | Path, picture: Array) -> None:
    """Write a picture as a PNG, atomically."""
    write_bytes(path, png_bytes(picture))
