"""Whether the network is as often right as it says: of answers given at 80 %, are 80 % right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.layer import Array, whole
from ..results import Provenance, Result
from .intervals import wilson
from .mistakes import Mistakes


@dataclass(frozen=True)
class Calibration(Result):
    """The reliability diagram's numbers, for the B bins that hold any answer.

    edges: (B, 2), the confidences low < c ≤ high of each bin. counts: (B,) answers in it.
    confidence, accuracy: (B,), their mean confidence and the share that is right; intervals: (B, 2)
    its 95 % Wilson interval. ece, mce: the expected and the largest gap between the two, 0..1.
    overconfidence: mean confidence minus accuracy over all pictures, above 0 where it says too
    much. bins: how many there were to begin with.
    """

    edges: Array
    counts: Array
    confidence: Array
    accuracy: Array
    intervals: Array
    ece: float
    mce: float
    overconfidence: float
    bins: int
    provenance: Provenance


def calibration(found: Mistakes, *, bins: int = 15) -> Calibration:
    """ECE = Σ_m |B_m| / N · |acc(B_m) − conf(B_m)|, over M = `bins` equal parts of 0..1.

    B_m: the answers whose confidence lies in ((m − 1) / M, m / M]; acc the share of them that is
    right, conf their mean confidence, the probability of the class answered; N all answers. MCE is
    the largest of the gaps. Guo, Pleiss, Sun and Weinberger 2017, eqs. 2 to 4, arXiv:1706.04599.
    The estimate depends on the bins, and of few pictures it is too large: chance alone opens gaps.
    Raises `ArgumentError` where `bins` is no whole number of at least 1.
    """
    bins = whole(bins, "bins")
    sure = found.confidence.astype(np.float64)
    right = found.predicted == found.labels
    places = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    held = np.flatnonzero(counts)
    sums = [np.bincount(places, weights, bins)[held] for weights in (sure, right)]
    confidence, accuracy = (total / counts[held] for total in sums)
    gaps = np.abs(accuracy - confidence)
    return Calibration(
        edges=np.stack([held / bins, (held + 1) / bins], axis=1),
        counts=counts[held],
        confidence=confidence,
        accuracy=accuracy,
        intervals=np.array(
            [wilson(int(r), int(n)) for r, n in zip(sums[1], counts[held], strict=True)]
        ),
        ece=float((counts[held] * gaps).sum() / len(sure)),
        mce=float(gaps.max()),
        overconfidence=float(sure.mean() - right.mean()),
        bins=bins,
        provenance=Provenance(found.provenance.model, "calibration", settings={"bins": bins}),
    )
