"""Chapter one: how the model works."""

from __future__ import annotations

import numpy as np

from ..draw import diagram as draw_diagram
from ..draw import picture
from ..draw.colour import DIVERGING, SEQUENTIAL, limits
from ..draw.image import heat, number, pixels, sheet
from ..draw.results import signed_tiles
from ..inspection.anatomy import diagram, feature_maps, filters, receptive_field, summary
from ..inspection.attribution import Channel
from ..inspection.maximize import Decay, TotalVariation, maximize
from .figure import Cell, Figure, Scale, Table, rows_of, short_settings
from .study import MOST_CLASSES, Study
from .words import ends, say, told

MOST_CHANNELS = 64
"""How many channels of a layer are shown at the most."""
WEIGHT = 14
"""How many pixels wide one weight of a kernel is drawn at the most, in the sheet of a layer."""


def structure(study: Study) -> Figure:
    """The block diagram with the summary's table beside it."""
    drawn, table = diagram(study.model), summary(study.model)
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
    rows = [
        (f"{row.name} ({row.kind})", "×".join(map(str, row.shape)), f"{row.params:,}")
        for row in table.rows
    ]
    return Figure(
        id="structure",
        title=title,
        caption=say("diagram.caption"),
        alt="; then ".join(f"{b.name}: {', '.join(draw_diagram.words(b))}" for b in drawn.blocks),
        svg=draw_diagram.svg(drawn),
        raster=picture(drawn),
        table=Table(
            ("Layer (type)", "Output", "Parameters"),
            rows,
            ("all", "", f"{table.total:,} ({table.non_trainable:,} not trainable)"),
        ),
        method="summary and diagram",
        code=f"{study.model_code}\nprint(model.summary())\n"
        'nv.save_picture(nv.diagram(model), "structure.svg")',
        wide=True,
    )


def first_filters(study: Study) -> Figure:
    """The first convolution's kernels, one tile each."""
    node = study.convolutions[0]
    result = filters(study.model, node)
    count, kh, kw, channels = result.values.shape
    tiles, top = signed_tiles(result.values[:MOST_CHANNELS])
    cells = [Cell(t, "", f"filter {i} of {node}") for i, t in enumerate(tiles)]
    key = "filters.caption.colour" if channels == 3 else "filters.caption"
    return Figure(
        id="filters-first",
        title=say("filters.title", n=count),
        caption=say(key, rows=kh, cols=kw, top=number(top)),
        cells=rows_of(cells, 8),
        scale=None if channels == 3 else Scale(-top, top, DIVERGING, ends("scale.want")),
        zoom=42 if channels in (1, 3) else 42 * channels,
        method=f"weights of {node}",
        code=f"{study.model_code}\nfilters = nv.filters(model, {node!r})",
        numbers={"values": result.values},
    )


def deep_filters(study: Study) -> Figure:
    """The last convolution's kernels as one signed sheet: a column a filter, a square a channel."""
    node = study.convolutions[-1]
    result = filters(study.model, node)
    count = len(result.values)
    shown = result.values[:MOST_CHANNELS, :, :, :MOST_CHANNELS]
    top = limits(shown, signed=True)[1]
    tiles = [heat(k[..., c], -top, top, DIVERGING) for c in range(shown.shape[-1]) for k in shown]
    whole = sheet(tiles, len(shown), gap=1)
    alt = f"sheet of {len(tiles)} small squares, one for each pair of a filter and a channel"
    return Figure(
        id="filters-deep",
        title=say("filters.title.deep", n=count, node=node),
        caption=say("filters.caption.deep", n=len(shown), channels=shown.shape[-1]),
        alt=alt,
        cells=[[Cell(whole, "", alt)]],
        scale=Scale(-top, top, DIVERGING, ends("scale.against_for")),
        zoom=min(WEIGHT, max(1, 1040 // whole.shape[1])) * whole.shape[1],
        method=f"weights of {node}",
        code=f"{study.model_code}\nfilters = nv.filters(model, {node!r})",
        numbers={"values": result.values},
        wide=True,
    )


def features(study: Study, node: str, ident: str) -> Figure:
    """A node's maps for the first pick, beside the picture."""
    i = study.picks[0]
    result = feature_maps(study.model, study.data.x[i : i + 1], node)
    maps = result.values[0]
    signed = bool(maps.min() < 0)
    name = DIVERGING if signed else SEQUENTIAL
    low, high = limits(maps, signed)
    shown = maps[..., :MOST_CHANNELS]
    cells = [
        Cell(heat(shown[..., k], low, high, name), "", f"map {k} of {node}")
        for k in range(shown.shape[-1])
    ]
    return Figure(
        id=ident,
        title=say(
            "features.title",
            node=node,
            true=study.shown_as(i),
            active=int((np.abs(maps).max(axis=(0, 1)) > 0).sum()),
            n=maps.shape[-1],
        ),
        caption=say("features.caption.signed" if signed else "features.caption"),
        cells=[[study.original(i)], *rows_of(cells, 8 if len(cells) <= 32 else 16)],
        scale=Scale(low, high, name, ends("scale.below_above" if signed else "scale.little_much")),
        zoom=56,
        wide=len(cells) > 32,
        method=f"output of {node} for picture {i}",
        code=f"{study.model_code}\n{study.data_code}\n"
        f"maps = nv.feature_maps(model, data.x[{i}], {node!r})",
        numbers={"values": result.values},
    )


def ideal_classes(study: Study) -> Figure:
    """Activation maximization of the classes."""
    count = min(study.judged.output_shape[0], MOST_CLASSES)
    result = maximize(study.judged, list(range(count)), seed=study.seed)
    assert result.probability is not None
    cells = [
        Cell(
            pixels(value),
            f"{study.class_name(c)}: {result.probability[c]:.1%}",
            f"picture maximizing class {study.class_name(c)}",
        )
        for c, value in enumerate(result.values)
    ]
    return Figure(
        id="ideal-classes",
        title=say("classes.title"),
        caption=say("classes.caption"),
        cells=rows_of(cells, 5),
        zoom=140,
        wide=True,
        warnings=told(result.warnings, [study.class_name(c) for c in range(count)]),
        method="activation maximization of the scores before the softmax",
        paper="Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034; Olah et al. 2017",
        settings=short_settings(result.provenance.settings),
        seed=study.seed,
        code=f"{study.model_code}\n"
        f"best = nv.maximize(model, list(range({count})), seed={study.seed})",
        numbers={"values": result.values, "activation": result.activation},
    )


def ideal_channels(study: Study) -> Figure:
    """The patch that one neuron in the middle of the last convolution answers to most, per
    channel."""
    node = study.convolutions[-1]
    rows, cols, channels = study.model.shapes[node]
    count, at = min(channels, MOST_CHANNELS), (rows // 2, cols // 2)
    target = Channel(node, tuple(range(count)), at)
    result = maximize(
        study.model,
        target,
        steps=32,
        image="pixels",
        transforms=(),
        priors=(TotalVariation(0.1), Decay(0.5)),
        rate=0.2,
        seed=study.seed,
    )
    top, left, bottom, right = receptive_field(study.model, node).reads[at].tolist()
    patches = result.values[:, top:bottom, left:right]
    cells = [
        Cell(pixels(value), "", f"patch that channel {k} of {node} answers to most")
        for k, value in enumerate(patches)
    ]
    return Figure(
        id="ideal-filters",
        title=say("channels.title", n=count, node=node),
        caption=say("channels.caption", rows=bottom - top, cols=right - left),
        cells=rows_of(cells, 16),
        zoom=56,
        wide=True,
        warnings=told(result.warnings, [f"channel {k}" for k in range(count)]),
        method=f"activation maximization of the neurons at {at} of {node}, cut to their receptive "
        "field",
        paper="Erhan et al. 2009",
        settings=short_settings(result.provenance.settings),
        seed=study.seed,
        code=f"{study.model_code}\n"
        f"target = nv.Channel({node!r}, tuple(range({count})), at={at})\n"
        "from nnviz.inspection.maximize import Decay, TotalVariation\n"
        'best = nv.maximize(model, target, steps=32, image="pixels", transforms=(), '
        f"priors=(TotalVariation(0.1), Decay(0.5)), rate=0.2, seed={study.seed})",
        numbers={"values": result.values, "activation": result.activation},
    )
