"""What the first pixels of a few maps are worth, and no more: one point of the deletion curves of
`score`, for what is said under a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ...attribution.question import Question
from .controls import CONTROLS
from .curves import Asker
from .measures import order, picture_seed
from .score import fills_of


@dataclass(frozen=True)
class Falls:
    """Of N pictures the probability of the class explained (the target itself where it is no
    class): before, (N,); after the first pixels of M maps were taken away, (M, N); and after those
    of a random map were, (N,)."""

    before: Array
    after: Array
    random: Array


def falls(
    model: Model,
    x: Array,
    maps: Array,
    target: Any,
    *,
    share: float,
    fill: Any = 0.0,
    seed: int = 0,
) -> Falls:
    """x: (N, rows, cols, channels). maps: (M, N, rows, cols), what speaks for the target (see
    `speaking`). share: of the pixels, which are taken away, rounded down but one at least. fill,
    seed: as for `score`, whose curves have the same values where they have this point.
    """
    question = Question.of(model, x, target, "score")
    asker, fills, ready = Asker.of(question), fills_of(question, fill), question.x
    every = np.concatenate([maps, CONTROLS["random"](ready, seed)[None]])
    count = max(1, int(share * every[0, 0].size))
    found = np.empty((len(every) + 1, len(ready)))
    for i, picture in enumerate(ready):
        rng = (*picture_seed(picture, seed), 1)
        taken = np.zeros((len(every) + 1, picture[..., 0].size), bool)
        for away, one in zip(taken[1:], every[:, i], strict=True):
            away[order(one, np.random.default_rng(rng))[:count]] = True
        taken = taken.reshape(-1, *picture.shape[:2], 1)
        points = np.where(taken, fills[i], picture).astype(ready.dtype, copy=False)
        found[:, i] = asker.ask(points, np.full(len(points), i))[1]
    return Falls(found[0], found[1:-1], found[-1])
