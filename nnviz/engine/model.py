"""The model: a graph of nodes that can be run, run again in part, and walked back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, unknown
from .executor import Program, chunk_slices, each, lockstep, shelf
from .graph import INPUT, Node, Symbol, nodes_of, out_shape
from .input import InputSpec
from .layer import Array, Call, Layer, Mode, Shape
from .layers.activation import LogSoftmax, Sigmoid, Softmax
from .layers.reshape import Flatten
from .rerun import rerun
from .sweep import walk_back
from .trace import Gradients, Trace
from .walk import Draw, RuleFor, forward

if TYPE_CHECKING:
    from pathlib import Path

    from ..inspection.anatomy.summary import Summary
    from ..training.trainer import Evaluation, History

PREDICT = Mode()
PART_BYTES = 1 << 20
HEADS = ("softmax", "sigmoid", "logits", "none")


class Model:
    """A graph of layers.

    `Model(x, y)` takes the graph between an `Input` symbol and a symbol computed from it;
    `Sequential` chains layers; `Model.from_nodes` takes nodes that exist already.

    nodes: in topological order, each with `name`, `layer`, `inputs`.
    input: how pixels become the network's input. head: what the output means.
    classes: their names, or None. made: how it was trained (history, command, seed, versions).
    shapes: one sample's output of each node. homes: for each node, the first node with its layer.
    sample_bytes: the activations around the largest node, for one sample: what sizes the chunks.
    """

    nodes: list[Node]
    input: InputSpec
    head: str
    classes: list[str] | None
    made: dict[str, Any]

    def __init__(
        self,
        inputs: Symbol,
        outputs: Symbol,
        *,
        seed: int = 0,
        input: InputSpec | None = None,
        head: str | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        spec = InputSpec(inputs.shape) if input is None else input
        if spec.shape != inputs.shape:
            raise ArgumentError(f"input.shape is {spec.shape}, but the graph begins {inputs.shape}")
        self._set_up(nodes_of(outputs, inputs), spec, head, classes, seed)

    @classmethod
    def from_nodes(
        cls,
        nodes: Iterable[Node],
        *,
        input: InputSpec,
        head: str | None = None,
        classes: Sequence[str] | None = None,
        made: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Model:
        """A model from nodes in topological order; layers without parameters yet are filled."""
        model = cls.__new__(cls)
        model._set_up(list(nodes), input, head, classes, seed)
        model.made = dict(made or {})
        return model

    def _set_up(
        self,
        nodes: list[Node],
        spec: InputSpec,
        head: str | None,
        classes: Sequence[str] | None,
        seed: int,
    ) -> None:
        self.nodes, self.input, self.made = nodes, spec, {}
        self.shapes: dict[str, Shape] = {INPUT: spec.shape}
        self._places = {node.name: i for i, node in enumerate(nodes)}
        self.homes: dict[str, str] = {}
        first_home: dict[int, str] = {}
        for place, node in enumerate(nodes):
            if node.name in self.shapes:
                raise ArgumentError(f"two nodes are named {node.name!r}: names must be unique")
            for name in node.inputs:
                if name not in self.shapes:
                    raise ArgumentError(
                        f"node {node.name!r} reads {name!r}, which is not before it"
                    )
            shapes = [self.shapes[name] for name in node.inputs]
            try:
                shape = out_shape(node.layer, shapes)
                key = np.random.SeedSequence(seed, spawn_key=(place,))
                node.layer.build(np.random.default_rng(key), *shapes)
            except ArgumentError as error:
                raise ArgumentError(f"node {node.name!r}: {error}") from None
            self.shapes[node.name] = shape
            self.homes[node.name] = first_home.setdefault(id(node.layer), node.name)
        self.output_name = nodes[-1].name
        self.head = self._guess_head() if head is None else head
        if self.head not in HEADS:
            raise unknown("head", self.head, HEADS, "nnviz")
        self.classes = None if classes is None else [str(c) for c in classes]
        if self.classes is not None and len(self.classes) != self.class_count:
            raise ArgumentError(f"{len(self.classes)} class names for {self.class_count} outputs")
        outputs = [self.shapes[n.name] for n in nodes]
        self.sample_bytes = 4 * max(
            math.prod(self.shapes[node.inputs[0]]) + math.prod(shape)
            for node, shape in zip(nodes, outputs, strict=True)
        )

    # What it is made of -----------------------------------------------------------------------

    @property
    def output_shape(self) -> Shape:
        """One sample's output."""
        return self.shapes[self.output_name]

    @property
    def class_count(self) -> int:
        """How many classes there are: the length of the output's last axis."""
        return self.output_shape[-1] if self.output_shape else 1

    def node(self, name: str) -> Node:
        """The node of this name, or an error that lists the names there are."""
        if not isinstance(name, str) or name not in self._places:  # a list has no hash
            raise unknown("node", name, self._places, "this model")
        return self.nodes[self._places[name]]

    def place(self, name: str) -> int:
        """The place of a node in `nodes`."""
        self.node(name)
        return self._places[name]

    def parameters(self) -> dict[str, Array]:
        """Every parameter once, keyed `node/param`; a layer at two places under its first name."""
        return {
            f"{node.name}/{key}": array
            for node in self.nodes
            if self.homes[node.name] == node.name
            for key, array in node.layer.params.items()
        }

    def fingerprint(self) -> str:
        """A sha256 over architecture, input and all arrays: equal models have the same one."""
        digest = hashlib.sha256()
        for node in self.nodes:
            plan = [node.name, type(node.layer).__name__, node.inputs, node.layer.config()]
            digest.update(json.dumps(plan, default=str).encode())
            for key, array in {**node.layer.params, **node.layer.buffers}.items():
                digest.update(f"{key}{array.dtype}{array.shape}".encode())
                # In parts, which the threads can share.
                raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                parts = [raw[at : at + PART_BYTES].data for at in range(0, len(raw), PART_BYTES)]
                for part in each([partial(hashlib.sha256, part) for part in parts]):
                    digest.update(part.digest())
        digest.update(repr((self.input, self.head)).encode())
        return digest.hexdigest()

    def _guess_head(self) -> str:
        kind = self._head_kind(self._head_node())
        if kind is not None:
            return kind
        return "logits" if len(self.output_shape) == 1 and self.output_shape[0] > 1 else "none"

    def _head_node(self) -> Node:
        """The last node that is not merely a flattening."""
        node = self.nodes[-1]
        while isinstance(node.layer, Flatten) and node.inputs[0] != INPUT:
            node = self.node(node.inputs[0])
        return node

    def _head_kind(self, node: Node) -> str | None:
        """What a node that turns logits into something else gives; None for any other node.

        A softmax of softmaxes' logarithms is the softmax of the logits, so these are logits too.
        """
        layer = node.layer
        if isinstance(layer, Softmax | LogSoftmax) and layer.axis in (-1, len(self.output_shape)):
            return "softmax" if isinstance(layer, Softmax) else "logits"
        return "sigmoid" if isinstance(layer, Sigmoid) else None

    @property
    def logits_name(self) -> str:
        """The node (or "input") whose values go into the head's softmax (or its logarithm) or
        sigmoid."""
        node = self._head_node()
        kind = self._head_kind(node)
        is_head = (
            kind is not None
            and self.head != "none"
            and (kind == "logits") == (self.head == "logits")
        )
        return node.inputs[0] if is_head else self.output_name

    def class_index(self, target: int | str) -> int:
        """A class by number or by name; an error that lists the classes where there is none."""
        count = self.class_count
        if isinstance(target, str):
            if self.classes is None or target not in self.classes:
                known = self.classes if self.classes is not None else range(count)
                raise unknown("class", target, known, "this model")
            return self.classes.index(target)
        if isinstance(target, bool) or not isinstance(target, int | np.integer):
            raise ArgumentError(f"a class is a number or a name, got {target!r}")
        if not 0 <= target < count:
            sides = "; as_classifier(model) gives both sides of its one output a number"
            raise ArgumentError(
                f"class {target} is not among the model's {count}: 0 … {count - 1}"
                + (sides if count == 1 else "")
            )
        return int(target)

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where the model has no names."""
        return str(index) if self.classes is None else self.classes[index]

    # Running ----------------------------------------------------------------------------------

    def run(
        self,
        x: Any,
        *,
        mode: Mode = PREDICT,
        keep: Collection[str] | None = None,
        seed: int = 0,
        step: int = 0,
        prepared: bool = False,
    ) -> Trace:
        """Run all nodes on pixels `x` (N, *input shape) and keep what they leave behind.

        keep: names of the nodes whose outputs are kept besides the model's (None: everything, which
        is what `backward` needs). With names, memory holds one chunk's activations at a time; with
        none of them, the way to the output is the quickest, which may change its last digits.
        mode.train: batch statistics and dropout, with random numbers from `seed` and `step`.
        prepared: `x` is already what the network wants; otherwise `Model.input` is applied.
        """
        batch = self.input.check(x)
        wanted = None if keep is None else {*keep, self.output_name}
        for name in wanted or ():
            self.node(name)
        private = keep is not None and not keep
        chunks = chunk_slices(len(batch), self.sample_bytes)
        draw, nodes = Draw(seed, step), list(enumerate(self.nodes))

        def program(i: int) -> Program[tuple[Array, dict[str, Call]]]:
            # With names to keep, all arrays come from the scratch; what is kept is copied out.
            with shelf.borrow(arena=wanted is not None) as scratch:
                given = batch[chunks[i]]
                given = _floats(given) if prepared else self.input.prepare(given)
                values = {INPUT: given}
                calls = yield from forward(
                    nodes,
                    values,
                    chunk=i,
                    train=mode.train,
                    draw=draw,
                    scratch=scratch,
                    keep=wanted,
                    private=private,
                )
                if wanted is not None:
                    calls = {k: Call((), c.y.copy(), None, c.mode, i) for k, c in calls.items()}
                return given, calls

        done = lockstep([program(i) for i in range(len(chunks))])
        return Trace(
            chunks=tuple(chunks),
            inputs=tuple(given for given, _ in done),
            calls={name: tuple(calls[name] for _, calls in done) for name in done[0][1]},
            output_name=self.output_name,
            train=mode.train,
            whole=keep is None,
        )

    def rerun(self, trace: Trace, changed: Mapping[str, Array]) -> Trace:
        """The trace as it would be if these values were these: only what reads them is recomputed.

        changed: `{"conv2d_1": array}` or `{"input": array}` (the network's input), each of the
        shape it has in the trace. The changed nodes' own calls show the new value as their `y`; all
        other calls are shared with the old trace. Dropout and batch statistics run as at
        prediction.
        """
        return rerun(self, trace, changed)

    def backward(
        self,
        trace: Trace,
        seeds: Mapping[str, Array],
        *,
        params: bool = False,
        until: Collection[str] = (),
        rule_for: RuleFor | None = None,
    ) -> Gradients:
        """Walk a trace back from the seeds.

        seeds: `{node: dy}` with dy (N, …) the gradient of the target for that node's output.
        params: the gradients of all trainable parameters as well, summed over the batch.
        until: whose gradients are wanted ("input" where nothing is named and params is False); the
        walk goes no further back than these need.
        rule_for: node -> the rule to use in place of its layer's backward.
        """
        return walk_back(self, trace, seeds, params, until, rule_for)

    def predict(self, x: Any) -> Array:
        """The output for pixels `x`, (N, classes): probabilities where the head has them."""
        return self.run(x, keep=()).output

    # Changed copies ---------------------------------------------------------------------------

    def with_layers(self, change: Mapping[str, Layer]) -> Model:
        """A model with other layers at the named nodes; everything else is shared."""
        nodes = [Node(n.name, change.get(n.name, n.layer), n.inputs) for n in self.nodes]
        return self.from_nodes(
            nodes, input=self.input, head=self.head, classes=self.classes, made=self.made
        )

    def astype(self, dtype: Any) -> Model:
        """A copy whose parameters and buffers have this dtype (float64 for gradient checks)."""
        copies = {id(n.layer): n.layer.astype(dtype) for n in self.nodes}
        return self.with_layers({n.name: copies[id(n.layer)] for n in self.nodes})

    # Conveniences that import their home inside ------------------------------------------------

    def fit(self, x: Any, y: Any, **settings: Any) -> History:
        """Train; see `nnviz.training.fit` for the settings."""
        from ..training.trainer import fit

        return fit(self, x, y, **settings)

    def evaluate(self, x: Any, y: Any, **settings: Any) -> Evaluation:
        """Loss and accuracy on pictures and labels; see `nnviz.training.evaluate`."""
        from ..training.trainer import evaluate

        return evaluate(self, x, y, **settings)

    def save(self, path: str | Path) -> None:
        """Write the model as one `.npz` file; `nnviz.load` reads it."""
        from ..formats.npz import save

        save(self, path)

    def summary(self, columns: Sequence[str] | None = None) -> Summary:
        """The table that Keras prints, or these columns: `print(model.summary())`."""
        from ..inspection.anatomy.summary import summary

        return summary(self, columns)

    def __repr__(self) -> str:
        sizes = "×".join(map(str, self.input.shape))
        count = sum(a.size for a in self.parameters().values())
        return f"<Model {sizes} -> {self.output_shape}, {len(self.nodes)} nodes, {count:,} params>"


def _floats(x: Array) -> Array:
    return x if x.dtype.kind == "f" else x.astype(np.float32)
