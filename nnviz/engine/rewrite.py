"""Models made from models. A rewriting returns a new model that shares arrays with the old one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import ArgumentError
from .boundary import of_model
from .folding import folds
from .graph import Node
from .head import head_kind, head_node
from .input import InputSpec
from .layer import Layer
from .model import Model
from .walk import leading_to


@of_model
def with_input(
    model: Model, spec: InputSpec | None = None, *, classes: Sequence[str] | None = None
) -> Model:
    """The same network with its pictures prepared otherwise, or with other class names; what is not
    given stays. Layers and arrays are shared.

    spec: say `nnviz.prepared(model.input, preprocess="caffe")`; its shape must be the model's.
    """
    spec = model.input if spec is None else spec
    if spec.shape != model.input.shape:
        raise ArgumentError(f"the input is {model.input.shape}, it cannot become {spec.shape}")
    told = Model.from_nodes(
        model.nodes,
        input=spec,
        head=model.head,
        classes=model.classes if classes is None else classes,
        made=model.made,
        output=model.output_name,
    )
    told.source = model.source
    return told


@of_model
def drop_softmax(model: Model) -> Model:
    """The model without its head's softmax (or the logarithm of one) or sigmoid: its output is the
    logits.

    A flattening after the softmax stays. A model that has no such head comes back as it is.
    """
    head = head_node(model)
    if head_kind(model, head) is None or len(model.nodes) == 1:
        return model
    return _without(model, {head.name: head.inputs[0]}, {}, head_kind="logits")


@of_model
def fold_batch_norm(model: Model, keep: Collection[str] = ()) -> Model:
    """Every batch normalization next to a layer with weights, multiplied into them; and as it is
    the same, every constant that is added to the channels or that they are multiplied by.

    With s = γ / √(σ² + ε) and t = β − μ s: after a layer W ← W · s, b ← b · s + t; before a dense
    layer, or a convolution whose windows read no padding (or where t is 0), W ← s · W,
    b ← b + Σ t W. What remains is the same function (to rounding) with fewer nodes. A normalization
    elsewhere, beside a layer of a user's own class, or after a node that others read as well,
    stays; so does one whose numbers would leave the dtype's range.
    keep: nodes whose outputs are wanted as they are.
    """
    gone, layers = folds(model.nodes, model.shapes, keep)
    return _without(model, gone, layers, head_kind=model.head) if gone else model


def up_to(model: Model, *names: str) -> Model:
    """The model that ends at a node, or at the last of several: what does not lead there is left
    out, the rest is shared."""
    wanted = leading_to(model.nodes, {model.node(name).name for name in names})
    nodes = [node for node in model.nodes if node.name in wanted]
    if len(nodes) == len(model.nodes):
        return model
    return Model.from_nodes(nodes, input=model.input, made=model.made)


def _without(
    model: Model, gone: Mapping[str, str], layers: Mapping[str, Layer], head_kind: str
) -> Model:
    """The model without the nodes in `gone` (name -> what takes its place)."""
    nodes = [
        Node(n.name, layers.get(n.name, n.layer), tuple(gone.get(i, i) for i in n.inputs))
        for n in model.nodes
        if n.name not in gone
    ]
    return Model.from_nodes(
        nodes,
        input=model.input,
        head=head_kind,
        classes=model.classes,
        made=model.made,
        output=gone.get(model.output_name, model.output_name),
    )
