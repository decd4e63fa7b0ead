"""XRAI: integrated gradients, told by regions.

A map of single pixels is hard to read. XRAI cuts the picture into overlapping regions of many sizes
and ranks them by their mean attribution; so the map says which parts of the picture count.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ..results import Attribution
from .baseline import described
from .methods import method
from .path import CAUSE, integrated
from .question import Question
from .segments import cells, cutting, given_labels, said

KINDS = ("auto", "felzenszwalb", "grid")

SCALES = (50, 100, 150, 250, 500, 1200)
"""Felzenszwalb's scales, small to large regions; the paper's."""
SMALLEST, LEAST_NEW, GROWN = 150 / 224**2, 50 / 224**2, 5 / 224
"""The paper's sizes at 224×224, as shares: the smallest region and the least that a region must add
(of the area), and by how much regions are grown so that edges lie inside (of the longer side)."""
FEWEST = 4
"""Fewer pixels are no region, however small the picture: the scales' outlines differ by as much."""
CELLS = (2, 4, 8, 16)
"""How many cells a grid has along each side."""


@method(
    "path",
    reference="Kapishnikov et al. 2019, arXiv:1906.02825",
    signed=True,
    cost="2 steps f + 2 steps b",
)
def xrai(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = None,
    baseline: Any = ("black", "white"),
    steps: int = 50,
    quadrature: str = "gauss_legendre",
) -> Attribution:
    """M(r, c) = mean of A over what the region brought in that covered (r, c) first.

    A: the integrated gradients, the mean over the baselines, the channels added up. Regions are
    taken in the order of their gain, the mean of A over those of their pixels that are not covered
    yet, until none adds enough (one pixel; with Felzenszwalb's 0.1 % of the picture, at least 4);
    pixels never covered share their own mean.
    values: (N, rows, cols), signed, piecewise constant. They add up to what A adds up to, so `gap`
    is that of the integrated gradients; raw is none, since regions have no channels.
    segments: None or "auto" for Felzenszwalb's regions at six scales, each grown a little, where
        scikit-image is installed, and for the cells of four grids where not (the provenance says
        which); "felzenszwalb" or "grid"; or regions of your own, as labels (rows, cols), or several
        such maps (maps, rows, cols), for all pictures.
    baseline, steps, quadrature: as for `integrated_gradients`.
    Kapishnikov, Bolukbasi, Viégas, Terry 2019, algorithm 1, arXiv:1906.02825. They take the largest
    channel where here the channels are added up, and resize to 224×224 first, where here the sizes
    of regions are shares of the picture's.
    """
    question = Question.of(model, x, target, "xrai")
    kind, covers = regions(question, segments)
    least = _pixels(LEAST_NEW, *question.x.shape[1:3]) if kind == "felzenszwalb" else 1
    pixels = integrated(question, baseline, steps, quadrature)
    values = np.stack(
        [ranked(map_, one, least) for map_, one in zip(pixels.values, covers, strict=True)]
    )
    settings = {
        "segments": kind,
        "baseline": described(baseline),
        "steps": steps,
        "quadrature": quadrature,
    }
    return question.answer(
        values,
        scores=pixels.scores,
        signed=True,
        gap=pixels.gap,
        cause=CAUSE,
        settings=settings,
        warnings=tuple(w for w in pixels.warnings if "adds up to" in w),
    )


def ranked(values: Array, covers: list[Array], least: int = 1) -> Array:
    """Regions in the order of their gain: values (rows, cols), covers the pixels of each region, as
    numbers in row-major order -> (rows, cols). least: how many pixels a region must add."""
    from scipy.sparse import csr_array

    flat = values.astype(np.float64).ravel()
    ends = np.cumsum([0, *map(len, covers)])
    pixels = np.concatenate(covers)
    inside = csr_array((np.ones(len(pixels)), pixels, ends), shape=(len(covers), flat.size)).tocsc()
    sums, sizes = inside @ flat, np.diff(ends)
    free, map_ = np.ones(flat.size, bool), np.empty(flat.size)
    while (enough := sizes >= least).any():
        gain = np.where(enough, sums / np.maximum(sizes, 1), -np.inf)
        chosen = covers[int(gain.argmax())]
        new = chosen[free[chosen]]
        map_[new] = flat[new].mean()
        free[new] = False
        gone = inside[:, new]
        sums = sums - gone @ flat[new]
        sizes = sizes - gone.sum(axis=1)
    if free.any():
        map_[free] = flat[free].mean()
    return map_.reshape(values.shape)


def regions(question: Question, given: Any) -> tuple[Any, list[list[Array]]]:
    """What the regions are, for the provenance, and for each picture the pixels of each."""
    n, size = len(question), question.x.shape[1:3]
    if given is None or isinstance(given, str):
        kind = cutting("auto" if given is None else given, KINDS, "felzenszwalb")
        if kind == "grid":
            return kind, [by_label(grids(size))] * n
        return kind, [felzenszwalb(picture) for picture in question.x]
    labels = given_labels(given, [size, (-1, *size)])
    if labels is None:
        raise ArgumentError(
            f"segments of xrai must be one of {', '.join(KINDS)}, or whole numbers of shape {size} "
            f"or (maps, {size[0]}, {size[1]}), got {said(given)}"
        )
    labels = labels.reshape(-1, *size)
    return described(labels), [by_label(labels)] * n


def by_label(labels: Array) -> list[Array]:
    """The pixels of each region, from labels (maps, rows, cols): numbers in row-major order. A
    truth value for each pixel and region would be more than a picture's memory holds."""
    found = []
    for map_ in labels.reshape(len(labels), -1):
        order = np.argsort(map_, kind="stable")
        found += np.split(order, np.flatnonzero(np.diff(map_[order])) + 1)
    return found


def grids(size: tuple[int, int]) -> Array:
    """Labels (maps, rows, cols) of grids with 2, 4, 8, 16 cells a side, as far as a cell has more
    than one pixel."""
    maps: list[Array] = []
    for count in CELLS:
        if not maps or max(size) >= 2 * count:
            maps.append(cells(size, (min(count, size[0]), min(count, size[1]))))
    return np.stack(maps)


def felzenszwalb(picture: Array) -> list[Array]:
    """The pixels of each of Felzenszwalb's regions at several scales, grown, for one picture of the
    network's input (rows, cols, channels), which is brought to −1..1 first."""
    from scipy.ndimage import binary_dilation
    from skimage.segmentation import felzenszwalb as segment

    rows, cols = picture.shape[:2]
    image = picture.astype(np.float64)
    spread = np.ptp(image)
    image = (image - image.min()) / (spread if spread > 0 else 1) * 2 - 1
    radius = round(GROWN * max(rows, cols))
    reach = np.arange(-radius, radius + 1)
    disc = np.hypot(reach[:, None], reach[None, :]) <= radius
    found = []
    for scale in SCALES:
        smallest = _pixels(SMALLEST, rows, cols)
        labels = segment(image, scale=scale, sigma=0.8, min_size=smallest, channel_axis=-1)
        for label in np.unique(labels):
            mask = labels == label
            found.append(np.flatnonzero(binary_dilation(mask, disc) if radius else mask))
    return found


def _pixels(share: float, rows: int, cols: int) -> int:
    """A share of the area in pixels; on small pictures at least `FEWEST`."""
    return max(FEWEST, round(share * rows * cols))
