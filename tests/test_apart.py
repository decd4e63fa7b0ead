"""Maps side by side that stay apart give what they give side by side."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv
from nnviz.engine.again import Again
from nnviz.engine.apart import kept_apart
from nnviz.engine.layers import Concatenate, ReLU

PASSES = {
    "nothing": lambda maps: maps,
    "a ReLU": ReLU(),
    "a pool, then dropout": lambda maps: nv.Dropout(0.5)(nv.MaxPooling2D(3, strides=2)(maps)),
}
CONVS = {
    "plain": {"kernel_size": 1},
    "strided, with a frame": {"kernel_size": 1, "strides": 2, "padding": ((1, 0), (2, 1))},
    "without bias": {"kernel_size": 1, "use_bias": False},
}


def fire(between, *, axis=-1, twice=False, **conv):
    """Two convolutions of one map side by side, what stands between, and one that reads both."""
    x = nv.Input((9, 8, 3))
    squeezed = nv.Conv2D(5, 1, activation="relu")(x)
    wide = nv.Conv2D(6, 3, padding="same", activation="relu")(squeezed)
    slim = nv.Conv2D(4 if axis == -1 else 6, 1)(squeezed)
    joined = between(Concatenate(axis)(wide, wide if twice else slim))
    model = nv.Model(x, nv.GlobalAveragePooling2D()(nv.Conv2D(7, **conv)(joined)), seed=4)
    for name, array in model.parameters().items():
        if name.endswith("bias"):
            array += np.linspace(-1, 1, array.size, dtype=np.float32)
    return model


def left(model, keep=()):
    """The nodes where what can stays apart."""
    return [node for _, node in kept_apart(list(enumerate(model.nodes)), model.shapes, keep)]


def joins(nodes):
    return [node for node in nodes if isinstance(node.layer, Concatenate)]


@pytest.mark.parametrize("conv", CONVS.values(), ids=CONVS)
@pytest.mark.parametrize("between", PASSES.values(), ids=PASSES)
def test_a_concatenation_that_is_added_up_is_not_made(between, conv):
    model = fire(between, **conv)
    assert not joins(left(model))
    x = np.random.default_rng(1).random((3, 9, 8, 3), dtype=np.float32)
    for _ in range(2):
        assert Again.of(model).plan(model, x)
        np.testing.assert_allclose(model.predict(x), model.run(x).output, rtol=1e-5, atol=1e-5)
        for array in model.parameters().values():
            array *= 1.2


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3},
        {"kernel_size": 1, "groups": 1, "axis": 1},
        {"kernel_size": 1, "twice": True},
        {"kernel_size": 1, "between": nv.BatchNormalization()},
        {"kernel_size": 1, "between": nv.Conv2D(6, 3, groups=2)},
        {"kernel_size": 1, "between": lambda maps: nv.Add()(ReLU()(maps), maps)},
    ],
)
def test_any_other_concatenation_stays(settings):
    model = fire(**{"between": ReLU(), **settings})
    assert left(model) == model.nodes
    x = np.random.default_rng(1).random((2, 9, 8, 3), dtype=np.float32)
    np.testing.assert_allclose(model.predict(x), model.run(x).output, rtol=1e-5, atol=1e-5)


def test_what_is_wanted_is_made():
    model = fire(ReLU(), kernel_size=1)
    (join,) = joins(model.nodes)
    (relu,) = [node for node in model.nodes if node.inputs == (join.name,)]
    assert joins(left(model, {join.name})) == joins(left(model, {relu.name})) == [join]
