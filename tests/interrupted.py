"""A training that may be killed at any moment: what the checkpoint tests run, here or as a process.

`python interrupted.py FOLDER EPOCHS` trains and keeps `FOLDER/state.npz`, from which it goes on.
Everything that has a state takes part: batch normalization, dropout, augmentation, momentum, a
schedule, a gate, a frozen layer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from nnviz.engine.graph import Input
from nnviz.engine.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Multiply,
    PReLU,
    SpatialDropout2D,
    Subsampling2D,
)
from nnviz.engine.model import Model
from nnviz.training import (
    SGD,
    Adam,
    Augmentations,
    Checkpoint,
    CosineDecay,
    CSVLog,
    EarlyStopping,
    Flip,
    History,
    Optimizer,
    Rotate,
    Shift,
    WarmUp,
)

EPOCHS, SHAPE = 6, (10, 9, 2)
RNG = np.random.default_rng(0)
X = RNG.random((90, *SHAPE)).astype(np.float32)
Y = RNG.integers(0, 3, 90)


def network(seed: int = 0) -> Model:
    """A small network with everything that trains differently from a plain weight."""
    x = Input(SHAPE)
    y = Conv2D(4, 3, name="frozen", activation="relu")(x)
    y = BatchNormalization()(Conv2D(6, 3, use_bias=False)(y))
    y = SpatialDropout2D(0.2)(PReLU()(y))
    gate = Dense(6, activation="sigmoid")(GlobalAveragePooling2D()(y))
    y = Flatten()(Subsampling2D(2)(Multiply(broadcast=True)(y, gate)))
    model = Model(x, Dense(3, activation="softmax")(y), seed=seed)
    model.node("frozen").layer.trainable = False
    return model


def optimizer(kind: str = "adam") -> Optimizer:
    """A new optimizer with slots and a schedule."""
    if kind == "adam":
        return Adam(WarmUp(5, CosineDecay(0.01, 200)), weight_decay=0.01)
    return SGD(0.05, momentum=0.9, nesterov=True)


def train(folder: Path, epochs: int = EPOCHS, model: Model | None = None, **changed) -> History:
    """Train (or go on) for so many epochs, with a checkpoint in the folder."""
    folder = Path(folder)
    settings = {
        "optimizer": optimizer(),
        "augment": Augmentations(Shift(1), Rotate(10), Flip()),
        "validation_data": (X[:20], Y[:20]),
        "batch_size": 32,
        "seed": 3,
        "callbacks": [
            Checkpoint(folder / "state", best=folder / "best.npz"),
            CSVLog(folder / "log.csv"),
            EarlyStopping("loss", patience=50),
        ],
        "resume": folder / "state",
        "verbose": False,
    } | changed
    x, y = settings.pop("x", X), settings.pop("y", Y)
    model = network() if model is None else model
    return model.fit(x, y, epochs=epochs, **settings)


if __name__ == "__main__":
    print("begins", flush=True)
    train(Path(sys.argv[1]), int(sys.argv[2]))
    print("done", flush=True)
