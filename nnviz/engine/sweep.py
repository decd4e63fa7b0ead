"""There and back: a run and the walk back through it, one chunk after the other.

`Model.run` and `Model.backward` leave a trace between them, which the caller may want. Where nobody
does, each chunk goes forward and back while its activations are still in cache, in memory that is
used again, and leaves only what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .executor import Program, chunk_slices, lockstep, shelf
from .graph import INPUT
from .layer import Array
from .trace import join
from .walk import Draw, RuleFor, backward, forward, live_nodes

if TYPE_CHECKING:
    from .model import Model

SeedsFor = Callable[[Mapping[str, Array], slice], Mapping[str, Array]]
"""The gradient of the target for nodes' outputs, from one chunk's outputs and its rows."""


@dataclass(frozen=True)
class Swept:
    """Outputs and gradients by node (or "input"), each (N, …)."""

    outputs: Mapping[str, Array]
    gradients: Mapping[str, Array]


def sweep(
    model: Model,
    x: Array,
    seeds_for: SeedsFor,
    *,
    read: Collection[str],
    until: Collection[str] = (INPUT,),
    rule_for: RuleFor | None = None,
) -> Swept:
    """Run `x` (N, …), the network's own input, and walk back from the seeds.

    read: nodes whose outputs `seeds_for` needs and the caller gets. until: nodes (or "input") whose
    gradients are wanted. The same numbers as `model.run` and `model.backward`.
    """
    for name in {*read, *until} - {INPUT}:
        model.node(name)
    end = max((model.place(name) for name in read if name != INPUT), default=-1)
    nodes = model.nodes[: end + 1]
    live = live_nodes(nodes, until, params=False)
    chunks = chunk_slices(len(x), model.sample_bytes)

    def program(i: int) -> Program[tuple[dict[str, Array], dict[str, Array]]]:
        with shelf.borrow(arena=True) as scratch:
            given = x[chunks[i]]
            calls = yield from forward(
                list(enumerate(nodes)),
                {INPUT: given},
                chunk=i,
                train=False,
                draw=Draw(),
                scratch=scratch,
                keep=None,
            )
            outputs = {name: given if name == INPUT else calls[name].y for name in read}
            seeds = {
                name: np.asarray(dy, given.dtype)
                for name, dy in seeds_for(outputs, chunks[i]).items()
            }
            wanted, _ = yield from backward(
                nodes,
                calls,
                seeds,
                until=until,
                live=live,
                homes=model.homes,
                params=False,
                rule_for=rule_for,
                scratch=scratch,
            )
            for name in until:
                if name not in wanted:  # nothing led there from the seeds
                    wanted[name] = np.zeros((len(given), *model.shapes[name]), given.dtype)
            # What lies in the arena dies with the program.
            return _copied(outputs), _copied(wanted)

    done = lockstep([program(i) for i in range(len(chunks))])
    return Swept(
        {name: join([outputs[name] for outputs, _ in done]) for name in read},
        {name: join([wanted[name] for _, wanted in done]) for name in until},
    )


def _copied(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name: array.copy() for name, array in arrays.items()}
