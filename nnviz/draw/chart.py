"""Charts, by matplotlib's object interface: no global settings are touched.

Transparent, with ink that can be read on white and on black.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.layer import Array

INK = "#6e6e6e"
"""Readable (4.5 to 1) on the page's cards, and on the light sheet that a dark page has under it."""
DPI = 168
"""Charts are sharp on screens of up to 1.75 times the usual density."""
LINES = ("#1f77b4", "#e1701a", "#2f9e44", "#c2255c")


MULTIPLES = ((1.0, 2.0, 5.0), (1.0, 2.0, 3.0, 5.0, 7.0))
"""Of a power of ten: which of its multiples get words, the fewest that are enough."""


@dataclass(frozen=True)
class Room:
    """Inches around the panels of a chart, and between them, for all that is written there.

    Where it is known before, nothing has to be measured: matplotlib's own layout measures every
    label twice, which takes longer than the drawing.
    """

    left: float = 0.68
    right: float = 0.14
    bottom: float = 0.5
    top: float = 0.12
    down: float = 0.0
    along: float = 0.0

    def give(self, figure: Any, panels: tuple[int, int]) -> None:
        """Place the panels of a figure."""
        width, height = figure.get_size_inches()
        rows, cols = panels
        tall = (height - self.bottom - self.top - (rows - 1) * self.down) / rows
        wide = (width - self.left - self.right - (cols - 1) * self.along) / cols
        figure.subplots_adjust(
            self.left / width, self.bottom / height, 1 - self.right / width, 1 - self.top / height,
            self.along / wide, self.down / tall,
        )  # fmt: skip


def _canvas(
    width: float, height: float, panels: tuple[int, int] = (1, 1), room: Room | None = None,
    heights: Sequence[float] | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layout: Any = "constrained" if room is None else "none"
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    figure.patch.set_alpha(0)
    axes = figure.subplots(*panels, squeeze=False, height_ratios=heights)
    if room is not None:
        room.give(figure, panels)
    for ax in axes.flat:
        ax.patch.set_alpha(0)
        ax.tick_params(colors=INK, labelsize=9)
        for side, spine in ax.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(INK)
        ax.xaxis.label.set_color(INK)
        ax.yaxis.label.set_color(INK)
    return figure, axes


def _drawn(figure: Any) -> Array:
    # Not `savefig`, which lays out and draws twice, and would have to be read back.
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())


def curves(columns: Mapping[str, Sequence[float]], ylabel: str, percent: bool = False) -> Array:
    """Lines over the epochs 1, 2, …, each with its name at its end."""
    figure, axes = _canvas(5.6, 3.0)
    ax = axes[0, 0]
    for colour, (name, values) in zip(LINES, columns.items(), strict=False):
        epochs = np.arange(1, len(values) + 1)
        shown = np.asarray(values) * (100 if percent else 1)
        marker = "o" if len(values) == 1 else None
        ax.plot(epochs, shown, color=colour, linewidth=2, label=name, marker=marker)
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend = ax.legend(frameon=False, fontsize=9)
    for words in legend.get_texts():
        words.set_color(INK)
    return _drawn(figure)


def histograms(
    spreads: Sequence[Any], xlabel: str, logarithmic: bool = False, columns: int = 2
) -> Array:
    """One small histogram for each `Spread`, with the layer's name above it."""
    columns = min(columns, max(1, len(spreads)))
    lines = -(-len(spreads) // columns)
    room = Room(left=0.66, bottom=0.5, top=0.26, down=0.74, along=0.5)
    figure, axes = _canvas(2.4 * columns, 1.9 * lines, (lines, columns), room)
    for ax in axes.flat[len(spreads) :]:
        ax.set_visible(False)
    for ax, spread in zip(axes.flat, spreads, strict=False):
        counts = np.asarray(spread.counts) / max(1, sum(spread.counts))
        ax.stairs(counts * 100, spread.edges, fill=True, color=LINES[0])
        if logarithmic:
            _powers(ax)
        ax.set_title(_label(spread.name), fontsize=9, color=INK, parse_math=False)
        ax.set_xlabel(xlabel, fontsize=8)
    for ax in axes[:, 0]:
        ax.set_ylabel("% of values", fontsize=8)
    return _drawn(figure)


def _powers(ax: Any) -> None:
    """A logarithmic scale upwards, with words at the powers of ten; where there is one of them or
    none, with plain numbers at a few multiples of it as well, which then tell the scale."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if sum(low <= tick <= high for tick in ax.get_yticks()) > 1:
        ax.yaxis.set_minor_locator(NullLocator())
        return
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    several = [np.outer(powers, multiples).ravel() for multiples in MULTIPLES]
    several.append(low + np.array([0.1, 0.9]) * (high - low))  # hardly any difference
    inside = [ticks[(low <= ticks) & (ticks <= high)] for ticks in several]
    short = FuncFormatter(lambda value, _: f"{value:.3g}")
    ax.yaxis.set_major_locator(NullLocator())
    ax.yaxis.set_minor_locator(FixedLocator(next(ticks for ticks in inside if len(ticks) > 1)))
    ax.yaxis.set_minor_formatter(short)
    ax.tick_params(which="minor", colors=INK, labelsize=9)


def bars(names: Sequence[str], parts: Mapping[str, Sequence[float]], xlabel: str) -> Array:
    """One bar a name, the first on top, each of its parts behind the one before."""
    figure, axes = _canvas(6.4, 1.1 + 0.22 * len(names))
    ax, places = axes[0, 0], np.arange(len(names))
    left = np.zeros(len(names))
    for colour, (part, values) in zip(LINES, parts.items(), strict=False):
        ax.barh(places, values, 0.7, left, color=colour, label=part)
        left += values
    ax.set_yticks(places, [_label(name) for name in names], parse_math=False)
    ax.invert_yaxis()
    ax.margins(y=0.02)
    ax.set_xlabel(xlabel)
    for words in ax.legend(frameon=False, fontsize=9, loc="lower right").get_texts():
        words.set_color(INK)
    return _drawn(figure)


def _width(names: Sequence[str], size: float) -> float:
    """How many inches wide the widest of these words is, written with so many points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font, measure = FontProperties(size=size), TextToPath().get_text_width_height_descent
    return max((measure(name, font, False)[0] for name in names), default=0.0) / 72


def _label(name: str, limit: int = 30) -> str:
    """A name that every font has, and that is not too long."""
    name = name.encode("ascii", "replace").decode()
    return name if len(name) <= limit else f"{name[: limit - 3]}..."


def confusion(matrix: Array, numbers: Sequence[int] | None = None) -> Array:
    """The confusion matrix: shades for the mistakes, the diagonal of right answers left plain.

    Numbers stand in the cells of small matrices; axes carry class numbers. numbers: the classes'
    own, where the matrix is a part of a larger one.
    """
    classes = len(matrix)
    size = 4.6 if classes <= 20 else 6.0
    figure, axes = _canvas(size, size)
    ax = axes[0, 0]
    wrong = matrix.astype(float).copy()
    np.fill_diagonal(wrong, np.nan)
    # A single mistake is no alarm: the darkest red begins at five.
    top = max(5.0, float(np.nanmax(wrong)) if classes > 1 else 0.0)
    ax.imshow(wrong, cmap="OrRd", vmin=0, vmax=top)
    if classes <= 20:
        for row, col in np.argwhere(matrix):
            right = row == col
            dark = not right and matrix[row, col] > 0.6 * top
            colour = INK if right else ("white" if dark else "#222222")
            ax.text(col, row, str(matrix[row, col]), ha="center", va="center", fontsize=8,
                    color=colour)  # fmt: skip
        names = list(range(classes)) if numbers is None else list(numbers)
        ax.set_xticks(range(classes), names, rotation=0 if numbers is None else 90)
        ax.set_yticks(range(classes), names)
    ax.set_xlabel("answered")
    ax.set_ylabel("true class")
    return _drawn(figure)
