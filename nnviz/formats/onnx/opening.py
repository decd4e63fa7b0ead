"""`from_onnx`: an ONNX file becomes a `Model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.model import Model
from ...engine.rewrite import with_input
from ...errors import ArgumentError, NnvizError
from .graph import MEMORY, Graph, Port, hostile, label_of, read_graph
from .importer import Reading, known_operators
from .network import Network, check_known, read, walk
from .notes import with_notes
from .values import Array, NeedsValue, Shape


@dataclass(frozen=True)
class Source:
    """Where a model came from, so that it can be read again with other values or sizes."""

    what: Any
    memory: int

    def graph(self, partial: bool = False) -> Graph:
        """The file, read and checked."""
        with hostile(label_of(self.what)):
            graph = read_graph(self.what, self.memory, known_operators())
            if not partial:
                check_known(graph)
        return graph


def from_onnx(
    path: Any,
    *,
    input: str | None = None,
    output: str | None = None,
    size: Sequence[int] | None = None,
    values: Mapping[str, Any] | None = None,
    classes: Sequence[str] | None = None,
    partial: bool = False,
    memory: int = MEMORY,
) -> Model:
    """A model from an ONNX file: a path, its bytes, or an `onnx.ModelProto`.

    Nodes are named as in the file. Pictures are channels last, as everywhere in nnviz, whatever
    the file has; `model.run_onnx(*inputs)` takes and gives arrays as the file has them.

    input: which of the file's inputs the model's is (by default the first of floats).
    values: arrays for the others, by name, the same for every picture (a first axis of 1 where the
        file has the batch), or a number for all of an input; weights or shapes that the file takes
        as inputs are such values. A model whose values are not all known has `run_onnx` alone,
        which takes a row of each input for each picture. Where each of them is of floats with the
        batch in front and no `input` is named, the model's input is a row for each picture: all
        inputs' numbers one after the other, pictures channels last; the node of each input's name
        cuts it out again, and `to_onnx` writes the inputs apart.
    output: which of the file's outputs is the model's (the first by default). The nodes of the
        others are there as well, to be inspected by name.
    size: (rows, cols), where the file leaves them free.
    classes: the names of the classes.
    partial: leave out what nnviz cannot read, and all that depends on it, in place of an error;
        `model.made["onnx"]["left_out"]` says what and why. Where no output of the file is left, the
        model ends at the last node that could be read.
    memory: bytes that reading may take; a file that asks for more is refused.
    """
    source = Source(path, _bytes(memory))
    graph = source.graph(partial)
    given = {name: _stretched(graph.port(name), array) for name, array in (values or {}).items()}
    data = data_input(graph, given, input)
    try:
        with hostile(graph.label):
            if data is None:
                raise NeedsValue("")
            shape = fixed_shape(graph, data, size)
            network = read(graph, data.name, shape, given, declared_batch(data), partial)
            if not network.computes(output):
                raise NeedsValue("")
            model = with_notes(network.model(output), graph.metadata, graph.label)
    except NeedsValue as error:
        joined = None if input else together(graph, given, size)
        if joined is None or not joined.computes(output):
            return OpenModel(source, graph, error.args[0])
        model = with_notes(joined.model(output), graph.metadata, graph.label)
    model = model if classes is None else with_input(model, classes=classes)
    model.source = source
    return model


def together(
    graph: Graph, given: Mapping[str, Array], size: Sequence[int] | None
) -> Network | None:
    """The graph read so that each picture has a row of every input without a value; None where the
    inputs do not go together, or their sizes are not known."""
    free = [port for port in graph.inputs if port.name not in given]
    if len(free) < 2 or any(p.dtype is None or p.dtype.kind != "f" or not p.shape for p in free):
        return None
    if len({p.shape[0] if isinstance(p.shape[0], int) else None for p in free if p.shape}) > 1:
        return None
    try:
        with hostile(graph.label):
            shapes = {p.name: fixed_shape(graph, p, None if _is_fixed(p) else size) for p in free}
            first, *_ = shapes
            others = {name: shape for name, shape in shapes.items() if name != first}
            return walk(graph, Reading(first, shapes[first], True, given, declared_batch(free[0]),
                                       others=others))  # fmt: skip
    except NnvizError:
        return None


def _is_fixed(port: Port) -> bool:
    """Whether the file says all of an input's sizes but the batch."""
    return all(isinstance(s, int) for s in (port.shape or ())[1:])


def _stretched(port: Port, value: Any) -> Array:
    """A value for an input; a number stands for all of it, as far as its shape is known."""
    array = np.asarray(value)
    shape = [s if isinstance(s, int) else 1 for s in port.shape or ()]
    free = [a for a, s in enumerate(port.shape or ()) if not isinstance(s, int)]
    if array.ndim or not set(free) <= {0}:
        return array
    return np.broadcast_to(array.astype(port.dtype or array.dtype), shape)


def _bytes(memory: int) -> int:
    if isinstance(memory, bool) or not isinstance(memory, int | np.integer) or memory < 1:
        raise ArgumentError(f"memory must be a number of bytes of at least 1, got {memory!r}")
    return int(memory)


def data_input(graph: Graph, given: Mapping[str, Array], name: str | None) -> Port | None:
    """The input that pictures go into: the one named, or the first of floats without a value, or
    the first of bytes."""
    if name is not None:
        return graph.port(name)
    free = [p for p in graph.inputs if p.name not in given and p.dtype is not None]
    floats = [p for p in free if p.dtype.kind == "f"]  # type: ignore[union-attr]
    pictures = [p for p in free if p.dtype == np.uint8 and len(p.shape or ()) >= 3]
    return next(iter(floats + pictures), None)


def declared_batch(port: Port) -> int | None:
    """The length of an input's first axis, where the file says one."""
    first = port.shape[0] if port.shape else None
    return first if isinstance(first, int) else None


def fixed_shape(graph: Graph, port: Port, size: Sequence[int] | None) -> Shape:
    """The data input's shape in the file's order; a free first length counts as 1."""
    if port.shape is None:
        raise NeedsValue(port.name)
    shape = [s if isinstance(s, int) else None for s in port.shape]
    if shape and shape[0] is None:
        shape[0] = 1
    free = [a for a, s in enumerate(shape) if s is None]
    if size is not None:
        pair = tuple(size) if isinstance(size, Sequence) else (size,)
        whole = all(isinstance(s, int | np.integer) and s > 0 for s in pair)
        if len(pair) != len(free) or not whole:
            raise ArgumentError(
                f"size must be the lengths of the {len(free)} axes that {graph.label} leaves free "
                f"in its input {port.name!r} {port.shape}, got {size!r}"
            )
        for axis, length in zip(free, pair, strict=True):
            shape[axis] = int(length)
    elif free:
        raise NeedsValue(port.name)
    return tuple(int(s) for s in shape if s is not None)


class OpenModel(Model):
    """A file's network that waits for values: weights or shapes that the file takes as inputs, or
    the size of its pictures. `run_onnx` gives them; all else asks for them."""

    def __init__(self, source: Source, graph: Graph, missing: str) -> None:
        self.source, self.made = source, {}
        wanted = ", ".join(f"{p.name!r} {_told(p)}" for p in graph.inputs) or "none"
        self._lack = (
            f"{graph.label} can only be run (model.run_onnx) until "
            + (f"its input {missing!r} is known" if missing else "it has pictures to go into")
            + ": nnviz.from_onnx takes values={name: array} and size=(rows, cols) (the command "
            f"line --value and --size); its inputs are {wanted}"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "_lack" not in self.__dict__:
            raise AttributeError(name)
        raise ArgumentError(self._lack)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._lack}>"


def _told(port: Port) -> str:
    """An input's shape for messages."""
    if port.shape is None:
        return "of any shape"
    return "×".join("?" if s is None else str(s) for s in port.shape) or "a number"
