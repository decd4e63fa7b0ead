"""Chapter four: why the model decided so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..draw.colour import DIVERGING, SEQUENTIAL, class_colours, limits
from ..draw.image import heat, opaque
from ..engine.layer import Array
from ..inspection.attribution import (
    OCCLUSION_GUIDE,
    RULES,
    Occlusion,
    grad_cam,
    occlusion,
    saliency,
)
from ..inspection.results import same_for_every_class
from .figure import Cell, Figure, Scale, short_settings
from .plain import kept
from .study import GREY, MOST_CLASSES, Study, fill_for, patch_for
from .words import ends, heads, place_words, say, told

LEGEND = 24
"""Classes in a legend at the most, the most frequent ones."""
MOST_COVERED = 5
"""How many pictures are covered place by place, which is what costs most."""


def hardest(study: Study) -> list[int]:
    """The pictures chosen; else the right answers among the picks that were least sure: there is
    something to see in them."""
    if study.pick:
        return list(study.pick)
    right = [i for i in study.picks if study.predicted[i] == study.labels[i]] or study.picks
    sure = study.probabilities.max(axis=1)
    return sorted(right, key=lambda i: float(sure[i]))[:MOST_COVERED]


@kept
@dataclass(frozen=True)
class Covered:
    """The occlusion figure, with what the top and the advice need of it."""

    figure: Figure
    result: Occlusion
    chosen: list[int]


def covered(study: Study) -> Covered:
    """Occlusion with a small patch, computed once for all that need it."""
    found: Covered = study.once("covered", lambda: cover(study), Covered, ("pick",))
    return found


def cover(study: Study) -> Covered:
    """Occlusion with a small patch: the drop of the score at each place."""
    chosen = hardest(study)
    patch, stride = patch_for(study)
    targets = study.predicted[chosen]
    fill = fill_for(study)
    result = occlusion(
        study.judged, study.data.x[chosen], targets, patch=patch, stride=stride, fill=fill
    )
    drawn = study.maps(result.values)
    low, high = limits(drawn, signed=True)
    names = [study.class_name(int(t)) for t in targets]
    maps = [
        Cell(heat(v, low, high, DIVERGING), "", f"what covering costs this {name}")
        for v, name in zip(drawn, names, strict=True)
    ]
    k, (row, col), drop = strongest(result)
    rows, cols = result.values.shape[1:]
    title = say(
        "cover.title",
        place=place_words(row, col, rows, cols),
        true=names[k],
        score=in_steps_of(drop, float(result.scores[k])),
        after=in_steps_of(drop, float(result.scores[k]) - drop),
    )
    is_told = drop > 0 and study.predicted[chosen[k]] == study.labels[chosen[k]]
    is_told = is_told and float(result.scores[k]) > 0  # a share of nothing is nothing to tell
    shade = heads("colours")[min(4, int(5 * fill))]
    caption = say("cover.caption", patch=patch, places=len(_boxes(result)), colour=shade)
    if fill != GREY:
        caption += " " + say("cover.background")
    caption += study.dots
    figure = Figure(
        id="occlusion",
        title=title if is_told else say("cover.title.plain"),
        caption=caption,
        cells=[[study.original(i) for i in chosen], maps],
        col_heads=names,
        scale=Scale(low, high, DIVERGING, ends("scale.lowers")),
        zoom=112,
        wide=study.is_large,
        warnings=told(result.warnings, names),
        method="occlusion of the score before the softmax",
        paper="Zeiler and Fergus 2013, arXiv:1311.2901",
        settings=short_settings(result.provenance.settings),
        code=f"{study.model_code}\n{study.data_code}\n"
        f"map_ = nv.occlusion(model, data.x[{chosen}], {targets.tolist()}, "
        f"patch={patch}, stride={stride}, fill={fill})",
        numbers={"pictures": np.array(chosen), "values": result.values, "boxes": _boxes(result)},
    )  # fmt: skip
    return Covered(figure, result, chosen)


def strongest(result: Occlusion) -> tuple[int, tuple[float, float], float]:
    """The picture and place of the largest drop: (picture, middle of the patch, drop)."""
    assert result.drop is not None
    k, place = np.unravel_index(int(result.drop.argmax()), result.drop.shape)
    top, left, bottom, right = _boxes(result)[place]
    middle = ((top + bottom - 1) / 2, (left + right - 1) / 2)
    return int(k), middle, float(result.drop[k, place])


def in_steps_of(drop: float, value: float) -> str:
    """A score with so many decimals that a drop of this size can be seen in it."""
    decimals = 1 if drop >= 1 or drop <= 0 else 1 - math.floor(math.log10(drop))
    return f"{value:.{decimals}f}"


def _boxes(result: Occlusion) -> Array:
    assert result.boxes is not None
    return result.boxes


def guide(study: Study) -> Figure:
    """Occlusion in the guide's form: large patch, probability and answer at each place, and the
    count.

    For pictures of other sizes than 28×28 the square keeps its share of the picture.
    """
    chosen = hardest(study)
    settings = guide_settings(study)
    targets = study.predicted[chosen]
    result = guided(study)
    assert result.probability is not None
    assert result.predicted is not None
    down, along = result.grid
    names = [study.class_name(int(t)) for t in targets]
    sure, answered = [], []
    counts = result.counts(study.judged.output_shape[0])
    palette = class_colours(result.predicted)
    for k, name in enumerate(names):
        grid = result.probability[k].reshape(down, along)
        sure.append(Cell(heat(grid, 0, 1, "viridis"), "", f"probability of {name} at each place"))
        classes = result.predicted[k].reshape(down, along)
        colours = opaque(palette[classes])
        order = np.argsort(-counts[k], kind="stable")[:3]
        parts = [f"{study.class_name(int(c))}: {counts[k][c]}" for c in order if counts[k][c]]
        rest = int(counts[k].sum() - counts[k][order].sum())
        tally = ", ".join([*parts, say("guide.others", count=rest)] if rest else parts)
        answered.append(Cell(colours, tally, f"answers at each place; {tally}"))
    return Figure(
        id="occlusion-guide",
        title=_guide_title(study, result, chosen, targets),
        caption=say("guide.caption", patch=settings["patch"], stride=settings["stride"],
                    places=len(_boxes(result))),
        cells=[[study.original(i) for i in chosen], sure, answered],
        row_heads=heads("guide.rows"),
        col_heads=names,
        scale=Scale(0, 1, "viridis", ends("scale.lost_sure")),
        legend=_legend(study, result),
        zoom=112,
        wide=study.is_large,
        warnings=told(result.warnings, names),
        method="occlusion, probability and answer at each place",
        paper="Zeiler and Fergus 2013, arXiv:1311.2901",
        settings=short_settings(result.provenance.settings),
        code=f"{study.model_code}\n{study.data_code}\n"
        f"map_ = nv.occlusion(model, data.x[{chosen}], {targets.tolist()}, "
        + ", ".join(f"{key}={value!r}" for key, value in settings.items()) + ")",
        numbers={"pictures": np.array(chosen), "probability": result.probability,
                 "predicted": result.predicted, "boxes": _boxes(result)},
    )  # fmt: skip


def guided(study: Study) -> Occlusion:
    """Occlusion with the large square, computed once for all that need it."""
    chosen = hardest(study)
    found: Occlusion = study.once(
        "guided",
        lambda: occlusion(
            study.judged, study.data.x[chosen], study.predicted[chosen], **guide_settings(study)
        ),
        Occlusion,
        ("pick",),
    )
    return found


def guide_settings(study: Study) -> dict[str, Any]:
    """The guide's square, with its share of the picture."""
    side = min(study.model.input.shape[:2])
    settings = dict(OCCLUSION_GUIDE)
    settings["patch"] = max(1, round(settings["patch"] * side / 28))
    settings["stride"] = max(1, round(settings["stride"] * side / 28))
    return settings


def _guide_title(study: Study, result: Occlusion, chosen: list[int], targets: Array) -> str:
    """The answer that most often took the right one's place, and where the square lay then."""
    assert result.predicted is not None
    if (result.predicted == targets[:, None]).all():
        return say("guide.title.firm")
    counts, changed = result.counts(study.judged.output_shape[0]), []
    for k, target in enumerate(targets):
        counts[k, target] = 0
        other = int(counts[k].argmax())
        if counts[k, other] and target == study.labels[chosen[k]]:
            changed.append((int(counts[k, other]), k, other))
    if not changed:
        return say("guide.title.plain")
    _, k, other = max(changed)
    top, left, bottom, right = _boxes(result)[result.predicted[k] == other].mean(axis=0)
    rows, cols = study.model.input.shape[:2]
    return say(
        "guide.title",
        true=study.class_name(int(targets[k])),
        answer=study.class_name(other),
        place=place_words((top + bottom) / 2, (left + right) / 2, rows, cols),
    )


def _legend(study: Study, result: Occlusion) -> list[tuple[str, str]]:
    """The colours of the classes that were answered somewhere."""
    assert result.predicted is not None
    palette = class_colours(result.predicted)
    classes, counts = np.unique(result.predicted, return_counts=True)
    often = np.sort(classes[np.argsort(-counts, kind="stable")[:LEGEND]])
    shown = [(f"#{palette[c].tobytes().hex()}", study.class_name(int(c))) for c in often]
    if len(classes) > LEGEND:
        shown.append(("transparent", say("limit.more", count=len(classes) - LEGEND)))
    return shown


def matrix(study: Study, method: str) -> Figure:
    """Saliency or Grad-CAM for one picture of each class, with the three backward rules."""
    picks = study.picks
    x, targets = study.data.x[picks], study.labels[picks]
    explain = {"saliency": saliency, "cam": grad_cam}[method]
    rows, warnings = [[study.original(i) for i in picks]], []
    names = [study.class_name(int(t)) for t in targets]
    numbers = {"pictures": np.array(picks)}
    result, tops = None, []
    for rule in RULES:
        result = explain(study.judged, x, targets, rule=rule)
        drawn = study.maps(result.values)
        low, high = limits(drawn, signed=False)
        tops.append(high)
        numbers[rule] = result.values
        rows.append(
            [
                Cell(heat(v, low, high, SEQUENTIAL), "",
                     f"{rule} map of class {name}, up to {v.max():.3g}")
                for v, name in zip(drawn, names, strict=True)
            ]
        )  # fmt: skip
        warnings += told(result.warnings, names, rule)
        warnings += _same(study, method, rule)
    assert result is not None
    node = result.provenance.node
    heads = [
        "the picture",
        *(f"{rule}, 0 to {top:.2g}" for rule, top in zip(RULES, tops, strict=True)),
    ]
    return Figure(
        id=method,
        title=say(f"{method}.title"),
        caption=say(f"{method}.caption", node=node) + study.dots,
        cells=rows,
        row_heads=heads,
        col_heads=names,
        scale=Scale(0, 1, SEQUENTIAL, ends("scale.row"), words_only=True),
        zoom=84,
        warnings=list(dict.fromkeys(warnings)),
        method={"saliency": "size of the gradient", "cam": f"Grad-CAM at {node}"}[method]
        + ", rules plain, guided and rectified",
        paper="Simonyan et al. 2013, arXiv:1312.6034; Springenberg et al. 2014, arXiv:1412.6806; "
        "Zeiler and Fergus 2013, arXiv:1311.2901"
        + ("; Selvaraju et al. 2017, arXiv:1610.02391" if method == "cam" else ""),
        code=f"{study.model_code}\n{study.data_code}\n"
        f'map_ = nv.{explain.__name__}(model, data.x[{picks}], {targets.tolist()}, rule="guided")',
        numbers=numbers,
        wide=True,
    )


def _same(study: Study, method: str, rule: str) -> list[str]:
    """A warning where the first pick's maps do not depend on the class that is asked for."""
    classes = list(range(min(study.judged.output_shape[0], MOST_CLASSES)))
    i = study.picks[0]
    x = np.repeat(study.data.x[i : i + 1], len(classes), axis=0)
    maps = {"saliency": saliency, "cam": grad_cam}[method](study.judged, x, classes, rule=rule)
    if not same_for_every_class(maps.values):
        return []
    name = study.class_name(int(study.labels[i]))
    return [say("warning.same", rule=rule, name=name)]


def advice(study: Study, covered: Covered) -> list[str]:
    """What the maps suggest."""
    result, chosen = covered.result, covered.chosen
    k, _, drop = strongest(result)
    share = drop / float(result.scores[k]) if result.scores[k] > 0 else 0.0
    lines = []
    if share >= 0.25:
        name = study.class_name(int(study.predicted[chosen[k]]))
        patch = patch_for(study)[0]
        lines.append(say("todo.coverage", name=name, patch=patch, share=min(share, 1.0)))
    lines.append(say("todo.trust"))
    return lines
