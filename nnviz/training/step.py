"""One step of training: forward, loss, backward, and the optimizer's move.

A step cuts its batch into chunks; each chunk runs forward, meets the loss and walks back while its
activations are still in cache. The chunks' gradients are added in their order and the optimizer
makes one step.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ..engine.again import Numbered, lent, repeat
from ..engine.executor import Program, chunk_slices, lockstep, one_blas_thread, shelf
from ..engine.folding import pooled_first
from ..engine.graph import INPUT
from ..engine.layer import Array, Call, Layer
from ..engine.mode import Notes
from ..engine.model import Model
from ..engine.parts import LEARNING, WORK, Parts
from ..engine.scratch import Scratch
from ..engine.walk import Draw, Gather, Rows, Sums, backward, forward, live_nodes
from .augment import Augmentation, augmented
from .losses import Loss
from .optimizers import Optimizer


class Meeting(NamedTuple):
    """Where a model and a loss meet: the node whose output the loss takes, and how it takes it."""

    node: str
    values: Callable[[Array, Array], Array]
    gradient: Callable[[Array, Array], Array]


def meeting(model: Model, loss: Loss) -> Meeting:
    """The output and the loss's plain form, or the logits and its fused one.

    A loss that fuses the head takes what goes into it, or the model's own logits. Where a
    flattening after the head mixes places and classes, it takes the output.
    """
    plain = Meeting(model.output_name, loss.values, loss.gradient)
    if loss.fuses is None:
        return plain
    fused = Meeting(model.logits_name, loss.values_from_logits, loss.gradient_from_logits)
    if model.head == "logits" and loss.fuses == "softmax":
        return fused._replace(node=model.output_name)
    if loss.fuses != model.head or fused.node in (INPUT, model.output_name):
        return plain
    return fused if model.shapes[fused.node][-1] == model.output_shape[-1] else plain


def train_step(
    model: Model,
    x: Array,
    targets: Array,
    batch: Array,
    loss: Loss,
    optimizer: Optimizer,
    draw: Draw,
    augment: Augmentation | None = None,
) -> tuple[float, int]:
    """One step by itself; see `Steps`."""
    return Steps(model, loss, optimizer).step(x, targets, batch, draw, augment)


Kind = tuple[int, np.dtype, np.dtype]
"""How many pictures, their dtype, and that of the targets, which is the network's."""


class Steps:
    """The steps of one training.

    Steps on batches of one size make the same calls on other numbers: from the second in a row on
    they are noted, and then made again (see `engine.again`), as long as the model is made of the
    same parts. They hold the memory of one step.
    """

    def __init__(self, model: Model, loss: Loss, optimizer: Optimizer) -> None:
        self._model, self._loss, self._optimizer = model, loss, optimizer
        self._parts, self._way = Parts(model, learning=True), _Way.of(model, loss)
        self._last: Kind | None = None
        self._noted: tuple[Kind, _Batch] | None = None

    def step(
        self,
        x: Array,
        targets: Array,
        batch: Array,
        draw: Draw,
        augment: Augmentation | None = None,
    ) -> tuple[float, int]:
        """One step on the pictures numbered `batch`; the batch's summed loss and its right answers.

        Where the loss or a gradient is not finite, nothing is changed."""
        model = self._model
        before = [(node.layer, dict(node.layer.buffers)) for node in model.nodes]
        # What overflows shows in the loss and the gradients, which are checked.
        quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
        with quiet, one_blas_thread, shelf.borrow(arena=True) as shared:
            kind = len(batch), x.dtype, targets.dtype
            whole = self._batch(kind, shared)

            def program(i: int) -> Program[Learned]:
                some = batch[whole.chunks[i]]
                given = x[some]
                if augment is not None:  # its stream is that of one more node after the last
                    given = augmented(augment, given, draw.generator(len(model.nodes), i))
                return (
                    yield from whole.program(i, model.input.prepare(given), targets[some], draw)
                )

            try:
                done = lockstep([program(i) for i in range(len(whole.chunks))])
            except BaseException:
                _put_back(before)
                raise
            if whole.noted:
                self._noted = kind, whole
            total = sum(part.loss for part in done)
            grads = _added(
                [*(part.grads for part in done), whole.gather.grads(model.homes, shared)]
            )
            fine = math.isfinite(total) and all(map(finite, grads.values()))
            if fine:
                self._optimizer.apply(model.parameters(), grads)
        if not fine:
            _put_back(before)
        return (total if fine else math.nan), sum(part.right for part in done)

    def _batch(self, kind: Kind, scratch: Scratch) -> _Batch:
        """What runs a batch of this kind; the second in a row notes its calls."""
        if not self._parts.of(self._model):
            self._parts = Parts(self._model, learning=True)
            self._way = _Way.of(self._model, self._loss)
            self._last = self._noted = None
        again, self._last = kind == self._last, kind
        if self._noted is not None and self._noted[0] == kind:
            return self._noted[1]
        size, _, dtype = kind
        if not (again and repeat(self._way.numbered, dtype, WORK + LEARNING)):
            return _Batch(self._model, self._way, size, dtype, scratch)
        self._noted = None  # its memory is free before the next one's is taken
        return _Batch(self._model, self._way, size, dtype)


class _Way(NamedTuple):
    """There and back through a model: where it meets the loss, its nodes with their places, as they
    are run, and those whose gradients are needed."""

    end: Meeting
    numbered: Numbered
    live: Collection[str]

    @staticmethod
    def of(model: Model, loss: Loss) -> _Way:
        end = meeting(model, loss)
        every = list(enumerate(model.nodes[: model.place(end.node) + 1]))
        numbered = pooled_first(every, {end.node})
        live = live_nodes([node for _, node in numbered], (), params=True)
        return _Way(end, numbered, live)


class _Batch:
    """A batch of n samples on its way there and back, chunk by chunk.

    dtype: the network's. scratch: memory for this step alone; None notes the calls, in memory of
    its own.
    """

    def __init__(
        self, model: Model, way: _Way, n: int, dtype: np.dtype, scratch: Scratch | None = None
    ) -> None:
        self.model, self.n, self.dtype, self.noted = model, n, dtype, scratch is None
        self.end, self.numbered, self.live = way
        self.nodes = [node for _, node in way.numbered]
        self.chunks = chunk_slices(n, model.sample_bytes)
        self.gather = Gather(
            self.nodes, model.shapes, n, dtype, scratch.keep if scratch else np.empty
        )
        self._spare: dict[int, list[_NotedChunk]] = defaultdict(list)
        self._lock = threading.Lock()

    def program(self, i: int, x: Array, t: Array, draw: Draw) -> Program[Learned]:
        """Chunk i there and back; x, t: its input and its targets. Where calls are noted, chunks of
        one size that run one after the other take the same memory; an augmentation may give
        pictures of another dtype, which are walked."""
        rows = self.chunks[i]
        if not self.noted or x.dtype != self.dtype:
            with shelf.borrow(arena=True) as scratch:
                _, made = yield from self.walk(i, x, t, draw, scratch, Rows(rows))
                return self._learned(made, t)
        with self._lock:
            noted = lent(self._spare[len(x)]) or _NotedChunk()
        made = yield from noted.program(self, i, x, t, draw)
        learned = self._learned(made, t)
        noted.thread = threading.get_ident()
        with self._lock:
            self._spare[len(x)].append(noted)
        return learned

    def seed(self, y: Array, t: Array) -> Array:
        """The gradient of the batch's mean loss for some outputs, by their targets."""
        gradient = self.end.gradient(y.reshape(t.shape), t) / y.dtype.type(self.n)
        return gradient.reshape(y.shape)

    def walk(
        self,
        i: int,
        x: Array,
        t: Array,
        draw: Draw,
        scratch: Scratch,
        rows: Rows,
        notes: tuple[Notes, Notes] | tuple[None, None] = (None, None),
    ) -> Program[tuple[Mapping[str, Call], Made]]:
        """Forward, the loss and back."""
        end = self.end.node
        calls = yield from forward(
            self.numbered, {INPUT: x}, chunk=i, train=True, draw=draw, scratch=scratch,
            private=True, notes=notes[0],
        )  # fmt: skip
        yield from _follow(self.model, calls)
        seed = self.seed(calls[end].y, t)
        _, grads = yield from backward(
            self.nodes, calls, {end: seed}, until=(), live=self.live, homes=self.model.homes,
            params=True, rule_for=None, scratch=scratch, gather=partial(self.gather.put, rows),
            notes=notes[1],
        )  # fmt: skip
        return calls, Made(calls[end].y, seed, grads)

    def _learned(self, made: Made, t: Array) -> Learned:
        y = made.y.reshape(t.shape)
        loss = float(self.end.values(y, t).sum(dtype=np.float64))
        # The next chunk may write its own over what calls are noted for.
        grads = {key: g.copy() if self.noted else g for key, g in made.grads.items()}
        return Learned(loss, right_answers(y, t), grads)


class Made(NamedTuple):
    """What the calls of a chunk write: the output that the loss takes, the loss's gradient for it,
    and the parameters' gradients."""

    y: Array
    seed: Array
    grads: dict[str, Array]


class Learned(NamedTuple):
    """What a chunk gives: its summed loss, its right answers, and the parameters' gradients."""

    loss: float
    right: int
    grads: dict[str, Array]


class _NotedChunk:
    """One chunk's way by noted calls, made by the walk of the first that goes it."""

    thread = 0

    def __init__(self) -> None:
        self._before, self._after, self._rows = Notes(), Notes(), Rows(slice(0))
        self._x: Array | None = None
        self._calls: Mapping[str, Call] = {}
        self._made: Made | None = None

    def program(self, batch: _Batch, i: int, x: Array, t: Array, draw: Draw) -> Program[Made]:
        """See `_Batch.program`."""
        self._rows.now = batch.chunks[i]
        if self._x is None or self._made is None:
            notes, scratch = (self._before, self._after), shelf.take(arena=True)
            own = x.copy()  # an augmentation's may be anybody's
            walk = batch.walk(i, own, t, draw, scratch, self._rows, notes)
            self._calls, self._made = yield from walk
            self._x = own
            return self._made
        np.copyto(self._x, x)
        for generator, place in self._before.generators:
            generator.bit_generator.state = draw.generator(place, i).bit_generator.state
        yield from self._before.program()
        yield from _follow(batch.model, self._calls)
        np.copyto(self._made.seed, batch.seed(self._made.y, t))
        yield from self._after.program()
        return self._made


def _put_back(before: Sequence[tuple[Layer, dict[str, Array]]]) -> None:
    """The running statistics as they were."""
    for layer, buffers in before:
        layer.buffers.update(buffers)


def _added(parts: Iterable[dict[str, Array]]) -> dict[str, Array]:
    """The chunks' gradients, added in the order of the chunks."""
    sums = Sums()
    for part in parts:
        for key, grad in part.items():
            sums.add(key, grad)
    return sums.arrays


def finite(array: Array) -> bool:
    """Whether all numbers are; the sum of their squares, one quick product, finds all that are not,
    and only where it overflows is each looked at."""
    return bool(np.isfinite(np.vdot(array, array)) or np.isfinite(array).all())


def _follow(model: Model, calls: Mapping[str, Call]) -> Program[None]:
    """Let running statistics follow the batch, in the order of the nodes, where all chunks meet."""
    kept = [n for n in model.nodes if n.layer.buffers and n.layer.trainable and n.name in calls]

    def follow(met: Sequence[Mapping[str, Call]]) -> None:
        for node in kept:
            found = node.layer.new_buffers([calls[node.name] for calls in met])
            node.layer.buffers.update(found)

    if kept:  # every meeting costs all threads a wait
        yield follow, calls


def right_answers(y: Array, t: Array) -> int:
    """How many samples have their largest output where the target has its own."""
    if y.ndim != 2:
        return 0
    if y.shape[1] == 1:
        return int(((y > 0.5) == (t > 0.5)).sum())
    return int((y.argmax(axis=1) == t.argmax(axis=1)).sum())
