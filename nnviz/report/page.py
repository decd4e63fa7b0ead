"""The page: the plan, filled into the template. All text is escaped there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ..draw.chart import DPI
from ..draw.colour import table
from ..draw.image import factor_for, opaque
from ..draw.png import data_uri
from ..engine.layer import Array
from .explore import classes_of
from .figure import Cell, Figure, Scale
from .look import Island
from .packed import island
from .plan import Plan
from .study import SURE, Study
from .words import HTML_LANG, language, listing, say, terms, tight, words

UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Signs that HTML does not allow."""


LITERAL = r"""(?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
LITERAL += r"|(?<=[(,=:?&|!>])\s*/(?![/*])(?:\\.|\[(?:\\.|[^]\\\n])*\]|[^/\\\n])+/)"
"""A string, a template without a template inside, or a regular expression (it stands where no
division can)."""
COMMENT = re.compile(LITERAL + r"|/\*.*?\*/|(?<![:\w])//[^\n]*", re.DOTALL)
SPACE = re.compile(LITERAL + r"|\s+|;\s*(?=})")
AROUND = {"css": "{};,>", "js": "{}()[];,:?=+-*/%<>&|!."}
"""The signs that need no white space beside them; in a style ` :` and ` (` have a meaning."""


def squeezed(text: str, kind: Literal["css", "js"]) -> str:
    """A style or a script without comments, and with white space only where it means something:
    both are for whoever writes them. What stands in quotes stays as it is."""
    text = COMMENT.sub(lambda found: found["literal"] or " ", text).strip()
    signs = AROUND[kind]

    def gap(found: re.Match[str]) -> str:
        if found["literal"]:
            return found["literal"].strip()
        before, after = text[found.start() - 1], text[found.end()]
        if found[0].startswith(";"):  # a style's last one before "}"
            return "" if kind == "css" else ";"
        if kind == "css":
            return "" if before in signs + ":" or after in signs else " "
        if "\n" in found[0]:  # elsewhere a line's end may end a statement
            return "" if before in "{;,([" or after in "}).?:&|]" else "\n"
        signed = before in "+-" and after in "+-"  # a - -b is not a--b
        return " " if signed or not (before in signs or after in signs) else ""

    return SPACE.sub(gap, text)


def bar_uri(scale: Scale) -> str:
    """A scale's colours as a strip one pixel high; the page stretches it."""
    return data_uri(opaque(table(scale.cmap)[None]))


def width_of(cell: Cell, figure: Figure) -> int:
    """How many pixels wide a cell is shown: a whole multiple of its own."""
    own = cell.picture.shape[1]
    return own * factor_for(own, figure.zoom)


PART = re.compile(r"[!-~]+?(?:(?<=[_/])(?=\w)|(?![!-~]))")
"""Of a line, what is not to be broken: a word, or a part of a name such as `great_` or `conv1/`."""
LETTER, WIDEST = 7.2, 112
"""Pixels of a letter under a picture, on average; and of a column that is as wide as its words."""


def parts(text: str) -> list[str]:
    """Text where it may be broken in the middle of names, behind `_` and `/`: it does not look cut
    there."""
    return re.split(r"(?<=[_/])(?=\w)", text)


def column_of(figure: Figure) -> int:
    """How many pixels wide a figure's columns of tiles are: as the tiles, or as the longest word
    under them, if they are smaller."""
    labels = [cell.label for row in figure.cells for cell in row]
    longest = max((len(part) for label in labels for part in PART.findall(label)), default=0)
    own = width_of(figure.cells[-1][0], figure)
    return max(own, min(WIDEST, math.ceil(LETTER * longest)))


def finding_width(cell: Cell) -> int:
    """The findings' pictures are about 84 pixels wide."""
    own = cell.picture.shape[1]
    return own * factor_for(own, 84)


def chart_width(picture: Array) -> int:
    """Charts are drawn finer than they are shown, at 96 dots an inch."""
    return round(picture.shape[1] * 96 / DPI)


def facts(study: Study) -> list[tuple[str, str]]:
    """The large numbers at the top, each with its words."""
    found, model = study.mistakes, study.model
    shown = []
    if found is not None:
        words = say("fact.accuracy", n=len(found.labels))
        shown.append((f"{found.accuracy:.1%}", words))
    count = sum(array.size for array in model.parameters().values())
    shown.append((f"{count:,}", say("fact.params")))
    shown.append(("×".join(map(str, model.input.shape)), say("fact.input")))
    if study.sure_and_right is not None:
        shown.append((f"{study.sure_and_right:.1%}", say("fact.sure", level=SURE)))
    return shown


def purpose(study: Study) -> str:
    """What the model decides, and from what."""
    rows, cols = study.model.input.shape[:2]
    if not study.is_classifier:
        outputs = int(np.prod(study.model.output_shape))
        return say("purpose.plain", rows=rows, cols=cols, outputs=outputs)
    count = study.judged.output_shape[0]
    names = listing(study.class_name(i) for i in range(count))
    return say("purpose", rows=rows, cols=cols, classes=count, names=names)


def render(
    study: Study, plan: Plan, files: Mapping[str, list[str]], made: Mapping[str, Any]
) -> str:
    """The whole page as one HTML document.

    files: the names of each figure's files, by its id. made: what the foot says of the making.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nnviz.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(tight=tight, parts=parts, squeezed=squeezed)
    environment.globals.update(
        data_uri=data_uri,
        island=island,
        bar_uri=bar_uri,
        width_of=width_of,
        column_of=column_of,
        chart_width=chart_width,
        finding_width=finding_width,
    )
    looks = Island(study, files)
    text = environment.get_template("page.html").render(
        look=looks,
        look_data=lambda: island(looks.finish(plan)),
        classes_of=classes_of,
        study=study,
        plan=plan,
        files=files,
        made=made,
        facts=facts(study),
        purpose=purpose(study),
        glossary=terms(),
        words=words(),
        lang=HTML_LANG[language()],
    )
    # A name may hold signs that no document may: they are shown as what they are, unreadable.
    return UNREADABLE.sub("\ufffd", text)
