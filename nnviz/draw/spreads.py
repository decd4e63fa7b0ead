"""A chart of how far the numbers of each layer reach, from the first layer to the last."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..engine.layer import Array
from ..inspection.anatomy.spread import Spread
from .chart import DPI, INK, LINES, Room, _canvas, _drawn, _label, _width

WORD = 0.4
"""Inches that a power of ten under the axis takes."""


def ranges(weights: Sequence[Spread], activations: Sequence[Spread]) -> Array:
    """A line a layer: thin from the smallest to the largest number, thick one standard deviation to
    either side of the mean. On the left what was learnt, on the right what is answered.

    The scale is linear around zero and logarithmic far from it.
    """
    parts = [(t, s) for t, s in (("learnt numbers", weights), ("answers", activations)) if s]
    tall = 0.9 + 0.24 * max(len(spreads) for _, spreads in parts)
    names = [[_label(s.name.removesuffix("/weight")) for s in spreads] for _, spreads in parts]
    room = Room(0.2 + _width([*chain(*names)], 8), bottom=0.3, top=0.28, down=0.6)
    figure, axes = _canvas(5.6, 0.5 + tall * len(parts), (len(parts), 1), room,
                           [0.9 + 0.24 * len(s) for _, s in parts])  # fmt: skip
    for ax, words, (title, spreads) in zip(axes[:, 0], names, parts, strict=True):
        places = np.arange(len(spreads))
        table = np.array([(s.mean, s.std, s.low or 0.0, s.high or 0.0) for s in spreads])
        mean, std, low, high = table.T
        ax.axvline(0, color=INK, linewidth=0.8, linestyle="--")
        ax.hlines(places, low, high, color=LINES[0], linewidth=1.2)
        ax.hlines(places, np.maximum(mean - std, low), np.minimum(mean + std, high),
                  color=LINES[0], linewidth=6)  # fmt: skip
        ax.plot(mean, places, "|", color=LINES[1], markersize=9, markeredgewidth=2)
        ax.set_yticks(places, words, fontsize=8)
        for label in ax.get_yticklabels():
            label.set_parse_math(False)
        ax.set_ylim(len(spreads) - 0.4, -0.6)
        ax.set_title(title, fontsize=9, color=INK, loc="left")
        if is_logarithmic(spreads):
            ax.set_xscale("symlog", linthresh=10.0 ** np.ceil(np.log10(_typical(spreads))))
            ax.set_xticks(_apart(ax))
    return _drawn(figure)


def _apart(ax: Any) -> list[float]:
    """The ticks of an axis, from zero outwards, that leave room for their words: near zero the
    powers of ten lie close."""
    low, high = ax.get_xlim()
    ticks = [float(tick) for tick in ax.get_xticks() if low <= tick <= high]
    places = ax.transData.transform([(tick, 0.0) for tick in ticks])[:, 0] / DPI
    kept: dict[float, float] = {}
    for place, tick in sorted(zip(places, ticks, strict=True), key=lambda pair: abs(pair[1])):
        if all(abs(place - other) >= WORD for other in kept):
            kept[float(place)] = tick
    return sorted(kept.values())


def is_logarithmic(spreads: Sequence[Spread]) -> bool:
    """Whether the numbers of some layers are so much larger than those of most that the scale far
    from zero goes by powers of ten."""
    ends = [abs(end) for s in spreads for end in (s.low, s.high) if end is not None]
    return max(ends, default=0.0) > 20 * _typical(spreads)


def _typical(spreads: Sequence[Spread]) -> float:
    return float(np.median([s.std for s in spreads])) or 1.0
