"""Integrated gradients along a way of blurring, from the blurred picture to the sharp one.

Between a black picture and a photograph lie dim photographs, which no network was trained on.
Between a blurred picture and the sharp one lie less and less blurred ones; so the attribution says
as well at which scale a detail counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ..results import Attribution
from .checks import number
from .methods import method
from .path import answer_complete
from .quadrature import quadrature_points
from .question import Question

CAUSE = (
    "blurring does not change the picture, or the target does not move while it is blurred; try "
    "integrated_gradients, or another class"
)


@lru_cache(maxsize=8)
def cosines(size: int) -> tuple[Array, Array]:
    """The waves that fit between reflecting borders, as rows (size, size), and their frequencies
    (size,) in radians a pixel: the type-II cosine transform, orthonormal."""
    frequencies = np.pi * np.arange(size) / size
    waves = np.cos(frequencies[:, None] * (np.arange(size) + 0.5)) * np.sqrt(2 / size)
    waves[0] = np.sqrt(1 / size)
    return waves, frequencies


class Blurred:
    """Pictures (N, rows, cols, channels) at any blur σ, in pixels, and how they change with σ.

    A Gaussian blur multiplies a wave of frequency ω by exp(−σ² ω² / 2), and its derivative for σ by
    −σ ω² as well. Beyond its borders the picture is continued by its mirror image, so that σ = ∞
    leaves its mean colour.
    """

    def __init__(self, x: Array) -> None:
        self.down, low = cosines(x.shape[1])
        self.along, high = cosines(x.shape[2])
        self.square = (low[:, None] ** 2 + high[None, :] ** 2)[..., None]
        self.waves = self._transform(x.astype(np.float64), self.down, self.along)

    @staticmethod
    def _transform(x: Array, down: Array, along: Array) -> Array:
        return np.einsum("pr,nrck,qc->npqk", down, x, along, optimize=True)

    def at(self, sigma: float) -> Array:
        """The pictures, blurred."""
        kept = self.waves * np.exp(-(sigma**2) * self.square / 2)
        return self._transform(kept, self.down.T, self.along.T)

    def slope(self, sigma: float) -> Array:
        """∂ at(σ) / ∂σ."""
        kept = self.waves * np.exp(-(sigma**2) * self.square / 2)
        return self._transform(-sigma * self.square * kept, self.down.T, self.along.T)


@method(
    "path",
    reference="Xu et al. 2020, arXiv:2004.03383",
    signed=True,
    cost="steps f + steps b",
)
def blur_ig(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    max_sigma: float | None = None,
    steps: int = 50,
    quadrature: str = "gauss_legendre",
) -> Attribution:
    """M(r, c) = Σ_k ∫ from σ_max to 0 of ∂S/∂L[r, c, k] (L(σ)) · ∂L[r, c, k](σ)/∂σ dσ.

    L(σ): the picture, blurred by a Gaussian of σ pixels; S: the target (for a class, its logit).
    values: (N, rows, cols), signed; raw: by channel. They add up to S(x) − S(L(σ_max)) but for
    `gap`, (N,), relative to that difference.
    max_sigma: in pixels; None for half of the longer side, which leaves little but the mean colour.
    steps, quadrature: as for `integrated_gradients`, in t with σ = σ_max · t², since most of a
    picture is lost to the first pixels of blur.
    Xu, Venugopalan, Sundararajan 2020, eq. 7, arXiv:2004.03383. They take finite differences for
    ∂L/∂σ, which here is exact, and let black in over the borders, where here the picture is
    mirrored.
    """
    question = Question.of(model, x, target, "blur_ig")
    longer = max(question.x.shape[1:3])
    most = longer / 2 if max_sigma is None else number(max_sigma, "max_sigma", question.method)
    points, weights = quadrature_points(quadrature, steps, question.method)
    pictures, dtype = Blurred(question.x), question.x.dtype

    def along() -> Iterator[Array]:
        for t in points.tolist():
            yield pictures.at(most * t * t).astype(dtype)

    raw = np.zeros(question.x.shape)
    way = zip(points.tolist(), weights.tolist(), question.walks(along()), strict=True)
    for t, weight, walk in way:
        # dσ/dt = 2 σ_max t; minus, since the way leads from the blur to the picture
        raw -= weight * 2 * most * t * pictures.slope(most * t * t) * walk.gradient
    sharp, blurred = question.scores([question.x, pictures.at(most).astype(dtype)])
    settings = {"max_sigma": most, "steps": len(points), "quadrature": quadrature}
    return answer_complete(question, raw, (sharp, blurred), cause=CAUSE, settings=settings)
