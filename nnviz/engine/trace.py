"""What a run leaves behind, and what a walk back through it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import unknown
from .graph import INPUT
from .layer import Array, Call


@dataclass(frozen=True)
class Joined:
    """A node's calls, joined over the chunks when asked."""

    calls: tuple[Call, ...]

    @property
    def y(self) -> Array:
        """What came out, (N, …)."""
        return join([call.y for call in self.calls])

    @property
    def xs(self) -> tuple[Array, ...]:
        """What went in, one (N, …) for each input."""
        return tuple(join(list(parts)) for parts in zip(*(c.xs for c in self.calls), strict=True))

    @property
    def x(self) -> Array:
        """The input of a node that has only one."""
        return self.xs[0]


@dataclass(frozen=True)
class Trace:
    """All that one run left behind: one call for each node and chunk.

    `trace["conv2d_1"].y` is that node's output for the whole batch, `trace.input` the network's
    input (after `Model.input` was applied), `trace.output` the last node's output.
    """

    chunks: tuple[slice, ...]
    inputs: tuple[Array, ...]
    calls: Mapping[str, tuple[Call, ...]]
    output_name: str
    train: bool = False
    whole: bool = True
    """Whether every node's inputs and saved values are there as well, not some outputs alone."""

    def __getitem__(self, name: str) -> Joined:
        if name not in self.calls:
            raise unknown("kept node", name, self.calls, "this trace")
        return Joined(self.calls[name])

    @property
    def input(self) -> Array:
        """(N, …): what the network was given."""
        return join(list(self.inputs))

    @property
    def output(self) -> Array:
        """(N, …): what the last node gave."""
        return self[self.output_name].y

    def values(self, name: str, chunk: int) -> Array:
        """One chunk of a node's output, or of the input."""
        return self.inputs[chunk] if name == INPUT else self[name].calls[chunk].y


@dataclass(frozen=True)
class Gradients:
    """What `Model.backward` gives.

    `gradients["input"]` (or another name given in `until`) is the gradient of the seeds for that
    value, (N, …); `params["conv2d_1/weight"]` that of a parameter, summed over the batch. A layer
    at two places appears once, under its first node's name.
    """

    at: Mapping[str, Array] = field(default_factory=dict)
    params: Mapping[str, Array] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Array:
        if name not in self.at:
            raise unknown("gradient", name, self.at, "this result (ask with until=…)")
        return self.at[name]


def join(parts: list[Array]) -> Array:
    """Chunks as one array; a single chunk as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
