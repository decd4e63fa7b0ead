"""What the reader of a report has chosen to see: chapters, pictures, methods, classes, and layers
with their channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.model import Model
from ..errors import ArgumentError
from ..inspection.attribution import METHODS
from ..inspection.attribution.checks import choice
from ..inspection.evaluation import as_classifier, is_classifier

MOST = 24
"""Classes, channels or methods that may be chosen at once: each costs a climb or a row."""
MOST_PICTURES = 10
"""Pictures that may be chosen: so many stand side by side."""


def chosen_chapters(chapters: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Chapters in reading order, all where nothing is said; `ArgumentError` for one that there is
    not."""
    given = _several(chapters, "chapters")
    for chapter in given:
        choice(chapter, "chapter", "a report", known)
    return tuple(name for name in known if name in given or not given)


def chosen_methods(methods: Sequence[str], model: Model) -> tuple[str, ...]:
    """Attribution methods by name; `ArgumentError` for one that there is not."""
    given = _several(methods, "methods")
    for name in given:
        choice(name, "method", "nnviz", METHODS)
    if given and not is_classifier(model):
        raise ArgumentError("methods cannot be chosen: this model's output means no classes")
    return tuple(dict.fromkeys(given))


def chosen_pictures(pick: Sequence[int], count: int) -> tuple[int, ...]:
    """Numbers of pictures; `ArgumentError` for one that the data has not."""
    given = _several(pick, "pick", MOST_PICTURES)
    for number in given:
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not whole or not 0 <= number < count:
            raise ArgumentError(f"there is no picture {number!r} to pick: 0 … {count - 1}")
    return tuple(dict.fromkeys(int(number) for number in given))


def chosen_classes(model: Model, classes: Sequence[int | str]) -> tuple[int, ...]:
    """Classes by name or number as numbers; `ArgumentError` for one that the model lacks."""
    given = _several(classes, "classes")
    if given and not is_classifier(model):
        raise ArgumentError("classes cannot be chosen: this model's output means no classes")
    judged = as_classifier(model) if given else model
    return tuple(dict.fromkeys(judged.class_index(c) for c in given))


def chosen_layers(
    model: Model, layers: Sequence[str | tuple[str, Sequence[int]]]
) -> tuple[tuple[str, tuple[int, ...] | None], ...]:
    """Nodes that give maps, each with its channels or None; an error names what does not fit."""
    return tuple(_layer(model, entry) for entry in _several(layers, "layers"))


def _layer(model: Model, entry: Any) -> tuple[str, tuple[int, ...] | None]:
    name, channels = entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, None)
    shape = model.shapes[model.node(name).name]
    if len(shape) != 3 or shape[0] * shape[1] == 1:
        raise ArgumentError(f"node {name!r} gives {shape}, not maps of rows and cols to be shown")
    if channels is None:
        return name, None
    given = tuple(dict.fromkeys(_several(channels, f"channels of {name!r}")))
    for channel in given:
        whole = isinstance(channel, int | np.integer) and not isinstance(channel, bool)
        if not whole or not 0 <= channel < shape[2]:
            raise ArgumentError(
                f"channel {channel!r} is not among the {shape[2]} of {name!r}: 0 … {shape[2] - 1}"
            )
    return name, tuple(int(channel) for channel in given) or None


def _several(values: Any, what: str, most: int = MOST) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Sequence | range | np.ndarray):
        raise ArgumentError(f"{what} must be a sequence, got {values!r}")
    if len(values) > most:
        raise ArgumentError(f"{what} may be {most} at the most, got {len(values)}")
    return list(values)
