"""Recipes: whole networks with the settings they are trained with, for `python -m nnviz train`.

A recipe is data, so that a model's card can name it and everybody can cook it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..data import background
from ..engine.graph import Input, Symbol
from ..engine.layer import Array
from ..engine.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
)
from ..engine.model import Model
from ..engine.sequential import Sequential
from .augment import Augmentation, Augmentations, Flip, Shift
from .optimizers import SGD, Adam, Optimizer
from .schedules import CosineDecay, WarmUp


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    build: (input shape, number of classes, class names, seed) -> model.
    optimizer: (total steps) -> optimizer. normalize: whether the channels' mean and spread over the
    training pictures become part of `Model.input`.
    """

    name: str
    what: str
    build: Callable[[Sequence[int], int, Sequence[str] | None, int], Model]
    optimizer: Callable[[int], Optimizer]
    epochs: int
    augment: Augmentation | None = None
    normalize: bool = False
    batch_size: int = 128
    loss: str = "categorical_crossentropy"

    def model(self, x: Array, classes: int, names: Sequence[str] | None, seed: int) -> Model:
        """The untrained network for pictures like `x` (N, rows, cols, channels), with what its
        input
        must know of them: how bright their background is and, where wanted, mean and spread."""
        made = self.build(x.shape[1:], classes, names, seed)
        made.input = replace(made.input, background=round(background(x), 3))
        if self.normalize:
            top = 255 if x.dtype == np.uint8 else 1
            axes = (0, 1, 2)
            mean = (x.mean(axis=axes, dtype=np.float64) / top).round(4)
            std = (x.std(axis=axes, dtype=np.float64) / top).round(4)
            std[std == 0] = 1  # a channel that is the same everywhere is only shifted
            made.input = replace(made.input, mean=tuple(mean.tolist()), std=tuple(std.tolist()))
        return made


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


def _residual_cnn(
    shape: Sequence[int], classes: int, names: Sequence[str] | None, seed: int
) -> Model:
    """A small residual network for pictures of about 32×32: three stages of two blocks with 16, 32
    and 64 channels, batch normalization after every convolution, a pooled head.

    He, Zhang, Ren, Sun 2016, section 4.2, arXiv:1512.03385, with 1×1 convolutions where a shortcut
    changes its size.
    """
    first = Input(shape)
    x = _normalized(first, "stem", 16, 3)
    x = ReLU(name="stem/relu")(x)
    for stage, channels in enumerate((16, 32, 64), 1):
        x = _block(x, f"stage{stage}/block1", channels, 1 if stage == 1 else 2)
        x = _block(x, f"stage{stage}/block2", channels, 1)
    x = GlobalAveragePooling2D(name="pool")(x)
    x = Dense(classes, activation="softmax", name="preds")(x)
    return Model(first, x, seed=seed, classes=names)


def _normalized(x: Symbol, name: str, channels: int, kernel: int, stride: int = 1) -> Symbol:
    """A convolution without bias and its batch normalization, which has one."""
    edge = kernel // 2
    conv = Conv2D(
        channels,
        kernel,
        strides=stride,
        padding=((edge, edge), (edge, edge)),
        use_bias=False,
        weight_init="he_normal",
        name=f"{name}/conv",
    )
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}/norm")(conv(x))


def _block(x: Symbol, name: str, channels: int, stride: int) -> Symbol:
    """Two convolutions, and the input added to what they give."""
    y = ReLU(name=f"{name}/relu1")(_normalized(x, f"{name}/1", channels, 3, stride))
    y = _normalized(y, f"{name}/2", channels, 3)
    if stride != 1 or x.shape[2] != channels:
        x = _normalized(x, f"{name}/shortcut", channels, 1, stride)
    return ReLU(name=f"{name}/relu2")(Add(name=f"{name}/add")(y, x))


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
        Recipe(
            name="cifar-resnet",
            what="a residual CNN with batch normalization for small colour pictures, which are "
            "shifted by up to four pixels and mirrored",
            build=_residual_cnn,
            optimizer=lambda steps: SGD(
                WarmUp(steps // 20 + 1, CosineDecay(0.1, steps)),
                momentum=0.9,
                nesterov=True,
                weight_decay=5e-4,
            ),
            epochs=30,
            augment=Augmentations(Shift(4), Flip()),
            normalize=True,
        ),
    )
}
"""Name -> recipe."""
