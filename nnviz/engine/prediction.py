"""Predictions by noted calls (see `again`): in chunks, or one picture in two halves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .again import Again, Noted, Numbered, alike, ended, flattening, noting, repeat
from .executor import chunk_slices, each
from .graph import INPUT
from .halves import NotedPicture, halves
from .layer import Array, Mode, Shape
from .mode import Notes

if TYPE_CHECKING:
    from .model import Model


class NotedPrediction(Noted):
    """From the input to one node's output."""

    def __init__(
        self, nodes: Numbered, shapes: Mapping[str, Shape], output: str, block: int, x: Array
    ) -> None:
        super().__init__(shapes, x)
        self._notes, scratch = Notes(), self.scratch()
        mode, values, cut = Mode(notes=self._notes), {INPUT: self.given}, flattening(nodes)
        walk = noting(self._notes, scratch)
        if cut:
            flat = nodes[cut][1].inputs[0]
            values = {flat: self.room(flat)}
            for rows in alike(len(x), block):
                calls = ended(walk(nodes[:cut], {INPUT: self.given[rows]}, keep={flat}))
                mode.do(np.copyto, values[flat][rows], calls[flat].y)
                scratch.let_go()
        self.output: Array = ended(walk(nodes[cut:], values, keep={output}))[output].y

    def again(self, x: Array) -> None:
        """Make `output` for other pictures."""
        np.copyto(self.given, x)
        self._notes.play()


def predicted(
    model: Model, batch: Array, prepare: Callable[[Array], Array]
) -> list[tuple[slice, Array, Array]] | None:
    """(slice, the network's input, its output) for each chunk of a batch; None where the model has
    to be walked through anew. prepare: makes pixels the network's input."""
    again = Again.of(model)
    dtype = batch.dtype if batch.dtype.kind == "f" else np.dtype(np.float32)
    chunks = chunk_slices(len(batch), model.sample_bytes)
    keys: list[Hashable] = [("predict", rows.stop - rows.start, dtype.str) for rows in chunks]
    if not again.suits(keys) or not repeat(again.way, dtype):
        return None
    output = model.output_name
    make: Any = partial(NotedPrediction, again.way, model.shapes, output, again.block)
    if len(batch) == 1 and (parts := _halves(again, model)) is not None:
        keys = [("picture", dtype.str)]
        make = partial(NotedPicture, again.way, model.shapes, output, parts)

    def chunk(key: Hashable, rows: slice) -> tuple[slice, Array, Array]:
        given = prepare(batch[rows])
        noted = again.run(key, make, given)
        y = noted.output.copy()
        again.back(key, noted)
        return rows, given, y

    return each([partial(chunk, *one) for one in zip(keys, chunks, strict=True)])


def _halves(again: Again, model: Model) -> Any:
    """How one picture is cut; looked for once."""
    if again.halves == ():
        again.halves = halves(again.way, model.shapes)
    return again.halves
