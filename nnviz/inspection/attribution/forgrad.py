"""The gradient without its high frequencies.

Strides and pooling leave a checkerboard in the gradient that the target does not follow. FORGrad
takes it away by a low-pass filter: only waves of few cycles a picture are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ..results import Attribution
from .checks import choice, number
from .gradients import CAUSE
from .methods import method
from .question import Question
from .rules import rule_set

FILTERED = {
    "gradient": "plain",
    "input_x_gradient": "plain",
    "guided_backprop": "guided",
    "deconvnet": "rectified",
}
"""The maps that can be filtered, with their rules; `low_pass` filters any."""

PIXELS_PER_CYCLE = 8
"""Where no cut-off is given, waves shorter than this go."""


def low_pass(maps: Array, cutoff: float) -> Array:
    """Maps (N, rows, cols, …) with only the waves of at most `cutoff` cycles over the longer side.

    φ_σ = F⁻¹(F(φ) ⊙ w_σ), with w_σ = 1 where √(u² + v²) ≤ σ and 0 elsewhere; u, v: cycles over as
    many pixels as the longer side has, so that the disc is round on pictures that are not square.
    """
    maps = np.asarray(maps)
    if maps.ndim < 3 or maps.dtype.kind != "f":
        raise ArgumentError(
            f"low_pass filters floating maps (N, rows, cols, …), got {maps.dtype} {maps.shape}"
        )
    cutoff = number(cutoff, "cutoff", "low_pass")
    rows, cols = maps.shape[1:3]
    longer = max(rows, cols)
    u, v = np.fft.fftfreq(rows) * longer, np.fft.rfftfreq(cols) * longer
    # A wave that lies on the edge of the disc is in, whatever rounding says.
    kept = np.hypot(u[:, None], v[None, :]) <= cutoff * (1 + 1e-9)
    waves = np.fft.rfft2(maps.astype(np.float64), axes=(1, 2))
    waves *= kept.reshape(kept.shape + (1,) * (maps.ndim - 3))
    return np.fft.irfft2(waves, s=(rows, cols), axes=(1, 2)).astype(maps.dtype)


@method(
    "gradient",
    reference="Muzellec et al. 2023, arXiv:2307.09591",
    signed=True,
    slope=True,
    cost="1 f + 1 b",
)
def forgrad(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    of: str = "gradient",
    cutoff: float | None = None,
) -> Attribution:
    """M = Σ_k F⁻¹(F(g_k) ⊙ w_σ): a gradient map g, of which only the low frequencies are kept.

    F: the Fourier transform over rows and cols; w_σ: 1 on the disc of radius σ, 0 outside.
    values: (N, rows, cols), signed; raw: the filtered map by channel.
    of: "gradient", "input_x_gradient", "guided_backprop" or "deconvnet".
    cutoff: σ, in cycles over the picture's longer side; None for one cycle every 8 pixels.
    Muzellec, Fel, Boutin, Andéol, VanRullen, Serre 2023, section 4, arXiv:2307.09591. They choose σ
    for each network, as the one that makes the maps of a validation set most faithful (on ImageNet
    at 224×224 about 15 cycles); the default here knows nothing of the network, so compare a few.
    """
    choice(of, "map to filter", "forgrad", FILTERED)
    question = Question.of(model, x, target, "forgrad")
    sigma = max(question.x.shape[1:3]) / PIXELS_PER_CYCLE if cutoff is None else cutoff
    sigma = number(sigma, "cutoff", "forgrad")
    rule_for, warnings = rule_set(model, FILTERED[of])
    walk = question.walk(rule_for=rule_for)
    raw = walk.gradient * (question.x if of == "input_x_gradient" else 1)
    raw = low_pass(raw, sigma)
    return question.answer(
        raw.sum(axis=-1),
        scores=walk.scores,
        signed=True,
        raw=raw,
        cause=CAUSE,
        settings={"of": of, "cutoff": sigma},
        warnings=warnings,
    )
