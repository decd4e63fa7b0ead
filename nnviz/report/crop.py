"""One place of a layer by itself: the model on nothing but the window that this place sees.

Climbing for one neuron of an early layer needs only the few pixels that it reads; on these alone it
is many times as fast.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..engine.layer import Array
from ..engine.model import Model
from ..errors import NnvizError
from ..inspection.anatomy import receptive_field
from ..inspection.anatomy.stream import up_to

CLOSE = 1e-4
"""How far the answers of both models may lie apart, relative to the largest, for rounding."""


def crop(model: Model, node: str, at: tuple[int, int]) -> tuple[Model, tuple[int, int]]:
    """A model whose picture is the window that `node` reads at `at`, and the place in it that
    answers as `at` did; the model itself where there is no such thing (layers that need the whole
    picture, a window as large as the picture).

    Where layers pad, the window is a little larger: it begins where the steps of all layers before
    the node begin, so that padding lies where it lay, outside of what the place reads. Proved, not
    only built: noise must get the same answers from both.
    """
    field = receptive_field(model, node)
    window = field.reads[at].tolist()
    if (field.boxes[at] != field.reads[at]).any():
        return model, at
    noise = np.random.default_rng(0).random((4, *model.input.shape), np.float32)
    wanted = model.run(noise, keep=(node,))[node].y[:, *at]
    for top, left in dict.fromkeys([(window[0], window[1]), _aligned(field.boxes, window)]):
        found = _cut(model, node, (top, left, window[2], window[3]), window)
        if found is None:
            continue
        small, places = found
        given = small.run(noise[:, top : window[2], left : window[3]], keep=(node,))[node].y
        for row, col in places:
            if np.abs(given[:, row, col] - wanted).max() <= CLOSE * np.abs(wanted).max():
                return small, (row, col)
    return model, at


def _aligned(boxes: Array, window: list[int]) -> tuple[int, int]:
    """The last place at or before a window's beginning that is a whole number of the node's steps
    away from the picture's."""
    ends = [boxes[min(1, len(boxes) - 1), 0, 0], boxes[0, min(1, boxes.shape[1] - 1), 1]]
    steps = [max(1, int(end - start)) for end, start in zip(ends, boxes[0, 0, :2], strict=True)]
    return window[0] // steps[0] * steps[0], window[1] // steps[1] * steps[1]


def _cut(
    model: Model, node: str, part: tuple[int, int, int, int], window: list[int]
) -> tuple[Model, list[tuple[int, int]]] | None:
    """The model on a part of its picture, and the places of the node that read the window there;
    None where the part is all of it, or the model cannot do with less."""
    top, left, bottom, right = part
    rows, cols, channels = model.input.shape
    if (bottom - top, right - left) == (rows, cols):
        return None
    spec = replace(model.input, shape=(bottom - top, right - left, channels))
    try:
        small = Model.from_nodes(up_to(model, node).nodes, input=spec, head="none")
        inner = receptive_field(small, node)
    except NnvizError:
        return None
    there = np.array(window) - (top, left, top, left)
    return small, [(row, col) for row, col in np.argwhere((inner.boxes == there).all(-1)).tolist()]
