"""Layers with several inputs: values, gradients and errors, with broadcasting and without."""

from __future__ import annotations

import networks
import numpy as np
import pytest
import reference_layers as slow

from nnviz.engine.graph import Input
from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers import (
    Add,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Multiply,
)
from nnviz.engine.model import Model
from nnviz.errors import ArgumentError
from nnviz.testing import check_layer
from nnviz.training import check_gradients


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def run(layer, *xs):
    y, saved = layer.forward(*xs, mode=Mode())
    return Call(xs, y, saved, Mode())


SHAPES = [
    ((4, 3, 2), (4, 3, 2)),
    ((5,), (5,), (5,)),
    ((4, 3, 2), (2,)),  # a number for each channel
    ((2,), (4, 3, 2)),
    ((4, 3, 1), (4, 3, 2)),  # a map for all channels
    ((1, 3, 1), (4, 1, 2)),  # both are stretched
    ((1,), (4, 3, 2), (3, 1)),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("kind", [Add, Multiply])
def test_merges_with_broadcasting(kind, shapes):
    xs = [random(3, *shape, seed=i) for i, shape in enumerate(shapes)]
    layer = kind(broadcast=True)
    call = run(layer, *xs)
    rank = max(map(len, shapes))
    for n in range(3):  # sample by sample, as NumPy broadcasts
        each = [x[n] for x in xs]
        total = sum(each) if kind is Add else np.prod(np.broadcast_arrays(*each), axis=0)
        np.testing.assert_allclose(call.y[n], total, rtol=1e-12)
    assert call.y.ndim == rank + 1
    assert layer.out_shape(*shapes) == call.y.shape[1:]
    dy = random(*call.y.shape, seed=9)
    for i, (x, dx) in enumerate(zip(xs, layer.backward(dy, call), strict=True)):

        def forward(x, i=i):
            return run(layer, *xs[:i], x, *xs[i + 1 :]).y

        # Both are affine in each of their inputs.
        wanted = slow.linear_gradient(forward, x, dy)
        np.testing.assert_allclose(dx, wanted, rtol=1e-9, atol=1e-9)
    check_layer(layer, *shapes)


@pytest.mark.parametrize("kind", [Add, Multiply])
def test_one_layer_on_one_value_twice(kind):
    """x + x and x · x: both ways' gradients are added, none is lost or counted twice."""
    x = Input((4,))
    model = Model(x, Dense(2)(kind()(x, x))).astype(np.float64)
    pictures = random(5, 4)
    trace = model.run(pictures)
    dy = random(5, 2, seed=1)
    through = dy @ model.node("dense_1").layer.params["weight"].T
    got = model.backward(trace, {"dense_1": dy}).at["input"]
    np.testing.assert_allclose(got, 2 * through if kind is Add else 2 * pictures * through)


def test_a_gate_of_one_number_a_channel_in_a_model():
    """Squeeze and excitation: a picture times what its own channel means say."""
    x = Input(networks.SHAPE)
    maps = Conv2D(4, 3, activation="relu")(x)
    gate = Dense(4, activation="sigmoid")(GlobalAveragePooling2D()(maps))
    y = Dense(3, activation="softmax")(Flatten()(Multiply(broadcast=True)(maps, gate)))
    model = Model(x, y)
    pictures = networks.pictures(model, 6)
    check = check_gradients(model, pictures, np.arange(6) % 3)
    assert check.ok, check
    before = model.evaluate(pictures, np.arange(6) % 3).loss
    model.fit(pictures, np.arange(6) % 3, epochs=20, optimizer="adam", verbose=False)
    assert model.evaluate(pictures, np.arange(6) % 3).loss < before


REFUSED = [
    (Add(), [(4, 3, 2), (4, 3, 1)], r"Add needs inputs of one shape, got .*or use Add\(broadcast"),
    (Multiply(), [(3,), (4,)], r"Multiply needs inputs of one shape, got \(3,\), \(4,\): bring"),
    (Add(broadcast=True), [(4, 3, 2), (3,)], r"Add cannot bring the shapes .* to one"),
    (Multiply(broadcast=True), [(2, 2, 2), (3, 2, 2)], "Multiply cannot bring the shapes"),
    (Concatenate(), [(4, 3, 2), (3, 3, 2)], "Concatenate needs inputs of the same rows and cols"),
    (Concatenate(), [(4, 3, 2), (2,)], "Concatenate needs inputs of the same rows and cols"),
]


@pytest.mark.parametrize(("layer", "shapes", "message"), REFUSED, ids=lambda v: str(v)[:30])
def test_shapes_that_do_not_go_together_are_refused(layer, shapes, message):
    with pytest.raises(ArgumentError, match=message):
        layer.out_shape(*shapes)


@pytest.mark.parametrize("kind", [Add, Multiply, Concatenate])
def test_one_input_is_not_enough(kind):
    with pytest.raises(ArgumentError, match=r"takes two or more inputs, got 1"):
        kind()(Input((3,)))
