"""Networks for the path, smoothing and layer methods: with kinks, smooth, and linear."""

from __future__ import annotations

import numpy as np
import reference
from networks import pictures

import nnviz as nv
from nnviz.engine.graph import Input
from nnviz.engine.input import InputSpec
from nnviz.engine.layers import (
    Add,
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Softplus,
)
from nnviz.engine.model import Model

CLASSES = (2, 0, 1)
SHAPE = (6, 5, 2)


def kinked(seed=0):
    """A convolution, a ReLU and a dense layer in float64, three pictures, and the slope of each
    picture's own class by loops: slopes[n](point)."""
    layers = [nv.Conv2D(3, (3, 2), activation="relu"), nv.Flatten(), nv.Dense(3)]
    model = nv.Sequential(layers, SHAPE, seed=seed).astype(np.float64)
    params = model.parameters()
    params["conv2d_1/bias"][:] = [0.1, -0.2, 0.05]
    keys = ("conv2d_1/weight", "conv2d_1/bias", "dense_1/weight", "dense_1/bias")
    net = [params[key] for key in keys]

    def slope_of(class_):
        return lambda point: reference.small_gradient(point[None], net, (class_,), "plain")[0][0]

    return model, pictures(model, 3, np.float64), [slope_of(c) for c in CLASSES]


def smooth(seed=0, scale=3.0):
    """No kinks anywhere: tanh, softplus and average pooling; strongly curved, in float64."""
    x = Input(SHAPE)
    y = Conv2D(4, 3, padding="same", activation="tanh", name="first")(x)
    y = Softplus(name="soft")(Conv2D(3, 3, name="second")(y))
    y = Flatten()(AveragePooling2D(2)(y))
    model = Model(x, Dense(3, name="top")(y), seed=seed).astype(np.float64)
    for key, array in model.parameters().items():
        array *= scale if key.endswith("weight") else 1
    return model


def linear(spec=None, seed=0):
    """A linear network in float64; with an InputSpec, behind its preparation."""
    layers = [nv.Flatten(), nv.Dense(3)]
    shape = SHAPE if spec is None else spec.shape
    model = nv.Sequential(layers, shape, seed=seed, input=spec).astype(np.float64)
    model.parameters()["dense_1/bias"][:] = [0.3, -0.1, 0.2]
    return model


def prepared_linear():
    """A linear network that wants its pixels centred, scaled and in BGR order."""
    spec = InputSpec((4, 6, 3), (0, 255), (104.0, 117.0, 123.0), (50.0, 60.0, 70.0), "BGR")
    return linear(spec)


def two_ways(seed=0):
    """A residual block whose short cut leads round the node `way`."""
    x = Input(SHAPE)
    stem = Conv2D(4, 3, padding="same", activation="tanh", name="stem")(x)
    way = Conv2D(4, 3, padding="same", activation="tanh", name="way")(stem)
    joined = Add(name="join")(way, stem)
    top = Dense(3)(GlobalAveragePooling2D()(joined))
    return Model(x, top, seed=seed).astype(np.float64)
