"""Many copies of one picture, each changed in a box: what comes out, without doing it all again.

The trouble: occlusion asks for hundreds of copies of a picture that differ from it in a small
square each, and a full forward pass for each copy computes the same numbers over and over.

The idea: carry along only the region of each node's map that may have changed.

| what changed of a node's input   | then                                                          |
|----------------------------------|---------------------------------------------------------------|
| a region, and it has a window    | cut all that the touched outputs read out of the unchanged    |
|                                  | map, paste the region in, run the layer on these patches (of  |
|                                  | what a transposed convolution or an upsampling makes of them, |
|                                  | the touched outputs are kept)                                 |
| the same, and `moves` says so    | run it on the change of the region alone: what it reaches     |
|                                  | moves by that much; added where the next layer cuts           |
| a region, and it is linear       | add the layer's answer to the difference (dense, global       |
|                                  | average pooling)                                              |
| a region, and it is neither      | copy the whole map, paste the region in, run the layer        |
| the whole map                    | run the layer                                                 |

All regions of one node have one size; at the border they are slid inward and then hold some numbers
that did not change. So all copies go through a layer as one batch. Where a change spreads over much
of the maps, one near the border reaches less far: `alike` sorts the copies into kinds, each with a
plan of its own. Nothing is approximated: a number is either computed from what it reads, or it
reads nothing that has changed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from .folding import pooled_first
from .graph import Node
from .layer import Array, Layer, Shape
from .layers.reshape import Flatten
from .region import Region, ends, hull, inward, needed, touched, union
from .window import POINTWISE

if TYPE_CHECKING:
    from .model import Model

WORTH = 0.6, 0.95
"""From this share of the map's cells on, a region is no cheaper than the whole map: at least, and
at most, where a layer has much to multiply."""
CUT = 200
"""What cutting out one number and pasting it in costs, in multiply-adds: also what goes back to the
whole map later has to be pasted in then."""


@dataclass(frozen=True)
class Step:
    """One node of the plan.

    how: "patches", "difference", "flatten" or "whole". region: of its output; None where the whole
    map is computed. needed: for each input, what the patches read (it may lie beside the map).
    moves: where the change of its output lies (it may stick out), if that is what is computed, from
    the change of its input. done: the values that nobody reads after this step.
    """

    node: Node
    how: str
    region: Region | None
    needed: tuple[Region, ...] = ()
    moves: Region | None = None
    done: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What to do at each node between the source and the nodes wanted, for P copies.

    lies: (P,), the same number for copies that lie alike wherever changes are added (see `moves`).
    """

    source: str
    start: Region
    steps: tuple[Step, ...]
    want: tuple[str, ...]
    shapes: Mapping[str, Shape] = field(repr=False)
    lies: Array = field(repr=False)

    @property
    def reads(self) -> set[str]:
        """The nodes whose unchanged outputs it needs."""
        names = {self.source, *self.want, *(s.node.name for s in self.steps)}
        return names.union(*(step.node.inputs for step in self.steps))

    @property
    def lying(self) -> dict[str, Region | None]:
        """Where what is computed of each node lies, None where it is the whole map."""
        made = {step.node.name: step.moves or step.region for step in self.steps}
        return {self.source: self.start, **made}

    @property
    def wholes(self) -> set[str]:
        """The nodes whose unchanged outputs it needs whole, not cut in parts."""
        names = {*self.want, *(s.node.name for s in self.steps if s.how == "difference")}
        return names.union(*(s.node.inputs for s in self.steps if s.how == "whole"))

    @property
    def front(self) -> int:
        """How many steps make regions of maps, up to one value that all others go through; 0 where
        there is no such value."""
        if not self.steps:  # nothing wanted reads the source
            return 0
        cut = next((i for i, step in enumerate(self.steps) if step.how != "patches"), 0)
        made = {self.source, *(step.node.name for step in self.steps[:cut])}
        past = {*self.want}.union(*(step.node.inputs for step in self.steps[cut:]))
        return cut if made & past == {self.steps[cut].node.inputs[0]} else 0

    @property
    def numbers(self) -> tuple[int, int]:
        """How many numbers one copy takes: at the largest step, and in memory at any time."""
        return self.numbers_of(self.steps)

    def numbers_of(self, steps: Sequence[Step]) -> tuple[int, int]:
        """The same for some of the steps.

        A scratch lends what is free again to arrays of the same size alone, so for each size the
        most that are alive at once count.
        """
        start = math.prod(self.start.size) * self.shapes[self.source][-1]
        largest = passing = 2 * start
        sizes = {self.source: 0, **{step.node.name: self._makes(step) for step in self.steps}}
        alive, most = Counter[int](), Counter[int]()
        for step in steps:
            ins, out = self.laid(step), sizes[step.node.name]
            if step.how == "difference":
                ins = 2 * sizes[step.node.inputs[0]]  # the change, and its rows in order
            largest = max(largest, out + ins)
            framed = ins if step.how == "whole" and step.node.layer.crops else 0
            alive.update((out, ins, framed))
            most |= alive
            alive.subtract((ins, framed, *(sizes.get(gone, 0) for gone in step.done)))
        return largest, passing + sum(size * count for size, count in most.items())

    @property
    def moving(self) -> set[str]:
        """The nodes whose values are changes."""
        return {step.node.name for step in self.steps if step.moves is not None}

    def cuts(self) -> Iterator[tuple[Step, int, Region]]:
        """The steps that cut something out of their i-th input's unchanged map, i, and where."""
        regions: dict[str, Region | None] = {self.source: self.start}
        moving = self.moving
        for step in self.steps:
            regions[step.node.name] = step.region
            here = regions.get(step.node.inputs[0])
            if here is not None and (step.how == "difference" or step.moves is not None):
                yield step, 0, here
                continue
            for i, (name, read) in enumerate(zip(step.node.inputs, step.needed, strict=False)):
                here = regions.get(name)
                if here is None or name in moving or not here.same_place(read):
                    yield step, i, read

    def _makes(self, step: Step) -> int:
        """How many numbers a step leaves behind for one copy."""
        numbers, region = math.prod(self.shapes[step.node.name]), step.moves or step.region
        if region is None:
            return numbers
        rows, cols = region.map_size
        return numbers // (rows * cols) * math.prod(region.size)

    def laid(self, step: Step) -> int:
        """How many numbers are laid out for it to read."""
        shapes = [self.shapes[name] for name in step.node.inputs]
        if step.how == "patches" and not step.needed[0].flat:
            pairs = zip(step.needed, shapes, strict=True)
            return sum(math.prod(region.size) * shape[-1] for region, shape in pairs)
        return 0 if step.region is not None else sum(map(math.prod, shapes))


def plan(model: Model, source: str, boxes: Array, want: Sequence[str]) -> Plan:
    """The plan for boxes (P, 4) on the source's map."""
    shape = model.shapes[source]
    start = hull(ends(boxes), (shape[0], shape[1]))
    regions: dict[str, Region | None] = {source: start}
    steps: list[Step] = []
    nodes, shapes = between(model, source, want)
    last = {name: i for i, node in enumerate(nodes) for name in node.inputs}
    for i, node in enumerate(nodes):
        step = _step(node, shapes, regions)
        regions[node.name] = step.region
        done = {n for n in (*node.inputs, node.name) if last.get(n, i) == i and n not in want}
        steps.append(replace(step, done=tuple(done)))
    alike = np.zeros(len(boxes), np.int64)
    return Plan(source, start, tuple(steps), tuple(want), shapes, alike)


def between(
    model: Model, source: str, want: Sequence[str]
) -> tuple[list[Node], Mapping[str, Shape]]:
    """The nodes that read the source, directly or by others, and lead to a node wanted; and all
    shapes."""
    after, leads = {source}, set(want)
    for node in model.nodes:
        if any(name in after for name in node.inputs):
            after.add(node.name)
    for node in reversed(model.nodes):
        if node.name in leads:
            leads |= set(node.inputs)
    found = [n for n in model.nodes if n.name in after and n.name in leads and n.name != source]
    nodes = [node for _, node in pooled_first(list(enumerate(found)), {source, *want})]
    shapes = dict(model.shapes)
    for node in nodes:  # those of pools that have changed places with their ReLUs
        shapes[node.name] = node.layer.out_shape(*(shapes[name] for name in node.inputs))
    return nodes, shapes


def _step(node: Node, shapes: Mapping[str, Shape], regions: Mapping[str, Region | None]) -> Step:
    """How a node follows the changes of its inputs."""
    layer, whole = node.layer, Step(node, "whole", None)
    changed = [(i, regions[name]) for i, name in enumerate(node.inputs) if name in regions]
    known = [(i, region) for i, region in changed if region is not None]
    if len(known) < len(changed):
        return whole
    first, shape = known[0][1], shapes[node.name]
    windows = [layer.window(i) for i in range(len(node.inputs))]
    by_cell = all(window == POINTWISE for window in windows)
    worth = math.inf if by_cell else _worth(layer, shapes[node.inputs[0]])
    if first.share >= worth and not first.flat:
        return whole
    if isinstance(layer, Flatten) and len(shapes[node.inputs[0]]) == 3:
        return Step(node, "flatten", replace(first, flat=True))
    if len(windows) == 1 and layer.linear and (first.flat or windows[0] is None):
        return Step(node, "difference", None)
    if first.flat and layer.elementwise:
        return Step(node, "patches", first, (first,))
    if first.flat or len(shape) != 3 or not layer.has_patches:
        return whole
    alike = len(known) == len(windows) and all(region.same_place(first) for _, region in known)
    if by_cell and alike:
        return Step(node, "patches", first, (first,) * len(known))
    map_size = (shape[0], shape[1])
    seen = []
    for i, region in known:
        window = windows[i]
        if window is None:
            return whole
        seen.append(touched(window, region.spans, region.map_size))
    region, read = hull(union(seen, map_size), map_size), []
    for window, name in zip(windows, node.inputs, strict=True):
        if window is None:
            return whole
        read.append(needed(window, region, (shapes[name][0], shapes[name][1])))
    if region.share >= worth:
        return whole
    if layer.grows:
        read = [inward(read[0], region, layer.origin)]
    return Step(node, "patches", region, tuple(read))


def _worth(layer: Layer, shape: Shape) -> float:
    """The share of the map's cells from which on a layer goes over the whole map as quickly.

    shape: of its input. What goes cell by cell cuts nothing out, so it is never quicker there."""
    by_cell = sum(array.size for array in layer.params.values())
    least, most = WORTH
    return min(most, max(least, 1 - CUT * shape[-1] / max(1, by_cell)))
