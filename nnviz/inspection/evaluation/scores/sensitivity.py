"""How much does a map change where the picture hardly does?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....engine.boundary import of_model
from ....engine.layer import Array
from ....engine.model import Model
from ...attribution.checks import generator, number, whole_number
from ...attribution.explain import explain
from ...attribution.methods import options_of
from .measures import picture_seed


@of_model
def sensitivity(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    method: str = "grad_cam",
    options: Mapping[str, Any] | None = None,
    radius: float = 0.02,
    draws: int = 10,
    seed: int = 0,
) -> Array:
    """(N,): max_d ‖M(x + δ_d) − M(x)‖₂ / ‖M(x)‖₂ over D draws; lower is better, 0 a map that stays.

    M: the method's map. δ_d: even noise within ±radius of the pixels' range 0..1, on every pixel by
    itself; changed pixels stay in the range of the picture's own values and of 0..1. The noise is
    drawn from the seed and the picture, so it is the same wherever in a batch the picture stands.
    target: None is the class predicted for the pictures as they are. NaN for a map of zeros.
    Yeh, Hsieh, Suggala, Inouye, Ravikumar 2019, definition 3, arXiv:1901.09392, estimated by the
    largest of D draws as they do, and divided by the map's size, so that methods compare.
    """
    radius = number(radius, "radius", "sensitivity", above=True)
    draws = whole_number(draws, "draws", "sensitivity")
    generator(seed, "sensitivity")
    pixels = model.input.check(x)
    if pixels.dtype == np.uint8:
        pixels = pixels.astype(np.float32) / np.float32(255)
    if target is None:
        target = tuple(model.predict(pixels).reshape(len(pixels), -1).argmax(axis=1).tolist())
    chosen = options_of(method, options, "sensitivity")
    first = explain(model, pixels, target, method=method, **chosen).values.astype(np.float64)
    size = np.sqrt((first**2).sum(axis=(1, 2)))
    axes = tuple(range(1, pixels.ndim))
    low = np.minimum(pixels.min(axis=axes, keepdims=True), 0)
    high = np.maximum(pixels.max(axis=axes, keepdims=True), 1)
    rngs = [np.random.default_rng((*picture_seed(one, seed), 4)) for one in pixels]
    worst = np.zeros(len(pixels))
    for _ in range(draws):
        noise = np.stack([rng.uniform(-radius, radius, pixels.shape[1:]) for rng in rngs])
        near = np.clip(pixels + noise.astype(pixels.dtype), low, high)
        again = explain(model, near, target, method=method, **chosen).values.astype(np.float64)
        moved = np.sqrt(((again - first) ** 2).sum(axis=(1, 2)))
        worst = np.maximum(worst, moved)
    return np.where(size > 0, worst / np.where(size > 0, size, 1), np.nan)
