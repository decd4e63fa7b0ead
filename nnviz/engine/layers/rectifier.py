"""ReLU and its relatives: what is positive passes, what is negative is held back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape
from ..lines import line, lines
from .activation import Pointwise, sigmoid
from .axes import added_up, check_axes, placed

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al. 2017, section 2, arXiv:1706.02515: mean 0 and variance 1 reproduce
themselves."""
BEND, CUBE = math.sqrt(2 / math.pi), 0.044715
"""GELU's approximation."""


class ReLU(Pointwise):
    """y = max(x, 0); dx = dy where x > 0, else 0."""

    elementwise = True
    repeats = True
    saves = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array | None]:
        (x,) = xs
        y = mode.over(x)
        positive_part(x, y, mode)
        if not mode.lean:
            return y, None
        passes = mode.new(x.shape, bool)
        mode.do(np.greater, y, 0, out=passes)
        return y, passes

    def backward(self, dy: Array, call: Call) -> Array:
        do, passes = call.mode.do, call.saved
        if passes is None:
            # Where y was written over x, it says the same: y > 0 where x > 0.
            passes = call.mode.temp(dy.shape, bool)
            do(np.greater, call.x, 0, out=passes)
        dx = call.mode.over(dy)
        do(np.multiply, dy, passes, out=dx)
        return dx


def positive_part(x: Array, y: Array, mode: Mode) -> None:
    """y = max(x, 0)."""
    # Beside a line of zeros NumPy is more than twice as fast as beside a single 0.
    if x.flags.c_contiguous and x.ndim > 1:
        mode.do(np.maximum, lines(x), line(0, x, mode), out=lines(y))
    else:
        mode.do(np.maximum, x, 0, out=y)


class LeakyReLU(Pointwise):
    """y = x where x > 0, else slope · x. Maas, Hannun, Ng 2013."""

    elementwise = True

    def __init__(self, negative_slope: float = 0.3, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.negative_slope = number(negative_slope, "negative_slope of LeakyReLU")

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return np.where(xs[0] > 0, xs[0], xs[0] * self.negative_slope), None

    def backward(self, dy: Array, call: Call) -> Array:
        return np.where(call.x > 0, dy, dy * self.negative_slope)


class PReLU(Pointwise):
    """y = x where x > 0, else a x, with a learnt slope a_k for each channel.

    He, Zhang, Ren, Sun 2015, eq. 1, arXiv:1502.01852; a begins at 0.25 as there.
    shared_axes: along which axes (counted with the batch as 0) one slope serves all; None: all but
    the last.
    """

    by_channel = True
    later = ("shared_axes",)

    def __init__(
        self, shared_axes: Sequence[int] | None = None, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        given = None if shared_axes is None else check_axes(shared_axes, "shared_axes of PReLU")
        self.shared_axes = given

    @property
    def has_patches(self) -> bool:
        return self.shared_axes is None

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        if self.shared_axes is None:
            return {"slope": shapes[0][-1:]}
        shared = placed(self.shared_axes, shapes[0], self)
        return {"slope": tuple(1 if a in shared else n for a, n in enumerate(shapes[0], 1))}

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        return np.full(shape, 0.25, np.float32)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return np.where(xs[0] > 0, xs[0], xs[0] * self.param("slope", xs[0].dtype)), None

    def backward(self, dy: Array, call: Call) -> Array:
        return np.where(call.x > 0, dy, dy * self.param("slope", dy.dtype))

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        return {"slope": added_up(dy * np.minimum(call.x, 0), self.params["slope"].shape)}

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            *super().examples(),
            (cls(()), ((3, 2, 2),)),
            (cls((1, 3)), ((3, 2, 2),)),
            (cls(()), ((),)),
        ]


class ELU(Pointwise):
    """y = x where x > 0, else α (e^x − 1). Clevert, Unterthiner, Hochreiter 2016,
    arXiv:1511.07289."""

    elementwise = True

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = number(alpha, "alpha of ELU")

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0))), None

    def backward(self, dy: Array, call: Call) -> Array:
        return np.where(call.x > 0, dy, dy * (call.y + self.alpha))


class SELU(Pointwise):
    """y = λ x where x > 0, else λ α (e^x − 1); α and λ (`scale`) are those of Klambauer et al. 2017
    where nothing else is said."""

    elementwise = True
    later = ("alpha", "scale")

    def __init__(
        self,
        alpha: float = SELU_ALPHA,
        scale: float = SELU_SCALE,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.alpha, self.scale = number(alpha, "alpha of SELU"), number(scale, "scale of SELU")

    elementwise = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        low = self.alpha * np.expm1(np.minimum(x, 0))
        return self.scale * np.where(x > 0, x, low), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * np.where(call.x > 0, self.scale, call.y + self.scale * self.alpha)


class GELU(Pointwise):
    """y = x Φ(x), Φ the normal distribution; dx = dy (Φ(x) + x φ(x)).

    Hendrycks and Gimpel 2016, section 2, arXiv:1606.08415; exact, by the error function.
    approximate: their Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 in its place.
    """

    elementwise = True
    later = ("approximate",)

    def __init__(self, *, approximate: bool = False, name: str | None = None) -> None:
        super().__init__(name=name)
        self.approximate = bool(approximate)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array]:
        (x,) = xs
        if self.approximate:
            share = 0.5 * (1 + np.tanh(BEND * (x + CUBE * x**3)))
            return x * share, share
        from scipy.special import erf

        share = 0.5 * (1 + erf(x * (1 / math.sqrt(2))))
        return x * share, share

    def backward(self, dy: Array, call: Call) -> Array:
        x, share = call.x, call.saved
        if self.approximate:
            density = 2 * share * (1 - share) * BEND * (1 + 3 * CUBE * x * x)
        else:
            density = np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
        return dy * (share + x * density)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [*super().examples(), (cls(approximate=True), ((4, 3, 2),))]


class Swish(Pointwise):
    """y = x · sigmoid(β x), with β = 1 also called SiLU; dx = dy (σ + β y (1 − σ)).

    Ramachandran, Zoph, Le 2017, section 4, arXiv:1710.05941.
    """

    elementwise = True
    later = ("beta",)

    def __init__(self, beta: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.beta = number(beta, "beta of Swish")

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array]:
        share = sigmoid(xs[0] if self.beta == 1 else xs[0] * self.beta)
        return xs[0] * share, share

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * (call.saved + self.beta * call.y * (1 - call.saved))

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [*super().examples(), (cls(1.702), ((4, 3, 2),))]


class HardSwish(Pointwise):
    """y = x · min(max(x + 3, 0), 6) / 6. Howard et al. 2019, section 5.2, arXiv:1905.02244."""

    elementwise = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return xs[0] * (np.clip(xs[0] + 3, 0, 6) * (1 / 6)), None

    def backward(self, dy: Array, call: Call) -> Array:
        x = call.x
        return dy * np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) * (1 / 6)))


def number(value: object, what: str) -> float:
    """A finite number, or an error that says which setting wanted one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ArgumentError(f"{what} must be a finite number, got {value!r}")
    return float(value)
