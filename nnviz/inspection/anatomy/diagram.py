"""The structure as a block diagram: boxes, arrows, and where they lie.

The layout knows nothing of drawing: boxes have places in a unit grid of columns and ranks, and SVG
and PNG are drawn from the same ones.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from ...engine.boundary import of_model
from ...engine.graph import INPUT
from ...engine.layer import Layer
from ...engine.layers.activation import Pointwise
from ...engine.layers.arithmetic import WithConstant
from ...engine.layers.norm import BatchNormalization
from ...engine.model import Model
from ...engine.window import POINTWISE
from ..results import Part, Provenance, Result
from .summary import Row, summary

MANY = 40
"""Layers from which on a diagram is drawn with the followers in their block."""


@dataclass(frozen=True)
class Block(Part):
    """One box: what stands in it, and its place (rank from the top, column from the left)."""

    name: str
    kind: str
    detail: str
    shape: tuple[int, ...]
    params: int
    rank: int
    column: float


@dataclass(frozen=True)
class Diagram(Result):
    """Blocks, the arrows between them by name, and the grid's size."""

    blocks: tuple[Block, ...]
    arrows: tuple[tuple[str, str], ...]
    ranks: int
    columns: int
    provenance: Provenance


@of_model
def diagram(model: Model) -> Diagram:
    """A block for the input and for every layer, ranked by their longest way from the input.

    Of more than `MANY` layers, what only follows another, number by number (batch normalization, an
    activation, a constant added), stands in that one's block; but not in a merge's: behind it the
    drawing may be cut.
    """
    rows = summary(model).rows
    if len(rows) > MANY:
        rows = _folded(model, rows)
    rank: dict[str, int] = {INPUT: 0}
    for row in rows:
        rank[row.name] = 1 + max(rank[name] for name in row.inputs)
    column = _columns(rows, rank)
    blocks = [Block(INPUT, "Input", "", model.input.shape, 0, 0, column[INPUT])]
    for row in rows:
        words = [w for w in (row.detail, row.activation) if w]
        detail = ", ".join(words)
        blocks.append(
            Block(row.name, row.kind, detail, row.shape, row.params, rank[row.name],
                  column[row.name])
        )  # fmt: skip
    arrows = tuple((source, row.name) for row in rows for source in row.inputs)
    width = 1 + int(max(column.values()) - min(column.values()))
    return Diagram(
        tuple(blocks), arrows, 1 + max(rank.values()), width, Provenance.of(model, "diagram")
    )


def _folded(model: Model, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows with their followers in them: the parameters added up, their kinds in the detail."""
    readers = Counter(name for row in rows for name in row.inputs)
    kept: dict[str, Row] = {}
    home: dict[str, str] = {INPUT: INPUT}
    for row in rows:
        source = kept.get(home[row.inputs[0]])
        if (
            source is None
            or len(row.inputs) != 1
            or model.node(source.name).layer.arity != 1
            or readers[row.inputs[0]] != 1
            or not _follows(model.node(row.name).layer)
            or row.shape != source.shape
        ):
            home[row.name] = row.name
            kept[row.name] = replace(row, inputs=tuple(home[name] for name in row.inputs))
            continue
        home[row.name] = source.name
        words = [w for w in (source.detail, source.activation, _short(model, row)) if w]
        kept[source.name] = replace(
            source, detail=", ".join(words), activation=row.activation,
            params=source.params + row.params,
        )  # fmt: skip
    return tuple(kept.values())


def _follows(layer: Layer) -> bool:
    """Whether it goes number by number, as activations do, or channel by channel, as batch
    normalization and a constant do."""
    known = isinstance(layer, BatchNormalization | WithConstant | Pointwise)
    return (known or layer.elementwise) and layer.window() == POINTWISE


def _short(model: Model, row: Row) -> str:
    """A follower in few words."""
    layer = model.node(row.name).layer
    if isinstance(layer, BatchNormalization):
        return "batch norm"
    return str(getattr(layer, "operation", row.kind.lower()))


def _columns(rows: tuple[Row, ...], rank: dict[str, int]) -> dict[str, float]:
    """Columns: a block stands under the first block it reads; those of one rank stand side by
    side."""
    column: dict[str, float] = {INPUT: 0.0}
    taken: set[tuple[int, float]] = {(0, 0.0)}
    for row in rows:
        # A merge comes back to the main line, which is its leftmost input.
        place = min(column[name] for name in row.inputs)
        while (rank[row.name], place) in taken:
            place += 1.0
        taken.add((rank[row.name], place))
        column[row.name] = place
    return column
