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

BASELINE, STEPS, DRAWS, NOISE = 0.2, 20, 12, 0.15
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
    Entry("forgrad", low_pass, "Muzellec et al. 2023, full Fourier transform", {"cutoff": 4.0}),
]
