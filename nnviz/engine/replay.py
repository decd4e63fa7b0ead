"""Running a plan of `boxes`: the unchanged picture's values at hand, and the copies one batch after
the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from .again import alike
from .boxes import Plan, Step
from .graph import Node
from .layer import Array, Layer, Mode
from .region import Region, Sheet, paste, pasted, windows_at
from .scratch import owner
from .window import POINTWISE

CHUNK = 8 << 20
"""The largest step of one batch of copies should take about this much; smaller ones would stay in
cache but cost more calls than they save, and threads wait for each other at every call."""


@dataclass(frozen=True)
class Run:
    """A plan with the unchanged picture's values, ready for any of its copies.

    base: each node's output (and the source's value), without N. moving: the nodes whose values are
    changes.
    """

    plan: Plan
    base: Mapping[str, Array]
    sheets: Mapping[tuple[str, int], Sheet]
    moving: Set[str]

    @classmethod
    def several(cls, plans: Sequence[Plan], base: Mapping[str, Array]) -> list[Run]:
        """Runs of plans for the same nodes. Every map that they cut patches from is framed once."""
        cuts: dict[tuple[str, int], list[tuple[int, Step, Region]]] = defaultdict(list)
        for k, made in enumerate(plans):
            for step, i, region in made.cuts():
                cuts[step.node.name, i].append((k, step, region))
        sheets: list[dict[tuple[str, int], Sheet]] = [{} for _ in plans]
        for (name, i), some in cuts.items():
            _, step, region = some[0]
            old = base[step.node.inputs[i]].reshape(*region.map_size, -1)
            beside = step.node.layer.beside
            sheet = Sheet.several(old, [region for *_, region in some], beside)
            for k, *_ in some:
                sheets[k][name, i] = sheet
        return [
            cls(made, base, some, made.moving) for made, some in zip(plans, sheets, strict=True)
        ]

    @property
    def start(self) -> Region:
        """What changes of the source."""
        return self.plan.start

    @property
    def lies(self) -> Array:
        """See `Plan.lies`."""
        return self.plan.lies

    def batch(
        self, count: int, itemsize: int, memory: int, by: int, chunk: float = CHUNK
    ) -> tuple[int, int]:
        """How many of `count` copies make a batch, and how many batches may be worked on at once.

        by: what the number of batches is a multiple of, where there are so many copies."""
        step, every = (max(1, n * itemsize) for n in self.plan.numbers)
        by_step = by * max(1, round(count * step / chunk / by))
        by_memory = by * -(-count // (by * max(1, memory // (2 * every))))
        size = -(-count // max(by_step, by_memory))
        return size, max(1, memory // (every * size))

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return self.base[self.plan.source].dtype

    def holds(self, count: int, block: int) -> int:
        """About how many bytes a batch takes of which so many copies at a time go through the
        plan's `front`, with the unchanged picture's values."""
        plan, cut = self.plan, self.plan.front if block < count else 0
        numbers = block * plan.numbers_of(plan.steps[:cut])[1] if cut else 0
        numbers += count * plan.numbers_of(plan.steps[cut:])[1]
        numbers += sum(array.size for array in self.arrays.values())
        return numbers * self.dtype.itemsize

    @property
    def arrays(self) -> dict[Hashable, Array]:
        """The unchanged picture's values that are read."""
        found: dict[Hashable, Array] = {name: self.base[name] for name in self.plan.wholes}
        return found | {key: sheet.map for key, sheet in self.sheets.items()}

    def apart(self) -> Run:
        """The same in memory of its own."""
        own = {key: array.copy() for key, array in self.arrays.items()}
        sheets = {key: replace(sheet, map=own[key]) for key, sheet in self.sheets.items()}
        return replace(self, base={name: own[name] for name in self.plan.wholes}, sheets=sheets)

    def outputs(
        self, fresh: Array, copies: Array, mode: Mode, block: int | None = None
    ) -> dict[str, Array]:
        """The outputs wanted, (copies, …), where the source's region holds `fresh`; in memory of
        their own.

        block: so many copies at a time go through the plan's `front`."""
        steps, source, cut = self.plan.steps, self.plan.source, 0
        given = {source: fresh}
        if block is not None and block < len(copies) and (cut := self.plan.front):
            name = steps[cut].node.inputs[0]
            region = self.plan.lying[name]
            assert region is not None
            joined = mode.new((len(copies), *region.size, self.plan.shapes[name][-1]), fresh.dtype)
            if mode.scratch is not None:
                mode.scratch.hold([joined])
            for rows in alike(len(copies), block):
                some = _Copies(self, {source: fresh[rows]}, copies[rows], mode)
                some.walk(steps[:cut])
                mode.do(np.copyto, joined[rows], some.values[name])
            given = {name: joined}
        every = _Copies(self, given, copies, mode)
        every.walk(steps[cut:])
        found = {}
        for name in self.plan.want:  # it may lie in the scratch, or be one value for all
            value = every.whole(name)
            found[name] = np.empty(value.shape, value.dtype)
            mode.do(np.copyto, found[name], value)
        return found


class _Copies:
    """Some copies on their way through a plan.

    values: what there is of each node, by name, in the region that it has then.
    """

    def __init__(self, run: Run, given: dict[str, Array], copies: Array, mode: Mode) -> None:
        self.run, self.values, self.mode = run, given, mode
        self._copies, self._spare = copies, replace(mode, spare=True)
        lying = run.plan.lying.items()
        self._lies = {n: None if there is None else there.part(copies) for n, there in lying}

    def walk(self, steps: Sequence[Step]) -> None:
        """Make the values of these steps, and forget those that nobody reads after them."""
        for step in steps:
            self.values[step.node.name] = self._made(step)
            for gone in step.done:
                self.values.pop(gone, None)
            if self.mode.scratch is not None:
                self.mode.scratch.layer_done()
                self.mode.scratch.keep_only(self.values.values())

    def _made(self, step: Step) -> Array:
        """One step's new values: of its output's region, or of the whole map."""
        node, layer, mode, do = step.node, step.node.layer, self.mode, self.mode.do
        name, alone = node.inputs[0], len(node.inputs) == 1
        ours = name in step.done and self._alone(name)  # so that it may be written over
        if step.how == "flatten":
            return self.values[name]
        region = self._lies.get(name)
        if region is not None and (step.how == "difference" or step.moves is not None):
            change = self.run.sheets[node.name, 0].cut(region, mode)
            do(np.subtract, self.values[name], change, out=change)
            if step.moves is not None:
                return layer.moved_by(change, mode)
            moved = layer.answer_to(change, region.top, region.left, region.map_size, mode)
            do(np.add, moved, self.run.base[node.name], out=moved)
            return moved
        if step.how == "patches":
            reads = [read.part(self._copies) for read in step.needed]
            xs = [self._patch(node, i, read) for i, read in enumerate(reads)]
            mode = self._spare if alone and (ours or (node.name, 0) in self.run.sheets) else mode
            made = layer.on_patches(*xs, inside=reads[-1].inside, mode=mode)
            assert step.region is not None
            wanted = step.region.part(self._copies)
            return _inner(layer, made, reads[0], wanted, mode) if layer.grows else made
        xs = [self.whole(n) for n in node.inputs]
        mode = self._spare if alone and ours else mode
        if layer.has_patches and layer.window() == POINTWISE:  # cell by cell, without a backward
            return layer.on_patches(*xs, inside=_everywhere, mode=mode)
        return layer.forward(*xs, mode=mode)[0]

    def _patch(self, node: Node, i: int, read: Region) -> Array:
        """What a layer reads of its i-th input: cut out of the unchanged map, the new pasted in."""
        name, sheet = node.inputs[i], self.run.sheets.get((node.name, i))
        if sheet is None:
            return self.values[name]
        patch = sheet.cut(read, self.mode)
        if name in self.values:
            region, moving = self._lies[name], name in self.run.moving
            assert region is not None
            paste(patch, read, self.values[name], region, change=moving, mode=self.mode)
            on = read.inside() if moving else None
            if on is not None:  # a change may stick out of the map, where padding stays padding
                self.mode.do(np.copyto, patch, node.layer.beside, where=~on)
        return patch

    def whole(self, name: str) -> Array:
        """A node's whole output for each copy, (count, …)."""
        base, count = self.run.base[name], len(self._copies)
        if name not in self.values:
            return np.broadcast_to(base, (count, *base.shape))
        region, moving = self._lies.get(name), name in self.run.moving
        if region is None:
            return self.values[name]
        picture = base.reshape(*region.map_size, -1)
        full = pasted(picture, self.values[name], region, change=moving, mode=self.mode)
        return full.reshape(count, *base.shape)

    def _alone(self, name: str) -> bool:
        """Whether no other value lies in the same memory, as after a layer that hands on its
        input."""
        if name not in self.values:
            return False
        mine = owner(self.values[name])
        return all(owner(v) is not mine for other, v in self.values.items() if other != name)


def _inner(layer: Layer, made: Array, read: Region, wanted: Region, mode: Mode) -> Array:
    """The region wanted of what a layer that grows has made of the region it read."""
    down, along = wanted.top - layer.origin(read.top, 0), wanted.left - layer.origin(read.left, 1)
    made = mode.in_order(made)
    first = np.arange(len(made)) * made.shape[1]  # the rows of the copies before
    return windows_at(made, first + down, along, wanted.size, mode)


def _everywhere() -> None:
    """All cells lie on the map."""
    return None
