"""Small changes of a picture, after which a person would give the same answer.

Each is a kind and an amount, so that a result can say exactly what was done. Every one depends on
the picture alone (the noise on its seed as well), not on the others of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError, unknown
from ..results import Part

KINDS = {
    "shift_down": "moved {n:g} pixel(s) down",
    "shift_right": "moved {n:g} pixel(s) to the right",
    "rotate": "turned {n:g}° clockwise",
    "brightness": "{n:+g} brightness",
    "contrast": "contrast × {n:g}",
    "noise": "noise of {n:g}",
    "gradient": "a gradient step of {n:g}",
}
"""Kind -> how it is spoken of."""
OPPOSITE = {
    "shift_down": "moved {n:g} pixel(s) up",
    "shift_right": "moved {n:g} pixel(s) to the left",
    "rotate": "turned {n:g}° anticlockwise",
}
"""The same for amounts below zero."""


@dataclass(frozen=True)
class Change(Part):
    """One small change.

    kind and amount: `shift_down`, `shift_right`: whole pixels, the edge's pixels are repeated;
    `rotate`: degrees clockwise about the middle, linearly interpolated; `brightness`: added, as a
    share of the pixels' range 0..1; `contrast`: the factor on the distance from the picture's mean;
    `noise`: the standard deviation of a normal noise, the same for every picture; `gradient`: ε of
    one step x + ε sign(∂L/∂x), L the cross-entropy of the true class: the worst direction for a
    step of this size in every pixel (Goodfellow, Shlens and Szegedy 2015, section 4,
    arXiv:1412.6572). Below zero the first four go the other way. Afterwards pixels are clipped to
    0..1, or to the picture's own range where that is wider. Raises `ArgumentError` for an unknown
    kind, and for an amount that changes nothing or makes no sense.
    """

    kind: str
    amount: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("change", self.kind, KINDS, "nnviz")
        n = self.amount
        fits = isinstance(n, Real) and not isinstance(n, bool) and bool(np.isfinite(float(n)))
        if fits and self.kind.startswith("shift"):
            fits = float(n).is_integer() and n != 0
        elif fits and self.kind == "contrast":
            fits = n > 0 and n != 1
        elif fits:
            fits = n > 0 if self.kind in ("noise", "gradient") else n != 0
        if not fits:
            raise ArgumentError(f"{n!r} is no amount for the change {self.kind!r}: see Change")

    def __str__(self) -> str:
        words = OPPOSITE.get(self.kind) if self.amount < 0 else None
        n = abs(self.amount) if words else self.amount
        said = (words or KINDS[self.kind]).format(n=n)
        return said.replace("pixel(s)", "pixel" if n == 1 else "pixels")


SMALL_CHANGES = (
    Change("shift_down", 1),
    Change("shift_down", -1),
    Change("shift_right", 1),
    Change("shift_right", -1),
    Change("rotate", 3),
    Change("rotate", -3),
    Change("brightness", 0.05),
    Change("brightness", -0.05),
    Change("contrast", 1.1),
    Change("contrast", 0.9),
    Change("noise", 0.03),
    Change("gradient", 0.03),
)
"""One pixel, three degrees, 5 % of brightness, 10 % of contrast; noise and a gradient step of one
size, 3 %, so that chance and the worst case can be held against each other."""


def as_floats(x: Array) -> Array:
    """Pixels as floats: uint8 becomes 0..1."""
    if x.dtype == np.uint8:
        return np.divide(x, np.float32(255))
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def changed(model: Model, x: Array, labels: Array, change: Change, *, seed: int = 0) -> Array:
    """The pictures (N, rows, cols, channels) after the change, as floats.

    model: with one output for each class (`as_classifier`), for the gradient step; labels: (N,)
    the true classes, for the same. seed: of the noise.
    """
    x, n = as_floats(x), change.amount
    if change.kind == "shift_down":
        return x[:, np.clip(np.arange(x.shape[1]) - int(n), 0, x.shape[1] - 1)]
    if change.kind == "shift_right":
        return x[:, :, np.clip(np.arange(x.shape[2]) - int(n), 0, x.shape[2] - 1)]
    if change.kind == "rotate":
        return _rotated(x, float(n))
    each = (1, 2, 3)
    low = np.minimum(x.min(axis=each, keepdims=True), 0)
    high = np.maximum(x.max(axis=each, keepdims=True), 1)
    if change.kind == "brightness":
        new = x + x.dtype.type(n)
    elif change.kind == "contrast":
        mean = x.mean(axis=each, keepdims=True)
        new = mean + x.dtype.type(n) * (x - mean)
    elif change.kind == "noise":
        noise = np.random.default_rng(seed).standard_normal(x.shape[1:])
        new = x + (n * noise).astype(x.dtype)
    else:
        new = x + x.dtype.type(n) * np.sign(_slope(model, x, labels))
    return np.clip(new, low, high)


def _rotated(x: Array, degrees: float) -> Array:
    """Turned clockwise about the middle; beyond the border lie the border's own pixels."""
    rows, cols = x.shape[1:3]
    sin, cos = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    down = np.arange(rows)[:, None] - (rows - 1) / 2
    along = np.arange(cols)[None] - (cols - 1) / 2
    row = np.clip(cos * down - sin * along + (rows - 1) / 2, 0, rows - 1)
    col = np.clip(sin * down + cos * along + (cols - 1) / 2, 0, cols - 1)
    top, left = np.floor(row).astype(np.int64), np.floor(col).astype(np.int64)
    bottom, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, cols - 1)
    r, c = ((part[..., None]).astype(x.dtype) for part in (row - top, col - left))
    upper = x[:, top, left] * (1 - c) + x[:, top, right] * c
    lower = x[:, bottom, left] * (1 - c) + x[:, bottom, right] * c
    return upper * (1 - r) + lower * r


def _slope(model: Model, x: Array, labels: Array) -> Array:
    """A positive multiple of ∂L/∂x for every pixel, L the cross-entropy of the true class.

    ∂L/∂z_j = p_j and ∂L/∂z_t = −Σ_{j≠t} p_j; the p_j are scaled to a largest of 1, because of a
    very sure answer they would round to zero, and a zero slope would pass for a firm answer.
    """
    trace = model.run(x)
    name = model.logits_name
    z = trace[name].y
    flat, at = z.reshape(len(x), -1).astype(np.float64), np.arange(len(x))
    flat[at, labels] = -np.inf
    seed = np.exp(flat - flat.max(axis=1, keepdims=True))
    seed[at, labels] = -seed.sum(axis=1)
    grads = model.backward(trace, {name: seed.reshape(z.shape).astype(z.dtype)}, until=(INPUT,))
    return model.input.pixel_gradient(grads[INPUT])
