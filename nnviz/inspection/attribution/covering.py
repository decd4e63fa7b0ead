"""Pictures covered by patches: what shows, in which order, and what is written down.

The work is a list of batches — a picture, a fill, some places — done one after the other, each on
all threads. What came out is kept in a `Ledger`; with a file it is written after every batch, so
that a run that was stopped goes on where it was, with the same numbers to the last bit.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...engine.passes import unchanged
from ...engine.region import Sheet, ends, hull
from ...engine.rerun import rerun_boxes
from ...errors import FileError
from ...files import read_npz, write_npz
from ..probability import probabilities
from .goal import Goal
from .question import BATCH_BYTES, Question

LEAST, MOST = 64, 4096
"""How many places one batch has at least and at most, memory permitting."""
WORK = 8 << 30
"""A batch's full passes would leave about this many bytes behind: a second or so of work."""
KIND = "file to resume occlusion from"


@dataclass(frozen=True)
class Job:
    """Pictures to cover.

    x: (N, rows, cols, channels), the network's input. fills: one for each repeat, (1 or N, rows,
    cols, channels), what shows in a patch at its place. grids: one for each size, boxes (P, 4).
    memory: in bytes.
    """

    model: Model
    x: Array
    goals: Sequence[Goal]
    fills: Sequence[Array]
    grids: Sequence[Array]
    memory: int

    @property
    def nodes(self) -> list[str]:
        """Whose outputs are wanted."""
        named = [node for goal in self.goals for node in goal.nodes]
        return list(dict.fromkeys((*named, self.model.output_name)))

    @property
    def batch(self) -> int:
        """How many places are worked off together."""
        shapes = self.model.shapes
        wanted = sum(int(np.prod(shapes[n])) for n in self.nodes) * self.x.itemsize
        by_work = max(LEAST, min(MOST, WORK // max(1, self.model.sample_bytes)))
        return max(1, min(by_work, self.memory // (4 * wanted)))

    def batches(self) -> list[tuple[int, int, int, slice, int]]:
        """(picture, repeat, grid, places of this grid, where they begin among all places)."""
        found = []
        for i in range(len(self.x)):
            for repeat in range(len(self.fills)):
                start = 0
                for g, boxes in enumerate(self.grids):
                    for first in range(0, len(boxes), self.batch):
                        rows = slice(first, min(len(boxes), first + self.batch))
                        found.append((i, repeat, g, rows, start + first))
                    start += len(boxes)
        return found


@dataclass
class Ledger:
    """What came out, for G goals, N pictures, R repeats and P places (of all sizes).

    before: (G, N), the targets of the pictures as they are. after, probability: (G, N, R, P).
    predicted: (N, R, P). done: how many batches are in it.
    """

    before: Array
    after: Array
    probability: Array
    predicted: Array
    done: int = 0

    @classmethod
    def new(cls, job: Job) -> Ledger:
        count = sum(map(len, job.grids))
        shape = (len(job.goals), len(job.x), len(job.fills), count)
        dtype = job.x.dtype
        empty = np.zeros(shape, dtype), np.zeros(shape, dtype)
        return cls(np.zeros(shape[:2], dtype), *empty, np.zeros(shape[1:], np.int64))

    @property
    def arrays(self) -> dict[str, Array]:
        """What a file keeps."""
        return {k: v for k, v in vars(self).items() if isinstance(v, np.ndarray)}


def cover(job: Job, key: dict[str, Any], resume: str | Path | None) -> Ledger:
    """The ledger of all batches.

    key: what the run is about, for the file at `resume` to be held against.
    """
    book = Ledger.new(job) if resume is None else _opened(job, key, Path(resume))
    batches = job.batches()
    counts = [rows.stop - rows.start for *_, rows, _ in batches]
    with _progress(sum(counts)) as told:
        told(sum(counts[: book.done]))
        for i, some in groupby(batches[book.done :], itemgetter(0)):
            with unchanged(job.model, job.x[i : i + 1]) as trace:
                answer = int(trace.output.argmax())
                for g, goal in enumerate(job.goals):
                    given = {node: trace[node].y.copy() for node in goal.nodes}  # not lent
                    book.before[g, i] = goal.take([i]).values(given)[0]
                for _, repeat, grid, rows, first in some:
                    fill = job.fills[repeat]
                    found = rerun_boxes(
                        job.model, trace, job.grids[grid][rows], fill[min(i, len(fill) - 1)],
                        job.nodes, memory=job.memory,
                    )  # fmt: skip
                    _enter(book, job, found, (i, repeat, first), answer)
                    book.done += 1
                    if resume is not None:
                        write_npz(resume, {**book.arrays, "done": book.done, "key": _text(key)})
                    told(rows.stop - rows.start)
    return book


def _enter(
    book: Ledger, job: Job, found: dict[str, Array], at: tuple[int, int, int], answer: int
) -> None:
    """Write what came out of one batch into the ledger: of a picture and a repeat, from a place on.

    answer: the network's for the whole picture, which is the class where the target is none."""
    i, repeat, first = at
    output = found[job.model.output_name]
    count = len(output)
    places, output = slice(first, first + count), output.reshape(count, -1)
    sure = probabilities(job.model, output)
    book.predicted[i, repeat, places] = output.argmax(axis=1)
    for g, goal in enumerate(job.goals):
        classes = goal.classes(len(job.x))
        book.after[g, i, repeat, places] = goal.take([i] * count).values(found)
        book.probability[g, i, repeat, places] = sure[
            :, answer if classes is None else int(classes[i])
        ]


def scores_without(question: Question, x: Array, parts: Array, fill: Array) -> Array:
    """(P,): the question's target of a picture with each of the parts filled by itself.

    x, fill: (1, rows, cols, channels), as the network's input. parts: (rows, cols), the number 0 …
    P − 1 of the part that each pixel belongs to. A part goes in as a box that holds it, in which
    all other pixels stay as they are; all boxes are of one size, so that they go together.
    """
    model, goal = question.model, question.goal
    held = hull(ends(_bounds(parts)), parts.shape)
    at_once, found = max(1, BATCH_BYTES // (math.prod(held.size) * x[0, 0, 0].nbytes)), []
    labels, old, new = (Sheet.of(m, held, 0.0) for m in (parts[..., None], x[0], fill[0]))
    high, wide = held.size
    with unchanged(model, x) as trace:
        for first in range(0, len(held.top), at_once):
            here = slice(first, min(len(held.top), first + at_once))
            region, numbers = held.part(here), np.arange(here.start, here.stop)
            inside = labels.cut(region) == numbers[:, None, None, None]
            values = np.where(inside, new.cut(region), old.cut(region))
            top, left = region.top, region.left
            boxes = np.stack([top, left, top + high, left + wide], axis=1)
            outputs = rerun_boxes(model, trace, boxes, values, goal.nodes)
            found.append(goal.take([0] * len(boxes)).values(outputs))
    return np.concatenate(found)


def _bounds(parts: Array) -> Array:
    """(P, 4): the smallest box (top, left, bottom, right) around each part."""
    boxes = []
    for part in range(int(parts.max()) + 1):
        rows, cols = np.nonzero(parts == part)
        boxes.append((rows.min(), cols.min(), rows.max() + 1, cols.max() + 1))
    return np.array(boxes)


# The file -----------------------------------------------------------------------------------------


def digest(*arrays: Array) -> str:
    """A short name for what is in arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def named(goal: Goal) -> str:
    """The goal in words, and a short name for every number in it: words leave most of a long
    direction out."""
    total = hashlib.sha256()
    for weight, node, target in goal.terms:
        total.update(f"{weight!r} {node} {type(target).__name__}".encode())
        for name, value in sorted(vars(target).items()):
            array = isinstance(value, np.ndarray) or hasattr(value, "__array__")
            told = digest(np.asarray(value)) if array else repr(value)
            total.update(f" {name}={told}".encode())
    return f"{goal.words} {total.hexdigest()[:16]}"


def _text(key: dict[str, Any]) -> Array:
    return np.frombuffer(json.dumps(key, sort_keys=True).encode(), np.uint8)


def _opened(job: Job, key: dict[str, Any], path: Path) -> Ledger:
    """The ledger in the file, or a new one where there is no file."""
    book = Ledger.new(job)
    if not path.exists():
        return book
    arrays = read_npz(path, KIND)
    try:
        told = json.loads(arrays.pop("key").tobytes())
        book.done = int(arrays.pop("done"))
        fresh = {name: arrays[name] for name in book.arrays}
    except (KeyError, ValueError, TypeError):
        raise FileError(f"{path} is no {KIND}: delete it or give another path") from None
    other = [k for k in key if not isinstance(told, dict) or told.get(k) != key[k]]
    if other:
        raise FileError(
            f"{path} was begun with another {' and another '.join(other)}: delete it, or give "
            "another path to resume from"
        )
    for name, array in book.arrays.items():
        if fresh[name].shape != array.shape or fresh[name].dtype != array.dtype:
            raise FileError(f"{path} is damaged: {name} has the wrong shape; delete it")
        array[...] = fresh[name]
    if not 0 <= book.done <= len(job.batches()):
        raise FileError(f"{path} is damaged: it counts {book.done} batches; delete it")
    return book


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """How many places are done, on a terminal and where it takes longer than a second."""
    if not sys.stderr.isatty():  # pragma: no cover - tests have no terminal
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc="occlusion", unit="places", leave=False, delay=1) as bar:
        yield bar.update
