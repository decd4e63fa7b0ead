"""Learning rates that change while training goes on."""

from __future__ import annotations

import math

from ..errors import ArgumentError


class Schedule:
    """Base of all schedules: the learning rate at a step (0, 1, 2 …)."""

    def __call__(self, step: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} gives no learning rate")


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

    def __repr__(self) -> str:
        return f"CosineDecay({self.start}, {self.decay_steps}, alpha={self.alpha})"
