"""Chapter three, second half: whether answers are as sure as they say, and how firm they are."""

from __future__ import annotations

import numpy as np

from ..draw import scores
from ..draw.image import pixels
from ..draw.samples import spread
from ..inspection.evaluation import (
    Calibration,
    Change,
    Flips,
    FlipShare,
    Mistakes,
    calibration,
    changed,
    flips,
)
from .figure import Cell, Figure, Table
from .study import Study
from .words import heads, listing, say

MOST = 4
"""How many pictures that flip are shown."""
WIDE = 0.3
"""From which width of the accuracy's 95% interval on it tells nothing of how sure one may be."""
SHAKEN = 250
"""How many pictures are given the small changes, at the most, spread evenly over the data."""


def agreement(found: Mistakes) -> str:
    """`right`, `over` or `under`: how the mean confidence lies to the accuracy's interval; `few`
    where it lies in one so wide that this tells nothing."""
    sure, (low, high) = float(found.confidence.mean()), found.interval
    if low <= sure <= high and high - low > WIDE:
        return "few"
    return "right" if low <= sure <= high else "over" if sure > high else "under"


def reliability(study: Study, found: Mistakes) -> Figure:
    """The reliability diagram."""
    result = calibration(found)
    sure = float(found.confidence.mean())
    return Figure(
        id="calibration",
        title=say(f"calibration.title.{agreement(found)}", sure=sure, right=found.accuracy),
        caption=say("calibration.caption", ece=result.ece),
        alt=_spoken(result),
        chart=scores.reliability(result),
        method=say("how.calibration", bins=result.bins),
        paper="Guo et al. 2017, arXiv:1706.04599",
        code=f"{study.model_code}\n{study.data_code}\n"
        "nv.calibration(nv.mistakes(model, data.x, data.y)).ece",
        numbers={
            "edges": result.edges,
            "counts": result.counts,
            "confidence": result.confidence,
            "accuracy": result.accuracy,
            "intervals": result.intervals,
        },
    )


def _spoken(result: Calibration) -> str:
    parts = [
        say("alt.reliability.part", n=n, sure=sure, right=right)
        for n, sure, right in zip(result.counts, result.confidence, result.accuracy, strict=True)
    ]
    return say("alt.reliability", parts=say("list.semicolon").join(parts))


def in_words(change: Change) -> str:
    """A change in the page's words."""
    less = ".less" if change.amount < 0 else ""
    one = ".one" if change.kind.startswith("shift") and abs(change.amount) == 1 else ""
    return say(f"change.{change.kind}{less}{one}", n=abs(change.amount))


def shaken(study: Study) -> Figure | None:
    """What small changes do to right answers: a table, and the pictures that flip most easily."""
    data = study.data
    assert data.y is not None
    chosen = spread(np.arange(len(data)), SHAKEN)
    x, y = data.x[chosen], data.y[chosen]
    result = flips(study.model, x, y, seed=study.seed)
    if not result.total.of:
        return None
    shown = result.fragile[:MOST]
    code = "" if len(chosen) == len(data) else f"[{chosen.tolist()}]"
    return Figure(
        id="flips",
        title=_title(result),
        caption=say("flips.caption", n=result.total.of)
        + (" " + say("flips.caption.pictures") if len(shown) else ""),
        table=_table(result),
        cells=_cells(study, result, chosen, shown),
        row_heads=heads("flips.rows") if len(shown) else (),
        zoom=112,
        method=say("how.flips"),
        paper=say("how.flips.paper"),
        settings=listing(in_words(change) for change in result.changes),
        seed=study.seed,
        code=f"{study.model_code}\n{study.data_code}"
        + (f"\ndata = data{code}" if code else "")
        + f"\nnv.flips(model, data.x, data.y, seed={study.seed}).shares",
        numbers={
            "pictures": chosen,
            "labels": result.labels,
            "predicted": result.predicted,
            "answers": result.answers,
        },
    )


def _title(result: Flips) -> str:
    """What chance does, beside what a step of the same size does that is chosen against it."""
    plain = np.array([change.kind != "gradient" for change in result.changes])
    by_chance, chosen = (int(result.flipped[part].any(axis=0).sum()) for part in (plain, ~plain))
    of = result.total.of
    if not by_chance and not chosen:
        return say("flips.title.none", of=of)
    return say("flips.title", chance=by_chance / of, chosen=chosen / of)


def _table(result: Flips) -> Table:
    rows = [[in_words(one.change), *_share(one)] for one in result.shares if one.change]
    return Table(heads("flips.head"), rows, [say("flips.total"), *_share(result.total)])


def _share(one: FlipShare) -> list[str]:
    low, high = one.interval or (0.0, 1.0)
    return [str(one.flips), f"{one.share or 0.0:.1%}", f"{low:.1%} – {high:.1%}"]


def _telling(result: Flips, picture: int) -> Change:
    """The first change that flips a picture; the gradient step only where no other one does."""
    return min(result.of(picture), key=lambda change: change.kind == "gradient")


def _cells(study: Study, result: Flips, chosen: np.ndarray, shown: np.ndarray) -> list[list[Cell]]:
    """The pictures before and after, each with the answer to it."""
    before, after = [], []
    for i in shown.tolist():
        change = _telling(result, i)
        place, c = int(chosen[i]), result.changes.index(change)
        x, truth = study.data.x[place : place + 1], result.labels[i : i + 1]
        new = changed(study.judged, x, truth, change, seed=study.seed)[0]
        was, now = (study.class_name(int(k)) for k in (result.predicted[i], result.answers[c, i]))
        original = study.original(place)
        sure, told = f"{was} {result.confidence[i]:.0%}", say("alt.unchanged", picture=original.alt)
        before.append(Cell(original.picture, sure, told))
        how = in_words(change)
        label = say("list.comma").join((f"{now} {result.sure[c, i]:.0%}", how))
        alt = say("alt.changed", i=place, change=how, now=now)
        after.append(Cell(pixels(new), label, alt))
    return [before, after] if before else []
