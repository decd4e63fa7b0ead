"""Chapter one: how the model works."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ..draw import diagram as draw_diagram
from ..draw import picture
from ..draw.colour import DIVERGING, SEQUENTIAL, limits
from ..draw.image import block_for, coarse, heat, number, pixels, sheet
from ..inspection.anatomy import (
    Summary,
    diagram,
    feature_maps,
    filters,
    receptive_field,
    summary,
)
from ..inspection.anatomy.table import COLUMNS, NONE
from ..inspection.maximize import Maximized, maximize
from .alts import of_map, of_signed, place_of
from .figure import Cell, Figure, Frame, Look, Scale, Table, rows_of, short_settings
from .study import MOST_CLASSES, Study
from .walk import walk
from .words import ends, heads, listing, say, told

LARGE_STEPS = 24
"""Of the climb to the ideal pictures of classes, where the pictures are large: after these the
classes are as sure, and their shapes as plain, as after twice as many; only the colours grow
harder."""
MOST_CHANNELS = 64
"""How many channels of a layer are shown at the most."""
MAP = 56
"""How wide a large picture's map of a channel is drawn at the most, in dots."""
WEIGHT = 14
"""How many pixels wide one weight of a kernel is drawn at the most, in the sheet of a layer."""


def structure(study: Study) -> Figure:
    """The block diagram with the summary's table beside it."""
    drawn = diagram(study.model)
    one_band = draw_diagram.size(drawn) == draw_diagram.size(drawn, narrow=True)
    table = summary(study.model, ("parameters", "mult_adds", "receptive_field"))
    heaviest = max(table.rows, key=lambda row: row.trainable)
    steps = len(table.rows)
    title = (
        say(
            "diagram.title",
            steps=steps,
            share=heaviest.trainable / table.trainable,
            heaviest=heaviest.name,
        )
        if table.trainable
        else say("diagram.title.empty", steps=steps)
    )
    return Figure(
        id="structure",
        title=title,
        caption=f"{say('diagram.caption')} {say('diagram.caption.table')}",
        alt=_spoken(
            say("list.semicolon").join(
                f"{b.name}: {', '.join(draw_diagram.words(b))}" for b in drawn.blocks
            )
        ),
        svg=_spoken(draw_diagram.svg(drawn)),
        narrow_svg="" if one_band else _spoken(draw_diagram.svg(drawn, narrow=True)),
        raster=picture(drawn),
        table=_table(table),
        method=say("how.structure"),
        code=f"{study.model_code}\n"
        'print(nv.summary(model, ("parameters", "mult_adds", "receptive_field")))\n'
        'nv.save_picture(nv.diagram(model), "structure.svg")',
        wide=True,
        walk=walk(study, drawn, table),
    )


def _spoken(drawn: str) -> str:
    """The diagram's few English words in the page's language; sizes and kinds need none."""
    drawn = drawn.replace(">Block diagram of the network<", f">{say('diagram.alt')}<")
    return re.sub(r"(· [\d,]+) parameters\b", rf"\1 {say('diagram.parameters')}", drawn)


def _table(table: Summary) -> Table:
    """The summary's rows, with as many digits as they deserve."""
    rows = [
        (
            f"{row.name} ({row.kind})",
            "×".join(map(str, row.shape)),
            f"{row.params:,}",
            in_short(row.mult_adds),
            COLUMNS["receptive_field"][1](row),
        )
        for row in table.rows
    ]
    learnt = say("diagram.learnt", total=table.total, fixed=table.non_trainable)
    foot = (say("diagram.total"), "", learnt, in_short(table.mult_adds), "")
    return Table(heads("diagram.head"), rows, foot)


def in_short(count: int | None) -> str:
    """A large number as `5.31 million`."""
    for size, key in ((1e9, "number.billion"), (1e6, "number.million")):
        if count is not None and count >= size:
            return say(key, n=count / size)
    return NONE if count is None else f"{count:,}"


def deep_filters(study: Study, node: str, ident: str = "filters-deep") -> Figure:
    """A convolution's kernels as one signed sheet: a column a filter, a square a channel."""
    result = filters(study.model, node)
    count = len(result.values)
    shown = result.values[:MOST_CHANNELS, :, :, :MOST_CHANNELS]
    top = limits(shown, signed=True)[1]
    tiles = [heat(k[..., c], -top, top, DIVERGING) for c in range(shown.shape[-1]) for k in shown]
    whole = sheet(tiles, len(shown), gap=1)
    alt = say("alt.sheet", n=len(tiles))
    caption = say("filters.caption.deep", n=len(shown), channels=shown.shape[-1])
    if shown.shape[-1] == result.values.shape[-1]:
        caption += which(range(len(shown)), count)
    else:
        caption += " " + say("limit.sheet", filters=len(shown), of=count, channels=shown.shape[-1],
                             all=result.values.shape[-1])  # fmt: skip
    return Figure(
        id=ident,
        title=say("filters.title.deep", n=count, node=node),
        caption=caption,
        alt=alt,
        cells=[[Cell(whole, "", alt)]],
        scale=Scale(-top, top, DIVERGING, ends("scale.against_for")),
        zoom=min(WEIGHT, max(1, 1040 // whole.shape[1])) * whole.shape[1],
        method=say("how.weights_of", node=node),
        code=f"{study.model_code}\nfilters = nv.filters(model, {node!r})",
        numbers={"values": result.values},
        wide=True,
    )


def features(study: Study, node: str, ident: str, channels: Sequence[int] | None = None) -> Figure:
    """A node's maps for the first pick, beside the picture: the first ones, or those chosen."""
    i = study.picks[0]
    result = feature_maps(study.model, study.data.x[i : i + 1], node)
    maps = result.values[0]
    signed = bool(maps.min() < 0)
    name = DIVERGING if signed else SEQUENTIAL
    rows, cols = maps.shape[:2]
    block = block_for(rows, cols, MAP) if study.is_large else 1
    drawn = coarse(maps[None], block)[0]
    low, high = limits(drawn, signed)
    every = range(maps.shape[-1])
    shown = every[:MOST_CHANNELS] if channels is None else channels
    scale = Scale(low, high, name, ends("scale.below_above" if signed else "scale.little_much"))
    frame, tell, seen = _frame(study, node, block), of_signed if signed else of_map, study.told(i)
    cells = [
        Cell(heat(drawn[..., k], low, high, name), "",
             tell(say("alt.channel", k=k, node=node, picture=seen), maps[..., k]),
             Look(i, say("look.channel", channel=k, node=node), "", "values", (0,), k, scale,
                  block, frame,
                  again=f"nv.feature_maps(model, data.x[{i}], {node!r}).values[0, :, :, {k}]"))
        for k in shown
    ]  # fmt: skip
    return Figure(
        id=ident,
        title=say(
            "features.title",
            node=node,
            true=study.shown_as(i),
            active=int((np.abs(maps).max(axis=(0, 1)) > 0).sum()),
            n=maps.shape[-1],
        ),
        caption=say("features.caption.signed" if signed else "features.caption")
        + which(shown, len(every))
        + ("" if block == 1 else " " + say("block.map", block=block)),
        cells=[[study.original(i)], *rows_of(cells, 8 if len(cells) <= 32 else 16)],
        scale=scale,
        zoom=56,
        wide=len(cells) > 32,
        method=say("how.output_of", node=node, i=i),
        code=f"{study.model_code}\n{study.data_code}\n"
        f"maps = nv.feature_maps(model, data.x[{i}], {node!r})",
        numbers={"values": result.values},
    )


def _frame(study: Study, node: str, block: int) -> Frame:
    """Where a node's maps lie on the picture, by the middles of what its places see; drawn by
    blocks, of which the last may be smaller, but is drawn as large as the others."""
    seen, ends_ = receptive_field(study.model, node), []
    for middles in (seen.row_centres, seen.col_centres):
        half = (middles[-1] - middles[0]) / max(len(middles) - 1, 1) / 2 or len(middles) / 2
        beyond = 2 * half * (-len(middles) % block)
        ends_.append((float(middles[0] + 0.5 - half), float(middles[-1] + 0.5 + half + beyond)))
    (top, bottom), (left, right) = ends_
    return top, left, bottom, right


def which(shown: Sequence[int], count: int) -> str:
    """Which channels are shown, where it is not all of them."""
    if len(shown) == count:
        return ""
    if list(shown) == list(range(len(shown))):
        return " " + say("limit.first", shown=len(shown), of=count)
    return " " + say("limit.chosen", which=listing(shown), of=count)


def ideal_classes(study: Study) -> Figure:
    """Activation maximization of the classes."""
    classes = study.shown_classes
    against = study.data.x if len(study.data) > 1 else None
    steps = LARGE_STEPS if study.is_large else 128
    result = maximize(study.judged, classes, against=against, seed=study.seed, steps=steps)
    names = [study.class_name(c) for c in classes]
    cells = [
        Cell(pixels(value), _label(result, c, name),
             say("alt.ideal", name=name, place=place_of(value)),
             Look(name=say("look.ideal"), target=name))
        for c, (value, name) in enumerate(zip(result.values, names, strict=True))
    ]  # fmt: skip
    title, caption = _reached(study, result)
    compared = ", against=data.x" if against is not None else ""
    compared += f", steps={LARGE_STEPS}" if study.is_large else ""
    count = len(classes)
    if count < study.judged.output_shape[0]:
        caption += " " + say("limit.classes", shown=count, of=study.judged.output_shape[0])
    return Figure(
        id="ideal-classes",
        title=title,
        caption=caption,
        cells=rows_of(cells, 4 if study.is_large else 5),
        zoom=140,
        wide=True,
        warnings=_below(result, names),
        method=say("how.ideal"),
        paper="Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034; Olah et al. 2017",
        settings=short_settings(result.provenance.settings),
        seed=study.seed,
        code=f"{study.model_code}\n{study.data_code}\n"
        f"best = nv.maximize(model, {classes}{compared}, seed={study.seed})",
        numbers={"values": result.values, "activation": result.activation}
        | {
            name: array
            for name, array in (("best", result.best), ("percentile", result.high))
            if array is not None
        },
    )


def _label(result: Maximized, c: int, name: str) -> str:
    """How sure the network is of what was made, and how it compares to real pictures."""
    assert result.probability is not None
    sure = result.probability[c]
    if result.best is None:
        return say("classes.label.plain", name=name, sure=sure)
    score, best = (number(float(values[c])) for values in (result.activation, result.best))
    return say("classes.label", name=name, sure=sure, score=score, best=best)


def _below(result: Maximized, names: list[str]) -> list[str]:
    """The warnings; what is said of many classes, with numbers that stand under the pictures, is
    said once."""
    if result.succeeded is None:
        return told(result.warnings, names)
    low = [name for name, above in zip(names, result.succeeded, strict=True) if not above]
    others = [warning for warning in result.warnings if not warning.startswith("picture ")]
    return others + ([say("classes.below", names=listing(low))] if low else [])


def _reached(study: Study, result: Maximized) -> tuple[str, str]:
    """Title and caption: whether the climb went above every real picture."""
    if result.succeeded is None or result.high is None:
        return say("classes.title"), say("classes.caption")
    n, above, pictures = len(result.values), int(result.succeeded.sum()), len(study.data)
    low, high = (number(float(value)) for value in (result.high.min(), result.high.max()))
    caption = say("classes.caption.against", pictures=pictures, low=low, high=high)
    title = say("classes.title.some", above=above, n=n, pictures=pictures)
    if 2 <= above == n <= MOST_CLASSES:
        every = heads("classes.all")[n - 2]
        title = say("classes.title.all", all=every, pictures=pictures)
    return title, f"{say('classes.caption')} {caption}"


def advice(study: Study) -> list[str]:
    """Where the time goes."""
    table = summary(study.model, ("mult_adds",))
    counts = {row.name: row.mult_adds or 0 for row in table.rows}
    node = max(counts, key=lambda name: counts[name])
    share = counts[node] / (sum(counts.values()) or 1)
    if share < 0.5:
        return [say("todo.works.nothing")]
    return [say("todo.works", node=node, share=share)]
