"""The block diagram as SVG and as PNG, from one geometry.

In the SVG, text and lines take the page's own colour (`currentColor`), so it is readable in light
and dark, and every word stays text.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from ..engine.layer import Array
from ..inspection.anatomy.diagram import Block, Diagram
from .image import INK, plain

WIDTH, HEIGHT = 236, 58
SPACE, AISLE = 24, 56
MARGIN = 14

FAMILIES = {
    "Input": "#767676",
    "Conv2D": "#2f7ed8",
    **dict.fromkeys(("Dense", "MatMul"), "#d9730d"),
    **dict.fromkeys(
        ("MaxPooling2D", "AveragePooling2D", "LpPooling2D", "GlobalAveragePooling2D",
         "GlobalMaxPooling2D", "GlobalLpPooling2D", "Reduce"), "#1f9e89"
    ),
    **dict.fromkeys(
        ("BatchNormalization", "GroupNormalization", "InstanceNormalization",
         "LayerNormalization"), "#8a63d2"
    ),
    **dict.fromkeys(("Add", "Arithmetic", "Concatenate"), "#c2255c"),
}  # fmt: skip
OTHER = "#8d8d8d"
"""The colour of layers that learn nothing and merge nothing."""


@dataclass(frozen=True)
class _Line:
    """An arrow as a polyline of corners; the last one is the tip."""

    corners: tuple[tuple[float, float], ...]


def _place(block: Block) -> tuple[float, float]:
    """The upper left corner of a block, in pixels (along, down)."""
    return (
        MARGIN + block.column * (WIDTH + AISLE),
        MARGIN + block.rank * (HEIGHT + SPACE),
    )


def _lines(diagram: Diagram) -> tuple[list[_Line], float]:
    """All arrows, and how far to the right they reach. Neighbours are joined straight; an arrow
    that passes other ranks keeps to a lane of its own, to the right of the blocks that it passes.

    It enters a block above the place where others leave it: two shortcuts one after the other would
    else be one line, read as a shortcut around both."""
    blocks = {block.name: block for block in diagram.blocks}
    edges = [0.0] * diagram.ranks
    for block in diagram.blocks:
        edges[block.rank] = max(edges[block.rank], _place(block)[0] + WIDTH)
    lines, lanes = [], [0] * (diagram.ranks + 1)
    reach = max(edges)
    for source, target in diagram.arrows:
        a, b = blocks[source], blocks[target]
        if b.rank == a.rank + 1:
            lines.append(_neighbours(a, b))
            continue
        passed = range(a.rank, b.rank)
        lane = 1 + max(lanes[r] for r in passed)
        for r in passed:
            lanes[r] = lane
        along = max(edges[a.rank : b.rank + 1]) + 12 * lane
        reach = max(reach, along)
        out, back = _leaving(a, edges[a.rank]), _entering(b, edges[b.rank])
        lines.append(_Line((*out, (along, out[-1][1]), (along, back[0][1]), *back)))
    return lines, reach


def _neighbours(a: Block, b: Block) -> _Line:
    """From a block to one of the next rank."""
    (ax, ay), (bx, by) = _place(a), _place(b)
    start, tip = (ax + WIDTH / 2, ay + HEIGHT), (bx + WIDTH / 2, by)
    middle = by - SPACE / 2
    corners = (start, (start[0], middle), (tip[0], middle), tip)
    return _Line((start, tip) if start[0] == tip[0] else corners)


def _leaving(block: Block, edge: float) -> tuple[tuple[float, float], ...]:
    """The corners on the way from a block to its lane: out of the lower right side, or out of the
    bottom where other blocks stand on the right, up to `edge`."""
    x, y = _place(block)
    if x + WIDTH == edge:
        return ((edge, y + HEIGHT * 0.72),)
    down = x + WIDTH * 0.8
    return (down, y + HEIGHT), (down, y + HEIGHT + SPACE * 0.25)


def _entering(block: Block, edge: float) -> tuple[tuple[float, float], ...]:
    """The corners on the way from a lane into a block: the upper right side, or the top."""
    x, y = _place(block)
    if x + WIDTH == edge:
        return ((edge, y + HEIGHT * 0.28),)
    down = x + WIDTH * 0.8
    return (down, y - SPACE * 0.3), (down, y)


def words(block: Block) -> tuple[str, str]:
    """The two lines under a block's name: what it is, and what comes out of it."""
    what = f"{block.kind}, {block.detail}" if block.detail else block.kind
    sizes = "×".join(map(str, block.shape))
    return what, sizes + (f" · {block.params:,} parameters" if block.params else "")


def _short(line: str, limit: int = 36) -> str:
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def size(diagram: Diagram) -> tuple[int, int]:
    """Width and height of the picture in pixels."""
    _, reach = _lines(diagram)
    return int(reach + MARGIN), int(2 * MARGIN + diagram.ranks * (HEIGHT + SPACE) - SPACE)


def svg(diagram: Diagram) -> str:
    """The diagram as an SVG document."""
    width, height = size(diagram)
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "img",
            "font-family": "system-ui, sans-serif",
            "font-size": "12",
            "color": "#767676",
        },
    )
    ElementTree.SubElement(root, "title").text = "Block diagram of the network"
    for line in _lines(diagram)[0]:
        points = " ".join(f"{x:g},{y:g}" for x, y in line.corners)
        style = {"fill": "none", "stroke": "currentColor", "stroke-width": "1.5"}
        ElementTree.SubElement(root, "polyline", {"points": points, **style})
        tip = " ".join(f"{x:g},{y:g}" for x, y in _tip(line))
        ElementTree.SubElement(root, "polygon", {"points": tip, "fill": "currentColor"})
    for block in diagram.blocks:
        _svg_block(root, block)
    return ElementTree.tostring(root, encoding="unicode")


def _svg_block(root: ElementTree.Element, block: Block) -> None:
    x, y = _place(block)
    group = ElementTree.SubElement(root, "g")
    frame = {"x": f"{x:g}", "y": f"{y:g}", "height": str(HEIGHT), "rx": "5"}
    colour = FAMILIES.get(block.kind, OTHER)
    ElementTree.SubElement(
        group, "rect", {**frame, "width": str(WIDTH), "fill": colour, "fill-opacity": "0.12"}
    )
    ElementTree.SubElement(group, "rect", {**frame, "width": "5", "fill": colour})
    what, out = words(block)
    for dy, line, weight in ((18, block.name, "600"), (34, what, "400"), (50, out, "400")):
        place = {"x": f"{x + 14:g}", "y": f"{y + dy:g}", "font-weight": weight}
        label = ElementTree.SubElement(group, "text", {**place, "fill": "currentColor"})
        label.text = _short(line)


def _tip(line: _Line) -> list[tuple[float, float]]:
    """The triangle of an arrow's head."""
    (x0, y0), (x, y) = line.corners[-2:]
    length = max(float(np.hypot(x - x0, y - y0)), 1e-9)
    ux, uy = (x - x0) / length, (y - y0) / length
    return [
        (x, y),
        (x - 7 * ux - 4 * uy, y - 7 * uy + 4 * ux),
        (x - 7 * ux + 4 * uy, y - 7 * uy - 4 * ux),
    ]


def raster(diagram: Diagram, factor: int = 2) -> Array:
    """The diagram as a picture, at `factor` times the SVG's size."""
    from PIL import Image, ImageDraw, ImageFont

    width, height = size(diagram)
    canvas = Image.new("RGB", (width * factor, height * factor), "white")
    draw = ImageDraw.Draw(canvas, "RGBA")  # on an RGB picture, see-through colours are mixed
    fonts = {bold: ImageFont.load_default(12 * factor) for bold in (True, False)}

    def scaled(points: object) -> list[tuple[float, float]]:
        return [(x * factor, y * factor) for x, y in points]  # type: ignore[attr-defined]

    for line in _lines(diagram)[0]:
        draw.line(scaled(line.corners), fill=INK, width=factor + 1)
        draw.polygon(scaled(_tip(line)), fill=INK)
    for block in diagram.blocks:
        x, y = _place(block)
        colour = FAMILIES.get(block.kind, OTHER)
        rgb = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        box = scaled([(x, y), (x + WIDTH, y + HEIGHT)])
        draw.rounded_rectangle(box, 5 * factor, fill=(*rgb, 30))
        draw.rectangle(scaled([(x, y), (x + 5, y + HEIGHT)]), fill=colour)
        what, out = words(block)
        for dy, text, bold in ((6, block.name, True), (22, what, False), (38, out, False)):
            ink = (40, 40, 40) if bold else (85, 85, 85)
            place = ((x + 14) * factor, (y + dy) * factor)
            draw.text(place, plain(_short(text)), font=fonts[bold], fill=ink)
    return np.asarray(canvas.convert("RGBA"))
