"""One segment at a time: what the target loses without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ....errors import ArgumentError
from ..methods import method
from ..question import Question
from .checks import seeded, whole
from .masks import Game, SegmentAttribution, Solved, by_segment

CAUSE = (
    "no segment changes the target by itself, perhaps because the fill is what the picture already "
    "shows there; try another fill, or fewer and larger segments"
)


@method(
    "perturbation",
    reference="Fisher et al. 2019, arXiv:1801.01489",
    signed=True,
    cost="segments f",
)
def feature_ablation(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = "grid",
    count: int = 50,
    fill: Any = 0.0,
) -> SegmentAttribution:
    """φ_j = v(all) − v(all without j): the target's fall when segment j alone is filled.

    v(S): the target with the segments outside S filled. values: (N, rows, cols), φ_j at every pixel
        of segment j, signed; parts: φ.
    segments: "grid", "superpixels", "auto" (see `segments`), or whole numbers (rows, cols) or (N,
        rows, cols); count: about how many, where they are not given.
    fill: pixels — a number, a colour, a picture, one for each — or "blur".
    With segments of one pixel it is occlusion with a patch of one (Zeiler and Fergus 2013,
    arXiv:1311.2901). The form for features is that of model reliance, Fisher, Rudin, Dominici 2019,
    arXiv:1801.01489, with a fill where they draw from the data, as `feature_permutation` does.
    """
    return by_segment(
        model, x, target, "feature_ablation", _ablate,
        segments=segments, count=count, fill=fill, cause=CAUSE, signed=True, settings={},
    )  # fmt: skip


def _ablate(game: Game) -> Solved:
    return Solved(game.ends[1] - game.left_out())


@method(
    "perturbation",
    reference="Fisher et al. 2019, arXiv:1801.01489",
    signed=True,
    cost="samples · segments f",
)
def feature_permutation(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    segments: Any = "grid",
    count: int = 50,
    references: Sequence[Any] | Array | None = None,
    samples: int = 10,
    seed: int = 0,
) -> SegmentAttribution:
    """φ_j = v(x) − (1 / R) Σ_r v(x with segment j of reference picture r), the mean fall of the
    target when segment j shows what another picture has at that place.

    values: (N, rows, cols), φ_j at every pixel of segment j, signed; error: the standard error over
        the references, where there are two or more.
    references: pictures (R, rows, cols, channels) or a list of pictures, colours or numbers, as
        pixels; None — uniform noise from 0 to 1. samples: how many of them are drawn, without
        replacement; all where there are no more.
    Fisher, Rudin, Dominici 2019, section 3, arXiv:1801.01489 (after Breiman 2001), for one picture
    instead of a data set. Permuting among the pictures of the batch, as other tools do, would make
    each map depend on its neighbours in the batch; so the reference pictures are given, or noise.
    """
    samples = whole(samples, "samples", most=100_000)
    rng = seeded(seed)
    question = Question.of(model, x, target, "feature_permutation")
    drawn = _drawn(question, references, samples, rng)
    return by_segment(
        model, x, target, "feature_permutation", partial(_permute, references=drawn),
        segments=segments, count=count, fill=0.0, cause=CAUSE, signed=True, seed=seed,
        settings={"references": "noise" if references is None else len(references),
                  "samples": len(drawn)},
    )  # fmt: skip


def _drawn(
    question: Question, references: Any, samples: int, rng: np.random.Generator
) -> list[Array]:
    """The reference pictures, each (1, rows, cols, channels), as the network's input."""
    if references is None:
        shape = question.model.input.shape
        return [question.ready(rng.random(shape)) for _ in range(samples)]
    if not isinstance(references, Sequence | np.ndarray) or len(references) == 0:
        raise ArgumentError(
            f"references must be a list of pictures, colours or numbers, got {references!r}"
        )
    chosen = rng.permutation(len(references))[:samples]
    return [question.ready(references[i]).reshape(1, *question.x.shape[1:]) for i in sorted(chosen)]


def _permute(game: Game, references: Sequence[Array]) -> Solved:
    falls = [game.ends[1] - replace(game, fill=r).left_out() for r in references]
    n = len(falls)
    error = np.std(falls, axis=0, ddof=1) / np.sqrt(n) if n > 1 else None
    return Solved(np.mean(falls, axis=0), error)
