"""Baselines and fills: the picture that shows nothing, against which a method counts.

A path begins there, DeepLIFT compares with it, and a mask uncovers it. All methods take it in the
same words, in pixels, as pictures are, and it becomes the network's input by the same preparation:
0 is a black pixel whatever mean and spread the network was trained with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.input import as_array
from ...engine.layer import Array
from ...errors import ArgumentError
from .checks import choice
from .question import Question

PIXELS = {"black": 0.0, "grey": 0.5, "white": 1.0}
"""Flat pictures with a name, as pixel values."""

NAMES = (*PIXELS, "mean", "zero", "blur")
"""The names of baselines: those of `PIXELS`; "mean", each picture's own mean colour; "zero", all 0
after the preparation (the training pictures' mean colour, where the model subtracts it); "blur",
each picture blurred by a Gaussian of σ = `BLUR` of its longer side."""

FLAT = [0.0, 0.25, 0.5, 0.75, 1.0]
"""Five flat pictures from black to white: what stands in where no reference pictures are given."""

BLUR = 0.1

BATCH = 256


def baselines(question: Question, given: Any, option: str = "baseline") -> list[Array]:
    """What the caller gave as baseline(s) as network input, each (N or 1, rows, cols, channels).

    given: a name of `NAMES`; a pixel value; a colour, as a tuple or array of `channels` values; a
        picture; an array (N, rows, cols, channels) with one for each picture; or a list of these
        (or a tuple that holds names or arrays): several baselines.
    option: what it is called in the method's options, for errors.
    """
    every = list(given) if several(given) else [given]
    if not every:
        raise ArgumentError(f"{question.method} needs at least one {option}, got an empty list")
    return [_one(question, each, option) for each in every]


def several(given: Any) -> bool:
    """Whether these are several baselines; a tuple of numbers is a colour."""
    if isinstance(given, tuple):
        return any(isinstance(each, str | np.ndarray) for each in given)
    return isinstance(given, list)


def references(question: Question, given: Any, option: str = "baseline") -> list[Array]:
    """Reference pictures as network input: an array (M, rows, cols, channels) is M of them, for
    any M; everything else is as for `baselines`; None is `FLAT`."""
    if given is None:
        return baselines(question, FLAT)
    if isinstance(given, np.ndarray) and given.ndim >= 3:
        pixels = question.model.input.check(given)
        return [question.ready(picture[None]) for picture in pixels]
    return baselines(question, given, option)


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
    """Baselines as the provenance keeps them: names, numbers and colours as they are, pictures by
    shape and the beginning of their sha256."""
    if several(given):
        return tuple(described(each) for each in given)
    if given is None or isinstance(given, str):
        return given
    values = np.asarray(given)
    if values.size <= 4:
        plain = values.tolist()
        return tuple(values.ravel().tolist()) if isinstance(plain, list) else plain
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    return f"{values.dtype} {values.shape}, sha256 {digest[:16]}"


def blurred(x: Array, sigma: float, border: str = "nearest") -> Array:
    """Pictures (N, rows, cols, channels) blurred by a Gaussian of σ pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(x, (0, sigma, sigma, 0), mode=border).astype(x.dtype, copy=False)


def _one(question: Question, given: Any, option: str) -> Array:
    x = question.x
    if not isinstance(given, str):
        as_array(given, f"{option} of {question.method}")
        return question.ready(given)
    name = choice(given, option, question.method, NAMES)
    if name == "mean":
        return np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape)
    if name == "zero":
        return np.zeros_like(x[:1])
    if name == "blur":
        return blurred(x, BLUR * max(x.shape[1:3]))
    return question.ready(PIXELS[name])
