"""What the page is made of: cells, figures, chapters. Data only; the template gives them their
looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..draw.image import below, enlarge, factor_for, number, scale_bar, sheet
from ..engine.layer import Array


@dataclass(frozen=True)
class Scale:
    """What the colours mean: the ends of the table, and words for them.

    words_only: each row has ends of its own, so the numbers 0 and 1 would mean nothing."""

    low: float
    high: float
    cmap: str
    words: tuple[str, str]
    words_only: bool = False

    @property
    def ends(self) -> tuple[str, str]:
        """What stands at the two ends of the bar."""
        if self.words_only:
            return self.words
        low, high = number(self.low), number(self.high)
        return f"{low} ({self.words[0]})", f"{high} ({self.words[1]})"


Frame = tuple[float, float, float, float]
"""Where a map lies on its picture: top, left, bottom, right in pixels."""


@dataclass(frozen=True)
class Look:
    """What a large look at a cell tells: the numbers behind its colours and where they come from.

    picture: the number of the data's picture that is shown, or that the map is of. name, target:
    what the map is called and which class it speaks of. key, index, channel: where its numbers lie
    in the figure's: `numbers[key][index]`, of that the channel if one is named. block: of how many
    pixels' sides the drawn values are means. frame: where the map lies on the picture, all over it
    where nothing is said. chance: key, index and frame of the probabilities while each place was
    covered. again: the line of Python that makes it. named: the map's values are numbers of these
    (number, name, colour). grid: rows and cols, where the
    numbers lie one after the other.
    """

    picture: int | None = None
    name: str = ""
    target: str = ""
    key: str = ""
    index: tuple[int, ...] = ()
    channel: int | None = None
    scale: Scale | None = None
    block: int = 1
    frame: Frame | None = None
    chance: tuple[str, tuple[int, ...], tuple[int, int], Frame] | None = None
    again: str = ""
    named: Sequence[tuple[int, str, str]] = ()
    grid: tuple[int, int] | None = None


@dataclass(frozen=True)
class Cell:
    """One small picture: RGBA at its own size, what stands under it, and what a reader who cannot
    see it is told; and what a large look at it tells, where there is more than the picture."""

    picture: Array
    label: str = ""
    alt: str = ""
    look: Look | None = None


@dataclass(frozen=True)
class Pairs:
    """Counts of pictures by true class and answer, each leading to its pictures.

    classes: their numbers; names: what they are called; counts: (classes, classes) as rows of
    numbers. mixed: (true, answer, count) of the most frequent mistakes, where a table would be too
    large.
    """

    classes: Sequence[int]
    names: Sequence[str]
    counts: Sequence[Sequence[int]] = ()
    mixed: Sequence[tuple[int, int, int]] = ()


@dataclass(frozen=True)
class Table:
    """A table of text; numbers are right-aligned from the second column on."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    foot: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """One figure with all that belongs to it.

    cells: rows of small pictures; with row_heads and col_heads they are a matrix. svg, table: in
    the place of or beside the cells. narrow_svg: the same drawing for a narrow screen, where it
    differs. chart: a drawn chart. zoom: how large one cell's picture is
    drawn, in pixels (a whole multiple of its size is taken). legend: colours with their meaning.
    numbers: the arrays behind it. looks: maps of pictures that only a large look shows. pairs: the
    confusion matrix that leads to its pictures, in the place of its chart. open: how many cells
    stand there at once; the others are unfolded. walk: what the walk through the network needs,
    see `walk`.
    """

    id: str
    title: str
    caption: str
    alt: str = ""
    cells: Sequence[Sequence[Cell]] = ()
    row_heads: Sequence[str] = ()
    col_heads: Sequence[str] = ()
    chart: Array | None = None
    svg: str = ""
    narrow_svg: str = ""
    raster: Array | None = None
    table: Table | None = None
    scale: Scale | None = None
    zoom: int = 56
    gap: int = 4
    warnings: Sequence[str] = ()
    method: str = ""
    paper: str = ""
    settings: str = ""
    seed: int | None = None
    code: str = ""
    numbers: dict[str, Array] = field(default_factory=dict)
    wide: bool = False
    legend: Sequence[tuple[str, str]] = ()
    looks: Sequence[Look] = ()
    pairs: Pairs | None = None
    open: int = 0
    walk: dict[str, Any] | None = None

    @property
    def has_picture(self) -> bool:
        """Whether there is a PNG file of it."""
        return self.raster is not None or self.chart is not None or bool(self.cells)

    def picture(self) -> Array | None:
        """The whole figure as one picture for the PNG file, without words."""
        if self.raster is not None:
            return self.raster
        if self.chart is not None:
            return self.chart
        if not self.cells:
            return None
        lines = [
            [enlarge(c.picture, factor_for(c.picture.shape[1], self.zoom)) for c in row]
            for row in self.cells
        ]
        drawn = below([sheet(line, len(line), self.gap) for line in lines], self.gap)
        if self.scale is None:
            return drawn
        bar = scale_bar(*self.scale.ends, self.scale.cmap, drawn.shape[1])
        return below([drawn, bar])


@dataclass(frozen=True)
class Finding:
    """One of the three things said at the top: a picture and a computed sentence."""

    cells: Sequence[Cell]
    sentence: str
    link: str


@dataclass(frozen=True)
class Chapter:
    """A chapter: its lead, its figures, and what to do about it."""

    id: str
    title: str
    lead: str
    figures: Sequence[Figure]
    advice: Sequence[str] = ()


def rows_of(cells: Sequence[Cell], columns: int) -> list[list[Cell]]:
    """Cells in lines of `columns`."""
    return [list(cells[i : i + columns]) for i in range(0, len(cells), columns)]


def short_settings(settings: Any) -> str:
    """Settings as `patch 4, stride 1`."""
    return ", ".join(f"{key} {value}" for key, value in dict(settings).items())
