"""Planted pictures: drawn by program, with a label that hangs on a known place.

Whether an explanation is right can be said where the truth is known. Here it is planted: each
picture has a mask of the place that its label hangs on, and the rest of the picture says nothing of
the label. What a network learns from them is another matter; `planted-spurious` is made so that it
learns the wrong thing.

planted-glyph: which of four glyphs; besides, three scrambled glyphs.
planted-texture: which way the stripes in one corner run; in the others, the same stripes scrambled.
planted-line: which way a thin line runs; besides, scattered dots.
planted-two-cues: which of four glyphs; besides, a glyph of another kind, by chance.
planted-colour-cue: which glyph stands in the first channel; in the others, glyphs by chance.
planted-spurious: which of four glyphs, and it is faint; besides, a bright glyph of another kind
that tells the label in training, and in the test set by chance alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError
from .dataset import Dataset
from .planted_shapes import (
    CELL,
    CUES,
    GRID,
    OTHERS,
    Array,
    boxes,
    cells,
    enlarged,
    glyphs,
    grown,
    inks,
    line,
    noise,
    scale_of,
    scrambles,
    stamp,
)

BLOCK = 64
"""Pictures that are drawn together: a longer data set begins with the shorter one."""
LEAST, MOST = 2 * CELL, 4096
DIRECTIONS = ("level", "upright", "falling", "rising")
FAINT = (80, 110)
"""The ink of the true glyph of planted-spurious: seen, but not at first sight."""


@dataclass(frozen=True)
class Block:
    """Some pictures being drawn. known: whether the spurious cue tells the label."""

    rng: np.random.Generator
    size: tuple[int, int]
    channels: int
    known: bool

    @property
    def scale(self) -> int:
        """Pixels on a side of a glyph's square."""
        return scale_of(self.size)

    @property
    def side(self) -> int:
        """Pixels on a side of a glyph."""
        return GRID * self.scale

    def labels(self) -> Array:
        """(BLOCK,), by chance."""
        return self.rng.integers(0, 4, BLOCK)

    def noise(self) -> Array:
        """What the pictures begin with."""
        return noise(self.rng, BLOCK, self.size, self.channels)

    def cells(self, count: int) -> Array:
        """Corners for so many glyphs, (BLOCK, count, 2)."""
        return cells(self.rng, BLOCK, self.size, self.scale, count)

    def place(self, corners: Array) -> Array:
        """The glyphs' squares as masks."""
        return boxes(BLOCK, self.size, corners, self.side, self.side)

    def scramble(self, x: Array, corners: Array) -> None:
        """Scrambled glyphs at all corners (BLOCK, count, 2)."""
        for k in range(corners.shape[1]):
            shapes = scrambles(self.rng, BLOCK, self.scale)
            stamp(x, corners[:, k], shapes, inks(self.rng, BLOCK, self.channels))


Drawn = tuple[Array, Array, Array, Array | None]
"""Pictures, labels, masks, and masks of what only looks like a reason."""


def _glyph(block: Block) -> Drawn:
    x, y, corners = block.noise(), block.labels(), block.cells(4)
    stamp(x, corners[:, 0], glyphs(CUES, y, block.scale), inks(block.rng, BLOCK, block.channels))
    block.scramble(x, corners[:, 1:])
    return x, y, block.place(corners[:, 0]), None


def _two_cues(block: Block) -> Drawn:
    ink = inks(block.rng, BLOCK, block.channels)
    return _with_other(block, block.labels(), block.labels(), ink)


def _spurious(block: Block) -> Drawn:
    y, by_chance = block.labels(), block.labels()
    ink = inks(block.rng, BLOCK, block.channels, *FAINT)
    return _with_other(block, y, y if block.known else by_chance, ink)


def _with_other(block: Block, y: Array, other: Array, ink: Array) -> Drawn:
    """The glyph that counts, a bright one of another kind, and a scrambled one."""
    x, corners = block.noise(), block.cells(3)
    stamp(x, corners[:, 0], glyphs(CUES, y, block.scale), ink)
    bright = inks(block.rng, BLOCK, block.channels)
    stamp(x, corners[:, 1], glyphs(OTHERS, other, block.scale), bright)
    block.scramble(x, corners[:, 2:])
    return x, y, block.place(corners[:, 0]), block.place(corners[:, 1])


def _colour_cue(block: Block) -> Drawn:
    x, corners = block.noise(), block.cells(block.channels)
    labels = [block.labels() for _ in range(block.channels)]
    for k, which in enumerate(labels):
        channel = x[..., k : k + 1]
        stamp(channel, corners[:, k], glyphs(CUES, which, block.scale), inks(block.rng, BLOCK, 1))
    others = [block.place(corners[:, k]) for k in range(1, block.channels)]
    return x, labels[0], block.place(corners[:, 0]), np.logical_or.reduce(others)


def _texture(block: Block) -> Drawn:
    x, y, rng = block.noise(), block.labels(), block.rng
    side = 3 * min(block.size) // 7
    lines = side // block.scale
    row, col = np.indices((lines, lines))
    along = np.stack([row, col, row - col, row + col])[y]
    phase = rng.integers(0, 4, BLOCK)
    stripes = (along + phase[:, None, None]) % 4 < 2
    low, high = (block.size[k] - lines * block.scale for k in (0, 1))
    ends = np.array([(0, 0), (0, high), (low, 0), (low, high)])
    order = rng.random((BLOCK, 4)).argsort(axis=1)
    flat = stripes.reshape(BLOCK, -1)
    for k in range(4):
        shown = flat if k == 0 else rng.permuted(flat, axis=1)
        shape = enlarged(shown.reshape(stripes.shape), block.scale)
        stamp(x, ends[order[:, k]], shape, inks(rng, BLOCK, block.channels))
    side = lines * block.scale
    return x, y, boxes(BLOCK, block.size, ends[order[:, 0]], side, side), None


def _line(block: Block) -> Drawn:
    x, y, rng = block.noise(), block.labels(), block.rng
    length = min(block.size) // (2 * block.scale)
    shape = line(y, length, block.scale)
    side = shape.shape[1]
    corners = np.stack([rng.integers(0, n - side + 1, BLOCK) for n in block.size], axis=-1)
    dots = [rng.integers(0, n // block.scale, (BLOCK, 2 * length)) for n in block.size]
    for k in range(2 * length):
        ink = inks(rng, BLOCK, block.channels)
        spots = np.ones((BLOCK, block.scale, block.scale), bool)
        stamp(x, np.stack([dots[0][:, k], dots[1][:, k]], axis=-1) * block.scale, spots, ink)
    stamp(x, corners, shape, inks(rng, BLOCK, block.channels))
    masks = boxes(BLOCK, block.size, corners, side, side)
    masks[masks] = shape.ravel()
    return x, y, grown(masks, block.scale), None


@dataclass(frozen=True)
class Kind:
    """One kind of planted pictures."""

    draw: Callable[[Block], Drawn]
    classes: tuple[str, ...]
    what: str
    least_channels: int = 1


PLANTED: dict[str, Kind] = {
    "planted-glyph": Kind(_glyph, CUES, "one of four glyphs among scrambled ones"),
    "planted-texture": Kind(_texture, DIRECTIONS, "stripes in one of the four corners"),
    "planted-line": Kind(_line, DIRECTIONS, "a thin line among dots"),
    "planted-two-cues": Kind(_two_cues, CUES, "two glyphs of which only one counts"),
    "planted-colour-cue": Kind(_colour_cue, CUES, "a glyph in each channel; the first counts", 2),
    "planted-spurious": Kind(
        _spurious, CUES, "a faint glyph, and a bright one that tells the label in training alone"
    ),
}
"""By the names that `nnviz.data.load` takes."""


def planted(
    name: str,
    split: str = "test",
    *,
    n: int = 1000,
    seed: int = 0,
    size: tuple[int, int] = (28, 28),
    channels: int | None = None,
) -> Dataset:
    """Pictures with a known reason: (n, rows, cols, channels) uint8, with labels and masks.

    name: one of `PLANTED`. split: both are drawn alike, from other random numbers; only for
    planted-spurious they differ in kind. n: of 2·n pictures the first n are the same. size: (rows,
    cols), each at least 18; glyphs grow with it, a square of theirs being a 28th of the shorter
    side. channels: 1 for grey (the default) or 3 for colour, or any other; planted-colour-cue has 3
    where nothing is said, and at least 2.

    Returns a `Dataset` whose `masks` (n, rows, cols) are true where the label hangs on the picture,
    and whose `decoys`, where the kind has them, where something only looks like a reason.
    Raises `ArgumentError` for an unknown name and for numbers out of range.
    """
    if name not in PLANTED:
        raise ArgumentError(f"there is no {name!r}; planted pictures are {', '.join(PLANTED)}")
    if split not in ("train", "test"):
        raise ArgumentError(f"split of {name} must be train or test, got {split!r}")
    kind = PLANTED[name]
    n = _whole(n, "n", name, 1, 10_000_000)
    seed = _whole(seed, "seed", name, 0, 2**63 - 1)
    rows, cols = _size(size, name)
    least = kind.least_channels
    channels = (1 if least == 1 else 3) if channels is None else channels
    channels = _whole(channels, "channels", name, least, 64)
    if name == "planted-colour-cue" and channels > (rows // CELL) * (cols // CELL):
        raise ArgumentError(f"{name} of {rows}×{cols} pixels has no room for {channels} glyphs")
    parts = []
    place = (list(PLANTED).index(name), ("train", "test").index(split))
    for number in range(-(-n // BLOCK)):
        key = np.random.SeedSequence(seed, spawn_key=(*place, number))
        block = Block(np.random.default_rng(key), (rows, cols), channels, split == "train")
        parts.append(kind.draw(block))
    x, y, masks, decoys = (
        None if drawn[0] is None else np.concatenate(drawn)[:n]
        for drawn in zip(*parts, strict=True)
    )
    assert x is not None
    source = f"drawn by nnviz, seed {seed}"
    return Dataset(
        x, y, kind.classes, f"{name} ({split})", source, None, split, masks=masks, decoys=decoys
    )


def _whole(value: object, option: str, name: str, least: int, most: int) -> int:
    plain = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not plain or not least <= value <= most:  # type: ignore[operator]
        raise ArgumentError(
            f"{option} of {name} must be a whole number from {least} to {most:,}, got {value!r}"
        )
    return int(value)  # type: ignore[call-overload]


def _size(size: object, name: str) -> tuple[int, int]:
    both = tuple(size) if isinstance(size, tuple | list) else ()
    if len(both) != 2:
        raise ArgumentError(f"size of {name} must be (rows, cols), got {size!r}")
    rows, cols = (_whole(length, "size", name, LEAST, MOST) for length in both)
    return rows, cols
