"""The island of the viewer: what a large look at each cell of the page tells, and its numbers.

words       what JavaScript says
shape       rows and cols of a picture
code        the Python before each line that makes a map again
files       of each figure: its title, its PNG and its .npz
pictures    by number: truth, answer, and the likeliest classes with their probabilities
stacks      maps of one size, packed; a look names one by stack and place
tables      colours: of each scale 256 × RGB, packed
looks       one for each picture on the page that opens, then those that only the viewer shows
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..draw.colour import table
from ..draw.image import coarse
from ..engine.layer import Array
from .figure import Cell, Figure, Look
from .packed import packed
from .plan import Plan
from .study import Study
from .words import words

JS = "look.js."
"""How the keys of the words that JavaScript says begin."""
TOP = 5
"""Of how many classes a picture's probabilities are told."""


class Island:
    """Gathers the looks of the page while the template writes it."""

    def __init__(self, study: Study, files: Mapping[str, list[str]]) -> None:
        self.study = study
        self.files = files
        self.looks: list[dict[str, Any]] = []
        self.figures: dict[str, dict[str, Any]] = {}
        self._stacks: dict[tuple[str, str, tuple[int, ...]], list[Array]] = {}
        self._tables: dict[str, dict[str, Any]] = {}

    def add(self, cell: Cell, figure: Figure) -> int:
        """The number of a cell's look, for the `data-look` of its picture."""
        return self._add(cell.look or Look(), figure, cell.label)

    def finish(self, plan: Plan) -> dict[str, Any]:
        """The whole island, after all cells are added."""
        for figure in plan.figures():
            for look in figure.looks:
                self._add(look, figure, "", shown=False)
        seen = {one["p"] for one in self.looks if "p" in one}
        study = self.study
        return {
            "words": {key[len(JS) :]: said for key, said in words().items() if key.startswith(JS)},
            "shape": list(study.model.input.shape[:2]),
            "code": f"{study.model_code}\n{study.data_code}",
            "files": self.figures,
            "pictures": {str(i): _told(study, i) for i in sorted(seen)},
            "stacks": [packed(np.stack(maps)) for maps in self._stacks.values()],
            "tables": self._tables,
            "looks": self.looks,
        }

    def _add(self, look: Look, figure: Figure, label: str, *, shown: bool = True) -> int:
        known = self.figures.setdefault(figure.id, {"title": figure.title})
        names = self.files.get(figure.id, ())
        known |= {name.rpartition(".")[2]: name for name in names}
        one: dict[str, Any] = {"f": figure.id}
        told: dict[str, Any] = {"p": look.picture, "name": look.name, "target": look.target}
        told["again"] = look.again
        told |= {"label": label, "block": look.block if look.block > 1 else None}
        told |= {"frame": look.frame, "hidden": None if shown else 1}
        one |= {key: value for key, value in told.items() if value is not None and value != ""}
        if look.key:
            one |= self._numbers(look, figure)
        self.looks.append(one)
        return len(self.looks) - 1

    def _numbers(self, look: Look, figure: Figure) -> dict[str, Any]:
        values = figure.numbers[look.key][look.index]
        at = "".join(f"[{k}]" for k in look.index)
        if look.channel is not None:
            values, at = values[..., look.channel], f"[{look.index[0]}, :, :, {look.channel}]"
        if look.grid is not None:
            values, at = values.reshape(look.grid), f"{at}.reshape{look.grid}"
        stack, place = self._stack(figure, look.key, coarse(values[None], look.block)[0])
        one: dict[str, Any] = {"at": f'["{look.key}"]{at}', "map": [stack, place]}
        if look.named:
            one["named"] = [list(entry) for entry in look.named]
        elif look.scale is not None:
            scale = look.scale
            self._tables.setdefault(scale.cmap, packed(table(scale.cmap), "u1"))
            one |= {"cmap": scale.cmap, "low": scale.low, "high": scale.high, "ends": scale.words}
        if look.chance is not None:
            key, index, grid, frame = look.chance
            chances = figure.numbers[key][index].reshape(grid)
            one["chance"] = [*self._stack(figure, key, chances), frame]
        return one

    def _stack(self, figure: Figure, key: str, values: Array) -> tuple[int, int]:
        """Put a map on the stack of its like; the stack's number and the place there."""
        entry = figure.id, key, values.shape
        maps = self._stacks.setdefault(entry, [])
        maps.append(values)
        return list(self._stacks).index(entry), len(maps) - 1


def _told(study: Study, i: int) -> dict[str, Any]:
    """What is known of picture i."""
    name = study.data.files[i] if study.data.files else None
    told: dict[str, Any] = {"file": name} if name else {}
    if not study.is_classifier:
        return told
    sure = study.probabilities[i]
    order = np.argsort(-sure, kind="stable")[:TOP].tolist()
    told |= {"answer": int(order[0]), "a": study.class_name(order[0])}
    told["top"] = [[study.class_name(c), round(float(sure[c]), 5)] for c in order]
    if study.data.y is not None:
        true = int(study.labels[i])
        told |= {"true": true, "t": study.class_name(true)}
    return told
