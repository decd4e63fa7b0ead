"""Are backward and grads what central differences give?

With L = Σ y · dy and a random direction u, the slope (L(v + h u) − L(v − h u)) / 2h must equal
Σ gradient · u. A few directions see every entry at once; where they disagree, all entries are tried
one by one to say where the gradient is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..engine.layer import Array
from .subject import Subject, backward, said

STEP = 1e-5
TOLERANCE = 1e-6
DIRECTIONS = 3


def check_gradients(s: Subject) -> None:
    """backward and grads agree with central differences, relative error at most 1e-6."""
    for train in (False, True):
        call = s.run(train=train)
        for i, dx in enumerate(backward(s.layer, s.dy, call)):

            def with_input(value: Array, i: int = i, train: bool = train) -> float:
                xs = (*s.xs[:i], value, *s.xs[i + 1 :])
                return float(np.sum(s.run(train=train, xs=xs).y * s.dy))

            _match(s, with_input, s.xs[i], dx, f"backward {said(train)}: the gradient of input {i}")
        for name, grad in s.layer.grads(s.dy, call).items():

            def with_param(value: Array, name: str = name, train: bool = train) -> float:
                layer = s.layer.with_params(**{name: value})
                return float(np.sum(s.run(train=train, layer=layer).y * s.dy))

            value = s.layer.params[name]
            _match(s, with_param, value, grad, f"grads {said(train)}: the gradient of {name!r}")


def _match(
    s: Subject, loss: Callable[[Array], float], at: Array, gradient: Array, what: str
) -> None:
    rng = np.random.default_rng(s.seed)
    for _ in range(DIRECTIONS):
        error = relative_error(loss, at, gradient, rng.standard_normal(at.shape))
        if not error <= TOLERANCE:
            s.fail(
                f"{what} is wrong by {error:.1e} (at most {TOLERANCE}){_worst(loss, at, gradient)}"
            )


def relative_error(
    loss: Callable[[Array], float], at: Array, gradient: Array, direction: Array
) -> float:
    """|Σ gradient · u − slope| / the larger of the two (of 0.001, where both are tiny)."""
    numerical = slope(loss, at, direction)
    ours = float(np.sum(gradient * direction))
    return abs(ours - numerical) / max(abs(ours), abs(numerical), 1e-3)


def slope(loss: Callable[[Array], float], at: Array, direction: Array) -> float:
    """(L(v + h u) − L(v − h u)) / 2h."""
    return (loss(at + STEP * direction) - loss(at - STEP * direction)) / (2 * STEP)


def _worst(loss: Callable[[Array], float], at: Array, gradient: Array) -> str:
    """The entry that is farthest from its own slope."""
    numerical = np.empty(at.shape)
    for place in np.ndindex(at.shape):
        unit = np.zeros(at.shape)
        unit[place] = 1
        numerical[place] = slope(loss, at, unit)
    place = np.unravel_index(np.argmax(np.abs(gradient - numerical)), at.shape)
    where = tuple(int(i) for i in place)
    return (
        f"; worst at {where}: it gives {gradient[where]:.6g}, "
        f"central differences give {numerical[where]:.6g}"
    )
