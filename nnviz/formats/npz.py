"""nnviz's own model file: an uncompressed `.npz` with one array a parameter and a page of JSON.

`model.json` says the architecture, the input, the head, the class names and how the model was made;
`conv2d_1/weight` and the like are the arrays. Nothing in the file is executed, and everything in it
is checked against what the named layers expect.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.graph import INPUT, Node, check_shape, out_shape
from ..engine.input import InputSpec
from ..engine.layer import Layer, Shape
from ..engine.model import Model
from ..errors import ArgumentError, FileError, NnvizError, listing
from ..files import read_npz, write_npz

PAGE = "model.json"
FORMAT = "nnviz-model"
VERSION = 1
WHAT = "nnviz model file"


STATE = "state:"
"""What a checkpoint's own arrays are called; a reader of the model passes them over."""


def save(model: Model, path: str | Path) -> None:
    """Write a model as one `.npz` file, atomically; the ending `.npz` is added where missing."""
    save_state(model, path, None, {})


def save_state(
    model: Model,
    path: str | Path,
    state: Mapping[str, Any] | None,
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Write a model together with the state of its training: plain data, and arrays by name."""
    path = with_ending(path)
    page, kept = _to_page(model)
    page["state"] = state
    kept |= {f"{STATE}{name}": array for name, array in arrays.items()}
    text = json.dumps(page, ensure_ascii=False).encode()
    write_npz(path, {PAGE: np.frombuffer(text, np.uint8), **kept})


def with_ending(path: str | Path) -> Path:
    """The path that a model is written to: `.npz` is added where it is missing."""
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")


def load(path: str | Path) -> Model:
    """Read a model file that `model.save` has written, or the model in a checkpoint."""
    return _read(path)[0]


def load_state(path: str | Path) -> tuple[Model, dict[str, Any], dict[str, np.ndarray]]:
    """Read a checkpoint: the model, the state, and the state's arrays."""
    model, state, arrays = _read(path)
    if not isinstance(state, dict):
        raise FileError(f"{path} is a model, but no checkpoint: it has no state of a training")
    return model, state, arrays


def _check_numbers(layer: Layer, label: str, array: np.ndarray) -> None:
    """An error for what no network computes with: the same when it is written and when it is read.
    Only constants, which nobody has learnt, may be infinite."""
    fine = ~np.isnan(array) if layer.constant else np.isfinite(array)
    if not fine.all():
        what = "NaN" if layer.constant else "NaN or infinite"
        raise ArgumentError(
            f"{label} has values that are {what}, which no model file may hold: a training that "
            "ended so needs a smaller learning rate"
        )


def _to_page(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model as plain data and arrays."""
    arrays: dict[str, Any] = {}
    nodes = []
    for node in model.nodes:
        kind = type(node.layer).__name__
        if Layer.registry.get(kind) is not type(node.layer):
            raise ArgumentError(
                f"node {node.name!r} is a {kind} of your own, and nnviz has one of that name: "
                "rename your class, or the file could not be loaded"
            )
        home = model.homes[node.name]
        nodes.append(
            {
                "name": node.name,
                "layer": kind,
                "config": node.layer.config(),
                "inputs": list(node.inputs),
                "shares": None if home == node.name else home,
                "trainable": node.layer.trainable,
            }
        )
        if home == node.name:
            for key, value in {**node.layer.params, **node.layer.buffers}.items():
                label = f"{node.name}/{key}"
                _check_numbers(node.layer, label, value)
                arrays[label] = value
    page = {
        "format": FORMAT,
        "version": VERSION,
        "nodes": nodes,
        "input": spec_to_json(model.input),
        "head": model.head,
        "output": model.output_name,
        "classes": model.classes,
        "made": model.made,
    }
    return page, arrays


def _read(path: str | Path) -> tuple[Model, Any, dict[str, np.ndarray]]:
    """The model, the state (None in a plain model file) and the state's arrays."""
    path = Path(path)
    if not path.is_file():
        raise FileError(f"there is no model file {path}: check the path")
    arrays = read_npz(path, WHAT)
    if PAGE not in arrays:
        raise FileError(f"{path} is no {WHAT}: it has no {PAGE} but {listing(arrays) or 'nothing'}")
    try:
        page = json.loads(arrays.pop(PAGE).tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path} is damaged: its {PAGE} cannot be read ({error})") from None
    if not isinstance(page, dict) or page.get("format") != FORMAT:
        raise FileError(f"{path} is no {WHAT}: its {PAGE} does not say {FORMAT!r}")
    if page.get("version") != VERSION:
        raise FileError(
            f"{path} has version {page.get('version')!r} of the model file, this nnviz reads "
            f"{VERSION}: update nnviz, or save the model again"
        )
    try:
        own = _take_state(page, arrays)
        return _from_page(page, arrays), page.get("state"), own
    except NnvizError as error:
        raise FileError(f"{path} is damaged: {error}") from None
    # The page is data from outside: a wrong type anywhere in it is one clear error.
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise FileError(f"{path} is damaged: {type(error).__name__} {error}") from None


def _take_state(page: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state's arrays, taken out of the file's; a node's own name may begin like theirs."""
    nodes = {str(entry["name"]) for entry in page.get("nodes", ())}
    names = [k for k in arrays if k.startswith(STATE) and k.rpartition("/")[0] not in nodes]
    return {name.removeprefix(STATE): arrays.pop(name) for name in names}


def _from_page(page: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Model:
    spec = spec_from_json(page["input"])
    shapes: dict[str, Shape] = {INPUT: spec.shape}
    layers: dict[str, Layer] = {}
    nodes: list[Node] = []
    for entry in page["nodes"]:
        name, inputs = str(entry["name"]), tuple(str(i) for i in entry["inputs"])
        if name in shapes:
            raise FileError(f"two nodes are named {name!r}")
        unread = [i for i in inputs if i not in shapes]
        if unread or not inputs:
            raise FileError(f"node {name!r} reads {unread or 'nothing'}, which is not before it")
        wanted = [shapes[i] for i in inputs]
        if entry["shares"] is None:
            layer = _layer(name, entry)
            shapes[name] = out_shape(layer, wanted)
            _fill(layer, name, wanted, arrays)
        else:
            layer = layers[entry["shares"]]
            shapes[name] = out_shape(layer, wanted)
        layers[name] = layer
        nodes.append(Node(name, layer, inputs))
    if not nodes:
        raise FileError("it has no nodes")
    if arrays:
        raise FileError(f"it holds arrays that no node asks for: {listing(arrays)}")
    classes = page["classes"]
    if classes is not None and not isinstance(classes, list):
        raise FileError("its classes are no list")
    return Model.from_nodes(
        nodes,
        input=spec,
        head=page["head"],
        classes=classes,
        made=dict(page["made"]),
        output=page.get("output"),
    )


def _layer(name: str, entry: Mapping[str, Any]) -> Layer:
    """One layer from its class name and configuration."""
    kind = entry["layer"]
    if kind not in Layer.registry:
        raise FileError(
            f"node {name!r} is a {kind!r}, which this nnviz does not know: it knows "
            f"{listing(sorted(Layer.registry), 40)}; import the module that defines it first"
        )
    layer = Layer.registry[kind](**entry["config"])
    layer.trainable = bool(entry["trainable"])
    return layer


def _fill(layer: Layer, name: str, shapes: list[Shape], arrays: dict[str, np.ndarray]) -> None:
    """Take the layer's arrays out of the file's, after a check of their shapes and values."""
    stores = (
        (layer.params, layer.param_shapes(*shapes)),
        (layer.buffers, layer.buffer_shapes(*shapes)),
    )
    for store, table in stores:
        for key, shape in table.items():
            label = f"{name}/{key}"
            if label not in arrays:
                raise FileError(f"the array {label!r} is missing")
            array = arrays.pop(label)
            if array.shape != shape or array.dtype.kind != "f":
                raise FileError(
                    f"{label} is {array.dtype} of shape {array.shape}, expected float of {shape}"
                )
            _check_numbers(layer, label, array)
            # In C order, since the optimizer writes through flat views.
            store[key] = np.asarray(array, array.dtype.newbyteorder("="), order="C")


def spec_to_json(spec: InputSpec) -> dict[str, Any]:
    return {
        "shape": list(spec.shape),
        "value_range": list(spec.value_range),
        "mean": list(spec.mean),
        "std": list(spec.std),
        "channel_order": spec.channel_order,
        "background": spec.background,
        "fit": spec.fit,
    }


def spec_from_json(entry: Mapping[str, Any]) -> InputSpec:
    shape = check_shape([int(s) for s in entry["shape"]], "the input's shape")
    if math.prod(shape) > 1 << 28:
        raise FileError(f"the input's shape {shape} is too large to be a picture")
    low, high = (float(v) for v in entry["value_range"])
    return InputSpec(
        shape=shape,
        value_range=(low, high),
        mean=tuple(float(v) for v in entry["mean"]),
        std=tuple(float(v) for v in entry["std"]),
        channel_order=str(entry["channel_order"]),
        background=None if entry.get("background") is None else float(entry["background"]),
        fit=str(entry.get("fit", "exact")),
    )
