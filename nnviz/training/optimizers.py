"""Optimizers: how parameters follow their gradients.

An optimizer writes parameters in place. What it remembers of each (momentum and the like) is in
`slots`, keyed `parameter:slot`, so that a checkpoint can carry it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from ..engine.layer import Array
from ..errors import ArgumentError, unknown
from .schedules import Schedule

BLOCK = 1 << 15
"""Numbers updated at a time: parameter, gradient, slots and temporaries stay in cache."""


class Optimizer:
    """Base of all optimizers."""

    registry: ClassVar[dict[str, type[Optimizer]]] = {}
    slot_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        Optimizer.registry[cls.__name__.lower()] = cls

    def __init__(self, learning_rate: float | Schedule) -> None:
        if not isinstance(learning_rate, Schedule) and not (
            isinstance(learning_rate, int | float) and 0 < learning_rate < np.inf
        ):
            raise ArgumentError(f"learning_rate must be above 0, got {learning_rate!r}")
        self.learning_rate = learning_rate
        self.steps = 0
        self.slots: dict[str, Array] = {}

    def rate(self) -> float:
        """The learning rate of the next step."""
        rate = self.learning_rate
        return rate(self.steps) if isinstance(rate, Schedule) else float(rate)

    def apply(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step: every parameter that has a gradient is changed in place."""
        rate = self.rate()
        self.steps += 1
        for key, grad in grads.items():
            param = params[key]
            slots = [
                self.slots.setdefault(f"{key}:{name}", np.zeros_like(param))
                for name in self.slot_names
            ]
            for w, g, *s in _blocks(param, grad, *slots):
                self.update(w, g, s, rate)

    def update(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        """Change a block of parameters `w` (and of its slots) in place, given its gradient `g`."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def __repr__(self) -> str:
        inside = ", ".join(
            f"{k}={v!r}" for k, v in vars(self).items() if k not in ("slots", "steps")
        )
        return f"{type(self).__name__}({inside})"


OPTIMIZERS = Optimizer.registry
"""Name -> class."""


def _blocks(param: Array, *others: Array) -> Iterator[list[Array]]:
    """Flat blocks of arrays of one shape; the first and the slots, being written to, are views."""
    flat = [param.reshape(-1), *(np.ascontiguousarray(a).reshape(-1) for a in others)]
    if not np.shares_memory(flat[0], param):
        raise ArgumentError("a parameter must be a contiguous array")
    for start in range(0, param.size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


class SGD(Optimizer):
    """w ← w − r g; with momentum μ: v ← μ v − r g, w ← w + v (Keras's form; Polyak 1964)."""

    slot_names = ("velocity",)

    def __init__(self, learning_rate: float | Schedule = 0.01, *, momentum: float = 0.0) -> None:
        super().__init__(learning_rate)
        if not 0 <= momentum < 1:
            raise ArgumentError(f"momentum must lie in [0, 1), got {momentum!r}")
        self.momentum = float(momentum)

    def update(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        (v,) = slots
        v *= self.momentum
        v -= rate * g
        w += v


class Adam(Optimizer):
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − r √(1 − β₂ᵗ)/(1 − β₁ᵗ) · m / (√v + ε).

    Kingma and Ba 2015, section 2 (the efficient order of computation), arXiv:1412.6980; ε = 1e-7 as
    in Keras.
    """

    slot_names = ("m", "v")

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(learning_rate)
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1 and epsilon > 0):
            raise ArgumentError(
                f"Adam needs betas in [0, 1) and epsilon > 0, got {beta_1!r}, {beta_2!r}, "
                f"{epsilon!r}"
            )
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    def update(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        m, v = slots
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        t = self.steps
        pace = rate * (1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)
        root = np.sqrt(v)
        root += self.epsilon
        np.divide(m, root, out=root)
        root *= pace
        w -= root


def get_optimizer(optimizer: str | Optimizer) -> Optimizer:
    """An optimizer by name with its defaults, or the optimizer given."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if optimizer not in OPTIMIZERS:
        raise unknown("optimizer", optimizer, OPTIMIZERS, "nnviz")
    # Every optimizer has a default rate; the base class, which has none, is not in the registry.
    return OPTIMIZERS[optimizer]()  # type: ignore[call-arg]
