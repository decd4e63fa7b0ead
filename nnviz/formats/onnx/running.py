"""`model.run_onnx`: arrays as the file has them, in and out, for checks against other runtimes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.input import as_array
from ...engine.model import Model
from ...errors import ArgumentError, NnvizError, listing
from .graph import Graph
from .importer import Reading
from .network import Network, read, walk
from .opening import Source, data_input, declared_batch
from .values import BATCH, NEW, Array, Const, Value


def run_onnx(model: Model, inputs: Sequence[Any]) -> list[Array]:
    """All outputs of the file for all its inputs without a value, in the file's order and layout.

    A model whose nodes are enough is simply run. Else (other inputs than the pictures, other sizes,
    outputs that no node computes) the file is read again with what came as constants.
    """
    arrays = [as_array(array, "an input") for array in inputs]
    page = model.made.get("onnx")
    if page is not None and fits(page, [array.shape for array in arrays]):
        return _run(model, page, arrays)
    if model.source is None:
        raise ArgumentError(
            "run_onnx wants a model read by nnviz.from_onnx, and arrays that its file takes"
            if page is None
            else f"run_onnx got arrays of shape {listing(a.shape for a in arrays)}; the model was "
            f"read for {page['input']}"
        )
    network = _bound(model.source, arrays)
    return _outputs(network, arrays)


def sides(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The model's inputs as the file has them: one, or several that each picture has a row of."""
    return [page["input"], *page.get("others", ())]


def fits(page: Mapping[str, Any], shapes: Sequence[Sequence[int]]) -> bool:
    """Whether the model's nodes alone give all outputs for arrays of these shapes."""
    wanted = [side["shape"] for side in sides(page)]
    lengths = {shape[0] for want, shape in zip(wanted, shapes, strict=False)
               if shape and want[:1] == [BATCH]}  # fmt: skip
    alike = len(wanted) == len(shapes) and all(
        len(want) == len(shape)
        and all(w in (BATCH, s) and s > 0 for w, s in zip(want, shape, strict=True))
        for want, shape in zip(wanted, shapes, strict=True)
    )
    return alike and len(lengths) <= 1 and all(output["node"] for output in page["outputs"])


def _joined(every: Sequence[Mapping[str, Any]], arrays: Sequence[Array]) -> Array:
    """The file's arrays as the model's one input."""
    parts = [to_ours(array, side) for array, side in zip(arrays, every, strict=True)]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _run(model: Model, page: Mapping[str, Any], arrays: Sequence[Array]) -> list[Array]:
    """The model's outputs for its inputs."""
    wanted = {o["node"] for o in page["outputs"]} - {INPUT}
    exact = all(str(a.dtype) == side["dtype"] for a, side in zip(arrays, sides(page), strict=True))
    mine = _joined(sides(page), arrays)
    trace = model.run_checked(mine, keep=wanted, prepared=True)
    return [
        _typed(to_file(trace.input if o["node"] == INPUT else trace[o["node"]].y, o), o, exact)
        for o in page["outputs"]
    ]


def to_ours(array: Array, layout: Mapping[str, Any]) -> Array:
    """An array of the file as the model's input."""
    order, batched = layout["order"], layout["shape"][:1] == [BATCH]
    front = [0] if batched else []
    rest = [a for a in range(array.ndim) if a not in (*front, *order)]  # of length 1
    moved = array.transpose(front + rest + list(order))
    return moved.reshape(len(array) if batched else 1, *moved.shape[len(front) + len(rest) :])


def to_file(array: Array, layout: Mapping[str, Any]) -> Array:
    """What a node gave, as the file has it."""
    value = Value("", tuple(layout["shape"]), tuple(layout["order"]))
    if layout.get("counted"):
        grown = layout["counted"] * np.arange(len(array))
        array = array + grown.reshape(-1, *(1,) * (array.ndim - 1))
    n, ahead = len(array), 1 if value.batch is None else value.ahead * layout.get("before", 1)
    array = array.squeeze(tuple(i + 1 for i, a in enumerate(value.order) if a == NEW))
    present = [a for a in value.order if a != NEW]
    moved = array.transpose(0, *(i + 1 for i in np.argsort(present)))
    return moved.reshape(n, ahead, -1).swapaxes(0, 1).reshape(value.lengths(n))


def _typed(array: Array, layout: Mapping[str, Any], exact: bool) -> Array:
    """The array in the file's dtype; where the input was not in the file's (`exact`), floats are
    left as they came: results follow the input's dtype."""
    dtype = np.dtype(layout["dtype"]) if layout["dtype"] else array.dtype
    return array if dtype.kind == array.dtype.kind and not exact else array.astype(dtype)


def _bound(source: Source, arrays: Sequence[Array]) -> Network:
    """The file, read again with all inputs but the pictures as constants.

    Of several inputs of floats the first is taken for the pictures with which the file can be read;
    where none will do, all is worked out by folding.
    """
    graph = source.graph()
    if len(arrays) != len(graph.inputs):
        names = listing(port.name for port in graph.inputs) or "none"
        raise ArgumentError(
            f"{graph.label} takes {len(graph.inputs)} input(s) ({names}), got {len(arrays)}"
        )
    given = {port.name: a for port, a in zip(graph.inputs, arrays, strict=True)}
    why: NnvizError | None = None
    taken: set[str] = set()
    while (data := data_input(graph, dict.fromkeys(taken, np.empty(0)), None)) is not None:
        taken.add(data.name)
        array = given[data.name]
        if array.size == 0:
            continue
        values = {name: a for name, a in given.items() if name != data.name}
        try:
            found = read(graph, data.name, array.shape, values, declared_batch(data))
            loose = any(isinstance(m, Const) and len(m.arrays) > 1 for _, m in found.outputs)
            return walk(graph, Reading(data.name, array.shape, False, values)) if loose else found
        except NnvizError as error:
            why = why or error
    try:
        return _together(graph, given) or read(graph, None, (), given)
    except NnvizError as error:
        raise why or error from None


def _together(graph: Graph, given: Mapping[str, Array]) -> Network | None:
    """The file read for batches whose pictures have a row of every input each; None where its
    inputs do not go together, or where the pictures of a batch are mixed."""
    floats = [p for p in graph.inputs if given[p.name].dtype.kind == "f" and given[p.name].ndim]
    first = next((p for p in floats if given[p.name].ndim > 1), None)
    if first is None or not given[first.name].size:
        return None
    mine = given[first.name]
    rows = [p.name for p in floats if (given[p.name].shape[0], given[p.name].dtype)
            == (len(mine), mine.dtype)]  # fmt: skip
    shapes = {name: given[name].shape for name in rows if name != first.name}
    values = {name: array for name, array in given.items() if name not in rows}
    how = Reading(first.name, mine.shape, True, values, declared_batch(first), others=shapes)
    try:
        return walk(graph, how)
    except NnvizError:
        return None


def _outputs(network: Network, arrays: Sequence[Array]) -> list[Array]:
    """The outputs of a network that was read for these very arrays."""
    page = network.described()
    nodes = [o["node"] for o in page["outputs"]]
    found: dict[str, Array] = {}
    exact = all(
        str(a.dtype) == str(p.dtype) for a, p in zip(arrays, network.graph.inputs, strict=True)
    )
    if page["input"] is not None:
        given = dict(zip([p.name for p in network.graph.inputs], arrays, strict=True))
        every = sides(page)
        mine = found[INPUT] = _joined(every, [given[side["name"]] for side in every])
        wanted = {n for n in nodes if n not in (None, INPUT)}
        if wanted:
            output = next(p.name for p, m in network.outputs
                          if isinstance(m, Value) and m.node != INPUT)  # fmt: skip
            trace = network.model(output).run_checked(mine, keep=wanted, prepared=True)
            found |= {name: trace[name].y for name in wanted}
    results = []
    for (_, made), told in zip(network.outputs, page["outputs"], strict=True):
        if isinstance(made, Const):
            results.append(_typed(made.array, told, exact))
        else:
            results.append(_typed(to_file(found[made.node], told), told, exact))
    return results
