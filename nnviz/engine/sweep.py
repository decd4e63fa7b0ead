"""Walks back: through a trace, or there and back at once, one chunk after the other.

`Model.run` and `Model.backward` leave a trace between them, which the caller may want. Where nobody
does, each chunk goes forward and back while its activations are still in cache, in memory that is
used again, and leaves only what was asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..errors import ArgumentError, listing
from .again import Again, repeat
from .again_sweep import NotedSweep
from .executor import Program, chunk_slices, each, lockstep, seats, shelf, thread_count
from .graph import INPUT, Node
from .layer import Array
from .trace import Gradients, Trace, join
from .walk import Draw, Gather, Rows, RuleFor, Sums, backward, forward, live_nodes
from .way import Way, way_key

if TYPE_CHECKING:
    from .model import Model

T = TypeVar("T")
SeedsFor = Callable[[Mapping[str, Array], slice], Mapping[str, Array]]
"""The gradient of the target for nodes' outputs, from one chunk's outputs and its rows."""
Take = Callable[[Mapping[str, Array], Mapping[str, Array], slice], T]
"""What is kept of one chunk's outputs, gradients and rows; the arrays are lent."""


@dataclass(frozen=True)
class Swept:
    """Outputs and gradients by node (or "input"), each (N, …)."""

    outputs: Mapping[str, Array]
    gradients: Mapping[str, Array]


def walk_back(
    model: Model,
    trace: Trace,
    seeds: Mapping[str, Array],
    params: bool,
    until: Collection[str],
    rule_for: RuleFor | None,
) -> Gradients:
    """See `Model.backward`."""
    ends = tuple(until) or (() if params else (INPUT,))
    for name in set(ends) - {INPUT}:
        model.node(name)
    given = _checked_seeds(model, trace, seeds)
    live = live_nodes(model.nodes, ends, params)
    _check_slopes(model.nodes, given, live, rule_for)
    if not trace.whole:
        raise ArgumentError(
            f"the trace kept only the outputs of {listing(trace.calls)}: going backward needs "
            "a run with keep=None"
        )

    rows, dtype = len(trace.input), trace.inputs[0].dtype
    gather = Gather(model.nodes if params else (), model.shapes, rows, dtype)

    def program(i: int) -> Program[tuple[dict[str, Array], dict[str, Array]]]:
        with shelf.borrow(arena=False) as scratch:
            return (
                yield from backward(
                    model.nodes,
                    {name: calls[i] for name, calls in trace.calls.items()},
                    {name: dy[trace.chunks[i]] for name, dy in given.items()},
                    until=ends,
                    live=live,
                    homes=model.homes,
                    params=params,
                    rule_for=rule_for,
                    scratch=scratch,
                    gather=partial(gather.put, Rows(trace.chunks[i])),
                )
            )

    done = lockstep([program(i) for i in range(len(trace.chunks))])
    with shelf.borrow(arena=False) as scratch:
        learned = Sums(gather.grads(model.homes, scratch))
    for _, grads in done:
        for key, grad in grads.items():
            learned.add(key, grad)
    at = {}
    for name in ends:
        if name in done[0][0]:
            at[name] = join([wanted[name] for wanted, _ in done])
        else:  # nothing led there from the seeds
            values = trace.input if name == INPUT else trace[name].y
            at[name] = np.zeros_like(values)
    return Gradients(at, learned.arrays)


def _check_slopes(
    nodes: Sequence[Node],
    seeds: Collection[str],
    live: Collection[str],
    rule_for: RuleFor | None,
) -> None:
    """An error by name where the way back leads through a node without a derivative; rules say so
    themselves."""
    reached = set(seeds)
    for node in reversed(nodes if rule_for is None else ()):
        if node.name not in reached:
            continue
        reached |= set(node.inputs)
        if not node.layer.differentiable and any(name in live for name in node.inputs):
            raise ArgumentError(
                f"node {node.name!r} ({type(node.layer).__name__}) has no derivative, and the "
                "gradient asked for leads through it: choose a node before it as target, or a "
                "method that needs no gradients, such as occlusion"
            )


def _checked_seeds(model: Model, trace: Trace, seeds: Mapping[str, Array]) -> dict[str, Array]:
    """The seeds in the dtype of the trace, so that gradients follow the input's dtype."""
    given = {}
    for name, dy in seeds.items():
        shape = (len(trace.input), *model.shapes[model.node(name).name])
        if np.shape(dy) != shape:
            raise ArgumentError(f"the seed for {name!r} has shape {np.shape(dy)}, expected {shape}")
        given[name] = np.asarray(dy, trace.inputs[0].dtype)
    return given


class _Whole:
    """Outputs and gradients of the whole batch, put together from the chunks'."""

    def __init__(self, n: int) -> None:
        self.outputs: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}
        self._n, self._lock = n, threading.Lock()

    def take(
        self, outputs: Mapping[str, Array], gradients: Mapping[str, Array], rows: slice
    ) -> None:
        """Copy a chunk's."""
        for whole, found in ((self.outputs, outputs), (self.gradients, gradients)):
            for name, array in found.items():
                with self._lock:
                    if name not in whole:
                        whole[name] = np.empty((self._n, *array.shape[1:]), array.dtype)
                whole[name][rows] = array


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
    whole = _Whole(len(x))
    swept_chunks(model, x, seeds_for, whole.take, read=read, until=until, rule_for=rule_for)
    return Swept(whole.outputs, whole.gradients)


def swept_chunks(
    model: Model,
    x: Array,
    seeds_for: SeedsFor,
    take: Take[T],
    *,
    read: Collection[str],
    until: Collection[str] = (INPUT,),
    rule_for: RuleFor | None = None,
) -> list[T]:
    """`sweep`, of which nothing is left but what `take` makes of each chunk, in order: where that
    is much smaller, nothing large is copied, and it is made while it lies in cache."""
    again, kind = Again.of(model), way_key(read, until, rule_for)
    find = partial(Way.of, model, read, until, rule_for)
    way = find() if kind is None else again.once(("way", kind), find)
    nodes, live = [node for _, node in way.nodes], way.live
    chunks = chunk_slices(len(x), model.sample_bytes)
    if kind is not None and repeat(way.nodes, x.dtype):
        keys = [("sweep", rows.stop - rows.start, x.dtype.str, kind) for rows in chunks]
        if again.suits(keys):
            return _from_notes(
                model, again, way, x, seeds_for, take, list(zip(keys, chunks, strict=True))
            )

    def program(i: int) -> Program[T]:
        with shelf.borrow(arena=True) as scratch:
            given = x[chunks[i]]
            calls = yield from forward(
                way.nodes,
                {INPUT: given},
                chunk=i,
                train=False,
                draw=Draw(),
                scratch=scratch,
                keep=None,
                untied=way.untied,
            )
            outputs = {name: given if name == INPUT else calls[name].y for name in read}
            asked = seeds_for(outputs, chunks[i])
            seeds = {name: np.asarray(dy, given.dtype) for name, dy in asked.items()}
            _check_slopes(nodes, seeds, live, rule_for)
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
            return take(outputs, wanted, chunks[i])

    return lockstep([program(i) for i in range(len(chunks))])


def _from_notes(
    model: Model,
    again: Again,
    way: Way,
    x: Array,
    seeds_for: SeedsFor,
    take: Take[T],
    chunks: Sequence[tuple[Hashable, slice]],
) -> list[T]:
    """The chunks, each with the key of its notes, by noted calls."""
    make = partial(NotedSweep, way, model.shapes, again.block)
    seat = partial(seats.one, thread_count()) if len(chunks) > 1 else nullcontext

    def chunk(key: Hashable, rows: slice) -> T:
        noted = again.run(key, make, x[rows], lambda found: seeds_for(found, rows), seat)
        outputs = {name: noted.outputs[name] for name in way.read}
        made = take(outputs, noted.gradients, rows)
        again.back(key, noted)
        return made

    return each([partial(chunk, *one) for one in chunks])
