"""Steps: what a report is made of, each by itself, several at a time.

A step makes one figure, or one chapter's advice. They are data: a chapter, a name, what to call,
what must be there before, and what the answer depends on. So they can be listed, counted for the
progress bars, given to several hands in any order, and left out where the cache has their answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from ..errors import NnvizError
from .cache import WAITING, Stopped
from .figure import Figure
from .study import OPTIONS, Study


@dataclass(frozen=True)
class Step:
    """One thing to be made.

    chapter: where it belongs. id: what it is kept under; a figure's is its own. make: makes it.
    hint: the type of what it makes. reads: the options that it depends on; None for a step that
    keeps its answer itself, for others that need it. needs: the steps that must be done before.
    dear: about how much longer it takes than most; the dearest are begun first, so that at the end
    no core waits for one of them. chart: whether it draws with matplotlib, which takes a quarter of
    a second to import; so while there is other work, one hand draws all charts.
    """

    chapter: str
    id: str
    make: Callable[[], Any]
    hint: Any = Figure | None
    reads: Sequence[str] | None = OPTIONS
    needs: Sequence[str] = ()
    dear: int = 0
    chart: bool = False

    def take(self, study: Study) -> Any:
        """The answer: from the cache, or made now."""
        if self.reads is None:
            return self.make()
        return study.once(self.id, self.make, self.hint, self.reads)


Answers = dict[str, Any]
"""What the steps made, by id: the thing itself, or the error that it ended with."""
Hand = Callable[[Step], Any]
"""Whoever does a step: gives its answer, or raises."""


class Work:
    """The steps that are still to be done, and the answers to those that are."""

    def __init__(self, study: Study, steps: Sequence[Step]) -> None:
        self.study, self.answers = study, Answers()
        self._todo = sorted(steps, key=lambda step: -step.dear)
        self._turn = threading.Condition()
        self._finished: list[tuple[Step, Any]] = []
        self._ids: set[str] = set()
        self._known = {step.id for step in steps}
        self._draws: Hand | None = None

    def next(self, hand: Hand) -> Step | None:
        """A step that a hand may begin; waits where all that are left need others that are at work;
        None where nothing is left."""
        with self._turn:
            while self._todo and not self.study.cache.stopped:
                ready = [step for step in self._todo
                         if self._ids.issuperset(self._known.intersection(step.needs))]  # fmt: skip
                if ready:
                    others = self._draws not in (None, hand)
                    step = min(ready, key=lambda step: step.chart and others)
                    self._draws = hand if step.chart and not others else self._draws
                    self._todo.remove(step)
                    return step
                self._turn.wait(WAITING)
        return None

    def done(self, step: Step, answer: Any) -> None:
        """Note an answer; it may be an error."""
        with self._turn:
            self._ids.add(step.id)
            self._finished.append((step, answer))
            self._turn.notify_all()

    def wait(self) -> tuple[Step, Any]:
        """The next answer."""
        with self._turn:
            while not self._finished:
                self._turn.wait(WAITING)  # without an end, Ctrl-C would not come through everywhere
            return self._finished.pop(0)

    def do(self, hand: Hand) -> None:
        """One hand's work, until nothing is left."""
        while (step := self.next(hand)) is not None:
            try:
                answer = hand(step)
            except Stopped:
                return
            except BaseException as error:
                answer = error
            self.done(step, answer)


def run(
    study: Study, steps: Sequence[Step], done: Callable[[Step], None], hands: Sequence[Hand] = ()
) -> Answers:
    """Make all steps; `done` is told of each, from the thread that called.

    hands: who helps, besides a thread of this process.

    The steps run on threads of their own, never on the caller's: so Ctrl-C ends the report, and
    never a climb inside it, whose half-made picture would be kept.
    """
    work = Work(study, steps)
    with _at_work(study, [lambda step: step.take(study), *hands], work):
        for _ in steps:
            step, answer = work.wait()
            if isinstance(answer, BaseException) and not isinstance(answer, NnvizError):
                raise answer
            work.answers[step.id] = answer
            done(step)
    return work.answers


@contextmanager
def _at_work(study: Study, hands: Sequence[Hand], work: Work) -> Iterator[None]:
    """All hands at work, in the language and with the settings of the caller; whatever ends the
    block ends them as well, after the step that they are at."""
    for hand in hands:
        threading.Thread(target=copy_context().run, args=(work.do, hand), daemon=True).start()
    try:
        yield
    except BaseException:
        study.cache.stopped = True
        raise
