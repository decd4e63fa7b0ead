"""Growth: ten times the pictures or parameters; time and memory beside the arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import nnviz as nv

from .nets import BATCH, digits_net, mult_adds, stepper
from .peak import WIDER
from .processes import peak_of
from .race import TIMES, Goal, Race, Row, Runner, timed

SLOWER = Goal("≤", 1.1)
"""No faster than the arithmetic; a tenth is left to the machine's noise."""


def arithmetic() -> float:
    """How many times the multiply-adds of a training step the wider network takes."""
    return mult_adds(digits_net(WIDER), training=True) / mult_adds(digits_net(), training=True)


def time_runners() -> Mapping[str, Runner]:
    def step(model: nv.Model, n: int = BATCH) -> Callable[[], object]:
        return stepper(model, nv.Adam(1e-3), n)

    one = timed(step(digits_net()), 3)
    pictures, parameters = step(digits_net(), 10 * BATCH), step(digits_net(WIDER))
    more, factor = arithmetic(), 10.0
    return {
        "pictures": lambda: timed(pictures)() / one(),
        "parameters": lambda: timed(parameters)() / one(),
        "ten": lambda: factor,
        "arithmetic": lambda: more,
    }


def memory_runners() -> Mapping[str, Runner]:
    """Peaks above what the imports alone take. These and the small one hardly vary: taken once."""
    base, more = peak_of("imports"), arithmetic()
    small = peak_of("ours") - base
    return {
        "pictures": lambda: (peak_of("ours, pictures") - base) / small,
        "parameters": lambda: (peak_of("ours, parameters") - base) / small,
        "ten": lambda: 10.0,
        "arithmetic": lambda: more,
    }


def rows(what: str) -> tuple[Row, ...]:
    kinds = {"pictures": "ten", "parameters": "arithmetic"}
    return tuple(
        Row(f"{what} of a training step, {kind} ×10", "its arithmetic", SLOWER, TIMES, kind, theirs)
        for kind, theirs in kinds.items()
    )


RACES = (
    Race("growth-time", time_runners, rows("time")),
    Race("growth-memory", memory_runners, rows("memory"), fresh=True),
)
