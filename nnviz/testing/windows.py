"""Does the declared window tell the truth? Poke pixels and see.

Every input place is poked and the outputs that change are noted; for every output place, the inputs
that its gradient reaches. Both must lie in the boxes that `touched` and `needed` name, and fill
them to the corners unless the window is dilated and has holes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..engine.layer import Array
from ..engine.window import Box, Window
from .subject import Subject, backward, generics

SAMPLES = 24
"""So many, that in a max pooling every cell of a window wins at least once."""


def check_windows(s: Subject) -> None:
    """out_size, touched and needed of every input's window, proved at every place."""
    rng = np.random.default_rng(s.seed)
    xs = generics(rng, [(SAMPLES, *shape) for shape in s.shapes], s.layer.domain)
    for i, shape in enumerate(s.shapes):
        window = s.layer.window(i)
        if window is None or len(shape) != 3:
            continue
        size, out = (shape[0], shape[1]), s.layer.out_shape(*s.shapes)[:2]
        if tuple(window.out_size(size)) != out:
            s.fail(f"window({i}).out_size is {window.out_size(size)}, the output is {out}")
        for place, changed in _poked(s, xs, i):
            box = window.touched(_cell(place), size)
            _compare(s, window, changed, box, f"window({i}).touched of input {place}")
        for place, read in _reached(s, xs, i):
            top, left, bottom, right = window.needed(_cell(place), size)
            box = (max(top, 0), max(left, 0), min(bottom, size[0]), min(right, size[1]))
            _compare(s, window, read, box, f"window({i}).needed of output {place}")


def _cell(place: tuple[int, int]) -> Box:
    return (*place, place[0] + 1, place[1] + 1)


def _poked(s: Subject, xs: tuple[Array, ...], i: int) -> Iterator[tuple[tuple[int, int], Array]]:
    """Each place of input i, and the outputs (rows, cols) that change when it is raised."""
    rng = np.random.default_rng(s.seed)
    y = s.run(xs=xs).y
    rows, cols, channels = s.shapes[i]
    for row, col in np.ndindex(rows, cols):
        x = xs[i].copy()
        x[:, row, col] += rng.uniform(5, 15, (SAMPLES, channels))
        gap = np.abs(s.run(xs=(*xs[:i], x, *xs[i + 1 :])).y - y)
        yield (row, col), (gap > 1e-9).any(axis=(0, 3))


def _reached(s: Subject, xs: tuple[Array, ...], i: int) -> Iterator[tuple[tuple[int, int], Array]]:
    """Each output place, and the places of input i (rows, cols) that its gradient reaches."""
    rng = np.random.default_rng(s.seed)
    call = s.run(xs=xs)
    for row, col in np.ndindex(call.y.shape[1:3]):
        dy = np.zeros_like(call.y)
        dy[:, row, col] = rng.uniform(1, 2, (SAMPLES, call.y.shape[3]))
        dx = backward(s.layer, dy, call)[i]
        yield (row, col), (np.abs(dx) > 1e-12).any(axis=(0, 3))


def _compare(s: Subject, window: Window, found: Array, box: Box, what: str) -> None:
    """The places found lie in the box, and (without holes) reach all its sides."""
    inside = np.zeros_like(found)
    inside[box[0] : box[2], box[1] : box[3]] = True
    if (found & ~inside).any():
        outside = tuple(int(k) for k in np.argwhere(found & ~inside)[0])
        s.fail(f"{what} is {box}, but {outside} belongs to it as well")
    solid = getattr(window, "dilation", (1, 1)) == (1, 1)
    # Where nothing is found at all (the step function's gradient), there is nothing to compare.
    if solid and found.any() and bounds(found) != bounds(inside):
        s.fail(f"{what} is {box}, but only {bounds(found)} belongs to it")


def bounds(mask: Array) -> Box | None:
    """The smallest box around what is true; None where nothing is."""
    if not mask.any():
        return None
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1
