"""Writing a model as an ONNX file, for any other runtime.

The file takes what the network takes: pictures (N, channels, rows, cols), prepared as
`Model.input` says, with N free. What ONNX has no place for (the preparation, the classes' names,
the head) stands in the file's metadata as JSON, where `nnviz.load` finds it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.layer import Shape
from ...engine.model import Model
from ...errors import ArgumentError
from ...files import with_suffix, write_bytes
from . import (  # noqa: F401  (they fill the table of writers)
    export_arithmetic,
    export_layers,
    export_norm,
    export_pointwise,
    export_shapes,
)
from .export_graph import FIRST, TO_FIRST, Graph
from .notes import notes

if TYPE_CHECKING:
    import onnx

OPSET, IR = 20, 9
"""The operators' version, and the oldest form of the file that may carry it (ONNX 1.15, 2023)."""
LARGEST = (1 << 31) - (1 << 20)
"""Bytes of an ONNX file's one message at the most; a little is left for what is not weights."""
INSTALL = "it needs the package onnx: pip install '.[onnx]' in the checkout, or pip install onnx"


def to_onnx(model: Model, path: str | Path, outputs: Sequence[str] | None = None) -> Path:
    """Write a model as an ONNX file; the path written (`.onnx` is added where missing).

    Input: (N, channels, rows, cols) or (N, features), float32, prepared as `Model.input` says; of a
    model read from a file of several inputs each of them by its name.
    Output: as `model.predict` gives it, pictures channels first, and after it the other outputs of
    the file that the model was read from; or, one after the other, what the nodes named in
    `outputs` give. N is free; all is float32, as runtimes have convolutions in nothing wider:
    parameters of other dtypes become that. The file is checked by `onnx.checker` before it is
    written.

    Raises `ArgumentError` for a node that the model has not, for numbers beyond float32, for a
    layer that has no form in ONNX, for a model whose weights do not fit into one file (2 GB), and
    where the package onnx is missing.
    """
    path = with_suffix(str(path), ".onnx")
    write_bytes(path, to_proto(model, outputs).SerializeToString())
    return path


def to_proto(model: Model, outputs: Sequence[str] | None = None) -> onnx.ModelProto:
    """The same, as a message in memory."""
    try:
        from onnx import TensorProto, checker, helper, numpy_helper
    except ImportError:
        raise ArgumentError(f"a model cannot be written as ONNX: {INSTALL}") from None
    _check_size(model)

    def described(name: str, shape: Shape) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *file_shape(shape)])

    graph = Graph.of(model)
    names = _own(model) if outputs is None else _named(model, outputs)
    ends = [described(graph.read(name, FIRST), model.shapes[name]) for name in names]
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "nnviz",
            [described(name, graph.values[key].shape) for key, name in graph.inputs.items()],
            ends,
            [numpy_helper.from_array(array, name) for name, array in graph.arrays.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="nnviz",
    )
    helper.set_model_props(proto, notes(model))
    checker.check_model(proto, full_check=True)
    return proto


def file_shape(shape: Shape) -> Shape:
    """A sample's shape as it lies in the file: pictures have their channels first."""
    return tuple(shape[axis - 1] for axis in TO_FIRST[1:]) if len(shape) == 3 else shape


def _own(model: Model) -> list[str]:
    """The model's output, and the nodes of the others of the file that it was read from."""
    page = model.made.get("onnx") or {}
    there = {node.name for node in model.nodes}
    others = [side["node"] for side in page.get("outputs", ()) if side.get("node") in there]
    return list(dict.fromkeys([model.output_name, *others]))


def _named(model: Model, outputs: Sequence[str]) -> list[str]:
    """The nodes of these names, each once."""
    names = [] if isinstance(outputs, str) else [model.node(name).name for name in outputs]
    if not names or len(set(names)) < len(names):
        raise ArgumentError(f"outputs must be a list of nodes' names, each once, got {outputs!r}")
    return names


def _check_size(model: Model) -> None:
    size = sum(4 * array.size for array in model.parameters().values())
    if size > LARGEST:
        raise ArgumentError(
            f"the weights take {size:,} bytes, an ONNX file holds {LARGEST:,} at the most: save "
            "the model as .npz instead"
        )
