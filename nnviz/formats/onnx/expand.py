"""Operators that ONNX itself says in simpler ones, written out: Attention, RMSNormalization and
whatever else has a function body in the operators' definitions.

Only what nnviz does not know by itself is written out, so the simpler operators must be known, and
what cannot be written out stays, to be named as unknown.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...errors import FileError
from .inline import Unfolding, light, unfolded
from .tensors import damage, need_onnx

DOMAIN = "nnviz.expanded"
ROUNDS = 3
"""A body may hold operators that have a body themselves."""
OWN = ("", "ai.onnx")


def expanded(proto: Any, opset: int, known: Collection[str], memory: int, label: str) -> Any:
    """The model with these operators written out, and without nodes that nothing needs then; the
    same where there are none. known: operators that stay. memory: bytes that reading may take."""
    added = Unfolding(memory, label)
    for _ in range(ROUNDS):
        there = [n for n in proto.graph.node if n.domain in OWN and n.op_type not in known]
        if not any(_is_read(node, opset, known) for node in there):
            break
        written = _written(proto, opset, known, added)
        if written is proto:
            break
        proto = written
    return proto


def _written(proto: Any, opset: int, known: Collection[str], added: Unfolding) -> Any:
    """One round."""
    full = light(proto)
    types = _types(full)
    for i, node in enumerate(full.graph.node):
        if node.domain not in OWN or node.op_type in known:
            continue
        _check(node, full.ir_version, opset, added.label)
        body = _body(node, opset, types)
        if body is None or not all(_is_read(inner, opset, known) for inner in body.node):
            continue
        added.add(len(body.node), body.ByteSize() + len(body.node) * node.ByteSize())
        body.domain = node.domain = DOMAIN
        body.name = node.op_type = f"{node.op_type}_{i}"
        for entry in body.opset_import:  # of a version before the file's, where it is still right
            entry.version = opset if entry.domain in OWN else entry.version
        full.functions.append(body)
    if not len(full.functions):
        return proto
    if all(entry.domain != DOMAIN for entry in full.opset_import):
        full.opset_import.add(domain=DOMAIN, version=1)
    made = unfolded(full, added.label)
    _prune(made.graph)
    return made


def _check(node: Any, ir_version: int, opset: int, label: str) -> None:
    """A node held against its operator's definition: its body would hide what is wrong with it."""
    checker = need_onnx().checker
    context = checker.C.CheckerContext()
    context.ir_version = ir_version or 3
    context.opset_imports = dict.fromkeys(OWN, opset)
    try:
        checker.check_node(node, context)
    except checker.ValidationError as error:
        raise FileError(damage(label, error)) from None


def _is_read(node: Any, opset: int, known: Collection[str]) -> bool:
    """Whether a node of a body is known, or may be written out in its turn."""
    defs = need_onnx().defs
    if node.domain not in OWN or node.op_type in known:
        return node.domain in OWN
    try:
        schema = defs.get_schema(node.op_type, opset, "")
    except defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def _body(node: Any, opset: int, types: dict[str, bytes]) -> Any:
    """A node's operator as a function of simpler ones; None where it has no such form."""
    onnx = need_onnx()
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
        there = {entry.name for entry in node.attribute}
        usual = [one.default_value for one in schema.attributes.values() if one.name not in there]
        node.attribute.extend(value for value in usual if value.name)
        if schema.has_function:
            told = schema.get_function_with_opset_version(opset)
        elif schema.has_context_dependent_function:
            given = [types.get(name, b"") for name in node.input]
            told = schema.get_context_dependent_function_with_opset_version(
                opset, node.SerializeToString(), given
            )
        else:
            return None
        body = onnx.FunctionProto.FromString(told)
    # Whatever the definitions have against the node: then it stays, and is named as unknown.
    except Exception:
        return None
    return body if len(body.node) else None


def _types(proto: Any) -> dict[str, bytes]:
    """The type of every value that is known or can be inferred: some bodies depend on it."""
    onnx = need_onnx()
    from onnx import shape_inference

    try:
        graph = shape_inference.infer_shapes(proto).graph
    # A damaged file: then no type is known, and what stands against it is said later.
    except Exception:
        return {}
    named = [*graph.input, *graph.value_info, *graph.output]
    types = {value.name: value.type.SerializeToString() for value in named}
    for tensor in graph.initializer:
        made = onnx.helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        types[tensor.name] = made.SerializeToString()
    return types


def _prune(graph: Any) -> None:
    """Take away the nodes that no output of the graph needs: bodies make all that an operator may
    give."""
    makers: dict[str, list[Any]] = {}  # two of one name are a fault, which is told later
    for node in graph.node:
        for name in filter(None, node.output):
            makers.setdefault(name, []).append(node)
    needed, todo = set(), [value.name for value in graph.output]
    while todo:
        for node in makers.get(todo.pop(), ()):
            if id(node) not in needed:
                needed.add(id(node))
                todo += node.input
    kept = [node for node in graph.node if id(node) in needed]
    del graph.node[:]
    graph.node.extend(kept)
