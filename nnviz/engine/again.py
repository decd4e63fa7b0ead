"""What was predicted once is predicted again, by the same NumPy calls.

Between two NumPy calls a walk through the layers does a good deal of Python: it asks for shapes,
cuts blocks, lends memory. For one picture that is half of the time, and two threads wait for each
other meanwhile, as only one of them at a time may run Python. But for pictures of one shape, and
layers that say so (`Layer.repeats`), all of it ends in the same calls on the same memory. So the
first run notes them (`Mode.do`), and the next one copies its pictures in and makes them again.

The layers before the flattening are run on a few pictures at a time, so that their maps stay in the
second-level cache; those after it on the whole chunk, so that the weights come from memory once.
"""

from __future__ import annotations

import operator
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from .executor import chunk_slices, each
from .folding import is_ours, pooled_first
from .graph import INPUT, Node
from .layer import Array, Mode, Shape
from .layers.reshape import Flatten
from .mode import Notes
from .scratch import Scratch
from .walk import Draw, forward, leading_to

if TYPE_CHECKING:
    from .model import Model

BLOCK_BYTES = 5 << 18
"""The activations around the largest layer take about this much for the pictures that run together
before the flattening: they and what is made of them fit a usual second-level cache."""

MOST_BYTES = 64 << 20
"""What is noted for a model holds its memory for the next time; at most about this much."""

Numbered = Sequence[tuple[int, Node]]


class Noted:
    """The run of one chunk, as the calls that it is made of, in memory of its own."""

    def __init__(
        self, nodes: Numbered, shapes: Mapping[str, Shape], output: str, block: int, x: Array
    ) -> None:
        self.given, self.thread = x.copy(), 0
        self._notes, self._scratch = Notes(), Scratch()
        self._scratch.arena, mode = True, Mode(notes=self._notes)
        values = {INPUT: self.given}
        cut = flattening([node for _, node in nodes])
        if cut:
            flat = nodes[cut][1].inputs[0]
            joined = np.empty((len(x), *shapes[flat]), x.dtype)
            for rows in _alike(len(x), block):
                part = self._walk(nodes[:cut], {INPUT: self.given[rows]}, flat)
                mode.do(np.copyto, joined[rows], part)
                self._scratch.let_go()
            values = {flat: joined}
        self.output = self._walk(nodes[cut:], values, output)
        self.bytes = self._scratch.size + self.given.nbytes + sum(a.nbytes for a in values.values())

    def _walk(self, nodes: Numbered, values: dict[str, Array], wanted: str) -> Array:
        if wanted in values:
            return values[wanted]
        walk = forward(
            nodes, values, chunk=0, train=False, draw=Draw(), scratch=self._scratch,
            keep={wanted}, private=True, notes=self._notes,
        )  # fmt: skip
        try:
            next(walk)
        except StopIteration as done:
            return done.value[wanted].y
        raise AssertionError("layers that couple samples do not repeat")

    def again(self, x: Array) -> Array:
        """The output for other pictures, in memory that the next time writes over."""
        np.copyto(self.given, x)
        self._notes.play()
        return self.output


def _alike(n: int, most: int) -> list[slice]:
    """Slices of n pictures, as few as have at most so many, and nearly one size."""
    count = -(-n // most)
    return [slice(i * n // count, (i + 1) * n // count) for i in range(count)]


def flattening(nodes: Sequence[Node]) -> int:
    """How many of the nodes come before a flattening that everything after it goes through; 0 where
    there is none."""
    for i, node in enumerate(nodes):
        if isinstance(node.layer, Flatten) and i:
            before = {node.name for node in nodes[:i]} | {INPUT}
            past = {name for later in nodes[i:] for name in later.inputs} & before
            return i if past == set(node.inputs) else 0
    return 0


class Again:
    """What is noted of one model, for the layers and arrays that it had then."""

    def __init__(self, model: Model) -> None:
        self._stamp = _parts(model)
        self._lock = threading.Lock()
        self._spare: OrderedDict[tuple[int, str], list[Noted]] = OrderedDict()
        wanted = leading_to(model.nodes, {model.output_name})
        nodes = [(i, node) for i, node in enumerate(model.nodes) if node.name in wanted]
        self._nodes = pooled_first(nodes, {model.output_name})
        layers = [node.layer for _, node in nodes]
        self._repeats = all(is_ours(layer) and layer.repeats for layer in layers)
        self._arrays = [array for layer in layers for array in layer.params.values()]
        self._shapes, self._output = model.shapes, model.output_name
        self._block = max(1, BLOCK_BYTES // model.sample_bytes)

    def fits(self, model: Model) -> bool:
        """Whether the model still has the same layers and arrays (not: the same numbers)."""
        parts = _parts(model)
        same = len(parts) == len(self._stamp)
        return same and all(map(operator.is_, parts, self._stamp))

    def repeats(self, dtype: np.dtype) -> bool:
        """Whether input of this dtype can be run from notes."""
        return self._repeats and all(array.dtype == dtype for array in self._arrays)

    def output(self, x: Array) -> Array:
        """The model's output for one chunk of the network's input."""
        key, thread = (len(x), x.dtype.str), threading.get_ident()
        with self._lock:
            spare = self._spare.get(key, [])
            # Its memory is still in the cache of the processor where it ran.
            own = (i for i, noted in enumerate(spare) if noted.thread == thread)
            noted = spare.pop(next(own, -1)) if spare else None
        if noted is None:
            noted = Noted(self._nodes, self._shapes, self._output, self._block, x)
            y = noted.output.copy()
        else:
            y = noted.again(x).copy()
        noted.thread = thread
        self._keep(key, noted)
        return y

    def _keep(self, key: tuple[int, str], noted: Noted) -> None:
        """Lay the notes aside for the next time; the oldest go where they hold too much memory."""
        with self._lock:
            self._spare.setdefault(key, []).append(noted)
            self._spare.move_to_end(key)
            held = sum(n.bytes for spare in self._spare.values() for n in spare)
            while held > MOST_BYTES:
                oldest = next(iter(self._spare))
                held -= sum(n.bytes for n in self._spare.pop(oldest))


def _parts(model: Model) -> list[Any]:
    """The layers and arrays that a prediction reads."""
    layers = [node.layer for node in model.nodes]
    return [part for layer in layers for part in (layer, *layer.params.values())]


_kept: WeakKeyDictionary[Model, Again] = WeakKeyDictionary()


def predicted(model: Model, batch: Array, prepare: Callable[[Array], Array]) -> list[Any] | None:
    """(slice, the network's input, its output) for each chunk of a batch; None where the model has
    to be walked through anew. prepare: makes pixels the network's input."""
    again = _kept.get(model)
    if again is None or not again.fits(model):
        again = _kept[model] = Again(model)
    dtype = batch.dtype if batch.dtype.kind == "f" else np.dtype(np.float32)
    if not again.repeats(dtype):
        return None
    chunks = chunk_slices(len(batch), model.sample_bytes)

    def chunk(rows: slice) -> tuple[slice, Array, Array]:
        given = prepare(batch[rows])
        return rows, given, again.output(given)

    return each([partial(chunk, rows) for rows in chunks])
