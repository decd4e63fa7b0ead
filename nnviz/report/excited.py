"""Chapter one, the filters: what each looks for, beside the pictures that excite it most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..draw.anatomy import BESIDE, patch_picture
from ..draw.colour import DIVERGING
from ..draw.image import beside, blank, number, opaque, pixels
from ..draw.results import signed_tiles
from ..engine.graph import INPUT
from ..engine.layer import Array
from ..engine.layers.conv import Conv2D
from ..engine.model import Model
from ..inspection.anatomy import Filters, TopPatches, filters, receptive_field, top_patches
from ..inspection.attribution import Channel
from ..inspection.maximize import Decay, Maximized, TotalVariation, maximize
from .alts import of_signed
from .crop import crop
from .figure import Cell, Figure, Scale, rows_of, short_settings
from .study import LARGE, Study
from .words import ends, listing, say, told
from .works import which

MOST_CHANNELS, LEAST_CHANNELS = 64, 8
"""How many channels of a layer are shown: the most, and the most of those that see very much."""
ROOM = 1 << 20
"""Pixels that all tiles of one figure may have together, before they are enlarged."""
STEPS, LARGE_STEPS = 32, 16
"""Of the climb on whole pictures, and where these or the windows are large: there what a channel
likes is as plain after half as many steps, and only its colours grow harder."""
PATCHES = 4
"""Real patches beside each filter."""
ABSENT = (128, 128, 128)
"""The colour of a patch that there is not."""


def first_filters(study: Study) -> Figure:
    """The first convolution's kernels, each beside the patches that excite it most."""
    node = study.convolutions[0]
    result = filters(study.model, node)
    count, kh, kw, channels = result.values.shape
    seen = _patches(study, node, range(_shown(study, node)))
    shown = result.values[: len(seen.channels)]
    tiles, top = signed_tiles(shown, result.is_colour)
    fits = _laid_out(study, result, seen.patches.shape[2:4])
    if fits is not None:
        tiles, _ = signed_tiles(fits[: len(shown)], result.is_colour)
    strips = _strips(tiles, seen) if fits is not None else [[tile] for tile in tiles]
    colour = channels == 3 and result.is_colour
    caption = say("filters.caption.colour" if colour else "filters.caption",
                  rows=kh, cols=kw, top=number(top))  # fmt: skip
    if fits is not None:
        caption += " " + _beside(seen)
    wide = 190 if fits is not None else 42 * (1 if colour else channels)
    return Figure(
        id="filters-first",
        title=say("filters.title", n=count),
        caption=caption + which(range(len(shown)), count),
        cells=_cells(strips, _told_filters(node, shown), 5 if fits is
                     not None else 8),
        scale=None if colour else Scale(-top, top, DIVERGING, ends("scale.want")),
        zoom=wide,
        wide=fits is not None,
        warnings=_silent(seen) if fits is not None else (),
        method=say("how.patches", node=node),
        paper="Zeiler and Fergus 2014, arXiv:1311.2901",
        code=f"{study.model_code}\n{study.data_code}\nfilters = nv.filters(model, {node!r})\n"
        f"best = {_again(seen, node)}",
        numbers={"values": result.values} | _numbers(seen),
    )  # fmt: skip


def _told_filters(node: str, kernels: Array) -> list[str]:
    """What a reader who cannot see the filters is told of each."""
    return [
        of_signed(say("alt.filter", k=k, node=node), kernel.sum(axis=-1))
        for k, kernel in enumerate(kernels)
    ]


def _laid_out(study: Study, result: Filters, frame: Sequence[int]) -> Array | None:
    """Kernels with the size of what they see (dilated ones with gaps); None where the convolution
    reads no picture, or its kernels have channels that are no colours."""
    node = study.model.node(study.convolutions[0])
    count, kh, kw, channels = result.values.shape
    if node.inputs != (INPUT,) or not isinstance(node.layer, Conv2D):
        return None
    if channels != 1 and not (channels == 3 and result.is_colour):
        return None
    down, along = node.layer.dilation_rate
    size = ((kh - 1) * down + 1, (kw - 1) * along + 1)
    if size != tuple(frame):
        return None
    out = np.zeros((count, *size, channels), result.values.dtype)
    out[:, ::down, ::along] = result.values
    return out


def ideal_channels(
    study: Study,
    node: str,
    chosen: Sequence[int] | None = None,
    ident: str = "ideal-filters",
) -> Figure:
    """For each channel of a layer, or for those chosen, the patch that its neuron in the middle
    answers to most, beside the real patches that excite it most."""
    rows, cols, all_channels = study.model.shapes[node]
    at = (rows // 2, cols // 2)
    small, place = crop(study.model, node, at)
    channels = tuple(range(_shown(study, node))) if chosen is None else tuple(chosen)
    seen = _patches(study, node, channels)
    count = len(channels)
    options = _climb(study, small)
    target = Channel(node, channels, place)
    result = maximize(small, target, seed=study.seed, **options)
    top, left, bottom, right = receptive_field(small, node).reads[place].tolist()
    made = [pixels(value) for value in result.values[:, top:bottom, left:right]]
    above = int((result.activation > seen.maximum).sum())
    caption = say("channels.caption", rows=bottom - top, cols=right - left)
    return Figure(
        id=ident,
        title=say("channels.title.all" if above == count else "channels.title",
                  n=count, node=node, above=above, pictures=seen.count),
        caption=f"{caption} {_beside(seen)}{which(channels, all_channels)}",
        cells=_cells(_strips(made, seen), _told_strips(node, result, seen), 6),
        zoom=160,
        wide=True,
        warnings=[*told(result.warnings, [say("channel", k=k) for k in channels]), *_silent(seen)],
        method=say("how.channels", at=at, node=node),
        paper="Erhan et al. 2009; Zeiler and Fergus 2014, arXiv:1311.2901",
        settings=short_settings(result.provenance.settings),
        seed=study.seed,
        code=f"{study.model_code}\n{study.data_code}\n"
        "from nnviz.inspection.maximize import Decay, TotalVariation\n"
        "from nnviz.report.crop import crop\n"
        f"small, place = crop(model, {node!r}, {at})\n"
        f"target = nv.Channel({node!r}, {channels}, at=place)\n"
        f"made = nv.maximize(small, target, seed={study.seed}, "
        f"{', '.join(f'{key}={value!r}' for key, value in options.items())})\n"
        f"best = {_again(seen, node)}",
        numbers={"values": result.values, "activation": result.activation} | _numbers(seen),
    )  # fmt: skip


def _climb(study: Study, small: Model) -> dict[str, Any]:
    """How to climb: pixel by pixel in a small window, by waves in a large one."""
    if small is study.model or max(small.input.shape[:2]) > LARGE:
        return {"steps": LARGE_STEPS if max(small.input.shape[:2]) > LARGE else STEPS}
    # The target is scaled by its slope's norm, which falls with the root of the area.
    share = math.sqrt(math.prod(small.input.shape) / math.prod(study.model.input.shape))
    priors = (TotalVariation(round(0.1 * share, 4)), Decay(round(0.5 * share, 4)))
    return {"steps": 2 * STEPS, "image": "pixels", "priors": priors, "rate": 0.2}


def _told_strips(node: str, result: Maximized, seen: TopPatches) -> list[str]:
    """What a reader who cannot see the strips is told of each."""
    return [
        say("alt.strip", k=k, node=node, made=number(float(made)), real=number(float(real)))
        for k, made, real in zip(
            seen.channels.tolist(), result.activation, seen.maximum, strict=True
        )
    ]


# Strips -----------------------------------------------------------------------------------------


def _shown(study: Study, node: str) -> int:
    """How many channels of a node are shown: fewer where each sees a large part of a large
    picture."""
    boxes = receptive_field(study.model, node).reads
    rows, cols = (boxes[..., 2:] - boxes[..., :2]).reshape(-1, 2).max(axis=0).tolist()
    room = max(LEAST_CHANNELS, ROOM // (rows * cols * (PATCHES + 1)))
    return int(min(study.model.shapes[node][2], MOST_CHANNELS, room))


def _patches(study: Study, node: str, channels: Sequence[int]) -> TopPatches:
    """The patches of the pictures that excite these channels of a node most."""
    k = min(PATCHES, len(study.data))
    return top_patches(study.model, study.data.x, node, k, channels=channels, seed=study.seed)


def _beside(seen: TopPatches) -> str:
    """What stands beside each filter, in words."""
    words = say("patches.caption", k=seen.patches.shape[1], pictures=seen.count)
    return f"{words} {say('patches.beside')}" if np.isnan(seen.patches).any() else words


def _again(seen: TopPatches, node: str) -> str:
    k = seen.patches.shape[1]
    return (
        f"nv.top_patches(model, data, {node!r}, {k}, channels={_as_code(seen.channels.tolist())}, "
        f"seed={seen.provenance.seed})"
    )


def _as_code(channels: list[int]) -> str:
    """Channels as Python; the first ones in short."""
    every = channels == list(range(len(channels)))
    return f"range({len(channels)})" if every else repr(channels)


def _strips(first: Sequence[Array], seen: TopPatches) -> list[list[Array]]:
    """For each channel its first tile, then its patches, all of one size."""
    rows, cols = seen.patches.shape[2:4]
    absent = opaque(np.full((rows, cols, 3), ABSENT, np.uint8))
    strips = []
    for i, tile in enumerate(first):
        frame = opaque(np.full((rows, cols, 3), BESIDE, np.uint8))
        down, along = (rows - tile.shape[0]) // 2, (cols - tile.shape[1]) // 2
        frame[down : down + tile.shape[0], along : along + tile.shape[1]] = tile
        real = [absent if seen.constant[i] else patch_picture(p) for p in seen.patches[i]]
        strips.append([frame, *real])
    return strips


def _cells(
    strips: Sequence[Sequence[Array]], alts: Sequence[str], columns: int
) -> list[list[Cell]]:
    cells = [Cell(_strip(strip), "", alt) for strip, alt in zip(strips, alts, strict=True)]
    return rows_of(cells, columns)


def _strip(tiles: Sequence[Array]) -> Array:
    """The first tile, and a little apart from it the others; behind them room to the next strip."""
    if len(tiles) == 1:
        return tiles[0]
    rows = tiles[0].shape[0]
    gap = max(1, rows // 8)
    others = beside(tiles[1:], gap)
    return beside([tiles[0], others, blank(rows, 1)], 2 * gap)


def _silent(seen: TopPatches) -> list[str]:
    """One line for all channels whose patches mean nothing."""
    silent = seen.channels[seen.constant].tolist()
    if not silent:
        return []
    which = listing(silent)
    return [say("patches.silent", n=len(silent), of=len(seen.channels), which=which)]


def _numbers(seen: TopPatches) -> dict[str, Array]:
    """Where the patches lie and what the channels answer to them; from these they can be cut."""
    return {
        "patch_values": seen.values,
        "patch_pictures": seen.pictures,
        "patch_boxes": seen.boxes,
        "percentile": seen.percentile,
    }
