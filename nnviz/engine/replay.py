"""Running a plan of `boxes`: the unchanged picture's values at hand, and the copies one batch after
the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from .boxes import Plan, Step
from .graph import Node
from .layer import Array, Layer, Mode
from .region import Region, Sheet, parts, paste, pasted
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
            for (k, *_), sheet in zip(
                some, Sheet.several(old, [region for *_, region in some], beside), strict=True
            ):
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

    def batch(self, count: int, itemsize: int, memory: int, by: int) -> tuple[int, int]:
        """How many of `count` copies make a batch, and how many batches may be worked on at once.

        by: what the number of batches is a multiple of, where there are so many copies."""
        step, every = (max(1, n * itemsize) for n in self.plan.numbers)
        by_step = by * max(1, round(count * step / CHUNK / by))
        by_memory = by * -(-count // (by * max(1, memory // (2 * every))))
        size = -(-count // max(by_step, by_memory))
        return size, max(1, memory // (every * size))

    def outputs(self, fresh: Array, copies: Array, mode: Mode) -> dict[str, Array]:
        """The outputs wanted, (copies, …), where the source's region holds `fresh`."""
        modes = (mode, replace(mode, spare=True))
        values: dict[str, Array] = {self.plan.source: fresh}
        regions: dict[str, Region | None] = {self.plan.source: self.plan.start.part(copies)}
        for step in self.plan.steps:
            name = step.node.name
            values[name] = self._run(step, values, regions, copies, modes)
            lies = step.moves or step.region
            regions[name] = None if lies is None else lies.part(copies)
            for gone in step.done:
                values.pop(gone, None)
            if mode.scratch is not None:
                mode.scratch.layer_done()
                mode.scratch.keep_only(values.values())
        # Copied: it may lie in the scratch, or be the unchanged output for all.
        return {n: self._whole(n, values, regions, len(fresh)).copy() for n in self.plan.want}

    def _run(
        self,
        step: Step,
        values: Mapping[str, Array],
        regions: Mapping[str, Region | None],
        copies: Array,
        modes: tuple[Mode, Mode],
    ) -> Array:
        """One step's new values: of its output's region, or of the whole map.

        modes: the second is for a layer that may write over its input."""
        node, layer = step.node, step.node.layer
        name, alone = node.inputs[0], len(node.inputs) == 1
        ours = name in step.done and _alone(name, values)  # so that it may be written over
        if step.how == "flatten":
            return values[name]
        region = regions.get(name)
        if region is not None and (step.how == "difference" or step.moves is not None):
            change = self.sheets[node.name, 0].cut(region)
            np.subtract(values[name], change, out=change)
            if step.moves is not None:
                return layer.moved_by(change, modes[0])
            moved = layer.answer_to(change, region.top, region.left, region.map_size)
            moved += self.base[node.name]
            return moved
        if step.how == "patches":
            reads = [read.part(copies) for read in step.needed]
            xs = [self._patch(node, i, read, values, regions) for i, read in enumerate(reads)]
            mode = modes[alone and (ours or (node.name, 0) in self.sheets)]
            made = layer.on_patches(*xs, inside=reads[-1].inside, mode=mode)
            assert step.region is not None
            return _inner(layer, made, reads[0], step.region.part(copies)) if layer.grows else made
        count = len(copies)
        xs = [self._whole(n, values, regions, count) for n in node.inputs]
        mode = modes[alone and ours]
        if layer.has_patches and layer.window() == POINTWISE:  # cell by cell, without a backward
            return layer.on_patches(*xs, inside=_everywhere, mode=mode)
        return layer.forward(*xs, mode=mode)[0]

    def _patch(
        self,
        node: Node,
        i: int,
        read: Region,
        values: Mapping[str, Array],
        regions: Mapping[str, Region | None],
    ) -> Array:
        """What a layer reads of its i-th input: cut out of the unchanged map, the new pasted in."""
        name, sheet = node.inputs[i], self.sheets.get((node.name, i))
        if sheet is None:
            return values[name]
        patch = sheet.cut(read)
        if name in values:
            region = regions.get(name)
            assert region is not None
            paste(patch, read, values[name], region, change=name in self.moving)
            on = read.inside() if name in self.moving else None
            if on is not None:  # a change may stick out of the map, where padding stays padding
                np.copyto(patch, node.layer.beside, where=~on)
        return patch

    def _whole(
        self,
        name: str,
        values: Mapping[str, Array],
        regions: Mapping[str, Region | None],
        count: int,
    ) -> Array:
        """A node's whole output for each copy, (count, …)."""
        base = self.base[name]
        if name not in values:
            return np.broadcast_to(base, (count, *base.shape))
        region = regions.get(name)
        if region is None:
            return values[name]
        picture = base.reshape(*region.map_size, -1)
        full = pasted(picture, values[name], region, change=name in self.moving)
        return full.reshape(count, *base.shape)


def _inner(layer: Layer, made: Array, read: Region, wanted: Region) -> Array:
    """The region wanted of what a layer that grows has made of the region it read."""
    down, along = wanted.top - layer.origin(read.top, 0), wanted.left - layer.origin(read.left, 1)
    views = parts(np.ascontiguousarray(made), wanted.size, writeable=False)
    return views[np.arange(len(made)), down, along]


def _alone(name: str, values: Mapping[str, Array]) -> bool:
    """Whether no other value lies in the same memory, as after a layer that hands on its input."""
    if name not in values:
        return False
    mine = owner(values[name])
    return all(owner(array) is not mine for other, array in values.items() if other != name)


def _everywhere() -> None:
    """All cells lie on the map."""
    return None
