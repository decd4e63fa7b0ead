"""Concatenated maps that stay apart, as what reads them adds them up anyway.

A 1×1 convolution of maps side by side is the sum of convolutions of each, with its part of the
weights: w · [a, b] = w_a · a + w_b · b. So nothing has to be laid side by side; and what stands
between the two and treats each channel by itself, a pool say, treats each of the maps.
"""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from .folding import is_ours
from .graph import Node
from .layer import Array, Mode, Shape
from .layers.conv import Conv2D
from .layers.merge import Concatenate


def kept_apart(
    nodes: Sequence[tuple[int, Node]], shapes: Mapping[str, Shape], keep: Collection[str] = ()
) -> list[tuple[int, Node]]:
    """Nodes (with their places) that give the same, with no concatenation that a 1×1 convolution
    alone reads. keep: nodes whose outputs are wanted as they are."""
    readers: dict[str, list[Node]] = defaultdict(list)
    for _, node in nodes:
        for name in node.inputs:
            readers[name].append(node)
    made: list[tuple[int, Node]] = []
    parts: dict[str, tuple[str, ...]] = {}
    for place, node in nodes:
        first = node.inputs[0] if node.inputs else ""
        if _joins(node, shapes) and _is_added_up(node, readers, shapes, keep):
            parts[node.name] = node.inputs
        elif first in parts and isinstance(node.layer, Conv2D):
            widths = [shapes[name.split(PART)[-1]][-1] for name in parts[first]]
            made.append((place, Node(node.name, _Sum(node.layer, widths), parts[first])))
        elif first in parts:
            parts[node.name] = tuple(f"{node.name}{PART}{name}" for name in parts[first])
            pairs = zip(parts[node.name], parts[first], strict=True)
            made += [(place, Node(name, node.layer, (part,))) for name, part in pairs]
        else:
            made.append((place, node))
    return made


PART = "\n"
"""Stands in the name of a node that treats one of the maps, between its own and the map's."""


def _joins(node: Node, shapes: Mapping[str, Shape]) -> bool:
    """Whether a node lays different maps side by side, channel after channel."""
    along = type(node.layer) is Concatenate and node.layer.axis in (-1, len(shapes[node.name]))
    return along and len(set(node.inputs)) == len(node.inputs)


def _is_added_up(
    node: Node,
    readers: Mapping[str, Sequence[Node]],
    shapes: Mapping[str, Shape],
    keep: Collection[str],
) -> bool:
    """Whether all that becomes of a node's output, channel by channel, is that it is added up."""
    width = shapes[node.name][-1:]
    while node.name not in keep and len(readers[node.name]) == 1:
        (node,) = readers[node.name]
        layer, alone = node.layer, len(node.inputs) == 1 and not node.layer.params
        if type(layer) is Conv2D:
            return layer.kernel_size == (1, 1) and layer.groups == 1
        by_itself = alone and is_ours(layer) and (layer.by_channel or layer.elementwise)
        if not by_itself or shapes[node.name][-1:] != width:
            return False
    return False


class _Sum(Conv2D):
    """A convolution of maps side by side, given one by one. widths: their channels."""

    def __init__(self, conv: Conv2D, widths: Sequence[int]) -> None:
        vars(self).update(vars(conv))
        ends = [0, *itertools.accumulate(widths)]
        self._parts = [_of_channels(conv, *some) for some in itertools.pairwise(ends)]

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, None]:
        first, *rest = (
            conv.forward(x, mode=mode)[0] for conv, x in zip(self._parts, xs, strict=True)
        )
        for y in rest:
            mode.do(np.add, first, y, out=first)
        return first, None


def _of_channels(conv: Conv2D, start: int, stop: int) -> Conv2D:
    """The convolution of some of the channels; the first have the bias."""
    part = copy.copy(conv)
    part.params = {**conv.params, "weight": conv.params["weight"][:, :, start:stop]}
    part.use_bias = conv.use_bias and start == 0
    return part
