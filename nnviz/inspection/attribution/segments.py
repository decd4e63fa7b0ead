"""Segments: a picture cut into parts that are covered or shown together.

Asking about every pixel by itself is slow and says little, since one pixel hardly changes an
answer. So the picture is cut into parts: cells of a grid, or superpixels, which follow its edges.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...errors import ArgumentError, unknown
from .checks import whole_number

KINDS = ("auto", "grid", "superpixels")


def segments(pictures: Any, *, kind: str = "auto", count: int = 50) -> Array:
    """Label maps (N, rows, cols): each pixel's segment, 0 … k − 1; k may differ by picture.

    pictures: (N, rows, cols, channels), as pixels. count: about how many segments, at most
        one for each pixel.
    kind: "grid" — cells of equal size, as square as they can be; "superpixels" — SLIC (Achanta et
        al. 2012, https://doi.org/10.1109/TPAMI.2012.120) of scikit-image (the extra `segments`),
        in Lab colours for pictures with three channels; each picture by itself, no randomness;
        "auto" — superpixels where scikit-image is installed, otherwise a grid.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim != 4 or 0 in pictures.shape or pictures.dtype.kind not in "uifb":
        raise ArgumentError(
            f"segments needs pictures of shape (N, rows, cols, channels), got {pictures.shape}"
        )
    n, rows, cols = pictures.shape[:3]
    count = min(whole_number(count, "count", "segments", most=10**9), rows * cols)
    if kind_of(kind) == "grid":
        return np.broadcast_to(grid(rows, cols, count), (n, rows, cols))
    return np.stack([_superpixels(picture, count) for picture in pictures])


def kind_of(kind: Any) -> str:
    """ "grid" or "superpixels"; what "auto" means on this machine."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise unknown("kind of segments", kind, KINDS, "nnviz")
    has = find_spec("skimage") is not None
    if kind == "superpixels" and not has:
        raise ArgumentError(
            "superpixels need scikit-image: pip install 'nnviz-inspect[segments]', or use "
            "segments='grid'"
        )
    return kind if kind != "auto" else "superpixels" if has else "grid"


def grid(rows: int, cols: int, count: int) -> Array:
    """(rows, cols): about `count` cells, as square as they can be; their sides differ by at most 1
    along each axis."""
    side = np.sqrt(rows * cols / count)
    down, along = (min(n, max(1, round(n / side))) for n in (rows, cols))
    return (np.arange(rows) * down // rows)[:, None] * along + np.arange(cols) * along // cols


def label_maps(given: Any, pictures: Array, count: int) -> Array:
    """What a caller gave as `segments`: a kind, or whole numbers (rows, cols) or (N, rows, cols),
    which are numbered anew from 0 in each picture."""
    if isinstance(given, str):
        return segments(pictures, kind=given, count=count)
    try:
        labels = np.asarray(given)
    except ValueError:
        labels = np.empty(0)
    n, size = len(pictures), pictures.shape[1:3]
    if labels.dtype.kind not in "ui" or labels.shape not in (size, (1, *size), (n, *size)):
        raise ArgumentError(
            f"segments must be one of {', '.join(KINDS)}, or whole numbers of shape {size} or "
            f"{(n, *size)}, got {type(given).__name__} of shape {labels.shape}"
        )
    maps = labels.reshape(-1, *size)
    numbered = [np.unique(m, return_inverse=True)[1].reshape(size) for m in maps]
    return np.broadcast_to(np.stack(numbered), (n, *size))


def _superpixels(picture: Array, count: int) -> Array:
    from skimage.segmentation import slic

    values = picture.astype(np.float64)
    if picture.dtype == np.uint8:
        values /= 255
    colour = values.shape[-1] == 3
    labels = slic(
        values,
        n_segments=count,
        compactness=10.0 if colour else 0.1,  # Lab runs to 100, grey to 1
        convert2lab=colour,
        start_label=0,
        channel_axis=-1,
    )
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
