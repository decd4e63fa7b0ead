"""A second process that makes steps of the same report: `python -m nnviz.report.helper`.

Python lets one thread at a time run its own code, and a report is half Python (charts, layouts,
bookkeeping); so on two cores two processes are nearly twice as fast, and threads are not. The
helper is an ordinary program, not a copy of this process: it starts the same way on every system,
inside notebooks, and under scripts without a main guard. It is told the names of steps and puts
their answers into the cache, from where they are read. When anything goes wrong with it, the report
makes the steps itself.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

from ..data import Dataset
from ..engine.executor import thread_count, threads
from ..engine.model import Model
from ..errors import ArgumentError, NnvizError
from ..files import read_npz, write_npz
from ..formats import load
from .cache import Cache
from .plain import pack, unpack
from .steps import Hand, Step
from .study import Study
from .words import language, speaking

WORTH = 2_000_000_000
"""From so many multiplications for one pass over all pictures on, a second process is worth its
half second of starting."""
LARGEST = 1 << 28
"""Bytes of model and pictures that may lie in memory twice."""


@contextmanager
def helpers(study: Study, chapters: tuple[str, ...]) -> Iterator[list[Hand]]:
    """The hands besides this process: one where there is a second core and enough to do, else none.
    While it helps, this process leaves it its share of the threads. Nothing is written before it is
    asked for its first step."""
    folder, count = study.cache.folder, thread_count()
    if folder is None or count < 2 or not is_worth_it(study):
        yield []
        return
    try:
        helper = Helper(study, _started(count // 2), chapters)
    except OSError:
        yield []
        return
    try:
        with threads(count - count // 2):
            yield [helper.do]
    finally:
        helper.end()


def is_worth_it(study: Study) -> bool:
    """Whether there is enough to compute, and not too much to hold twice; and a Python to start."""
    from ..inspection.anatomy import summary

    held = study.data.x.nbytes + sum(a.nbytes for a in study.model.parameters().values())
    named = "python" in Path(sys.executable or "").name.lower() and not hasattr(sys, "frozen")
    count = summary(study.model, ("mult_adds",)).mult_adds or 0
    return named and held <= LARGEST and count * len(study.data) >= WORTH


def _describe(study: Study, chapters: tuple[str, ...], place: Path) -> None:
    """Write down all that the helper must know to have the same study."""
    study.model.save(place / "model.npz")
    page = {
        "data": {item.name: getattr(study.data, item.name) for item in fields(Dataset)},
        "rest": [study.seed, study.name, study.model_code, study.data_code],
        "chosen": study.cache.options,
        "cache": str(study.cache.folder),
        "base": study.cache.base,
        "lang": language(),
        "chapters": chapters,
        "fingerprint": study.model.fingerprint(),
    }
    write_npz(place / "study.npz", pack(page))


def _started(count: int) -> subprocess.Popen[bytes]:
    home = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths, "NNVIZ_THREADS": str(count)},
    )  # fmt: skip


class Helper:
    """The parent's side: sends names, and reads the answers out of the cache."""

    def __init__(
        self, study: Study, process: subprocess.Popen[bytes], chapters: tuple[str, ...]
    ) -> None:
        self.study, self.process, self.chapters = study, process, chapters
        self.place: Path | None = None
        self.is_ready = False

    def do(self, step: Step) -> Any:
        """Have a step made; what the helper does not bring is made here."""
        self._ask(step.id)
        return step.take(self.study)

    def _ask(self, name: str) -> None:
        """Wait until the helper has made the step, or has died."""
        try:
            if not self.is_ready:
                self._hand_over()
            self._say(name)
        except (NnvizError, OSError, TypeError, ValueError):
            # A layer of the user's own, a full disk; or it has died, or the report has ended.
            self.process.kill()

    def _hand_over(self) -> None:
        """Give it the study. It has begun to import long before: now it only has to read."""
        folder = self.study.cache.folder
        assert folder is not None
        folder.mkdir(parents=True, exist_ok=True)
        self.place = Path(tempfile.mkdtemp(prefix=".work.", dir=folder))
        _describe(self.study, self.chapters, self.place)
        self.is_ready = self._say(str(self.place)) == b"ready\n"
        shutil.rmtree(self.place, ignore_errors=True)

    def _say(self, line: str) -> bytes:
        """Send a line; the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(os.fsencode(line) + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def end(self) -> None:
        """The end of the helper, also in the middle of a step."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was still to be said to it
                    continue
        if self.place is not None:
            shutil.rmtree(self.place, ignore_errors=True)


# The helper's side ------------------------------------------------------------------------------


def main(asked: IO[bytes], told: IO[str]) -> None:
    """Read the study from the folder that is named first, then make the steps whose names come."""
    from .plan import STEPS

    place = Path(os.fsdecode(asked.readline().removesuffix(b"\n")))
    page = unpack(read_npz(place / "study.npz", "study"), dict[str, Any])
    study = _study(page, load(place / "model.npz"))
    steps = {step.id: step for chapter in page["chapters"] for step in STEPS[chapter](study)}
    print("ready", file=told, flush=True)
    with speaking(page["lang"]):
        for line in asked:
            try:
                steps[line.decode().strip()].take(study)
            except NnvizError:
                print("failed", file=told, flush=True)
            else:
                print("done", file=told, flush=True)


def _study(page: dict[str, Any], model: Model) -> Study:
    """The same study; an error where the model did not come through unchanged."""
    if model.fingerprint() != page["fingerprint"]:
        raise ArgumentError("the model is not the same after it was saved and read")
    cache = Cache(Path(page["cache"]), page["base"], page["chosen"])
    seed, name, *codes = page["rest"]
    return Study(
        model, Dataset(**page["data"]), seed, name, codes[0], codes[1], cache=cache,
        **page["chosen"],
    )  # fmt: skip


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the report decides what Ctrl-C ends
    with os.fdopen(os.dup(1), "w") as out:
        sys.stdout = sys.stderr  # what a library prints is no answer
        main(sys.stdin.buffer, out)
