"""A picture seen through masks, and what the target thinks of it.

All methods of this folder do the same three things: choose masks, ask for the target's value of the
picture seen through each, and make a map of the values. The middle one lives here. A mask is 1
where the picture shows and 0 where the fill does. Masks come as a stream and go through the network
a few hundred at a time; no method holds all masked pictures. Leaving out one segment by itself
changes a corner of the picture, and only what reads this corner is run again (`engine.boxes`);
masks drawn at random (RISE, Shapley, LIME, HSIC) change cells all over it, so that next to nothing
of a run could be taken from another.

Pictures are taken one by one, each with the same masks, so that a picture's map is the same to the
last bit alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ...results import Attribution
from ..baseline import baselines, described
from ..covering import scores_without
from ..question import Question
from ..segments import kind_of, label_maps


@dataclass(frozen=True)
class Masked:
    """One picture seen through masks.

    question: of this picture alone. fills: one or several (1, rows, cols, channels), the network's
    input where a mask is 0; of several, the target's mean over them counts.
    """

    question: Question
    fills: tuple[Array, ...]

    def through(self, mask: Array, fill: Array) -> Array:
        """m ⊙ x + (1 − m) ⊙ fill, (1, rows, cols, channels), for a mask m (rows, cols).

        `Model.input` is a straight line for each channel, so that blending here is blending pixels.
        """
        m = mask[..., None]
        if m.dtype == bool:
            return np.where(m, self.question.x, fill)
        m = m.astype(fill.dtype)
        return m * self.question.x + (1 - m) * fill

    def scores(self, masks: Iterable[Array]) -> Iterator[float]:
        """The target's value behind each mask, in order."""
        points = (self.through(mask, fill) for mask in masks for fill in self.fills)
        found = (float(score[0]) for score in self.question.scores(points))
        while each := list(islice(found, len(self.fills))):
            yield sum(each) / len(each)

    def slope(self, mask: Array, moved: tuple[int, ...] = (0, 0)) -> Array:
        """∂f/∂m, (rows, cols), for the picture behind the mask, moved round the border by (rows,
        cols)."""
        points = (np.roll(self.through(mask, f), moved, axis=(1, 2)) for f in self.fills)
        total = np.zeros(mask.shape)
        for fill, walk in zip(self.fills, self.question.walks(points), strict=True):
            back = np.roll(walk.gradient, tuple(-by for by in moved), axis=(1, 2))
            total += (back * (self.question.x - fill)).sum(axis=(0, 3), dtype=np.float64)
        return total / len(self.fills)


@dataclass(frozen=True)
class Game(Masked):
    """A picture's segments as players: v(S) = the target with the segments outside S filled.

    labels: (rows, cols), the segment 0 … count − 1 of each pixel.
    """

    labels: Array
    count: int

    def worth(self, coalitions: Iterable[Array]) -> Array:
        """v of each coalition: (k,) of truth values, or of parts 0..1 of the picture shown."""
        return np.fromiter(self.scores(z[self.labels] for z in coalitions), np.float64)

    def left_out(self) -> Array:
        """v without each segment by itself; only what the segment can change is run again."""
        one = self.question
        found = [scores_without(one, one.x, self.labels, fill) for fill in self.fills]
        return np.stack(found).mean(axis=0, dtype=np.float64)

    def exchanged(self, a: Array, b: Array) -> Array:
        """(count,): v of the coalition a with each segment by itself as in b, likewise."""
        found = []
        for fill in self.fills:
            old, new = (self.through(z[self.labels], fill) for z in (a, b))
            found.append(scores_without(self.question, old, self.labels, new))
        return np.stack(found).mean(axis=0, dtype=np.float64)

    @property
    def ends(self) -> tuple[float, float]:
        """v of nothing and v of everything."""
        nothing, everything = self.worth(np.repeat([[False], [True]], self.count, axis=1))
        return float(nothing), float(everything)


@dataclass(frozen=True)
class Solved:
    """What a method made of one picture: parts (k,), a number for each segment; its standard
    errors; the completeness gap; warnings."""

    parts: Array
    error: Array | None = None
    gap: Array | float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentAttribution(Attribution):
    """A map that is constant on segments.

    labels: (N, rows, cols), each pixel's segment. parts: (N, most segments), each segment's value,
    NaN beyond a picture's last; `values` shows it at each of the segment's pixels, not shared out
    among them, so sums are over segments: `gap` is Σ parts minus the difference of scores, relative
    to it.
    """

    labels: Array | None = None
    parts: Array | None = None


def masked(question: Question, bases: Sequence[Array]) -> list[Masked]:
    """Each picture with its fills, each (N or 1, …), ready to be seen through masks."""
    return [
        Masked(one, tuple(base if len(base) == 1 else base[i : i + 1] for base in bases))
        for i, one in enumerate(question.slices(1))
    ]


def games(
    question: Question, pixels: Array, segments: Any, count: int, bases: Sequence[Array]
) -> list[Game]:
    """Each picture with its fills and its segments."""
    labels = label_maps(segments, pixels, count)
    return [
        Game(one.question, one.fills, map_, int(map_.max()) + 1)
        for one, map_ in zip(masked(question, bases), labels, strict=True)
    ]


def by_segment(
    model: Model,
    x: Any,
    target: Any,
    name: str,
    solve: Callable[[Game], Solved],
    *,
    segments: Any,
    count: int,
    fill: Any = None,
    bases: Sequence[Array] = (),
    cause: str,
    signed: bool,
    settings: Mapping[str, Any],
    seed: int | None = None,
) -> SegmentAttribution:
    """The map that `solve` makes of each picture's game; `settings` are the method's own.

    bases: fills as network input, in place of `fill`.
    """
    question = Question.of(model, x, target, name)
    bases = bases or baselines(question, fill, "fill")
    every = games(question, model.input.check(x), segments, count, bases)
    solved = [solve(game) for game in every]
    made = {"segments": kind_of(segments), "count": count} if isinstance(segments, str) else {
        "segments": "given"}  # fmt: skip
    filled = {} if fill is None else {"fill": described(fill)}
    labels = np.stack([game.labels for game in every])
    errors = [one.error for one in solved if one.error is not None]
    gaps = [one.gap for one in solved if one.gap is not None]
    answer = question.answer(
        _spread([one.parts for one in solved], every),
        scores=question.score(),
        signed=signed,
        cause=cause,
        gap=np.array(gaps) if gaps else None,
        error=_spread(errors, every) if errors else None,
        settings={**made, **filled, **settings},
        seed=seed,
        warnings=tuple(w for one in solved for w in one.warnings),
    )
    parts = np.full((len(solved), max(game.count for game in every)), np.nan)
    for row, one in zip(parts, solved, strict=True):
        row[: len(one.parts)] = one.parts
    return SegmentAttribution(**vars(answer), labels=labels, parts=parts.astype(question.x.dtype))


def _spread(parts: list[Array], every: list[Game]) -> Array:
    """(N, rows, cols): each segment's number at all of its pixels."""
    return np.stack([one[game.labels] for one, game in zip(parts, every, strict=True)])
