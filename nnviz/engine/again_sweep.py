"""There and back by noted calls: what `sweep` does, for layers that repeat (see `again`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import numpy as np

from .again import Noted, alike, ended, flattening
from .graph import INPUT
from .layer import Array, Call, Mode, Shape
from .walk import Draw, arrays_of, backward, forward
from .way import Way

Ask = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""The seeds of the way back, by node, from the outputs that are read."""

Seat = Callable[[], AbstractContextManager[None]]


class NotedSweep(Noted):
    """One chunk there and back.

    outputs, gradients: of `read` and of `until`, for the last input.
    """

    def __init__(
        self,
        way: Way,
        shapes: Mapping[str, Shape],
        block: int,
        x: Array,
        ask: Ask,
        seat: Seat = nullcontext,
    ) -> None:
        super().__init__(shapes, x)
        self.way = way
        self.outputs: dict[str, Array] = {INPUT: self.given}
        self.gradients: dict[str, Array] = {}
        self._before, self._after = self.notes(), self.notes()
        cut = flattening(way.nodes)
        self._front, self._rest = way.nodes[:cut], way.nodes[cut:]
        self._flat = way.nodes[cut][1].inputs[0] if cut else INPUT
        self._blocks = alike(len(x), block) if cut else []
        calls, rest = self._forward()
        asked = ask(self.outputs)
        self._seeds = {name: np.array(dy, x.dtype) for name, dy in asked.items()}
        self._held += self._seeds.values()
        self._backward(calls, rest)

    def again(self, x: Array, ask: Ask, seat: Seat = nullcontext) -> bool:
        """Run on other input of the shape, and back from other seeds; False where they are seeds of
        other nodes. seat: where the thread stays meanwhile (see `seats`), but not to ask: that may
        be anybody's."""
        np.copyto(self.given, x)
        with seat():
            self._before.play()
        asked = ask(self.outputs)
        if asked.keys() != self._seeds.keys():
            return False
        for name, seed in self._seeds.items():
            np.copyto(seed, asked[name], casting="same_kind")
        with seat():
            self._after.play()
        return True

    def _forward(self) -> tuple[list[Mapping[str, Call]], Mapping[str, Call]]:
        """The calls that are gone back through: of the front, block by block, and of the rest."""
        way, mode, scratch = self.way, Mode(notes=self._before), self.scratch()
        walk = partial(
            forward, chunk=0, train=False, draw=Draw(), scratch=scratch, untied=way.untied,
            held={*way.read, *way.until}, notes=self._before,
        )  # fmt: skip
        back = {node.name for _, node in way.nodes if not way.live.isdisjoint(node.inputs)}
        lean = back.difference(way.read)  # so that the next block runs in the same memory
        joined = [n.name for _, n in self._front if n.name in {*way.read, self._flat}]
        fronts: list[Mapping[str, Call]] = []
        for rows in self._blocks:
            given, keep = {INPUT: self.given[rows]}, {*back, *joined}
            calls = ended(walk(self._front, given, keep=keep, lean=lean))
            same: dict[int, str] = {}  # what only passes through a node is kept once
            for name in joined:
                first = same.setdefault(id(calls[name].y), name)
                if name not in self.outputs:
                    self.outputs[name] = self.outputs.get(first, self.room(name))
                if first == name:
                    mode.do(np.copyto, self.outputs[name][rows], calls[name].y)
            fronts.append({name: call for name, call in calls.items() if name in back})
            scratch.hold(arrays_of(fronts[-1].values()))
        rest = ended(walk(self._rest, {self._flat: self.outputs[self._flat]}))
        self.outputs |= {name: rest[name].y for name in way.read if name in rest}
        return fronts, rest

    def _backward(self, fronts: list[Mapping[str, Call]], rest: Mapping[str, Call]) -> None:
        way, mode, scratch = self.way, Mode(notes=self._after), self.scratch()
        walk = partial(
            backward, live=way.live, homes={}, params=False, rule_for=way.rule_for,
            scratch=scratch, notes=self._after,
        )  # fmt: skip
        ends = {*way.until, *([self._flat] if fronts and self._flat in way.live else [])}
        nodes = [node for _, node in self._rest]
        found, _ = ended(walk(nodes, rest, self._seeds, until=ends))
        for name in way.until:
            self.gradients[name] = self.room(name)
            self.gradients[name][...] = 0  # where nothing leads there from the seeds
            if name in found:
                mode.do(np.copyto, self.gradients[name], found[name])
        nodes, scratch = [node for _, node in self._front], self.scratch()
        seeds = {**{node.name: self._seeds.get(node.name) for node in nodes}, **found}
        given = {node.name: seeds[node.name] for node in nodes if seeds[node.name] is not None}
        for rows, calls in zip(self._blocks, fronts, strict=True):
            part = {name: dy[rows] for name, dy in given.items()}
            back, _ = ended(walk(nodes, calls, part, until=way.until, scratch=scratch))
            for name, dx in back.items():
                mode.do(np.copyto, self.gradients[name][rows], dx)
            scratch.let_go()
