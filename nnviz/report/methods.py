"""Chapter four: several methods side by side, and why this answer and not that one."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from ..draw.colour import DIVERGING, limits
from ..draw.image import heat, number
from ..engine.layer import Array
from ..errors import NnvizError
from ..inspection.attribution import METHODS, Logit, explain
from ..inspection.results import Attribution
from .alts import of_signed
from .figure import Cell, Figure, Look, Scale, short_settings
from .study import Study, fill_for, patch_for, sureness
from .why import covered, hardest
from .words import ends, heads, listing, place_words, say, told, words

NAMES = ("gradient", "integrated_gradients", "deep_lift", "lrp", "grad_cam")
"""The usual rows; occlusion comes after them, from the figure that has it already."""
MOST = 5
"""How many mistakes are asked about."""
ZOOM = 96
"""Five pictures of 28, 32 or 45 pixels fit side by side into half of the page, each pixel whole."""
CONTRAST = "integrated_gradients"
LARGE_PATH = 16
"""Gradients along its path where pictures are large: its maps are those of 96 (correlation 0.997);
what is left over stands under them."""


def shown(study: Study) -> tuple[str, ...]:
    """The methods that stand beside each other: those chosen, or the usual ones."""
    usual = (*NAMES, "occlusion") if study.has_places else (*NAMES[:-1], "occlusion")
    return study.methods or usual


def is_chosen(study: Study, *names: str) -> bool:
    """Whether the reader wants to see one of these methods."""
    return not study.methods or any(name in study.methods for name in names)


def name_and_words(method: str) -> tuple[str, str]:
    """What a method is called on the page, and what it says."""
    if f"method.{method}" not in words():
        return method.replace("_", " "), say("method.other")
    name, said = heads(f"method.{method}")
    return name, said


def name_of(method: str) -> str:
    """What a method is called on the page."""
    return name_and_words(method)[0]


def options_of(study: Study, name: str) -> dict[str, Any]:
    """What a method is given: the plain picture that it counts from, where it counts from one; the
    page's square; the seed of what is random."""
    if name == "occlusion":
        patch, stride = patch_for(study)
        return {"patch": patch, "stride": stride, "fill": fill_for(study)}
    method = METHODS[name]
    if name == "lrp":
        return {"composite": "epsilon_plus"}
    options: dict[str, Any] = {"seed": study.seed} if method.stochastic and study.seed else {}
    if name == CONTRAST and study.is_large:
        options["steps"] = LARGE_PATH
    return options | ({"baseline": fill_for(study)} if "baseline" in method.options else {})


def colour_of(study: Study) -> str:
    """The plain picture's colour in words."""
    return heads("colours")[min(4, int(5 * fill_for(study)))]


def beside_each_other(study: Study) -> Figure:
    """A row for each method, a column for each of the right answers that were least sure."""
    chosen = hardest(study)
    targets = study.predicted[chosen]
    names = [study.class_name(int(t)) for t in targets]
    results, warnings = _explained(study)
    rows, row_heads = [[study.original(i) for i in chosen]], [say("methods.picture")]
    for name, result in results.items():
        maps = study.maps(result.values)
        again = _once(study, name)
        looks = _looks(study, name, limits(maps, signed=True), chosen, targets.tolist(), again)
        rows.append(_row(name, maps, result.gap, looks, [study.told(i) for i in chosen]))
        row_heads.append(_head(name, maps))
        warnings += told(result.warnings, names, name_of(name))
    title, agreement = _agreement(results)
    gaps = [name for name, result in results.items() if result.gap is not None]
    caption = say("methods.caption", agreement=agreement)
    caption += " " + say("methods.gap", colour=colour_of(study)) if gaps else ""
    caption += study.dots
    return Figure(
        id="methods",
        title=title,
        caption=caption,
        cells=rows,
        row_heads=row_heads,
        col_heads=names,
        scale=Scale(-1, 1, DIVERGING, ends("scale.for_against"), words_only=True),
        zoom=ZOOM,
        wide=study.is_large,
        warnings=list(dict.fromkeys(warnings)),
        method=listing(results),
        paper="; ".join(dict.fromkeys(METHODS[name].reference for name in results)),
        settings="; ".join(
            f"{name}: {short_settings(result.provenance.settings)}"
            for name, result in results.items()
            if result.provenance.settings
        ),
        code=_again(study, chosen, targets, results),
        numbers={"pictures": np.array(chosen)}
        | {name: result.values for name, result in results.items()}
        | {f"{name}_gap": gap for name in gaps if (gap := results[name].gap) is not None},
    )


def _explained(study: Study) -> tuple[dict[str, Attribution], list[str]]:
    """Each method's maps, and for those that cannot explain this model a line that says why."""
    results: dict[str, Attribution] = {}
    failed = []
    for name in shown(study):
        try:
            results[name] = explained(study, name)
        except NnvizError as error:
            if name != "occlusion" or study.methods:
                failed.append(say("methods.failed", name=name_of(name), reason=error))
    return results, failed


def explained(study: Study, name: str) -> Attribution:
    """A method's maps of the right answers that were least sure, for these answers; computed once
    for all that need them."""
    if name == "occlusion":
        return covered(study).result
    chosen = hardest(study)
    found: Attribution = study.once(
        f"explained-{name}",
        lambda: explain(study.judged, study.data.x[chosen], study.predicted[chosen], method=name,
                        **options_of(study, name)),
        Attribution,
        ("pick",),
    )  # fmt: skip
    return found


def _row(
    name: str, maps: Array, gap: Array | None, looks: list[Look], seen: list[str]
) -> list[Cell]:
    low, high = limits(maps, signed=True)
    called = name_of(name)
    gaps = [None] * len(looks) if gap is None else gap.tolist()
    return [
        Cell(heat(v, low, high, DIVERGING), "" if missed is None else say(
            "methods.gap.label", gap=in_words(missed)),
             of_signed(say("alt.method", method=called, picture=picture, name=look.target), v),
             look)
        for v, look, picture, missed in zip(maps, looks, seen, gaps, strict=True)
    ]  # fmt: skip


def _looks(
    study: Study, name: str, range_: tuple[float, float], chosen: list[int], targets: list[int],
    again: str,
) -> list[Look]:  # fmt: skip
    """What the viewer knows of a row: its numbers lie under the method's name."""
    scale = Scale(*range_, DIVERGING, ends("scale.against_for"))
    return [
        Look(i, name_of(name), study.class_name(t), name, (k,), None, scale,
             study.dot, again=again.format(i, i + 1, t))
        for k, (i, t) in enumerate(zip(chosen, targets, strict=True))
    ]  # fmt: skip


def _once(study: Study, name: str) -> str:
    """The Python that makes one map, with places for the picture and the class."""
    options = "".join(f", {k}={v!r}" for k, v in options_of(study, name).items())
    return f"nv.explain(model, data.x[{{0}}:{{1}}], {{2}}, method={name!r}{options}).values[0]"


def in_words(gap: float) -> str:
    """A completeness gap: `0.3%`, `less than 0.1%`, `more than all of it`."""
    size = abs(gap)
    if not size <= 1:
        return say("gap.all")
    return say("gap.little") if size < 0.001 else say("gap.share", gap=size)


def _head(name: str, maps: Array) -> str:
    """What the method is called, what it says, and the ends of its row's scale."""
    called, said = name_and_words(name)
    top = number(limits(maps, signed=True)[1])
    low = f"−{top}" if METHODS[name].signed else "0"
    return say("methods.row", name=called, words=said, low=low, high=top)


def _agreement(results: dict[str, Attribution]) -> tuple[str, str]:
    """Which two methods agree most and which least, as a title and a sentence."""
    pairs = []
    for a, b in combinations(results, 2):
        found = correlations(results[a].values, results[b].values)
        if len(found):
            pairs.append((float(found.mean()), a, b))
    if len(pairs) < 2:
        return say("methods.title.plain"), ""
    (low, c, d), (high, a, b) = min(pairs), max(pairs)
    a, b, c, d = (name_of(name) for name in (a, b, c, d))
    sentence = say("methods.agreement", a=a, b=b, c=c, d=d, high=high, low=round(low, 2) + 0.0)
    count = heads("counts")[len(results)] if len(results) < 10 else str(len(results))
    return say("methods.title", n=count, a=a, b=b, c=c, d=d), sentence


def correlations(one: Array, other: Array) -> Array:
    """(n,), Pearson's correlation of both maps of each picture; maps that are the same everywhere
    have none and are left out."""
    a, b = (m.reshape(len(m), -1).astype(np.float64) for m in (one, other))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    there = size > 0
    found: Array = (a * b).sum(axis=1)[there] / size[there]
    return found


def _again(study: Study, chosen: list[int], targets: Array, results: dict[str, Attribution]) -> str:
    lines = [
        study.model_code,
        study.data_code,
        f"x, classes = data.x[{chosen}], {targets.tolist()}",
    ]
    for name in results:
        options = "".join(f", {k}={v!r}" for k, v in options_of(study, name).items())
        lines.append(f"{name} = nv.explain(model, x, classes, method={name!r}{options})")
    return "\n".join(lines)


# Why this and not that --------------------------------------------------------------------------


def contrast(study: Study) -> Figure | None:
    """The most confident mistakes: what speaks for the answer more than for the truth."""
    found = study.mistakes
    if found is None or not len(found.wrong):
        return None
    chosen = found.wrong[:MOST].tolist()
    answers, truths = (tuple(v[chosen].tolist()) for v in (found.predicted, found.labels))
    options = options_of(study, CONTRAST)
    target = Logit(answers) - Logit(truths)
    result = explain(study.judged, study.data.x[chosen], target, method=CONTRAST, **options)
    drawn = study.maps(result.values)
    low, high = limits(drawn, signed=True)
    titles = [
        say("mistakes.head", true=study.class_name(t), answer=study.class_name(p),
            sure=sureness(found.confidence[i]))
        for i, t, p in zip(chosen, truths, answers, strict=True)
    ]  # fmt: skip
    assert result.gap is not None
    said = "".join(f", {k}={v!r}" for k, v in options.items())
    scale = Scale(low, high, DIVERGING, ends("scale.contrast"))
    looks = [
        Look(i, name_of(CONTRAST),
             say("look.contrast", answer=study.class_name(p), true=study.class_name(t)), "values",
             (k,), None, scale, study.dot,
             again=f"nv.explain(model, data.x[{i}:{i + 1}], nv.Logit({p}) - nv.Logit({t}), "
             f"method={CONTRAST!r}{said}).values[0]")
        for k, (i, p, t) in enumerate(zip(chosen, answers, truths, strict=True))
    ]  # fmt: skip
    maps = [
        Cell(heat(shown, low, high, DIVERGING),
             _reason(study, i, v, number(float(lead)), in_words(float(gap))),
             of_signed(_asked(study, i), v), look)
        for i, shown, v, lead, gap, look in zip(
            chosen, drawn, result.values, result.scores, result.gap, looks, strict=True)
    ]  # fmt: skip
    return Figure(
        id="contrast",
        title=_tipped(study, result.values[0], chosen[0]),
        caption=say("contrast.caption", colour=colour_of(study)) + study.dots,
        cells=[[study.original(i) for i in chosen], maps],
        row_heads=heads("contrast.rows"),
        col_heads=titles,
        scale=scale,
        zoom=ZOOM,
        warnings=told(result.warnings, titles),
        method=say("how.contrast", method=CONTRAST),
        paper=METHODS[CONTRAST].reference,
        settings=short_settings(result.provenance.settings),
        code=f"{study.model_code}\n{study.data_code}\n"
        f"lead = nv.Logit({answers}) - nv.Logit({truths})\n"
        f"map_ = nv.explain(model, data.x[{chosen}], lead, method={CONTRAST!r}{said})",
        numbers={"pictures": np.array(chosen), "values": result.values, "leads": result.scores,
                 "gap": result.gap},
    )  # fmt: skip


def _asked(study: Study, i: int) -> str:
    """The question about a mistake, for a reader who cannot see its map."""
    answer, true = (study.class_name(int(v[i])) for v in (study.predicted, study.labels))
    return say("alt.contrast", answer=answer, true=true, picture=study.told(i))


def _reason(study: Study, i: int, values: Array, lead: str, gap: str) -> str:
    """What stands under a mistake's map: where most speaks for the wrong answer, and by how much
    that one leads."""
    place = _where(values)
    if place is None:
        return say("contrast.label.plain", lead=lead, gap=gap)
    answer = study.class_name(int(study.predicted[i]))
    return say("contrast.label", place=place, answer=answer, lead=lead, gap=gap)


def _tipped(study: Study, values: Array, i: int) -> str:
    """Where in the surest mistake most speaks for the wrong answer, as a title."""
    place = _where(values)
    if place is None:
        return say("contrast.title.plain")
    answer, true = (study.class_name(int(v[i])) for v in (study.predicted, study.labels))
    return say("contrast.title", answer=answer, true=true, place=place)


def _where(values: Array) -> str | None:
    """Where most speaks for a target, in windows of about a fifth of the picture; None where
    nothing does."""
    window = tuple(max(1, round(size / 5)) for size in values.shape)
    views = np.lib.stride_tricks.sliding_window_view(values, window)
    means = views.mean(axis=(2, 3))
    if not means.max() > 0:
        return None
    row, col = np.unravel_index(int(means.argmax()), means.shape)
    middle = (row + (window[0] - 1) / 2, col + (window[1] - 1) / 2)
    return place_words(*middle, *values.shape)
