"""The two walks over a model, written once: forward through all nodes, backward in reverse.

Both are programs for one chunk (see `executor`). Everything else that runs a model, from `predict`
to the trainer's step, is made of these two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .executor import Program, each
from .graph import Node
from .layer import Array, Call, Layer, Mode, Rule, Shape
from .mode import Notes
from .scratch import Scratch

RuleFor = Callable[[Node], Rule]
"""Answers for every node of the model which backward it gets."""


@dataclass(frozen=True)
class ByKind:
    """A `RuleFor` that looks at the layer alone: rules for kinds of layer and their descendants,
    where all others keep their own backward.

    shut: whether each rule goes number by number and passes nothing where the derivative is 0.
    repeats: whether the rules do as `Layer.repeats` says.
    """

    rules: Mapping[type[Layer], Rule]
    shut: bool = False
    repeats: bool = False

    def __call__(self, node: Node) -> Rule:
        kinds = type(node.layer).__mro__
        return next((self.rules[k] for k in kinds if k in self.rules), type(node.layer).backward)


@dataclass(frozen=True)
class Draw:
    """Where a run's random numbers come from: each node and chunk has its own generator."""

    seed: int = 0
    step: int = 0

    def generator(self, node: int, chunk: int) -> np.random.Generator:
        """The generator of one node (by its place) and chunk; depends on nothing else."""
        key = np.random.SeedSequence(self.seed, spawn_key=(self.step, node, chunk))
        return np.random.Generator(np.random.SFC64(key))


class Sums:
    """Gradients by name, added in one place.

    The first array is kept as it came and never written to (it may be somebody's); a second one
    makes a new array (from `new`); from then on it is ours and is added to in place. Adding in
    place at once would count an array that came by two ways more than once.
    """

    def __init__(
        self,
        arrays: Mapping[str, Array] | None = None,
        new: Callable[[Shape, Any], Array] = np.empty,
        mode: Mode | None = None,
    ) -> None:
        self.arrays: dict[str, Array] = dict(arrays or {})
        self._new, self._ours, self._mode = new, set[str](), mode or Mode()

    def add(self, name: str, array: Array, spare: bool = False) -> None:
        """Add `array` to what is there under `name`; spare: nobody else has the array."""
        if name not in self.arrays:
            self.arrays[name] = array
        elif name in self._ours:
            self._mode.do(np.add, self.arrays[name], array, out=self.arrays[name])
        elif spare and array.dtype == np.result_type(self.arrays[name], array):
            self._mode.do(np.add, array, self.arrays[name], out=array)
            self.arrays[name] = array
            self._ours.add(name)
        else:
            there = self.arrays[name]
            dtype = np.result_type(there, array)
            self.arrays[name] = self._new(there.shape, dtype)
            self._mode.do(np.add, there, array, out=self.arrays[name])
            self._ours.add(name)

    def pop(self, name: str) -> Array | None:
        """Take the sum out."""
        self._ours.discard(name)
        return self.arrays.pop(name, None)


@dataclass
class Rows:
    """A chunk's own of the batch: `now`, as the next one's may be others that makes the same calls
    again."""

    now: slice

    def lay(self, whole: Array, part: Array) -> None:
        """Put the chunk's part into the batch's array."""
        whole[self.now] = part


class Gather:
    """What layers that gather left for the end: what went into them and what came back.

    Each chunk puts its rows into arrays of the whole batch; when all chunks are done, one call of
    `layer.grads` does for all of them what each would else do with a few rows.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        shapes: Mapping[str, Shape],
        n: int,
        dtype: Any,
        new: Callable[[Shape, Any], Array] = np.empty,
    ) -> None:
        self._nodes = [node for node in nodes if node.layer.gathers and node.layer.trainable]
        self._arrays = {
            node.name: tuple(new((n, *shapes[name]), dtype) for name in (node.inputs[0], node.name))
            for node in self._nodes
        }
        self._met: set[str] = set()

    def put(self, rows: Rows, node: Node, dy: Array, call: Call) -> bool:
        """Keep a chunk's part, where the node gathers."""
        if node.name not in self._arrays:
            return False
        x, dys = self._arrays[node.name]
        call.mode.do(rows.lay, x, call.x)
        call.mode.do(rows.lay, dys, dy)
        self._met.add(node.name)
        return True

    def grads(self, homes: Mapping[str, str], scratch: Scratch) -> dict[str, Array]:
        """The gradients, keyed `home/param`, each summed over the batch, in memory of `scratch`."""
        mode = Mode(train=True, scratch=scratch)

        def grads(node: Node) -> dict[str, Array]:
            x, dy = self._arrays[node.name]
            return node.layer.grads(dy, Call((x,), dy, None, mode))

        met = [node for node in self._nodes if node.name in self._met]
        learned = Sums()
        # On our threads, like everything else: BLAS's own would go on spinning beside them.
        for node, found in zip(met, each([partial(grads, node) for node in met]), strict=True):
            for key, grad in found.items():
                learned.add(f"{homes[node.name]}/{key}", grad)
        return learned.arrays


def forward(
    nodes: Sequence[tuple[int, Node]],
    values: MutableMapping[str, Array],
    *,
    chunk: int,
    train: bool,
    draw: Draw,
    scratch: Scratch,
    keep: Collection[str] | None = None,
    private: bool = False,
    untied: Collection[str] = (),
    lean: Collection[str] = (),
    held: Collection[str] | None = None,
    notes: Notes | None = None,
) -> Program[dict[str, Call]]:
    """Run the nodes (with their places in the model) on one chunk.

    values: what is known already, by name; gains each node's output. With `keep` (None: everything)
    only those nodes' calls are returned, and a value is dropped after its last reader. private:
    nobody looks at the values between but `backward`; some are then written over. untied: nodes
    that run so, see `Mode`. held: all values but these may be written over, without the other
    freedoms of `private`. lean: nodes of which no more is kept than
    `Layer.saves` says. notes: where the calls are noted (see `again`).
    """
    calls: dict[str, Call] = {}
    held = (keep or ()) if private else held
    spare = set() if held is None else _spare([node for _, node in nodes], held)
    last = {name: i for i, (_, node) in enumerate(nodes) for name in node.inputs}
    for i, (place, node) in enumerate(nodes):
        layer = node.layer
        xs = tuple(values[name] for name in node.inputs)
        # A frozen layer's statistics stand still as well: it runs as at prediction.
        learns = train and (layer.trainable or not layer.buffers)
        rng = draw.generator(place, chunk) if learns and layer.random else None
        if rng is not None and notes is not None:
            notes.generators.append((rng, place))
        free, spared = node.name in untied, node.name in spare
        saves = layer.saves and node.name in lean
        mode = Mode(learns, rng, scratch, private, free, saves, spared, notes=notes)
        if learns and layer.couples:
            part = layer.forward_part(*xs, mode=mode)
            scratch.layer_done()
            total = yield from _met(layer.forward_total, part, notes)
            mode = replace(mode, totals=total)
        y, saved = layer.forward(*xs, mode=mode)
        scratch.layer_done()
        values[node.name] = y
        if keep is None or node.name in keep:
            calls[node.name] = Call(xs, y, saved, Mode(train=learns, lean=saves), chunk)
        if keep is not None:
            for name in set(node.inputs):
                if last[name] == i:
                    values.pop(name, None)
            # What is used again at once is still in cache.
            scratch.keep_only([*values.values(), *arrays_of(calls.values())])
    return calls


def _met(how: Callable[..., Any], part: Any, notes: Notes | None) -> Program[Any]:
    """The total of all chunks' parts."""
    if notes is None:
        return (yield how, part)
    return (yield from notes.meet(how, part))


def arrays_of(calls: Iterable[Call]) -> Iterator[Any]:
    """What backward reads of calls."""
    for call in calls:
        if not call.mode.lean:
            yield from (*call.xs, call.y)
        yield from call.saved if isinstance(call.saved, tuple) else (call.saved,)


def _spare(nodes: Sequence[Node], keep: Collection[str]) -> set[str]:
    """Names of the nodes that alone read a value which its maker forgets, and nobody keeps."""
    readers = Counter(name for node in nodes for name in node.inputs)
    free = {
        node.name
        for node in nodes
        if node.layer.forgets and readers[node.name] == 1 and node.name not in keep
    }
    return {node.name for node in nodes if free.issuperset(node.inputs)}


def live_nodes(nodes: Sequence[Node], until: Collection[str], params: bool) -> set[str]:
    """Names whose gradient is needed: those wanted and all that the way to them leads through."""
    live = set(until)
    for node in nodes:
        learns = params and node.layer.trainable and bool(node.layer.params)
        if learns or any(name in live for name in node.inputs):
            live.add(node.name)
    return live


def backward(
    nodes: Sequence[Node],
    calls: Mapping[str, Call],
    seeds: Mapping[str, Array],
    *,
    until: Collection[str],
    live: Collection[str],
    homes: Mapping[str, str],
    params: bool,
    rule_for: RuleFor | None,
    scratch: Scratch,
    gather: Callable[[Node, Array, Call], bool] | None = None,
    notes: Notes | None = None,
) -> Program[tuple[dict[str, Array], dict[str, Array]]]:
    """Walk one chunk's calls from the last node to the first.

    seeds: the target's gradient for some nodes' outputs. gather: see `Gather.put`. Gives those of
    the values in `until` and (with `params`) of other parameters than gathered, by `home/param`.
    """
    mode, wanted = Mode(notes=notes), dict[str, Array]()
    sums, learned = Sums(seeds, scratch.keep, mode), Sums(mode=mode)
    ours = _Ours(scratch, sums.arrays, wanted)
    for node in reversed(nodes):
        if (got := sums.pop(node.name)) is None:
            continue
        if node.name in until:
            wanted[node.name] = got
        layer, part = node.layer, None
        needs_dx = any(name in live for name in node.inputs)
        needs_grads = params and layer.trainable and bool(layer.params)
        if not (needs_dx or needs_grads):
            continue
        spare = rule_for is None and ours.alone(got)
        call = _for(calls[node.name], scratch, spare, notes=notes)
        if couples := call.mode.train and layer.couples:
            part = layer.backward_part(got, call)
            scratch.layer_done()
            call = _for(call, scratch, spare, part, notes)
        learns = needs_grads and not (gather and gather(node, got, call))
        together = learns and needs_dx and rule_for is None and not couples
        if learns:
            dx, found = layer.gradients(got, call) if together else (None, layer.grads(got, call))
            scratch.layer_done()
            for key, grad in found.items():
                learned.add(f"{homes[node.name]}/{key}", scratch.freed(grad, mode.do))
        if not needs_dx:
            continue
        if couples:
            part = yield from _met(layer.backward_total, part, notes)
            call = _for(call, scratch, spare, part, notes)
        if not together:
            dx = _rule(node, rule_for)(layer, got, call)
        scratch.layer_done()
        dxs = as_tuple(dx, node)
        for i, name in enumerate(node.inputs):
            if name in live:
                sums.add(name, dxs[i], spare=ours.alone(dxs[i], *dxs[:i], *dxs[i + 1 :]))
        ours.settle()
    wanted |= {name: sums.arrays[name] for name in until if name in sums.arrays}
    return wanted, learned.arrays


class _Ours:
    """Whose memory is whose on the way back: gradients lie in a scratch, from here on, and are
    still wanted where one of the tables has them."""

    def __init__(self, scratch: Scratch, *held: Mapping[str, Array]) -> None:
        self._scratch, self._mark, self._held = scratch, scratch.mark, held

    def _wanted(self) -> list[Array]:
        return [array for table in self._held for array in table.values()]

    def alone(self, array: Array, *others: Array) -> bool:
        """Whether an array is nobody else's, neither a table's nor one of the others."""
        return self._scratch.alone(array, [*self._wanted(), *others], self._mark)

    def settle(self) -> None:
        """What is no longer wanted is free; being in cache, it soon holds the next gradients."""
        self._scratch.keep_only(self._wanted(), self._mark)


def _for(
    call: Call, scratch: Scratch, spare: bool, totals: Any = None, notes: Notes | None = None
) -> Call:
    """The call as the way back has it."""
    mode = Mode(train=call.mode.train, scratch=scratch, spare=spare, totals=totals, notes=notes)
    return Call(call.xs, call.y, call.saved, mode, call.chunk)


def _rule(node: Node, rule_for: RuleFor | None) -> Callable[..., Any]:
    """What takes a node's gradient back."""
    rule = type(node.layer).backward if rule_for is None else rule_for(node)
    if rule is None:
        raise ArgumentError(
            f"rule_for has no rule for node {node.name!r}: it must answer for every node, with "
            "type(node.layer).backward where the layer's own is meant"
        )
    return rule


def as_tuple(dx: Any, node: Node) -> tuple[Array, ...]:
    """A layer's backward as one array for each input."""
    arrays = dx if isinstance(dx, tuple) else (dx,)
    if len(arrays) != len(node.inputs):
        raise ArgumentError(
            f"backward of node {node.name!r} gave {len(arrays)} gradient(s), "
            f"expected one for each of its {len(node.inputs)} input(s)"
        )
    return arrays


def descendants(nodes: Iterable[Node], changed: Collection[str]) -> set[str]:
    """Names of the nodes that read something changed, directly or by others; not those changed."""
    found: set[str] = set()
    for node in nodes:
        if node.name not in changed and any(n in changed or n in found for n in node.inputs):
            found.add(node.name)
    return found


def leading_to(nodes: Sequence[Node], names: Collection[str]) -> set[str]:
    """These names, and those of all nodes that they read, directly or by others."""
    found = set(names)
    for node in reversed(nodes):
        if node.name in found:
            found.update(node.inputs)
    return found
