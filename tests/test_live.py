"""Figures while a model trains: they are written, and the training does not notice."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.report.live import Curves, Explanations


def net(*middle):
    layers = [
        nv.Conv2D(4, 3, activation="relu"),
        nv.BatchNormalization(),
        nv.MaxPooling2D(2),
        nv.Dropout(0.3),
        nv.Flatten(),
        nv.Dense(3, activation="softmax"),
    ]
    return nv.Sequential(layers, (10, 9, 1), seed=4)


def pictures(n=24):
    rng = np.random.default_rng(7)
    return rng.random((n, 10, 9, 1), np.float32), rng.integers(0, 3, n)


def weights(model):
    arrays = [*model.parameters().values()]
    arrays += [b for node in model.nodes for b in node.layer.buffers.values()]
    return [a.tobytes() for a in arrays]


def test_watching_changes_nothing_and_leaves_pictures(tmp_path):
    x, y = pictures()
    trained = []
    watch = [
        Explanations(tmp_path / "maps", x[:3]),
        Curves(tmp_path / "curves.png"),
        Curves(tmp_path / "loss.png", column="loss"),
    ]
    for callbacks in ([], watch):
        model = net()
        model.fit(
            x, y, epochs=3, batch_size=8, validation_data=(x, y), callbacks=callbacks,
            augment=nv.Shift(1), seed=5, verbose=False,
        )  # fmt: skip
        trained.append(weights(model))
    assert trained[0] == trained[1]
    names = sorted(p.name for p in (tmp_path / "maps").iterdir())
    assert names == sorted(
        f"epoch-00{e}-{kind}.png" for e in (1, 2, 3) for kind in ("filters", "grad-cam")
    )
    for path in (tmp_path / "curves.png", tmp_path / "loss.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: Curves(folder / "c.png", column="speed"), "Curves draws 'accuracy' or"),
        (lambda folder: Explanations(folder, np.zeros((1, 4, 4, 1))), "expected N×10×9×1"),
        (lambda folder: Explanations(folder, np.zeros((1, 10, 9, 1)), "zebra"), "no class named"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_training(make, message, tmp_path):
    x, y = pictures()
    model = net()
    before = weights(model)
    with pytest.raises(ArgumentError, match=message):
        model.fit(x, y, epochs=1, callbacks=[make(tmp_path)], verbose=False)
    assert weights(model) == before


def test_a_network_without_convolution(tmp_path):
    x, y = pictures()
    model = nv.Sequential([nv.Flatten(), nv.Dense(3, activation="softmax")], (10, 9, 1))
    with pytest.raises(ArgumentError, match="it needs a convolution"):
        model.fit(x, y, epochs=1, callbacks=[Explanations(tmp_path, x)], verbose=False)
