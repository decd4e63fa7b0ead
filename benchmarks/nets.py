"""Small random networks of all kinds, with pictures and a class for each: what agreement is
measured on. Everything, batch normalization's statistics too, is drawn from the seed, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

import nnviz as nv
from nnviz.engine.graph import Input, Symbol
from nnviz.engine.input import InputSpec
from nnviz.engine.layers import AveragePooling2D, Concatenate, DepthwiseConv2D

from .twin import Twin, folded, there

PICTURES = 3


def plain(seed: int) -> nv.Model:
    """28×28×1: two convolutions, a pool after each, two dense layers."""
    layers = [
        nv.Conv2D(6, 3, activation="relu"),
        nv.MaxPooling2D(2),
        nv.Conv2D(8, 3, padding="same", activation="relu"),
        nv.MaxPooling2D(2),
        nv.Dropout(0.3),
        nv.Flatten(),
        nv.Dense(12, activation="relu"),
        nv.Dense(5, activation="softmax"),
    ]
    return nv.Sequential(layers, (28, 28, 1), seed=seed)


def residual(seed: int) -> nv.Model:
    """32×32×3 with mean and spread: two residual blocks with batch normalization, a pooled head."""
    x = Input((32, 32, 3))
    y = nv.Conv2D(6, 3, padding=((1, 1), (1, 1)), strides=2, activation="relu")(x)
    for _ in range(2):
        way = nv.Conv2D(6, 3, padding="same", use_bias=False)(y)
        way = nv.ReLU()(nv.BatchNormalization()(way))
        way = nv.BatchNormalization()(nv.Conv2D(6, 3, padding="same", use_bias=False)(way))
        y = nv.ReLU()(nv.Add()(way, y))
    y = nv.Dense(5, activation="softmax")(nv.GlobalAveragePooling2D()(y))
    spec = InputSpec((32, 32, 3), (0, 1), (0.45, 0.5, 0.4), (0.25, 0.2, 0.3))
    return nv.Model(x, y, seed=seed, input=spec)


def concatenating(seed: int) -> nv.Model:
    """20×45×1: ways side by side, with dilation, stride, groups and depthwise kernels."""
    x = Input((20, 45, 1))
    y = nv.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)
    ways = [
        nv.Conv2D(4, 3, padding="same", dilation_rate=2, activation="relu")(y),
        nv.Conv2D(4, (1, 3), padding="same", groups=2, activation="relu")(y),
        nv.ReLU()(DepthwiseConv2D(3, padding="same", depth_multiplier=2)(y)),
    ]
    y = AveragePooling2D(2)(Concatenate()(ways))
    return nv.Model(x, nv.Dense(5, activation="softmax")(nv.Flatten()(y)), seed=seed)


def smooth(seed: int) -> nv.Model:
    """20×45×1 without a ReLU or a maximum: differentiable everywhere."""
    layers = [
        nv.Conv2D(6, 3, activation="tanh"),
        AveragePooling2D(2),
        nv.Conv2D(8, 3, strides=2, activation="elu"),
        nv.Conv2D(8, 3, activation="softplus"),
        nv.GlobalAveragePooling2D(),
        nv.Dense(5, activation="softmax"),
    ]
    return nv.Sequential(layers, (20, 45, 1), seed=seed)


def digits(seed: int) -> nv.Model:
    """The network of the tutorial, 28×28×1: 1,199,882 parameters."""
    layers = [
        nv.Conv2D(32, 3, activation="relu"),
        nv.Conv2D(64, 3, activation="relu"),
        nv.MaxPooling2D(2),
        nv.Dropout(0.25),
        nv.Flatten(),
        nv.Dense(128, activation="relu"),
        nv.Dropout(0.5),
        nv.Dense(10, activation="softmax"),
    ]
    return nv.Sequential(layers, (28, 28, 1), seed=seed)


def resnet(seed: int) -> nv.Model:
    """32×32×3, He et al. 2016's network of 20 layers: three stages of three blocks."""
    x = Input((32, 32, 3))
    y = _normal(nv.Conv2D(16, 3, padding="same", use_bias=False)(x), relu=True)
    for stage, channels in enumerate((16, 32, 64)):
        for block in range(3):
            step = 2 if stage and not block else 1
            pads = ((1, 1), (1, 1))
            way = nv.Conv2D(channels, 3, strides=step, padding=pads, use_bias=False)(y)
            way = nv.Conv2D(channels, 3, padding=pads, use_bias=False)(_normal(way, relu=True))
            if step == 2:
                y = _normal(nv.Conv2D(channels, 1, strides=2, use_bias=False)(y), relu=False)
            y = nv.ReLU()(nv.Add()(_normal(way, relu=False), y))
    y = nv.Dense(10, activation="softmax")(nv.GlobalAveragePooling2D()(y))
    return nv.Model(x, y, seed=seed)


def _normal(y: Symbol, relu: bool) -> Symbol:
    y = nv.BatchNormalization()(y)
    return nv.ReLU()(y) if relu else y


def eight(seed: int, channels: tuple[int, ...]) -> nv.Model:
    """128×128×3: two 3×3 convolutions for each of the channels, pooling between."""
    layers: list[nv.Layer] = []
    for i, count in enumerate(channels):
        layers += [nv.MaxPooling2D(2)] if i else []
        layers += [nv.Conv2D(count, 3, padding="same", activation="relu") for _ in range(2)]
    layers += [nv.GlobalAveragePooling2D(), nv.Dense(10, activation="softmax")]
    return nv.Sequential(layers, (128, 128, 3), seed=seed)


@dataclass(frozen=True)
class Grid:
    """A network with the patch and the stride that it is timed with."""

    build: Callable[[int], nv.Model]
    patch: int
    stride: int


TIMED: Mapping[str, Grid] = {
    "digits": Grid(digits, 4, 1),
    "resnet": Grid(resnet, 4, 2),
    "narrow": Grid(lambda seed: eight(seed, (32, 32, 32, 32)), 16, 4),
    "wide": Grid(lambda seed: eight(seed, (32, 64, 128, 256)), 16, 4),
}

NETS: Mapping[str, Callable[[int], nv.Model]] = {
    "plain": plain,
    "residual": residual,
    "concatenating": concatenating,
    "smooth": smooth,
}
RELU = ("plain", "residual", "concatenating")
"""Those whose only curves are ReLUs."""


@dataclass(frozen=True)
class Case:
    """One network with its twin, pictures (N, rows, cols, channels) and a class for each."""

    name: str
    model: nv.Model
    twin: Twin
    x: np.ndarray
    targets: tuple[int, ...]

    @classmethod
    def of(cls, name: str, seed: int) -> Case:
        model = drawn(NETS[name](seed).astype(np.float64), seed)
        rng = np.random.default_rng((seed, 1))
        x = rng.random((PICTURES, *model.input.shape))
        answer = int(model.predict(x[:1]).argmax())  # at least one class that the network is for
        targets = (answer, *rng.integers(0, 5, PICTURES - 1).tolist())
        return cls(name, model, Twin(model).eval(), x, targets)

    def ready(self, pixels: np.ndarray | float) -> torch.Tensor:
        """Pixels (one picture, N, or a number) as the twin's input."""
        full = np.broadcast_to(np.asarray(pixels, np.float64), self.x.shape)
        return there(self.model.input.prepare(full))

    @property
    def input(self) -> torch.Tensor:
        return self.ready(self.x)

    @property
    def target(self) -> torch.Tensor:
        return torch.tensor(self.targets)

    @property
    def folded(self) -> Twin:
        """The twin with batch normalization folded into the convolutions before it."""
        return folded(Twin(self.model).eval())

    @property
    def node(self) -> str:
        """The last node with rows and cols, that is no dropout."""
        spatial = [
            n.name
            for n in self.model.nodes
            if len(self.model.shapes[n.name]) == 3 and not isinstance(n.layer, nv.Dropout)
        ]
        return spatial[-1]


def drawn(model: nv.Model, seed: int) -> nv.Model:
    """Biases and batch statistics drawn too, so that nothing is zero or one by chance."""
    rng = np.random.default_rng((seed, 2))
    for node in model.nodes:
        for store in (node.layer.params, node.layer.buffers):
            for name, array in store.items():
                if name in ("bias", "beta", "moving_mean"):
                    array[...] = rng.normal(0, 0.1, array.shape)
                elif name in ("gamma", "moving_variance"):
                    array[...] = rng.uniform(0.5, 1.5, array.shape)
    model.node(model.logits_name).layer.params["bias"] += 0.5  # deep Taylor is for logits above 0
    return model
