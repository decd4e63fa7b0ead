"""What the walk-through carries of a network: the numbers that go into each step and come out.

Where the whole of a layer fits into its share of the room, the page has all of it; else a crop: a
few channels, and the places around the strongest one. The whole is the largest of all crops, so
there is one mechanism.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..draw.colour import limits
from ..draw.image import block_for, coarse
from ..engine.graph import INPUT, Node
from ..engine.layer import Array
from ..engine.model import Model
from ..engine.window import Box
from .packed import packed
from .walk_steps import Room, Step, careful, room, step_of

NUMBER = 4
"""Bytes of a float32."""
SMALL = 16_384
"""Bytes of outputs that are always carried: of classes, say."""
LEAST = 16_384
"""Bytes that every block may ask for: what seems free is not, where its input is not carried."""
TERMS = 16
"""How many products of a dense layer's unit are carried, where not all are; the rest as a sum."""
MANY = 100_000
"""Bytes of weights from which on a dense layer is carried by its largest products."""
CROPS = ((0, 0), (8, 8), (6, 6), (4, 6), (4, 4), (3, 3), (2, 2), (1, 2), (1, 1))
"""(side of the places, channels) of the crops that are tried, 0 for all."""
LOOK = 28
"""How many dots wide a map is drawn at the most, of which the page has no numbers."""


@dataclass(frozen=True)
class Region:
    """What is carried of an output: channels (None: all), and of each picture a box of places."""

    channels: Array | None
    boxes: tuple[Box, ...]

    def count(self, channels: int) -> int:
        """How many channels it has."""
        return channels if self.channels is None else len(self.channels)


class Carried:
    """Runs a model once, layer by layer, and keeps what the page is to carry.

    x: the network's input for the chosen pictures, (P, …). homes: for each node the block of the
    diagram in which it stands. budget: bytes before they are packed.
    """

    def __init__(self, model: Model, x: Array, homes: Mapping[str, str], budget: int) -> None:
        self.model, self.count, self.homes = model, len(x), homes
        shapes = model.shapes
        self.steps: dict[str, Step | None] = {
            INPUT: None,
            **{n.name: step_of(n.layer, [shapes[i] for i in n.inputs]) for n in model.nodes},
        }
        self.whole: set[str] = set()
        """Nodes of which every number is carried."""
        self.regions: dict[str, Region] = {}
        """What may be explained of a block."""
        self.records: dict[str, dict[str, Any]] = {}
        self._last = {home: name for name, home in homes.items()}
        costs = {
            block: max(LEAST, sum(self._parts(block, self._everything(block))))
            for block in dict.fromkeys(homes.values())
        }
        self._shares = shared(costs, budget)
        self._run(np.asarray(x, np.float32))

    def _run(self, x: Array) -> None:
        left = Counter(name for node in self.model.nodes for name in node.inputs)
        values = {INPUT: x}
        self._keep(INPUT, (), values)
        for node in self.model.nodes:
            values[node.name] = careful(node.layer, *(values[i] for i in node.inputs))
            self._keep(node.name, node.inputs, values)
            for name in node.inputs:
                left[name] -= 1
                if not left[name]:
                    values.pop(name, None)

    # What is carried --------------------------------------------------------------------------

    def _keep(self, name: str, inputs: Sequence[str], values: Mapping[str, Array]) -> None:
        """The record of one node."""
        block, step = self.homes[name], self.steps[name]
        y, xs = self._roomy(name, values), [self._roomy(i, values) for i in inputs]
        if name == block:
            chosen = self._chosen(block, y)
            if chosen is not None:
                self.regions[block] = chosen
        region = self.regions.get(block)
        record: dict[str, Any] = {"shape": list(y.shape[1:]), "from": list(inputs)}
        record |= self._out(name, y, xs, region)
        if step is not None and region is not None:
            made = self._step(name, inputs, xs, region)
            record |= {"step": made} if made else {}
        self.records[name] = record

    def _roomy(self, name: str, values: Mapping[str, Array]) -> Array:
        return values[name].reshape(self.count, *self._room(name))

    def _room(self, name: str) -> Room:
        return room(self.model.shapes[name])

    def _out(self, name: str, y: Array, xs: Sequence[Array], region: Region | None) -> dict:
        """The numbers that come out: all, or those of the region with a picture of the maps."""
        known = self._same(name, y, xs)
        if known is not None:
            self.whole.add(name)
            return {"as": known}
        if y.nbytes <= SMALL or (region is not None and region.channels is None):
            self.whole.add(name)
            return {"out": [packed(one, "f4") for one in y]}
        record: dict[str, Any] = {}
        if region is not None:
            record["out"] = list(_crops(y, region.boxes, region.channels))
        if name == self._last[self.homes[name]] and y[0, ..., 0].size > 1:
            record["look"] = _looks(y, None if region is None else region.channels)
        return record

    def _same(self, name: str, y: Array, xs: Sequence[Array]) -> str | None:
        """What the numbers are called where they are those of a whole input ("same"), or
        their positive part ("relu"): to the bit, so that nothing need be carried twice."""
        step = self.steps[name]
        if step is None or not _is_derived(step):
            return None
        if self.model.node(name).inputs[0] not in self.whole:
            return None
        kind = "same" if step.op == "same" else "relu"
        given = xs[0].ravel() if kind == "same" else np.maximum(xs[0], 0).ravel()
        return kind if np.array_equal(y.ravel(), given, equal_nan=True) else None

    def _step(
        self, name: str, inputs: Sequence[str], xs: Sequence[Array], region: Region
    ) -> dict[str, Any] | None:
        """The step with its arrays, and with the crops of inputs that are not carried whole."""
        step = self.steps[name]
        assert step is not None
        channels = np.arange(self._room(name)[2]) if region.channels is None else region.channels
        made = step.plain(xs[0].shape[1:3])
        if self._by_terms(name):
            made["terms"] = list(_terms(step, xs[0], channels))
            made["bias"] = packed(step.arrays["bias"][channels], "f4") if step.arrays.get(
                "bias") is not None else None  # fmt: skip
        else:
            made |= {k: packed(a[..., channels], "f4") for k, a in step.arrays.items()}
        missing = [i not in self.whole for i in inputs]
        if any(missing):
            follows = name != self.homes[name]
            if follows and step.op != "softmax":
                return made  # its input is the crop of the node before it
            if step.op in ("softmax", "same", "concat"):
                return None
            made["in"] = [
                list(self._read(step, x, region, self._room(name)[2])) if lacks else None
                for x, lacks in zip(xs, missing, strict=True)
            ]
        laid = self._laid(inputs[0])
        return made | ({"laid": laid} if laid else {})

    def _read(self, step: Step, x: Array, region: Region, outside: int) -> Iterator[dict[str, Any]]:
        """The inputs that a region reads."""
        reads = None
        if region.channels is not None:
            reads = step.reads(region.channels, x.shape[3], outside)
        boxes = [_inside(step.window.needed(b, x.shape[1:3]), x.shape[1:3]) for b in region.boxes]
        return _crops(x, boxes, reads)

    def _laid(self, name: str) -> list[int] | None:
        """The map that a vector was, before it was flattened."""
        while name != INPUT and len(self.model.shapes[name]) == 1:
            step = self.steps[name]
            if step is None or step.op != "same":
                return None
            name = self.model.node(name).inputs[0]
        shape = self.model.shapes[name]
        return list(shape) if len(shape) == 3 and shape[0] * shape[1] > 1 else None

    # How much of it ---------------------------------------------------------------------------

    def _chosen(self, block: str, y: Array) -> Region | None:
        """The largest region that fits into the block's share; None where none does, or where the
        whole does not and the block's layer has no step."""
        share = self._shares[block]
        for side, most in CROPS:
            if side and self.steps[block] is None:
                break
            region = _around(y, side, most) if side else self._everything(block)
            if sum(self._parts(block, region, self.whole)) <= share:
                return region
        return None

    def _everything(self, name: str) -> Region:
        rows, cols, _ = self._room(name)
        return Region(None, ((0, 0, rows, cols),) * self.count)

    def _parts(self, block: str, region: Region, whole: set[str] | None = None) -> Iterator[int]:
        """The bytes of a block's parts. whole: which inputs are carried anyway; None: all."""
        yield from ()
        for name, home in self.homes.items():
            if home != block:
                continue
            step, channels = self.steps[name], region.count(self._room(name)[2])
            if not (_is_derived(step) and region.channels is None):
                yield NUMBER * channels * sum(map(_area, region.boxes))
            if step is None:
                continue
            if self._by_terms(name):
                yield self.count * channels * (3 * TERMS + 2) * NUMBER
            else:
                last = self._room(name)[2]
                yield sum(a.size for a in step.arrays.values()) * NUMBER * channels // last
            if name == block and whole is not None:
                yield from self._read_bytes(self.model.node(name), step, region, whole)

    def _read_bytes(self, node: Node, step: Step, region: Region, whole: set[str]) -> Iterator[int]:
        for name in node.inputs:
            if name in whole:
                continue
            rows, cols, inside = self._room(name)
            reads = None
            if region.channels is not None:
                reads = step.reads(region.channels, inside, self._room(node.name)[2])
            boxes = (_inside(step.window.needed(b, (rows, cols)), (rows, cols))
                     for b in region.boxes)  # fmt: skip
            yield NUMBER * sum(map(_area, boxes)) * (inside if reads is None else len(reads))

    def _by_terms(self, name: str) -> bool:
        """Whether a dense layer is so large that its largest products must do."""
        step = self.steps[name]
        if step is None or step.op != "sum" or step.window.kernel != (1, 1):
            return False
        flat = self._room(self.model.node(name).inputs[0])[:2] == (1, 1)
        return flat and NUMBER * step.arrays["weight"].size > MANY


def _is_derived(step: Step | None) -> bool:
    """Whether what comes out can be had from what went in without a loss."""
    return step is not None and (step.op == "same" or step.settings.get("curve") == "relu")


def shared(costs: Mapping[str, int], budget: int) -> dict[str, int]:
    """What each may take of a budget: all it wants where that is little, else what is left in even
    parts."""
    given, left = {}, budget
    for place, name in enumerate(sorted(costs, key=lambda name: costs[name])):
        given[name] = min(costs[name], left // (len(costs) - place))
        left -= given[name]
    return given


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _inside(box: Box, size: Sequence[int]) -> Box:
    return max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])


def strongest(y: Array, most: int) -> Array:
    """Of maps (P, rows, cols, channels) the channels with the largest answers, in order."""
    tops = np.nan_to_num(y.max(axis=(0, 1, 2)), nan=-np.inf)
    return np.sort(np.argsort(-tops, kind="stable")[:most])


def _around(y: Array, side: int, most: int) -> Region:
    """The channels that answer most, and the places around the strongest one of each picture."""
    channels = strongest(y, most)
    rows, cols = y.shape[1:3]
    boxes = []
    for maps in y[..., channels].max(axis=-1):
        row, col = divmod(int(np.nan_to_num(maps, nan=-np.inf).argmax()), cols)
        top = min(max(row - side // 2, 0), max(rows - side, 0))
        left = min(max(col - side // 2, 0), max(cols - side, 0))
        boxes.append((top, left, min(top + side, rows), min(left + side, cols)))
    return Region(channels, tuple(boxes))


def _crops(y: Array, boxes: Sequence[Box], channels: Array | None) -> Iterator[dict[str, Any]]:
    for one, (top, left, bottom, right) in zip(y, boxes, strict=True):
        part = one[top:bottom, left:right]
        part = part if channels is None else part[..., channels]
        named = None if channels is None else channels.tolist()
        yield packed(part, "f4") | {"box": [top, left, bottom, right], "channels": named}


def _looks(y: Array, channels: Array | None) -> dict[str, Any]:
    """The maps of a few channels as bytes, coarse where they are large, on one scale."""
    channels = strongest(y, 4) if channels is None else channels
    maps = coarse(y[..., channels], block_for(y.shape[1], y.shape[2], LOOK))
    low, high = limits(maps, signed=bool((maps < 0).any()))
    share = np.nan_to_num((maps - low) / (high - low or 1.0))
    dots = (share.clip(0, 1) * 255).round().astype(np.uint8)
    return {
        "channels": channels.tolist(),
        "low": low,
        "high": high,
        "maps": [packed(one, "u1") for one in dots],
    }


def _terms(step: Step, x: Array, channels: Array) -> Iterator[dict[str, Any]]:
    """Of each picture and unit the largest products, and the sum of the others in two float32
    numbers, the second what the first leaves over."""
    weight = step.arrays["weight"][0, 0][:, channels].astype(np.float64)
    most = min(TERMS, len(weight))
    for one in x.reshape(len(x), -1).astype(np.float64):
        products = one[:, None] * weight
        sizes = -np.abs(products)
        order = np.argpartition(sizes, most - 1, axis=0)[:most]
        inside = np.argsort(np.take_along_axis(sizes, order, 0), axis=0, kind="stable")
        order = np.take_along_axis(order, inside, 0)
        rest = products.sum(axis=0) - np.take_along_axis(products, order, 0).sum(axis=0)
        first = rest.astype(np.float32)
        yield {
            "places": packed(order.T, "f4"),
            "x": packed(one[order].T, "f4"),
            "weight": packed(np.take_along_axis(weight, order, 0).T, "f4"),
            "rest": packed(np.stack([first, rest - first], axis=1), "f4"),
            "others": int(math.prod(weight.shape[:1]) - most),
        }
