"""Top patches: the parts of a data set's pictures that excite each channel most.

What a filter means is best seen in what it answers to (Zeiler and Fergus 2014, section 4.1,
arXiv:1311.2901). Each patch is cut out by the receptive field of the place that answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array, whole
from ...engine.model import Model
from ...errors import ArgumentError
from ..results import Provenance, Result
from .receptive import ReceptiveField, field_of
from .reservoir import Reservoir
from .stream import batches, up_to

SAMPLE = 4096
"""From how many pictures the percentile is taken at the most."""
ROOM = 1 << 30
"""Bytes that the patches may take."""


@dataclass(frozen=True)
class TopPatches(Result):
    """The k pictures that excite each channel most, each by its strongest place.

    channels: (channels,) which channels of the node these are, in order; all arrays follow them.
    patches: (channels, k, rows, cols, colours), pixels 0..1; NaN beside the picture (padding), and
        where there are fewer pictures than k.
    values: (channels, k), the answers, largest first (equal ones: the earlier picture first); NaN
        where there are fewer pictures than k.
    pictures: (channels, k), the pictures' numbers in the order they came; −1 where there is none.
    places: (channels, k, 2), (row, col) in the node's output; of equal ones, the first.
    boxes: (channels, k, 4), the crop (top, left, bottom, right) on the picture.
    maximum: (channels,), the best of all pictures. percentile: (channels,), the 99th percentile
        (linear) of the pictures' maxima: over all pictures where `sampled` equals `count`, else
        over `sampled` pictures drawn with equal chances.
    constant: (channels,), whether a channel answers the same at every place of all pictures, so
        that its patches mean nothing; `warnings` names these.
    """

    channels: Array
    patches: Array
    values: Array
    pictures: Array
    places: Array
    boxes: Array
    maximum: Array
    percentile: Array
    constant: Array
    count: int
    sampled: int
    warnings: tuple[str, ...]
    provenance: Provenance


@of_model
def top_patches(
    model: Model,
    x: Any,
    node: str,
    k: int = 9,
    *,
    channels: Sequence[int] | None = None,
    seed: int = 0,
) -> TopPatches:
    """The patches of pictures that excite each channel of a node most, in one pass.

    x: pictures (N, …), a `Dataset`, or an iterator of chunks of pictures, which is read once and
    never held. A picture counts with its largest answer, max over rows and cols of y[n, ·, ·, c];
    a node without rows and cols (a dense layer, the classes) is shown whole pictures. Memory holds
    one batch, k patches a channel and a sample of at most 4,096 answers a channel (for the
    percentile, drawn with `seed`): it does not grow with N.

    k: patches a channel. channels: which ones; None for all.
    Raises `ArgumentError` for an unknown node or channel, for no picture, for k below 1, and where
    the patches would take more than a gigabyte.
    """
    chosen = _chosen(_count(model, node), channels, node)
    return _searched(model, x, {node: chosen}, whole(k, "k"), seed)[node]


@of_model
def top_patches_at(
    model: Model,
    x: Any,
    nodes: Sequence[str] | Mapping[str, Sequence[int] | None],
    k: int = 9,
    *,
    seed: int = 0,
) -> dict[str, TopPatches]:
    """`top_patches` of several nodes, by name, in one pass over the pictures.

    nodes: names, for all their channels; or a name and the channels that are wanted of it.
    Raises `ArgumentError` as `top_patches` does, and where `nodes` names nothing.
    """
    names = [nodes] if isinstance(nodes, str) else list(nodes)
    if not names:
        raise ArgumentError("nodes is empty: name at least one node")
    wanted = nodes if isinstance(nodes, Mapping) else dict.fromkeys(names)
    channels = {name: _chosen(_count(model, name), wanted[name], name) for name in names}
    return _searched(model, x, channels, whole(k, "k"), seed)


def _searched(
    model: Model, x: Any, channels: Mapping[str, Array], k: int, seed: int
) -> dict[str, TopPatches]:
    """The one pass."""
    if len(model.input.shape) != 3:
        raise ArgumentError(
            f"the model's input has shape {model.input.shape}, which is no picture to cut from"
        )
    part = up_to(model, *channels)
    colours = model.input.shape[2]
    best = {n: _Best(field_of(part, n), colours, c, k, seed) for n, c in channels.items()}
    for start, batch in batches(part, x, channels):
        trace = part.run(batch, keep=tuple(channels))
        for rows, *calls in zip(trace.chunks, *(trace.calls[n] for n in channels), strict=True):
            for node, call in zip(channels, calls, strict=True):
                best[node].add(start + rows.start, call.y, batch[rows])
    found = {}
    for node, kept in best.items():
        settings = {"k": k, "pictures": kept.sample.seen}
        made = Provenance.of(model, "top_patches", node=node, settings=settings, seed=seed)
        found[node] = kept.result(made)
    return found


def _count(model: Model, node: str) -> int:
    """How many channels a node has."""
    shape = model.shapes[model.node(node).name]
    if not shape:
        raise ArgumentError(f"node {node!r} gives one number, which has no channels")
    return shape[-1]


def _chosen(count: int, channels: Sequence[int] | None, node: str) -> Array:
    """The channels as whole numbers, or an error that says which there are."""
    if channels is None:
        return np.arange(count)
    chosen = np.atleast_1d(channels)
    if chosen.dtype.kind not in "ui" or chosen.ndim != 1 or not len(chosen):
        raise ArgumentError(f"channels must be whole numbers, got {channels!r}")
    if chosen.min() < 0 or chosen.max() >= count:
        raise ArgumentError(f"node {node!r} has {count} channels 0 … {count - 1}, got {channels}")
    return chosen.astype(np.int64)


def _silent(channels: Array, answers: Array, count: int) -> tuple[str, ...]:
    return tuple(
        f"channel {c} answers {answer:.3g} at every place of all {count:,} pictures: its patches "
        "mean nothing"
        for c, answer in zip(channels.tolist(), answers.tolist(), strict=True)
    )


class _Best:
    """The k best so far of every channel of one node."""

    def __init__(
        self, field: ReceptiveField, colours: int, channels: Array, k: int, seed: int
    ) -> None:
        self._field, self._k, self._channels = field, k, channels
        self._cols = field.reads.shape[1]
        # A window larger than the picture is cut down to what is ever read of it.
        sizes = field.reads[..., 2:] - field.reads[..., :2]
        self._frame = (*sizes.reshape(-1, 2).max(axis=0).tolist(), colours)
        count = len(channels)
        size = 4 * count * k * int(np.prod(self._frame))
        if size > ROOM:
            raise ArgumentError(
                f"{count} channels with {k} patches of {self._frame[0]}×{self._frame[1]} pixels "
                f"would take {size / 1e9:.1f} GB: name fewer channels, or take a smaller k"
            )
        self.sample = Reservoir(SAMPLE, seed)
        self._lowest = np.full(count, np.inf)
        self._steady = np.ones(count, bool)  # channels that have always answered the same
        self.values = np.full((count, k), np.nan, np.float32)
        self.pictures = np.full((count, k), -1, np.int64)
        self.places = np.zeros((count, k, 2), np.int64)
        self.boxes = np.zeros((count, k, 4), np.int64)
        self.patches = np.full((count, k, *self._frame), np.nan, np.float32)

    def add(self, start: int, y: Array, batch: Array) -> None:
        """The next pictures and the node's answers to them, (n, …, channels)."""
        flat = y.reshape(len(y), -1, y.shape[-1])
        every = flat.max(axis=1)
        tops = every[:, self._channels]
        self.sample.add(tops)
        self._watch(flat)
        if tops.dtype != self.values.dtype:
            self.values = self.values.astype(tops.dtype)
            self.patches = self.patches.astype(tops.dtype)
        known = np.where(self.pictures < 0, -np.inf, self.values)
        # A stable order: of equal answers, the picture that came first.
        merged = np.concatenate([known, tops.T], axis=1)
        order = np.argsort(-merged, axis=1, kind="stable")[:, : self._k]
        for c in np.flatnonzero((order >= self._k).any(axis=1)).tolist():
            row = order[c]
            stay = row < self._k
            for array in (self.values, self.pictures, self.places, self.boxes, self.patches):
                array[c, stay] = array[c, row[stay]]
            for rank in np.flatnonzero(~stay).tolist():
                n = int(row[rank]) - self._k
                place = int(flat[n, :, self._channels[c]].argmax())
                self._keep(c, rank, start + n, tops[n, c], place, batch[n])

    def _watch(self, flat: Array) -> None:
        """Which channels still have given one answer alone; the others need no more looking."""
        steady = np.flatnonzero(self._steady)
        if len(steady):
            answers = flat[..., self._channels[steady]]
            low, high = answers.min(axis=(0, 1)), answers.max(axis=(0, 1))
            first = np.where(np.isinf(self._lowest[steady]), low, self._lowest[steady])
            self._lowest[steady] = first
            self._steady[steady] = (low == first) & (high == first)

    def result(self, made: Provenance) -> TopPatches:
        """What was found."""
        steady, count = self._steady, self.sample.seen
        return TopPatches(
            channels=self._channels,
            patches=self.patches,
            values=self.values,
            pictures=self.pictures,
            places=self.places,
            boxes=self.boxes,
            maximum=self.values[:, 0].copy(),
            percentile=np.percentile(self.sample.rows, 99, axis=0).astype(self.values.dtype),
            constant=steady,
            count=count,
            sampled=len(self.sample.rows),
            warnings=_silent(self._channels[steady], self._lowest[steady], count),
            provenance=made,
        )

    def _keep(
        self, c: int, rank: int, number: int, value: float, place: int, picture: Array
    ) -> None:
        """Put one picture's patch at its rank."""
        # Neither a vector nor anything else without rows and cols has places on the picture.
        row, col = divmod(place, self._cols) if self._field.reads[..., 0].size > 1 else (0, 0)
        self.values[c, rank], self.pictures[c, rank] = value, number
        self.places[c, rank] = row, col
        box = self._field.reads[row, col]
        self.boxes[c, rank] = box
        top, left, bottom, right = box.tolist()
        high, wide = bottom - top, right - left
        around = self._field.boxes[row, col]
        down, along = (
            int(np.clip(box[a] - around[a], 0, self._frame[a] - size))
            for a, size in ((0, high), (1, wide))
        )
        patch = picture[top:bottom, left:right]
        if patch.dtype == np.uint8:
            patch = patch / np.float32(255)
        self.patches[c, rank] = np.nan
        self.patches[c, rank, down : down + high, along : along + wide] = patch
