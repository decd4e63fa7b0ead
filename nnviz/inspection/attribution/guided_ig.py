"""Integrated gradients along a way that looks for small slopes.

On the straight way all pixels move together, also where the gradient of some is large and noisy;
what they pick up there stays in the map. The guided way moves first the pixels whose gradient is
small at the moment, and keeps near the straight way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ..results import Attribution
from .baseline import baselines, described
from .checks import number, whole_number
from .methods import method
from .path import answer_complete, ends
from .quadrature import quadrature_points
from .question import Question

TIE = 1e-5
"""Gradients that differ by less than this share count as equal: rounding must not choose."""


@method(
    "path",
    reference="Kapishnikov et al. 2021, arXiv:2106.09788",
    signed=True,
    cost="5 steps f + 5 steps b",
)
def guided_ig(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    baseline: Any = "black",
    steps: int = 50,
    fraction: float = 0.25,
    max_distance: float = 0.08,
    within: int = 4,
    quadrature: str = "gauss_legendre",
) -> Attribution:
    """M(r, c) = Σ_k ∫ ∂S/∂x[r, c, k] dx[r, c, k] on a guided way x_0 … x_n of straight steps.

    x_0: the baseline; x_n: the picture. A feature x[r, c, k] at x' + a (x − x') has gone the share
    a of its way. Step j brings the weighted mean of the shares, Σ a |x − x'| / Σ |x − x'|, to
    (j + 1) / n: again and again, of those that may still move, the `fraction` of all features with
    the smallest |∂S/∂x| at x_j moves on to the upper end of the window, until the mean is reached.
    The window: no share is further than `max_distance` from (j + 1) / n; 0 is the straight way of
    `integrated_gradients`, 1 leaves all free.
    values: (N, rows, cols), signed; raw: by channel. They add up to S(x) − S(x') but for `gap`.
    baseline: as for `integrated_gradients`. steps: n, one gradient after the other.
    within: gradients on each step, at the points of `quadrature` (see `integrated_gradients`).
    Kapishnikov, Venugopalan, Avci, Wedin, Terry, Bolukbasi 2021, eq. 6 and algorithm 1,
    arXiv:2106.09788. They take the one gradient at the beginning of each step (within=1,
    quadrature="left"): it was chosen to be small, so what is added up with it is far from S(x) −
    S(x'). Features of equal gradient (to 1e-5) move together.
    """
    question = Question.of(model, x, target, "guided_ig")
    steps = whole_number(steps, "steps", question.method)
    share = number(fraction, "fraction", question.method, most=1)
    window = number(max_distance, "max_distance", question.method, most=1)
    rule = quadrature_points(quadrature, within, question.method, "within")
    bases = baselines(question, baseline)
    raw = np.zeros(question.x.shape)
    for base in bases:
        raw += _along(question, base, steps, share, window, rule)
    raw /= len(bases)
    settings = {
        "baseline": described(baseline),
        "steps": steps,
        "fraction": share,
        "max_distance": window,
        "within": len(rule[0]),
        "quadrature": quadrature,
    }
    return answer_complete(question, raw, ends(question, bases), settings=settings)


def _along(
    question: Question,
    base: Array,
    steps: int,
    fraction: float,
    window: float,
    rule: tuple[Array, Array],
) -> Array:
    """The integral along the guided way from one baseline, (N, rows, cols, channels)."""
    x = question.x
    way = (x - base).astype(np.float64).reshape(len(x), -1)
    length = np.abs(way).sum(axis=1, keepdims=True)
    weight = np.divide(np.abs(way), length, out=np.zeros_like(way), where=length > 0)
    raw, gone = np.zeros_like(way), np.zeros_like(way)

    def slopes(shares: list[Array]) -> Iterator[Array]:
        points = ((base + (a * way).reshape(x.shape)).astype(x.dtype) for a in shares)
        for walk in question.walks(points):
            yield walk.gradient.reshape(way.shape).astype(np.float64)

    slope = next(slopes([gone]))
    for step in range(1, steps + 1):
        rows = zip(gone, np.abs(slope), weight, strict=True)
        after = np.stack([advance(*row, step / steps, fraction, window) for row in rows])
        moved = after - gone
        # The points on the step, and its end, where the next one is decided, in one batch.
        found = slopes([gone + p * moved for p in rule[0].tolist()] + [after])
        mean = sum((w * next(found) for w in rule[1].tolist()), np.zeros_like(way))
        raw += moved * way * mean
        gone, slope = after, next(found)
    return raw.reshape(x.shape)


def advance(
    gone: Array, size: Array, weight: Array, wanted: float, fraction: float, window: float
) -> Array:
    """One step: the shares after it, (F,).

    gone: the shares before; size: |∂S/∂x|; weight: |x − x'|, adding up to one; wanted: what the
    weighted mean of the shares is to be.
    """
    low, high = max(wanted - window, 0.0), min(wanted + window, 1.0)
    gone = np.maximum(gone, low)
    if wanted >= 1:
        return np.ones_like(gone)
    while (missing := wanted - float(weight @ gone)) > 1e-12:
        movable = (gone < high) & (weight > 0)
        if not movable.any():
            break
        sizes = np.where(movable, size, np.inf)
        threshold = np.quantile(sizes, fraction, method="lower")
        threshold = max(threshold, sizes.min())  # where fewer than the fraction may move
        chosen = movable & (sizes <= threshold * (1 + TIE))
        room = float(weight[chosen] @ (high - gone[chosen]))
        if missing < room:
            gone[chosen] += missing / room * (high - gone[chosen])
            break
        gone[chosen] = high
    return gone
