"""Running a model again where only something has changed.

Occlusion, perturbation and ablation ask many times what would come out if one value were another.
All that does not read the changed values is taken from the trace of the first run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ArgumentError
from .executor import Program, lockstep, shelf
from .graph import INPUT
from .layer import Array, Call
from .trace import Trace
from .walk import Draw, descendants, forward

if TYPE_CHECKING:
    from .model import Model


def rerun(model: Model, trace: Trace, changed: Mapping[str, Array]) -> Trace:
    """See `Model.rerun`."""
    if trace.train:
        raise ArgumentError("rerun needs a trace of a run without mode.train")
    fresh = _checked(model, trace, changed)
    affected = descendants(model.nodes, set(fresh))
    nodes = [(i, node) for i, node in enumerate(model.nodes) if node.name in affected]
    known = {name for _, node in nodes for name in node.inputs} - affected - set(fresh)

    def program(i: int) -> Program[dict[str, Call]]:
        values = {name: trace.values(name, i) for name in known}
        values |= {name: array[trace.chunks[i]] for name, array in fresh.items()}
        with shelf.borrow(arena=False) as scratch:
            return (
                yield from forward(
                    nodes, values, chunk=i, train=False, draw=Draw(), scratch=scratch, keep=None
                )
            )

    done = lockstep([program(i) for i in range(len(trace.chunks))])
    calls = dict(trace.calls)
    calls |= {name: tuple(part[name] for part in done) for name in affected}
    inputs = trace.inputs
    for name, array in fresh.items():
        parts = [array[rows] for rows in trace.chunks]
        if name == INPUT:
            inputs = tuple(parts)
            continue
        calls[name] = tuple(
            replace(call, y=part) for call, part in zip(trace.calls[name], parts, strict=True)
        )
    return Trace(trace.chunks, inputs, calls, trace.output_name)


def _checked(model: Model, trace: Trace, changed: Mapping[str, Array]) -> dict[str, Array]:
    """The new values in the shape and dtype that they have in the trace."""
    fresh = {}
    for name, array in changed.items():
        old = trace.input if name == INPUT else trace[model.node(name).name].y
        if np.shape(array) != old.shape:
            raise ArgumentError(
                f"the new value of {name!r} has shape {np.shape(array)}, expected {old.shape}"
            )
        fresh[name] = np.asarray(array, old.dtype)
    return fresh
