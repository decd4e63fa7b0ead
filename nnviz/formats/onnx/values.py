"""What a name in an ONNX file stands for while it is read: a number known now, or a node's output.

The file counts axes its own way (pictures channels first) and nnviz has its own (channels last).
A `Value` says which of the file's axes each axis of our array is. So a transposition, a squeezing
or unsqueezing in the file costs nothing: it only changes what the axes are called. Where a layer
needs its axes in a certain order, `Importer.arranged` inserts what it takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import NnvizError

Array = np.ndarray
Shape = tuple[int, ...]
BATCH = -1
"""The length of an axis that is the batch: any. −k stands for N k: the batch with k others around
it, as (N, heads, …) is reshaped to (N heads, …)."""
TRIED = (2, 3)
"""The lengths of a batch for which shapes are worked out; what is alike for both holds for all."""
NEW = -1
"""An axis that only one side has; its length is 1."""
PICTURE = (2, 3, 1)
"""The file's axes of (rows, cols, channels) in a picture (N, channels, rows, cols)."""


class NotBatched(NnvizError):
    """The graph treats its first axis as something else than a batch: it must be read whole."""


class NeedsValue(NnvizError):
    """The graph cannot be read before one of its inputs has a value. `args[0]` is its name."""


@dataclass(frozen=True)
class Const:
    """An array that is known while the file is read.

    arrays: one; or one for each batch length of `TRIED`, where it depends on that.
    """

    arrays: tuple[Array, ...]

    @classmethod
    def of(cls, array: Array) -> Const:
        """One array for every batch."""
        return cls((np.asarray(array),))

    @classmethod
    def tried(cls, arrays: Sequence[Array]) -> Const:
        """One for each batch length; a single one where they are the same."""
        first = arrays[0]
        same = all(a.shape == first.shape and np.array_equal(a, first) for a in arrays)
        return cls((first,) if same else tuple(arrays))

    @property
    def array(self) -> Array:
        """The array, whatever the batch."""
        if len(self.arrays) > 1:
            raise NotBatched("a constant depends on the length of the batch")
        return self.arrays[0]

    @property
    def row(self) -> Array:
        """The array with a first axis of 1 where its rows, one for each picture, are all alike."""
        if len(self.arrays) == 1:
            return self.arrays[0]
        rows = [a[:1] for a in self.arrays if a.ndim]
        alike = len(rows) == len(self.arrays) and all(
            len(a) == n and (a == a[:1]).all() for a, n in zip(self.arrays, TRIED, strict=True)
        )
        if not alike or not np.array_equal(rows[0], rows[1]):
            raise NotBatched("a constant depends on the length of the batch")
        return rows[0]


@dataclass(frozen=True)
class Value:
    """A tensor of the file that one of our nodes computes.

    node: whose output it is. shape: as the file has it, with `BATCH` for the batch, which may lie
    at any axis of the file's; in our array it is the first. order: the file's axis of each axis of
    our sample, or `NEW` for one of length 1 that the file has not; axes that are left out have
    length 1 (or are the batch). shuffle: for a vector that was a picture: the shape (as the file
    had it) and the order in which our numbers stand instead. before: of an axis of N k numbers, how
    many of the k vary slower than the batch. counted: by how much the file's numbers grow from one
    picture to the next, where they count through the batch and ours through the sample.
    """

    node: str
    shape: Shape
    order: Shape
    shuffle: tuple[Shape, Shape] | None = None
    before: int = 1
    counted: int = 0

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def batch(self) -> int | None:
        """Which axis of the file is the batch, if any is."""
        return next((a for a, s in enumerate(self.shape) if s < 0), None)

    @property
    def batched(self) -> bool:
        """Whether one of the axes is the batch."""
        return self.batch is not None

    @property
    def sample(self) -> Shape:
        """The shape of our array, without N."""
        return tuple(1 if a == NEW else abs(self.shape[a]) for a in self.order)

    @property
    def axes(self) -> Shape:
        """The file's axes that are our sample's: all but the batch (N k is one for its k)."""
        return tuple(a for a, s in enumerate(self.shape) if s != BATCH)

    def plain(self) -> Value:
        """The value, if its batch is axis 0 or it has none."""
        if self.batched and self.shape[0] != BATCH:
            raise NotBatched("it needs the batch in front")
        return self

    @property
    def ahead(self) -> int:
        """How many numbers of a sample stand before the batch."""
        return math.prod(self.shape[: self.batch]) * self.before

    def lengths(self, n: int) -> Shape:
        """The shape for a batch of n."""
        return tuple(-s * n if s < 0 else s for s in self.shape)

    @property
    def long(self) -> list[int]:
        """The file's axes that are longer than 1, as they lie in our array."""
        return [a for a in self.order if a != NEW and abs(self.shape[a]) != 1]

    def axis(self, axis: int) -> int:
        """An axis of the file, counted from the front."""
        at = axis + self.rank if axis < 0 else axis
        if not 0 <= at < self.rank:
            raise NnvizError(f"axis {axis} is not among the {self.rank} of its input")
        return at

    def ours(self, axis: int) -> int:
        """Which axis of our array (N is 0) a file's axis is."""
        at = self.axis(axis)
        if at == self.batch:
            raise NotBatched("it works along the batch")
        return self.order.index(at) + 1

    def transposed(self, perm: Sequence[int]) -> Value:
        """The file's transposition: our array stays."""
        shape = tuple(self.shape[a] for a in perm)
        where = {NEW: NEW} | {old: new for new, old in enumerate(perm)}
        return replace(self, shape=shape, order=tuple(where[a] for a in self.order))

    def named(self, shape: Shape, kept: Sequence[int]) -> Value:
        """The same numbers with axes of length 1 more or less: axis `a` of the file was `kept[a]`,
        or `NEW`."""
        where = {old: new for new, old in enumerate(kept) if old != NEW}
        return replace(self, shape=shape, order=tuple(where.get(a, NEW) for a in self.order))

    def file_indices(self) -> Array:
        """For each number of our shuffled vector, its place in the file's."""
        assert self.shuffle is not None
        shape, order = self.shuffle
        places = np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)
        return places.transpose(order).ravel()
