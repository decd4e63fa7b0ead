"""How a model becomes an ONNX graph, node by node.

nnviz keeps channels last, ONNX wants pictures with channels first. So every value may exist in two
layouts, and a turn from one into the other is put in where a layer asks for the layout that is not
there, once. Only values with three axes beside N are turned; a vector, or a tensor of any other
rank, lies in the file as it lies here.

A writer is one short function for one layer class, entered in `WRITERS` by `@writes(...)`: it gets
a `Site` and the names of its inputs, adds ONNX operators and returns the name of its output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.graph import INPUT, Node
from ...engine.layer import Array, Layer, Shape
from ...engine.model import Model
from ...errors import ArgumentError, listing

if TYPE_CHECKING:
    import onnx

FIRST, LAST, ANY = "first", "last", "any"
"""Layouts of a value, and of what a writer asks for. ANY: it does not matter, all alike."""

TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
"""The permutations between the layouts, N among the axes."""


Layout = str | Callable[[Any], str]
"""A layout, or what says of a layer which it is."""


@dataclass(frozen=True)
class Writer:
    """What writes one layer class: the function, and the layout that it reads and gives."""

    write: Callable[..., str]
    layout: Layout


WRITERS: dict[type[Layer], Writer] = {}
"""Layer class -> what writes it. A subclass may compute something else, so it needs its own."""


def writes(
    *kinds: type[Layer], layout: Layout = FIRST
) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Enter a function `(site, *inputs) -> output` as the writer of these layer classes."""

    def enter(write: Callable[..., str]) -> Callable[..., str]:
        for kind in kinds:
            WRITERS[kind] = Writer(write, layout)
        return write

    return enter


@dataclass
class Value:
    """One nnviz value in the file: its sample shape, and its name in each layout that exists."""

    shape: Shape
    names: dict[str, str]


@dataclass
class Graph:
    """The ONNX graph while it is written.

    arrays: the constants by name. shared: the names of the layers' own, by layer and key. inputs:
    the graph's inputs: of which value each is, and its name.
    """

    model: Model
    values: dict[str, Value] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    shared: dict[tuple[int, str], str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    inputs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model) -> Graph:
        """All nodes of a model, written."""
        graph, apart = cls(model), inputs_of(model)
        cut = {*apart, *(model.node(name).inputs[0] for name in apart)}
        graph.taken |= {node.name for node in model.nodes if node.name not in cut}
        for name, wish in (apart or {INPUT: INPUT}).items():
            graph.inputs[name] = graph.free(wish)
            shape = model.shapes[name] if apart else model.input.shape
            graph.values[name] = Value(shape, {FIRST: graph.inputs[name]})
        for node in model.nodes:
            if node.name not in cut:
                graph._write(node)
        return graph

    def free(self, wish: str) -> str:
        """A name that nothing in the file has yet."""
        count, name = 1, wish
        while name in self.taken:
            count += 1
            name = f"{wish}_{count}"
        self.taken.add(name)
        return name

    def read(self, name: str, layout: str) -> str:
        """The ONNX name of a value in a layout; it is turned where it is not there in this one."""
        value = self.values[name]
        if len(value.shape) != 3:
            return next(iter(value.names.values()))
        if layout not in value.names:
            other = next(iter(value.names.values()))
            order = TO_LAST if layout == LAST else TO_FIRST
            turned = self.free(f"{name}/channels_{layout}")
            self.add("Transpose", [other], turned, perm=order)
            value.names[layout] = turned
        return value.names[layout]

    def add(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        *,
        before: Sequence[str] = (),
        **attributes: Any,
    ) -> None:
        """One ONNX operator, called after its output; before: outputs that nobody reads."""
        from onnx import helper

        outputs = [*before, output]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, output, **attributes))

    def constant(self, array: Any, wish: str) -> str:
        """The name of a constant."""
        name = self.free(wish)
        self.arrays[name] = np.array(array, order="C")
        return name

    def _write(self, node: Node) -> None:
        writer = WRITERS.get(type(node.layer))
        if writer is None:
            raise ArgumentError(
                f"node {node.name!r} is a {type(node.layer).__name__}, which has no form in ONNX "
                "that nnviz knows: enter one with nnviz.formats.onnx.export_graph.writes; it knows "
                f"{listing(sorted(kind.__name__ for kind in WRITERS), 80)}"
            )
        values = [self.values[name] for name in node.inputs]
        layout = writer.layout if isinstance(writer.layout, str) else writer.layout(node.layer)
        if layout == ANY:
            pictures = [value for value in values if len(value.shape) == 3]
            out = len(self.model.shapes[node.name])
            here = any(FIRST in value.names for value in pictures[:1])
            # Of other ranks than three, pictures can only be made or read channels last.
            layout = FIRST if out < 3 or (out == 3 and here) else LAST
        site = Site(
            self, node.name, node.layer, tuple(v.shape for v in values),
            self.model.shapes[node.name], layout,
        )  # fmt: skip
        given = writer.write(site, *(self.read(name, layout) for name in node.inputs))
        self._call(given, node.name)
        self.values[node.name] = Value(site.out, {layout: node.name})

    def _call(self, given: str, name: str) -> None:
        """Give the last operator that was written for a node, and what it gives, the node's
        name."""
        last = self.nodes[-1]
        assert last.output[-1] == given, f"the last operator of {name} does not give its output"
        self.taken.discard(given)
        last.name = last.output[-1] = name


def inputs_of(model: Model) -> dict[str, str]:
    """Of a model read from a file of several inputs, whose input is all of them in a row: the node
    that cuts each out, and the file's name of it; empty where the model has one input."""
    page = model.made.get("onnx") or {}
    there = {node.name: node for node in model.nodes}
    found = {side["node"]: side["name"] for side in (page.get("input"), *page.get("others", ()))
             if page.get("others") and side and side["node"] in there}  # fmt: skip
    parts = {there[name].inputs[0] for name in found}
    readers = [node.name for node in model.nodes if INPUT in node.inputs]
    return found if found and parts == set(readers) else {}


@dataclass(frozen=True)
class Site:
    """Where a writer works: one node of the model.

    shapes, out: the samples' shapes of its inputs and of its output, as nnviz has them. layout:
    how the three axes of a picture lie in the file here.
    """

    graph: Graph
    name: str
    layer: Any
    shapes: tuple[Shape, ...]
    out: Shape
    layout: str

    def op(self, kind: str, *inputs: str, place: int = 0, **attributes: Any) -> str:
        """One ONNX operator on these inputs; the name of its output, or of the one at `place`."""
        output = self.graph.free(f"{self.name}/{kind}")
        before = [self.graph.free(f"{self.name}/unused") for _ in range(place)]
        self.graph.add(kind, inputs, output, before=before, **attributes)
        return output

    def constant(self, array: Any, what: str = "constant", dtype: Any = np.float32) -> str:
        """A constant of this node, float32 where nothing else is said."""
        return self.graph.constant(np.asarray(array, dtype), f"{self.name}/{what}")

    def integers(self, values: Any, what: str) -> str:
        """Whole numbers, as ONNX takes axes and shapes."""
        return self.constant(values, what, np.int64)

    def array(self, key: str, laid: Callable[[Array], Array] = lambda a: a) -> str:
        """A parameter or buffer of the layer, laid out as ONNX wants it; once for a layer that has
        several places."""
        place = (id(self.layer), key)
        if place not in self.graph.shared:
            stored = {**self.layer.params, **self.layer.buffers}[key]
            laid_out = laid(_single(stored, f"{self.name}/{key}"))
            self.graph.shared[place] = self.graph.constant(laid_out, f"{self.name}/{key}")
        return self.graph.shared[place]

    def stretched(self, array: Array) -> Array:
        """Numbers that NumPy would stretch over our output, so that ONNX does it in this layout."""
        if len(self.out) != 3 or self.layout == LAST or array.ndim == 0:
            return array
        lined = array.reshape(*(1,) * (3 - array.ndim), *array.shape)
        return lined.transpose(2, 0, 1)

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Where in the file an axis of ours lies (N is axis 0; negative ones count from the
        end)."""
        rank = len(self.shapes[0]) if rank is None else rank
        axis = axis % (rank + 1)
        return TO_FIRST.index(axis) if rank == 3 and self.layout == FIRST else axis

    def order(self, values: Sequence[Any]) -> list[Any]:
        """One thing for each of our axes (N included), in the order of the file's."""
        if len(values) == 4 and self.layout == FIRST:
            return [values[axis] for axis in TO_FIRST]
        return list(values)


def _single(array: Array, what: str) -> Array:
    """An array as float32, in which files are written: an error where it does not fit."""
    with np.errstate(over="ignore"):
        narrow = np.asarray(array, np.float32)
    if (np.isinf(narrow) & np.isfinite(array)).any():
        raise ArgumentError(f"{what} has numbers beyond float32, in which ONNX files are written")
    return narrow


def pads(site: Site) -> list[int]:
    """A window's padding as ONNX wants it: top, left, bottom, right."""
    (top, bottom), (left, right) = site.layer.window().padding(site.shapes[0][:2])
    return [top, left, bottom, right]
