"""Optimizers: how parameters follow their gradients.

An optimizer writes parameters in place. What it remembers of each (momentum and the like) is in
`slots`, keyed `parameter:slot`, so that a checkpoint can carry it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import ClassVar

import numpy as np

from ..engine.executor import each
from ..engine.layer import Array
from ..errors import ArgumentError, unknown
from .schedules import Schedule

BLOCK = 1 << 17
"""Numbers updated at a time: few enough that several walks over parameter, gradient, slots and
temporaries find them in cache, enough that threads do not wait for each other at every call."""


@dataclass(eq=False, kw_only=True)
class Optimizer:
    """Base of all optimizers.

    learning_rate: a number or a schedule. weight_decay λ: every step first shrinks the weights (not
    biases, nor the parameters of normalizations) by w ← w − r λ w, apart from the gradient
    (Loshchilov and Hutter 2019, arXiv:1711.05101). clipvalue: gradients are cut to ± this.
    global_clipnorm: all gradients together are scaled down to this Euclidean norm where they are
    longer (Pascanu et al. 2013, arXiv:1211.5063).
    """

    registry: ClassVar[dict[str, type[Optimizer]]] = {}
    slot_names: ClassVar[tuple[str, ...]] = ()
    bounds: ClassVar[dict[str, tuple[float, float]]] = {}
    """The settings of a subclass: each must lie in [low, high)."""

    learning_rate: float | Schedule = field(default=0.01, kw_only=False)
    weight_decay: float = 0.0
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    steps: int = field(default=0, init=False, repr=False)
    slots: dict[str, Array] = field(default_factory=dict, init=False, repr=False)

    def __init_subclass__(cls) -> None:
        Optimizer.registry[cls.__name__.lower()] = cls

    def __post_init__(self) -> None:
        tiny = math.ulp(0.0)
        limits = {"weight_decay": (0, math.inf), **self.bounds}
        for name in ("learning_rate", "clipvalue", "global_clipnorm"):
            free = Schedule if name == "learning_rate" else type(None)
            if not isinstance(getattr(self, name), free):
                limits[name] = (tiny, math.inf)
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value < high:
                told = "above 0" if low == tiny else f"in [{low:g}, {high:g})"
                raise ArgumentError(
                    f"{name} of {type(self).__name__} must be a number {told}, got {value!r}"
                )

    def rate(self) -> float:
        """The learning rate of the next step."""
        rate = self.learning_rate
        return rate(self.steps) if isinstance(rate, Schedule) else float(rate)

    def apply(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step: every parameter that has a gradient is changed in place.

        Keys are `node/parameter`; weight decay goes to those whose last part is `weight`."""
        rate, scale = self.rate(), self._scale(grads)
        work: list[Callable[[], None]] = []
        self.steps += 1
        for key, grad in grads.items():
            param = params[key]
            if scale != 1:
                grad = grad * param.dtype.type(scale)
            if self.clipvalue is not None:
                grad = np.clip(grad, -self.clipvalue, self.clipvalue)
            if self.weight_decay and key.rsplit("/", 1)[-1] == "weight":
                param *= 1 - rate * self.weight_decay
            slots = [self._slot(f"{key}:{name}", name, param) for name in self.slot_names]
            work += [
                partial(self.update, w, g, s, rate) for w, g, *s in _blocks(param, grad, *slots)
            ]
        each(work)

    def _scale(self, grads: Mapping[str, Array]) -> float:
        """By how much all gradients are shortened."""
        if self.global_clipnorm is None:
            return 1.0
        norm = math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in grads.values()))
        return min(1.0, self.global_clipnorm / norm) if norm else 1.0

    def _slot(self, key: str, name: str, param: Array) -> Array:
        if key not in self.slots:
            self.slots[key] = np.full_like(param, self.start(name))
        if self.slots[key].shape != param.shape:
            raise ArgumentError(
                f"this {type(self).__name__} remembers {key} of shape {self.slots[key].shape}, "
                f"now it has {param.shape}: make a new optimizer for another model"
            )
        return self.slots[key]

    def start(self, slot: str) -> float:
        """What a slot begins with."""
        return 0.0

    def update(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        """Change a block of parameters `w` (and of its slots) in place, given its gradient `g`."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def __repr__(self) -> str:
        shown = [item for item in fields(self) if item.repr]
        told = ", ".join(
            f"{item.name}={getattr(self, item.name)!r}"
            for item in shown
            if item.name == "learning_rate" or getattr(self, item.name) != item.default
        )
        return f"{type(self).__name__}({told})"


OPTIMIZERS = Optimizer.registry
"""Name -> class."""


def _blocks(param: Array, *others: Array) -> Iterator[list[Array]]:
    """Flat blocks of arrays of one shape; the first and the slots, being written to, are views."""
    flat = [param.reshape(-1), *(np.ascontiguousarray(a).reshape(-1) for a in others)]
    if not np.shares_memory(flat[0], param):
        raise ArgumentError("a parameter must be a contiguous array")
    for start in range(0, param.size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


@dataclass(eq=False, kw_only=True, repr=False)
class SGD(Optimizer):
    """w ← w − r g; with momentum μ: v ← μ v − r g, w ← w + v (Keras's form; Polyak 1964).

    nesterov: w ← w + μ v − r g after v was moved, a look ahead (Sutskever et al. 2013, section
        2).
    """

    slot_names = ("velocity",)
    bounds = {"momentum": (0, 1)}

    learning_rate: float | Schedule = field(default=0.01, kw_only=False)
    momentum: float = 0.0
    nesterov: bool = False

    def update(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        (v,) = slots
        v *= self.momentum
        v -= rate * g
        if self.nesterov:
            w += self.momentum * v - rate * g
        else:
            w += v


@dataclass(eq=False, kw_only=True, repr=False)
class Momentum(SGD):
    """`SGD` with momentum 0.9, by a name of its own."""

    momentum: float = 0.9


@dataclass(eq=False, kw_only=True, repr=False)
class Nesterov(Momentum):
    """`SGD` with momentum 0.9 that looks ahead, by a name of its own."""

    nesterov: bool = True


@dataclass(eq=False, kw_only=True, repr=False)
class AdaGrad(Optimizer):
    """h ← h + g², w ← w − r g / √(h + ε): what has moved much moves less.

    Duchi, Hazan, Singer 2011; h begins at `initial_accumulator_value` and ε = 1e-7, as in Keras.
    """

    slot_names = ("squares",)
    bounds = {"initial_accumulator_value": (0, math.inf), "epsilon": (math.ulp(0.0), math.inf)}

    learning_rate: float | Schedule = field(default=0.01, kw_only=False)
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    def start(self, slot: str) -> float:
        return self.initial_accumulator_value

    def update(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        (h,) = slots
        h += g * g
        w -= rate * g / np.sqrt(h + self.epsilon)


@dataclass(eq=False, kw_only=True, repr=False)
class RMSProp(Optimizer):
    """h ← ρ h + (1 − ρ) g², w ← w − r g / √(h + ε): AdaGrad that forgets.

    Tieleman and Hinton 2012, lecture 6.5; ε inside the root, as in Keras.
    """

    slot_names = ("squares",)
    bounds = {"rho": (0, 1), "epsilon": (math.ulp(0.0), math.inf)}

    learning_rate: float | Schedule = field(default=1e-3, kw_only=False)
    rho: float = 0.9
    epsilon: float = 1e-7

    def update(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        (h,) = slots
        h += (g * g - h) * (1 - self.rho)
        w -= rate * g / np.sqrt(h + self.epsilon)


@dataclass(eq=False, kw_only=True, repr=False)
class Adam(Optimizer):
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − r √(1 − β₂ᵗ)/(1 − β₁ᵗ) · m / (√v + ε).

    Kingma and Ba 2015, section 2 (the efficient order of computation), arXiv:1412.6980; ε = 1e-7 as
    in Keras.
    """

    slot_names = ("m", "v")
    bounds = {"beta_1": (0, 1), "beta_2": (0, 1), "epsilon": (math.ulp(0.0), math.inf)}

    learning_rate: float | Schedule = field(default=1e-3, kw_only=False)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def update(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        m, v = slots
        gap = g - m
        gap *= 1 - self.beta_1
        m += gap
        np.multiply(g, g, out=gap)
        gap -= v
        gap *= 1 - self.beta_2
        v += gap
        t = self.steps
        pace = rate * (1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)
        root = np.sqrt(v, out=gap)
        root += self.epsilon
        np.divide(m, root, out=root)
        root *= pace
        w -= root


@dataclass(eq=False, kw_only=True, repr=False)
class AdamW(Adam):
    """Adam with weight decay apart from the gradient: w ← w − r λ w, then Adam's step.

    Loshchilov and Hutter 2019, algorithm 2, arXiv:1711.05101; λ = 0.004 as in Keras. Biases and the
    parameters of normalizations are left alone.
    """

    weight_decay: float = 4e-3


def get_optimizer(optimizer: str | Optimizer) -> Optimizer:
    """An optimizer by name with its defaults, or the optimizer given."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        raise unknown("optimizer", optimizer, OPTIMIZERS, "nnviz")
    return OPTIMIZERS[optimizer]()
