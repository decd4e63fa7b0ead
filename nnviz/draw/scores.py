"""Charts of how good a network is: by class, by confidence, by small change, and beside another.

Classes stand there by number: names belong into text, because fonts lack many of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.layer import Array
from ..inspection.evaluation import Calibration, ClassChange, ClassScore, Flips
from .chart import INK, LINES, Room, _canvas, _drawn

MOST = 20
"""Classes at the most: a chart of a thousand lines is no picture."""
WIDTH = 5.6


def reliability(found: Calibration) -> Array:
    """The reliability diagram: how often answers were right, over how sure they were of it; below
    it, how many answers were so sure."""
    from matplotlib.ticker import NullFormatter

    figure, axes = _canvas(WIDTH, 4.6, (2, 1), Room(down=0.4), [3, 1])
    upper, lower = axes[:, 0]
    edges, sure, right = (100 * part for part in (found.edges, found.confidence, found.accuracy))
    width = edges[:, 1] - edges[:, 0]
    upper.plot([0, 100], [0, 100], color=INK, linewidth=1, linestyle="--", label="as it should be")
    upper.bar(edges[:, 0], right, width, align="edge", color=LINES[0], alpha=0.35)
    upper.errorbar(
        sure, right, _margins(right, 100 * found.intervals), fmt="o", color=LINES[0], markersize=5,
        linewidth=1.5, capsize=3, label="measured, with 95 % interval",
    )  # fmt: skip
    upper.set_ylabel("answers that are right, %")
    upper.set_ylim(0, 104)
    _legend(upper, "upper left")
    lower.bar(edges[:, 0], found.counts, width, align="edge", color=LINES[0])
    lower.set_yscale("log")
    lower.yaxis.set_minor_formatter(NullFormatter())
    lower.set_ylim(0.7, 2 * found.counts.max())
    lower.set_ylabel("answers")
    lower.set_xlabel("how sure the network says it is, %")
    for ax in (upper, lower):
        ax.set_xlim(0, 101)
    return _drawn(figure)


def _margins(values: Array, intervals: Array) -> Array:
    """How far each interval reaches below and above its value, (2, n)."""
    return np.abs(intervals.T - values)


def _legend(ax: Any, place: str) -> None:
    legend = ax.legend(frameon=False, fontsize=9, loc=place)
    for words in legend.get_texts():
        words.set_color(INK)


def _lines(names: Sequence[str], axis: str, words: str) -> tuple[Any, Any]:
    """A figure with a line for each name, from top to bottom."""
    figure, axes = _canvas(WIDTH, 1.0 + 0.27 * len(names))
    ax = axes[0, 0]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(axis)
    if words:
        ax.set_ylabel(words)
    return figure, ax


def precision_recall(scores: Sequence[ClassScore]) -> Array:
    """Each class's recall and precision with their intervals; classes without either left out.

    Of more than 20 classes the 20 with the lowest recall are shown, the lowest first.
    """
    seen = [one for one in scores if one.recall is not None or one.precision is not None]
    if len(seen) > MOST:
        rank = [1.0 if one.recall is None else one.recall for one in seen]
        seen = [seen[i] for i in np.argsort(rank, kind="stable")[:MOST]]
    figure, ax = _lines([str(one.label) for one in seen], "%", "class")
    kinds = (
        ("recall: of its pictures, recognized", -0.15, "o",
         [(one.recall, one.recall_interval) for one in seen]),
        ("precision: of its answers, right", 0.15, "s",
         [(one.precision, one.precision_interval) for one in seen]),
    )  # fmt: skip
    for colour, (words, shift, marker, values) in zip(LINES, kinds, strict=False):
        there = [i for i, (value, _) in enumerate(values) if value is not None]
        share = np.array([100 * (values[i][0] or 0.0) for i in there])
        ends = np.array([values[i][1] for i in there], float).reshape(-1, 2)
        ax.errorbar(
            share, np.array(there) + shift, xerr=_margins(share, 100 * ends), fmt=marker,
            color=colour, markersize=4.5, linewidth=1.5, label=words,
        )  # fmt: skip
    ax.set_xlim(right=100.5)
    legend = figure.legend(
        *ax.get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside upper center",
        ncols=2,
    )  # fmt: skip
    for words in legend.get_texts():
        words.set_color(INK)
    return _drawn(figure)


def flip_shares(found: Flips) -> Array:
    """For each small change, the share of right answers that it turns wrong."""
    shares = (*found.shares, found.total)
    names = [*map(str, found.changes), "at least one of them"]
    figure, ax = _lines(names, "right answers that turn wrong, %", "")
    values = np.array([100 * (one.share or 0.0) for one in shares])
    ends = 100 * np.array([one.interval or (0.0, 0.0) for one in shares])
    colours = [LINES[0]] * len(found.changes) + [LINES[1]]
    ax.barh(range(len(names)), values, 0.6, color=colours)
    ax.errorbar(
        values, range(len(names)), xerr=_margins(values, ends), fmt="none", ecolor=INK,
        linewidth=1.5, capsize=3,
    )  # fmt: skip
    ax.set_xlim(left=0, right=max(1.0, float(ends.max()) * 1.05))
    return _drawn(figure)


def class_changes(changes: Sequence[ClassChange]) -> Array:
    """What became of each class from one model to the other, the first 20 as they come.

    With labels the difference of the accuracies and its interval, else how far the probability
    moved on average.
    """
    shown = changes[:MOST]
    labelled = any(one.difference is not None for one in shown)
    axis = "accuracy, b minus a, percentage points" if labelled else "mean change of probability, %"
    figure, ax = _lines([str(one.label) for one in shown], axis, "class")
    ax.axvline(0, color=INK, linewidth=1, linestyle="--")
    if not labelled:
        ax.barh(range(len(shown)), [100 * one.moved for one in shown], 0.6, color=LINES[0])
        return _drawn(figure)
    there = [i for i, one in enumerate(shown) if one.difference is not None]
    values = np.array([100 * (shown[i].difference or 0.0) for i in there])
    ends = 100 * np.array([shown[i].interval for i in there], float)
    ax.errorbar(
        values, there, xerr=_margins(values, ends), fmt="o", color=LINES[0], markersize=5,
        linewidth=1.5, capsize=3,
    )  # fmt: skip
    reach = max(1.0, float(np.abs(ends).max()) * 1.05)
    ax.set_xlim(-reach, reach)
    return _drawn(figure)
