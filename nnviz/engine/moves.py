"""Convolutions of what moves alone.

A convolution is linear: where its input moves by some change in a region, all outputs that read the
region move by the convolution of that change. They are more cells than the region has, but what
must be read to compute them anew is larger still; where regions are small, the change takes a third
to a half of the products. It is added when the next layer cuts what it reads out of the unchanged
map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from .boxes import Plan, Step
from .layer import Array
from .region import Region
from .window import SlidingWindow


def lightened(plan: Plan) -> Plan:
    """The plan, with the change alone wherever that is less work and whoever reads it cuts."""
    regions, moving, steps = {plan.source: plan.start}, set[str](), list[Step]()
    for step in plan.steps:
        first = step.node.inputs[0]
        moves = None if first in moving else _moves(step, regions.get(first), plan.steps)
        if moves is not None:
            moving.add(step.node.name)
        if step.region is not None:
            regions[step.node.name] = step.region
        steps.append(replace(step, moves=moves))
    made = replace(plan, steps=tuple(steps))
    return replace(made, lies=lined_up(made))


def _moves(step: Step, read: Region | None, steps: Sequence[Step]) -> Region | None:
    """Where the outputs lie that read the region; None where it is no use to look at changes."""
    node, layer, window = step.node, step.node.layer, step.node.layer.window()
    if step.how != "patches" or read is None or read.flat or len(node.inputs) > 1:
        return None
    readers = {other.how for other in steps if node.name in other.node.inputs}
    cuts = readers <= {"patches", "whole"} and isinstance(window, SlidingWindow)
    if not cuts or not layer.moves_by(read.size):
        return None
    assert isinstance(window, SlidingWindow)
    assert step.region is not None
    ((top, _), (left, _)), (high, wide) = window.padding(read.map_size), window.reach
    return Region(
        (read.size[0] + high - 1, read.size[1] + wide - 1),
        read.top + top - high + 1,
        read.left + left - wide + 1,
        step.region.map_size,
    )


def lined_up(plan: Plan) -> Array:
    """(P,): the same number for copies whose changes lie at one place in what is cut out for the
    next step, wherever changes are added: those that follow each other are added in one call."""
    alike, moves = np.zeros(len(plan.start.top), np.int64), dict[str, Region]()
    for step in plan.steps:
        if step.moves is not None:
            moves[step.node.name] = step.moves
        for name, read in zip(step.node.inputs, step.needed, strict=False):
            for offset in _offsets(moves.get(name), read):
                alike = np.unique(alike << 32 | offset, return_inverse=True)[1]
    return alike


def _offsets(here: Region | None, read: Region) -> Iterator[Array]:
    """How far a region lies from what is read, down and along, where that differs."""
    for offset in () if here is None else (here.top - read.top, here.left - read.left):
        offset -= offset.min()
        if offset.any():
            yield offset
