"""Small models that many tests run."""

from __future__ import annotations

import numpy as np

from nnviz.engine.graph import Input
from nnviz.engine.input import InputSpec
from nnviz.engine.layers import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
)
from nnviz.engine.model import Model
from nnviz.engine.sequential import Sequential

SHAPE = (8, 7, 2)


def chain(seed=0):
    """A plain CNN with every usual layer."""
    layers = [
        Conv2D(4, 3, activation="relu"),
        BatchNormalization(),
        MaxPooling2D(2),
        Dropout(0.3),
        Flatten(),
        Dense(6, activation="tanh"),
        Dense(3, activation="softmax", name="preds"),
    ]
    return Sequential(layers, SHAPE, seed=seed, classes=["ant", "bee", "cat"])


def residual(seed=0):
    """A residual block with batch normalization on both ways."""
    x = Input(SHAPE)
    stem = Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    way = BatchNormalization()(Conv2D(4, 3, padding="same", use_bias=False)(stem))
    joined = Add(name="join")(way, stem)
    return Model(x, Dense(3, activation="softmax")(GlobalAveragePooling2D()(joined)), seed=seed)


def inception(seed=0):
    """Three ways side by side, concatenated."""
    x = Input(SHAPE)
    ways = [
        Conv2D(2, 1, activation="sigmoid")(x),
        Conv2D(3, 3, padding="same", dilation_rate=2)(x),
        AveragePooling2D(3, strides=1, padding="same")(x),
    ]
    y = Concatenate()(ways)
    return Model(x, Dense(2)(Flatten()(MaxPooling2D(2)(y))), seed=seed)


def twice(seed=0):
    """One convolution and one batch normalization at two places."""
    x = Input(SHAPE)
    conv, norm = Conv2D(2, 3, padding="same", activation="tanh"), BatchNormalization()
    first = norm(conv(x))
    return Model(x, Dense(3)(Flatten()(norm(conv(first)))), seed=seed)


def normalized(seed=0):
    """A model that wants its pixels centred, scaled and in BGR order."""
    spec = InputSpec((4, 4, 3), (0, 255), (104.0, 117.0, 123.0), (2.0, 3.0, 4.0), "BGR")
    return Sequential([Flatten(), Dense(2)], (4, 4, 3), seed=seed, input=spec)


ALL = {f.__name__: f for f in (chain, residual, inception, twice, normalized)}


def pictures(model, n=9, dtype=np.float32, seed=5):
    """Random pictures in 0..1 for a model."""
    return np.random.default_rng(seed).random((n, *model.input.shape)).astype(dtype)
