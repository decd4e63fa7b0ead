"""An ONNX file as plain data: steps in order, inputs, outputs, and weights read when asked for.

The file is hostile until checked. Its size, what its tensors claim, circles, double names and the
place of external data are held against the file itself before memory is taken.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ArgumentError, FileError, NnvizError, listing
from ...files import reason
from .expand import expanded
from .inline import inlined
from .tensors import Tensors, damage, element_type, need_onnx, read_tensor

OLDEST = 6
MEMORY = 4 << 30
"""Bytes that a file may ask for, unless the caller says otherwise."""
DOMAINS = ("", "ai.onnx")
WITHDRAWN = "nnviz.withdrawn"
"""Where the operators that ONNX has taken back stand for the checker."""


@contextmanager
def hostile(what: str) -> Iterator[None]:
    """Whatever goes wrong inside is the file's fault: what a hostile file says of itself may be of
    any wrong kind, down to names that are no text."""
    try:
        with np.errstate(all="ignore"):
            yield
    except NnvizError:
        raise
    except (
        ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError,
        ValueError,
    ) as error:  # fmt: skip
        text = f"{type(error).__name__} {error}".splitlines()[0]
        raise FileError(f"{what} is damaged: {text}") from None


@dataclass(frozen=True)
class Step:
    """One node of the file; "" stands for an input or output that is left out.

    domain: "" for ONNX's own operators. place: counted from 0, in the file's order.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    place: int
    opset: int
    domain: str = ""

    def get(self, key: str, default: Any = None) -> Any:
        """An attribute: a number, text, an array, or a list of these."""
        return self.attributes.get(key, default)

    @property
    def called(self) -> str:
        """Its name, or that of its first output where it has none."""
        return self.name or next((o for o in self.outputs if o), "") or f"{self.op}_{self.place}"

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"node {self.called!r} ({self.op}, number {self.place + 1} of the file)"


@dataclass(frozen=True)
class Port:
    """An input or output of the graph. shape: None where the file says none; an axis of any length
    (some exporters write 0) is a name or None."""

    name: str
    dtype: np.dtype | None
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True)
class Graph:
    """What a file says.

    label: how messages call the file. inputs: those that have no value in it. made_by: the
    exporter's name and version. metadata: what it notes of itself. memory: bytes that the file and
    what it describes may take.
    """

    label: str
    opset: int
    steps: tuple[Step, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    weights: Tensors
    memory: int
    made_by: str
    metadata: Mapping[str, str]

    def port(self, name: str) -> Port:
        """The input of this name."""
        for port in self.inputs:
            if port.name == name:
                return port
        raise ArgumentError(
            f"{self.label} has no input {name!r}; it has {listing(p.name for p in self.inputs)}"
        )

    @property
    def counts(self) -> Counter[str]:
        """How often it uses each operator."""
        return Counter(operator_name(step) for step in self.steps)


def operator_name(step: Step) -> str:
    """An operator as messages and tables call it: with its domain where it is not ONNX's own."""
    return f"{step.domain}.{step.op}" if step.domain else step.op


def read_graph(source: Any, memory: int = MEMORY, known: Collection[str] = ()) -> Graph:
    """The graph of an ONNX file (a path, its bytes, or an `onnx.ModelProto`), checked.

    memory: bytes that the file and what it describes may take. known: the operators that the reader
    can make something of; where all are among them the `onnx` package checks the file as well.
    """
    label, folder, proto = _parse(source, memory)
    if not proto.HasField("graph") or not proto.graph.node:
        raise FileError(f"{label} is no ONNX network, or it is damaged: it has no nodes")
    weights = Tensors(proto.graph, folder, label, memory)
    weights.check()
    opset, metadata = _opset(proto, label), proto.metadata_props
    made_by = f"{proto.producer_name} {proto.producer_version}".strip()
    proto = inlined(proto, label, memory)
    proto = expanded(proto, opset, known, memory, label) if known else proto
    graph = proto.graph
    names = [value.name for value in graph.input]
    steps = _sorted([_step(n, i, opset, label) for i, n in enumerate(graph.node)], label)
    _check_names(steps, names, [o.name for o in graph.output], weights, label)
    if {operator_name(step) for step in steps} <= set(known):
        _official_check(proto, steps, label)
    return Graph(
        label=label,
        opset=opset,
        steps=steps,
        inputs=tuple(_port(value) for value in graph.input if value.name not in weights),
        outputs=tuple(_port(value) for value in graph.output),
        weights=weights,
        memory=memory,
        made_by=made_by,
        metadata={entry.key: entry.value for entry in metadata},
    )


def label_of(source: Any) -> str:
    """How messages call a source."""
    return str(source) if isinstance(source, str | Path) else "the ONNX model"


def _parse(source: Any, memory: int) -> tuple[str, Path | None, Any]:
    """How messages call the source, its folder, and its protocol buffer."""
    onnx = need_onnx()
    if isinstance(source, onnx.ModelProto):
        return label_of(source), None, source
    label, folder, data = label_of(source), None, source
    if isinstance(source, str | Path):
        path = Path(source)
        folder = path.parent
        try:
            size = path.stat().st_size
            if size > memory:
                raise FileError(f"{label} has {size:,} bytes: memory= allows {memory:,}")
            if not (path.is_file() or path.is_dir()):  # a pipe would be waited for, for ever
                raise FileError(f"cannot read {label}: it is no ordinary file")
            data = path.read_bytes()
        except OSError as error:
            raise FileError(f"cannot read {label}: {reason(error)}") from None
    elif not isinstance(source, bytes):
        raise ArgumentError(
            f"an ONNX model is given as a path, bytes or onnx.ModelProto, got {source!r:.80}"
        )
    try:
        return label, folder, onnx.ModelProto.FromString(data)
    # The errors of protocol buffers belong to a package of their own; each means the same here.
    except Exception as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            f"{label} is no ONNX file, or it is damaged ({detail}): export or fetch it again"
        ) from None


def _opset(proto: Any, label: str) -> int:
    """The version of ONNX's own operators that the file uses."""
    onnx = need_onnx()
    found = [entry.version for entry in proto.opset_import if entry.domain in DOMAINS]
    newest = onnx.defs.onnx_opset_version()
    if not found:
        raise FileError(f"{label} is damaged: it does not say which opset it uses")
    if not OLDEST <= found[0] <= newest:
        raise FileError(
            f"{label} uses opset {found[0]}; nnviz with onnx {onnx.__version__} reads {OLDEST} to "
            f"{newest}: export it again with opset_version={min(newest, 17)}"
        )
    return int(found[0])


def _step(node: Any, place: int, opset: int, label: str) -> Step:
    """One node with its attributes as plain data."""
    onnx = need_onnx()
    attributes: dict[str, Any] = {}
    step = Step(
        op=node.op_type,
        name=node.name,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=attributes,
        place=place,
        opset=opset,
        domain="" if node.domain in DOMAINS else node.domain,
    )
    if not f"{step.op}{step.domain}".isprintable():
        raise FileError(f"{label} is damaged: number {place + 1} has no operator: {step.op!r}")
    for entry in node.attribute:
        try:
            value = onnx.helper.get_attribute_value(entry)
        except ValueError:
            raise FileError(f"{label} is damaged at {step.label}: {entry.name!r}") from None
        if isinstance(value, onnx.TensorProto):
            value = read_tensor(value, label)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        attributes[entry.name] = value
    return step


def _sorted(steps: Sequence[Step], label: str) -> tuple[Step, ...]:
    """The steps, each after what it reads; otherwise in the file's order."""
    maker: dict[str, int] = {}
    for step in steps:
        for name in filter(None, step.outputs):
            if name in maker:
                raise FileError(
                    f"{label} is damaged: {step.label} and number {maker[name] + 1} both make "
                    f"{name!r}"
                )
            maker[name] = step.place
    readers: dict[int, list[int]] = defaultdict(list)
    missing = [0] * len(steps)
    for step in steps:
        for place in {maker[name] for name in step.inputs if name in maker}:
            readers[place].append(step.place)
            missing[step.place] += 1
    ready = [place for place, count in enumerate(missing) if count == 0]
    order: list[Step] = []
    while ready:
        place = heapq.heappop(ready)
        order.append(steps[place])
        for reader in readers[place]:
            missing[reader] -= 1
            if missing[reader] == 0:
                heapq.heappush(ready, reader)
    if len(order) < len(steps):
        stuck = listing((steps[p].called for p, count in enumerate(missing) if count), 4)
        raise FileError(f"{label} is damaged: its nodes run in a circle, through {stuck}")
    return tuple(order)


def _check_names(
    steps: Sequence[Step],
    inputs: Sequence[str],
    outputs: Sequence[str],
    weights: Tensors,
    label: str,
) -> None:
    """Every value is made once, and whatever is read is made somewhere."""
    given = {*inputs, *weights}
    twice = [name for name, count in Counter(inputs).items() if count > 1]
    twice += [name for step in steps for name in step.outputs if name in given]
    if twice:
        raise FileError(f"{label} is damaged: two things in it are named {twice[0]!r}")
    made = given | {name for step in steps for name in step.outputs}
    for step in steps:
        for name in filter(None, step.inputs):
            if name not in made:
                raise FileError(
                    f"{label} is damaged: {step.label} reads {name!r}, which nothing makes"
                )
    if not outputs:
        raise FileError(f"{label} is damaged: its graph has no output")
    for name in outputs:
        if name not in made:
            raise FileError(f"{label} is damaged: nothing makes its output {name!r}")


def _official_check(proto: Any, steps: Sequence[Step], label: str) -> None:
    """What the `onnx` package has to say against the network; weights are left out of it."""
    onnx = need_onnx()
    bare = onnx.ModelProto(ir_version=proto.ir_version or 3)
    bare.opset_import.extend(proto.opset_import)
    bare.graph.name = proto.graph.name or "graph"
    bare.graph.node.extend(proto.graph.node[step.place] for step in steps)
    for node, step in zip(bare.graph.node, steps, strict=True):
        if _withdrawn(step):  # the checker refuses it, though it had a meaning, which nnviz knows
            node.domain = WITHDRAWN
    bare.opset_import.add(domain=WITHDRAWN, version=1)
    named = {value.name for value in proto.graph.input}
    bare.graph.input.extend(proto.graph.input)
    bare.graph.output.extend(proto.graph.output)
    for tensor in proto.graph.initializer:
        if tensor.name not in named:
            value = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            bare.graph.input.append(value)
    for value in (*bare.graph.input, *bare.graph.output):
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.shape.SetInParent()  # a shape that is left out is no fault
    try:
        onnx.checker.check_model(bare)
    except onnx.checker.ValidationError as error:
        raise FileError(damage(label, error)) from None


def _withdrawn(step: Step) -> bool:
    """Whether ONNX has taken the operator back in this very version, as GroupNormalization until
    opset 21."""
    defs = need_onnx().defs
    try:
        return bool(defs.get_schema(step.op, step.opset, step.domain).deprecated)
    except defs.SchemaError:
        return False


def _port(value: Any) -> Port:
    """An input or output with its type and shape."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        return Port(value.name, None, None)
    shape: tuple[int | str | None, ...] | None = None
    if tensor.HasField("shape"):
        shape = tuple(
            d.dim_value if d.dim_value > 0 else (d.dim_param or None) for d in tensor.shape.dim
        )
    return Port(value.name, element_type(tensor.elem_type), shape)
