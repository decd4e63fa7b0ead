"""Charts of how far methods can be believed: what they found, what they cost, what survives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.layer import Array
from ..inspection.evaluation import MethodRanking, Sanity, Scores, SelfTest
from ..inspection.evaluation.intervals import mean_there
from .chart import INK, LINES, _canvas, _drawn
from .results import picture

CONTROL_INK = "#9a9a9a"
MARKED = "#c2255c"
"""The colour of what does not pass."""


def _legend(ax: Any, **where: Any) -> None:
    for words in ax.legend(frameon=False, fontsize=8, **where).get_texts():
        words.set_color(INK)


@picture.register
def _(result: SelfTest, pictures: Array | None = None, cmap: str | None = None) -> Array:
    """A line for each method, the best first; a column for each network, with hits and intervals,
    and one for what survives the destruction of the network."""
    names = ranked(result)
    figure, axes = _canvas(
        2.6 + 2.3 * (len(result.networks) + 1), 1.4 + 0.16 * len(names),
        (1, len(result.networks) + 1),
    )  # fmt: skip
    for ax in axes[0]:
        ax.set_yticks(range(len(names)), names, fontsize=7)
        ax.set_ylim(len(names) - 0.5, -0.5)
        if ax is not axes[0, 0]:
            ax.tick_params(labelleft=False)
    for ax, learnt in zip(axes[0], result.networks, strict=False):
        lines = [(i, result.of(name, learnt.name)) for i, name in enumerate(names)]
        ax.axvspan(*(100 * end for end in learnt.random_interval), color=CONTROL_INK, alpha=0.5)
        for kind, colour, marker, words in (
            ("decoys", MARKED, "x", "at what only looks like a reason"),
            ("hits", LINES[0], "o", "at the true place"),
        ):
            there = [(i, one) for i, one in lines if getattr(one, kind) is not None]
            if not there:
                continue
            value = np.array([100 * getattr(one, kind) for _, one in there])
            ends = [one.interval if kind == "hits" else one.decoy_interval for _, one in there]
            spread = np.abs(100 * np.array(ends).T - value)
            ax.errorbar(
                value, [i for i, _ in there], xerr=spread, fmt=marker, color=colour, markersize=3,
                linewidth=0.8, label=words,
            )  # fmt: skip
        ax.set_xlim(-3, 103)
        ax.set_title(learnt.name, fontsize=8, color=INK)
        ax.set_xlabel("% of pictures; grey: the random map", fontsize=7)
    last = axes[0, -1]
    survival = [result.survival.get(name, np.nan) for name in names]
    colours = [MARKED if result.marks.get(name) else LINES[2] for name in names]
    last.barh(range(len(names)), survival, 0.7, color=colours)
    ends = [result.survival_interval.get(name) or (np.nan, np.nan) for name in names]
    last.hlines(range(len(names)), *np.array(ends).reshape(-1, 2).T, color=INK, linewidth=0.8)
    last.axvline(0.5, color=INK, linewidth=1, linestyle="--")
    last.set_xlim(-1, 1.03)
    last.set_title("survives the network (red: marked)", fontsize=8, color=INK)
    last.set_xlabel("rank correlation, network destroyed", fontsize=7)
    handles, words = axes[0, min(1, len(result.networks) - 1)].get_legend_handles_labels()
    legend = figure.legend(handles, words, frameon=False, fontsize=8, loc="outside upper center",
                           ncols=2)  # fmt: skip
    for said in legend.get_texts():
        said.set_color(INK)
    return _drawn(figure)


def ranked(result: SelfTest) -> list[str]:
    """The methods, those with the most hits first, over the networks whose cue is no spurious one;
    what cannot explain any of them is left out."""
    honest = {learnt.name for learnt in result.networks if not learnt.spurious}
    hits: dict[str, list[float]] = {}
    for one in result.found:
        if one.network in honest and one.hits is not None:
            hits.setdefault(one.method, []).append(one.hits)
    return sorted(hits, key=lambda name: (-float(np.mean(hits[name])), name))


@picture.register
def _(result: Scores, pictures: Array | None = None, cmap: str | None = None) -> Array:
    """The deletion and the insertion curve, averaged over the pictures, beside the controls'."""
    figure, axes = _canvas(6.8, 2.8, (1, 2))
    names = [result.provenance.method, *result.controls]
    for ax, curves, words in zip(
        axes[0],
        (result.deletion, result.insertion),
        ("taken away: lower is better", "put in: higher is better"),
        strict=True,
    ):
        for i, (name, curve) in enumerate(zip(names, curves.mean(axis=1), strict=True)):
            style = {"color": LINES[0], "linewidth": 2} if not i else {
                "color": CONTROL_INK, "linewidth": 1.2, "linestyle": ("-", "--", ":")[(i - 1) % 3]
            }  # fmt: skip
            ax.plot(100 * result.shares, curve, label=name, **style)
        ax.set_xlabel(f"% of the pixels {words}", fontsize=8)
        ax.set_ylim(bottom=min(0.0, float(curves.min())))
    axes[0, 0].set_ylabel("probability", fontsize=8)
    _legend(axes[0, 0])
    return _drawn(figure)


@picture.register
def _(result: Sanity, pictures: Array | None = None, cmap: str | None = None) -> Array:
    """How alike the maps stay while the network is destroyed from the top down."""
    figure, axes = _canvas(5.6, 3.0)
    ax = axes[0, 0]
    places = np.arange(len(result.nodes) + 1)
    for which, words, colour in ((0, "rank correlation", LINES[0]), (1, "SSIM", LINES[1])):
        means = [1.0, *mean_there(result.cascading[which], 1)]
        ax.plot(places, means, color=colour, marker="o", markersize=4, label=words)
        if result.independent is not None:
            alone = mean_there(result.independent[which], 1)
            ax.plot(places[1:], alone, color=colour, marker="x", linestyle="none",
                    label=f"{words}, that layer alone")  # fmt: skip
    ax.axhline(0.5, color=INK, linewidth=1, linestyle="--")
    shown: Sequence[str] = ["whole", *(name.encode("ascii", "replace").decode()[:24]
                                       for name in result.nodes)]  # fmt: skip
    ax.set_xticks(places, shown, rotation=30, ha="right", fontsize=7, parse_math=False)
    ax.set_xlabel("destroyed from the top down to", fontsize=8)
    ax.set_ylabel("similarity of the maps", fontsize=8)
    ax.set_ylim(min(-0.1, *ax.get_ylim()), 1.05)
    _legend(ax)
    return _drawn(figure)


@picture.register
def _(result: MethodRanking, pictures: Array | None = None, cmap: str | None = None) -> Array:
    """Quality against time: the upper left is best; numbers are places in the list beside it."""
    rows = result.rows
    figure, axes = _canvas(8.0, max(3.4, 1.0 + 0.17 * len(rows)))
    ax = axes[0, 0]
    for name, value in result.controls:
        ax.axhline(value, color=CONTROL_INK, linewidth=1, linestyle="--")
        ax.annotate(name, (1.0, value), xycoords=("axes fraction", "data"), fontsize=7,
                    color=CONTROL_INK, ha="right", va="bottom")  # fmt: skip
    for place, row in enumerate(rows, 1):
        colour = MARKED if row.marks else LINES[0]
        at = 1e3 * row.seconds
        if row.interval is not None:
            ax.plot([at, at], row.interval, color=colour, linewidth=1, alpha=0.6)
        ax.plot(at, row.quality, "o", color=colour, markersize=5)
        ax.annotate(str(place), (at, row.quality), xytext=(4, 3), textcoords="offset points",
                    fontsize=8, color=INK)  # fmt: skip
        ax.annotate(f"{place}  {row.method}", (1.03, 1 - (place - 0.5) / max(len(rows), 12)),
                    xycoords="axes fraction", fontsize=7.5, color=colour, va="center",
                    annotation_clip=False)  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlabel("milliseconds a picture; red: marked by the sanity check", fontsize=8)
    ax.set_ylabel("insertion minus deletion: higher is better", fontsize=8)
    return _drawn(figure)
