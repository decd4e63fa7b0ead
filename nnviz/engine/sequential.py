"""The short way to a model: layers in a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .graph import Input, chain, check_shape
from .input import InputSpec
from .layer import Layer
from .model import Model


def Sequential(
    layers: Iterable[Layer],
    input_shape: Sequence[int],
    seed: int = 0,
    *,
    input: InputSpec | None = None,
    classes: Sequence[str] | None = None,
) -> Model:
    """A model that is a chain of layers.

    input_shape: one sample, `(rows, cols, channels)` or `(features,)`. seed: of the first weights.
    """
    first = Input(check_shape(input_shape, "input_shape"))
    last = chain(layers, first)
    return Model(first, last, seed=seed, input=input, classes=classes)
