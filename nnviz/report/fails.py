"""Chapter three: where the model fails."""

from __future__ import annotations

import numpy as np

from ..draw import chart
from ..draw.colour import DIVERGING, limits
from ..draw.image import heat
from ..engine.layer import Array
from ..inspection.attribution import occlusions
from ..inspection.evaluation import Mistakes
from .figure import Cell, Figure, Scale, Table, short_settings
from .study import Study, fill_for, patch_for
from .words import ends, heads, say, told

MOST, MOST_ROWS = 6, 20
"""How many mistakes are shown with their maps, and how many classes in the table (the worst)."""


def confusion(study: Study, found: Mistakes) -> Figure:
    """The confusion matrix."""
    wrong, pairs = len(found.wrong), found.mixed_up()
    if not wrong:
        title = say("confusion.title.none", n=len(found.labels))
    elif pairs[0][2] == 1:
        title = say("confusion.title.spread", wrong=wrong)
    else:
        a, b, count = pairs[0]
        title = say(
            "confusion.title",
            a=study.class_name(a),
            b=study.class_name(b),
            count=count,
            wrong=wrong,
        )
    spoken = [
        f"{count} times {study.class_name(a)} and {study.class_name(b)}"
        for a, b, count in pairs[:5]
    ]
    return Figure(
        id="confusion",
        title=title,
        caption=say("confusion.caption"),
        alt="confusion matrix; mixed up: " + (", ".join(spoken) or "nothing"),
        chart=chart.confusion(found.confusion),
        method=f"answers to {len(found.labels):,} labelled pictures",
        code=f"{study.model_code}\n{study.data_code}\nnv.mistakes(model, data.x, data.y).confusion",
        numbers={"confusion": found.confusion, "predicted": found.predicted},
    )


def per_class(study: Study, found: Mistakes) -> Figure:
    """A table: for each class, how many were right and what the others were taken for."""
    totals, right = found.confusion.sum(axis=1), found.confusion.diagonal()
    seen = [int(c) for c in np.flatnonzero(totals)]
    share = {c: right[c] / totals[c] for c in seen}
    order = sorted(seen, key=lambda c: (share[c], c))
    rows = []
    for c in order if len(order) > MOST_ROWS else seen:
        wrong = found.confusion[c].copy()
        wrong[c] = 0
        taken = f"{study.class_name(int(wrong.argmax()))} ({wrong.max()})" if wrong.any() else "–"
        numbers = (str(right[c]), str(totals[c]), f"{share[c]:.1%}")
        rows.append((study.class_name(c), *numbers, taken))
    worst, best = order[0], order[-1]
    perfect = sum(value == 1 for value in share.values())
    kind = ".many" if 1 < perfect < len(seen) else ""
    kind = ".same" if share[worst] == share[best] else kind
    return Figure(
        id="per-class",
        title=say(
            f"perclass.title{kind}",
            count=perfect,
            best=study.class_name(best),
            worst=study.class_name(worst),
            high=share[best],
            low=share[worst],
        ),
        caption=say("perclass.caption"),
        table=Table(heads("perclass.head"), rows[:MOST_ROWS]),
        method="recall of each class",
        code=f"{study.model_code}\n{study.data_code}\nnv.mistakes(model, data.x, data.y).confusion",
    )


def worst(study: Study, found: Mistakes) -> Figure | None:
    """The most confident mistakes: the picture, and what covering each place costs the answer that
    was given and the right one."""
    chosen = found.wrong[:MOST]
    if not len(chosen):
        return None
    x, (patch, stride) = study.data.x[chosen], patch_for(study)
    targets = [classes[chosen] for classes in (found.predicted, found.labels)]
    fill = fill_for(study)
    answer, truth = occlusions(study.model, x, targets, patch=patch, stride=stride, fill=fill)
    low, high = limits(np.stack([answer.values, truth.values]), signed=True)
    titles = [
        say(
            "mistakes.head",
            true=study.class_name(int(found.labels[i])),
            answer=study.class_name(int(found.predicted[i])),
            sure=float(found.confidence[i]),
        )
        for i in chosen
    ]
    rows = [[study.original(int(i)) for i in chosen]]
    for result, classes in ((answer, found.predicted), (truth, found.labels)):
        rows.append(
            [
                Cell(heat(values, low, high, DIVERGING), "",
                     f"what covering costs the score of {study.class_name(int(classes[i]))}")
                for values, i in zip(result.values, chosen, strict=True)
            ]
        )  # fmt: skip
    title = say("mistakes.title", n=len(chosen)) if len(chosen) > 1 else say("mistakes.title.one")
    return Figure(
        id="mistakes",
        title=title,
        caption=say("mistakes.caption", patch=patch),
        cells=rows,
        row_heads=heads("mistakes.rows"),
        col_heads=titles,
        scale=Scale(low, high, DIVERGING, ends("scale.lowers")),
        zoom=140,
        warnings=told([*answer.warnings, *truth.warnings], titles),
        method="occlusion of the scores of the answer and of the true class",
        paper="Zeiler and Fergus 2013, arXiv:1311.2901",
        settings=short_settings(answer.provenance.settings),
        code=f"{study.model_code}\n{study.data_code}\n"
        f"found = nv.mistakes(model, data.x, data.y)\nworst = found.wrong[:{len(chosen)}]\n"
        f"maps = nv.occlusion(model, data.x[worst], found.predicted[worst], "
        f"patch={patch}, stride={stride}, fill={fill})",
        numbers={"pictures": chosen, "for_answer": answer.values, "for_truth": truth.values},
        wide=True,
    )


def advice(study: Study, found: Mistakes) -> list[str]:
    """What the mistakes suggest."""
    wrong, lines = len(found.wrong), []
    pairs = found.mixed_up()
    if pairs and pairs[0][2] > 1:
        a, b, count = pairs[0]
        lines.append(
            say("todo.pair", a=study.class_name(a), b=study.class_name(b), share=count / wrong)
        )
    level = _threshold(found)
    if level is not None:
        below = found.confidence < level
        caught = int(below[found.wrong].sum())
        lines.append(
            say("todo.threshold", level=level, caught=caught, wrong=wrong, asked=below.mean())
        )
    return lines


def _threshold(found: Mistakes) -> float | None:
    """The probability below which 5 % of the pictures lie, if that catches a quarter of the
    mistakes."""
    if not len(found.wrong):
        return None
    level = float(np.quantile(found.confidence, 0.05))
    below: Array = found.confidence < level
    return level if below[found.wrong].mean() >= 0.25 else None
