"""All races. Each is run in a process of its own, so that it doesn't matter which came before.

What a race leaves behind in its process would change the next: an allocator that has met large
blocks keeps them from then on, which made maps by PyTorch quicker behind a training than alone.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import nnviz as nv

from . import explaining, growing, predicting, processes, training
from .race import THREADS, Outcome, run

RACES = {
    race.name: race
    for part in (training, predicting, explaining, processes, growing)
    for race in part.RACES
}
"""By name, in the order of the table."""


def measured(name: str, repeats: int) -> list[Outcome]:
    """All rounds of a race, in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_here, name, repeats).result()


def _here(name: str, repeats: int) -> list[Outcome]:
    with nv.threads(THREADS):
        return run(RACES[name], repeats)
