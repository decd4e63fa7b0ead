"""Normalization: numbers of mean 0 and variance 1, channel by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape, whole
from ..lines import channel_dots, channel_sums, in_cache, lines, settled_lines, spread
from ..window import POINTWISE, SlidingWindow

NEAR = 16.0
"""Where no channel's squared mean is above so many times its variance, x may stand for x − μ in a
sum, and μ be taken off afterwards: the few digits that cancel are not missed, and no walk is made
over the map to take it off first."""


class _Moments(NamedTuple):
    """How many values, their mean, and squared deviations from it, by channel (float64)."""

    n: int
    mean: Array
    squares: Array

    @property
    def near(self) -> bool:
        """Whether the means are small beside the deviations; not where a number is NaN."""
        return bool((self.n * self.mean**2 <= NEAR * self.squares).all())


class _Saved(NamedTuple):
    """What backward needs: μ, 1 / √(σ² + ε), and the moments of a batch."""

    mean: Array
    inverse: Array
    batch: _Moments | None


class BatchNormalization(Layer):
    """y = γ (x − μ) / √(σ² + ε) + β, for each channel.

    While training μ and σ² are the batch's own mean and (population) variance over all pictures,
    rows and cols, and the running statistics follow them: moving ← momentum · moving +
    (1 − momentum) · batch, as in Keras. At prediction they are the running statistics, and the
    layer is affine. Ioffe and Szegedy 2015, algorithm 1, arXiv:1502.03167; they use the unbiased
    variance at prediction.

    With x̂ = (x − μ)/√(σ² + ε) and N values a channel, in training
    dx = γ/√(σ² + ε) · (dy − Σdy / N − x̂ · Σ(dy·x̂) / N).
    """

    couples = True
    by_channel = True
    forgets = True
    repeats = True

    def __init__(
        self, *, momentum: float = 0.99, epsilon: float = 1e-3, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        if not 0 <= momentum <= 1 or not epsilon > 0:
            raise ArgumentError(
                f"momentum must lie in [0, 1] and epsilon above 0, got {momentum!r}, {epsilon!r}"
            )
        self.momentum, self.epsilon = float(momentum), float(epsilon)

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        return {"gamma": shapes[0][-1:], "beta": shapes[0][-1:]}

    def buffer_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        return {"moving_mean": shapes[0][-1:], "moving_variance": shapes[0][-1:]}

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        ones = name in ("gamma", "moving_variance")
        return np.ones(shape, np.float32) if ones else np.zeros(shape, np.float32)

    def forward_part(self, *xs: Array, mode: Mode) -> _Moments:
        (x,) = xs
        found = _Moments(x.size // x.shape[-1], *np.empty((2, x.shape[-1])))
        mode.do(_measure, x, found)
        return found

    def forward_total(self, parts: Sequence[_Moments]) -> _Moments:
        """Chan, Golub, LeVeque 1979: moments of two sets as moments of their union."""
        total = parts[0]
        for part in parts[1:]:
            count = total.n + part.n
            gap = part.mean - total.mean
            mean = total.mean + gap * (part.n / count)
            squares = total.squares + part.squares + gap**2 * (total.n * part.n / count)
            total = _Moments(count, mean, squares)
        return total

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, _Saved]:
        (x,) = xs
        batch = None
        if mode.train:
            batch = mode.totals or self.forward_total([self.forward_part(x, mode=mode)])
        mean, inverse = np.empty((2, x.shape[-1]), x.dtype)
        saved = _Saved(mean, inverse, batch)
        if batch is not None:
            y = mode.new(x.shape, x.dtype)
            mode.do(_normalize, self, x, saved, y)
            return y, saved
        _keep(self, saved)
        if mode.private:
            return self.on_patches(x, inside=lambda: None, mode=mode), saved
        x, y = mode.in_order(x), mode.new(x.shape, x.dtype)
        centre, scale, shift = settled_lines(3, _lay_centred, self, x, mode)
        flat = lines(y)
        mode.do(np.subtract, lines(x), centre, out=flat)
        mode.do(np.multiply, flat, scale, out=flat)
        mode.do(np.add, flat, shift, out=flat)
        return y, saved

    def on_patches(self, *xs: Array, inside: Callable[[], Array | None], mode: Mode) -> Array:
        """s x + t: one walk less than forward's way, which loses no digits where the mean is
        large."""
        x = mode.in_order(xs[0])
        y = mode.new(x.shape, x.dtype)
        scale, shift = settled_lines(2, _lay_straight, self, x, mode)
        _straight(x, scale, shift, y, mode)
        return y

    def backward_part(self, dy: Array, call: Call) -> tuple[Array, Array]:
        plain, normal = np.empty((2, dy.shape[-1]))
        call.mode.do(_measure_back, dy, call.x, call.saved, plain, normal)
        return plain, normal

    def backward_total(self, parts: Sequence[tuple[Array, Array]]) -> Any:
        plain, normal = parts[0]
        for more_plain, more_normal in parts[1:]:
            plain, normal = plain + more_plain, normal + more_normal
        return plain, normal

    def backward(self, dy: Array, call: Call) -> Array:
        mode, dx = call.mode, call.mode.over(dy)
        if call.saved.batch is None:
            dy = mode.in_order(dy)
            by, _ = settled_lines(2, _lay_straight, self, dy, mode)
            mode.do(np.multiply, lines(dy), by, out=lines(dx))
            return dx
        totals = mode.totals or self.backward_part(dy, call)
        room = mode.temp(next(in_cache(lines(dy)))[0].shape, dy.dtype)
        mode.do(_go_back, self, dy, call.x, call.saved, totals, room, dx)
        return dx

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        made = {name: np.empty(dy.shape[-1:], dy.dtype) for name in ("beta", "gamma")}
        sums = call.mode.totals or self.backward_part(dy, call)
        for own, total in zip(made.values(), sums, strict=True):
            call.mode.do(np.copyto, own, total)
        return made

    def new_buffers(self, calls: Sequence[Call]) -> dict[str, Array]:
        batch = calls[0].saved.batch
        fresh = {"moving_mean": batch.mean, "moving_variance": batch.squares / batch.n}
        keep = self.momentum
        return {
            k: (keep * self.buffers[k] + (1 - keep) * v).astype(self.buffers[k].dtype)
            for k, v in fresh.items()
        }


def _measure(x: Array, found: _Moments) -> None:
    """The moments of x."""
    np.copyto(found.mean, channel_sums(x, np.float64) / found.n)
    np.copyto(found.squares, channel_dots(x, x) - found.n * found.mean**2)
    if not found.near:
        gaps = (lines(x) - spread(found.mean, x)).reshape(x.shape)
        np.copyto(found.squares, channel_dots(gaps, gaps))


def _keep(norm: BatchNormalization, saved: _Saved) -> None:
    """μ and 1 / √(σ² + ε), of the batch or of all that was learnt from."""
    mean, variance = norm.buffers["moving_mean"], norm.buffers["moving_variance"]
    if saved.batch is not None:
        mean, variance = saved.batch.mean, saved.batch.squares / saved.batch.n
    np.copyto(saved.mean, mean)
    np.copyto(saved.inverse, 1 / np.sqrt(variance.astype(np.float64) + norm.epsilon))


def _normalize(norm: BatchNormalization, x: Array, saved: _Saved, y: Array) -> None:
    """y by the moments of a batch."""
    _keep(norm, saved)
    batch = saved.batch
    assert batch is not None
    if batch.near:
        scale, shift = _affine(norm, batch.mean, batch.squares / batch.n)
        _straight(x, spread(scale, x), spread(shift, x), y, Mode())
        return
    flat = np.subtract(lines(x), spread(saved.mean, x), out=lines(y))
    flat *= spread(norm.param("gamma", x.dtype) * saved.inverse, x)
    flat += spread(norm.param("beta", x.dtype), x)


def _measure_back(dy: Array, x: Array, saved: _Saved, plain: Array, normal: Array) -> None:
    """Σ dy and Σ dy · x̂."""
    np.copyto(plain, channel_sums(dy, np.float64))
    if saved.batch is not None and saved.batch.near:
        along = channel_dots(dy, x) - plain * saved.batch.mean
    else:
        gaps = np.subtract(lines(x), spread(saved.mean, dy))
        along = channel_dots(dy, gaps.reshape(dy.shape))
    np.copyto(normal, along * saved.inverse)


def _go_back(
    norm: BatchNormalization,
    dy: Array,
    x: Array,
    saved: _Saved,
    totals: tuple[Array, Array],
    room: Array,
    dx: Array,
) -> None:
    """The gradient through the moments of a batch; a few rows at a time, which stay in cache."""
    batch, (plain, normal) = saved.batch, totals
    assert batch is not None
    scale = norm.param("gamma", dy.dtype) * saved.inverse
    per_unit, shift = -scale * saved.inverse * normal / batch.n, -scale * plain / batch.n
    if batch.near:
        shift -= per_unit * batch.mean
    centre = None if batch.near else spread(saved.mean, dy)
    by, along, beside = (spread(v, dy) for v in (scale, per_unit, shift))
    for back, given, made in in_cache(lines(dy), lines(x), lines(dx)):
        part = room[: len(given)]
        if centre is None:
            np.multiply(given, along, out=part)
        else:
            np.subtract(given, centre, out=part)
            part *= along
        np.multiply(back, by, out=made)
        made += part
        made += beside


def _affine(norm: BatchNormalization, mean: Array, variance: Array) -> tuple[Array, Array]:
    """(s, t) of s x + t for these moments, float64."""
    scale = norm.params["gamma"] / np.sqrt(variance.astype(np.float64) + norm.epsilon)
    return scale, norm.params["beta"] - mean.astype(np.float64) * scale


def still(norm: BatchNormalization) -> tuple[Array, Array]:
    """(s, t) of s x + t at prediction, for each channel; float64."""
    return _affine(norm, norm.buffers["moving_mean"], norm.buffers["moving_variance"])


def _lay_straight(norm: BatchNormalization, *, out: Array) -> None:
    out[0], out[1] = still(norm)


def _lay_centred(norm: BatchNormalization, *, out: Array) -> None:
    """μ, s, β: (x − μ) s + β."""
    out[0], out[1], out[2] = norm.buffers["moving_mean"], still(norm)[0], norm.params["beta"]


def _straight(x: Array, scale: Array, shift: Array, y: Array, mode: Mode) -> None:
    """y = s x + t, line by line."""
    for given, made in in_cache(lines(x), lines(y)):
        mode.do(np.multiply, given, scale, out=made)
        mode.do(np.add, made, shift, out=made)


class LocalResponseNormalization(Layer):
    """y = x / D^β with D = k + α / size · Σ of x² over `size` neighbouring channels.

    The neighbours of channel c are c − ⌊(size−1)/2⌋ … c + ⌈(size−1)/2⌉, as far as they exist.
    Krizhevsky, Sutskever, Hinton 2012, section 3.3; the division of α by size is ONNX's and
    PyTorch's form, the paper has none.

    dx = dy · D^−β − 2αβ/size · x · Σ over those c' whose neighbour c is of dy y / D.
    """

    def __init__(
        self,
        size: int = 5,
        *,
        alpha: float = 1e-4,
        beta: float = 0.75,
        bias: float = 1.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.size = whole(size, "size of LocalResponseNormalization")
        self.alpha, self.beta, self.bias = float(alpha), float(beta), float(bias)
        if not (self.alpha >= 0 and self.beta >= 0 and self.bias > 0):
            raise ArgumentError(
                "LocalResponseNormalization needs alpha ≥ 0, beta ≥ 0 and bias > 0, got "
                f"{alpha!r}, {beta!r}, {bias!r}"
            )

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE

    def _neighbours(self, x: Array, before: int, after: int) -> Array:
        """For each channel, the sum over itself, `before` in front and `after` behind."""
        channels = x.shape[-1]
        total = x.copy()
        for step in range(1, min(before, channels - 1) + 1):
            total[..., step:] += x[..., :-step]
        for step in range(1, min(after, channels - 1) + 1):
            total[..., :-step] += x[..., step:]
        return total

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array]:
        (x,) = xs
        before, after = (self.size - 1) // 2, self.size // 2
        base = self._neighbours(x * x, before, after)
        base *= self.alpha / self.size
        base += self.bias
        return x * base**-self.beta, base

    def backward(self, dy: Array, call: Call) -> Array:
        base: Array = call.saved
        before, after = (self.size - 1) // 2, self.size // 2
        shared = self._neighbours(dy * call.y / base, after, before)
        return dy * base**-self.beta - (2 * self.alpha * self.beta / self.size) * call.x * shared

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(3, alpha=0.5), ((3, 2, 5),)),
            (cls(4, alpha=0.3, beta=0.5, bias=2.0), ((2, 2, 3),)),
        ]


class Normalization(Layer):
    """y = (x − mean) / std with fixed numbers, one for all channels or one for each.

    For who wants the preparation of the input in the graph; `Model.input` does the same outside it.
    """

    by_channel = True

    def __init__(
        self,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.mean, self.std = (tuple(np.atleast_1d(v).astype(float).tolist()) for v in (mean, std))
        if not np.isfinite((*self.mean, *self.std)).all() or min(self.std) <= 0:
            raise ArgumentError(
                f"Normalization needs finite means and stds above 0, got {mean!r}, {std!r}"
            )

    @classmethod
    def of(cls, x: Array, *, name: str | None = None) -> Normalization:
        """The layer that brings the channels of `x` (N, …, channels) to mean 0 and std 1.

        `x` is pixels, so uint8 is divided by 255, as a model does. A channel that never changes is
        only centred.
        """
        x = np.asarray(x)
        axes = tuple(range(x.ndim - 1))
        scale = 255.0 if x.dtype == np.uint8 else 1.0
        mean, std = x.mean(axis=axes, dtype=float), x.std(axis=axes, dtype=float)
        std = np.where(std > 0, std, scale)
        return cls((mean / scale).tolist(), (std / scale).tolist(), name=name)

    def window(self, i: int = 0) -> SlidingWindow:
        return POINTWISE

    def out_shape(self, *shapes: Shape) -> Shape:
        for values in (self.mean, self.std):
            if len(values) not in (1, shapes[0][-1]):
                raise ArgumentError(
                    f"Normalization has {len(values)} numbers for {shapes[0][-1]} channels"
                )
        return shapes[0]

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        mean, std = (np.asarray(v, xs[0].dtype) for v in (self.mean, self.std))
        return (xs[0] - mean) / std, None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy / np.asarray(self.std, dy.dtype)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(0.5, (0.2, 0.3)), ((3, 2, 2),)), (cls((1, 2, 3), 2.0), ((3,),))]
