"""How a layer is asked to run, and what its run leaves behind.

A layer holds parameters alone: who runs it hands it a `Mode`, which lends memory and makes its
NumPy calls, and keeps a `Call`, from which its backward is computed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .scratch import Scratch

Array = np.ndarray
How = Callable[[Sequence[Any]], Any]
"""How the parts of all chunks become their total."""


class Notes:
    """The calls of a run, noted so that they can be made again on the same memory (see `again`).

    settling: those that read parameters alone. moment: what was asked for when they were made last.
    meetings: after how many calls the chunks of a batch meet, and what for. generators: those that
    the calls draw from, each with the place of its node.
    """

    def __init__(self, moment: object = None) -> None:
        self.calls: list[Callable[[], Any]] = []
        self.settling: list[Callable[[], Any]] = []
        self.settled: dict[Any, tuple[Any, Array]] = {}
        self.meetings: list[tuple[int, How, Any, Any]] = []
        self.generators: list[tuple[np.random.Generator, int]] = []
        self.moment = moment

    def play(self, moment: object = None) -> None:
        """All of them, in order; those that settle something not twice for one moment."""
        self._settle(moment)
        for call in self.calls:
            call()

    def _settle(self, moment: object) -> None:
        if moment is None or moment is not self.moment:
            self.moment = moment
            for call in self.settling:
                call()

    def meet(self, how: How, part: Any) -> Generator[tuple[How, Any], Any, Any]:
        """Give a chunk's part, a tuple of arrays and numbers, and get the total of all parts: in
        arrays of its own, as the calls that follow will read it there each time."""
        total = copy.deepcopy((yield how, part))
        self.meetings.append((len(self.calls), how, part, total))
        return total

    def program(self) -> Generator[tuple[How, Any], Any, None]:
        """All of them, in order, with the meetings between them (see `executor`)."""
        self._settle(None)
        done = 0
        for end, how, part, total in self.meetings:
            for call in self.calls[done:end]:
                call()
            _refill(total, (yield how, part))
            done = end
        for call in self.calls[done:]:
            call()


def _refill(total: Any, fresh: Any) -> None:
    """The arrays of a total get the numbers of another one."""
    if isinstance(total, np.ndarray):
        np.copyto(total, fresh)
    elif isinstance(total, tuple):
        for old, new in zip(total, fresh, strict=True):
            _refill(old, new)
    elif total != fresh:
        raise AssertionError(f"a total's {total!r} became {fresh!r}: only its arrays may change")


@dataclass(frozen=True)
class Mode:
    """How a layer is asked to run; chosen by the caller, never stored on a layer.

    train: batch statistics and dropout instead of running statistics and none.
    rng: this node's and this chunk's own generator (only where `layer.random`).
    scratch: reusable memory of this chunk; None allocates.
    private: nobody looks at the values between, so a layer may take the quickest way to them even
        where the last digits then depend on the place in the picture (see `winograd`).
    untied: nothing will choose between places on a way back, so that places which see the same
        may differ in their last digits, but for those of a plain ground (see `winograd`).
    lean: of its inputs and output nothing is kept for the way back but `saved` (`layer.saves`).
    spare: nobody reads its input again (on the way back: the gradient that it is given), so a layer
        may write its result over it.
    totals: what the whole batch has to say to a layer that couples its samples (`layer.couples`);
        None lets the layer take the chunk for the whole batch.
    notes: where `do` notes its calls, so that they can be made again (see `again`).
    """

    train: bool = False
    rng: np.random.Generator | None = None
    scratch: Scratch | None = None
    private: bool = False
    untied: bool = False
    lean: bool = False
    spare: bool = False
    totals: Any = None
    notes: Notes | None = None

    def do(self, work: Callable[..., Any], *args: Any, **named: Any) -> None:
        """work(*args, **named), which writes its answer into one of these arrays."""
        work(*args, **named)
        if self.notes is not None:
            self.notes.calls.append(partial(work, *args, **named))

    def settled(
        self, shape: Sequence[int], dtype: Any, work: Callable[..., Any], *args: Any
    ) -> Array:
        """What work(*args, out=…) makes of parameters alone. Where calls are noted it is made once
        for all blocks of a chunk, and for all chunks that the same memory serves."""
        key = (work, *map(id, args), *shape, dtype)
        if self.notes is not None and key in self.notes.settled:
            return self.notes.settled[key][1]
        made = self.temp(shape, dtype) if self.notes is None else np.empty(shape, dtype)
        work(*args, out=made)
        if self.notes is not None:
            self.notes.settled[key] = args, made
            self.notes.settling.append(partial(work, *args, out=made))
        return made

    def in_order(self, x: Array) -> Array:
        """`x` with its numbers one after the other: itself, or a temporary copy."""
        if x.flags.c_contiguous:
            return x
        laid = self.temp(x.shape, x.dtype)
        self.do(np.copyto, laid, x)
        return laid

    def new(self, shape: Sequence[int], dtype: Any) -> Array:
        """An uninitialised array for `y`, `saved` or a gradient: it outlives the layer's call."""
        return np.empty(shape, dtype) if self.scratch is None else self.scratch.keep(shape, dtype)

    def over(self, x: Array) -> Array:
        """An array like x for `y` or a gradient, x itself where it is spare."""
        return x if self.spare else self.new(x.shape, x.dtype)

    def temp(self, shape: Sequence[int], dtype: Any) -> Array:
        """An uninitialised array that dies when the layer returns."""
        return np.empty(shape, dtype) if self.scratch is None else self.scratch.temp(shape, dtype)


@dataclass(frozen=True)
class Call:
    """One layer applied to one chunk: all that its backward needs.

    chunk: which of the run's chunks; a rule that compares with another run of the same batch finds
    the other call by it.
    """

    xs: tuple[Array, ...]
    y: Array
    saved: Any
    mode: Mode
    chunk: int = 0

    @property
    def x(self) -> Array:
        """The input of a layer that has only one."""
        return self.xs[0]
