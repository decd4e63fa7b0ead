"""Segments: a picture cut into parts that are covered or shown together.

Asking about every pixel by itself is slow and says little, since one pixel hardly changes an
answer. So the picture is cut into parts: cells of a grid, or superpixels, which follow its edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...errors import ArgumentError
from .checks import choice, whole_number

KINDS = ("auto", "grid", "superpixels")
EXTRA = "pip install 'nnviz-inspect[segments]'"


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
    return cutting(kind, KINDS, "superpixels")


def cutting(kind: Any, known: Sequence[str], finest: str) -> str:
    """One of the known ways to cut, where `finest` is the one that needs scikit-image, and "auto"
    stands for it where that is installed and for a grid where not."""
    kind = choice(kind, "kind of segments", "nnviz", known)
    has = has_skimage()
    if kind == finest and not has:
        raise ArgumentError(
            f"segments={finest!r} needs scikit-image: {EXTRA}, or use segments='grid'"
        )
    return kind if kind != "auto" else finest if has else "grid"


def has_skimage() -> bool:
    """Whether scikit-image is installed."""
    try:
        return find_spec("skimage") is not None
    except ValueError:  # a module that was taken out by name
        return False


def grid(rows: int, cols: int, count: int) -> Array:
    """(rows, cols): about `count` cells, as square as they can be; their sides differ by at most 1
    along each axis."""
    side = np.sqrt(rows * cols / count)
    down, along = (min(n, max(1, round(n / side))) for n in (rows, cols))
    return cells((rows, cols), (down, along))


def cells(size: tuple[int, int], counts: tuple[int, int]) -> Array:
    """(rows, cols): a grid of counts = (down, along) cells, numbered row by row."""
    down, along = (np.arange(n) * k // n for n, k in zip(size, counts, strict=True))
    return down[:, None] * counts[1] + along[None, :]


def given_labels(given: Any, shapes: Sequence[tuple[int, ...]]) -> Array | None:
    """Whole numbers in an array of one of the shapes (-1: any number); None for all else."""
    try:
        labels = np.asarray(given)
    except ValueError:
        return None
    if labels.dtype.kind in "ui" and labels.size and labels.ndim:
        for shape in shapes:
            if labels.shape == ((len(labels), *shape[1:]) if shape[0] == -1 else shape):
                return labels
    return None


def said(given: Any) -> str:
    """What was given in place of labels, for errors."""
    try:
        return f"{np.asarray(given).dtype} {np.shape(given)}"
    except ValueError:
        return "rows of different shapes"


def label_maps(given: Any, pictures: Array, count: int) -> Array:
    """What a caller gave as `segments`: a kind, or whole numbers (rows, cols) or (N, rows, cols),
    which are numbered anew from 0 in each picture."""
    if isinstance(given, str):
        return segments(pictures, kind=given, count=count)
    n, size = len(pictures), pictures.shape[1:3]
    labels = given_labels(given, [size, (1, *size), (n, *size)])
    if labels is None:
        raise ArgumentError(
            f"segments must be one of {', '.join(KINDS)}, or whole numbers of shape {size} or "
            f"{(n, *size)}, got {said(given)}"
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
