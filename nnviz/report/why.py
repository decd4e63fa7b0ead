"""Chapter four: why the model decided so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..draw.colour import DIVERGING, REST, SEQUENTIAL, class_colours, coloured, limits
from ..draw.image import heat, minus, opaque
from ..engine.layer import Array
from ..inspection.attribution import (
    OCCLUSION_GUIDE,
    RULES,
    Occlusion,
    grad_cam,
    occlusion,
    saliency,
)
from ..inspection.results import Attribution, same_for_every_class
from .alts import of_map, of_signed, place_of
from .asked import every_class
from .figure import Cell, Figure, Frame, Look, Scale, short_settings
from .plain import kept
from .study import GREY, MOST_CLASSES, Study, fill_for, patch_for
from .words import ends, heads, listing, place_words, say, told

PAPERS = (
    "Simonyan et al. 2013, arXiv:1312.6034; Springenberg et al. 2014, arXiv:1412.6806; "
    "Zeiler and Fergus 2013, arXiv:1311.2901"
)
"""Of the three rules."""
LIKELY = 3
"""Of a large picture's likeliest classes, how many are asked for."""
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
    scale = Scale(low, high, DIVERGING, ends("scale.lowers"))
    places = (result.grid, frame_of(_boxes(result), result.grid))
    maps = [
        Cell(heat(v, low, high, DIVERGING), "",
             of_signed(say("alt.covering", picture=study.told(i), name=name), v),
             Look(i, heads("method.occlusion")[0], name, "values", (k,), None, scale, study.dot,
                  chance=("probability", (k,), *places),
                  again=f"nv.occlusion(model, data.x[{i}:{i + 1}], {t}, patch={patch}, "
                  f"stride={stride}, fill={fill}).values[0]"))
        for k, (i, t, v, name) in enumerate(zip(chosen, targets.tolist(), drawn, names,
                                                strict=True))
    ]  # fmt: skip
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
        scale=scale,
        zoom=112,
        wide=study.is_large,
        warnings=told(result.warnings, names),
        method=say("how.cover"),
        paper="Zeiler and Fergus 2013, arXiv:1311.2901",
        settings=short_settings(result.provenance.settings),
        code=f"{study.model_code}\n{study.data_code}\n"
        f"map_ = nv.occlusion(model, data.x[{chosen}], {targets.tolist()}, "
        f"patch={patch}, stride={stride}, fill={fill})",
        numbers={"pictures": np.array(chosen), "values": result.values, "boxes": _boxes(result),
                 "probability": _probability(result)},
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
    return minus(f"{value:.{decimals}f}")


def _boxes(result: Occlusion) -> Array:
    assert result.boxes is not None
    return result.boxes


def _probability(result: Occlusion) -> Array:
    assert result.probability is not None
    return result.probability


def frame_of(boxes: Array, grid: tuple[int, int]) -> Frame:
    """The frame of a grid of places whose middles are those of their boxes (P, 4)."""
    middles = (boxes[:, :2] + boxes[:, 2:]).reshape(*grid, 2) / 2
    first, last = middles[0, 0], middles[-1, -1]
    half = (last - first) / np.maximum(np.array(grid) - 1, 1) / 2
    alone = np.array(grid) == 1  # a single place speaks for all of its box
    half[alone] = (boxes[0, 2:] - boxes[0, :2])[alone] / 2
    (top, left), (low, right) = (first - half).tolist(), (last + half).tolist()
    return top, left, low, right


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
    (down, along), scale = result.grid, Scale(0, 1, "viridis", ends("scale.lost_sure"))
    names = [study.class_name(int(t)) for t in targets]
    sure, answered = [], []
    counts = result.counts(study.judged.output_shape[0])
    palette = class_colours(result.predicted)
    asked = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    named = [(int(c), study.class_name(int(c)), hexed(palette[c]))
             for c in np.unique(result.predicted)]  # fmt: skip
    for k, name in enumerate(names):
        grid = result.probability[k].reshape(down, along)
        flat = ".flat" if grid.max() == grid.min() else ""
        alt = say(f"alt.sure{flat}", name=name, place=place_of(-grid))
        i, t = chosen[k], int(targets[k])
        once = f"nv.occlusion(model, data.x[{i}:{i + 1}], {t}, {asked})"
        sure.append(
            Cell(heat(grid, 0, 1, "viridis"), "", alt,
                 Look(i, say("look.sure"), name, "probability", (k,), None, scale,
                      grid=result.grid, again=f"{once}.probability[0].reshape({down}, {along})"))
        )  # fmt: skip
        classes = result.predicted[k].reshape(down, along)
        colours = opaque(palette[classes])
        tally = _tally(study, counts[k])
        answered.append(
            Cell(colours, tally, say("alt.answers", tally=tally),
                 Look(i, say("look.answers"), name, "predicted", (k,), named=named,
                      grid=result.grid, again=f"{once}.predicted[0].reshape({down}, {along})"))
        )  # fmt: skip
    return Figure(
        id="occlusion-guide",
        title=_guide_title(study, result, chosen, targets),
        caption=say("guide.caption", patch=settings["patch"], stride=settings["stride"],
                    places=len(_boxes(result))),
        cells=[[study.original(i) for i in chosen], sure, answered],
        row_heads=heads("guide.rows"),
        col_heads=names,
        scale=scale,
        legend=legend(study, result.predicted),
        zoom=112,
        wide=study.is_large,
        warnings=told(result.warnings, names),
        method=say("how.guide"),
        paper="Zeiler and Fergus 2013, arXiv:1311.2901",
        settings=short_settings(result.provenance.settings),
        code=f"{study.model_code}\n{study.data_code}\n"
        f"map_ = nv.occlusion(model, data.x[{chosen}], {targets.tolist()}, {asked})",
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


def _tally(study: Study, counts: Array) -> str:
    """How often the most frequent answers were given, and how often others."""
    order = np.argsort(-counts, kind="stable")[:3]
    parts = [f"{study.class_name(int(c))}: {counts[c]}" for c in order if counts[c]]
    rest = int(counts.sum() - counts[order].sum())
    return listing([*parts, say("guide.others", count=rest)] if rest else parts)


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


def legend(study: Study, classes: Array) -> list[tuple[str, str]]:
    """The colours of the classes among these, and one for all that have none of their own."""
    palette, own = class_colours(classes), coloured(classes)
    shown = [(hexed(palette[c]), study.class_name(int(c))) for c in own]
    more = len(np.unique(classes)) - len(own)
    return shown + ([(hexed(np.array(REST, np.uint8)), say("limit.more", count=more))] * bool(more))


def hexed(colour: Array) -> str:
    """A colour as styles have it."""
    return f"#{colour.tobytes().hex()}"


def matrix(study: Study, method: str) -> Figure:
    """Saliency or Grad-CAM for one picture of each class, with the three backward rules."""
    picks = study.picks
    x, targets = study.data.x[picks], study.labels[picks]
    explain = {"saliency": saliency, "cam": grad_cam}[method]
    rows, warnings = [[study.original(i) for i in picks]], []
    names = [study.class_name(int(t)) for t in targets]
    plain = map_name(method, next(iter(RULES)))
    numbers, looks = every_class(study, explain, hardest(study), plain)
    numbers["pictures"] = np.array(picks)
    called = "Grad-CAM" if method == "cam" else heads("method.gradient")[0]
    results = {rule: explain(study.judged, x, targets, rule=rule) for rule in RULES}
    results, one = _different(results)
    tops = []
    for rule, result in results.items():
        drawn = study.maps(result.values)
        low, high = limits(drawn, signed=False)
        tops.append(high)
        numbers[rule] = result.values
        scale = Scale(low, high, SEQUENTIAL, ends("scale.little_much"))
        rows.append(
            [
                Cell(heat(v, low, high, SEQUENTIAL), "",
                     of_map(say("alt.method", method=f"{called} ({say(f'rule.{rule}')})",
                                picture=study.told(i), name=name), v),
                     Look(i, map_name(method, rule), name, rule, (k,), None, scale, study.dot,
                          again=f"nv.{explain.__name__}(model, data.x[{i}:{i + 1}], {t}, "
                          f"rule={rule!r}).values[0]"))
                for k, (i, t, v, name) in enumerate(
                    zip(picks, targets.tolist(), drawn, names, strict=True))
            ]
        )  # fmt: skip
        warnings += told(result.warnings, names, say(f"rule.{rule}"))
        warnings += _same(study, method, rule)
    node = next(iter(results.values())).provenance.node
    row_heads = [
        say("methods.picture"),
        *(say("rule.row", rule=say(f"rule.{rule}"), top=top)
          for rule, top in zip(results, tops, strict=True)),
    ]  # fmt: skip
    same = " " + say(f"{method}.one", node=node) if one else ""
    return Figure(
        id=method,
        title=say(f"{method}.title.one" if same else f"{method}.title"),
        caption=say(f"{method}.caption", node=node) + same + study.dots,
        cells=rows,
        row_heads=row_heads,
        col_heads=names,
        scale=Scale(0, 1, SEQUENTIAL, ends("scale.row"), words_only=True),
        zoom=84,
        warnings=list(dict.fromkeys(warnings)),
        method=say(f"how.{method}", node=node),
        paper=PAPERS + ("; Selvaraju et al. 2017, arXiv:1610.02391" if method == "cam" else ""),
        code=f"{study.model_code}\n{study.data_code}\n"
        f'map_ = nv.{explain.__name__}(model, data.x[{picks}], {targets.tolist()}, rule="guided")',
        numbers=numbers,
        looks=looks,
        wide=True,
    )


def _different(results: dict[str, Attribution]) -> tuple[dict[str, Attribution], bool]:
    """The readings that are not all one and the same; whether they were, so that one is left."""
    first, *others = results.values()
    one = all(np.array_equal(first.values, other.values) for other in others)
    return (dict([next(iter(results.items()))]) if one else results), one


def map_name(method: str, rule: str) -> str:
    """What the viewer calls a map of the matrix."""
    return say("look.ruled", name=heads(f"look.{method}")[0], rule=heads(f"look.{rule}")[0])


def _same(study: Study, method: str, rule: str) -> list[str]:
    """A warning where the first pick's maps do not depend on the class that is asked for."""
    i, most = study.picks[0], LIKELY if study.is_large else MOST_CLASSES
    classes = np.sort(np.argsort(-study.probabilities[i], kind="stable")[:most]).tolist()
    x = np.repeat(study.data.x[i : i + 1], len(classes), axis=0)
    maps = {"saliency": saliency, "cam": grad_cam}[method](study.judged, x, classes, rule=rule)
    if not same_for_every_class(maps.values):
        return []
    name = study.class_name(int(study.labels[i]))
    return [say("warning.same", rule=say(f"rule.{rule}"), name=name)]


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
