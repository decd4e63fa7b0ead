"""Learning rates that change while training goes on."""

from __future__ import annotations

import math

from ..errors import ArgumentError


class Schedule:
    """Base of all schedules: the learning rate at a step (0, 1, 2 …)."""

    def __call__(self, step: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} gives no learning rate")

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({inside})"


class CosineDecay(Schedule):
    """From `start` to `start · alpha` along half a cosine over `decay_steps` steps, then level.

    r(s) = start · (α + (1 − α) · ½ (1 + cos(π s / S))). Loshchilov and Hutter 2017, eq. 5, without
    restarts, arXiv:1608.03983.
    """

    def __init__(self, start: float, decay_steps: int, alpha: float = 0.0) -> None:
        if not start > 0 or decay_steps < 1 or not 0 <= alpha <= 1:
            raise ArgumentError(
                "CosineDecay needs start > 0, decay_steps ≥ 1 and 0 ≤ alpha ≤ 1, got "
                f"{start!r}, {decay_steps!r}, {alpha!r}"
            )
        self.start, self.decay_steps, self.alpha = float(start), int(decay_steps), float(alpha)

    def __call__(self, step: int) -> float:
        done = min(step, self.decay_steps) / self.decay_steps
        share = self.alpha + (1 - self.alpha) * 0.5 * (1 + math.cos(math.pi * done))
        return self.start * share


class StepDecay(Schedule):
    """r(s) = start · factor^⌊s / every⌋: the rate falls by `factor` every so many steps."""

    def __init__(self, start: float, every: int, factor: float = 0.1) -> None:
        if not start > 0 or every < 1 or not 0 < factor <= 1:
            raise ArgumentError(
                "StepDecay needs start > 0, every ≥ 1 and 0 < factor ≤ 1, got "
                f"{start!r}, {every!r}, {factor!r}"
            )
        self.start, self.every, self.factor = float(start), int(every), float(factor)

    def __call__(self, step: int) -> float:
        return self.start * self.factor ** (step // self.every)


class WarmUp(Schedule):
    """A straight line up to `then`'s first rate over `steps` steps, and `then` from there on.

    r(s) = then(0) · (s + 1) / steps for s < steps, else then(s − steps). Goyal et al. 2017, section
    2.2, arXiv:1706.02677. `then` is a schedule or a number.
    """

    def __init__(self, steps: int, then: Schedule | float) -> None:
        number = isinstance(then, int | float) and not isinstance(then, bool)
        if steps < 1 or not (isinstance(then, Schedule) or (number and then > 0)):
            raise ArgumentError(
                f"WarmUp needs steps ≥ 1 and a schedule or a rate above 0, got {steps!r}, {then!r}"
            )
        self.steps, self.then = int(steps), then

    def __call__(self, step: int) -> float:
        late = max(0, step - self.steps)
        rate = self.then(late) if isinstance(self.then, Schedule) else float(self.then)
        return rate * min(1.0, (step + 1) / self.steps)
