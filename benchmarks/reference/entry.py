"""One comparison as data: a method with its options, and what the same map is elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnviz.engine.graph import INPUT

from ..nets import NETS, Case
from ..twin import Twin


@dataclass(frozen=True)
class Entry:
    """method: by its name in nnviz. theirs: the same map for a case, an array of the same shape.

    reference: who computes it, in words. options: nnviz's, as they are or from the case. part:
    which array of the result is compared. nets: where the comparison makes sense. kind: "exact" —
    the same numbers are expected; "random" — both are means of other draws, so that only many of
    them agree; "other" — the reference is wrong or defined otherwise, as `note` says.
    """

    method: str
    theirs: Callable[[Case], np.ndarray]
    reference: str
    options: Mapping[str, Any] | Callable[[Case], Mapping[str, Any]] = field(default_factory=dict)
    part: str = "raw"
    nets: tuple[str, ...] = tuple(NETS)
    kind: str = "exact"
    note: str = ""

    def settings(self, case: Case) -> dict[str, Any]:
        return dict(self.options(case) if callable(self.options) else self.options)


def picked(case: Case, logits: Tensor, times: int = 1) -> Tensor:
    """Each picture's own class's logit; `logits` are of `times` arrays of pictures."""
    return logits[torch.arange(len(logits)), case.target.repeat(times)]


def scores(case: Case, points: Tensor, twin: Twin | None = None) -> Tensor:
    """(N,) for points (N, …), without a gradient."""
    with torch.no_grad():
        return picked(case, (twin or case.twin)(points), len(points) // len(case.x))


def slopes(case: Case, points: Tensor | None = None, node: str = INPUT) -> tuple[Tensor, Tensor]:
    """A node's output and the class's logit's gradient for it, by autograd."""
    x = (case.input if points is None else points).clone().requires_grad_()
    values = case.twin.values(x)
    score = picked(case, values[case.twin.nodes[-1][0]], len(x) // len(case.x))
    (gradient,) = torch.autograd.grad(score.sum(), values[node])
    return values[node].detach(), gradient
