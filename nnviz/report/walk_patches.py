"""The walk-through's patches: for layers that no figure of the page shows, what in the pictures
excites their strongest channels most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..draw.anatomy import patch_picture
from ..draw.image import beside, block_for, coarse
from ..draw.png import data_uri
from ..engine.layer import Array
from ..inspection.anatomy import top_patches_at
from .study import Study

PATCHES = 4
"""Patches of each channel."""
CHANNELS, FEW = 12, 6
"""Channels of a layer: all where they are no more than these, else the strongest."""
WORK = 3e9
"""Multiply-adds that the search may cost; of more pictures the first ones are searched."""
LEAST = 8
"""Pictures that are searched whatever it costs."""
ROOM, PAGE_ROOM = 1 << 25, 1 << 16
"""Bytes that the patches may take in memory, and pixels on the page, all together."""
WIDE = 40
"""How many pixels wide a patch is at the most."""


@dataclass(frozen=True)
class Wanted:
    """Of a node the channels of which the page has numbers (None: all), and the size of the window
    that one of its places sees."""

    channels: Sequence[int] | None
    sees: Sequence[int]


def patch_strips(
    study: Study, nodes: Mapping[str, Wanted], chosen: Sequence[int], cost: int
) -> dict[str, dict[str, Any]]:
    """For each node {"channels", "uris"}: of each channel a strip of its best patches, as PNG.

    chosen: the pictures by which the strongest channels are found. cost: multiply-adds of a run of
    one picture. Where not all layers fit, the last ones come first.
    """
    wanted = _fitting(study, nodes, _strongest(study, nodes, chosen))
    if not wanted:
        return {}
    count = min(len(study.data), max(LEAST, int(WORK / cost)))
    k = min(PATCHES, count)
    found = top_patches_at(study.model, study.data.x[:count], wanted, k, seed=study.seed)
    return {
        node: {
            "channels": seen.channels.tolist(),
            "uris": [_strip(patches) for patches in seen.patches],
            "silent": seen.channels[seen.constant].tolist(),
            "pictures": seen.count,
        }
        for node, seen in found.items()
    }


def _strongest(
    study: Study, nodes: Mapping[str, Wanted], chosen: Sequence[int]
) -> dict[str, list[int]]:
    """The channels to search for, of each node."""
    if not nodes:
        return {}
    trace = study.model.run(study.data.x[list(chosen)], keep=list(nodes))
    found = {}
    for node, wanted in nodes.items():
        known, y = wanted.channels, trace[node].y
        tops = y.reshape(-1, y.shape[-1]).max(axis=0)
        channels = np.arange(len(tops)) if known is None else np.asarray(known)
        if len(channels) > CHANNELS:
            order = np.argsort(-np.nan_to_num(tops[channels]), kind="stable")[:FEW]
            channels = np.sort(channels[order])
        found[node] = channels.tolist()
    return found


def _fitting(
    study: Study, nodes: Mapping[str, Wanted], wanted: Mapping[str, list[int]]
) -> dict[str, list[int]]:
    """Those that fit into memory and into the page, from the last layer on back."""
    room, page = ROOM, PAGE_ROOM
    fits: dict[str, list[int]] = {}
    for node in reversed(list(wanted)):
        rows, cols = map(min, nodes[node].sees, study.model.input.shape[:2])
        shrunk = block_for(rows, cols, WIDE)
        numbers = 4 * PATCHES * rows * cols * study.model.input.shape[2]
        dots = PATCHES * -(-rows // shrunk) * -(-cols // shrunk)
        most = min(len(wanted[node]), room // numbers, page // dots)
        if most > 0:
            fits[node] = wanted[node][:most]
            room, page = room - most * numbers, page - most * dots
    return {node: fits[node] for node in wanted if node in fits}


def _strip(patches: Array) -> str:
    """A channel's patches in a row."""
    block = block_for(patches.shape[1], patches.shape[2], WIDE)
    drawn = [patch_picture(p) for p in (coarse(patches, block) if block > 1 else patches)]
    return data_uri(beside(drawn, 2))
