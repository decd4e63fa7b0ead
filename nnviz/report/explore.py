"""Chapter three, the pictures themselves: all mistakes and some right answers, to be leafed
through."""

from __future__ import annotations

import numpy as np

from ..draw.image import block_for, coarse, pixels
from ..engine.layer import Array
from .figure import Cell, Figure, Look
from .study import Study, sureness
from .words import say

MOST, MOST_LARGE = 200, 100
"""Pictures at the most, and of large ones."""
AT_ONCE = 40
"""How many stand there before the others are unfolded."""
LETTERS = 24
"""Of a class's name under a picture."""
ROOM, ZOOM = 48, 56
"""How many pixels wide a large picture is drawn at the most, and about how wide it is shown."""
FEW = 24
"""Up to so many pictures, there is room for twice the size."""


def pictures(study: Study) -> Figure | None:
    """Thumbnails with truth, answer and how sure; None where there is but one picture, or where
    the output means no classes."""
    if not study.is_classifier or len(study.data) < 2:
        return None
    chosen, wrong = _chosen(study)
    answered = study.predicted[chosen]
    sure = study.probabilities[chosen, answered]
    known = study.data.y is not None
    more = len(chosen) - wrong
    kind = ("" if wrong else ".right") if known else ".plain"
    caption = say(f"look.pictures.caption{'' if known else '.plain'}")
    if len(chosen) < len(study.data):
        caption += " " + say("look.pictures.some", shown=len(chosen), of=len(study.data))
    block = _block(study, len(chosen))
    if block > 1:
        caption += " " + say("look.pictures.block", block=block)
    labels = {"labels": study.labels[chosen]} if known else {}
    return Figure(
        id="pictures",
        title=say(f"look.pictures.title{kind}", wrong=wrong, right=more, n=len(chosen)),
        caption=caption,
        cells=[[_cell(study, i, block) for i in chosen.tolist()]],
        zoom=ZOOM * (1 + (len(chosen) <= FEW)),
        open=max(AT_ONCE, min(wrong, 2 * AT_ONCE)),
        wide=True,
        method=say("look.pictures.method"),
        code=f"{study.model_code}\n{study.data_code}\nsure = model.predict(data.x)",
        numbers={"pictures": chosen, "predicted": answered, "probability": sure} | labels,
    )


def _chosen(study: Study) -> tuple[Array, int]:
    """The pictures shown, and how many of them are mistakes: all mistakes, the surest first; of
    very many, the surest of each pair of classes in turn. Then right answers: those that have maps,
    and the same number of each class; the least sure first."""
    most = MOST_LARGE if study.is_large else MOST
    n = len(study.data)
    sure = study.probabilities.max(axis=1)
    wrong = np.flatnonzero(study.predicted != study.labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    pair = study.labels[wrong] * study.probabilities.shape[1] + study.predicted[wrong]
    wrong = wrong[np.argsort(_turns(pair), kind="stable")[:most]]
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    right = np.flatnonzero(study.predicted == study.labels)
    turn = _turns(study.labels[right])
    turn[np.isin(right, study.picks)] = -1
    right = right[np.argsort(turn, kind="stable")[: most - len(wrong)]]
    right = right[np.argsort(sure[right], kind="stable")]
    chosen: Array = np.concatenate([wrong, right])[:n]
    return chosen, len(wrong)


def _turns(groups: Array) -> Array:
    """For each member the how-manieth of its group it is."""
    order = np.argsort(groups, kind="stable")
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    turns = np.empty(len(groups), np.int64)
    turns[order] = np.arange(len(groups)) - np.repeat(first, counts)
    return turns


def _block(study: Study, count: int) -> int:
    """By the means of how many pixels a large picture is drawn small, as one of so many."""
    rows, cols = study.model.input.shape[:2]
    room = ROOM * (1 + (count <= FEW))
    return block_for(rows, cols, room) if study.is_large else 1


def _cell(study: Study, i: int, block: int) -> Cell:
    """One picture with its answer, and the truth before it where they differ."""
    x = study.data.x[i : i + 1]
    if block > 1:
        x = coarse(x, block) / np.float32(255 if x.dtype == np.uint8 else 1)
    answer, true = (study.class_name(int(v[i])) for v in (study.predicted, study.labels))
    sure = sureness(study.probabilities[i].max())
    wrong = study.predicted[i] != study.labels[i]
    known = study.data.y is not None
    kind = ".wrong" if wrong else ""
    spoken = "" if known else ".plain"
    return Cell(
        pixels(x[0]),
        say(f"look.thumb{kind}", true=_short(true), answer=_short(answer), sure=sure),
        say(f"look.thumb.alt{kind or spoken}", i=i, true=true, answer=answer, sure=sure),
        Look(picture=i, block=block, again=f"data.x[{i}]"),
    )


def _short(name: str) -> str:
    """A name for the little room under a picture; the whole one stands in its text."""
    return name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"


def classes_of(study: Study) -> dict[str, list[tuple[int, str]]]:
    """What the filters choose among: the classes that are true and that are answered, with their
    names."""
    found = {"answer": study.predicted}
    if study.data.y is not None:
        found = {"true": study.labels} | found
    return {
        kind: [(c, study.class_name(c)) for c in np.unique(values).tolist()]
        for kind, values in found.items()
    }
