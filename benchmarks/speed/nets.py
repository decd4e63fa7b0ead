"""The networks and pictures that are measured, and how much arithmetic they take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

import nnviz as nv
from nnviz.engine.layers import BatchNormalization, Conv2D, Dense, Flatten
from nnviz.engine.walk import Draw
from nnviz.training import CategoricalCrossentropy, Optimizer
from nnviz.training.recipes import RECIPES
from nnviz.training.step import Steps

BATCH = 128


def digits_net(widths: Sequence[int] = (32, 64, 128)) -> nv.Model:
    """MISSION E1's network, or one with other widths."""
    first, second, hidden = widths
    layers = [
        nv.Conv2D(first, 3, activation="relu"),
        nv.Conv2D(second, 3, activation="relu"),
        nv.MaxPooling2D(2),
        nv.Dropout(0.25),
        nv.Flatten(),
        nv.Dense(hidden, activation="relu"),
        nv.Dropout(0.5),
        nv.Dense(10, activation="softmax", name="preds"),
    ]
    return nv.Sequential(layers, (28, 28, 1))


def residual_net() -> nv.Model:
    """The network of the recipe cifar-resnet, without the preparation of its input."""
    return RECIPES["cifar-resnet"].build((32, 32, 3), 10, None, 0)


@dataclass(frozen=True)
class Subject:
    """A network, how it is trained, and how both sides call it."""

    name: str
    make: Callable[[], nv.Model]
    optimizer: Callable[[], Optimizer]


DIGITS = Subject("MISSION E1's network", digits_net, lambda: nv.Adam(1e-3))
RESIDUAL = Subject(
    "residual CIFAR network",
    residual_net,
    lambda: nv.SGD(0.05, momentum=0.9, nesterov=True),
)


def pictures(model: nv.Model, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pictures (n, rows, cols, channels) float32 and class numbers (n,)."""
    rng = np.random.default_rng(n)
    x = rng.random((n, *model.input.shape), dtype=np.float32)
    return x, rng.integers(0, model.output_shape[-1], n)


def stepper(model: nv.Model, optimizer: Optimizer, n: int = BATCH) -> Callable[[], object]:
    """One step of training on n pictures, all of them one batch; the next call is the next step."""
    x, labels = pictures(model, n)
    targets = np.eye(model.output_shape[-1], dtype=np.float32)[labels]
    steps, every = Steps(model, CategoricalCrossentropy(), optimizer), np.arange(n)
    return lambda: steps.step(x, targets, every, Draw(0, optimizer.steps))


def exported(model: nv.Model) -> list[np.ndarray]:
    """The parameters and running statistics, in order, as PyTorch lays them out."""
    arrays: list[np.ndarray] = []
    rows_cols = (1, 1)
    for node in model.nodes:
        layer, own = node.layer, {**node.layer.params, **node.layer.buffers}
        if isinstance(layer, Conv2D):
            arrays.append(own["weight"].transpose(3, 2, 0, 1))
        elif isinstance(layer, Flatten):
            rows_cols = model.shapes[node.inputs[0]][:2]
        elif isinstance(layer, Dense):
            # A flattened map lies channels first there, so the rows of the first matrix change.
            weight = own["weight"].reshape(*rows_cols, -1, own["weight"].shape[1])
            arrays.append(weight.transpose(3, 2, 0, 1).reshape(weight.shape[3], -1))
            rows_cols = (1, 1)
        elif isinstance(layer, BatchNormalization):
            names = ("gamma", "beta", "moving_mean", "moving_variance")
            arrays += [own[name] for name in names]
        if "bias" in own:
            arrays.append(own["bias"])
    return [np.ascontiguousarray(array) for array in arrays]


def mult_adds(model: nv.Model, training: bool = False) -> int:
    """Multiply-adds for one picture, forward; in training also for the gradients of parameters and
    inputs, except that of the network's own input."""
    rows = nv.summary(model, ["mult_adds"]).rows
    counts = [row.mult_adds or 0 for row in rows]
    return 3 * sum(counts) - counts[0] if training else sum(counts)
