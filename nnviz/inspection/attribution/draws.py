"""Random draws around a picture: how large the noise is, and means over them with the standard
error that belongs to them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...engine.layer import Array


def noisy(
    x: Array,
    noise: float,
    rng: np.random.Generator,
    samples: int,
    axes: tuple[int, ...] = (1, 2, 3),
) -> Iterator[Array]:
    """`samples` copies x + ε of arrays (N, …), ε normal with σ = noise · (max − min) over `axes`.

    The draws are the same for all N, each scaled to its own range; so what is made of them does not
    depend on an array's place in the batch.
    """
    size = noise * np.ptp(x, axis=axes, keepdims=True)
    for _ in range(samples):
        yield x + size * rng.standard_normal(x.shape[1:]).astype(x.dtype)


def without_noise(x: Array, noise: float) -> tuple[str, ...]:
    """Warnings for pictures (N, rows, cols, channels) whose range is 0, so that noise that is a
    share of it is 0 as well."""
    flat = np.flatnonzero(np.ptp(x, axis=(1, 2, 3)) == 0) if noise > 0 else ()
    return tuple(
        f"{f'picture {i}: ' if len(x) > 1 else ''}the picture has the same value everywhere, and "
        "noise that is a share of its range is 0: the map is that of the picture alone"
        for i in flat
    )


class Moments:
    """Mean and spread of vectors that come one after the other.

    Each draw is (…, k): k numbers at every place. Kept are their mean (…, k) and the sums of
    products of their deviations, (…, k) or, `crossed`, (…, k, k), in float64 and by Welford's
    update, so that draws that are all alike have a spread of exactly zero.
    """

    def __init__(self, crossed: bool = False) -> None:
        self.crossed, self.count = crossed, 0
        self.mean: Array = np.zeros(0)
        self.products: Array = np.zeros(0)

    def add(self, draw: Array) -> None:
        """Take one more draw in."""
        draw = draw.astype(np.float64)
        self.count += 1
        if self.count == 1:
            self.mean = draw
            shape = (*draw.shape, draw.shape[-1]) if self.crossed else draw.shape
            self.products = np.zeros(shape)
            return
        before = draw - self.mean
        self.mean = self.mean + before / self.count
        after = draw - self.mean
        self.products += before[..., :, None] * after[..., None, :] if self.crossed else (
            before * after
        )  # fmt: skip

    def error(self) -> Array | None:
        """The standard error of the mean, √(Σ (v − mean)² / (n (n − 1))); None for one draw."""
        if self.count < 2:
            return None
        return np.sqrt(np.maximum(self.products, 0) / (self.count * (self.count - 1)))


def with_sum(raw: Array) -> Array:
    """(…, k) -> (…, k + 1): the channels, and their sum behind them, so that the sum's own error
    is known as well."""
    return np.concatenate([raw, raw.sum(axis=-1, keepdims=True)], axis=-1)


def joined_error(error: Array | None, raw: Array, channels: str) -> Array | None:
    """The error of channels joined by `gradients.CHANNELS`, from what `with_sum` draws gave."""
    if error is None:
        return None
    if channels in ("sum", "mean"):
        return error[..., -1] / (raw.shape[-1] if channels == "mean" else 1)
    chosen = np.abs(raw).argmax(axis=-1, keepdims=True)
    return np.take_along_axis(error[..., :-1], chosen, axis=-1)[..., 0]
