"""The training loop: it learns, repeats itself bit for bit, and says what went wrong."""

from __future__ import annotations

import math

import networks
import numpy as np
import pytest

from nnviz.engine.executor import threads
from nnviz.engine.graph import Input
from nnviz.engine.layer import Mode
from nnviz.engine.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Softmax
from nnviz.engine.model import Model
from nnviz.engine.rewrite import drop_softmax
from nnviz.engine.sequential import Sequential
from nnviz.engine.walk import Draw
from nnviz.errors import ArgumentError
from nnviz.training import (
    SGD,
    Adam,
    Augmentation,
    Callback,
    CategoricalCrossentropy,
    Flip,
    evaluate,
    fit,
)
from nnviz.training.recipes import RECIPES
from nnviz.training.step import train_step

RNG = np.random.default_rng(0)
X = RNG.random((40, *networks.SHAPE)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


def arrays(model):
    """All parameters and buffers, copied."""
    stores = [(n.name, s) for n in model.nodes for s in (n.layer.params, n.layer.buffers)]
    return {f"{name}/{k}": v.copy() for name, store in stores for k, v in store.items()}


def quiet(model, x=X, y=Y, **settings):
    return fit(model, x, y, **{"epochs": 1, "batch_size": 16, "verbose": False, **settings})


def test_a_small_net_learns():
    x = np.random.default_rng(0).standard_normal((300, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)  # XOR: no line tells the classes apart
    model = Sequential([Dense(16, activation="tanh"), Dense(2, activation="softmax")], (2,))
    history = quiet(model, x, y, epochs=30, optimizer=Adam(0.03), validation_data=(x, y))
    assert history["loss"][-1] < 0.25 < history["loss"][0]
    assert history["accuracy"][-1] > 0.93
    assert history["val_accuracy"][-1] == model.evaluate(x, y).accuracy
    assert evaluate(model, x, y).pictures == 300


def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    def train(count, seed=1, **settings):
        with threads(count):
            model = networks.chain()
            quiet(model, epochs=2, seed=seed, **settings)
        return arrays(model)

    one = train(1)
    for other in (train(1), train(2), train(3)):
        for name in one:
            np.testing.assert_array_equal(other[name], one[name], err_msg=name)
    changed = train(1, seed=2)
    assert any((changed[name] != one[name]).any() for name in one)


def recipe():
    """Residual blocks whose convolutions are Winograd's."""
    return RECIPES["cifar-resnet"].build((12, 12, 3), 4, None, 0)


@pytest.mark.parametrize(
    "build", [*networks.ALL.values(), recipe], ids=lambda build: build.__name__
)
def test_one_step_of_plain_descent_follows_the_gradient(build):
    model = build().astype(np.float64)
    x = networks.pictures(model, 13, np.float64)
    t = np.random.default_rng(1).random((13, *model.output_shape))
    before = arrays(model)
    trace = model.run(x, mode=Mode(train=True), seed=7, step=4)
    seed = 2 * (trace.output - t) / t[0].size / 13  # mean squared error, mean of the batch
    grads = model.backward(trace, {model.output_name: seed}, params=True).params
    train_step(model, x, t, np.arange(13), fit_loss("mse"), SGD(0.5), Draw(7, 4))
    for name, grad in grads.items():
        wanted = before[name] - 0.5 * grad
        np.testing.assert_allclose(model.parameters()[name], wanted, rtol=1e-9, atol=1e-12)


def fit_loss(name):
    from nnviz.training.losses import get_loss

    return get_loss(name)


def test_the_fused_loss_trains_as_the_plain_one():
    class _Plain(CategoricalCrossentropy):
        names = ()
        fuses = None

    def train(loss):
        model = networks.chain().astype(np.float64)
        history = quiet(model, X.astype(np.float64), epochs=2, loss=loss, optimizer=SGD(0.1))
        return arrays(model), history["loss"]

    (fused, losses), (plain, others) = train("cross_entropy"), train(_Plain(epsilon=1e-12))
    assert losses == pytest.approx(others, rel=1e-9)
    for name in fused:
        np.testing.assert_allclose(fused[name], plain[name], rtol=1e-6, atol=1e-9)


def spatial(head="softmax"):
    x = Input(networks.SHAPE)
    y = Conv2D(3, (8, 7))(x)
    return Model(x, Flatten()(Softmax()(y) if head == "softmax" else y))


def test_a_softmax_before_a_flattening_trains_as_one_after_it():
    ways = [spatial(), Sequential([Conv2D(3, (8, 7)), Flatten(), Softmax()], networks.SHAPE)]
    losses = [quiet(m, epochs=2, optimizer=SGD(0.1))["loss"] for m in ways]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    measured = [evaluate(m, X, Y) for m in ways]
    assert measured[0].loss == pytest.approx(measured[1].loss, rel=1e-6)
    assert measured[0].accuracy == measured[1].accuracy


def test_logits_can_be_trained_and_measured_with_cross_entropy():
    with_head, without = networks.chain(), drop_softmax(networks.chain())
    assert quiet(without)["loss"] == pytest.approx(quiet(with_head)["loss"], rel=1e-6)
    assert evaluate(without, X, Y).loss == pytest.approx(evaluate(with_head, X, Y).loss, rel=1e-6)


def test_a_softmax_alone_and_a_head_that_is_only_said_are_measured_plainly():
    x = np.random.default_rng(0).random((6, 3))
    alone = Sequential([Softmax()], (3,))
    p = alone.predict(x)
    wanted = -np.log(p[np.arange(6), Y[:6]] + 1e-7).mean()
    assert evaluate(alone, x, Y[:6]).loss == pytest.approx(wanted)
    symbol = Input((3,))
    said = Model(symbol, Flatten()(symbol), head="softmax")
    assert evaluate(said, p, Y[:6]).loss == pytest.approx(wanted)


def test_a_loss_over_places_is_one_number_a_picture():
    x = Input((2, 2, 3))
    model = Model(x, Softmax()(Conv2D(3, 1)(x)))
    pictures, t = np.random.default_rng(0).random((8, 2, 2, 3)), np.zeros((8, 2, 2, 3))
    t[..., 1] = 1
    before = evaluate(model, pictures, t).loss
    trained = quiet(model, pictures, t, optimizer=SGD(1e-9), batch_size=8)["loss"][0]
    assert trained == pytest.approx(before, rel=1e-6)
    p = model.predict(pictures)
    wanted = -np.log(p[..., 1]).sum(axis=(1, 2)).mean()
    assert evaluate(model, pictures, t).loss == pytest.approx(wanted, rel=1e-6)


# Running statistics ------------------------------------------------------------------------------


def test_running_statistics_follow_the_whole_batch_not_its_chunks():
    x = np.random.default_rng(3).random((16, *networks.SHAPE))
    norm = BatchNormalization(momentum=0.5)
    model = Sequential([norm, Flatten(), Dense(3, activation="softmax")], networks.SHAPE)
    quiet(model, x, Y[:16], optimizer=SGD(1e-9))
    flat = x.reshape(-1, 2)
    np.testing.assert_allclose(norm.buffers["moving_mean"], 0.5 * flat.mean(0), rtol=1e-5)
    np.testing.assert_allclose(norm.buffers["moving_variance"], 0.5 + 0.5 * flat.var(0), rtol=1e-5)
    assert norm.buffers["moving_mean"].dtype == np.float32


def test_a_normalization_at_two_places_moves_twice_in_order():
    x = np.random.default_rng(3).random((16, 5))
    norm = BatchNormalization(momentum=0.5)
    symbol = Input((5,))
    model = Model(symbol, norm(Dense(5)(norm(symbol))))
    trace = model.run(x, mode=Mode(train=True))
    first, second = (
        trace[n].x.mean(0) for n in ("batch_normalization_1", "batch_normalization_1_2")
    )
    quiet(model, x, x, loss="mse", optimizer=SGD(1e-9))
    wanted = 0.5 * (0.5 * first) + 0.5 * second
    np.testing.assert_allclose(norm.buffers["moving_mean"], wanted, rtol=1e-4, atol=1e-7)


# What goes wrong ---------------------------------------------------------------------------------


def test_an_exploding_loss_is_an_error_and_no_warning():
    model = Sequential([Flatten(), Dense(8), Dense(3, activation="softmax")], networks.SHAPE)
    message = r"the loss became (nan|inf) in epoch 1, step 2: try a smaller learning rate"
    with pytest.raises(ArgumentError, match=message):
        quiet(model, optimizer=SGD(1e30))


def test_where_the_loss_is_not_finite_nothing_is_changed():
    model = networks.chain()
    model.node("dense_1").layer.params["weight"][:] = np.inf
    before = arrays(model)
    with pytest.raises(ArgumentError, match="the loss became nan in epoch 1, step 1"):
        quiet(model)
    for name, array in arrays(model).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_outputs_that_are_no_probabilities_get_another_advice():
    model = Sequential([Flatten(), Dense(3)], networks.SHAPE)
    with pytest.raises(ArgumentError, match="or end the model with the sigmoid that this loss exp"):
        quiet(model, y=-np.ones((40, 3)), loss="binary_crossentropy")


def test_an_augmentation_that_changes_the_shape_is_named():
    class _Crop(Augmentation):
        def __call__(self, x, rng):
            return x[:, 1:]

    with pytest.raises(ArgumentError, match=r"_Crop\(\) made pictures of shape \(8, 7, 7, 2\) of"):
        quiet(networks.chain(), augment=_Crop())


BAD = [
    ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
    ({"epochs": True}, "epochs must be a whole number"),
    ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, got 2.5"),
    ({"loss": "hinge"}, "no loss named 'hinge'"),
    ({"optimizer": "newton"}, "no optimizer named 'newton'"),
    ({"y": Y[:5]}, "40 pictures but 5 labels"),
    ({"y": Y + 1}, "label 3 is outside the model's 3 classes"),
    ({"x": np.full_like(X, np.nan)}, "NaN or infinite: clean the pictures first"),
    ({"x": X[:, :5]}, r"expected N×8×7×2"),
    ({"x": X[:0]}, "the input is empty"),
    ({"validation_data": (X, Y + 1)}, "label 3 is outside the model's 3 classes"),
    ({"validation_data": (X[:, :5], Y)}, r"expected N×8×7×2"),
    ({"validation_data": X}, r"validation_data must be a pair of pictures and labels, \(x, y\)"),
    ({"validation_data": (X, Y, X)}, "validation_data must be a pair"),
    ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
    ({"seed": None}, "seed must be a whole number of at least 0, got None"),
    ({"augment": Flip}, r"augment must be an augmentation such as Shift\(2\), got <class"),
    ({"augment": lambda x, rng: x}, r"augment must be an augmentation such as Shift\(2\)"),
    ({"callbacks": Callback()}, r"callbacks must be a list of callbacks such as \[EarlyStopping"),
    ({"callbacks": [Callback]}, r"callbacks must be a list of callbacks such as \[EarlyStopping"),
]


@pytest.mark.parametrize(
    ("settings", "message"), BAD, ids=lambda v: v if isinstance(v, str) else ""
)
def test_bad_settings_are_refused_before_anything_changes(settings, message):
    model = networks.chain()
    before = model.fingerprint()
    with pytest.raises(ArgumentError, match=message):
        quiet(model, settings.pop("x", X), settings.pop("y", Y), **settings)
    assert model.fingerprint() == before


# What is left behind -----------------------------------------------------------------------------


def test_the_history_the_settings_and_what_is_printed(capsys):
    model = networks.chain()
    seen = []

    class _Watch(Callback):
        def train_begin(self, training):
            seen.append((training.step, len(training.history.epochs)))

        def epoch_end(self, training):
            assert training.model is model
            assert training.model.made["history"] == training.history.as_rows()
            seen.append((training.step, training.history.epochs[-1].loss))

    history = model.fit(
        X,
        Y,
        epochs=2,
        batch_size=16,
        validation_data=(X[:9], Y[:9]),
        callbacks=[_Watch(), Callback()],
    )
    assert seen == [(0, 0), (3, history["loss"][0]), (6, history["loss"][1])]
    assert history["learning_rate"] == [1e-3, 1e-3]
    assert all(math.isfinite(v) for v in history["val_loss"] + history["seconds"])
    assert model.made["seed"] == 0
    assert model.made["loss"].startswith("CategoricalCrossentropy(epsilon=1e-07, label_smoothing")
    assert model.made["optimizer"].startswith("Adam(learning_rate=0.001")
    assert model.made["versions"]["numpy"] == np.__version__
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"epoch 2/2  loss {history['loss'][1]:.4f}  accuracy ")
    assert "val_accuracy" in lines[1]
    quiet(model)
    assert capsys.readouterr() == ("", "")
    assert model.made["history"][0]["val_loss"] is None


def test_every_picture_is_seen_once_an_epoch():
    x = np.arange(10.0)[:, None]
    model = Sequential([Dense(1, use_bias=False)], (1,)).astype(np.float64)
    model.parameters()["dense_1/weight"][...] = 0
    history = quiet(model, x, x, batch_size=3, loss="mse", optimizer=SGD(1e-12))
    assert history["loss"][0] == pytest.approx((x**2).mean())


def test_accuracy_of_one_output_and_of_none():
    model = Sequential([Dense(1, activation="sigmoid")], (1,))
    model.parameters()["dense_1/weight"][...] = 5
    assert evaluate(model, [[-1.0], [1.0], [2.0]], [0, 1, 0], loss="mse").accuracy == 2 / 3
    picture = Sequential([Conv2D(1, 1)], (2, 2, 1))
    assert evaluate(picture, np.ones((2, 2, 2, 1)), np.ones((2, 2, 2, 1)), loss="mse").accuracy == 0


def test_frozen_layers_stay_and_dropout_draws_anew_at_each_step():
    model = networks.chain()
    model.node("conv2d_1").layer.trainable = False
    before = arrays(model)
    quiet(model)
    after = arrays(model)
    assert (after["conv2d_1/weight"] == before["conv2d_1/weight"]).all()
    assert (after["dense_1/weight"] != before["dense_1/weight"]).any()
    drop = Sequential([Dropout(0.5)], (50,))
    masks = [drop.run(np.ones((1, 50)), mode=Mode(train=True), step=s).output for s in (0, 1)]
    assert (masks[0] != masks[1]).any()
    with pytest.raises(ArgumentError, match=r"Dropout in training needs mode\.rng"):
        Dropout(0.5).forward(np.ones((1, 5)), mode=Mode(train=True))


def test_the_recipes_build_what_they_say():
    for recipe in RECIPES.values():
        model = recipe.build((28, 28, 1), 10, None, 0)
        assert model.output_shape == (10,)
        assert recipe.optimizer(100).rate() > 0
    tutorial = RECIPES["mnist-cnn"].build((28, 28, 1), 10, None, 0)
    assert sum(a.size for a in tutorial.parameters().values()) == 1_199_882
    assert tutorial.node("preds/softmax").inputs == ("preds",)


def test_a_gradient_that_overflows_changes_nothing_even_where_the_loss_is_finite():
    model = Sequential([Dense(1, use_bias=False)], (1,))
    model.node("dense_1").layer.params["weight"][...] = 1e-38
    x, y = np.full((4, 1), 3e38, np.float32), np.full((4, 1), -100, np.float32)
    with pytest.raises(ArgumentError, match="the loss became nan in epoch 1, step 1"):
        model.fit(x, y, epochs=1, loss="mse", verbose=False)
    assert model.node("dense_1").layer.params["weight"] == np.float32(1e-38)
