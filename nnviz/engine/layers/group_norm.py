"""Normalization within one sample: mean 0 and variance 1 over some of its own numbers.

Other than batch normalization these do not know the batch: they compute the same at training and
at prediction, and cannot be folded into a neighbour's weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...errors import ArgumentError
from ..layer import Array, Call, Layer, Mode, Shape, whole
from ..window import SlidingWindow
from .axes import added_up, along_channels, check_axes, placed
from .rectifier import number


class _Saved(NamedTuple):
    """The normalized input in x's shape, and 1 / √(σ² + ε)."""

    normal: Array
    inverse: Array


class _Standardized(Layer):
    """y = γ (x − μ) / √(σ² + ε) + β with μ and σ² (population variance) of sets of numbers.

    With x̂ = (x − μ) / √(σ² + ε), g = γ dy and means over each set:
    dx = (g − mean g − x̂ · mean(g x̂)) / √(σ² + ε).
    """

    def __init__(self, *, epsilon: float = 1e-3, name: str | None = None) -> None:
        super().__init__(name=name)
        self.epsilon = number(epsilon, f"epsilon of {type(self).__name__}")
        if self.epsilon <= 0:
            raise ArgumentError(
                f"epsilon of {type(self).__name__} must be above 0, got {epsilon!r}"
            )

    def sets(self, x: Array) -> tuple[Array, tuple[int, ...]]:
        """A view of x, and the axes of it along which a set lies."""
        raise NotImplementedError

    def weights(self, name: str, x: Array) -> Array:
        """γ or β, of a shape that stretches to x."""
        return self.param(name, x.dtype)

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        return {"gamma": shapes[0][-1:], "beta": shapes[0][-1:]}

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        return np.full(shape, 1 if name == "gamma" else 0, np.float32)

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, _Saved]:
        (x,) = xs
        view, axes = self.sets(x)
        centred = view - view.mean(axis=axes, keepdims=True)
        variance = (centred * centred).mean(axis=axes, keepdims=True)
        inverse = 1 / np.sqrt(variance + self.epsilon)
        normal = (centred * inverse).reshape(x.shape)
        y = np.multiply(normal, self.weights("gamma", x), out=mode.new(x.shape, x.dtype))
        y += self.weights("beta", x)
        return y, _Saved(normal, inverse)

    def backward(self, dy: Array, call: Call) -> Array:
        saved: _Saved = call.saved
        gained, axes = self.sets(dy * self.weights("gamma", dy))
        normal = saved.normal.reshape(gained.shape)
        plain = gained.mean(axis=axes, keepdims=True)
        along = (gained * normal).mean(axis=axes, keepdims=True)
        return (saved.inverse * (gained - plain - normal * along)).reshape(dy.shape)

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        sums = {"gamma": dy * call.saved.normal, "beta": dy}
        wide = self.weights("gamma", dy[:1]).shape
        return {k: added_up(v, wide).reshape(self.params[k].shape) for k, v in sums.items()}


class GroupNormalization(_Standardized):
    """Each group of neighbouring channels of a sample to mean 0 and variance 1, over all places.

    y = γ_k (x − μ) / √(σ² + ε) + β_k for channel k, the last axis; μ and σ² of the sample's group.
    groups: how many, a divisor of the channels. Wu and He 2018, eq. 1-7, arXiv:1803.08494.
    """

    def __init__(self, groups: int = 32, *, epsilon: float = 1e-3, name: str | None = None) -> None:
        super().__init__(epsilon=epsilon, name=name)
        self.groups = whole(groups, "groups of GroupNormalization")

    def out_shape(self, *shapes: Shape) -> Shape:
        channels = _channels(self, shapes[0])
        if channels % self.groups:
            raise ArgumentError(
                f"{channels} channels do not divide into {self.groups} groups of normalization"
            )
        return shapes[0]

    def sets(self, x: Array) -> tuple[Array, tuple[int, ...]]:
        return x.reshape(len(x), -1, self.groups, x.shape[-1] // self.groups), (1, 3)

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(2), ((3, 2, 4),)), (cls(1), ((3, 3),)), (cls(3), ((6,),))]


class InstanceNormalization(_Standardized):
    """Each channel of a sample to mean 0 and variance 1, over all places.

    y = γ_k (x − μ) / √(σ² + ε) + β_k for channel k, the last axis; μ and σ² of the sample's
    channel. Ulyanov, Vedaldi, Lempitsky 2016, eq. 2, arXiv:1607.08022.
    """

    def out_shape(self, *shapes: Shape) -> Shape:
        _channels(self, shapes[0])
        return shapes[0]

    def sets(self, x: Array) -> tuple[Array, tuple[int, ...]]:
        return x, tuple(range(1, x.ndim - 1))

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [(cls(), ((3, 2, 2),)), (cls(epsilon=0.1), ((5, 3),)), (cls(), ((2, 2, 1, 3),))]


class LayerNormalization(_Standardized):
    """All numbers of a sample along some axes to mean 0 and variance 1.

    γ and β have one number for each place along these axes. axis: one or several, counted with the
    batch as 0. Ba, Kiros, Hinton 2016, eq. 4, arXiv:1607.06450.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        *,
        epsilon: float = 1e-3,
        name: str | None = None,
    ) -> None:
        super().__init__(epsilon=epsilon, name=name)
        found = check_axes(axis, "axis of LayerNormalization")
        self.axis = found[0] if len(found) == 1 else found

    def _along(self, shape: Shape) -> tuple[int, ...]:
        return placed(check_axes(self.axis, "axis"), shape, self)

    def window(self, i: int = 0) -> SlidingWindow | None:
        return along_channels(check_axes(self.axis, "axis"))

    def out_shape(self, *shapes: Shape) -> Shape:
        self._along(shapes[0])
        return shapes[0]

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        axes = sorted(self._along(shapes[0]))
        shape = tuple(shapes[0][a - 1] for a in axes)
        return {"gamma": shape, "beta": shape}

    def weights(self, name: str, x: Array) -> Array:
        axes, weight = self._along(x.shape[1:]), self.param(name, x.dtype)
        return weight.reshape([n if a in axes else 1 for a, n in enumerate(x.shape)])

    def sets(self, x: Array) -> tuple[Array, tuple[int, ...]]:
        return x, self._along(x.shape[1:])

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        return [
            (cls(), ((3, 2, 4),)),
            (cls((1, 2, 3), epsilon=0.1), ((2, 3, 2),)),
            (cls((3, 1)), ((2, 3, 2),)),
            (cls(-1), ((5,),)),
            (cls((-2, -1)), ((2, 2, 1, 3),)),
        ]


def _channels(layer: Layer, shape: Shape) -> int:
    if not shape:
        raise ArgumentError(f"{type(layer).__name__} needs channels, got samples of one number")
    return shape[-1]
