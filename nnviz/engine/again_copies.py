"""Changed copies of a picture by noted calls: what `replay` does, for layers that repeat (see
`again`).

Between its NumPy calls a batch of copies does as much Python again, and two threads wait for each
other meanwhile. The next picture, or the next fill, that is covered at the same places takes the
same calls. As those cost next to nothing by themselves, a few copies at a time go through the maps,
in memory that stays in the second-level cache.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .again import BLOCK_BYTES, MOST_BYTES, Again, Noted, repeat
from .layer import Array, Mode
from .region import Region
from .replay import Run

if TYPE_CHECKING:
    from .model import Model


class NotedCopies(Noted):
    """One batch of copies of a picture, each with its region filled.

    outputs: of the nodes wanted, {name: (copies, …)}.
    """

    def __init__(self, copies: Array, block: int, run: Run, fresh: Array, moment: object) -> None:
        super().__init__({}, fresh)
        run = run.apart()
        self._own = run.arrays
        self._held += self._own.values()
        self._notes = self.notes(moment)
        mode = Mode(scratch=self.scratch(), notes=self._notes, private=True)
        self.outputs = run.outputs(self.given, copies, mode, block)

    def again(self, run: Run, fresh: Array, moment: object) -> bool:
        """Make `outputs` for another picture or other fills."""
        for key, array in run.arrays.items():
            np.copyto(self._own[key], array)
        np.copyto(self.given, fresh)
        self._notes.play(moment)
        return True


@dataclass(frozen=True)
class NotedRun:
    """What `Run` is for a plan, by noted calls.

    places: what says where the copies change. block: how many go through the maps at a time.
    moment: see `Notes`.
    """

    model: Model
    places: Hashable
    run: Run
    block: int
    moment: object

    @classmethod
    def of(
        cls, model: Model, places: Hashable, run: Run, count: int, by: int
    ) -> tuple[NotedRun, int] | None:
        """For `count` copies, and about how many bytes their notes hold; None where some layer does
        not repeat."""
        steps, largest = run.plan.steps, run.plan.numbers[0] * run.dtype.itemsize
        if not repeat([(0, step.node) for step in steps], run.dtype):
            return None
        block = max(1, BLOCK_BYTES // largest)
        made = cls(model, places, run, block, object())
        return made, by * run.holds(-(-count // by), block)

    @property
    def start(self) -> Region:
        """What changes of the source."""
        return self.run.start

    @property
    def lies(self) -> Array:
        """See `Plan.lies`."""
        return self.run.lies

    def batch(self, count: int, itemsize: int, memory: int, by: int) -> tuple[int, int]:
        """See `Run.batch`: as few batches as memory allows."""
        return self.run.batch(count, itemsize, memory, by, chunk=math.inf)

    def outputs(self, fresh: Array, copies: Array, mode: Mode) -> dict[str, Array]:
        """The outputs wanted, (copies, …), where the region of each holds `fresh`."""
        key = "copies", self.places, copies.tobytes(), fresh.dtype.str
        again, make = Again.of(self.model), partial(NotedCopies, copies, self.block)
        noted = again.run(key, make, self.run, fresh, self.moment)
        found = {name: array.copy() for name, array in noted.outputs.items()}
        again.back(key, noted)
        return found


def noted(
    model: Model, places: Hashable, kinds: Sequence[tuple[Array, Run]], by: int, memory: int
) -> list[tuple[Array, Run | NotedRun]]:
    """The kinds of copies, by noted calls where all of them can be and hold little memory.

    by: how many batches each kind has at least. memory: to stay below with all that is noted, as
    notes outlive the run."""
    made, held = list[tuple[Array, Run | NotedRun]](), 0
    for some, run in kinds:
        one = NotedRun.of(model, (places, some.tobytes()), run, len(some), by)
        if one is None:
            return [*kinds]
        made.append((some, one[0]))
        held += one[1]
    return made if held <= min(MOST_BYTES // 2, memory - MOST_BYTES) else [*kinds]
