"""What the network says while a picture is taken away, or comes in, pixel by pixel.

A map orders the pixels. Taking the first ones away should cost the answer soon, putting them into
an empty picture should bring it soon; the areas under both curves are the deletion and insertion
scores. The controls are asked about in the same runs, and what all maps share (the whole picture
and the empty one) is asked once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ....engine.rewrite import fold_batch_norm, up_to
from ...attribution.goal import Goal, as_goal
from ...attribution.question import Question
from ...attribution.target import Probability

BATCH = 256
"""Changed pictures that go through the network together."""


@dataclass(frozen=True)
class Asker:
    """Asks a network for the target and for the probability, in one run.

    model: it ends where they are read; to one node alone it is run the quickest way. likely: the
    probability of the class explained; where the target is no class, the target again.
    """

    model: Model
    goal: Goal
    likely: Goal

    @classmethod
    def of(cls, question: Question) -> Asker:
        """For a question's model and target; batch normalizations are folded away."""
        goal, model = question.goal, question.model
        classes = goal.classes(len(question))
        likely = goal if classes is None else as_goal(model, Probability(tuple(classes.tolist())))
        nodes = {*goal.nodes, *likely.nodes}
        return cls(up_to(fold_batch_norm(model, keep=nodes), *nodes), goal, likely)

    def ask(self, points: Array, pictures: Array) -> Array:
        """(2, M): the target and the probability at points (M, …); pictures: (M,), the number of
        the picture that each was made from."""
        found = []
        nodes = tuple(dict.fromkeys((*self.goal.nodes, *self.likely.nodes)))
        for start in range(0, len(points), BATCH):
            batch = points[start : start + BATCH]
            trace = self.model.run(batch, prepared=True, keep=nodes[1:] and nodes)
            outputs = {node: trace[node].y for node in nodes}
            made_from = pictures[start : start + BATCH].tolist()
            goals = (g.take(made_from) for g in (self.goal, self.likely))
            found.append(np.stack([g.values(outputs) for g in goals]).astype(np.float64))
        return np.concatenate(found, axis=1)


@dataclass(frozen=True)
class Curves:
    """For M maps of N pictures, the answers at K + 1 shares of the pixels, 0 … 1.

    deletion, insertion: (2, M, N, K + 1); [0] the target, [1] the probability. blended: (M, N), the
    probability where only the map's part of the picture shows.
    """

    deletion: Array
    insertion: Array
    blended: Array

    @property
    def before(self) -> Array:
        """(N,): the probability for the whole picture."""
        found: Array = self.deletion[1, 0, :, 0]
        return found


def steps_of(orders: Array, steps: int) -> Array:
    """(M, P): at which of the steps 1 … K each pixel goes, from orders (M, P) of the pixels: the
    pixel of rank r (from 1) goes at step ⌈r K / P⌉."""
    count = orders.shape[1]
    when = -(-np.arange(1, count + 1) * steps // count)
    gone = np.empty_like(orders)
    np.put_along_axis(gone, orders, np.broadcast_to(when, orders.shape), axis=1)
    return gone


def ends_of(asker: Asker, x: Array, fills: Array) -> Array:
    """(2, N, 2): the target and the probability for whole pictures and for empty ones, which all
    curves share."""
    every = np.arange(len(x))
    return asker.ask(np.concatenate([x, fills]), np.tile(every, 2)).reshape(2, 2, -1).swapaxes(1, 2)


def curves(
    asker: Asker, x: Array, fills: Array, maps: Array, orders: Array, steps: int, ends: Array
) -> Curves:
    """All curves, in as few runs as may be.

    Every point is run whole. Running again only what a step changes (`rerun_boxes`) does not pay:
    a step's pixels lie all over the picture, see `docs/believe.md`.

    x, fills: (N, rows, cols, channels), network input. maps: (M, N, rows, cols); orders: (M, N, P).
    ends: see `ends_of`.
    """
    m, n = maps.shape[:2]
    deletion, insertion = (np.empty((2, m, n, steps + 1)) for _ in range(2))
    blended = np.empty((m, n))
    each = 2 * m * (steps - 1) + m
    together = max(1, BATCH // each)
    asked: list[Array] = []
    for start in range(0, n, together):
        some = range(start, min(n, start + together))
        points = [_points(x[i], fills[i], maps[:, i], orders[:, i], steps) for i in some]
        answers = asker.ask(np.concatenate(points), np.repeat(some, each))
        asked += np.split(answers, len(points), axis=1)
    for i, found in enumerate(asked):
        away, coming = found[:, :-m].reshape(2, 2, m, steps - 1).swapaxes(0, 1)
        for curve, first, middle in ((deletion, 0, away), (insertion, 1, coming)):
            curve[:, :, i, 0] = ends[:, None, i, first]
            curve[:, :, i, 1:-1] = middle
            curve[:, :, i, -1] = ends[:, None, i, 1 - first]
        blended[:, i] = found[1, -m:]
    return Curves(deletion, insertion, blended)


def _points(x: Array, fill: Array, maps: Array, orders: Array, steps: int) -> Array:
    """What is asked about one picture: M (K − 1) with pixels taken away, as many with them put in,
    and M seen through the maps."""
    gone = steps_of(orders, steps).reshape(len(maps), 1, *x.shape[:2])
    inner = np.arange(1, steps)[:, None, None]
    taken = (gone <= inner).reshape(-1, *x.shape[:2], 1)
    points = [np.where(taken, fill, x), np.where(taken, x, fill), _blend(x, fill, maps)]
    return np.concatenate(points).astype(x.dtype, copy=False)


def _blend(x: Array, fill: Array, maps: Array) -> Array:
    """The picture seen through each map, its positive values brought to 0..1; (M, …)."""
    positive = np.maximum(maps, 0)
    top = positive.max(axis=(1, 2), keepdims=True)
    shown = (positive / np.where(top > 0, top, 1))[..., None]
    return (shown * x + (1 - shown) * fill).astype(x.dtype)


def area(curve: Array) -> Array:
    """(…,): the area under curves (…, K + 1) over 0 … 1, by trapezia."""
    found: Array = (curve.sum(axis=-1) - (curve[..., 0] + curve[..., -1]) / 2) / (
        curve.shape[-1] - 1
    )
    return found


# Squares --------------------------------------------------------------------------------------


def squares(
    size: tuple[int, int], count: int, side: int, rng: np.random.Generator
) -> Iterator[Array]:
    """`count` masks (rows, cols) bool, each true in a square somewhere inside the picture."""
    for _ in range(count):
        top, left = (int(rng.integers(0, max(1, n - side + 1))) for n in size)
        mask = np.zeros(size, bool)
        mask[top : top + side, left : left + side] = True
        yield mask


def infidelity(maps: Array, falls: Array, masks: Array) -> Array:
    """(M,): what maps (M, rows, cols) leave unexplained of the target's falls under D squares.

    E_d [(β Σ_{u in d} M(u) − f_d)²] / E_d [f_d²], f_d the target's fall with square d filled
    (falls, (D,)), masks (D, rows, cols). β = Σ_d s_d f_d / Σ_d s_d², at least 0, is the scale that
    suits the map best, since a map's own scale means nothing: 0 is a map that foretells every fall
    up to a factor, 1 one that foretells none. NaN where nothing falls.
    Yeh, Hsieh, Suggala, Inouye, Ravikumar 2019, eq. 1 with their squares (section 4) and the
    optimal scale of their appendix; divided by the falls' own size here, so that pictures compare.
    """
    sums = maps.reshape(len(maps), -1) @ masks.reshape(len(masks), -1).astype(np.float64).T
    size = (sums * sums).sum(axis=1)
    scale = np.maximum(sums @ falls, 0) / np.where(size > 0, size, 1)
    left = ((scale[:, None] * sums - falls) ** 2).mean(axis=1)
    whole = float((falls**2).mean())
    found: Array = left / whole if whole > 0 else np.full(len(maps), np.nan)
    return found
