"""Fine-tuning: what is frozen stays as it is to the bit, and lets gradients through."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from nnviz.engine.layer import Mode
from nnviz.engine.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    PReLU,
    Subsampling2D,
)
from nnviz.engine.sequential import Sequential
from nnviz.training import OPTIMIZERS, SGD

RNG = np.random.default_rng(0)
X = RNG.random((24, *networks.SHAPE)).astype(np.float32)
Y = RNG.integers(0, 3, 24)


def arrays(model):
    """All parameters and buffers, copied."""
    stores = [(n.name, s) for n in model.nodes for s in (n.layer.params, n.layer.buffers)]
    return {f"{name}/{k}": v.copy() for name, store in stores for k, v in store.items()}


def quiet(model, **settings):
    return model.fit(X, Y, **{"epochs": 2, "batch_size": 8, "verbose": False, **settings})


def network():
    layers = [
        Conv2D(4, 3, name="conv"),
        BatchNormalization(name="norm"),
        PReLU(name="prelu"),
        Subsampling2D(2, name="pool"),
        Dropout(0.2),
        Flatten(),
        Dense(5, activation="tanh", name="hidden"),
        Dense(3, activation="softmax", name="preds"),
    ]
    return Sequential(layers, networks.SHAPE)


def freeze(model, *names):
    for name in names:
        model.node(name).layer.trainable = False
    return model


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "frozen", [["conv"], ["norm"], ["prelu", "pool"], ["conv", "norm", "hidden"]], ids=str
)
def test_frozen_layers_stay_and_the_others_move(frozen, optimizer):
    model = freeze(network(), *frozen)
    before = arrays(model)
    quiet(model, optimizer=optimizer)
    for name, array in arrays(model).items():
        stays = name.split("/")[0] in frozen
        assert (array == before[name]).all() == stays, name


def test_all_but_the_head_as_one_fine_tunes():
    model = freeze(network(), "conv", "norm", "prelu", "pool", "hidden")
    features = model.run(X)["hidden/tanh"].y.copy()
    history = quiet(model, epochs=30, optimizer=SGD(0.5))
    np.testing.assert_array_equal(model.run(X)["hidden/tanh"].y, features)
    assert history["loss"][-1] < history["loss"][0]


def test_a_frozen_batch_normalization_runs_as_at_prediction():
    model = freeze(network(), "norm")
    norm = model.node("norm").layer
    norm.buffers["moving_mean"][...] = 0.3
    norm.buffers["moving_variance"][...] = 2.0
    trace = model.run(X, mode=Mode(train=True), seed=1)
    x, y = trace["norm"].x, trace["norm"].y
    np.testing.assert_allclose(y, (x - 0.3) / np.sqrt(2 + norm.epsilon), rtol=1e-5)
    learning = network().run(X, mode=Mode(train=True), seed=1)["norm"].y
    np.testing.assert_allclose(learning.mean((0, 1, 2)), 0, atol=1e-5)


def test_gradients_flow_through_what_is_frozen():
    model, free = freeze(network(), "norm", "prelu", "hidden"), network()
    for m in (model, free):
        m.node("norm").layer.buffers["moving_mean"][...] = 0.1
    trace, other = model.run(X), free.run(X)  # at prediction, so that both run the same
    seed = np.random.default_rng(1).standard_normal((24, 3))
    got = model.backward(trace, {"preds": seed}, params=True, until=("input",))
    wanted = free.backward(other, {"preds": seed}, params=True, until=("input",))
    np.testing.assert_array_equal(got.at["input"], wanted.at["input"])
    assert {k.split("/")[0] for k in got.params} == {"conv", "pool", "preds"}
    for key, grad in got.params.items():
        np.testing.assert_array_equal(grad, wanted.params[key], err_msg=key)


def test_the_gradient_through_a_frozen_batch_normalization_is_the_numerical_one():
    """In training as well: its statistics are constants, not functions of the batch."""
    model = freeze(network(), "norm").astype(np.float64)
    seed = np.random.default_rng(1).standard_normal((24, 3))
    x = X.astype(np.float64)

    def value():
        run = model.run(x, mode=Mode(train=True), seed=2)
        return float((run["preds"].y * seed).sum())

    trace = model.run(x, mode=Mode(train=True), seed=2)
    grads = model.backward(trace, {"preds": seed}, params=True).params
    weight = model.parameters()["conv/weight"]
    u, h, kept = np.random.default_rng(3).standard_normal(weight.shape), 1e-6, weight.copy()
    weight[...] = kept + h * u
    above = value()
    weight[...] = kept - h * u
    slope = (above - value()) / (2 * h)
    assert slope == pytest.approx(float((grads["conv/weight"] * u).sum()), rel=1e-6)


def test_a_layer_at_two_places_is_frozen_at_both():
    model = networks.twice()
    freeze(model, "conv2d_1")
    before = arrays(model)
    quiet(model)
    after = arrays(model)
    assert (after["conv2d_1/weight"] == before["conv2d_1/weight"]).all()
    assert (after["dense_1/weight"] != before["dense_1/weight"]).any()


def test_a_model_with_everything_frozen_trains_without_changing():
    model = network()
    freeze(model, *(node.name for node in model.nodes))
    before = model.fingerprint()
    history = quiet(model, optimizer="adamw")
    assert model.fingerprint() == before
    assert history["loss"][0] > 0


def test_freezing_and_thawing(tmp_path):
    model = freeze(network(), "conv")
    quiet(model)
    model.save(tmp_path / "m")
    from nnviz.formats import load

    again = load(tmp_path / "m.npz")
    assert not again.node("conv").layer.trainable, "a model file keeps what is frozen"
    again.node("conv").layer.trainable = True
    before = arrays(again)
    quiet(again)
    assert (arrays(again)["conv/weight"] != before["conv/weight"]).any()
