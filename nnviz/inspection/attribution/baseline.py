"""Baselines: the picture that shows nothing, against which a path method counts.

A baseline is given in pixels, as pictures are, and becomes the network's input by the same
preparation: 0 is a black pixel whatever mean and spread the network was trained with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.input import as_array
from ...engine.layer import Array
from ...errors import ArgumentError, unknown
from .question import Question

PIXELS = {"black": 0.0, "grey": 0.5, "white": 1.0}
"""Flat pictures with a name, as pixel values."""

NAMES = (*PIXELS, "mean", "zero")
"""The names of baselines: those of `PIXELS`; "mean", each picture's own mean colour; "zero", all 0
after the preparation (the training pictures' mean colour, where the model subtracts it)."""

FLAT = [0.0, 0.25, 0.5, 0.75, 1.0]
"""Five flat pictures from black to white: what stands in where no reference pictures are given."""

BATCH = 256


def baselines(question: Question, given: Any) -> list[Array]:
    """What the caller gave as baseline(s) as network input, each (N or 1, rows, cols, channels).

    given: a name of `NAMES`; a pixel value; a colour, as a tuple or array of `channels` values; a
        picture; an array (N, rows, cols, channels) with one for each picture; or a list of these:
        several baselines.
    """
    every = list(given) if isinstance(given, list) else [given]
    if not every:
        raise ArgumentError(f"{question.method} needs at least one baseline, got an empty list")
    return [_one(question, each) for each in every]


def references(question: Question, given: Any) -> list[Array]:
    """Reference pictures as network input: an array (M, rows, cols, channels) is M of them, for
    any M; everything else is as for `baselines`; None is `FLAT`."""
    if given is None:
        return baselines(question, list(FLAT))
    if isinstance(given, np.ndarray) and given.ndim >= 3:
        pixels = question.model.input.check(given)
        return [question.ready(picture[None]) for picture in pixels]
    return baselines(question, given)


def baseline_scores(question: Question, bases: Sequence[Array]) -> Array:
    """(len(bases), N): the target's value for each baseline. One that all pictures share is run
    once, whatever their number."""
    n, goal = len(question), question.goal
    scores = np.empty((len(bases), n), question.x.dtype)
    shared = [i for i, base in enumerate(bases) if len(base) == 1]
    for start in range(0, len(shared), BATCH):
        part = shared[start : start + BATCH]
        batch = np.concatenate([bases[i] for i in part])
        trace = question.model.run(batch, prepared=True, keep=goal.nodes)
        outputs = {node: trace[node].y for node in goal.nodes}
        for picture in range(n):
            scores[part, picture] = goal.take([picture] * len(part)).values(outputs)
    own = [i for i, base in enumerate(bases) if len(base) != 1]
    for i, values in zip(own, question.scores(bases[i] for i in own), strict=True):
        scores[i] = values
    return scores


def described(given: Any) -> Any:
    """Baselines as the provenance keeps them: names and numbers as they are, pictures by shape and
    the beginning of their sha256."""
    if isinstance(given, list):
        return [described(each) for each in given]
    if given is None or isinstance(given, str):
        return given
    values = np.asarray(given)
    if values.size <= 4:
        return values.tolist()
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    return f"{values.dtype} {values.shape}, sha256 {digest[:16]}"


def _one(question: Question, given: Any) -> Array:
    x = question.x
    if not isinstance(given, str):
        as_array(given, "a baseline")
        return question.ready(given)
    if given == "mean":
        return np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape)
    if given == "zero":
        return np.zeros_like(x[:1])
    if given not in PIXELS:
        raise unknown("baseline", given, NAMES, "nnviz")
    return question.ready(PIXELS[given])
