"""The walk: steps uphill from noise, and further tries for pictures that did not get far enough.

A climb ends at the nearest top, and after a ReLU, where one place may be open and all others shut,
that can be a low one. So a picture that stays below what was asked of it begins again, from other
and stronger noise, with weaker priors and less blurring transforms. What a picture becomes depends
on nothing but itself: on no other picture, and on no number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...training.optimizers import Optimizer
from .image import Image, noise
from .objective import Objective
from .priors import Prior
from .transforms import Transform, drawn

STILL = 0.2
"""The last share of the steps, without transforms."""
SPREAD = 1.0
"""Of the noise at the beginning of a further try, in u."""
DRAWS = 8
"""From how many noises a picture begins in the third try and after, ..."""
AREA = 32 * 32
"""... where it has this many pixels; fewer where it has more."""


@dataclass
class Found:
    """What a walk has found so far; of use at any moment.

    values, reached: the best pictures, and the target for them. start: for the noise they began
    with. attempt: (N,), the try that they come from. flat: (N,), where nothing is uphill. stopped:
    where Ctrl-C broke it off.
    """

    values: Array
    reached: Array
    start: Array
    attempt: Array
    path: list[Array] = field(default_factory=list)
    snapshots: dict[int, Array] = field(default_factory=dict)
    flat: Array | None = None
    stopped: str = ""

    def offer(self, x: Array, reached: Array) -> None:
        """Keep those pictures that the target likes better than what was there."""
        better = reached > self.reached
        self.values = np.where(better[:, None, None, None], x, self.values)
        self.reached = np.where(better, reached, self.reached)

    def take(self, which: Array, other: Found, draws: int) -> None:
        """Put the best of each `draws` pictures of another walk in the places `which`, where it is
        better than what is there, with its path and its snapshots."""
        reached = other.reached.reshape(-1, draws)
        chosen = reached.argmax(axis=1) + draws * np.arange(len(which))
        better = other.reached[chosen] > self.reached[which]
        here, there = which[better], chosen[better]
        for name in ("values", "reached", "start", "attempt"):
            setattr(self, name, _replaced(getattr(self, name), here, getattr(other, name), there))
        pairs = zip(self.path, other.path, strict=True)
        self.path = [_replaced(old, here, new, there) for old, new in pairs]
        for step, old in self.snapshots.items():
            self.snapshots[step] = _replaced(old, here, other.snapshots[step], there)


def _replaced(old: Array, here: Array, new: Array, there: Array) -> Array:
    out = old.copy()
    out[here] = new[there]
    return out


@dataclass(frozen=True)
class Walk:
    """Everything that a walk is made of, checked.

    begin: u at the beginning, (N, rows, cols, channels). attempt: the try's number, from 0.
    """

    objective: Objective
    begin: Array
    image: Image
    transforms: tuple[Transform, ...]
    priors: tuple[Prior, ...]
    optimizer: Optimizer
    rest: Array
    steps: int
    seed: int
    attempt: int = 0

    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return {
            "steps": self.steps,
            "image": repr(self.image),
            "transforms": tuple(map(repr, self.transforms)),
            "priors": tuple(map(repr, self.priors)),
            "optimizer": repr(self.optimizer),
            "count": self.objective.count,
            "diversity": self.objective.diversity,
        }

    def run(self, keep: set[int]) -> Found:
        """Climb; `keep` says before which steps a snapshot is taken."""
        level = self.rest.clip(0.2, 0.8)  # nearer to an end the sigmoid is too flat to begin
        offset = np.log(level / (1 - level))
        u, found = self.begin.copy(), None
        rng = np.random.default_rng(self._transforms_seed())
        x = self.image.pixels(u, offset)
        try:
            found, worth = self._begun(x)
            optimizer = replace(self.optimizer)
            for step in range(self.steps):
                x = self.image.pixels(u, offset)
                if step in keep:
                    found.snapshots[step] = x
                still = step >= self.steps - max(1, round(self.steps * STILL))
                score, slope = self._slope(x, worth, None if still else rng)
                found.path.append(score)
                if still:
                    found.offer(x, score)
                uphill = self.image.backward(slope, x) * x[0].size
                optimizer.apply({"picture/weight": u}, {"picture/weight": -uphill})
        except KeyboardInterrupt:
            x = self.image.pixels(u, offset)
            reached = self.objective.values(x)
            found = Found(x, reached, reached, self._attempts()) if found is None else found
            found.stopped = f"after {len(found.path)} of {self.steps} steps"
            found.offer(x, reached)
        return found

    def again(self, which: Array, attempt: int, draws: int) -> Walk:
        """The walk of a further try for the pictures `which`, `draws` times each, side by side.

        Its noise is that of the picture's number among its target's pictures, whatever else is
        asked.
        """
        count, shape = self.objective.count, self.begin.shape[1:]
        keys = [(0, attempt, i) for i in (which % count).tolist()]
        return replace(
            self,
            objective=self.objective.again(which.tolist(), draws),
            begin=np.concatenate([noise(shape, draws, 1, SPREAD, self.seed, k) for k in keys]),
            attempt=attempt,
        )

    def _begun(self, x: Array) -> tuple[Found, Array]:
        """What is known at the beginning, and what the target is worth there, (N,)."""
        plain = replace(self.objective, diversity=0.0, node=None)
        start, slope = plain.climb(x, np.ones(len(x)))
        norm = np.sqrt(np.square(slope, dtype=np.float64).sum(axis=(1, 2, 3)) * x[0].size)
        found = Found(x, start.copy(), start, self._attempts(), flat=norm == 0)
        return found, np.where(norm > 0, norm, 1)

    def _attempts(self) -> Array:
        return np.full(len(self.begin), self.attempt)

    def _transforms_seed(self) -> np.random.SeedSequence:
        key = (1, self.attempt) if self.attempt else (1,)
        return np.random.SeedSequence(self.seed, spawn_key=key)

    def _slope(
        self, x: Array, worth: Array, rng: np.random.Generator | None
    ) -> tuple[Array, Array]:
        """The target (N,) of the transformed pictures, and the gradient of all that is climbed for
        the pixels themselves."""
        size = (x.shape[1], x.shape[2])
        maps = drawn(self.transforms, rng, size) if rng is not None else []
        shown = x - self.rest if maps else x
        for map_ in maps:
            shown = map_.forward(shown)
        score, slope = self.objective.climb(shown + self.rest if maps else shown, worth)
        for map_ in reversed(maps):
            slope = map_.backward(slope)
        for prior in self.priors:
            slope = slope - prior(x, self.rest)[1]
        return score, slope.astype(x.dtype, copy=False)


def further_tries(walk: Walk, found: Found, bar: Array, tries: int, keep: set[int]) -> None:
    """Climb again for those pictures of `found` that are not above `bar` (N,), `tries` times at the
    most; what is better is put into `found`."""
    rows, cols = walk.begin.shape[1:3]
    several = int(np.clip(DRAWS * AREA // (rows * cols), 1, DRAWS))
    for attempt in range(1, tries + 1):
        short = np.logical_not(found.reached > bar)
        which = np.flatnonzero(short if found.flat is None else short & ~found.flat)
        if not len(which):
            return
        draws = 1 if attempt == 1 else several
        other = walk.again(which, attempt, draws).run(keep)
        if other.stopped:
            found.stopped = f"{other.stopped} of try {attempt + 1}"
            return
        found.take(which, other, draws)
