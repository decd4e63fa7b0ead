"""What the layer battery works on: a built layer in float64, generic inputs, and one way to run it.

Generic inputs are evenly spaced numbers in random order: no two are equal and none is near zero, so
that a maximum has one place and a kink is never crossed by a small step.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..engine.layer import Array, Call, Layer, Mode, Shape
from ..errors import ArgumentError, NnvizError

SAMPLES = 5


class CheckError(NnvizError, AssertionError):
    """A layer does not keep the contract; the message says which part of it, and where."""


def generic(
    rng: np.random.Generator, shape: Sequence[int], domain: tuple[float, float] = (-2, 2)
) -> Array:
    """Numbers in `domain`, all different, none nearer to zero than 0.001."""
    return generics(rng, [shape], domain)[0]


def generics(
    rng: np.random.Generator, shapes: Sequence[Sequence[int]], domain: tuple[float, float]
) -> tuple[Array, ...]:
    """Several arrays of which no two numbers are equal."""
    sizes, (low, high) = [math.prod(shape) for shape in shapes], domain
    values = (rng.permutation(sum(sizes)) + 0.5) / sum(sizes) * (high - low) + low
    values[np.abs(values) < 1e-3] = 1e-3
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


@dataclass(frozen=True)
class Subject:
    """A layer under test with inputs `xs` and a gradient `dy` for its output, all float64."""

    layer: Layer
    shapes: tuple[Shape, ...]
    xs: tuple[Array, ...]
    dy: Array
    seed: int

    @classmethod
    def of(cls, layer: Layer, shapes: tuple[Shape, ...], seed: int) -> Subject:
        """The layer built for these shapes, its parameters moved off their first values."""
        rng = np.random.default_rng(seed)
        _check_made(layer)
        own = copy.copy(layer)
        own.params, own.buffers = dict(layer.params), dict(layer.buffers)
        own.build(rng, *shapes)
        own = own.astype(np.float64)
        for value in own.params.values():
            value += 0.3 * rng.standard_normal(value.shape)
        xs = generics(rng, [(SAMPLES, *shape) for shape in shapes], layer.domain)
        dy = generic(rng, (SAMPLES, *own.out_shape(*shapes)))
        subject = cls(own, shapes, xs, dy, seed)
        own.buffers.update(own.new_buffers([subject.run(train=True)]))
        return subject

    def run(
        self,
        *,
        train: bool = False,
        layer: Layer | None = None,
        xs: tuple[Array, ...] = (),
        rng: np.random.Generator | None = None,
        **mode: Any,
    ) -> Call:
        """One forward, as the call that backward reads. Training draws the same numbers always,
        where nothing else is given to draw from."""
        layer, xs = layer or self.layer, xs or self.xs
        draws = (rng or np.random.default_rng(self.seed)) if train and layer.random else None
        got = layer.forward(*xs, mode=Mode(train=train, rng=draws, **mode))
        if not (isinstance(got, tuple) and len(got) == 2 and isinstance(got[0], np.ndarray)):
            self.fail(
                f"forward must return (y, saved), an array and what backward needs; got {kind(got)}"
            )
        return Call(xs, *got, Mode(train=train))

    def fail(self, text: str) -> NoReturn:
        """Raise what the battery found."""
        raise CheckError(f"{self.layer!r} on {', '.join(map(str, self.shapes))}: {text}")


def _check_made(layer: Layer) -> None:
    """A layer's constructor called that of `Layer` and keeps its arguments under their names."""
    said = type(layer).__name__
    if not hasattr(layer, "params"):
        raise CheckError(f"{said}: __init__ must begin with super().__init__()")
    try:
        layer.config()
    except AttributeError as error:
        raise CheckError(
            f"{said}: config() finds the constructor's arguments as attributes of the same names, "
            f"so that a model file can keep them: {error}"
        ) from None


def backward(layer: Layer, dy: Array, call: Call) -> tuple[Array, ...]:
    """The layer's backward as a tuple, one gradient for each input; zeros where it has none and
    says so."""
    if not layer.differentiable:
        try:
            layer.backward(dy, call)
        except ArgumentError:
            return tuple(np.zeros(x.shape, x.dtype) for x in call.xs)
        raise CheckError(f"{layer!r}: differentiable is False, but backward gives something")
    got = layer.backward(dy, call)
    dxs = got if isinstance(got, tuple) else (got,)
    for dx in dxs:
        if not isinstance(dx, np.ndarray):
            raise CheckError(f"{layer!r}: backward must return an array per input, got {kind(got)}")
    return dxs


def kind(got: object) -> str:
    """What came back instead, in words."""
    if isinstance(got, tuple):
        return f"a tuple of {', '.join(type(part).__name__ for part in got) or 'nothing'}"
    return "None (is a return missing?)" if got is None else f"a single {type(got).__name__}"


def said(train: bool) -> str:
    """The mode in words."""
    return "in training" if train else "at prediction"
