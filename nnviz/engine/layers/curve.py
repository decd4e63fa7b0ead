"""More activations: what other frameworks' networks come with."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape
from .activation import Pointwise, sigmoid
from .rectifier import ReLU, number


class Clip(Pointwise):
    """y = min(max(x, low), high); dx = dy where low < x < high, else 0.

    low, high: numbers, or None for no bound. Where low lies above high, y is high.
    """

    elementwise = True
    repeats = True

    def __init__(
        self, low: float | None = None, high: float | None = None, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.low = None if low is None else number(low, "low of Clip")
        self.high = None if high is None else number(high, "high of Clip")

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = mode.new(xs[0].shape, xs[0].dtype)
        if self.low is None and self.high is None:
            mode.do(np.copyto, y, xs[0])
        else:
            mode.do(np.clip, xs[0], self.low, self.high, out=y)
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        do, (here, inside) = call.mode.do, (call.mode.temp(dy.shape, bool) for _ in range(2))
        do(np.copyto, inside, True)
        for within, bound in ((np.greater, self.low), (np.less, self.high)):
            if bound is not None:
                do(within, call.x, bound, out=here)
                do(np.logical_and, inside, here, out=inside)
        dx = call.mode.new(dy.shape, dy.dtype)
        do(np.multiply, dy, inside, out=dx)
        return dx

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(-0.51, 1.03), ((4, 3, 2),)),
            (cls(high=0.01), ((5,),)),
            (cls(0.7), ((5,),)),
            (cls(), ((5,),)),
            (cls(0.7, -0.3), ((5,),)),
        ]


class ReLU6(ReLU):
    """y = min(max(x, 0), 6), a ReLU with a ceiling; dx = dy where 0 < x < 6, else 0.

    Howard et al. 2017 ("MobileNets"), arXiv:1704.04861; it keeps numbers small enough for few bits.
    """

    saves = False

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = mode.over(xs[0])
        low, high = (np.asarray(v, y.dtype) for v in (0, 6))  # whole numbers are converted anew
        mode.do(np.ndarray.clip, xs[0], low, high, out=y)  # the shortest way into NumPy
        return y, None

    def backward(self, dy: Array, call: Call) -> Array:
        # Where y was written over x, it says the same: 0 < y < 6 where 0 < x < 6.
        do, (passes, below) = call.mode.do, (call.mode.temp(dy.shape, bool) for _ in range(2))
        do(np.greater, call.x, 0, out=passes)
        do(np.less, call.x, 6, out=below)
        do(np.logical_and, passes, below, out=passes)
        dx = call.mode.new(dy.shape, dy.dtype)
        do(np.multiply, dy, passes, out=dx)
        return dx


class CELU(Pointwise):
    """y = x where x > 0, else α (e^(x/α) − 1): an ELU whose slope has no jump at 0.

    Barron 2017, eq. 2, arXiv:1704.07483.
    """

    elementwise = True

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = number(alpha, "alpha of CELU")
        if self.alpha == 0:
            raise ArgumentError("alpha of CELU must not be 0: x is divided by it")

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        (x,) = xs
        with np.errstate(over="ignore"):  # α below 0
            return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0) / self.alpha)), None

    def backward(self, dy: Array, call: Call) -> Array:
        return np.where(call.x > 0, dy, dy * (call.y / self.alpha + 1))

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((4, 3, 2),)), (cls(2.5), ((5,),))]


class ThresholdedReLU(Pointwise):
    """y = x where x > θ, else 0. Konda, Memisevic, Krueger 2015, section 4, arXiv:1402.3337."""

    elementwise = True

    def __init__(self, theta: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.theta = number(theta, "theta of ThresholdedReLU")

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return np.where(xs[0] > self.theta, xs[0], 0).astype(xs[0].dtype, copy=False), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * (call.x > self.theta)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((4, 3, 2),)), (cls(-0.31), ((5,),))]


class HardSigmoid(Pointwise):
    """y = min(max(slope · x + offset, 0), 1), a sigmoid of straight lines.

    slope 1/6 and offset 1/2 as in Keras 3 (Howard et al. 2019, section 5.2, arXiv:1905.02244).
    """

    elementwise = True

    def __init__(
        self, slope: float = 1 / 6, offset: float = 0.5, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.slope = number(slope, "slope of HardSigmoid")
        self.offset = number(offset, "offset of HardSigmoid")

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        y = np.multiply(xs[0], self.slope, out=mode.new(xs[0].shape, xs[0].dtype))
        y += self.offset
        return np.clip(y, 0, 1, out=y), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy * self.slope * ((call.y > 0) & (call.y < 1))

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((4, 3, 2),)), (cls(0.71, 0.43), ((5,),))]


class Mish(Pointwise):
    """y = x tanh(log(1 + e^x)). Misra 2019, eq. 1, arXiv:1908.08681.

    With t = tanh(log(1 + e^x)): dx = dy (t + x (1 − t²) sigmoid(x)).
    """

    elementwise = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Array]:
        share = np.tanh(np.logaddexp(xs[0], 0))
        return xs[0] * share, share

    def backward(self, dy: Array, call: Call) -> Array:
        share = call.saved
        return dy * (share + call.x * (1 - share * share) * sigmoid(call.x))


class Softsign(Pointwise):
    """y = x / (1 + |x|); dx = dy / (1 + |x|)². Bergstra et al. 2009, Glorot and Bengio 2010."""

    elementwise = True

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        return xs[0] / (1 + np.abs(xs[0])), None

    def backward(self, dy: Array, call: Call) -> Array:
        return dy / (1 + np.abs(call.x)) ** 2
