"""The model: a graph of nodes that can be run, run again in part, and walked back."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, unknown
from .again import copied, predicted
from .executor import Program, chunk_slices, lockstep, shelf
from .fingerprint import fingerprint
from .folding import Folded, pooled_first
from .graph import INPUT, Node, Symbol, nodes_of, out_shape
from .head import guess_head, head_kind, head_node
from .input import InputSpec, floats
from .layer import Array, Call, Layer, Mode, Shape
from .sweep import walk_back
from .trace import Gradients, Trace, join
from .walk import Draw, RuleFor, forward, leading_to

if TYPE_CHECKING:
    from pathlib import Path

    from ..inspection.anatomy.summary import Summary
    from ..training.trainer import Evaluation, History

PREDICT = Mode()
HEADS = ("softmax", "sigmoid", "logits", "none")
FOLD_FROM = 16
"""From so many pictures on it is quicker to fold normalization into the weights, at every run anew
(somebody may have written to them), than to normalize."""


class Model:
    """A graph of layers.

    `Model(x, y)` takes the graph between an `Input` symbol and a symbol computed from it;
    `Sequential` chains layers; `Model.from_nodes` takes nodes that exist already.

    nodes: in topological order, each with `name`, `layer`, `inputs`.
    input: how pixels become the network's input. head: what the output means.
    classes: their names, or None. made: how it was trained (history, command, seed, versions).
    source: the file that it was read from, where it may be read again (`run_onnx`).
    shapes: one sample's output of each node. homes: for each node, the first node with its layer.
    sample_bytes: the activations around the largest node, for one sample: what sizes the chunks.
    """

    nodes: list[Node]
    input: InputSpec
    head: str
    classes: list[str] | None
    made: dict[str, Any]
    source: Any = None

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
        output: str | None = None,
        seed: int = 0,
    ) -> Model:
        """A model from nodes in topological order; layers without parameters yet are filled.
        output: the node that gives the model's output, the last one by default; the others are
        there to be inspected by name."""
        model = cls.__new__(cls)
        model._set_up(list(nodes), input, head, classes, seed, output)
        model.made = dict(made or {})
        return model

    def _set_up(
        self,
        nodes: list[Node],
        spec: InputSpec,
        head: str | None,
        classes: Sequence[str] | None,
        seed: int,
        output: str | None = None,
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
        self.output_name = nodes[-1].name if output is None else self.node(output).name
        self.head = guess_head(self) if head is None else head
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
        return fingerprint(self)

    @property
    def logits_name(self) -> str:
        """The node (or "input") whose values go into the head's softmax (or its logarithm) or
        sigmoid."""
        node = head_node(self)
        kind = head_kind(self, node)
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
        none of them, the way to the output is the quickest, which may change its last digits. What
        leads to none of these outputs is not run.
        mode.train: batch statistics and dropout, with random numbers from `seed` and `step`.
        prepared: `x` is already what the network wants; otherwise `Model.input` is applied.
        """
        return self.run_checked(
            self.input.check(x), mode=mode, keep=keep, seed=seed, step=step, prepared=prepared
        )

    def run_checked(
        self,
        batch: Array,
        *,
        mode: Mode = PREDICT,
        keep: Collection[str] | None = None,
        seed: int = 0,
        step: int = 0,
        prepared: bool = False,
    ) -> Trace:
        """`run` on a batch (N, *input shape) that nobody has to look at again: it may hold NaN."""
        private = keep is not None and not keep
        prepare = floats if prepared else self.input.prepare
        if private and not mode.train and (made := predicted(self, batch, prepare, copied)):
            rows, inputs, outputs = zip(*made, strict=True)
            name = self.output_name
            calls = tuple(Call((), ys[name], None, mode, i) for i, ys in enumerate(outputs))
            return Trace(rows, inputs, {name: calls}, name, whole=False)
        wanted = None if keep is None else {*keep, self.output_name}
        for name in wanted or ():
            self.node(name)
        chunks = chunk_slices(len(batch), self.sample_bytes)
        draw, nodes = Draw(seed, step), list(enumerate(self.nodes))
        if wanted is not None:
            needed = leading_to(self.nodes, wanted)
            nodes = [(i, node) for i, node in nodes if node.name in needed]
        if private and not mode.train and len(batch) >= FOLD_FROM:
            nodes = Folded(nodes, self.shapes, {self.output_name}).nodes
        if wanted is not None:
            nodes = pooled_first(nodes, wanted)

        def program(i: int) -> Program[tuple[Array, dict[str, Call]]]:
            # With names to keep, all arrays come from the scratch; what is kept is copied out.
            with shelf.borrow(arena=wanted is not None) as scratch:
                given = prepare(batch[chunks[i]])
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
                    untied=[] if wanted is None else [node.name for _, node in nodes],
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
        other calls are shared with the old trace. Dropout and statistics run as at prediction.
        """
        from .rerun import rerun

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
        batch = self.input.check(x)
        made = predicted(
            self, batch, self.input.prepare, lambda _, x, ys: ys[self.output_name].copy()
        )
        return join(made) if made else self.run_checked(batch, keep=()).output

    # Changed copies ---------------------------------------------------------------------------

    def with_layers(self, change: Mapping[str, Layer]) -> Model:
        """A model with other layers at the named nodes; everything else is shared."""
        nodes = [Node(n.name, change.get(n.name, n.layer), n.inputs) for n in self.nodes]
        return self.from_nodes(
            nodes,
            input=self.input,
            head=self.head,
            classes=self.classes,
            made=self.made,
            output=self.output_name,
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

    def to_onnx(self, path: str | Path, *, outputs: Sequence[str] | None = None) -> Path:
        """Write the model as an ONNX file for other runtimes, N free; the path written.

        outputs: the nodes that the file gives; else all outputs, of a file that was read as well.
        """
        from ..formats.onnx import export

        return export.to_onnx(self, path, outputs)

    def run_onnx(self, *inputs: Any) -> list[Array]:
        """All outputs of the ONNX file that the model was read from, for its inputs in its order.

        Arrays are in the file's own layout (channels first, any rank); see `nnviz.from_onnx`.
        """
        from ..formats.onnx.running import run_onnx

        return run_onnx(self, inputs)

    def summary(self, columns: Sequence[str] | None = None) -> Summary:
        """The table that Keras prints, or these columns: `print(model.summary())`."""
        from ..inspection.anatomy.summary import summary

        return summary(self, columns)

    def __repr__(self) -> str:
        sizes = "×".join(map(str, self.input.shape))
        count = sum(a.size for a in self.parameters().values())
        return f"<Model {sizes} -> {self.output_shape}, {len(self.nodes)} nodes, {count:,} params>"
