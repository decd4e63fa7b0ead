"""Pictures in batches: one pass over a data set of any size, with memory for one batch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.input import as_array, pictures_of
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError

MOST = 256
"""Pictures in a batch at the most."""
ROOM = 1 << 24
"""Bytes that the outputs kept of one batch may take, unless one picture's take more."""


def batches(model: Model, x: Any, names: Collection[str]) -> Iterator[tuple[int, Array]]:
    """`(number of the first picture, batch)`; batches are checked, of a size that leaves room.

    x: pictures as `model.run` takes them, a `Dataset`, or an iterator (a generator, say) of such
    chunks, which are never held together. names: the nodes whose outputs the caller will keep.
    Raises `ArgumentError` for pictures that do not fit the model, and where there is none.
    """
    numbers = sum(math.prod(model.shapes[name]) for name in names)
    size = max(1, min(MOST, ROOM // (4 * max(1, numbers))))
    start = 0
    for chunk in _chunks(x):
        pictures = _in_rows(model, chunk)
        for first in range(0, len(pictures), size):
            batch = model.input.check(pictures[first : first + size])
            yield start, batch
            start += len(batch)
    if start == 0:
        raise ArgumentError("there is no picture: expected at least one")


def _chunks(x: Any) -> Iterable[Any]:
    return x if isinstance(x, Iterator) else (x,)


def _in_rows(model: Model, chunk: Any) -> Array:
    """A chunk as (N, *shape), without looking at every pixel yet."""
    array = as_array(pictures_of(chunk), "the input")
    if array.dtype.kind not in "uifb":
        return model.input.check(array)  # says what is wrong
    like = np.broadcast_to(np.uint8(0), array.shape)
    return array.reshape(model.input.check(like).shape)


def up_to(model: Model, *names: str) -> Model:
    """The part of a model that these nodes need, with shared layers; the last of them is its
    output."""
    wanted = {model.node(name).name for name in names}
    nodes = []
    for node in reversed(model.nodes):
        if node.name in wanted:
            nodes.append(node)
            wanted.update(node.inputs)
    wanted.discard(INPUT)
    return Model.from_nodes(reversed(nodes), input=model.input, head="none")
