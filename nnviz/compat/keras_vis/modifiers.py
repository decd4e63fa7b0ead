"""What keras-vis did to gradients, and how it scaled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError, unknown

EPSILON = np.float32(1e-7)

GRADIENTS: Mapping[str | None, Callable[[Array], Array]] = {
    None: lambda g: g,
    "negate": lambda g: -g,
    "absolute": np.abs,
    "invert": lambda g: 1 / (g + EPSILON),
    "relu": lambda g: np.maximum(g, 0),
    "small_values": lambda g: np.abs(1 / (g + EPSILON)),
}
"""`grad_modifier` by name; a function will do as well."""


def grad_modifier(modifier: Any) -> Callable[[Array], Array]:
    """The function of this name, or the one given."""
    if callable(modifier):
        return modifier
    if not isinstance(modifier, str | None) or modifier not in GRADIENTS:
        raise unknown("grad_modifier", modifier, [k for k in GRADIENTS if k], "keras_vis")
    return GRADIENTS[modifier]


def is_gradients(modifier: Any) -> bool:
    """Whether it can only be a `grad_modifier`: "relu" is a `backprop_modifier` as well."""
    named = isinstance(modifier, str) and modifier in GRADIENTS and modifier != "relu"
    return named or callable(modifier)


def normalized(values: Array) -> Array:
    """(v − least) / (largest − least + ε): 0..1; what is the same everywhere becomes 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low + EPSILON)


def one_picture(model: Model, seed_input: Any) -> Array:
    """One picture (1, rows, cols, channels), given with or without its batch axis."""
    pictures = model.input.check(seed_input)
    if len(pictures) != 1:
        raise ArgumentError(f"seed_input is one picture, got {len(pictures)}: use a loop")
    return pictures


def refuse_tensor(wrt_tensor: Any) -> None:
    """There are no symbolic tensors here."""
    if wrt_tensor is not None:
        raise ArgumentError(
            "wrt_tensor has no meaning here, where no graph of tensors is kept: leave it None, and "
            "give what follows it by name"
        )
