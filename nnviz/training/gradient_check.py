"""Is a gradient right? Central differences know.

A derivative is the limit of (f(x + h) − f(x − h)) / 2h. That is slow but hard to get wrong, so it
is what a hand-written backward is held against.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.boundary import of_model
from ..engine.graph import Node
from ..engine.layer import Array, Call, Mode
from ..engine.model import Model
from ..engine.walk import as_tuple
from ..errors import ArgumentError
from .losses import Loss, as_targets, get_loss
from .step import meeting

TOLERANCE = 1e-6
DIRECTIONS = 3
STEPS = (1e-6, 1e-7, 1e-8, 1e-9, 1e-5)
"""Tried one after the other: between two points on either side of a kink (a ReLU's corner, a change
of a maximum) no difference is right; on a shorter way there are fewer kinks, but more noise. A
wrong gradient is wrong at every step, so the least error is what counts."""


def numerical_gradient(f: Callable[[Array], float], x: Any, h: float = 1e-4) -> Array:
    """∂f/∂x_i = (f(x + h e_i) − f(x − h e_i)) / 2h for each number of x, in float64.

    f takes an array like x and gives a number; x itself is not changed.
    """
    point = np.array(x, dtype=np.float64)
    gradient = np.empty_like(point)
    for place in np.ndindex(point.shape):
        kept = point[place]
        point[place] = kept + h
        above = f(point)
        point[place] = kept - h
        below = f(point)
        point[place] = kept
        gradient[place] = (above - below) / (2 * h)
    return gradient


def gradient_descent(
    f: Callable[[Array], float],
    x: Any,
    *,
    learning_rate: float = 0.1,
    steps: int = 100,
    gradient: Callable[[Array], Array] | None = None,
) -> Array:
    """The path x, x − r ∇f(x), … of `steps` steps, (steps + 1, *x.shape).

    gradient: the derivative; None for `numerical_gradient`. An `ArgumentError` where the path runs
    away to infinity: f may have no minimum, or the rate is too large.
    """
    if steps < 0 or not learning_rate > 0:
        raise ArgumentError(
            f"gradient_descent needs steps ≥ 0 and learning_rate > 0, got {steps}, {learning_rate}"
        )
    slope = gradient or (lambda point: numerical_gradient(f, point))
    path = [np.array(x, dtype=np.float64)]
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            try:
                path.append(path[-1] - learning_rate * slope(path[-1]))
            except OverflowError:  # plain Python numbers raise where NumPy's become infinite
                path.append(np.full_like(path[-1], np.inf))
            # So far out that ± h is lost in rounding, the numerical slope would read 0: arrived.
            lost = gradient is None and bool((path[-1] + 1e-4 == path[-1]).any())
            if lost or not np.isfinite(path[-1]).all():
                raise ArgumentError(
                    f"the descent ran away to infinity in step {step + 1}: the function may have "
                    "no minimum, or the learning rate is too large"
                )
    return np.stack(path)


@dataclass(frozen=True)
class GradientCheck:
    """How far each gradient is off, relative to its size.

    params: by parameter, of the whole model's loss; empty where a layer's own gradients cannot be
    used (a wrong shape, a missing one, NaN), since no way leads back through it. nodes: by node, of
    the layer's own backward and grads (the worst of them; infinite where they cannot be used).
    """

    params: dict[str, float]
    nodes: dict[str, float]
    tolerance: float

    @property
    def guilty(self) -> list[str]:
        """The nodes whose own backward or grads are wrong, in the order of the model."""
        return [name for name, error in self.nodes.items() if not error <= self.tolerance]

    @property
    def ok(self) -> bool:
        """Whether everything is right."""
        errors = [*self.params.values(), *self.nodes.values()]
        return all(error <= self.tolerance for error in errors)

    def __str__(self) -> str:
        width = max(map(len, [*self.params, *self.nodes]))
        lines = [f"{'gradient of the loss for':<{width}}  relative error"]
        for table in (self.params, self.nodes):
            if table is self.nodes:
                lines.append(f"{'own gradients of':<{width}}")
            for name, error in table.items():
                mark = "" if error <= self.tolerance else "  WRONG"
                lines.append(f"{name:<{width}}  {error:.1e}{mark}")
        guilty = ", ".join(self.guilty)
        lines.append(f"the fault is in: {guilty}" if guilty else "all layers are right")
        return "\n".join(lines)


@of_model
def check_gradients(
    model: Model, x: Any, y: Any, *, loss: str | Loss = "categorical_crossentropy", seed: int = 0
) -> GradientCheck:
    """Hold a model's gradients against central differences, in float64 and as at prediction.

    For each parameter along random directions u: of the loss of the whole model, and of every layer
    by itself on the values that it meets, which tells where a fault is. Relative error
    |g·u − slope| / max(|g·u|, |slope|, |g|); right is up to 1e-6.

    It looks a little beside the parameters and pictures given: black pixels under biases of zero
    lie on the very corner of a ReLU, and equal neighbours on that of a maximum, where there is no
    gradient to compare with. Wrong is what is wrong at two such places.
    """
    chosen, rng = get_loss(loss), np.random.default_rng(seed)
    pictures = np.asarray(model.input.prepare(model.input.check(x)), np.float64)
    targets = as_targets(y, len(pictures), model.output_shape, np.float64)
    check = _check_beside(model, pictures, targets, chosen, rng)
    return check if check.ok else _check_beside(model, pictures, targets, chosen, rng)


def _check_beside(
    model: Model, pictures: Array, targets: Array, loss: Loss, rng: np.random.Generator
) -> GradientCheck:
    """The check at one random place close by."""
    wide = model.astype(np.float64)
    pictures = _beside(pictures, rng)
    for array in wide.parameters().values():
        array[...] = _beside(array, rng)
    trace = wide.run(pictures, prepared=True)
    nodes = {
        node.name: max(_own_errors(node, trace[node.name].xs, rng), default=0.0)
        for node in wide.nodes
    }
    usable = all(error < math.inf for error in nodes.values())
    params = _loss_errors(wide, pictures, targets, loss, rng) if usable else {}
    return GradientCheck(params, nodes, TOLERANCE)


def _beside(values: Array, rng: np.random.Generator) -> Array:
    """Values that are all a little off; where none was negative, none is."""
    scale = 0.05 * (float(np.abs(values).max(initial=0.0)) or 1.0)
    off = values + scale * rng.standard_normal(values.shape)
    return np.abs(off) if values.min(initial=0.0) >= 0 else off


def _loss_errors(
    model: Model, pictures: Array, targets: Array, loss: Loss, rng: np.random.Generator
) -> dict[str, float]:
    """The errors of the gradients of the whole model's loss, by parameter."""
    end, values, gradient = meeting(model, loss)

    def value() -> float:
        out = model.run(pictures, keep=(end,), prepared=True)[end].y.reshape(targets.shape)
        return float(values(out, targets).mean())

    trace = model.run(pictures, prepared=True)
    out = trace[end].y.reshape(targets.shape)
    dy = gradient(out, targets) / len(pictures)
    grads = model.backward(trace, {end: dy.reshape(trace[end].y.shape)}, params=True).params
    arrays = model.parameters()
    return {key: _off_by(value, arrays[key], grads[key], rng) for key in arrays if key in grads}


def _own_errors(node: Node, xs: tuple[Array, ...], rng: np.random.Generator) -> Iterator[float]:
    """The errors of one layer's own gradients: for each input and each parameter."""
    layer, inputs, mode = node.layer, [_beside(x, rng) for x in xs], Mode()
    y, saved = layer.forward(*inputs, mode=mode)
    weights = rng.standard_normal(y.shape)

    def value() -> float:
        return float((layer.forward(*inputs, mode=mode)[0] * weights).sum())

    call = Call(tuple(x.copy() for x in inputs), y.copy(), saved, mode)
    found = as_tuple(layer.backward(weights, call), node)
    for x, dx in zip(inputs, found, strict=True):
        yield _off_by(value, x, dx, rng)
    grads = layer.grads(weights, call)
    for key, param in layer.params.items():
        yield _off_by(value, param, grads.get(key), rng)


def _off_by(
    value: Callable[[], float], array: Array, gradient: Array | None, rng: np.random.Generator
) -> float:
    """The relative error of a gradient: the middle one of those along three random directions."""
    if np.shape(gradient) != array.shape or not np.isfinite(gradient).all():  # type: ignore[arg-type]
        return math.inf
    directions = [rng.standard_normal(array.shape) for _ in range(DIRECTIONS)]
    errors = [_error(value, array, np.asarray(gradient), u) for u in directions]
    return sorted(errors)[DIRECTIONS // 2]


def _error(value: Callable[[], float], array: Array, gradient: Array, direction: Array) -> float:
    """The relative error along one direction; `array` is moved and put back."""
    kept, least = array.copy(), math.inf
    analytic = float((gradient * direction).sum())
    for step in STEPS:
        h = step * max(1.0, float(np.abs(kept).max(initial=0.0)))
        array[...] = kept + h * direction
        above = value()
        array[...] = kept - h * direction
        below = value()
        array[...] = kept
        numeric = (above - below) / (2 * h)
        size = max(abs(numeric), abs(analytic), float(np.linalg.norm(gradient)), 1e-8)
        least = min(least, abs(numeric - analytic) / size)
        if least <= TOLERANCE:
            break
    return least
