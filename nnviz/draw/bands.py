"""Where the blocks of a diagram and its arrows lie, in pixels.

A network of many layers would be a strip as long as a street. So it is cut into bands that stand
side by side, to be read like columns of a newspaper; a cut lies only where a single arrow crosses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..inspection.anatomy.diagram import Block, Diagram

WIDTH, HEIGHT = 272, 58
SPACE, AISLE = 24, 28
MARGIN = 14
GUTTER = 44
"""Between two bands."""
LEAST = 16
"""Ranks from which on a diagram is cut."""
ROOM = 1240
"""Pixels that the bands may take side by side: a page's width, a little smaller."""
LANE = 12

Place = tuple[float, float]
Arrow = tuple[str, str]


@dataclass(frozen=True)
class Line:
    """An arrow as a polyline of corners; the last one is the tip."""

    corners: tuple[Place, ...]


@dataclass(frozen=True)
class Geometry:
    """Upper left corners of the blocks by name (along, down), the arrows in the diagram's order,
    and the whole size."""

    places: dict[str, Place]
    lines: tuple[Line, ...]
    width: int
    height: int


def laid_out(diagram: Diagram, *, narrow: bool = False) -> Geometry:
    """All blocks and arrows; in as many bands as fit side by side, or in one where it is narrow."""
    if narrow:
        return _placed(diagram, [])
    cuts = _cuts(diagram)
    chosen: list[int] = []
    most = min(len(cuts) + 1, ROOM // (WIDTH + GUTTER), -(-diagram.ranks // LEAST))
    for count in range(2, most + 1):
        wanted = _evenly(cuts, diagram.ranks, count)
        if sum(_widths(diagram, wanted)) - GUTTER <= ROOM:
            chosen = wanted
    return _placed(diagram, chosen)


def _cuts(diagram: Diagram) -> list[int]:
    """The ranks above which a single arrow crosses, from one rank to the next."""
    rank = {block.name: block.rank for block in diagram.blocks}
    over = [0] * (diagram.ranks + 1)
    for source, target in diagram.arrows:
        for r in range(rank[source] + 1, rank[target] + 1):
            over[r] += 1
    return [r for r in range(1, diagram.ranks) if over[r] == 1]


def _evenly(cuts: Sequence[int], ranks: int, count: int) -> list[int]:
    """The cuts nearest to those that would make `count` bands of one length."""
    wanted = (ranks * i / count for i in range(1, count))
    return sorted({min(cuts, key=lambda cut: abs(cut - place)) for place in wanted})


def _bands(diagram: Diagram, cuts: Sequence[int]) -> list[range]:
    """The ranks of each band."""
    ends = [0, *cuts, diagram.ranks]
    return [range(a, b) for a, b in pairwise(ends)]


def _widths(diagram: Diagram, cuts: Sequence[int]) -> list[float]:
    """How much room each band takes, its lanes and gutter with it."""
    return [_Band.of(diagram, ranks).reach + GUTTER for ranks in _bands(diagram, cuts)]


def _placed(diagram: Diagram, cuts: Sequence[int]) -> Geometry:
    """Every band where it stands, and the arrows from one to the next."""
    bands = [_Band.of(diagram, ranks) for ranks in _bands(diagram, cuts)]
    places: dict[str, Place] = {}
    lines: dict[Arrow, Line] = {}
    leaving: list[tuple[str, str, float]] = []
    left = 0.0
    for band in bands:
        places |= {name: (x + left, y) for name, (x, y) in band.places.items()}
        for arrow, line in band.lines.items():
            lines[arrow] = Line(tuple((x + left, y) for x, y in line.corners))
        band_right = left + band.reach
        leaving += [(source, target, band_right) for source, target in band.leaving]
        left = band_right + GUTTER
    for source, target, right in leaving:
        lines[source, target] = _to_next(places[source], places[target], right)
    ordered = tuple(lines[arrow] for arrow in diagram.arrows)
    height = max(len(band.ranks) for band in bands) * (HEIGHT + SPACE) - SPACE + 2 * MARGIN
    return Geometry(places, ordered, int(left - GUTTER + MARGIN), int(height))


def _to_next(source: Place, target: Place, right: float) -> Line:
    """From a band's last block up through the gutter to the next band's first."""
    (ax, ay), (bx, by) = source, target
    start, tip = (ax + WIDTH / 2, ay + HEIGHT), (bx + WIDTH / 2, by)
    down, up, lane = ay + HEIGHT + 8, by - 8, right + GUTTER / 2
    return Line((start, (start[0], down), (lane, down), (lane, up), (tip[0], up), tip))


@dataclass(frozen=True)
class _Band:
    """The blocks of some ranks with the arrows between them, and the arrows that leave it. reach:
    how far to the right it goes."""

    ranks: range
    places: dict[str, Place]
    lines: dict[Arrow, Line]
    leaving: tuple[Arrow, ...]
    reach: float

    @classmethod
    def of(cls, diagram: Diagram, ranks: range) -> _Band:
        """The band of these ranks, at the left margin."""
        blocks = {b.name: b for b in diagram.blocks if b.rank in ranks}
        first = min(block.column for block in blocks.values())
        places = {name: _corner(block, ranks, first) for name, block in blocks.items()}
        inside = [(a, b) for a, b in diagram.arrows if a in blocks and b in blocks]
        leaving = [(a, b) for a, b in diagram.arrows if a in blocks and b not in blocks]
        lines, reach = _lines(blocks, places, inside, ranks)
        return cls(ranks, places, lines, tuple(leaving), reach)


def _corner(block: Block, ranks: range, first: float) -> Place:
    """The upper left corner of a block in its band."""
    return (
        MARGIN + (block.column - first) * (WIDTH + AISLE),
        MARGIN + (block.rank - ranks.start) * (HEIGHT + SPACE),
    )


def _lines(
    blocks: dict[str, Block],
    places: dict[str, Place],
    arrows: Sequence[Arrow],
    ranks: range,
) -> tuple[dict[Arrow, Line], float]:
    """The arrows within a band, and how far to the right they reach. Neighbours are joined
    straight; an arrow that passes other ranks keeps to a lane of its own, to the right of the
    blocks that it passes.

    It enters a block above the place where others leave it: two shortcuts one after the other would
    else be one line, read as a shortcut around both."""
    edges = dict.fromkeys(ranks, 0.0)
    for name, block in blocks.items():
        edges[block.rank] = max(edges[block.rank], places[name][0] + WIDTH)
    lines: dict[Arrow, Line] = {}
    lanes = dict.fromkeys(ranks, 0)
    reach = max(edges.values())
    for source, target in arrows:
        a, b = blocks[source], blocks[target]
        if b.rank == a.rank + 1:
            lines[source, target] = _neighbours(places[source], places[target])
            continue
        passed = range(a.rank, b.rank)
        lane = 1 + max(lanes[r] for r in passed)
        for r in passed:
            lanes[r] = lane
        along = max(edges[r] for r in range(a.rank, b.rank + 1)) + LANE * lane
        reach = max(reach, along)
        out = _leaving(places[source], edges[a.rank])
        back = _entering(places[target], edges[b.rank])
        lines[source, target] = Line((*out, (along, out[-1][1]), (along, back[0][1]), *back))
    return lines, reach


def _neighbours(a: Place, b: Place) -> Line:
    """From a block to one of the next rank."""
    (ax, ay), (bx, by) = a, b
    start, tip = (ax + WIDTH / 2, ay + HEIGHT), (bx + WIDTH / 2, by)
    middle = by - SPACE / 2
    corners = (start, (start[0], middle), (tip[0], middle), tip)
    return Line((start, tip) if start[0] == tip[0] else corners)


def _leaving(place: Place, edge: float) -> tuple[Place, ...]:
    """The corners on the way from a block to its lane: out of the lower right side, or out of the
    bottom where other blocks stand on the right, up to `edge`."""
    x, y = place
    if x + WIDTH == edge:
        return ((edge, y + HEIGHT * 0.72),)
    down = x + WIDTH * 0.8
    return (down, y + HEIGHT), (down, y + HEIGHT + SPACE * 0.25)


def _entering(place: Place, edge: float) -> tuple[Place, ...]:
    """The corners on the way from a lane into a block: the upper right side, or the top."""
    x, y = place
    if x + WIDTH == edge:
        return ((edge, y + HEIGHT * 0.28),)
    down = x + WIDTH * 0.8
    return (down, y - SPACE * 0.3), (down, y)
