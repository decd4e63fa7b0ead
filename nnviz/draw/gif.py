"""Animations: the ascent of activation maximization as a GIF.

A GIF has 256 colours; grey pictures lose nothing, colour pictures are dithered.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..engine.layer import Array
from ..errors import ArgumentError
from ..files import write_bytes
from ..inspection.maximize import Maximized
from .image import enlarge, factor_for, pixels, sheet

TILE = 112
"""About how many pixels wide a picture is drawn."""
LAST = 20
"""How many times as long as another the last picture, the one kept, is shown."""
PAPER = 255
"""What is between the tiles: a GIF's transparency would show through from frame to frame."""


def save_animation(result: Maximized, path: str | Path, *, seconds: float = 4.0) -> Path:
    """Write the snapshots and then the pictures kept as a `.gif` that repeats; returns the path.

    result: of `maximize(…, snapshots=24)`. seconds: how long one round takes.
    Raises `ArgumentError` for a result without snapshots, or another ending.
    """
    path = Path(path)
    if path.suffix != ".gif":
        raise ArgumentError(f"cannot animate into {path.name!r}: the file must end in .gif")
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0.1 <= seconds <= 600:
        raise ArgumentError(f"seconds must be a number in 0.1 … 600, got {seconds!r}")
    if not isinstance(result, Maximized) or result.snapshots is None:
        raise ArgumentError(
            "there is nothing to animate: use a result of nv.maximize(..., snapshots=24)"
        )
    write_bytes(path, gif_bytes([*result.snapshots, result.values], float(seconds)))
    return path


def gif_bytes(frames: list[Array], seconds: float) -> bytes:
    """Frames, each of pictures (N, rows, cols, channels), as a GIF."""
    from PIL import Image

    drawn = [Image.fromarray(_frame(values)) for values in frames]
    if frames[0].shape[-1] not in (3, 4):
        drawn = [frame.convert("L") for frame in drawn]
    each = max(20, round(1000 * seconds / (len(frames) - 1 + LAST)))
    out = io.BytesIO()
    drawn[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=drawn[1:],
        duration=[each] * (len(frames) - 1) + [each * LAST],
        loop=0,
    )
    return out.getvalue()


def _frame(values: Array) -> Array:
    """One frame, (rows, cols, 3)."""
    factor = factor_for(values.shape[2], TILE)
    tiles = sheet([enlarge(pixels(v), factor) for v in values], 5)
    return np.where(tiles[..., 3:] == 0, np.uint8(PAPER), tiles[..., :3])
