"""The model's table: a row for each layer, as Keras prints it.

An activation that was asked for as `activation="relu"` has a node of its own in the model, but no
row: it belongs to the layer that it follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...engine.boundary import of_model
from ...engine.graph import INPUT, Node
from ...engine.layer import Shape
from ...engine.layers.named import ACTIVATIONS
from ...engine.model import Model
from ...errors import ArgumentError, listing, unknown
from ..results import Part, Result
from .geometry import geometry
from .operations import Operations, operations
from .table import COLUMNS, detail_of, kernel_of, table

FLOAT = 4
"""Bytes of a number in use (float32)."""
COUNTED = ("mult_adds", "flops", "memory")
"""The columns that need a count of every layer's operations."""
PLACED = ("receptive_field", "stride", "centre")
"""The columns that need the geometry of the nodes."""


@dataclass(frozen=True)
class Row(Part):
    """One layer of the table: the nodes it stands for, its kind, output shape, parameters.

    kernel: rows and cols of its kernel or pooling window. The other fields are None unless a
    column asked for them, and where they do not apply or nobody knows them: mult_adds, flops,
    memory as in `summary`; receptive_field, stride, centre as (row, col) in pixels.
    receptive_field_least: where the windows differ from place to place, the smallest.
    """

    name: str
    kind: str
    detail: str
    shape: Shape
    params: int
    trainable: int
    inputs: tuple[str, ...]
    activation: str | None
    kernel: tuple[int, int] | None = None
    mult_adds: int | None = None
    flops: int | None = None
    memory: int | None = None
    receptive_field: tuple[int, int] | None = None
    stride: tuple[float, float] | None = None
    centre: tuple[float, float] | None = None
    receptive_field_least: tuple[int, int] | None = None


@dataclass(frozen=True)
class Summary(Result):
    """The table; `print(summary)` shows it.

    total = trainable + non_trainable counts every array once, also those of a layer at two places.
    columns: what was asked for besides name and shape. mult_adds, flops, memory: the sums of the
    rows, of all rows that have a count, or None where no column asked. uncounted: the names of the
    rows that have none, because their layers are not nnviz's own.
    """

    rows: tuple[Row, ...]
    total: int
    trainable: int
    non_trainable: int
    is_chain: bool
    columns: tuple[str, ...] = ("parameters",)
    mult_adds: int | None = None
    flops: int | None = None
    memory: int | None = None
    uncounted: tuple[str, ...] = ()

    def __str__(self) -> str:
        return table(self)

    def _repr_png_(self) -> None:
        return None

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


@dataclass(frozen=True)
class Costs:
    """The sums over all rows that have a count; None where no column asked."""

    mult_adds: int | None = None
    flops: int | None = None
    memory: int | None = None
    uncounted: tuple[str, ...] = ()


@of_model
def summary(model: Model, columns: Sequence[str] | None = None) -> Summary:
    """One row for each layer with its output shape and number of parameters, and the totals.

    columns: what stands beside name and shape, in this order; None is Keras's ("parameters",).

    * "kernel": rows × cols of a kernel or a pooling window.
    * "parameters", "trainable": numbers in the arrays, and those of them that training changes.
    * "mult_adds": products with a learnt number, each with the addition after it, for one picture.
      A 3×3 convolution of k channels into f has rows · cols · 9 · k · f of them (output's rows and
      cols; cells of padding count).
    * "flops": additions, multiplications, divisions, comparisons and elementary functions, one
      each, for one picture: a multiply-add is two, a bias one.
    * "memory": bytes that `model.run` leaves behind for backward, for one picture in float32:
      outputs and what layers save besides; a view (Flatten) is free. The input is not in it.
    * "receptive_field": rows × cols of the window of pixels behind one place, padding and all;
      "3–4×3" where they differ from place to place, as behind a transposed convolution.
    * "stride": pixels from one place's window to its neighbour's.
    * "centre": the middle of the first place's window, (row, col): place i lies at
      centre + i · stride.

    Where a layer has no rows and cols, or is a user's own whose operations nobody has counted, a
    dash stands. Raises `ArgumentError` for a column that there is not.
    """
    chosen = ("parameters",) if columns is None else columns
    if not isinstance(chosen, Iterable):
        raise ArgumentError(
            f"columns must be names, got {columns!r}; a summary has {listing(COLUMNS)}"
        )
    chosen = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    for name in chosen:
        if not isinstance(name, str) or name not in COLUMNS:
            raise unknown("column", name, COLUMNS, "a summary")
    rows = _rows(model)
    if any(name in PLACED for name in chosen):
        rows = _with_geometry(model, rows)
    costs = Costs()
    if any(name in COUNTED for name in chosen):
        rows, costs = _with_costs(model, rows)
    names = [INPUT, *(row.name for row in rows)]
    chain = all(row.inputs == (before,) for row, before in zip(rows, names, strict=False))
    total, trainable = sum(r.params for r in rows), sum(r.trainable for r in rows)
    return Summary(
        tuple(rows), total, trainable, total - trainable, chain, chosen, costs.mult_adds,
        costs.flops, costs.memory, costs.uncounted,
    )  # fmt: skip


def _rows(model: Model) -> list[Row]:
    """The rows with what every summary has."""
    rows: dict[str, Row] = {}
    row_of = row_names(model)
    for node in model.nodes:
        params, trainable = _counts(model, node)
        owner = row_of[node.name]
        if owner != node.name:
            rows[owner] = replace(
                rows[owner],
                activation=node.layer.name or _word(node),
                params=rows[owner].params + params,
                trainable=rows[owner].trainable + trainable,
            )
            continue
        rows[node.name] = Row(
            name=node.name,
            kind=type(node.layer).__name__,
            detail=detail_of(node.layer),
            shape=model.shapes[node.name],
            params=params,
            trainable=trainable,
            inputs=tuple(row_of[name] for name in node.inputs),
            activation=None,
            kernel=kernel_of(node.layer),
        )
    return list(rows.values())


def row_names(model: Model) -> dict[str, str]:
    """For the input and every node, the name of the row that it belongs to."""
    row_of = {INPUT: INPUT}
    for node in model.nodes:
        row_of[node.name] = row_of[node.inputs[0]] if folds_into(node) else node.name
    return row_of


def _with_geometry(model: Model, rows: list[Row]) -> list[Row]:
    """The rows with receptive field, stride and centre where a layer has places."""
    found = geometry(model)
    out = []
    for row in rows:
        known = found[row.name]
        if known is not None:
            row = replace(
                row,
                receptive_field=known.field,
                receptive_field_least=known.least,
                stride=known.stride,
                centre=known.centre,
            )
        out.append(row)
    return out


def _with_costs(model: Model, rows: list[Row]) -> tuple[list[Row], Costs]:
    """The rows with multiply-adds, flops and memory, and their sums.

    A layer at two places computes twice. A row whose activation has no count has none either.
    """
    row_of = row_names(model)
    parts: dict[str, list[Operations | None]] = {row.name: [] for row in rows}
    for node in model.nodes:
        shapes = tuple(model.shapes[name] for name in node.inputs)
        cost = operations(node.layer, shapes, model.shapes[node.name])
        parts[row_of[node.name]].append(cost)
    out, uncounted = [], []
    for row in rows:
        known = [part for part in parts[row.name] if part is not None]
        if len(known) < len(parts[row.name]):
            uncounted.append(row.name)
        else:
            row = replace(
                row,
                mult_adds=sum(part.mult_adds for part in known),
                flops=sum(part.flops for part in known),
                memory=FLOAT * sum(part.kept for part in known),
            )
        out.append(row)
    costs = Costs(
        sum(row.mult_adds or 0 for row in out),
        sum(row.flops or 0 for row in out),
        sum(row.memory or 0 for row in out),
        tuple(uncounted),
    )
    return out, costs


def folds_into(node: Node) -> bool:
    """Whether a node is the activation of the one it reads (`conv2d_1/relu` of `conv2d_1`)."""
    if len(node.inputs) != 1 or not isinstance(node.layer, tuple(ACTIVATIONS.values())):
        return False
    return node.inputs[0] != INPUT and node.name.startswith(f"{node.inputs[0]}/")


def _word(node: Node) -> str:
    return node.name.rsplit("/", 1)[-1]


def _counts(model: Model, node: Node) -> tuple[int, int]:
    """Parameters (with buffers) and trainable ones; a layer's second place counts nothing."""
    if model.homes[node.name] != node.name:
        return 0, 0
    learnt = sum(a.size for a in node.layer.params.values())
    kept = sum(a.size for a in node.layer.buffers.values())
    return learnt + kept, learnt if node.layer.trainable else 0
