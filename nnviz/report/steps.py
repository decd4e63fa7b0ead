"""Steps: what a report is made of, each by itself, several at a time.

A step makes one figure, or one chapter's advice. They are data: a chapter, a name, what to call,
and what the answer depends on. So they can be listed, counted for the progress bars, run on all
cores in any order, and left out where the cache has their answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from ..engine.executor import thread_count
from ..errors import NnvizError
from .cache import WAITING, Stopped
from .figure import Figure
from .study import OPTIONS, Study

WORKERS = 1
"""Steps at a time, at the most. Each computes on all cores already; a second one fills the time
that the first one spends in Python."""


@dataclass(frozen=True)
class Step:
    """One thing to be made.

    chapter: where it belongs. id: what it is kept under; a figure's is its own. make: makes it.
    hint: the type of what it makes. reads: the options that it depends on. early: dear steps are
    begun first, so that at the end no core waits for one of them.
    """

    chapter: str
    id: str
    make: Callable[[], Any]
    hint: Any = Figure | None
    reads: Sequence[str] = OPTIONS
    early: bool = False


Answers = dict[str, Any]
"""What the steps made, by id: the thing itself, or the error that it ended with."""


def run(study: Study, steps: Sequence[Step], done: Callable[[Step], None]) -> Answers:
    """Make all steps; `done` is told of each, from the thread that called.

    The steps run on threads of their own, never on the caller's: so Ctrl-C ends the report, and
    never a climb inside it, whose half-made picture would be kept.
    """
    answers: Answers = {}
    order = iter(sorted(steps, key=lambda step: not step.early))
    turn = threading.Condition()
    finished: list[tuple[Step, Any]] = []

    def work() -> None:
        while True:
            with turn:
                step = next(order, None)
            if step is None or study.cache.stopped:
                return
            try:
                made = study.once(step.id, step.make, step.hint, step.reads)
            except Stopped:
                return
            except BaseException as error:
                made = error
            with turn:
                finished.append((step, made))
                turn.notify()

    with _at_work(study, work, min(WORKERS, thread_count())):
        for _ in steps:
            with turn:
                while not finished:
                    turn.wait(WAITING)  # without an end, Ctrl-C would not come through everywhere
                step, made = finished.pop(0)
            if isinstance(made, BaseException) and not isinstance(made, NnvizError):
                raise made
            answers[step.id] = made
            done(step)
    return answers


@contextmanager
def _at_work(study: Study, work: Callable[[], None], count: int) -> Iterator[None]:
    """So many threads at work, in the language and with the settings of the caller; whatever ends
    the block ends them as well, after the step that they are at."""
    for _ in range(count):
        threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    try:
        yield
    except BaseException:
        study.cache.stopped = True
        raise
