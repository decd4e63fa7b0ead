"""A race: several ways to do one thing, measured in turn, and the rows of the table it gives.

Every runner returns what it cost: seconds, megabytes, or a plain number. In each round all of them
run once, one after the other, so that whatever else the machine does meets them alike; a ratio is
taken within each round, and the median of the rounds is printed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Runner = Callable[[], float]
"""Does the work once; what it cost."""

THREADS = 2
"""Both sides are held to so many."""
PAUSE = 0.05
"""Seconds between two runners: pools of threads keep a core busy for a while after their work."""


@dataclass(frozen=True)
class Unit:
    """How a cost is shown: as it is, or, with an `amount` of work, as amount a second."""

    name: str
    amount: float | None = None

    def shown(self, cost: float) -> float:
        return cost if self.amount is None else self.amount / cost


SECONDS, MEGABYTES, TIMES = Unit("s"), Unit("MB"), Unit("×")


@dataclass(frozen=True)
class Goal:
    """`≥ 1.5`: so many times as fast; `≤ 0.5`: at most this share of the cost."""

    sign: str
    value: float

    def ratio(self, ours: float, theirs: float) -> float:
        return theirs / ours if self.sign == "≥" else ours / theirs

    def met(self, ratio: float) -> bool:
        return ratio >= self.value if self.sign == "≥" else ratio <= self.value

    def reached(self, ratio: float) -> float:
        """The ratio as a multiple of the goal: 1 and more where it is met."""
        return ratio / self.value if self.sign == "≥" else self.value / ratio

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}"


FASTER, LESS = Goal("≥", 1.0), Goal("≤", 1.0)
"""For rows that are printed beside, where nothing is asked for."""


@dataclass(frozen=True)
class Row:
    """One line of the table: two runners of a race, and what their ratio should be.

    against: what `theirs` is, in words. is_goal: whether the issue asks for it; where not, the
    ratio is printed beside and nothing is met or missed.
    """

    what: str
    against: str
    goal: Goal
    unit: Unit
    ours: str = "ours"
    theirs: str = "theirs"
    is_goal: bool = True


@dataclass(frozen=True)
class Race:
    """make: builds the runners, by name; it imports what they need, and checks that they agree.

    fresh: the runners are processes of their own, so there is nothing to warm up.
    """

    name: str
    make: Callable[[], Mapping[str, Runner]]
    rows: Sequence[Row]
    fresh: bool = False


@dataclass(frozen=True)
class Outcome:
    """A row as measured: costs and ratios of every round."""

    race: str
    row: Row
    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        return [self.row.goal.ratio(a, b) for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The ends of the middle half of the rounds' ratios: how far the machine can be trusted."""
        ratios = sorted(self.ratios)
        quarter = len(ratios) // 4
        return ratios[quarter], ratios[-1 - quarter]

    @property
    def met(self) -> bool | None:
        """None where nothing was asked for."""
        return self.row.goal.met(self.ratio) if self.row.is_goal else None


def run(race: Race, repeats: int) -> list[Outcome]:
    """All rounds of a race."""
    runners = race.make()
    costs: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(0 if race.fresh else 1):
        for runner in runners.values():
            runner()
    for _ in range(repeats):
        for name, runner in runners.items():
            time.sleep(PAUSE)
            costs[name].append(runner())
    return [
        Outcome(race.name, row, tuple(costs[row.ours]), tuple(costs[row.theirs]))
        for row in race.rows
    ]


def timed(work: Callable[[], object], times: int = 1) -> Runner:
    """Seconds of one `work`, the mean of so many one after the other."""

    def runner() -> float:
        began = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - began) / times

    return runner
