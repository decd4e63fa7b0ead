"""Slopes near the picture and along ways to it: captum's, and others from their papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from captum import attr
from scipy.fft import dctn, idctn
from torch import Tensor

from ..nets import Case
from ..twin import back, there
from .entry import Entry, slopes

# Not compared: Felzenszwalb's regions of xrai, which scikit-image cuts, in nnviz too.

BASELINE, STEPS, DRAWS, NOISE = 0.2, 20, 12, 0.15
WINDOW, SHARE = 0.1, 0.25
CAPTUM = {
    "gauss_legendre": "gausslegendre",
    "midpoint": "riemann_middle",
    "left": "riemann_left",
    "right": "riemann_right",
    "trapezoid": "riemann_trapezoid",
}
"""Our names of quadratures and captum's."""


def integrated(quadrature: str) -> Callable[[Case], np.ndarray]:
    def map_(case: Case) -> np.ndarray:
        method = attr.IntegratedGradients(case.twin)
        found = method.attribute(
            case.input,
            case.ready(BASELINE),
            case.target,
            n_steps=STEPS,
            method=CAPTUM[quadrature],
        )
        return back(found)

    return map_


def noisy(case: Case) -> Iterator[Tensor]:
    """The gradient at the documented draws: standard normal noise of `default_rng(seed)`, one
    picture's shape a draw, times NOISE and the picture's own range."""
    x, rng = back(case.input), np.random.default_rng(0)
    spread = np.ptp(x, axis=(1, 2, 3), keepdims=True)
    for _ in range(DRAWS):
        points = x + NOISE * spread * rng.standard_normal(x.shape[1:])
        yield slopes(case, there(points))[1]


def smooth_grad(case: Case) -> np.ndarray:
    return back(torch.stack(list(noisy(case))).mean(0))


def smooth_grad_squared(case: Case) -> np.ndarray:
    return back((torch.stack(list(noisy(case))) ** 2).mean(0))


def var_grad(case: Case) -> np.ndarray:
    return back(torch.stack(list(noisy(case))).var(0, correction=0))


BASES = np.random.default_rng(3).random(4)
"""Four flat pictures as baselines of expected gradients and DeepLIFT-SHAP."""


def bases(case: Case) -> np.ndarray:
    return np.ones((4, *case.x.shape[1:])) * BASES[:, None, None, None]


def expected_gradients(case: Case) -> np.ndarray:
    """The expectation itself: integrated gradients, averaged over the baselines."""
    found = 0.0
    for base in bases(case):
        found += attr.IntegratedGradients(case.twin).attribute(
            case.input, case.ready(base), case.target, n_steps=300, method="riemann_middle"
        )
    return back(found / len(BASES))


def gradient_shap(case: Case) -> np.ndarray:
    torch.manual_seed(1)
    parts = torch.cat([case.ready(base)[:1] for base in bases(case)])
    method = attr.GradientShap(case.twin)
    return back(method.attribute(case.input, parts, 1000, 0.0, case.target))


def blur_ig(case: Case) -> np.ndarray:
    """Xu et al. 2020, eq. 7, by finite differences in t (σ = σ_max t²). The Gaussian is applied to
    the cosine transform, since sampled kernels are no Gaussians below a pixel of blur."""
    x, n = back(case.input), 100
    found, axes = np.zeros_like(x), (1, 2)
    waves = dctn(x, axes=axes)
    low, high = (np.pi * np.arange(k) / k for k in x.shape[1:3])
    square = (low[:, None] ** 2 + high[None, :] ** 2)[None, :, :, None]

    def blurred(t: float) -> np.ndarray:
        return idctn(waves * np.exp(-((6 * t * t) ** 2) * square / 2), axes=axes)

    for i in range(n):
        late, early = blurred(i / n), blurred((i + 1) / n)
        slope = back(slopes(case, there(blurred((i + 0.5) / n)))[1])
        found += slope * (late - early)
    return found


def start(case: Case) -> np.ndarray:
    """A picture as baseline that is not flat, where maxima would be ties."""
    return np.random.default_rng(4).random(case.x.shape[1:])


def guided_ig(case: Case) -> np.ndarray:
    """Kapishnikov et al. 2021, algorithm 1, in distances, with the gradient at the beginning of
    each step; gradients equal to 1e-5 move together."""
    x, base = back(case.input), back(case.ready(start(case)))
    point, found = base.copy(), np.zeros_like(x)
    for step in range(1, STEPS + 1):
        slope = back(slopes(case, there(point))[1])
        ends = [min(max(step / STEPS + by, 0), 1) for by in (-WINDOW, WINDOW)]
        low, high = (base + end * (x - base) for end in ends)
        for i in range(len(x)):
            before = point[i].copy()
            left = np.abs(x[i] - base[i]).sum() * (1 - step / STEPS)
            behind = np.abs(point[i] - base[i]) < np.abs(low[i] - base[i])
            point[i] = np.where(behind, low[i], point[i])
            while (far := np.abs(x[i] - point[i]).sum() - left) > 1e-9:
                ranks = np.where(np.abs(point[i] - high[i]) > 1e-13, np.abs(slope[i]), np.inf)
                limit = np.sort(ranks, axis=None)[int(SHARE * (ranks.size - 1))]
                limit = max(limit, ranks.min()) if np.isfinite(limit) else limit
                chosen = np.isfinite(ranks) & (ranks <= limit * (1 + 1e-5))
                reach = np.abs(high[i] - point[i])[chosen].sum()
                point[i][chosen] += min(far / reach, 1) * (high[i] - point[i])[chosen]
            found[i] += (point[i] - before) * slope[i]
    return found


def pixels(case: Case) -> np.ndarray:
    """captum's integrated gradients, the mean from black and from white, channels added up."""
    found = [
        attr.IntegratedGradients(case.twin).attribute(
            case.input, case.ready(level), case.target, n_steps=STEPS, method="gausslegendre"
        )
        for level in (0.0, 1.0)
    ]
    return back(sum(found) / 2).sum(-1)


def xrai(cut: Callable[[Case], list[np.ndarray]]) -> Callable[[Case], np.ndarray]:
    """Kapishnikov et al. 2019, algorithm 1: the region with the largest mean over what it would
    add comes next, while one adds anything."""

    def map_(case: Case) -> np.ndarray:
        maps = pixels(case)
        for own in maps:
            values, free, waiting = own.copy(), np.ones(own.shape, bool), cut(case)
            while waiting := [r for r in waiting if (r & free).any()]:
                gains = [values[r & free].mean() for r in waiting]
                new = waiting.pop(int(np.argmax(gains))) & free
                own[new] = values[new].mean()
                free &= ~new
        return maps

    return map_


def lattices(case: Case) -> np.ndarray:
    """Three cuts into boxes that overlap each other, as labels (maps, rows, cols)."""
    rows, cols = case.x.shape[1:3]
    r, c = np.arange(rows)[:, None], np.arange(cols)
    return np.stack([(r // n) * cols + c // m for n, m in ((5, 7), (8, 3), (11, 13))])


def boxes(case: Case) -> list[np.ndarray]:
    return [labels == k for labels in lattices(case) for k in np.unique(labels)]


def grids(case: Case) -> list[np.ndarray]:
    """The cells of grids with 2, 4, 8 and 16 cells a side."""
    rows, cols = case.x.shape[1:3]
    r, c = np.arange(rows)[:, None], np.arange(cols)
    every = [(r * n // rows) * n + c * n // cols for n in (2, 4, 8, 16) if max(rows, cols) >= 2 * n]
    return [labels == k for labels in every for k in np.unique(labels)]


def low_pass(case: Case) -> np.ndarray:
    """Muzellec et al. 2023: a disc of 4 cycles over the longer side in the full spectrum."""
    maps = back(slopes(case)[1])
    longer = max(maps.shape[1:3])
    u, v = (np.fft.fftfreq(n) * longer for n in maps.shape[1:3])
    disc = u[:, None] ** 2 + v[None, :] ** 2 <= 16 + 1e-9
    waves = np.fft.fft2(maps, axes=(1, 2)) * disc[None, :, :, None]
    return np.fft.ifft2(waves, axes=(1, 2)).real


SMOOTH = {"samples": DRAWS, "noise": NOISE, "seed": 0}
ENTRIES = [
    Entry("smooth_grad", smooth_grad, "autograd at the same draws", SMOOTH),
    Entry("smooth_grad_squared", smooth_grad_squared, "autograd at the same draws", SMOOTH),
    Entry("var_grad", var_grad, "autograd at the same draws", SMOOTH),
    *(
        Entry(
            "integrated_gradients",
            integrated(name),
            "captum IntegratedGradients",
            {"baseline": BASELINE, "steps": STEPS, "quadrature": name},
            kind="other" if name == "trapezoid" else "exact",
            note="captum's trapezoid weights add up to (n − 1) / n, so its map is that much smaller"
            if name == "trapezoid"
            else "",
        )
        for name in CAPTUM
    ),
    Entry(
        "expected_gradients",
        expected_gradients,
        "its expectation, by captum IntegratedGradients",
        lambda case: {"baselines": bases(case), "samples": 3000},
        kind="random",
    ),
    Entry(
        "expected_gradients",
        gradient_shap,
        "captum GradientShap, 1000 samples without noise",
        lambda case: {"baselines": bases(case), "samples": 3000},
        kind="random",
    ),
    Entry(
        "blur_ig",
        blur_ig,
        "Xu et al. 2020, finite differences",
        {"max_sigma": 6.0, "steps": 100, "quadrature": "midpoint"},
    ),
    Entry(
        "guided_ig",
        guided_ig,
        "Kapishnikov et al. 2021, algorithm 1",
        lambda case: {
            "baseline": start(case),
            "steps": STEPS,
            "fraction": SHARE,
            "max_distance": WINDOW,
            "within": 1,
            "quadrature": "left",
        },
    ),
    Entry(
        "xrai",
        xrai(boxes),
        "Kapishnikov et al. 2019, algorithm 1, captum's slopes",
        lambda case: {"segments": lattices(case), "steps": STEPS},
        part="values",
    ),
    Entry(
        "xrai",
        xrai(grids),
        "the same",
        {"segments": "grid", "steps": STEPS},
        part="values",
    ),
    Entry("forgrad", low_pass, "Muzellec et al. 2023, full Fourier transform", {"cutoff": 4.0}),
]
