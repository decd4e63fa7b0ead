"""Memory that is used again.

Fresh large arrays cost page faults, often more than the arithmetic that fills them. A `Scratch`
belongs to one chunk's program at a time. `temp` gives arrays that die when the layer returns;
`keep` gives arrays that live until the program ends. Where the arrays of a run are to outlive it (a
user's trace), the scratch is made without an arena and `keep` allocates.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

Array = np.ndarray


PATIENCE = 8
"""After so many programs that had no use for a size, its buffers are let go."""


HUGE = 1 << 21
"""Bytes of a large page of memory. What is as long begins on one: walks over large arrays are
quicker by a twentieth where the system gives such pages."""


def _room(size: int) -> int:
    """`size` bytes rounded up by an eighth at most: chunks of nearly one size share buffers. From
    a large page on there is room for a begin on one; what is never touched costs nothing."""
    step = max(64, 1 << max(0, size.bit_length() - 4))
    room = -(-size // step) * step
    return room + HUGE if room >= HUGE else room


def _begin(buffer: Array) -> int:
    """Where in a buffer its array begins."""
    return -buffer.ctypes.data % HUGE if buffer.nbytes >= 2 * HUGE else 0


def owner(array: Any) -> Any:
    """What owns an array's memory."""
    while (below := getattr(array, "base", None)) is not None:
        array = below
    return array


class Scratch:
    """Reusable buffers of one chunk's program; not for two threads at once."""

    def __init__(self) -> None:
        self._free: dict[int, list[Array]] = defaultdict(list)
        self._temps: list[Array] = []
        self._kept: list[Array] = []
        self._held: list[Array] = []
        self._idle: dict[int, int] = {}
        self.arena = self.roomy = False

    def _take(self, shape: Sequence[int], dtype: Any, lent: list[Array]) -> Array:
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        room = _room(size)
        free = self._free[room]
        if not free and self.roomy:
            larger = [r for r, some in self._free.items() if some and room < r <= 4 * room]
            free = self._free[min(larger)] if larger else free
        buffer = free.pop() if free else np.empty(room, np.uint8)
        self._idle[buffer.nbytes] = 0
        lent.append(buffer)
        begin = _begin(buffer)
        return buffer[begin : begin + size].view(dtype).reshape(shape)

    def temp(self, shape: Sequence[int], dtype: Any) -> Array:
        """An uninitialised array until `layer_done`."""
        return self._take(shape, dtype, self._temps)

    def keep(self, shape: Sequence[int], dtype: Any) -> Array:
        """An uninitialised array until the program ends, or for ever where there is no arena."""
        return self._take(shape, dtype, self._kept) if self.arena else np.empty(shape, dtype)

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        lent = (self._temps, self._kept, self._held)
        return sum(buffer.nbytes for part in (*lent, *self._free.values()) for buffer in part)

    def layer_done(self) -> None:
        """All temporaries are free again."""
        self._give_back(self._temps)

    @property
    def mark(self) -> int:
        """What `keep` gives from now on comes after this mark."""
        return len(self._kept)

    def keep_only(self, arrays: Iterable[Array], mark: int = 0) -> None:
        """What `keep` gave after the mark is free again, but for the memory behind these arrays."""
        alive = {id(owner(array)) for array in arrays}
        later = self._kept[mark:]
        self._kept[mark:] = [buffer for buffer in later if id(buffer) in alive]
        self._give_back([buffer for buffer in later if id(buffer) not in alive])

    def freed(self, array: Array, do: Callable[..., None]) -> Array:
        """The array, as a copy where its memory is lent; do: makes the copy (see `Mode.do`)."""
        own = owner(array)
        if not any(own is buffer for buffer in self._kept):
            return array
        copied = np.empty_like(array)
        do(np.copyto, copied, array)
        return copied

    def alone(self, array: Array, others: Iterable[Array], mark: int = 0) -> bool:
        """Whether `keep` gave the memory of this array after the mark, and none of the others lies
        in it: whoever has the array may write over it."""
        own = owner(array)
        whole = array.flags.c_contiguous and array.flags.writeable
        mine = whole and any(own is buffer for buffer in self._kept[mark:])
        return mine and all(owner(other) is not own for other in others)

    def hold(self, arrays: Iterable[Array]) -> None:
        """The same, and these arrays live on until `let_go`, whatever is kept besides."""
        self.keep_only(arrays)
        self._held += self._kept
        self._kept = []

    def let_go(self) -> None:
        """Everything is free again: the trace is gone."""
        for lent in (self._temps, self._kept, self._held):
            self._give_back(lent)
        for room, programs in list(self._idle.items()):
            if programs < PATIENCE:
                self._idle[room] = programs + 1
            else:  # another model, another batch: their memory would be kept for nothing
                del self._idle[room]
                self._free.pop(room, None)

    def _give_back(self, lent: list[Array]) -> None:
        for buffer in reversed(lent):
            self._free[buffer.nbytes].append(buffer)
        lent.clear()


class ScratchShelf:
    """Scratches between two programs; programs on all threads take from it and give back."""

    def __init__(self) -> None:
        self._spare: list[Scratch] = []
        self._lock = threading.Lock()

    def take(self, arena: bool, roomy: bool = False) -> Scratch:
        """A scratch for good, for a program whose memory is wanted after its end."""
        with self._lock:
            scratch = self._spare.pop() if self._spare else Scratch()
        scratch.arena, scratch.roomy = arena, roomy
        return scratch

    @contextmanager
    def borrow(self, arena: bool, roomy: bool = False) -> Iterator[Scratch]:
        """A scratch for one program; with an arena its `keep` arrays die with the program.

        roomy: where none is free that fits, an array may be lent a buffer of up to four times its
            size: for programs of which each needs other sizes."""
        scratch = self.take(arena, roomy)
        try:
            yield scratch
        finally:
            scratch.let_go()
            with self._lock:
                self._spare.append(scratch)
