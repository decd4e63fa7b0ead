"""Where the time goes, as a picture: a bar for each node, its parts one behind the other."""

from __future__ import annotations

from ..engine.layer import Array
from ..inspection.anatomy import Profile
from ..inspection.anatomy.stopwatch import PARTS
from . import chart
from .anatomy import limited
from .image import below
from .results import picture

MOST = 48
"""Nodes that one picture shows at the most: those that take longest."""


@picture.register
def _(result: Profile, pictures: Array | None = None, cmap: str | None = None) -> Array:
    slowest = sorted(result.nodes, key=lambda node: -node.seconds)[:MOST]
    shown = [node for node in result.nodes if node in slowest]
    parts = {part: [1e6 * getattr(node, part) for node in shown] for part in PARTS}
    parts = {part: values for part, values in parts.items() if any(values)}
    drawn = chart.bars([node.name for node in shown], parts, "microseconds for one picture")
    note = limited(len(shown), len(result.nodes), "nodes, those that take longest")
    return below([drawn, *note])
