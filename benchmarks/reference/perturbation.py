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

FILL, SEGMENTS, SAMPLES = 0.3, 8, 120


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
    """(rows, cols) of the picture: the number of its cell, SEGMENTS in all if not told else."""
    down, along = case.x.shape[1:3]
    row, col = np.arange(down) * rows // down, np.arange(along) * cols // along
    return row[:, None] * cols + col


def masked(case: Case, labels: np.ndarray, kept: Tensor) -> Tensor:
    """The pictures where segment s is shown as far as kept[s] is 1, else the fill."""
    shown = kept[torch.tensor(labels)][None, None]
    return case.input * shown + case.ready(FILL) * (1 - shown)


def worths(case: Case, shown: np.ndarray) -> np.ndarray:
    """v of each row of `shown` (m, segments), for each picture: (m, N)."""
    labels, kept = grid(case), torch.tensor(shown, dtype=torch.float64)
    return np.stack([scores(case, masked(case, labels, row)).numpy() for row in kept])


def spread(case: Case, parts: np.ndarray) -> np.ndarray:
    """(segments, N) as maps (N, rows, cols)."""
    return parts.T[:, grid(case)]


def shapley(case: Case) -> np.ndarray:
    """φ_s = Σ over subsets T without s of |T|! (m − 1 − |T|)! / m! · (v(T ∪ s) − v(T))."""
    subsets = list(product((0, 1), repeat=SEGMENTS))
    worth = dict(zip(subsets, worths(case, np.array(subsets)), strict=True))
    parts = np.zeros((SEGMENTS, len(case.x)))
    for kept, value in worth.items():
        share = factorial(sum(kept)) * factorial(max(SEGMENTS - 1 - sum(kept), 0))
        for s in range(SEGMENTS):
            if not kept[s]:
                gain = worth[(*kept[:s], 1, *kept[s + 1 :])] - value
                parts[s] += share / factorial(SEGMENTS) * gain
    return spread(case, parts)


def by_captum(case: Case, method: Any, labels: np.ndarray, **options: Any) -> np.ndarray:
    """A captum method over segments."""
    mask = torch.tensor(labels)[None, None].expand(1, case.x.shape[3], -1, -1).contiguous()
    found = method(case.twin).attribute(
        case.input, case.ready(FILL), case.target, feature_mask=mask, **options
    )
    return back(found)[..., 0]


def feature_ablation(case: Case) -> np.ndarray:
    return by_captum(case, attr.FeatureAblation, grid(case))


def captum_shapley(case: Case) -> np.ndarray:
    """captum goes through all orders, so that there are few segments."""
    return by_captum(case, attr.ShapleyValues, grid(case, 2, 2))


def captum_sampling(case: Case) -> np.ndarray:
    torch.manual_seed(2)
    return by_captum(case, attr.ShapleyValueSampling, grid(case), n_samples=200)


def lime(case: Case) -> np.ndarray:
    """Ribeiro et al. 2016, eq. 2 with the ridge penalty, by the normal equations, at the documented
    draws (`default_rng(seed).random((samples, k)) < ½`, the first all ones)."""
    shown = np.random.default_rng(0).random((SAMPLES, SEGMENTS)) < 0.5
    shown[0] = True
    distance = 1 - np.sqrt(shown.sum(1) / SEGMENTS)
    weight = np.diag(np.exp(-(distance**2) / 0.25**2))
    z = np.hstack([np.ones((SAMPLES, 1)), shown])
    penalty = np.diag([0.0, *[1.0] * SEGMENTS])
    beta = np.linalg.solve(z.T @ weight @ z + penalty, z.T @ weight @ worths(case, shown))
    return spread(case, beta[1:])


def rise(centred: bool) -> Any:
    """Petsiuk et al. 2018, eq. 6 with the masks' own mean as divisor, at the same masks; centred:
    less the mean score."""

    def map_(case: Case) -> np.ndarray:
        from nnviz.inspection.attribution.perturbation.rise import random_masks

        size = case.x.shape[1:3]
        above, below, mean = np.zeros(case.x.shape[:3]), np.zeros(size), np.zeros(len(case.x))
        for mask in random_masks(size, (5, 5), 0.5, SAMPLES, 0):
            m = torch.tensor(mask)[None, None]
            score = scores(case, case.input * m + case.ready(FILL) * (1 - m)).numpy()
            above += score[:, None, None] * mask
            below += mask
            mean += score / SAMPLES
        return above / below - centred * mean[:, None, None]

    return map_


def sobol(case: Case) -> np.ndarray:
    """Fel et al. 2021 with Jansen's estimator of the total indices, at the same points."""
    from nnviz.inspection.attribution.perturbation.sobol import designs

    a, b = designs(SEGMENTS, 32, 0)
    of_a, of_b = worths(case, a), worths(case, b)
    parts = []
    for j in range(SEGMENTS):
        mixed = np.where(np.arange(SEGMENTS) == j, b, a)
        parts.append(((of_a - worths(case, mixed)) ** 2).sum(0) / (2 * 32))
    variance = np.var(np.concatenate([of_a, of_b]), axis=0, ddof=1)
    return spread(case, np.array(parts) / variance)


def hsic(case: Case) -> np.ndarray:
    """Novello et al. 2022: tr(K_j H L H) / (n − 1)² with whole matrices, at the same draws."""
    from nnviz.inspection.attribution.perturbation.hsic import balanced

    shown, n = balanced(SEGMENTS, SAMPLES, 0), SAMPLES
    centre = np.eye(n) - 1 / n
    parts = np.zeros((SEGMENTS, len(case.x)))
    for i, worth in enumerate(worths(case, shown).T):
        apart = np.abs(worth[:, None] - worth[None])
        sigma = np.median(apart[np.triu_indices(n, 1)])
        kernel = centre @ np.exp(-(apart**2) / (2 * sigma**2)) @ centre
        for j in range(SEGMENTS):
            same = (shown[:, j, None] == shown[None, :, j]) - 0.5
            parts[j, i] = np.trace(same @ kernel) / (n - 1) ** 2
    return spread(case, parts)


def given(**options: Any) -> Any:
    """Options with the grid as segments."""
    return lambda case: {"segments": grid(case), "fill": FILL, **options}


SUBSETS = "the sum over all subsets"
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
    Entry("feature_ablation", feature_ablation, "captum FeatureAblation", given(), part="values"),
    Entry("shapley_exact", shapley, SUBSETS, given(), part="values"),
    Entry(
        "shapley_exact",
        captum_shapley,
        "captum ShapleyValues",
        lambda case: {"segments": grid(case, 2, 2), "fill": FILL},
        part="values",
    ),
    Entry("shapley_sampling", shapley, SUBSETS, given(samples=400), part="values", kind="random"),
    Entry(
        "shapley_sampling",
        captum_sampling,
        "captum ShapleyValueSampling, 200 orders",
        given(samples=400),
        part="values",
        kind="random",
    ),
    Entry("kernel_shap", shapley, SUBSETS, given(), part="values"),
    Entry("lime", lime, "the normal equations", given(samples=SAMPLES, seed=0), part="values"),
    *(
        Entry(
            "rise",
            rise(centred),
            "the sum, at the same masks",
            {"samples": SAMPLES, "cells": 5, "fill": FILL, "centred": centred, "seed": 0},
            part="values",
        )
        for centred in (True, False)
    ),
    Entry("sobol", sobol, "Jansen's sum, at the same points", given(samples=32), part="values"),
    Entry("hsic", hsic, "the trace, at the same draws", given(samples=SAMPLES), part="values"),
]
