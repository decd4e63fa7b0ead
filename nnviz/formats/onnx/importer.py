"""From an ONNX graph to nodes of ours: one walk over its steps.

Each step becomes a constant (worked out now, see `fold`) or layers (by the table that `operators`
fills). A graph is read in one of two ways. Batched: its axis 0 is ours, and nothing may depend on
its length. Whole: its tensors are one sample, batch and all, for graphs that compute along their
first axis; our own axis in front has length 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...engine import layers as L
from ...engine.graph import INPUT, Node, out_shape
from ...engine.layer import Layer
from ...errors import ArgumentError, FileError, NnvizError
from .fold import FOLDED, Budget, fold
from .graph import Graph, Step, hostile, operator_name
from .values import BATCH, PICTURE, TRIED, Array, Const, NeedsValue, NotBatched, Shape, Value

Made = Value | Const
Handler = Callable[["Importer", Step], Made | Sequence[Made]]
OPERATORS: dict[str, Handler] = {}
"""Operator -> what makes layers of it; filled by the files of `operators`."""


CARRIED = {"Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose",
           "Unsqueeze"}  # fmt: skip
"""Operators that leave the numbers of their first input what they are."""
WIDE = {"1", "6", "7", "11", "12", "13"}
"""The element types that hold a place: float32 and 64, whole numbers of 32 and 64 bits."""


def operator(*names: str) -> Callable[[Handler], Handler]:
    """Enter a handler under these operators."""

    def enter(handler: Handler) -> Handler:
        OPERATORS.update(dict.fromkeys(names, handler))
        return handler

    return enter


def known_operators() -> list[str]:
    """All operators that can be read; folding has two names of its own besides."""
    return sorted({*OPERATORS, *FOLDED} - {"ShapeOf", "SizeOf"})


@dataclass(frozen=True)
class Reading:
    """How a graph is to be read.

    data: the input that ours stands for (None: there is none, all is constant). shape: its shape
    in the file's order. batched: whether its axis 0 is the batch. values: arrays for other inputs.
    others: the shapes of further inputs that pictures have of their own: then ours is one row of
    numbers, all inputs one after the other, and nodes cut them out of it.
    declared: the batch length that the file was made with, where it says one. partial: leave out
    what cannot be read, and all that depends on it.
    """

    data: str | None
    shape: Shape
    batched: bool
    values: Mapping[str, Array] = field(default_factory=dict)
    declared: int | None = None
    partial: bool = False
    others: Mapping[str, Shape] = field(default_factory=dict)


class Importer:
    """One reading of one graph: `nodes` and `env` (what each name stands for) grow step by step.

    left_out: the steps that could not be read, each with the reason.
    """

    def __init__(self, graph: Graph, reading: Reading) -> None:
        self.graph, self.reading = graph, reading
        self.budget = Budget(graph.memory)
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}
        self.env: dict[str, Made] = {}
        self.left_out: dict[str, str] = {}
        for name, array in reading.values.items():
            self.env[name] = Const.of(array)
        if reading.data is not None:
            shapes = {reading.data: reading.shape, **reading.others}
            values = {name: self._input(reading, shape) for name, shape in shapes.items()}
            self.env |= self._shared(values)

    def _shared(self, values: dict[str, Value]) -> dict[str, Value]:
        """The data inputs as values; where there are several, nodes cut them out of ours."""
        counts = [math.prod(value.sample) for value in values.values()]
        samples = [value.sample for value in values.values()]
        self.shapes[INPUT] = samples[0] if len(values) == 1 else (sum(counts),)
        self.budget.allow(self.shapes[INPUT], 4, "the input")
        if len(values) == 1:
            return values
        starts, made = np.cumsum([0, *counts]).tolist(), {}
        for i, (name, value) in enumerate(values.items()):
            part = self._append(f"{name}/part", L.Slice(1, starts[i], starts[i + 1]), INPUT)
            made[name] = replace(value, node=self._append(name, L.Reshape(samples[i]), part))
        return made

    def _input(self, reading: Reading, shape: Shape) -> Value:
        """A data input in the layout that suits it: pictures channels last."""
        rank = len(shape)
        order = tuple(range(rank))
        if reading.batched or (rank in (2, 4) and shape[0] == 1):
            order = order[1:]
            if rank == 4 and not _channels_last(shape):
                order = PICTURE
        if reading.batched:
            shape = (BATCH, *shape[1:])
        return Value(INPUT, shape, order)

    @property
    def fixed_batches(self) -> tuple[int, ...]:
        """The lengths of axis 0 that a fixed shape in a batched graph may mean: that which the file
        was made with, or 1 where it leaves it free."""
        return (1 if self.reading.declared is None else self.reading.declared,)

    # Running over the steps ---------------------------------------------------------------------

    def run(self) -> None:
        """Take all steps; where only a part is wanted, those that can be taken."""
        lost: set[str] = set()
        for step in self.graph.steps:
            if lost & set(step.inputs):
                why = "reads what is left out"
            else:
                try:
                    self.take(step)
                    continue
                except FileError as error:
                    if not self.reading.partial:
                        raise
                    why = str(error)
            lost |= set(filter(None, step.outputs))
            self.left_out[step.label] = why

    def take(self, step: Step) -> None:
        """One step; errors say which it was."""
        try:
            with hostile(f"{self.graph.label}: {step.label}"):
                made = self._made(step)
        except NotBatched as error:
            raise NotBatched(f"{step.label}: {error}") from None
        except (NeedsValue, FileError):
            raise
        except NnvizError as error:
            raise FileError(f"{self.graph.label}: {step.label}: {error}") from None
        every = (made,) if isinstance(made, Value | Const) else tuple(made)
        for name, value in zip(step.outputs, every, strict=False):
            if name:
                self.env[name] = value

    def _made(self, step: Step) -> Made | Sequence[Made]:
        name = operator_name(step)
        given = [self.lookup(n) if n else None for n in step.inputs]
        if name in FOLDED and not any(isinstance(v, Value) for v in given):
            return fold(step, given, self.budget)  # type: ignore[arg-type]
        if name in ("Shape", "Size"):
            lengths = self.shape_of(self.value(step, 0))
            return fold(replace(step, op=f"{name}Of"), [lengths], self.budget)
        if name not in OPERATORS:
            raise ArgumentError(f"the operator {name} of a computed tensor is not known to nnviz")
        counted = {n: v for n, v in zip(step.inputs, given, strict=True)
                   if isinstance(v, Value) and v.counted}  # fmt: skip
        if not counted:
            return OPERATORS[name](self, step)
        growth = _growth(name, step, given)
        self.env |= {n: replace(v, counted=0) for n, v in counted.items()}
        made = OPERATORS[name](self, step)
        self.env |= counted
        every = [made] if isinstance(made, Value | Const) else made
        return [replace(v, counted=growth) if isinstance(v, Value) else v for v in every]

    def as_value(self, step: Step, made: Made) -> Value:
        """A value; a constant becomes a node that gives it for every sample."""
        if isinstance(made, Value):
            return self.settled(step, made)
        array, whole = as_float(made.row), self.reading.batched
        rows = (1, *self.fixed_batches)
        if whole and array.ndim and len(array) in rows and (array == array[:1]).all():
            array = array[0]
        elif whole:
            raise NotBatched("a constant stands where a batch should")
        layer = L.Constant.of(array)
        node = self.emit(step, layer, INPUT, tail="constant")
        shape = (BATCH, *array.shape) if whole else array.shape
        return Value(node, shape, tuple(range(len(shape) - array.ndim, len(shape))))

    def lookup(self, name: str) -> Made:
        """What a name stands for; `NeedsValue` for an input without a value."""
        if name in self.env:
            return self.env[name]
        if name in self.graph.weights:
            array = self.graph.weights[name]
            self.budget.spend(array.nbytes, "the weights")
            return Const.of(array)
        if not name:
            raise ArgumentError("it lacks one of its inputs")
        raise NeedsValue(name)

    def shape_of(self, value: Value) -> Const:
        """A value's shape as the file's operator Shape gives it."""
        return Const.tried([np.array(value.lengths(n), np.int64) for n in TRIED])

    # What handlers ask for ----------------------------------------------------------------------

    def has(self, step: Step, i: int) -> bool:
        """Whether a step has its input i."""
        return i < len(step.inputs) and step.inputs[i] != ""

    def value(self, step: Step, i: int) -> Value:
        """An input that a node of ours computes; a constant becomes such a node."""
        found = self.lookup(step.inputs[i])
        if isinstance(found, Value):
            return found
        if self.reading.data is None:
            raise ArgumentError(f"its input {step.inputs[i]!r} is a constant, not data")
        return self.as_value(step, found)

    def const(self, step: Step, i: int, default: Any = None) -> Array:
        """An input that must be known now (a weight, axes); `default` where it is left out."""
        if not self.has(step, i):
            return default
        found = self.lookup(step.inputs[i])
        if isinstance(found, Value):
            raise ArgumentError(
                f"its input {step.inputs[i]!r} is computed from the data, where nnviz needs a "
                "constant"
            )
        return found.array

    def weight(self, step: Step, i: int) -> Array:
        """A constant input as floats: float32, or float64 where the file has it so."""
        return as_float(self.const(step, i))

    def ints(self, step: Step, i: int, key: str, default: Sequence[int] | None = None) -> Any:
        """Whole numbers that are input i, or (in older opsets) the attribute `key`."""
        if self.has(step, i):
            return tuple(int(v) for v in np.atleast_1d(self.const(step, i)))
        found = step.get(key, default)
        return found if found is None else tuple(int(v) for v in found)

    def sizes(self, step: Step, i: int) -> list[Any]:
        """A constant row of numbers, one for each axis; `BATCH` where the first is the batch's
        length, as exporters take it from a Shape."""
        found = self.lookup(step.inputs[i])
        if isinstance(found, Const) and len(found.arrays) > 1:
            rows = [a.reshape(-1).tolist() for a in found.arrays]
            if [row[:1] for row in rows] == [[n] for n in TRIED] and rows[0][1:] == rows[1][1:]:
                return [BATCH, *rows[0][1:]]
        return list(self.const(step, i).reshape(-1).tolist())

    def is_output(self, name: str) -> bool:
        """Whether a value is an output of the graph."""
        return name in {port.name for port in self.graph.outputs}

    # Making nodes -------------------------------------------------------------------------------

    def emit(self, step: Step, layer: Layer, *inputs: str, tail: str | None = None) -> str:
        """Append a node; returns its name: the step's, or `step/tail` for a helper beside it."""
        called = legal(step.called)
        return self._append(called if tail is None else f"{called}/{tail}", layer, *inputs)

    def _append(self, called: str, layer: Layer, *inputs: str) -> str:
        name = self._free(called)
        shape = out_shape(layer, [self.shapes[i] for i in inputs])
        self.budget.allow(shape, 4, "its output")
        layer.build(np.random.default_rng(0), *(self.shapes[i] for i in inputs))
        self.nodes.append(Node(name, layer, inputs))
        self.shapes[name] = shape
        return name

    def _free(self, name: str) -> str:
        count, free = 1, name
        while free in self.shapes or free == INPUT:
            count += 1
            free = f"{name}_{count}"
        return free

    def pointwise(self, step: Step, layer: Layer, i: int = 0) -> Value:
        """A layer that takes number by number, whatever the axes are."""
        value = self.value(step, i)
        return replace(value, node=self.emit(step, layer, value.node))

    def after(self, step: Step, value: Value, layer: Layer, shape: Shape, order: Shape) -> Value:
        """A layer on a value that lies as it should; what comes out has this shape and order."""
        return Value(self.emit(step, layer, value.node), shape, order)

    # Laying values out --------------------------------------------------------------------------

    def settled(self, step: Step, value: Value) -> Value:
        """A flattened picture whose numbers stand in the file's order."""
        if value.shuffle is None:
            return value
        shape, order = value.shuffle
        back = tuple(order.index(a) for a in range(len(order)))
        ours = tuple(shape[a] for a in order)
        node = self.emit(step, L.Reshape(ours), value.node, tail="unflatten")
        node = self.emit(step, L.Permute([0, *(a + 1 for a in back)]), node, tail="permute")
        node = self.emit(step, L.Flatten(), node, tail="flatten")
        return replace(value, node=node, shuffle=None)

    def arranged(self, step: Step, value: Value, order: Sequence[int]) -> Value:
        """The value with its axes in this order, by a Permute and a Reshape where they are needed.

        Axes that are not in `order` must have length 1.
        """
        value, order = self.settled(step, value), tuple(order)
        if value.order == order:
            return value
        if set(value.long) - set(order):
            raise ArgumentError(
                f"it cannot take its input of shape {told(value.shape)} as one sample"
            )
        node, places = value.node, range(len(value.order))
        if value.long != [a for a in order if a in value.long]:
            there = sorted(
                places, key=lambda i: order.index(value.order[i]) if value.order[i] in order else -1
            )
            node = self.emit(step, L.Permute([0, *(i + 1 for i in there)]), node, tail="permute")
            value = replace(value, node=node, order=tuple(value.order[i] for i in there))
        laid = replace(value, order=order)
        if value.sample != laid.sample:
            node = self.emit(step, L.Reshape(laid.sample), node, tail="reshape")
        return replace(laid, node=node)

    def picture(self, step: Step, value: Value) -> Value:
        """The value as pictures (rows, cols, channels)."""
        if value.rank != 4:
            raise ArgumentError(
                f"it needs pictures (N, channels, rows, cols), got shape {told(value.shape)}"
            )
        return self.arranged(step, value.plain(), PICTURE)

    def raw(self, step: Step, value: Value) -> Value:
        """The value with all its axes in the file's order."""
        return self.arranged(step, value, value.axes)


def _growth(name: str, step: Step, given: Sequence[Made | None]) -> int:
    """By how much what a step gives grows from one picture to the next (`Value.counted`), where it
    reads numbers that do: it is the same in another order, adds up in a sum or a difference, and
    is gone after a division that leaves nothing of it."""
    grown = [v.counted if isinstance(v, Value) else 0 for v in given]
    if name in ("Add", "Sub") and not step.get("broadcast", 0):
        return grown[0] + (grown[1] if name == "Add" else -grown[1])
    if name in CARRIED and not any(grown[1:]):
        return grown[0]
    if name == "Cast" and str(step.get("to")) in WIDE:
        return grown[0]
    if name == "Mod" and isinstance(given[1], Const) and given[1].array.size == 1:
        divisor = int(given[1].array.reshape(()))
        if divisor > 0 and grown[0] % divisor == 0:  # what is added for each picture goes up in it
            return 0
    raise NotBatched("it reads places that are counted through the batch")


def as_float(array: Array) -> Array:
    """Weights in the dtype that they are kept in: float32, or float64 where they have it."""
    array = np.asarray(array)
    return np.asarray(array, np.float64 if array.dtype == np.float64 else np.float32)


def legal(name: str) -> str:
    """A node's name from the file's: exporters like to put a slash in front."""
    return name.strip().strip("/") or "node"


def told(shape: Sequence[int]) -> str:
    """A shape for messages, with N for the batch."""
    words = ["N" if s == BATCH else f"{-s} N" if s < 0 else str(s) for s in shape]
    return f"({', '.join(words)})"


def _channels_last(shape: Shape) -> bool:
    """Whether a picture's shape in the file looks like (N, rows, cols, channels): few of the last,
    and not as many as there are cols, which is a small map (N, channels, 4, 4)."""
    few = (1, 3, 4)
    return shape[3] in few and shape[1] not in few and shape[2] != shape[3]
