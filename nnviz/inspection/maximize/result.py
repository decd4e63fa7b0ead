"""What a climb has found, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...engine.layer import Array
from ..results import Provenance, Result
from .walk import Found


@dataclass(frozen=True)
class Maximized(Result):
    """The pictures that a target likes best.

    values: (N, rows, cols, channels) pixels in 0..1; N = targets · count, those of one target side
        by side. activation: (N,) the target's value for them; start: (N,) for the noise it began
        with. probability: (N,) of the class, where the target is one.
    path: (steps, N), the target while climbing, of the pictures as they were transformed then.
    best, high: (N,), the target's largest value and 99th percentile over real pictures, where some
        were given: a picture of what a target likes best should be above both.
    snapshots: (S, N, rows, cols, channels), the pictures on the way, before the steps (S,)
    snapshot_steps. attempt: (N,), the try that a picture comes from, from 0. count: pictures for
    each target.
    """

    values: Array
    activation: Array
    start: Array
    path: Array
    provenance: Provenance
    probability: Array | None = None
    best: Array | None = None
    high: Array | None = None
    snapshots: Array | None = None
    snapshot_steps: Array | None = None
    attempt: Array | None = None
    count: int = 1
    warnings: tuple[str, ...] = ()

    @property
    def succeeded(self) -> Array | None:
        """(N,) bool: whether the target rose above the start and above every real picture given;
        None where none were given, since then nobody knows."""
        if self.best is None:
            return None
        return (self.activation > self.start) & (self.activation > self.best)


def told(
    found: Found, reached: Array, best: Array | None, weak: Mapping[int, float]
) -> Iterator[str]:
    """The warnings. weak: the probability of those pictures that the network does not take for
    their class."""
    if found.stopped:
        yield f"stopped {found.stopped}: the pictures may be unfinished"
    for i, value in enumerate(reached):
        if value <= found.start[i]:
            yield (
                f"picture {i}: the target did not rise above the noise it began with; try more "
                "steps or smaller priors"
            )
        elif best is not None and value <= best[i]:
            yield (
                f"picture {i}: the target reached {value:.4g}, a real picture reaches "
                f"{best[i]:.4g}; try more steps or smaller priors"
            )
        elif i in weak:
            yield (
                f"picture {i}: the network gives its class a probability of only {weak[i]:.2g}; "
                "try more steps or smaller priors"
            )
