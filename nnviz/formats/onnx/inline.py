"""Functions of an ONNX file written out where they are called, unless that makes a bomb of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import FileError
from .tensors import damage, need_onnx

MOST_NODES = 20_000
"""Nodes that writing out may add: a file of a few kilobytes can ask for any number."""
SHARE = 8
"""Writing out copies several times over; what it adds may take one part in so many of the memory
that reading may take."""
SMALL = 4096
"""Bytes of a weight that may say a shape; the numbers of larger ones are not copied."""
Key = tuple[str, str, str]


class Unfolding:
    """What writing out adds in all, held against its limits."""

    def __init__(self, memory: int, label: str) -> None:
        self.memory, self.label = memory // SHARE, label
        self.nodes = self.bytes = 0

    def add(self, nodes: int, size: int) -> None:
        """Room for so many nodes of so many bytes in all."""
        self.nodes, self.bytes = self.nodes + nodes, self.bytes + size
        if self.nodes > MOST_NODES:
            raise FileError(f"{self.label} would unfold to more than {MOST_NODES:,} nodes: refused")
        if self.bytes > self.memory:
            raise FileError(
                f"{self.label} would unfold to more than {self.memory:,} bytes: refused"
            )


def inlined(proto: Any, label: str, memory: int) -> Any:
    """The model with its own functions written out; the same where it has none."""
    if not len(proto.functions):
        return proto
    known: dict[Key, Any] = {}
    for function in proto.functions:
        key = (function.domain, function.name, function.overload)
        if key in known:
            raise FileError(f"{label} is damaged: two functions in it are named {function.name!r}")
        known[key] = function
    added = Unfolding(memory, label)
    sizes: dict[Key, tuple[int, int]] = {}
    longest = max(_borne(proto, known), default=0)

    def size(nodes: Iterable[Any], above: frozenset[Key]) -> tuple[int, int]:
        """Nodes and bytes of these nodes, where calls are written out."""
        own = Unfolding(memory, label)
        for node in every_node(nodes):
            key = key_of(node)
            if key in above:
                raise FileError(f"{label} is damaged: its function {node.op_type!r} calls itself")
            if key in known and key not in sizes:
                sizes[key] = size(known[key].node, above | {key})
            own.add(*sizes.get(key, (1, node.ByteSize() + longest)))
        return own.nodes, own.bytes

    for node in every_node(proto.graph.node):
        if key_of(node) in known:
            added.add(*size([node], frozenset()))
    return unfolded(light(proto), label)


def _borne(proto: Any, known: Iterable[Key]) -> Iterator[int]:
    """Bytes that a call may bring into each node of what it calls: names and attributes."""
    called = set(known)
    for nodes in (proto.graph.node, *(function.node for function in proto.functions)):
        yield from (node.ByteSize() for node in every_node(nodes) if key_of(node) in called)
    for function in proto.functions:
        yield sum(entry.ByteSize() for entry in function.attribute_proto)


def key_of(node: Any) -> Key:
    """What a node calls."""
    return node.domain, node.op_type, node.overload


def every_node(nodes: Iterable[Any]) -> Iterator[Any]:
    """The nodes, and those of the graphs that they hold."""
    for node in nodes:
        yield node
        for entry in node.attribute:
            for graph in (*([entry.g] if entry.HasField("g") else ()), *entry.graphs):
                yield from every_node(graph.node)


def light(proto: Any) -> Any:
    """A copy of the model without the numbers of its large weights, which nothing here needs."""
    onnx = need_onnx()
    made = onnx.ModelProto(ir_version=proto.ir_version)
    made.opset_import.extend(proto.opset_import)
    made.functions.extend(proto.functions)
    made.graph.name = proto.graph.name
    made.graph.node.extend(proto.graph.node)
    made.graph.input.extend(proto.graph.input)
    made.graph.output.extend(proto.graph.output)
    made.graph.value_info.extend(proto.graph.value_info)
    made.graph.initializer.extend(
        tensor if tensor.ByteSize() <= SMALL
        else onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        for tensor in proto.graph.initializer
    )  # fmt: skip
    return made


def unfolded(proto: Any, label: str) -> Any:
    """The model with its functions written out by the `onnx` package."""
    from onnx import inliner

    try:
        return inliner.inline_local_functions(proto)
    # Errors of several kinds, some of the C++ below it; each says what is wrong with a function.
    except Exception as error:
        raise FileError(damage(label, error)) from None
