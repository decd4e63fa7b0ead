"""Which processor a thread runs on, while it matters.

Threads that hand Python's lock to and fro look to the system as if one waited for the other, and it
lays them on one processor until it has seen that both are busy: 30 ms, in which they really wait. A
prediction of a few pictures is over by then. So meanwhile each thread stays on a processor of its
own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Seats:
    """Processors, each lent to one thread at a time.

    `one` is for what calls nothing but NumPy: threads and libraries that begin in there would take
    the one processor for all that there are.
    """

    def __init__(self) -> None:
        self._lock, self._taken, self._own = threading.Lock(), set[int](), threading.local()

    @contextmanager
    def one(self, threads: int) -> Iterator[None]:
        """This thread on one processor, where there are as many as `threads` and one is free."""
        before = processors() if threads > 1 else set()
        seat = self._take(before) if before and len(before) == threads else None
        if seat is None:
            yield
            return
        try:
            _go_to({seat})
            yield
        finally:
            _go_to(before)
            self._taken.discard(seat)

    @contextmanager
    def risen(self, anywhere: set[int]) -> Iterator[None]:
        """A helper that had a seat works on any processor, and sleeps at its seat: it is woken
        where it sleeps."""
        if hasattr(self._own, "seat"):
            _go_to(anywhere)
        try:
            yield
        finally:
            if hasattr(self._own, "seat"):
                _go_to({self._own.seat})

    def _take(self, processors: set[int]) -> int | None:
        """A free one, the one where this thread was last if it may be: its memory is in cache."""
        with self._lock:
            free = sorted(processors - self._taken)
            if not free:
                return None
            last: int = getattr(self._own, "seat", free[0])
            self._own.seat = last if last in free else free[0]
            self._taken.add(self._own.seat)
            return self._own.seat

    def forget(self) -> None:
        """After a fork: who sat there stayed in the parent."""
        self._lock, self._taken = threading.Lock(), set()


def processors() -> set[int]:
    """Where this thread may run; empty where the system does not say."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _go_to(wanted: set[int]) -> None:
    """Let this thread run on these processors alone."""
    with suppress(OSError):  # the system may have taken one away
        os.sched_setaffinity(0, wanted)
