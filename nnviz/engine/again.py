"""What was run once is run again, by the same NumPy calls.

Between two NumPy calls a walk through the layers does a good deal of Python: it asks for shapes,
cuts blocks, lends memory. For one picture that is half of the time, and two threads wait for each
other meanwhile, as only one of them at a time may run Python. But for pictures of one shape, and
layers that say so (`Layer.repeats`), all of it ends in the same calls on the same memory. So the
first run notes them (`Mode.do`), and the next one copies its pictures in and makes them again.
Steps of training are made again likewise (see `training.step`).

The layers before a flattening are run on a few pictures at a time, so that their maps stay in the
second-level cache; those after it on the whole chunk, so that the weights come from memory once.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np

from .apart import kept_apart
from .executor import Program, chunk_slices, each, seats, thread_count
from .folding import Folded, bias_last, is_ours, pooled_first
from .graph import INPUT, Node
from .layer import Array, Mode, Shape
from .layers.pool import GlobalAveragePooling2D
from .layers.reshape import Flatten
from .mode import Notes
from .parts import WORK, Parts
from .scratch import Scratch
from .walk import Draw, forward, leading_to

if TYPE_CHECKING:
    from .model import Model

BLOCK_BYTES = 5 << 19
"""The activations around the largest layer take about this much for the pictures that run together
before the flattening: hardly more than a usual second-level cache. With half as many pictures the
two threads waited for each other's Python a twentieth longer."""

MOST_BYTES = 96 << 20
"""What is noted holds its memory for the next time: for all models about this much at most."""
MOST_KINDS = 32
"""At most so many sizes of chunks and ways through a model are noted."""
MOST_WAYS = 8
"""To so many sets of nodes a way is kept, with its folded weights; those to others are walked."""
MOST_WORKED = 4
"""So much that is worked out of shapes alone is kept."""

Numbered = Sequence[tuple[int, Node]]


class Noted:
    """The run of one chunk as the calls that it is made of, in memory of its own.

    given: the network's input. thread: where it ran last. bytes: how much memory it holds. is_new:
    whether it was never laid aside.
    """

    thread = bytes = 0
    is_new = True

    def __init__(self, shapes: Mapping[str, Shape], x: Array) -> None:
        self.given, self._shapes = x.copy(), shapes
        self._held: list[Array] = [self.given]
        self._scratches: list[Scratch] = []
        self._noted: list[Notes] = []

    def notes(self, moment: object = None) -> Notes:
        """Notes of a part of this run."""
        self._noted.append(Notes(moment))
        return self._noted[-1]

    def scratch(self) -> Scratch:
        """Memory that is lent for this run alone."""
        made = Scratch()
        made.arena = made.roomy = True
        self._scratches.append(made)
        return made

    def room(self, name: str) -> Array:
        """An array for a node's values of the whole chunk."""
        made = np.empty((len(self.given), *self._shapes[name]), self.given.dtype)
        self._held.append(made)
        return made

    def size(self) -> int:
        """How many bytes it holds now."""
        settled = [array for notes in self._noted for _, array in notes.settled.values()]
        return sum(s.size for s in self._scratches) + sum(a.nbytes for a in (*self._held, *settled))


def ended(program: Program[Any]) -> Any:
    """What a program gives that never stops on its way."""
    try:
        next(program)
    except StopIteration as done:
        return done.value
    raise AssertionError("chunks meet in training alone")


class NotedPrediction(Noted):
    """From the input to the outputs of the nodes wanted, {name: (n, …)}."""

    def __init__(
        self,
        nodes: Numbered,
        shapes: Mapping[str, Shape],
        want: Sequence[str],
        block: int,
        prepare: Callable[..., Array],
        moment: object,
    ) -> None:
        x = prepare()
        super().__init__(shapes, x)
        self._notes, scratch = self.notes(moment), self.scratch()
        mode, values, cut = Mode(notes=self._notes), {INPUT: self.given}, flattening(nodes)
        blocks = alike(len(x), block)
        if len(blocks) == 1 or any(node.name in want for _, node in nodes[:cut]):
            cut = 0
        walk = partial(
            forward, chunk=0, train=False, draw=Draw(), scratch=scratch, private=True,
            notes=self._notes,
        )  # fmt: skip
        if cut:
            flat = nodes[cut][1].inputs[0]
            values = {flat: self.room(flat)}
            for rows in blocks:
                calls = ended(walk(nodes[:cut], {INPUT: self.given[rows]}, keep={flat}))
                mode.do(np.copyto, values[flat][rows], calls[flat].y)
                scratch.let_go()
        calls = ended(walk(nodes[cut:], values, keep=set(want)))
        self.outputs: dict[str, Array] = {name: calls[name].y for name in want}

    def again(self, prepare: Callable[..., Array], moment: object) -> bool:
        """Make `outputs` for other pictures, with the parameters of this moment."""
        prepare(out=self.given)
        self._notes.play(moment)
        return True


def alike(n: int, most: int) -> list[slice]:
    """Slices of n pictures, nearly of one size: as few as have at most so many, or one, where it
    would have at most twice as many: then calls cost more than the cache saves."""
    count = -(-n // most) if n > 2 * most else 1
    return [slice(i * n // count, (i + 1) * n // count) for i in range(count)]


def flattening(numbered: Numbered) -> int:
    """How many of the nodes come before a flattening, or end with a global pool, that everything
    after them goes through; 0 where there is none."""
    nodes = [node for _, node in numbered]
    for i, (last, node) in enumerate(itertools.pairwise(nodes), 1):
        pooled = isinstance(last.layer, GlobalAveragePooling2D)
        if pooled or isinstance(node.layer, Flatten):
            before = {node.name for node in nodes[:i]} | {INPUT}
            past = {name for later in nodes[i:] for name in later.inputs} & before
            return i if past == ({last.name} if pooled else set(node.inputs)) else 0
    return 0


class Again:
    """What is noted of one model, for the layers and arrays that it had then."""

    def __init__(self, model: Model) -> None:
        self._parts = Parts(model)
        self._plans: dict[Hashable, Plan] = {}
        self._lock = threading.Lock()
        self._spare: OrderedDict[Hashable, list[Noted]] = OrderedDict()
        self._large: set[Hashable] = set()
        self._run_last = 0
        self._worked: OrderedDict[Hashable, Any] = OrderedDict()
        self._ways: dict[tuple[str, ...], tuple[Folded, Numbered]] = {}
        self.block = max(1, BLOCK_BYTES // model.sample_bytes)

    @staticmethod
    def of(model: Model) -> Again:
        """The model's own."""
        again = _kept.get(model)
        if again is None or not again._parts.of(model):
            again = Again(model)
            with _models:
                _kept[model] = again
        return again

    def plan(self, model: Model, batch: Array, want: tuple[str, ...] = ()) -> Plan | None:
        """How these nodes' outputs (or the model's) for a batch are made; None where it has to be
        walked through anew."""
        want = want or (model.output_name,)
        known = len(batch), batch.dtype.char, want
        if known not in self._plans:
            if len(self._plans) > MOST_KINDS:
                self._plans.clear()
            dtype = batch.dtype if batch.dtype.kind == "f" else np.dtype(np.float32)
            chunks = chunk_slices(len(batch), model.sample_bytes)
            make = self._making(model, want, dtype)
            keys = [prediction_key(want, rows.stop - rows.start, dtype) for rows in chunks]
            pairs = list(zip(keys, chunks, strict=True))
            self._plans[known] = (pairs, make) if make and self.suits(keys) else None
        plan = self._plans[known]
        return plan if plan is not None and self._ways[want][0].again() else None

    def prediction(self, model: Model, want: tuple[str, ...], dtype: np.dtype) -> Make | None:
        """What makes notes of a run that leads to these nodes, with the weights that there are now;
        None where it does not repeat."""
        make = self._making(model, want, dtype)
        return make if make is not None and self._ways[want][0].again() else None

    def _making(self, model: Model, want: tuple[str, ...], dtype: np.dtype) -> Make | None:
        """The same, with the weights that there were."""
        if want not in self._ways:
            if len(self._ways) >= MOST_WAYS:
                return None
            wanted = leading_to(model.nodes, set(want))
            nodes = [(i, node) for i, node in enumerate(model.nodes) if node.name in wanted]
            folded = Folded(nodes, model.shapes, want)
            nodes = kept_apart(folded.nodes, model.shapes, want)
            self._ways[want] = folded, bias_last(pooled_first(nodes, want), want)
        way = self._ways[want][1]
        make = partial(NotedPrediction, way, model.shapes, want, self.block)
        return make if repeat(way, dtype) else None

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What `work` gives, which depends on the layers and the key alone; it is worked out anew
        where the key is none of the latest."""
        with self._lock:
            made = self._worked.pop(key, None)
        made = work() if made is None else made
        with self._lock:
            self._worked[key] = made
            if len(self._worked) > MOST_WORKED:
                self._worked.popitem(last=False)
        return cast(T, made)

    def suits(self, keys: Iterable[Hashable]) -> bool:
        """Whether what is noted under these keys was not found to take too much memory."""
        return self._large.isdisjoint(keys)

    def run(self, key: Hashable, make: Callable[..., N], *given: Any) -> N:
        """What is noted under a key, run `again` on what is given, or made of it where there is
        nothing yet or it says that it does not fit; it is lent, until it is given `back`."""
        with self._lock:
            noted: Any = lent(self._spare.get(key, []))
        if noted is None or not noted.again(*given):
            noted = make(*given)
            noted.bytes = noted.size()
        noted.thread = threading.get_ident()
        return cast(N, noted)

    def back(self, key: Hashable, noted: Noted) -> None:
        """Lay the notes aside for the next time; where they are new, the oldest go that would hold
        too much memory with them, of the model that was run the longest ago first."""
        with self._lock:
            if noted.bytes > MOST_BYTES // 2:
                self._large.add(key)
                self._plans.clear()
                return
            self._spare.setdefault(key, []).append(noted)
            self._spare.move_to_end(key)
        self._run_last = next(_runs)
        if noted.is_new:
            noted.is_new = False
            with _models:
                models = sorted(_kept.values(), key=lambda again: again._run_last)
            room = MOST_BYTES - sum(again.held() for again in models)
            for again in models:
                room += again.let_go(-room)

    def held(self) -> int:
        """How many bytes its notes hold that are laid aside."""
        with self._lock:
            return sum(noted.bytes for spare in self._spare.values() for noted in spare)

    def let_go(self, least: int) -> int:
        """Let the oldest notes go that hold at least so many bytes, and those that are too many;
        how many bytes that were."""
        gone = 0
        with self._lock:
            while self._spare and (gone < least or len(self._spare) > MOST_KINDS):
                oldest = next(iter(self._spare))
                gone += sum(noted.bytes for noted in self._spare.pop(oldest))
        return gone


def lent(spare: list[R]) -> R | None:
    """One of those laid aside, out of their list: one that ran last on this thread, where there is
    one, as its memory is still in the cache of this processor."""
    own = (i for i, one in enumerate(spare) if one.thread == threading.get_ident())
    return spare.pop(next(own, -1)) if spare else None


class Ran(Protocol):
    """What knows on which thread it ran last."""

    thread: int


R = TypeVar("R", bound=Ran)
N = TypeVar("N", bound=Noted)
T = TypeVar("T")
_kept: WeakKeyDictionary[Model, Again] = WeakKeyDictionary()
_models, _runs = threading.Lock(), itertools.count(1)

Make = Callable[[Callable[..., Array], object], NotedPrediction]
Plan = tuple[list[tuple[Hashable, slice]], Make] | None
"""The chunks, each with the key of its notes, and what makes them."""


def prediction_key(want: tuple[str, ...], count: int, dtype: np.dtype) -> Hashable:
    """By what the notes of so many pictures' prediction are known."""
    return "predict", want, count, dtype.str


def repeat(way: Numbered, dtype: np.dtype, work: Sequence[str] = WORK) -> bool:
    """Whether these nodes, with their places, make the same calls for all input of this dtype, in
    these functions of theirs."""
    for layer in (node.layer for _, node in way):
        kind = type(layer)
        ours = is_ours(kind) and all(is_ours(getattr(kind, name)) for name in work)
        if not layer.repeats or not ours or not vars(layer).keys().isdisjoint(work):
            return False
        if any(array.dtype != dtype for array in layer.params.values()):
            return False
    return True


def predicted(
    model: Model,
    batch: Array,
    prepare: Callable[..., Array],
    take: Callable[[slice, Array, Mapping[str, Array]], T],
    want: tuple[str, ...] = (),
) -> list[T] | None:
    """What `take` makes of each chunk of a batch (of its slice, the network's input and the outputs
    of the nodes wanted, in whose memory those of the next one will be); None where the model has to
    be walked through anew. prepare: makes pixels the network's input (in `out`, where that is
    given). want: the model's output where nothing is named."""
    again = Again.of(model)
    plan = again.plan(model, batch, want)
    if plan is None:
        return None
    (chunks, make), moment = plan, object()

    def chunk(key: Hashable, rows: slice) -> T:
        with seats.one(thread_count()) if len(chunks) > 1 else nullcontext():
            noted = again.run(key, make, partial(prepare, batch[rows]), moment)
        taken = take(rows, noted.given, noted.outputs)
        again.back(key, noted)
        return taken

    return each([partial(chunk, *one) for one in chunks])


def copied(rows: slice, x: Array, ys: Mapping[str, Array]) -> tuple[slice, Array, dict[str, Array]]:
    """What `predicted` takes for a trace."""
    return rows, x.copy(), {name: y.copy() for name, y in ys.items()}
