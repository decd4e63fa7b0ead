"""The block diagram as SVG and as PNG, from one geometry.

In the SVG, text and lines take the page's own colour (`currentColor`), so it is readable in light
and dark, and every word stays text.
"""

from __future__ import annotations

from functools import cache
from xml.etree import ElementTree

import numpy as np

from ..engine.layer import Array
from ..inspection.anatomy.diagram import Block, Diagram
from .bands import HEIGHT, WIDTH, Line, Place, laid_out
from .image import INK, plain

FAMILIES = {
    "Input": "#767676",
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "TrueConv2D"), "#2f7ed8"),
    **dict.fromkeys(("Dense", "MatMul"), "#d9730d"),
    **dict.fromkeys(
        ("MaxPooling2D", "AveragePooling2D", "LpPooling2D", "GlobalAveragePooling2D",
         "GlobalMaxPooling2D", "GlobalLpPooling2D", "Reduce"), "#1f9e89"
    ),
    **dict.fromkeys(
        ("BatchNormalization", "GroupNormalization", "InstanceNormalization",
         "LayerNormalization"), "#8a63d2"
    ),
    **dict.fromkeys(("Add", "Arithmetic", "Concatenate", "Where"), "#c2255c"),
}  # fmt: skip
OTHER = "#8d8d8d"
"""The colour of layers that learn nothing and merge nothing."""
SIZE, WIDE, WIDE_BOLD, LONGEST = 12, 37, 33, 47
"""Pixels of the letters; how many of them fit into a block, of bold ones; and of smaller ones."""


def words(block: Block) -> tuple[str, str]:
    """The two lines under a block's name: what it is, and what comes out of it."""
    what = f"{block.kind}, {block.detail}" if block.detail else block.kind
    sizes = "×".join(map(str, block.shape))
    return what, sizes + (f" · {block.params:,} parameters" if block.params else "")


def _fitted(line: str, bold: bool) -> tuple[str, float]:
    """A line that fits into a block, and the size of its letters: smaller ones where it is long,
    and a cut where they would be too small."""
    line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    return line, round(SIZE * min(1.0, (WIDE_BOLD if bold else WIDE) / max(1, len(line))), 1)


def size(diagram: Diagram, *, narrow: bool = False) -> tuple[int, int]:
    """Width and height of the picture in pixels."""
    geometry = laid_out(diagram, narrow=narrow)
    return geometry.width, geometry.height


def svg(diagram: Diagram, *, narrow: bool = False) -> str:
    """The diagram as an SVG document; narrow: one below the other, for a phone."""
    geometry = laid_out(diagram, narrow=narrow)
    width, height = geometry.width, geometry.height
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "img",
            "font-family": "system-ui, sans-serif",
            "font-size": str(SIZE),
            "color": "#767676",
        },
    )
    ElementTree.SubElement(root, "title").text = "Block diagram of the network"
    for line in geometry.lines:
        points = " ".join(f"{x:g},{y:g}" for x, y in line.corners)
        style = {"fill": "none", "stroke": "currentColor", "stroke-width": "1.5"}
        ElementTree.SubElement(root, "polyline", {"points": points, **style})
        tip = " ".join(f"{x:g},{y:g}" for x, y in _tip(line))
        ElementTree.SubElement(root, "polygon", {"points": tip, "fill": "currentColor"})
    for block in diagram.blocks:
        _svg_block(root, block, geometry.places[block.name])
    return ElementTree.tostring(root, encoding="unicode")


def _svg_block(root: ElementTree.Element, block: Block, place: Place) -> None:
    x, y = place
    group = ElementTree.SubElement(root, "g", {"data-node": block.name})
    frame = {"x": f"{x:g}", "y": f"{y:g}", "height": str(HEIGHT), "rx": "5"}
    colour = FAMILIES.get(block.kind, OTHER)
    ElementTree.SubElement(
        group, "rect", {**frame, "width": str(WIDTH), "fill": colour, "fill-opacity": "0.12"}
    )
    ElementTree.SubElement(group, "rect", {**frame, "width": "5", "fill": colour})
    what, out = words(block)
    for dy, line, weight in ((18, block.name, "600"), (34, what, "400"), (50, out, "400")):
        where = {"x": f"{x + 14:g}", "y": f"{y + dy:g}", "font-weight": weight}
        fitted, height = _fitted(line, weight == "600")
        small = {} if height == SIZE else {"font-size": f"{height:g}"}
        label = ElementTree.SubElement(group, "text", {**where, "fill": "currentColor", **small})
        label.text = fitted


def _tip(line: Line) -> list[tuple[float, float]]:
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

    geometry = laid_out(diagram)
    width, height = geometry.width, geometry.height
    canvas = Image.new("RGB", (width * factor, height * factor), "white")
    draw = ImageDraw.Draw(canvas, "RGBA")  # on an RGB picture, see-through colours are mixed
    font = cache(lambda letters: ImageFont.load_default(letters * factor))

    def scaled(points: object) -> list[tuple[float, float]]:
        return [(x * factor, y * factor) for x, y in points]  # type: ignore[attr-defined]

    for line in geometry.lines:
        draw.line(scaled(line.corners), fill=INK, width=factor + 1)
        draw.polygon(scaled(_tip(line)), fill=INK)
    for block in diagram.blocks:
        x, y = geometry.places[block.name]
        colour = FAMILIES.get(block.kind, OTHER)
        rgb = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        box = scaled([(x, y), (x + WIDTH, y + HEIGHT)])
        draw.rounded_rectangle(box, 5 * factor, fill=(*rgb, 30))
        draw.rectangle(scaled([(x, y), (x + 5, y + HEIGHT)]), fill=colour)
        what, out = words(block)
        for dy, text, bold in ((6, block.name, True), (22, what, False), (38, out, False)):
            ink = (40, 40, 40) if bold else (85, 85, 85)
            place = ((x + 14) * factor, (y + dy) * factor)
            fitted, letters = _fitted(plain(text), bold)
            draw.text(place, fitted.replace("…", "..."), font=font(letters), fill=ink)
    return np.asarray(canvas.convert("RGBA"))
