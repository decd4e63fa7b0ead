"""From a graph to a `Model`: how its axes are read, and which output is the model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...engine.graph import INPUT
from ...engine.input import InputSpec
from ...engine.model import Model
from ...errors import ArgumentError, FileError, unknown
from . import operators  # noqa: F401, it fills the table of operators
from .graph import Graph, Port, operator_name
from .importer import Importer, Made, Reading, known_operators
from .values import Array, Const, NotBatched, Shape, Value


@dataclass(frozen=True)
class Network:
    """One reading of a graph that came to its end."""

    graph: Graph
    reading: Reading
    importer: Importer
    outputs: tuple[tuple[Port, Made], ...]

    def chosen(self, output: str | None) -> Made:
        """What the graph's first output is, or the one named."""
        every = {port.name: made for port, made in self.outputs}
        if output is not None and output not in every:
            raise unknown("output", output, every, self.graph.label)
        return every[output if output is not None else next(iter(every))]

    def computes(self, output: str | None) -> bool:
        """Whether a node of ours gives this output."""
        made = self.chosen(output)
        return isinstance(made, Value) and made.node != INPUT

    def model(self, output: str | None = None, classes: Sequence[str] | None = None) -> Model:
        """The model whose output is the graph's first, or the one named."""
        chosen, importer = self.chosen(output), self.importer
        assert isinstance(chosen, Value)
        data = self.graph.port(self.reading.data or "")
        is_bytes = data.dtype is not None and data.dtype.kind in "ui"
        spec = InputSpec(
            importer.shapes[INPUT], value_range=(0.0, 255.0) if is_bytes else (0.0, 1.0)
        )
        return Model.from_nodes(
            importer.nodes,
            input=spec,
            output=chosen.node,
            classes=classes,
            made={"onnx": self.described()},
        )

    def described(self) -> dict[str, Any]:
        """How the file's inputs and outputs belong to the model's, as plain data."""
        name = self.reading.data
        return {
            "opset": self.graph.opset,
            "made_by": self.graph.made_by,
            "input": None if name is None else self._data(name),
            "others": [self._data(name) for name in self.reading.others],
            "outputs": [_side(port, made) for port, made in self.outputs],
            "left_out": self.importer.left_out,
        }

    def _data(self, name: str) -> dict[str, Any]:
        return _side(self.graph.port(name), self.importer.env[name])


def _side(port: Port, made: Made) -> dict[str, Any]:
    """Name, type and layout of an input or output, as plain data; a constant lies nowhere."""
    told = {"name": port.name, "dtype": None if port.dtype is None else str(port.dtype)}
    if isinstance(made, Const):
        return {**told, "node": None}
    return {**told, "node": made.node, "shape": list(made.shape), "order": list(made.order),
            "before": made.before, "counted": made.counted}  # fmt: skip


def walk(graph: Graph, reading: Reading) -> Network:
    """Read the graph this way, or raise what stands against it."""
    try:
        importer = Importer(graph, reading)
    except ArgumentError as error:
        raise FileError(f"{graph.label}: {error}") from None
    importer.run()
    outputs = []
    for port in reached(importer):
        made = importer.lookup(port.name)
        if isinstance(made, Value) and made.shuffle is not None:
            maker = next(s for s in graph.steps if port.name in s.outputs)
            made = importer.settled(maker, made)
        outputs.append((port, made))
    return Network(graph, reading, importer, tuple(outputs))


def reached(importer: Importer) -> Sequence[Port]:
    """The graph's outputs; where only a part was read, those in it, or else the last value made."""
    every, graph = importer.env, importer.graph
    if not importer.left_out:
        return graph.outputs
    found = [port for port in graph.outputs if port.name in every]
    last = [n for n, made in every.items() if isinstance(made, Value) and made.node != INPUT]
    if not found and not last:
        raise FileError(
            f"{graph.label}: nothing of it can be read; {next(iter(importer.left_out.values()))}"
        )
    return found or [Port(last[-1], None, None)]


def check_known(graph: Graph) -> None:
    """An error that names the first operator that cannot be read, and all that the file uses."""
    known = known_operators()
    for step in graph.steps:
        if operator_name(step) not in known:
            used = ", ".join(f"{op} {count}×" for op, count in sorted(graph.counts.items()))
            raise FileError(
                f"{graph.label} uses the operator {operator_name(step)}, unknown to nnviz, "
                f"at {step.label}; the file uses {used}; nnviz knows {', '.join(known)}"
            )


def read(
    graph: Graph,
    data: str | None,
    shape: Shape,
    values: Mapping[str, Array],
    declared: int | None = None,
    partial: bool = False,
) -> Network:
    """The graph in batches, or whole where that cannot be.

    data, shape: the input that the model's stands for, and its shape in the file's order; its first
    length matters to the second way alone.
    """
    why: NotBatched | None = None
    if data is not None and len(shape) > 1:
        try:
            return walk(graph, Reading(data, shape, True, values, declared, partial))
        except NotBatched as error:
            why = error
    try:
        return walk(graph, Reading(data, shape, False, values, None, partial))
    except NotBatched as error:
        raise FileError(f"{graph.label} cannot be read: {why or error}") from None
    except FileError as error:
        if why is None:
            raise
        raise FileError(f"{error}; nor can {graph.label} be read for any batch: {why}") from None
