"""Occlusion: cover a part of the picture and see how far the answer drops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.layer import Array, pair
from ...engine.model import Model
from ...engine.rerun import rerun_boxes
from ...errors import ArgumentError, unknown
from ..probability import probabilities
from ..results import Attribution, Provenance, degenerate
from .checks import LARGEST, is_number
from .goal import as_goal
from .methods import method

OCCLUSION_GUIDE: dict[str, Any] = {"patch": 20, "stride": 4, "fill": 0.5, "border": "beyond"}
"""The form of the guide that many tutorials follow: a grey square of 20×20 centred on each 4×4 cell
of the zero-padded picture, 7×7 = 49 places for 28×28. `occlusion(model, x, t,
**OCCLUSION_GUIDE)`."""

CAUSE = (
    "covering changes nothing, perhaps because the fill is what the picture already shows there; "
    "try another fill or a larger patch"
)


@dataclass(frozen=True)
class Occlusion(Attribution):
    """A map of drops, and what happened at each of the P places.

    values: (N, rows, cols), for each pixel the mean drop of the target over the patches that cover
        it.
    boxes: (P, 4), each patch as (top, left, bottom, right), clipped to the picture; grid: (down,
    along) with down · along = P. drop: (N, P), the target's fall from the uncovered picture.
    probability: (N, P), of the class explained. predicted: (N, P), the network's answer.
    """

    boxes: Array | None = None
    grid: tuple[int, int] = (0, 0)
    drop: Array | None = None
    probability: Array | None = None
    predicted: Array | None = None

    def counts(self, classes: int) -> Array:
        """(N, classes): at how many places each class was the answer."""
        assert self.predicted is not None
        return np.stack([np.bincount(row, minlength=classes) for row in self.predicted])


@method(
    "perturbation",
    reference="Zeiler and Fergus 2013, arXiv:1311.2901",
    signed=True,
    cost="places f",
)
def occlusion(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    patch: int | Sequence[int] = 4,
    stride: int | Sequence[int] = 1,
    fill: float = 0.5,
    border: str = "inside",
) -> Occlusion:
    """Drop(p) = S(x) − S(x with patch p filled), for every place p of a grid.

    S: the target; for a class its logit, while `probability` and `predicted` say what became of the
    answer (`target=Probability(3)` maps the probability itself). fill: a pixel value, 0..1.
    border: "inside" — the patch starts at every `stride`-th place and is slid inward at the last
    one, so that the last rows and cols are covered too; "beyond" — the picture is cut into cells of
    `stride`, and the patch is centred on each cell, sticking out of the picture where it must.
    Zeiler and Fergus 2013, section 4.2, arXiv:1311.2901.
    """
    return occlusions(model, x, [target], patch=patch, stride=stride, fill=fill, border=border)[0]


def occlusions(
    model: Model,
    x: Any,
    targets: Sequence[Any],
    *,
    patch: int | Sequence[int] = 4,
    stride: int | Sequence[int] = 1,
    fill: float = 0.5,
    border: str = "inside",
) -> list[Occlusion]:
    """`occlusion` for several targets at once, all read from the same runs of the network."""
    pictures = model.input.check(x)
    if pictures.ndim != 4:
        raise ArgumentError(f"occlusion covers pictures, this model's input is {model.input.shape}")
    if not is_number(fill) or abs(float(fill)) > LARGEST:
        raise ArgumentError(f"fill must be a finite pixel value such as 0.5, got {fill!r}")
    size = (pictures.shape[1], pictures.shape[2])
    boxes, grid = places(size, pair(patch, "patch"), pair(stride, "stride"), border)
    plain = _as_floats(pictures)
    settings = {"patch": patch, "stride": stride, "fill": fill, "border": border}
    predictions = model.predict(plain)
    goals = [as_goal(model, target, len(plain), predictions) for target in targets]
    nodes = list(dict.fromkeys(node for goal in goals for node in goal.nodes))
    before = model.run(plain, keep=nodes)
    output = before.output.reshape(len(plain), -1)
    outputs, covered_by = _cover_all(model, plain, nodes, boxes, fill)
    results = []
    for goal in goals:
        scores = goal.values({node: before[node].y for node in nodes})
        after = [
            goal.take([i] * len(boxes)).values({node: covered_by[node][i] for node in nodes})
            for i in range(len(plain))
        ]
        drop = scores[:, None] - np.stack(after)
        classes = goal.classes(len(plain))
        classes = output.argmax(axis=1) if classes is None else classes
        values = spread_over_pixels(drop, boxes, size).astype(output.dtype)
        results.append(
            Occlusion(
                values=values,
                scores=scores,
                signed=True,
                warnings=_left_out(boxes, size) + degenerate(values, CAUSE),
                provenance=Provenance.of(model, "occlusion", target=goal.words, settings=settings),
                boxes=boxes,
                grid=grid,
                drop=drop,
                probability=np.stack([y[:, c] for y, c in zip(outputs, classes, strict=True)]),
                predicted=outputs.argmax(axis=2),
            )
        )
    return results


def _cover_all(
    model: Model, plain: Array, nodes: Sequence[str], boxes: Array, fill: float
) -> tuple[Array, dict[str, Array]]:
    """The model's probabilities (N, places, classes) and the nodes' outputs (N, places, …), all
    covered."""
    want = list(dict.fromkeys((*nodes, model.output_name)))
    colour = model.input.prepare(np.full((1, *plain.shape[1:]), fill, plain.dtype))[0, 0, 0]
    found = [rerun_boxes(model, model.run(picture[None]), boxes, colour, want) for picture in plain]
    kept = {name: np.stack([outputs[name] for outputs in found]) for name in want}
    output = kept[model.output_name].reshape(len(plain), len(boxes), -1)
    return probabilities(model, output), kept


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
            starts.append([cell + (s - p) // 2 for cell in range(0, n, s)])
    boxes = [
        (max(r, 0), max(c, 0), min(r + patch[0], size[0]), min(c + patch[1], size[1]))
        for r in starts[0]
        for c in starts[1]
    ]
    return np.array(boxes), (len(starts[0]), len(starts[1]))


def spread_over_pixels(drop: Array, boxes: Array, size: tuple[int, int]) -> Array:
    """(N, rows, cols): the mean drop of the patches over each pixel, 0 where none lies."""
    total, count = np.zeros((len(drop), *size)), np.zeros(size)
    for place, (top, left, bottom, right) in enumerate(boxes):
        total[:, top:bottom, left:right] += drop[:, place, None, None]
        count[top:bottom, left:right] += 1
    return total / np.maximum(count, 1)


def _left_out(boxes: Array, size: tuple[int, int]) -> tuple[str, ...]:
    """A warning where some pixels lie under no patch."""
    seen = spread_over_pixels(np.ones((1, len(boxes))), boxes, size)[0]
    missed = int((seen == 0).sum())
    if not missed:
        return ()
    return (f"{missed} of {seen.size} pixels lie under no patch and show 0: make the stride no "
            "larger than the patch",)  # fmt: skip


def _as_floats(pictures: Array) -> Array:
    """Pixels as floats 0..1, so that a fill means the same for uint8 and for floats."""
    if pictures.dtype == np.uint8:
        return np.divide(pictures, np.float32(255))
    return pictures if pictures.dtype.kind == "f" else pictures.astype(np.float32)
