"""Recipes: whole networks with the settings they are trained with, for `python -m nnviz train`.

A recipe is data, so that a model's card can name it and everybody can cook it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..engine.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from ..engine.model import Model
from ..engine.sequential import Sequential
from .augment import Augmentation, Shift
from .optimizers import Adam, Optimizer
from .schedules import CosineDecay


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    build: (input shape, number of classes, class names, seed) -> model.
    optimizer: (total steps) -> optimizer.
    """

    name: str
    what: str
    build: Callable[[Sequence[int], int, Sequence[str] | None, int], Model]
    optimizer: Callable[[int], Optimizer]
    epochs: int
    augment: Augmentation | None = None
    batch_size: int = 128
    loss: str = "categorical_crossentropy"


def _tutorial_cnn(
    shape: Sequence[int], classes: int, names: Sequence[str] | None, seed: int
) -> Model:
    """The tutorial's network: 1,199,882 parameters for 28×28×1 and ten classes."""
    layers = [
        Conv2D(32, 3, activation="relu", weight_init="he_uniform"),
        Conv2D(64, 3, activation="relu", weight_init="he_uniform"),
        MaxPooling2D(2),
        Dropout(0.25),
        Flatten(),
        Dense(128, activation="relu", weight_init="he_uniform"),
        Dropout(0.5),
        Dense(classes, activation="softmax", name="preds"),
    ]
    return Sequential(layers, shape, seed=seed, classes=names)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="mnist-cnn",
            what="the tutorial's CNN: two convolutions, max pooling, two dense layers, dropout; "
            "learnt from digits that are shifted by up to two pixels",
            build=_tutorial_cnn,
            optimizer=lambda steps: Adam(CosineDecay(1e-3, steps)),
            epochs=15,
            augment=Shift(2),
        ),
        Recipe(
            name="mnist-cnn-plain",
            what="the same without shifts, which shows what they are worth",
            build=_tutorial_cnn,
            optimizer=lambda steps: Adam(CosineDecay(1e-3, steps)),
            epochs=15,
        ),
    )
}
"""Name -> recipe."""
