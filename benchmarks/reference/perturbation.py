"""Pictures changed and run again: captum's, and Shapley values by going through all subsets."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import factorial
from typing import Any

import numpy as np
import torch
from captum import attr
from torch import Tensor

from ..nets import Case
from ..twin import back
from .entry import Entry, scores

FILL = 0.3


def patches(stride: int) -> Any:
    """A patch and a stride for each picture's size; stride 2 ends at its last row and col."""

    def options(case: Case) -> Mapping[str, Any]:
        cols = 4 + case.x.shape[2] % 2
        return {"patch": (4, cols), "stride": stride, "fill": FILL}

    return options


def occlusion(stride: int) -> Any:
    def map_(case: Case) -> np.ndarray:
        options = patches(stride)(case)
        channels = case.x.shape[3]
        found = attr.Occlusion(case.twin).attribute(
            case.input,
            (channels, *options["patch"]),
            (channels, stride, stride),
            case.ready(FILL),
            case.target,
        )
        return back(found)[..., 0]

    return map_


def grid(case: Case, rows: int = 2, cols: int = 4) -> np.ndarray:
    """(rows, cols) of the picture: the number of its cell."""
    down, along = case.x.shape[1:3]
    row, col = np.arange(down) * rows // down, np.arange(along) * cols // along
    return row[:, None] * cols + col


def masked(case: Case, labels: np.ndarray, kept: Tensor) -> Tensor:
    """The pictures where segment s is shown as far as kept[s] is 1, else the fill."""
    shown = kept[torch.tensor(labels)][None, None]
    return case.input * shown + case.ready(FILL) * (1 - shown)


def shapley(case: Case) -> np.ndarray:
    """φ_s = Σ over subsets T without s of |T|! (m − 1 − |T|)! / m! · (v(T ∪ s) − v(T))."""
    labels = grid(case)
    m = int(labels.max()) + 1
    worth = {
        kept: scores(case, masked(case, labels, torch.tensor(kept, dtype=torch.float64))).numpy()
        for kept in product((0, 1), repeat=m)
    }
    values = np.zeros((len(case.x), m))
    for kept, value in worth.items():
        size = sum(kept)
        for s in range(m):
            if not kept[s]:
                share = factorial(size) * factorial(m - 1 - size) / factorial(m)
                values[:, s] += share * (worth[(*kept[:s], 1, *kept[s + 1 :])] - value)
    return values[:, labels]


def feature_ablation(case: Case) -> np.ndarray:
    mask = torch.tensor(grid(case))[None, None].expand(1, case.x.shape[3], -1, -1)
    found = attr.FeatureAblation(case.twin).attribute(
        case.input, case.ready(FILL), case.target, feature_mask=mask
    )
    return back(found)[..., 0]


ENTRIES = [
    Entry("occlusion", occlusion(2), "captum Occlusion", patches(2), part="values"),
    Entry(
        "occlusion",
        occlusion(3),
        "captum Occlusion",
        patches(3),
        part="values",
        kind="other",
        note="where the stride does not end at the border, captum clips the last patch and ours "
        "slides it inward whole",
    ),
]
