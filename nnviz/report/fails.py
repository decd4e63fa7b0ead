"""Chapter three: where the model fails."""

from __future__ import annotations

import numpy as np

from ..draw import chart, scores
from ..draw.colour import DIVERGING
from ..draw.image import heat
from ..engine.layer import Array
from ..inspection.evaluation import ClassScore, Mistakes, explain_mistakes
from .alts import of_signed
from .figure import Cell, Figure, Look, Pairs, Scale, Table, short_settings
from .firmness import agreement
from .study import Study, fill_for, patch_for, sureness
from .words import ends, heads, listing, say, told

MOST_CLASSES_DRAWN = 50
"""Classes from which on only some of them stand in the confusion matrix."""
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
        say("alt.confusion.pair", count=count, a=study.class_name(a), b=study.class_name(b))
        for a, b, count in pairs[:5]
    ]
    part = _most_mixed(found) if len(found.confusion) > MOST_CLASSES_DRAWN else None
    caption = say("confusion.caption")
    links = _pairs(study, found, part) if len(found.labels) > 1 else None
    if links is not None and links.counts:
        caption += " " + say("look.pairs.caption")
    if part is not None:
        caption += " " + say("confusion.part", shown=len(part), of=len(found.confusion))
    return Figure(
        id="confusion",
        title=title,
        caption=caption,
        legend=[("transparent", f"{c} {study.class_name(c)}") for c in part or _few(study, found)],
        alt=say("alt.confusion", pairs=listing(spoken)) if spoken else say("alt.confusion.none"),
        chart=chart.confusion(found.confusion)
        if part is None
        else chart.confusion(found.confusion[np.ix_(part, part)], part),
        pairs=links,
        method=say("how.confusion", n=len(found.labels)),
        code=f"{study.model_code}\n{study.data_code}\nnv.mistakes(model, data.x, data.y).confusion",
        numbers={"confusion": found.confusion, "predicted": found.predicted},
    )


def _few(study: Study, found: Mistakes) -> range:
    """The classes of a table, where their names are more than their numbers."""
    count = len(found.confusion)
    plain = all(study.class_name(c) == str(c) for c in range(count))
    return range(0 if plain or count > MOST_ROWS else count)


def _pairs(study: Study, found: Mistakes, part: list[int] | None) -> Pairs:
    """The counts that lead to their pictures: a table of few classes, the pairs of many."""
    count = len(found.confusion)
    shown = list(range(count)) if part is None else part
    if len(shown) <= MOST_ROWS:
        counts = found.confusion[np.ix_(shown, shown)].tolist()
        return Pairs(shown, [study.class_name(c) for c in shown], counts)
    wrong = found.confusion.copy()
    np.fill_diagonal(wrong, 0)
    first = np.argsort(-wrong, axis=None, kind="stable")[:MOST_ROWS]
    mixed = [(int(t), int(a), int(wrong[t, a])) for t, a in
             zip(*np.unravel_index(first, wrong.shape), strict=True) if wrong[t, a]]  # fmt: skip
    seen = sorted({c for pair in mixed for c in pair[:2]})
    return Pairs(seen, [study.class_name(c) for c in seen], (), mixed)


def _most_mixed(found: Mistakes) -> list[int]:
    """Of very many classes those that are mixed up most, by number; then the first that have
    pictures."""
    pairs = [c for a, b, _ in found.mixed_up() for c in (a, b)]
    seen = np.flatnonzero(found.confusion.sum(axis=1)).tolist()
    return sorted(list(dict.fromkeys([*pairs, *seen]))[:MOST_ROWS])


def per_class(study: Study, found: Mistakes) -> Figure:
    """A table and a chart: precision and recall of each class, and what it was taken for."""
    all_scores = [one for one in found.per_class() if one.pictures]
    share = {one.label: one.recall or 0.0 for one in all_scores}
    order = sorted(all_scores, key=lambda one: (share[one.label], one.label))
    listed = order[:MOST_ROWS] if len(order) > MOST_ROWS else all_scores
    worst, best = order[0].label, order[-1].label
    perfect = sum(value == 1 for value in share.values())
    kind = ".many" if 1 < perfect < len(order) else ""
    kind = ".same" if share[worst] == share[best] else kind
    spoken = [f"{_numbered(study, one)} {share[one.label]:.0%}" for one in order[:5]]
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
        table=Table(heads("perclass.head"), [_row(study, found, one) for one in listed]),
        alt=say("alt.perclass", which=listing(spoken)),
        chart=scores.precision_recall(listed),
        method=say("how.perclass"),
        paper="Wilson 1927",
        code=f"{study.model_code}\n{study.data_code}\n"
        "nv.mistakes(model, data.x, data.y).per_class()",
        numbers={
            "classes": np.array([one.label for one in all_scores]),
            "pictures": np.array([one.pictures for one in all_scores]),
            "answered": np.array([one.answered for one in all_scores]),
            "right": np.array([one.right for one in all_scores]),
        },
    )


def _numbered(study: Study, one: ClassScore) -> str:
    """A class by number, as in the chart, and by name where it has one."""
    name = study.class_name(one.label)
    return name if name == str(one.label) else f"{one.label} {name}"


def _row(study: Study, found: Mistakes, one: ClassScore) -> list[str]:
    """One class's line in the table."""
    wrong = found.confusion[one.label].copy()
    wrong[one.label] = 0
    taken = f"{study.class_name(int(wrong.argmax()))} ({wrong.max()})" if wrong.any() else "–"
    return [
        _numbered(study, one),
        say("perclass.right", right=one.right, of=one.pictures),
        *("–" if share is None else f"{share:.1%}" for share in (one.recall, one.precision)),
        taken,
    ]


def worst(study: Study, found: Mistakes) -> Figure | None:
    """The most confident mistakes: the picture, and what covering each place costs the answer that
    was given and the right one."""
    count = min(MOST, len(found.wrong))
    title = say("mistakes.title", n=count) if count > 1 else say("mistakes.title.one")
    return _explained(study, found, "mistakes", title, count, "most confident")


def unsure(study: Study, found: Mistakes) -> Figure | None:
    """The least confident mistakes that are not among the most confident ones."""
    count = min(MOST, len(found.wrong) - MOST)
    kind = "" if count > 1 else ".one"
    title = say(f"mistakes.title.unsure{kind}", n=count)
    return _explained(study, found, "mistakes-unsure", title, count, "least confident")


def _explained(
    study: Study, found: Mistakes, ident: str, title: str, count: int, order: str
) -> Figure | None:
    """Some mistakes with what misled the network and what spoke for the truth."""
    if count < 1:
        return None
    patch, stride = patch_for(study)
    options = {"patch": patch, "stride": stride, "fill": fill_for(study)}
    result = explain_mistakes(
        study.model, study.data.x, study.data.y, most=count, order=order, method="occlusion",
        options=options, found=found,
    )  # fmt: skip
    low, high = result.scale
    titles = [
        say(
            "mistakes.head",
            true=study.class_name(t),
            answer=study.class_name(p),
            sure=sureness(sure),
        )
        for t, p, sure in zip(
            result.labels.tolist(), result.predicted.tolist(), result.confidence, strict=True
        )
    ]
    rows = [[study.original(int(i)) for i in result.numbers]]
    scale = Scale(low, high, DIVERGING, ends("scale.lowers"))
    numbers = {"pictures": result.numbers, "for_answer": result.for_answer,
               "for_truth": result.for_truth}  # fmt: skip
    asked = ", ".join(f"{key}={value!r}" for key, value in options.items())
    for key, classes in (("for_answer", result.predicted), ("for_truth", result.labels)):
        looks = _looks(study, result.numbers.tolist(), classes.tolist(), key, scale, asked)
        told_of = zip(rows[0], study.maps(numbers[key]), classes.tolist(), looks, strict=True)
        rows.append(
            [
                Cell(heat(v, low, high, DIVERGING), "", _told(study, cell.alt, c, v), look)
                for cell, v, c, look in told_of
            ]
        )
    return Figure(
        id=ident,
        title=title,
        caption=say("mistakes.caption", patch=patch) + study.dots,
        cells=rows,
        row_heads=heads("mistakes.rows"),
        col_heads=titles,
        scale=scale,
        zoom=140,
        warnings=told([*result.answer_warnings, *result.truth_warnings], titles),
        method=say("how.mistakes"),
        paper="Zeiler and Fergus 2013, arXiv:1311.2901",
        settings=short_settings(result.provenance.settings),
        code=f"{study.model_code}\n{study.data_code}\n"
        f"maps = nv.explain_mistakes(model, data.x, data.y, most={count}, order={order!r}, "
        f'method="occlusion", options={options})',
        numbers=numbers,
        wide=True,
    )


def _told(study: Study, seen: str, c: int, values: Array) -> str:
    """A map of a mistake, for a reader who cannot see it."""
    return of_signed(say("alt.covering", picture=seen, name=study.class_name(c)), values)


def _looks(
    study: Study, pictures: list[int], classes: list[int], key: str, scale: Scale, asked: str
) -> list[Look]:
    """What the viewer knows of a row of maps, which lie under `key`."""
    return [
        Look(i, heads("method.occlusion")[0], study.class_name(c), key, (k,), None, scale,
             study.dot, again=f"nv.occlusion(model, data.x[{i}:{i + 1}], {c}, {asked}).values[0]")
        for k, (i, c) in enumerate(zip(pictures, classes, strict=True))
    ]  # fmt: skip


def advice(study: Study, found: Mistakes) -> list[str]:
    """What the mistakes suggest."""
    wrong, lines = len(found.wrong), []
    pairs = found.mixed_up()
    if pairs and pairs[0][2] > 1:
        a, b, count = pairs[0]
        lines.append(
            say("todo.pair", a=study.class_name(a), b=study.class_name(b), share=count / wrong)
        )
    if agreement(found) == "over":
        sure = float(found.confidence.mean())
        lines.append(say("todo.calibration", sure=sure, right=found.accuracy))
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
