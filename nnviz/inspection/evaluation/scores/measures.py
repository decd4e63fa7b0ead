"""The scores as data, and those that need no network: of a map alone, and of a map against a mask.

Here a map is what speaks *for* the target, (N, rows, cols): see `evidence`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ....engine.layer import Array
from ...attribution.methods import METHODS
from ...results import Attribution

Maps = Callable[[Array], Array]
AgainstMask = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Measure:
    """One score: what it says, which way is better, and who thought of it.

    better: 1 the higher the better, −1 the lower, 0 neither (it describes the map). share: whether
    each picture's value is 0 or 1, so that its mean is a share. of: "network", "mask" or "map":
    what it needs. ends: between which numbers it lies (of those of the network where the target is
    a class, so that they are made of probabilities).
    """

    name: str
    words: str
    better: int
    reference: str
    of: str
    share: bool = False
    ends: tuple[float, float] = (0.0, 1.0)

    @property
    def direction(self) -> str:
        """`higher is better`, `lower is better` or nothing."""
        return {1: "higher is better", -1: "lower is better", 0: ""}[self.better]


MEASURES: dict[str, Measure] = {
    one.name: one
    for one in (
        Measure("deletion", "area under the probability as the map's first pixels are taken away",
                -1, "Petsiuk et al. 2018, arXiv:1806.07421", "network"),
        Measure("insertion", "area under the probability as the map's first pixels come in",
                1, "Petsiuk et al. 2018, arXiv:1806.07421", "network"),
        Measure("insertion_minus_deletion", "the one area less the other",
                1, "Petsiuk et al. 2018, arXiv:1806.07421", "network", ends=(-1, 1)),
        Measure("pixel_flipping", "mean fall of the target as the map's first pixels are taken "
                "away", 1, "Samek et al. 2017, eq. 12, arXiv:1509.06321", "network",
                ends=(-math.inf, math.inf)),
        Measure("average_drop", "share of the probability that is lost where only the map's part "
                "shows", -1, "Chattopadhyay et al. 2018, arXiv:1710.11063", "network"),
        Measure("average_increase", "whether the probability rises where only the map's part shows",
                1, "Chattopadhyay et al. 2018, arXiv:1710.11063", "network", True),
        Measure("infidelity", "what the map leaves unexplained of the fall under squares, of 1",
                -1, "Yeh et al. 2019, eq. 1, arXiv:1901.09392", "network"),
        Measure("gini", "how unevenly the map is spread: 0 evenly, 1 on one pixel",
                0, "Chalasani et al. 2020, arXiv:1810.06583", "map"),
        Measure("entropy", "how evenly the map is spread, in nats", 0,
                "Bhatt et al. 2020, arXiv:2005.00631", "map", ends=(0, math.inf)),
        Measure("completeness_gap", "what the map leaves over of the difference that it shares out",
                -1, "Sundararajan et al. 2017, arXiv:1703.01365", "map", ends=(0, math.inf)),
        Measure("pointing", "whether the highest pixel lies in the mask", 1,
                "Zhang et al. 2018, arXiv:1608.00507", "mask", True),
        Measure("mass", "share of the positive values that lies in the mask", 1,
                "Arras et al. 2022, arXiv:2003.07258", "mask"),
        Measure("rank", "of the highest pixels, as many as the mask has, the share in the mask", 1,
                "Arras et al. 2022, arXiv:2003.07258", "mask"),
        Measure("iou", "intersection over union of these pixels and the mask", 1,
                "Everingham et al. 2010, doi:10.1007/s11263-009-0275-4", "mask"),
    )
}  # fmt: skip
"""By name."""


def evidence(result: Attribution) -> Array:
    """(N, rows, cols) float64: what speaks for the target.

    The values themselves; of a method whose values are slopes their size, since the sign of a slope
    says which way to change a pixel and not whether it speaks for the target. NaN counts as 0.
    """
    return speaking(result.values, result.provenance.method, result.signed)


def speaking(values: Array, method: str, signed: bool) -> Array:
    """The same of a method's bare values."""
    values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    known = METHODS.get(method)
    slopes = known is not None and known.slope
    return np.abs(values) if slopes and signed else values


def picture_seed(picture: Array, seed: int) -> tuple[int, int]:
    """A seed of a picture's own, the same wherever in a batch it stands."""
    return seed, zlib.crc32(np.ascontiguousarray(picture).tobytes())


def order(map_: Array, rng: np.random.Generator) -> Array:
    """The pixels (rows · cols,) of one map, the highest first; equal ones in an order drawn from
    `rng`, so that a flat map is not read row by row."""
    flat = map_.ravel()
    by_chance = rng.permutation(flat.size)
    return by_chance[np.argsort(-flat[by_chance], kind="stable")]


# Of a map alone -----------------------------------------------------------------------------------


def gini(maps: Array) -> Array:
    """(N,): G = 1 − 2 Σ_k (a_(k) / ‖a‖₁) (P − k + ½) / P, a = |map|, a_(k) its k-th smallest value.

    P: the number of pixels. 0 where all are alike, 1 − 1 / P where all lies in one; 0 for a map of
    zeros. Hurley and Rickard 2009, arXiv:0811.4706; Chalasani et al. 2020, arXiv:1810.06583.
    """
    a = np.sort(np.abs(maps.reshape(len(maps), -1)), axis=1)
    count = a.shape[1]
    weights = (count - np.arange(1, count + 1) + 0.5) / count
    total = a.sum(axis=1)
    found: Array = 1 - 2 * (a @ weights) / np.where(total > 0, total, 1)
    return np.where(total > 0, found, 0.0)


def entropy(maps: Array) -> Array:
    """(N,): H = − Σ_u p_u ln p_u, p = |map| / ‖map‖₁; ln P for a map of zeros, which tells nothing.

    Bhatt, Weller, Moura 2020, eq. 5, arXiv:2005.00631.
    """
    a = np.abs(maps.reshape(len(maps), -1))
    total = a.sum(axis=1, keepdims=True)
    p = np.where(total > 0, a / np.where(total > 0, total, 1), 1 / a.shape[1])
    found: Array = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)
    return found


# Against a mask -----------------------------------------------------------------------------------


def against_mask(maps: Array, orders: Array, masks: Array) -> dict[str, Array]:
    """The scores against masks (N, rows, cols) bool, each (N,); NaN where a mask is empty.

    orders: (N, P), each map's pixels, the highest first.
    pointing: 1 where the first pixel lies in the mask (Zhang et al. 2018; without their tolerance
    of 15 pixels). mass: Σ_mask max(v, 0) / Σ max(v, 0), 0 for a map without positive values.
    rank: of the first |mask| pixels the share in the mask; iou: of these pixels and the mask.
    """
    inside = masks.reshape(len(masks), -1)
    size = inside.sum(axis=1)
    positive = np.maximum(maps.reshape(len(maps), -1), 0)
    total = positive.sum(axis=1)
    mass = (positive * inside).sum(axis=1) / np.where(total > 0, total, 1)
    ranked = np.take_along_axis(inside, orders, axis=1)
    first = np.arange(inside.shape[1]) < size[:, None]
    common = (ranked & first).sum(axis=1)
    found = {
        "pointing": ranked[:, 0].astype(np.float64),
        "mass": mass,
        "rank": common / np.maximum(size, 1),
        "iou": common / np.maximum(2 * size - common, 1),
    }
    return {name: np.where(size > 0, values, np.nan) for name, values in found.items()}


def chance_of(masks: Array) -> Array:
    """(N,): what a random map is expected to reach in pointing, mass and rank: the share of the
    picture that the mask covers. (For a random map all pixels are alike, so each of them holds the
    same share of the mass on average, and is as likely the first as any other.)"""
    return masks.reshape(len(masks), -1).mean(axis=1)
