"""The structure as a block diagram: boxes, arrows, and where they lie.

The layout knows nothing of drawing: boxes have places in a unit grid of columns and ranks, and SVG
and PNG are drawn from the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...engine.graph import INPUT
from ...engine.model import Model
from ..results import Part, Provenance, Result
from .summary import Row, summary


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


def diagram(model: Model) -> Diagram:
    """A block for the input and for every layer, ranked by their longest way from the input."""
    rows = summary(model).rows
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
