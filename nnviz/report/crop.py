"""One place of a layer by itself: the model on nothing but the window that this place sees.

Climbing for one neuron of an early layer needs only the few pixels that it reads; on these alone it
is many times as fast.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..engine.model import Model
from ..errors import NnvizError
from ..inspection.anatomy import receptive_field
from ..inspection.anatomy.stream import up_to

CLOSE = 1e-4
"""How far the answers of both models may lie apart, relative to the largest, for rounding."""


def crop(model: Model, node: str, at: tuple[int, int]) -> tuple[Model, tuple[int, int]]:
    """A model whose picture is the window that `node` reads at `at`, and the place in it that
    answers as `at` did; the model itself where there is no such thing (padding inside the window,
    layers that need the whole picture, a window as large as the picture).

    Proved, not only built: noise must get the same answers from both.
    """
    field = receptive_field(model, node)
    top, left, bottom, right = field.reads[at].tolist()
    rows, cols, channels = model.input.shape
    if (bottom - top, right - left) == (rows, cols) or (field.boxes[at] != field.reads[at]).any():
        return model, at
    spec = replace(model.input, shape=(bottom - top, right - left, channels))
    try:
        small = Model.from_nodes(up_to(model, node).nodes, input=spec, head="none")
        inner = receptive_field(small, node)
    except NnvizError:
        return model, at
    whole = (inner.boxes == (0, 0, bottom - top, right - left)).all(axis=-1)
    rng = np.random.default_rng(0)
    noise = rng.random((4, *model.input.shape), np.float32)
    wanted = model.run(noise, keep=(node,))[node].y[:, *at]
    given = small.run(noise[:, top:bottom, left:right], keep=(node,))[node].y
    for row, col in np.argwhere(whole).tolist():
        if np.abs(given[:, row, col] - wanted).max() <= CLOSE * np.abs(wanted).max():
            return small, (row, col)
    return model, at
