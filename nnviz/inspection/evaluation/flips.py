"""Which right answers do not survive a small change of the picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ..probability import probabilities
from ..results import Part, Provenance, Result
from .changes import SMALL_CHANGES, Change, changed
from .classifier import as_classifier, class_labels, labels_of
from .intervals import Interval, wilson

BLOCK_BYTES = 64 << 20
"""Pictures are changed and run in blocks whose activations take about so much."""


@dataclass(frozen=True)
class FlipShare(Part):
    """How many of the right answers one change makes wrong.

    change: None for "at least one of the changes". share = flips / of, with its 95 % Wilson
    interval; None where no answer was right to begin with.
    """

    change: Change | None
    flips: int
    of: int
    share: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Flips(Result):
    """The answers to N pictures, unchanged and after each of the C changes.

    changes: what was done. labels, predicted: (N,), the truth and the unchanged picture's answer.
    confidence: (N,), of that answer. answers: (C, N), the changed pictures' answers; sure: (C, N),
    their probability.
    """

    changes: tuple[Change, ...]
    labels: Array
    predicted: Array
    confidence: Array
    answers: Array
    sure: Array
    provenance: Provenance

    @property
    def flipped(self) -> Array:
        """(C, N): whether the answer was right and is wrong after the change."""
        return (self.predicted == self.labels) & (self.answers != self.labels)

    @property
    def fragile(self) -> Array:
        """The numbers of the pictures that flip, first those that the most changes flip; among
        equals first those that were surest."""
        times = self.flipped.sum(axis=0)
        numbers = np.flatnonzero(times)
        return numbers[np.lexsort((numbers, -self.confidence[numbers], -times[numbers]))]

    def of(self, picture: int) -> tuple[Change, ...]:
        """The changes that flip one picture."""
        return tuple(self.changes[c] for c in np.flatnonzero(self.flipped[:, picture]))

    @property
    def shares(self) -> tuple[FlipShare, ...]:
        """For each change the share of the right answers that it makes wrong."""
        return tuple(
            self._share(change, flips)
            for change, flips in zip(self.changes, self.flipped, strict=True)
        )

    @property
    def total(self) -> FlipShare:
        """The share of the right answers that at least one of the changes makes wrong."""
        return self._share(None, np.asarray(self.flipped.any(axis=0)))

    def _share(self, change: Change | None, flips: Array) -> FlipShare:
        count, of = int(flips.sum()), int((self.predicted == self.labels).sum())
        if not of:
            return FlipShare(change, count, of, None, None)
        return FlipShare(change, count, of, count / of, wilson(count, of))


@of_model
def flips(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    changes: Sequence[Change] = SMALL_CHANGES,
    seed: int = 0,
) -> Flips:
    """Give each picture every small change by itself, and see which right answers turn wrong.

    x: (N, rows, cols, channels), or a `Dataset`, whose labels are taken where `y` is None. y: (N,)
    class numbers. changes: what to try, one at a time; the default is `SMALL_CHANGES`. seed: of the
    noise, which is the same for every picture.
    Raises `ArgumentError` for a model that is no classifier or has no pictures as input, for labels
    that are no classes of it, and where `changes` is empty or holds anything but `Change`s.
    """
    if len(model.input.shape) != 3:
        raise ArgumentError(f"flips changes pictures, this model's input is {model.input.shape}")
    tried = tuple(changes) if isinstance(changes, Iterable) else ()
    if not tried or not all(isinstance(change, Change) for change in tried):
        raise ArgumentError(f"changes must be a sequence of at least one Change, got {changes!r}")
    judged, pictures = as_classifier(model), model.input.check(x)
    labels = class_labels(labels_of(x, y), len(pictures), judged.output_shape[0])
    answers = np.empty((1 + len(tried), len(pictures)), np.int64)
    sure = np.empty(answers.shape, np.float64)
    for block in _blocks(judged, len(pictures)):
        part, true = pictures[block], labels[block]
        for row, change in enumerate((None, *tried)):
            new = part if change is None else changed(judged, part, true, change, seed=seed)
            p = probabilities(judged, judged.predict(new))
            answers[row, block], sure[row, block] = p.argmax(axis=1), p.max(axis=1)
    settings = {"changes": tuple((change.kind, change.amount) for change in tried)}
    return Flips(
        changes=tried,
        labels=labels,
        predicted=answers[0],
        confidence=sure[0],
        answers=answers[1:],
        sure=sure[1:],
        provenance=Provenance.of(model, "flips", settings=settings, seed=seed),
    )


def _blocks(model: Model, n: int) -> list[slice]:
    """The pictures in blocks whose activations fit into `BLOCK_BYTES`."""
    one = 8 * sum(math.prod(shape) for shape in model.shapes.values())
    size = max(1, BLOCK_BYTES // one)
    return [slice(start, start + size) for start in range(0, n, size)]
