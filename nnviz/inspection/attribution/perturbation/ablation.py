"""One segment at a time: what the target loses without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ....engine.layer import Array
from ....engine.model import Model
from ..baseline import described
from ..baseline import references as as_references
from ..checks import generator, whole_number
from ..draws import Moments
from ..methods import method
from ..question import Question
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
    fill: what shows where a segment does not: a pixel value, a colour, a picture, an array with one
        for each picture, a name ("black", "mean", "blur" …: see `baseline.NAMES`), or a list of
        several, over which the target's mean is taken.
    Exact, and only what a segment's box can change is run again (see `engine.boxes`).
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
    references: pictures (R, rows, cols, channels), or a list of anything that `feature_ablation`
        takes as fill; None — uniform noise from 0 to 1. samples: how many of them are drawn,
        without replacement; all where there are no more.
    Fisher, Rudin, Dominici 2019, section 3, arXiv:1801.01489 (after Breiman 2001), for one picture
    instead of a data set. Permuting among the pictures of the batch, as other tools do, would make
    each map depend on its neighbours in the batch; so the reference pictures are given, or noise.
    """
    samples = whole_number(samples, "samples", "feature_permutation")
    rng = generator(seed, "feature_permutation")
    question = Question.of(model, x, target, "feature_permutation")
    drawn = _drawn(question, references, samples, rng)
    return by_segment(
        model, x, target, "feature_permutation", _permute,
        segments=segments, count=count, bases=drawn, cause=CAUSE, signed=True, seed=seed,
        settings={"references": "noise" if references is None else described(references),
                  "samples": len(drawn)},
    )  # fmt: skip


def _drawn(question: Question, given: Any, samples: int, rng: np.random.Generator) -> list[Array]:
    """The reference pictures as the network's input."""
    if given is None:
        shape = question.model.input.shape
        return [question.ready(rng.random(shape)) for _ in range(samples)]
    ready = as_references(question, given, "reference")
    chosen = rng.permutation(len(ready))[:samples]
    return [ready[i] for i in sorted(chosen)]


def _permute(game: Game) -> Solved:
    everything, moments = game.ends[1], Moments()
    for reference in game.fills:
        moments.add(everything - replace(game, fills=(reference,)).left_out())
    return Solved(moments.mean, moments.error())
