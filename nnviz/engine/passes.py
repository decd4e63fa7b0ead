"""Full passes for copies of which nearly everything changes.

Where a change covers most of the picture, or soon spreads over it, a plan of `boxes` computes about
all that a full pass does, and cuts and pastes besides. Full passes by noted calls (see `again`) go
through the layers with a few pictures at a time, whose maps stay in the cache: from some share of
the work on they are quicker.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .again import Again, Make, predicted, prediction_key
from .boxes import CUT, Plan
from .executor import chunk_slices, thread_count
from .input import floats
from .layer import Array, Call, Mode
from .region import Region, ends, hull, pasted
from .trace import Trace, join

if TYPE_CHECKING:
    from .model import Model

WALK = 100
"""What walking over one number costs, in multiply-adds; cutting one out costs `CUT`."""
SMALL_BYTES = 6 << 20
"""Larger maps are not held for the next picture: they take long enough for a walk."""
FEW = 8
"""Where this share of the copies, 1 / FEW, is left, they go the way of the others."""
QUICKER = 0.84
"""From this share of the work on full passes are quicker, or nearly so."""


@dataclass(frozen=True)
class Passes:
    """What `replay.Run` is for a plan, for full passes.

    start: where each copy of the picture changes. moment: see `Notes`; the parameters stay as they
    are while copies are run.
    """

    model: Model
    want: tuple[str, ...]
    make: Make
    picture: Array
    start: Region
    moment: object = field(default_factory=object)

    @classmethod
    def of(cls, model: Model, want: Sequence[str], picture: Array, boxes: Array) -> Passes | None:
        """For copies that change in boxes (P, 4); None where the model does not repeat."""
        names = tuple(want)
        make = Again.of(model).prediction(model, names, picture.dtype)
        if make is None:
            return None
        rows, cols, _ = picture.shape
        return cls(model, names, make, picture, hull(ends(boxes), (rows, cols)))

    @property
    def at_once(self) -> int:
        """How many copies are run together."""
        return chunk_slices(len(self.start.top), self.model.sample_bytes)[0].stop

    @property
    def lies(self) -> Array:
        """See `Plan.lies`; where a copy changes makes no difference here."""
        return np.zeros_like(self.start.top)

    def batch(self, count: int, itemsize: int, memory: int, by: int) -> tuple[int, int]:
        """See `Run.batch`. The runs of a batch have one size whatever the batch, so the bits do not
        depend on how many a thread is given."""
        filled, run = 3 * self.picture.nbytes, itemsize * self.model.sample_bytes
        step, room = self.at_once, memory // 2
        if room < step * (filled + run):
            size = max(1, room // (filled + run))
            return size, max(1, memory // (size * (filled + run)))
        runs = -(-count // (step * thread_count()))
        size = step * max(1, min(runs, (room // step - run) // filled))
        return size, max(1, memory // (size * filled + step * run))

    def outputs(self, fresh: Array, copies: Array, mode: Mode) -> dict[str, Array]:
        """The outputs wanted, (copies, …), where the region of each holds `fresh`."""
        given = pasted(self.picture, fresh, self.start.part(copies))
        again, step = Again.of(self.model), self.at_once
        found: dict[str, list[Array]] = {name: [] for name in self.want}
        for some in (given[i : i + step] for i in range(0, len(given), step)):
            key = prediction_key(self.want, len(some), some.dtype)
            noted = again.run(key, self.make, partial(floats, some), self.moment)
            for name, parts in found.items():
                parts.append(noted.outputs[name].copy())
            again.back(key, noted)
        return {name: np.concatenate(parts) for name, parts in found.items()}


def outputs_of(model: Model, x: Array, names: Sequence[str]) -> dict[str, Array]:
    """What nodes give for the network's inputs x (N, …): where the model repeats, by noted
    calls."""
    want, x = tuple(names), model.input.check(x)
    for name in want:
        model.node(name)
    made = predicted(
        model, x, floats, lambda _, given, ys: {k: y.copy() for k, y in ys.items()}, want
    )
    if made is None:
        trace = model.run(x, prepared=True, keep=want)
        return {name: trace[name].y for name in want}
    return {name: join([ys[name] for ys in made]) for name in want}


@contextmanager
def unchanged(model: Model, x: Array) -> Iterator[Trace]:
    """What all nodes give for one picture (1, …), the network's input: where the model repeats, and
    its maps are small, by noted calls, and lent until the end."""
    again, names = Again.of(model), tuple(node.name for node in model.nodes)
    make = again.prediction(model, names, x.dtype)
    numbers = sum(math.prod(shape) for shape in model.shapes.values())
    if make is None or numbers * x.itemsize > SMALL_BYTES:
        yield model.run(x, prepared=True)
        return
    key = prediction_key(names, len(x), x.dtype)
    noted = again.run(key, make, partial(floats, x), object())
    calls = {name: (Call((), noted.outputs[name], None, Mode()),) for name in names}
    yield Trace((slice(0, len(x)),), (noted.given,), calls, model.output_name, whole=False)
    again.back(key, noted)


def share(plan: Plan) -> float:
    """The work of a plan over that of full passes."""
    regions: dict[str, Region | None] = {plan.source: plan.start}
    done = every = 0.0
    for step in plan.steps:
        shape, here = plan.shapes[step.node.name], regions.get(step.node.inputs[0])
        regions[step.node.name] = step.region
        if step.how == "flatten":
            continue
        weights = sum(array.size for array in step.node.layer.params.values())
        work = math.prod(shape[:-1]) * weights + WALK * math.prod(shape)
        part = here if step.how == "difference" else step.region
        laid = plan.laid(step) if step.how == "patches" else 0
        done += work * (1.0 if part is None else part.share) + CUT * laid
        every += work
    return done / every if every else 1.0
