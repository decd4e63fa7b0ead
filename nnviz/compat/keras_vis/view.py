"""A model as Keras shows it: numbered layers with their activation inside, weights as a list."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...engine.graph import Node
from ...engine.layer import Array
from ...engine.layers.named import ACTIVATIONS
from ...engine.model import Model
from ...errors import ArgumentError, unknown
from ...inspection.attribution.target import Channel, Target

LINEAR = "linear"
activations = SimpleNamespace(**{name: name for name in ACTIVATIONS})
"""What was `keras.activations`: each is its name."""
NAMES = {kind: name for name, kind in ACTIVATIONS.items() if isinstance(kind, type)}


class LayerView:
    """One layer with the activation that follows it.

    name: the node's. node: whose output is the layer's, after its activation. layer: the nnviz
    layer.
    """

    def __init__(self, node: Node, after: Node | None) -> None:
        self.name, self.layer = node.name, node.layer
        self.node = node.name if after is None else after.name
        own = NAMES.get(type(node.layer))
        self.was = own or (LINEAR if after is None else NAMES[type(after.layer)])
        self._activation = self.was

    @property
    def activation(self) -> str:
        """By name; another one takes effect in `apply_modifications`."""
        return self._activation

    @activation.setter
    def activation(self, name: str) -> None:
        if name not in ACTIVATIONS:
            raise unknown("activation", name, ACTIVATIONS, "nnviz")
        self._activation = name

    def get_weights(self) -> list[Array]:
        """Copies of the parameters: the kernel (rows, cols, in, out) or (in, out), the bias …"""
        return [a.copy() for a in (*self.layer.params.values(), *self.layer.buffers.values())]

    def __repr__(self) -> str:
        return f"<{type(self.layer).__name__} {self.name}, activation {self.activation}>"


class ModelView:
    """A Keras-like view of a model; `model` is the nnviz model itself."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.layers: list[LayerView] = []
        inside = {n.name: n for n in model.nodes if _is_inside(n, model)}
        after = {n.inputs[0]: n for n in inside.values()}
        self.layers = [LayerView(n, after.get(n.name)) for n in model.nodes if n.name not in inside]

    def predict(self, x: Any) -> Array:
        """The output for pictures."""
        return self.model.predict(x)

    def summary(self) -> None:
        """Print the table of layers."""
        print(self.model.summary())

    def layer(self, layer_idx: int) -> LayerView:
        """A layer by its number, from the end where negative."""
        whole = isinstance(layer_idx, int | np.integer) and not isinstance(layer_idx, bool)
        count = len(self.layers)
        if not whole or not -count <= layer_idx < count:
            raise ArgumentError(
                f"layer_idx must be a whole number in {-count} … {count - 1}, got {layer_idx!r}"
            )
        return self.layers[layer_idx]

    def target(self, layer_idx: int, filter_indices: int | Sequence[int] | None) -> Target:
        """The sum of the mean activations of some of a layer's filters (None: of all)."""
        node = self.layer(layer_idx).node
        if filter_indices is None:
            filter_indices = range(self.model.shapes[node][-1])
        target: Target | None = None
        for index in np.atleast_1d(np.asarray(filter_indices)).tolist():
            one = Channel(node, index)
            target = one if target is None else target + one
        if target is None:
            raise ArgumentError("filter_indices is empty: give at least one filter")
        return target


def view(model: Model | ModelView) -> ModelView:
    """The Keras-like view of a model; a view comes back as it is."""
    if isinstance(model, ModelView):
        return model
    if not isinstance(model, Model):
        raise ArgumentError(f"keras_vis looks at an nnviz model, got {type(model).__name__}")
    return ModelView(model)


def find_layer_idx(model: Model | ModelView, layer_name: str) -> int:
    """The number of the layer of this name."""
    names = [layer.name for layer in view(model).layers]
    if layer_name not in names:
        raise unknown("layer", layer_name, names, "this model")
    return names.index(layer_name)


def apply_modifications(model: Model | ModelView) -> ModelView:
    """A view of a new model, sharing the weights, in which the layers' activations are those that
    were assigned; the model given stays as it is."""
    old = view(model)
    changed = {v.node: v for v in old.layers if v.activation != v.was}
    nodes: list[Node] = []
    moved: dict[str, str] = {}
    for node in old.model.nodes:
        inputs = tuple(moved.get(name, name) for name in node.inputs)
        nodes.append(Node(node.name, node.layer, inputs))
        if node.name not in changed:
            continue
        new = ACTIVATIONS[changed[node.name].activation]()
        if type(node.layer) in NAMES:
            nodes[-1] = Node(node.name, new, inputs)
        else:
            moved[node.name] = f"{node.name}/{changed[node.name].activation}"
            nodes.append(Node(moved[node.name], new, (node.name,)))
    source = old.model
    return ModelView(
        Model.from_nodes(nodes, input=source.input, classes=source.classes, made=source.made)
    )


def _is_inside(node: Node, model: Model) -> bool:
    """Whether a node is the activation that was asked for inside the layer before it."""
    return type(node.layer) in NAMES and any(
        node.name.startswith(f"{name}/") and name in model.shapes for name in node.inputs
    )
