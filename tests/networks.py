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
    ReLU,
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


# Models for pictures, as the inspections and the report meet them ---------------------------------


def digits(seed=0):
    """28×28×1, the tutorial's network in small."""
    layers = [
        Conv2D(4, 3, activation="relu"),
        MaxPooling2D(2),
        Conv2D(5, 3, activation="relu"),
        Dropout(0.3),
        Flatten(),
        Dense(3, activation="softmax", name="preds"),
    ]
    return Sequential(layers, (28, 28, 1), seed=seed, classes=["ant", "bee", "cat"])


def colour(seed=0):
    """32×32×3, concatenating: two ways side by side."""
    x = Input((32, 32, 3))
    ways = [
        Conv2D(3, 3, padding="same", activation="relu", name="near")(x),
        Conv2D(3, 3, padding="same", dilation_rate=2, activation="relu", name="far")(x),
    ]
    y = MaxPooling2D(4)(Concatenate(name="joined")(ways))
    return Model(x, Dense(4, activation="softmax")(Flatten()(y)), seed=seed)


def wide(seed=0):
    """20×45×1, residual, neither square nor with class names."""
    x = Input((20, 45, 1))
    stem = Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    way = BatchNormalization()(Conv2D(4, 3, padding="same", use_bias=False)(stem))
    joined = ReLU(name="last")(Add(name="join")(way, stem))
    return Model(x, Dense(3, activation="softmax")(GlobalAveragePooling2D()(joined)), seed=seed)


SEEN = {f.__name__: f for f in (digits, colour, wide)}
