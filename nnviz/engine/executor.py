"""Who does the work: chunks of a batch, threads, and BLAS held to one thread.

A batch is cut into chunks that stay in cache. Each chunk has a program, a Python generator that
runs from the first layer to the last. Where a layer couples the samples of a batch, the program
yields its part and is sent the total of all parts; otherwise it never stops. `lockstep` drives the
programs of all chunks on the threads. The cut and the order of summation depend on the batch alone,
so the bits are the same for any number of threads.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from ..errors import ArgumentError
from .scratch import ScratchShelf
from .seats import Seats, processors

T = TypeVar("T")
Program = Generator[tuple[Callable[[Sequence[Any]], Any], Any], Any, T]
"""Yields (how the parts become the total, its own part) and is sent the total."""

CHUNK_BYTES = 8 << 20
"""The activations around a model's largest layer should take about this much in one chunk."""

BUFFERED = 1024
"""What does not lie in one piece NumPy copies together first, where its rows are shorter than this;
left to itself it does so with rows of up to 8192 numbers, which takes up to twice as long."""

_wanted: ContextVar[int | None] = ContextVar("nnviz_threads", default=None)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run with this many threads inside the `with` block: `with nnviz.threads(1): …`.

    The default is the environment variable NNVIZ_THREADS, or else all processors of this process.
    Results do not depend on it.
    """
    if not isinstance(count, int) or count < 1:
        raise ArgumentError(f"threads must be a whole number of at least 1, got {count!r}")
    token = _wanted.set(count)
    try:
        yield
    finally:
        _wanted.reset(token)


def thread_count() -> int:
    """How many threads a run uses here and now."""
    chosen = _wanted.get()
    if chosen is not None:
        return chosen
    text = os.environ.get("NNVIZ_THREADS", "")
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise ArgumentError(f"NNVIZ_THREADS must be a whole number of at least 1, got {text!r}")
        return int(text)
    return len(processors()) or os.cpu_count() or 1


class _BlasGuard:
    """Holds BLAS to one thread while anything of ours runs; the setting is process-wide, so the
    first run sets it and the last one puts it back.

    A controller knows the libraries that were loaded when it was made, and SciPy brings a BLAS of
    its own: where modules have been imported since, it is made anew (some 0.2 ms). Its own `limit`
    looks up much besides; for one picture that was a twentieth of the time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._modules = self._inside = 0
        self._libraries: list[Any] = []
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                if self._modules != len(sys.modules):
                    self._modules = len(sys.modules)
                    self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                self._before = [library.get_num_threads() for library in self._libraries]
                self._set([1] * len(self._libraries))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._set(self._before)

    def _set(self, threads: Sequence[int]) -> None:
        """threadpoolctl (3.8) lets the thread alone that has set OpenBLAS's number set it again;
        here whoever comes first may not be the last to go, so it is let go each time."""
        for library, count in zip(self._libraries, threads, strict=True):
            let_go = getattr(library, "clear_controlling_thread", lambda force: None)
            let_go(force=True)
            library.set_num_threads(count)
            let_go(force=True)


@contextmanager
def straight() -> Iterator[None]:
    """NumPy's calls of this thread go straight over rows of `BUFFERED` numbers and more."""
    before = np.setbufsize(BUFFERED)
    try:
        yield
    finally:
        np.setbufsize(before)


class _Team:
    """The worker threads, made when first needed and again after a fork."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._size = 0
        self._lock = threading.Lock()

    def pool(self, size: int) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._size < size:
                self._pool = ThreadPoolExecutor(size, thread_name_prefix="nnviz")
                self._size = size
            return self._pool

    def forget(self) -> None:
        """After a fork: the threads, and whoever held the lock, stayed in the parent."""
        self._pool, self._size, self._lock = None, 0, threading.Lock()


one_blas_thread, _team, shelf, seats = _BlasGuard(), _Team(), ScratchShelf(), Seats()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_team.forget)
    os.register_at_fork(after_in_child=seats.forget)


def chunk_slices(n: int, sample_bytes: int) -> list[slice]:
    """The cut of a batch of n samples.

    sample_bytes: the activations around the model's largest layer, for one sample. The chunks are
    an even number of one size, so that each thread of a small machine gets the same to do, and as
    large as memory likes: where Python's threads take turns, fewer and longer calls wait less.
    """
    wanted = min(CHUNK_BYTES / max(1, sample_bytes), 64)
    count = 2 * max(1, round(n / wanted / 2))
    size = max(1, -(-n // count))
    return [slice(start, min(n, start + size)) for start in range(0, n, size)]


def each(work: Sequence[Callable[[], T]]) -> list[T]:
    """All of `work` on the threads; results in order, the first error in order is raised."""
    size = min(thread_count(), len(work)) if len(work) > 1 else 1
    with one_blas_thread, straight():
        if size <= 1:
            return [do() for do in work]
        cursor, lock = iter(range(len(work))), threading.Lock()
        results: list[Any] = [None] * len(work)
        errors: list[BaseException | None] = [None] * len(work)

        def worker() -> None:
            while True:
                with lock:
                    i = next(cursor, None)
                if i is None:
                    return
                try:
                    results[i] = work[i]()
                except BaseException as error:
                    errors[i] = error

        # The calling thread is one of the team, so nested runs cannot starve each other.
        # A helper sees this context: the caller's np.errstate and nnviz.threads, and `straight`.
        pool, anywhere = _team.pool(size - 1), processors()

        def help_() -> None:
            with seats.risen(anywhere):
                worker()

        helpers = [pool.submit(copy_context().run, help_) for _ in range(size - 1)]
        worker()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    for error in errors:
        if error is not None:
            raise error
    return results


def aside(work: Callable[[], T]) -> Callable[[], T]:
    """Begin `work` on another thread, where there is one; what is returned waits for the answer."""
    if thread_count() == 1:
        return work
    begun = _team.pool(thread_count() - 1).submit(copy_context().run, work)
    return lambda: work() if begun.cancel() else begun.result()


def lockstep(programs: Sequence[Program[T]]) -> list[T]:
    """Drive the chunks' programs to their ends, meeting where they yield; results in order."""
    rounds = _Rounds(programs)
    each([rounds.take_part] * min(thread_count(), len(programs)))
    return rounds.outcome()


class _Rounds:
    """Programs on their way from meeting to meeting, driven by whoever takes part.

    A thread stays for all rounds: to send it away and call it again costs more than it waits. One
    that comes late, or never, is no harm; those that are there take its programs.
    """

    def __init__(self, programs: Sequence[Program[Any]]) -> None:
        self._programs = programs
        self._news = threading.Condition()
        self._waiting = list(range(len(programs)))
        self._driver: dict[int, int] = {}
        self._parts: dict[int, Any] = {}
        self._results: dict[int, Any] = {}
        self._errors: dict[int, BaseException] = {}
        self._message: Any = None
        self._over = not programs

    def take_part(self) -> None:
        """Drive programs, one after the other, until all have ended; who is interrupted sends the
        others home, as a program may be in nobody's hands now."""
        try:
            self._take_part(threading.get_ident())
        except BaseException:
            with self._news:
                self._over = True
                self._news.notify_all()
            raise

    def _take_part(self, me: int) -> None:
        while True:
            with self._news:
                while not self._waiting and not self._over:
                    self._news.wait()
                if self._over:
                    return
                # Of one's own the arrays are in this core's cache.
                own = [i for i in self._waiting if self._driver.get(i, me) == me]
                i = own[0] if own else self._waiting[0]
                self._waiting.remove(i)
                self._driver[i] = me
            part = self._drive(i)
            with self._news:
                self._parts[i] = part
                if len(self._parts) == len(self._programs):
                    self._meet()
                    self._news.notify_all()

    def _drive(self, i: int) -> Any:
        """What a program yields at the next meeting; None where it has ended."""
        try:
            return self._programs[i].send(self._message)
        except StopIteration as done:
            self._results[i] = done.value
        except BaseException as error:
            self._errors[i] = error
        return None

    def _meet(self) -> None:
        """All parts are there: their total is what the programs are sent."""
        met = [self._parts[i] for i in range(len(self._programs))]
        self._parts.clear()
        ended = all(part is None for part in met)
        self._over = self._over or bool(self._errors) or ended
        if self._over:
            return
        try:
            self._message = met[0][0]([part for _, part in met])
            self._waiting = list(range(len(met)))
        except BaseException as error:
            self._errors[0], self._over = error, True

    def outcome(self) -> list[Any]:
        """The programs' results, or the first error in their order."""
        if self._errors:
            raise self._errors[min(self._errors)]
        return [self._results[i] for i in range(len(self._programs))]
