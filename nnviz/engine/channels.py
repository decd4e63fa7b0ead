"""Many copies of a picture, each with one channel of one map changed: what comes out.

Taking a map's channels away one after the other asks for as many runs as there are channels. But
most of what follows a map does not mix its channels, and what does is often a straight line:

| what changed of a node's input        | then                                                     |
|---------------------------------------|----------------------------------------------------------|
| one channel, and the layer mixes none | one run of the map with *all* channels changed holds     |
|                                       | what each copy has in its own channel                    |
| one channel, into a dense layer or a  | add the answer to that channel's difference alone, with  |
| convolution                           | that channel's weights alone                             |
| one channel, into another layer       | lay each copy out, run the layer                         |
| everything                            | run the layer                                            |

Nothing is approximated; see `boxes` for the same in rows and cols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .executor import chunk_slices, each, shelf
from .graph import INPUT, Node
from .layer import Array, Layer, Mode
from .layers.conv import Conv2D, TrueConv2D
from .layers.dense import Dense
from .trace import Trace
from .walk import descendants

if TYPE_CHECKING:
    from .model import Model


@dataclass(frozen=True)
class _Pair:
    """A node's value for all pictures as it is, and with every channel changed, each (N, …)."""

    old: Array
    new: Array

    def copies(self, channels: int, ks: range) -> Array:
        """(len(ks) · N, …): `old` with one of the channels of `new`, for each of ks."""
        n, places = len(self.old), self.old.shape[1:]
        # Written through another shape: joined copies of a map that is not contiguous are not so
        # either (an upsampling's map), and what is written would be lost.
        laid = np.empty((len(ks) * n, *places), self.old.dtype)
        laid.reshape(len(ks), n, *places)[...] = self.old
        parts, fresh = laid.reshape(len(ks), n, -1, channels), self.new.reshape(n, -1, channels)
        for part, k in zip(parts, ks, strict=True):
            part[..., k] = fresh[..., k]
        return laid


def without_channels(
    model: Model, trace: Trace, name: str, ks: range, want: Sequence[str]
) -> dict[str, Array]:
    """{node: (len(ks), N, …)} for the nodes wanted: what would come out of a trace's N pictures if
    a node's channel were 0, for each of the channels ks by itself.

    Equal to full recomputation to rounding. The copies are cut by their number and the model alone,
    so the bits are the same for any number of threads.
    """
    after = descendants(model.nodes, {name})
    nodes = [node for node in model.nodes if node.name in after]
    read = {name, *want, *(n for node in nodes for n in (node.name, *node.inputs))}
    base = {n: trace.input if n == INPUT else trace[n].y for n in read}
    job = _Job(nodes, base, _unmixed(nodes, base, name), model.shapes[name][-1], tuple(want))
    parts = chunk_slices(len(ks), len(base[name]) * model.sample_bytes)
    done = each([partial(job.outputs, ks[part]) for part in parts])
    return {n: np.concatenate([part[n] for part in done]) for n in want}


def _unmixed(nodes: Sequence[Node], base: Mapping[str, Array], name: str) -> dict[str, _Pair]:
    """The node and those after it that no mixing has reached."""
    pairs = {name: _Pair(base[name], np.zeros_like(base[name]))}
    mixed: set[str] = set()
    for node in nodes:
        if not _keeps(node, base) or mixed & set(node.inputs):
            mixed.add(node.name)
            continue
        xs = [pairs[n].new if n in pairs else base[n] for n in node.inputs]
        pairs[node.name] = _Pair(base[node.name], node.layer.forward(*xs, mode=Mode())[0])
    return pairs


def _keeps(node: Node, base: Mapping[str, Array]) -> bool:
    """Whether a channel stays in its place and by itself."""
    widths = {base[name].shape[-1] for name in (*node.inputs, node.name)}
    alone = len(node.inputs) == 1 or len(widths) == 1  # else one channel is spread over all
    return alone and (node.layer.by_channel or node.layer.elementwise)


@dataclass(frozen=True)
class _Job:
    """nodes: all that read the changed one, directly or by others. base: their values and what they
    read, (N, …). channels: of the changed node."""

    nodes: Sequence[Node]
    base: Mapping[str, Array]
    pairs: Mapping[str, _Pair]
    channels: int
    want: tuple[str, ...]

    def outputs(self, ks: range) -> dict[str, Array]:
        """The nodes wanted, (len(ks), N, …)."""
        values: dict[str, Array] = {}
        last = {name: i for i, node in enumerate(self.nodes) for name in node.inputs}
        for i, node in enumerate(self.nodes):
            if node.name not in self.pairs:
                values[node.name] = self._run(node, values, ks)
            for gone in set(node.inputs) - set(self.want):
                if last[gone] == i:
                    values.pop(gone, None)
        found = {name: self._laid(name, values, ks) for name in self.want}
        return {n: y.reshape(len(ks), -1, *y.shape[1:]) for n, y in found.items()}

    def _run(self, node: Node, values: Mapping[str, Array], ks: range) -> Array:
        """(len(ks) · N, …), where the layer mixes channels, or reads what is mixed."""
        pair = self.pairs.get(node.inputs[0])
        if len(node.inputs) == 1 and pair is not None:
            moved = _moved(node.layer, pair, self.channels, ks)
            if moved is not None:
                moved += self.base[node.name]
                return moved.reshape(-1, *moved.shape[2:])
        xs = [self._laid(name, values, ks) for name in node.inputs]
        with shelf.borrow(arena=False) as scratch:
            return node.layer.forward(*xs, mode=Mode(scratch=scratch))[0]

    def _laid(self, name: str, values: Mapping[str, Array], ks: range) -> Array:
        """A node's value for each copy, (len(ks) · N, …)."""
        if name in values:
            return values[name]
        if name in self.pairs:
            return self.pairs[name].copies(self.channels, ks)
        return np.concatenate([self.base[name]] * len(ks))


def _moved(layer: Layer, pair: _Pair, channels: int, ks: range) -> Array | None:
    """(len(ks), N, …): by how much the output moves with one channel; None where the layer is no
    straight line, or not one that can be asked for one channel."""
    change, chosen = pair.new - pair.old, slice(ks.start, ks.stop)
    if type(layer) is Dense and change.ndim == 2:
        change = change.reshape(len(change), -1, channels).transpose(2, 0, 1)
        weight = layer.param("weight", change.dtype).reshape(-1, channels, layer.units)
        return np.matmul(change[chosen], weight.transpose(1, 0, 2)[chosen])
    if isinstance(layer, Conv2D) and type(layer) in (Conv2D, TrueConv2D) and layer.groups == 1:
        found = []
        for k in ks:
            one = layer.with_params(weight=layer.params["weight"][:, :, k : k + 1])
            one.use_bias = False  # type: ignore[attr-defined]
            found.append(one.forward(change[..., k : k + 1], mode=Mode())[0])
        return np.stack(found)
    return None
