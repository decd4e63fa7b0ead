"""Occlusion: cover a part of the picture and see how far the answer drops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.input import as_array
from ...engine.layer import Array, pair
from ...engine.model import Model
from ...engine.rerun import MEMORY
from ...engine.rewrite import fold_batch_norm
from ...errors import ArgumentError, unknown
from ..results import Attribution, Provenance, degenerate
from .baseline import NAMES, baselines, described, several
from .checks import LARGEST, choice, whole_number
from .covering import Job, Ledger, cover, digest, named
from .goal import as_goal
from .methods import method
from .question import Question

OCCLUSION_GUIDE: dict[str, Any] = {"patch": 20, "stride": 4, "fill": 0.5, "border": "beyond"}
"""The form of the guide that many tutorials follow: a grey square of 20×20 centred on each 4×4 cell
of the zero-padded picture, 7×7 = 49 places for 28×28. `occlusion(model, x, t,
**OCCLUSION_GUIDE)`."""

FILLS = (*NAMES, "noise")
"""The fills that have a name."""

CAUSE = (
    "covering changes nothing, perhaps because the fill is what the picture already shows there; "
    "try another fill or a larger patch"
)


@dataclass(frozen=True)
class Occlusion(Attribution):
    """A map of drops, and what happened at each of the P places.

    values: (N, rows, cols), for each pixel the mean drop of the target over the patches that cover
        it; with several sizes the mean of their maps.
    boxes: (P, 4), each patch as (top, left, bottom, right), clipped to the picture, one size after
        the other; grid: (down, along) of the first size; grids: of each size, P = Σ down · along.
    drop: (N, P), the target's fall from the uncovered picture. probability: (N, P), of the class
        explained (for a target that is no class: of the answer to the uncovered picture).
        predicted: (N, P), the network's answer.
    With `fill="noise"`: the mean drop and probability over the repeats, the most frequent answer,
    and `error` (N, rows, cols), the standard error of the map.
    """

    boxes: Array | None = None
    grid: tuple[int, int] = (0, 0)
    drop: Array | None = None
    probability: Array | None = None
    predicted: Array | None = None
    grids: tuple[tuple[int, int], ...] = ()

    def counts(self, classes: int) -> Array:
        """(N, classes): at how many places each class was the answer."""
        assert self.predicted is not None
        return np.stack([np.bincount(row, minlength=classes) for row in self.predicted])


@method(
    "perturbation",
    reference="Zeiler and Fergus 2013, arXiv:1311.2901",
    signed=True,
    stochastic=False,  # its seed is for fill="noise" alone
    cost="places f",
)
def occlusion(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    patch: int | Sequence[Any] = 4,
    stride: int | Sequence[int] = 1,
    fill: Any = 0.5,
    border: str = "inside",
    repeats: int = 8,
    seed: int = 0,
    memory: int = MEMORY,
    resume: str | Path | None = None,
) -> Occlusion:
    """Drop(p) = S(x) − S(x with patch p filled), for every place p of a grid.

    S: the target; for a class its logit, while `probability` and `predicted` say what became of the
    answer (`target=Probability(3)` maps the probability itself). Every place is computed, exactly,
    by running again only what the patch can have changed (see `engine.boxes`).

    patch: the side in pixels, (rows, cols), or a list of such pairs for several sizes at once: the
        map is then the mean of the sizes' maps, each weighing the same. stride: one or (rows,
        cols), for all sizes.
    fill: what shows in the patch — a pixel value, 0..1; a colour (channels,); a picture, or one for
        each of the N; "mean", the data set's mean colour where `Model.input` knows one (a `mean`
        that is not 0), else the picture's own; "blur", the picture, blurred by a Gaussian whose
        standard deviation is a tenth of its longer side; "noise", pixels drawn from 0..1, a fresh
        picture of noise for each of `repeats` runs, from `seed` alone, with the standard error.
    border: "inside" — the patch starts at every `stride`-th place and is slid inward at the last
        one, so that the last rows and cols are covered too; "beyond" — the picture is cut into
        cells of `stride`, and the patch is centred on each cell, sticking out of the picture where
        it must (where a large stride would leave nothing of the last one inside, that is slid
        inward). Either way no pixel is left out as long as the stride is no larger than the patch.
    memory: bytes to stay below, besides the model, one picture's trace and the result.
    resume: a file that is written after each batch of places (64 to 4,096, about a second's work);
        a run that was stopped goes on from it, and the result is the same to the last bit. A file
        of another model, picture or setting is refused.
    Zeiler and Fergus 2013, section 4.2, arXiv:1311.2901; they map the drop to the patch's centre,
    here each pixel has the mean over the patches that cover it.
    """
    return occlusions(
        model, x, [target], patch=patch, stride=stride, fill=fill, border=border,
        repeats=repeats, seed=seed, memory=memory, resume=resume,
    )[0]  # fmt: skip


def occlusions(
    model: Model,
    x: Any,
    targets: Sequence[Any],
    *,
    patch: int | Sequence[Any] = 4,
    stride: int | Sequence[int] = 1,
    fill: Any = 0.5,
    border: str = "inside",
    repeats: int = 8,
    seed: int = 0,
    memory: int = MEMORY,
    resume: str | Path | None = None,
) -> list[Occlusion]:
    """`occlusion` for several targets at once, all read from the same runs of the network."""
    pixels = model.input.check(x)
    if pixels.ndim != 4:
        raise ArgumentError(f"occlusion covers pictures, this model's input is {model.input.shape}")
    ready = model.input.prepare(pixels)
    size = (pixels.shape[1], pixels.shape[2])
    steps = pair(stride, "stride")
    cuts = [places(size, one, steps, border) for one in sizes(patch)]
    memory = whole_number(memory, "memory", "occlusion", most=1 << 50)
    repeats = whole_number(repeats, "repeats", "occlusion", most=10_000)
    seed = whole_number(seed, "seed", "occlusion", least=0, most=2**63 - 1)
    if resume is not None and not isinstance(resume, str | Path):
        raise ArgumentError(f"resume must be the path of a file, got {resume!r}")
    predictions = None
    if any(target is None for target in targets):
        predictions = model.run(ready, prepared=True, keep=()).output
    goals = [as_goal(model, target, len(ready), predictions) for target in targets]
    shown = fills(Question(model, ready, goals[0], "occlusion"), fill, repeats, seed)
    settings = {"patch": patch, "stride": stride, "fill": described(fill), "border": border}
    if _is(fill, "noise"):
        settings["repeats"] = repeats
    # Which batch normalizations are folded away is no one's business who does not ask for them.
    asked = {model.output_name, *(node for goal in goals for node in goal.nodes)}
    job = Job(
        fold_batch_norm(model, keep=asked),
        ready,
        goals,
        shown,
        [boxes for boxes, _ in cuts],
        memory,
    )
    print_ = model.fingerprint()
    key = {} if resume is None else {
        "model": print_, "pictures": digest(ready),
        "targets": [named(goal) for goal in goals], "fill": digest(*shown), "memory": memory,
        "patches": digest(*job.grids), "seed": seed,
    }  # fmt: skip
    book = cover(job, key, resume)
    return [
        _answer(
            book, g, cuts, size,
            Provenance(print_, "occlusion", target=goal.words, settings=settings,
                       seed=seed if _is(fill, "noise") else None),
        )
        for g, goal in enumerate(goals)
    ]  # fmt: skip


def _answer(
    book: Ledger,
    g: int,
    cuts: Sequence[tuple[Array, tuple[int, int]]],
    size: tuple[int, int],
    made: Provenance,
) -> Occlusion:
    """The result for one goal."""
    drop = book.before[g][:, None, None] - book.after[g]  # (N, R, P)
    n, repeats, _ = drop.shape
    ends = np.cumsum([len(boxes) for boxes, _ in cuts])[:-1]
    each = [
        spread_over_pixels(part.reshape(n * repeats, -1), boxes, grid, size)
        for part, (boxes, grid) in zip(np.split(drop, ends, axis=2), cuts, strict=True)
    ]
    maps = np.mean(each, axis=0).reshape(n, repeats, *size)
    dtype, error = drop.dtype, None
    if repeats > 1:
        error = (maps.std(axis=1, ddof=1) / np.sqrt(repeats)).astype(dtype)
    values = maps.mean(axis=1).astype(dtype)
    left_out = tuple(w for boxes, grid in cuts for w in _left_out(boxes, grid, size))
    return Occlusion(
        values=values,
        scores=book.before[g],
        signed=True,
        error=error,
        warnings=left_out + degenerate(values, CAUSE, scores=book.before[g]),
        provenance=made,
        boxes=np.concatenate([boxes for boxes, _ in cuts]),
        grid=cuts[0][1],
        grids=tuple(grid for _, grid in cuts),
        drop=drop.mean(axis=1),
        probability=book.probability[g].mean(axis=1),
        predicted=_most_frequent(book.predicted),
    )


def _most_frequent(predicted: Array) -> Array:
    """(N, P): of the answers (N, R, P) the one met most often, of several such the lowest."""
    if predicted.shape[1] == 1:
        return predicted[:, 0]
    votes = (predicted[:, :, None] == predicted[:, None]).sum(axis=2)
    best = np.where(votes == votes.max(axis=1, keepdims=True), predicted, predicted.max() + 1)
    return best.min(axis=1)


# What shows, and where ----------------------------------------------------------------------------


def sizes(patch: Any) -> list[tuple[int, int]]:
    """One patch, or a list with a pair in it for several."""
    if isinstance(patch, Sequence) and any(isinstance(one, Sequence) for one in patch):
        return [pair(one, "patch") for one in patch]
    return [pair(patch, "patch")]


def fills(question: Question, fill: Any, repeats: int, seed: int) -> list[Array]:
    """What shows in the patches, as the network's input: for each repeat (1 or N, rows, cols,
    channels)."""
    spec = question.model.input
    if _is(fill, "noise"):
        return [
            question.ready(np.random.default_rng((seed, r)).random(spec.shape))
            for r in range(repeats)
        ]
    if isinstance(fill, str):
        choice(fill, "fill", "occlusion", FILLS)
        # Where what the network is given is centred, its zero is the data set's mean.
        return baselines(question, "zero" if fill == "mean" and any(spec.mean) else fill, "fill")
    if several(fill):
        return baselines(question, fill, "fill")
    number = as_array(fill, "fill").dtype.kind in "uif"
    if not number or not (np.abs(fill) <= LARGEST).all():
        raise ArgumentError(
            f"fill must be a finite pixel value such as 0.5, got {described(fill)!r}; a colour, a "
            f"picture and {', '.join(FILLS)} will do as well"
        )
    return [question.ready(fill)]


def _is(fill: Any, name: str) -> bool:
    return isinstance(fill, str) and fill == name


def places(
    size: tuple[int, int], patch: tuple[int, int], stride: tuple[int, int], border: str
) -> tuple[Array, tuple[int, int]]:
    """The boxes (P, 4) of a grid of patches, row by row, and the grid's (down, along)."""
    if border not in ("inside", "beyond"):
        raise unknown("border", border, ("inside", "beyond"), "occlusion")
    if border == "inside" and (patch[0] > size[0] or patch[1] > size[1]):
        raise ArgumentError(
            f"a patch of {patch[0]}×{patch[1]} is larger than the picture of {size[0]}×{size[1]}"
        )
    starts = []
    for n, p, s in zip(size, patch, stride, strict=True):
        if border == "inside":
            starts.append(sorted({*range(0, n - p + 1, s), n - p}))
        else:
            centred = (cell + (s - p) // 2 for cell in range(0, n, s))
            starts.append([first if first < n else n - p for first in centred])
    first = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2)
    boxes = np.concatenate([np.maximum(first, 0), np.minimum(first + patch, size)], axis=1)
    return boxes, (len(starts[0]), len(starts[1]))


def spread_over_pixels(
    drop: Array, boxes: Array, grid: tuple[int, int], size: tuple[int, int]
) -> Array:
    """(N, rows, cols): the mean drop of the patches over each pixel, 0 where none lies.

    A grid's patches are row spans times col spans: what covers a pixel is two small products.
    """
    down, along = (
        (np.arange(n) >= spans[:, a, None]) & (np.arange(n) < spans[:, a + 2, None])
        for n, spans, a in zip(size, (boxes[:: grid[1]], boxes[: grid[1]]), (0, 1), strict=True)
    )
    rows, cols = down.astype(np.float64), along.astype(np.float64)
    total = rows.T @ drop.reshape(len(drop), *grid).astype(np.float64) @ cols
    count = np.outer(rows.sum(axis=0), cols.sum(axis=0))
    return total / np.maximum(count, 1)


def _left_out(boxes: Array, grid: tuple[int, int], size: tuple[int, int]) -> tuple[str, ...]:
    """A warning where some pixels lie under no patch."""
    seen = spread_over_pixels(np.ones((1, len(boxes))), boxes, grid, size)[0]
    missed = int((seen == 0).sum())
    if not missed:
        return ()
    return (f"{missed} of {seen.size} pixels lie under no patch and show 0: make the stride no "
            "larger than the patch",)  # fmt: skip
