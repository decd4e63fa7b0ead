"""A classifier by its classes: what every judgement of answers starts from.

A network that ends in one sigmoid tells two classes apart, yet has one output. For judging and
explaining it is seen as the same network with two outputs, one for each side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...data import Dataset
from ...engine.boundary import of_model
from ...engine.graph import Node
from ...engine.input import as_array
from ...engine.layer import Array
from ...engine.layers.activation import Sigmoid
from ...engine.layers.dense import Dense
from ...engine.model import Model
from ...engine.rewrite import drop_softmax
from ...errors import ArgumentError

SIDES = "sides"
"""The node that turns one logit into two."""


def is_classifier(model: Model) -> bool:
    """Whether the output means classes: several of them, or two by one sigmoid (or its logit)."""
    if len(model.output_shape) != 1 or model.head == "none":
        return False
    return model.output_shape[0] > 1 or model.head in ("sigmoid", "logits")


@of_model
def as_classifier(model: Model) -> Model:
    """The model with one output for each class: itself, unless it ends in a single sigmoid.

    Of a single sigmoid p = σ(z) the logits become (−z, z) and the output (1 − p, p), so that a
    class number means a side: 1 what the output speaks for, 0 the other. The two models share all
    arrays. classes: of one name, `not name` and `name`. Raises `ArgumentError` for other outputs.
    """
    shape = model.output_shape
    if len(shape) == 1 and shape[0] > 1:
        return model
    if shape != (1,) or model.head not in ("sigmoid", "logits"):
        raise ArgumentError(
            "mistakes, comparisons and small changes need a classifier of two or more classes, or "
            f"of one sigmoid; this model gives {shape} with the head {model.head!r}"
        )
    bare = drop_softmax(model)
    given = bare is model and model.head == "sigmoid"  # the output is p already, no layer makes it
    bias = {"bias": np.array([1, 0], np.float32)} if given else {}
    sides = Dense(2, use_bias=given)
    sides.params = {"weight": np.array([[-1, 1]], np.float32), **bias}
    name = SIDES
    while name in bare.shapes or f"{name}/sigmoid" in bare.shapes:
        name += "_"
    nodes = [*bare.nodes, Node(name, sides, (bare.output_name,))]
    if not given:
        nodes.append(Node(f"{name}/sigmoid", Sigmoid(), (name,)))
    names = None if model.classes is None else [f"not {model.classes[0]}", model.classes[0]]
    return Model.from_nodes(
        nodes, input=model.input, head="sigmoid", classes=names, made=model.made
    )


def labels_of(x: Any, y: Any) -> Any:
    """`y`, or where it is None the labels of the data set `x`; None where there are none."""
    return x.y if y is None and isinstance(x, Dataset) else y


def class_labels(y: Any, n: int, classes: int) -> Array:
    """`y` as n class numbers (n,) int64; an `ArgumentError` says what does not fit."""
    if y is None:
        raise ArgumentError("labels are missing: give class numbers, or a data set that has labels")
    labels = as_array(y, "labels")
    if labels.shape != (n,) or labels.dtype.kind not in "ui":
        raise ArgumentError(
            f"labels must be class numbers ({n},), got {labels.dtype} of shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        bad = labels[(labels < 0) | (labels >= classes)][0]
        raise ArgumentError(
            f"label {bad} is outside the model's {classes} classes 0 … {classes - 1}"
        )
    return labels.astype(np.int64)


def class_names(model: Model) -> tuple[str, ...]:
    """The names of a classifier's classes, their numbers where it has none."""
    return tuple(model.class_name(c) for c in range(model.output_shape[0]))
