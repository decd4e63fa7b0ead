"""How the answers of two models differ, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...engine.layer import Array
from ..results import Part
from .intervals import Interval, mcnemar, newcombe

NEAR = 0.9
"""Classes whose change is at least this share of the largest one are put in order by accuracy."""


@dataclass(frozen=True)
class ClassChange(Part):
    """What became of one class from model a to model b.

    moved: mean of |p_b − p_a| of this class over all pictures. pictures: that are of the class.
    right_a, right_b: of these, rightly answered; lost: by a alone, gained: by b alone.
    difference = (right_b − right_a) / pictures with `interval`, its paired 95 % interval
    (`newcombe`), and p, McNemar's mid-p value. Without labels, and of a class without pictures,
    the counts are 0 and difference, interval and p are None.
    """

    label: int
    name: str
    moved: float
    pictures: int = 0
    right_a: int = 0
    right_b: int = 0
    lost: int = 0
    gained: int = 0
    difference: float | None = None
    interval: Interval | None = None
    p: float | None = None


def class_changes(
    sure_a: Array, sure_b: Array, truth: Array | None, names: Sequence[str], identical: bool
) -> tuple[ClassChange, tuple[ClassChange, ...]]:
    """All classes together, and each of them, the one that changed most first.

    sure_a, sure_b: (N, classes) probabilities. truth: (N,) or None. identical: one and the same
    model gave both.
    """
    moved = np.abs(sure_b - sure_a)
    total = class_change(None, "all", float(moved.mean()), sure_a, sure_b, truth, identical)
    every = [
        class_change(c, name, float(moved[:, c].mean()), sure_a, sure_b, truth, identical)
        for c, name in enumerate(names)
    ]
    return total, _in_order(every)


def class_change(
    label: int | None,
    name: str,
    moved: float,
    sure_a: Array,
    sure_b: Array,
    truth: Array | None,
    identical: bool,
) -> ClassChange:
    """One class, or all of them together (label None)."""
    number = -1 if label is None else label
    if truth is None:
        return ClassChange(number, name, moved)
    those = np.full(len(truth), True) if label is None else truth == label
    if not those.any():
        return ClassChange(number, name, moved)
    a, b = (sure.argmax(axis=1)[those] == truth[those] for sure in (sure_a, sure_b))
    n, lost, gained = len(a), int((a & ~b).sum()), int((b & ~a).sum())
    both = int((a & b).sum())
    return ClassChange(
        number,
        name,
        moved,
        pictures=n,
        right_a=int(a.sum()),
        right_b=int(b.sum()),
        lost=lost,
        gained=gained,
        difference=(gained - lost) / n,
        # Of one and the same model the difference is known to be zero for any picture.
        interval=(0.0, 0.0)
        if identical
        else newcombe(both, lost, gained, n - both - lost - gained),
        p=mcnemar(lost, gained),
    )


def _in_order(every: list[ClassChange]) -> tuple[ClassChange, ...]:
    """By `moved`, the largest first; the leading ones that are near each other by accuracy."""
    order = sorted(every, key=lambda one: -one.moved)
    leading = [one for one in order if one.moved >= NEAR * order[0].moved]
    leading.sort(key=lambda one: -abs(one.difference or 0.0))
    return (*leading, *order[len(leading) :])
