"""What stands under a figure with maps: what its own maps' brightest pixels are worth to what they
explain, beside a random map's, and what the sanity check says against their methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..draw.image import minus
from ..engine.layer import Array
from ..inspection.attribution import METHODS, Logit
from ..inspection.evaluation import Sanity
from ..inspection.evaluation.sanity import ANY_CLASS, BLANK, EMPTY, PICTURE
from ..inspection.evaluation.scores import falls, speaking
from .figure import Figure
from .methods import name_of
from .study import Study, fill_for
from .words import listing, say

SHARE = 0.1
"""Of the pixels, which are taken away for the sentence under a figure."""
ROWS = {
    "saliency": {"plain": "saliency", "guided": "guided_backprop", "rectified": "deconvnet"},
    "cam": {"plain": "grad_cam", "guided": "guided_cam", "rectified": "rectified_cam"},
    "occlusion": {"values": "occlusion"},
    "occlusion-guide": {"probability": "guide"},
    "contrast": {"values": "integrated_gradients"},
    "mistakes": {"for_answer": "occlusion", "for_truth": "occlusion"},
    "mistakes-unsure": {"for_answer": "occlusion", "for_truth": "occlusion"},
}
"""Figure -> its rows of maps by their names in `Figure.numbers` -> the method of each, by its name
on the page; of `methods` the rows are the methods."""


@dataclass(frozen=True)
class Worth:
    """Of a row's maps: the method, and the mean value of what they explain before, after their
    brightest pixels were taken away, and after a random map's were."""

    method: str
    before: float
    after: float
    random: float


def fallen(study: Study, figure: Figure | None) -> Figure | None:
    """A figure whose caption ends with the sentences about its own maps; one without maps as it
    is."""
    if figure is None or not rows_of(figure) or "pictures" not in figure.numbers:
        return figure
    said = _said(figure.id, worth(study, figure), len(figure.numbers["pictures"]))
    return replace(figure, caption=" ".join([figure.caption, *said]))


def against(figure: Figure, marks: Mapping[str, str]) -> str:
    """What speaks against the methods whose maps a figure shows, of what does against each: a
    sentence for all of which the same is said."""
    said: dict[str, list[str]] = {}
    for method in dict.fromkeys(rows_of(figure).values()):
        if marks.get(method):
            said.setdefault(marks[method], []).append(name_of(method))
    return " ".join(
        say("trust.marked" if len(names) == 1 else "trust.marked.several", name=listing(names),
            marks=words)
        for words, names in said.items()
    )  # fmt: skip


def rows_of(figure: Figure) -> dict[str, str]:
    """The figure's rows of maps, each with its method; a row that failed is not there."""
    named = {name: name for name in figure.numbers if name in METHODS}
    known = named if figure.id == "methods" else ROWS.get(figure.id, {})
    return {row: method for row, method in known.items() if row in figure.numbers}


def worth(study: Study, figure: Figure) -> list[Worth]:
    """What taking the brightest pixels away does, row by row; see `Worth`."""
    rows, chosen = rows_of(figure), figure.numbers["pictures"]
    asked: dict[str, tuple[Any, list[str]]] = {}
    for row in rows:
        key = row if figure.id.startswith("mistakes") else ""
        asked.setdefault(key, (_target(study, figure.id, row, chosen), []))[1].append(row)
    found = {}
    for target, names in asked.values():
        maps = np.stack([_maps(study, figure, row, rows[row]) for row in names])
        got = falls(
            study.judged, study.data.x[chosen], maps, target, share=SHARE, fill=fill_for(study),
            seed=study.seed,
        )  # fmt: skip
        before, random = float(got.before.mean()), float(got.random.mean())
        for row, after in zip(names, got.after, strict=True):
            found[row] = Worth(rows[row], before, float(after.mean()), random)
    return [found[row] for row in rows]


def _target(study: Study, figure: str, row: str, chosen: Array) -> Any:
    """What a row's maps explain."""
    answers, truths = (tuple(v[chosen].tolist()) for v in (study.predicted, study.labels))
    if figure == "contrast":
        return Logit(answers) - Logit(truths)
    return truths if row == "for_truth" or figure in ("saliency", "cam") else answers


def _maps(study: Study, figure: Figure, row: str, method: str) -> Array:
    """(N, rows, cols), what speaks for the target."""
    values = figure.numbers[row]
    if method == "guide":
        values = _cost(values, figure.numbers["boxes"], study.model.input.shape[:2])
    known = METHODS.get(method)
    return speaking(values, method, known is not None and known.signed)


def _cost(probability: Array, boxes: Array, size: Sequence[int]) -> Array:
    """(N, rows, cols): how much less sure the answer is on average with a square over this place,
    from the probability (N, …) with each of the boxes (P, 4) covered, P in all."""
    found, over = np.zeros((len(probability), *size)), np.zeros(tuple(size))
    lost = 1 - probability.reshape(len(probability), -1)
    for one, (top, left, bottom, right) in zip(lost.T, boxes.tolist(), strict=True):
        found[:, top:bottom, left:right] += one[:, None, None]
        over[top:bottom, left:right] += 1
    return found / np.maximum(over, 1)


def _said(figure: str, found: Sequence[Worth], n: int) -> list[str]:
    one = "" if n > 1 else ".one"
    if figure.startswith("mistakes"):
        answer, truth = found
        return [say(
            f"trust.mistakes{one}", share=SHARE, before=answer.before, after=answer.after,
            random=answer.random, was=truth.before, then=truth.after, chance=truth.random,
        )]  # fmt: skip
    if len(found) > 1:
        each = listing(f"{name_of(row.method)} {minus(f'{row.after:.2f}')}" for row in found)
        return [say(f"trust.list{one}", share=SHARE, n=n, before=found[0].before, each=each,
                    random=found[0].random)]  # fmt: skip
    key = "trust.lead" if figure == "contrast" else "trust.sentence"
    return [
        say(f"{key}{one}", name=name_of(row.method), share=SHARE, n=n, before=row.before,
            after=row.after, random=row.random)
        for row in found
    ]  # fmt: skip


def marks_of(found: Sanity | None) -> str:
    """The sanity check's marks in the page's words."""
    words = {PICTURE: say("trust.picture"), ANY_CLASS: say("trust.any_class"),
             BLANK: say("trust.blank"), EMPTY: say("trust.empty")}  # fmt: skip
    return "" if found is None else say("and").join(words[mark] for mark in found.marks)
