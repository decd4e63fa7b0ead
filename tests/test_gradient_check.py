"""The tools of a learner: numerical gradients, descent, and who is guilty of a wrong gradient."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from nnviz.data.sample import FILE
from nnviz.engine.graph import Input
from nnviz.engine.layer import Layer
from nnviz.engine.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    ReLU,
)
from nnviz.engine.model import Model
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError
from nnviz.training import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    check_gradients,
    gradient_descent,
    numerical_gradient,
)

# Numerical gradient and descent -------------------------------------------------------------------


def test_the_numerical_gradient_of_what_is_known():
    for shape in ((), (3,), (2, 3)):
        x = np.random.default_rng(0).standard_normal(shape)
        got = numerical_gradient(lambda v: float((v**3).sum()), x, h=1e-5)
        np.testing.assert_allclose(got, 3 * x**2, rtol=1e-7, atol=1e-9)
        assert got.shape == shape
    whole = [1, 2]
    np.testing.assert_allclose(numerical_gradient(lambda v: v[0] * v[1], whole), [2, 1])
    assert whole == [1, 2]


def test_the_point_given_is_not_moved():
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    numerical_gradient(np.sum, x)
    gradient_descent(lambda v: float(v @ v), x, steps=3)
    np.testing.assert_array_equal(x, [1, 2])


def test_a_descent_is_steps_against_the_gradient():
    path = gradient_descent(lambda v: float(v @ v), [1.0, -2.0], learning_rate=0.25, steps=3)
    np.testing.assert_allclose(path, [[1, -2], [0.5, -1], [0.25, -0.5], [0.125, -0.25]])
    exact = gradient_descent(
        lambda v: float(v @ v), [1.0], learning_rate=0.25, steps=2, gradient=lambda v: 2 * v
    )
    np.testing.assert_array_equal(exact, [[1], [0.5], [0.25]])
    assert gradient_descent(np.sum, [1.0, 2.0], steps=0).tolist() == [[1, 2]]
    assert gradient_descent(lambda v: float(v**2), 3.0, steps=5).shape == (6,)


def test_a_descent_that_runs_away_is_an_error_and_no_warning():
    message = "the descent ran away to infinity in step .*: the function may have no minimum"
    for f in (lambda v: float(v[0] ** 3), lambda v: v.tolist()[0] ** 3, lambda v: -np.exp(v[0])):
        with pytest.raises(ArgumentError, match=message):
            gradient_descent(f, [-1.0] if f([-1.0] * np.ones(1)) > -1.5 else [3.0], steps=500)
    with pytest.raises(ArgumentError, match="or the learning rate is too large"):
        gradient_descent(lambda v: float(v @ v), [1.0], learning_rate=3.0, steps=2000)


@pytest.mark.parametrize("settings", [{"steps": -1}, {"learning_rate": 0}])
def test_a_descent_that_cannot_be_is_refused(settings):
    with pytest.raises(ArgumentError, match="gradient_descent needs steps ≥ 0 and learning_rate"):
        gradient_descent(np.sum, [1.0], **settings)


# Right models ------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("build", networks.ALL.values(), ids=networks.ALL)
def test_right_models_are_found_right(build, loss):
    model = build()
    before = model.fingerprint()
    x = networks.pictures(model, 5)
    targets = np.random.default_rng(1).random((5, *model.output_shape))
    check = check_gradients(model, x, targets, loss=loss)
    assert check.ok, check
    assert check.guilty == []
    assert set(check.params) == set(model.parameters())
    assert list(check.nodes) == [node.name for node in model.nodes]
    assert max([*check.params.values(), *check.nodes.values()]) <= check.tolerance == 1e-6
    assert "all layers are right" in str(check)
    assert "WRONG" not in str(check)
    assert model.fingerprint() == before


@pytest.mark.parametrize(
    "loss",
    [
        "half_sum_of_squares",
        BinaryCrossentropy(label_smoothing=0.1),
        CategoricalCrossentropy(class_weights=[1, 2, 3]),
    ],
    ids=str,
)
def test_with_other_losses(loss):
    model = networks.chain()
    check = check_gradients(model, networks.pictures(model, 5), [0, 1, 2, 0, 1], loss=loss)
    assert check.ok, check


def test_black_pictures_and_biases_of_zero_do_not_look_like_a_fault():
    """Real digits on a fresh network lie on every ReLU's corner and tie in every max pooling."""
    digits = np.load(FILE)["x"][:4]
    layers = [
        Conv2D(8, 3, activation="relu"),
        Conv2D(8, 3, activation="relu"),
        MaxPooling2D(2),
        Flatten(),
        Dense(16, activation="relu"),
        Dense(10, activation="softmax"),
    ]
    for seed in range(3):
        model = Sequential(layers, (28, 28, 1), seed=seed)
        check = check_gradients(model, digits, [0, 1, 2, 3], seed=seed)
        assert check.ok, check
    flat = Sequential([ReLU(), MaxPooling2D(2), Flatten(), Dense(2)], (6, 6, 1))
    assert check_gradients(flat, np.zeros((2, 6, 6, 1)), [0, 1]).ok


def test_a_frozen_layer_has_no_gradient_of_the_loss_but_one_of_its_own():
    model = networks.chain()
    model.node("conv2d_1").layer.trainable = False
    check = check_gradients(model, networks.pictures(model, 4), [0, 1, 2, 0])
    assert check.ok
    assert "conv2d_1/weight" not in check.params
    assert "dense_1/weight" in check.params
    assert check.nodes["conv2d_1"] <= 1e-6


# Planted mistakes --------------------------------------------------------------------------------


class _WrongBackward(Dense):
    def backward(self, dy, call):
        return 0.999 * super().backward(dy, call)


class _OneWrongPlace(ReLU):
    def backward(self, dy, call):
        dx = super().backward(dy, call)
        dx[0, 0] += 1e-3
        return dx


class _WrongGrads(Dense):
    def grads(self, dy, call):
        grads = super().grads(dy, call)
        return {**grads, "bias": grads["bias"] / len(dy)}  # a mean where a sum belongs


class _TextsBias(Conv2D):
    """The text's own mistake: the bias's gradient times the depth."""

    def grads(self, dy, call):
        grads = super().grads(dy, call)
        return {**grads, "bias": grads["bias"] * call.x.shape[3]}


class _WrongShape(Dense):
    def backward(self, dy, call):
        return super().backward(dy, call)[:, :-1]


class _WrongGradShape(Dense):
    def grads(self, dy, call):
        grads = super().grads(dy, call)
        return {**grads, "weight": grads["weight"].T}


class _Forgets(Dense):
    def grads(self, dy, call):
        return {"weight": super().grads(dy, call)["weight"]}


class _NotANumber(Dense):
    def grads(self, dy, call):
        grads = super().grads(dy, call)
        return {**grads, "bias": grads["bias"] * np.nan}


class _NothingBack(ReLU):
    def backward(self, dy, call):
        return np.zeros_like(dy)


PLANTED = {
    "backward": lambda: _WrongBackward(6),
    "one place": lambda: _OneWrongPlace(),
    "grads": lambda: _WrongGrads(6),
    "shape": lambda: _WrongShape(6),
    "shape of grads": lambda: _WrongGradShape(6),
    "forgotten": lambda: _Forgets(6),
    "nan": lambda: _NotANumber(6),
    "zeros": lambda: _NothingBack(),
}


@pytest.mark.parametrize("name", PLANTED)
def test_the_guilty_layer_is_named(name):
    layers = [
        Flatten(),
        Dense(6, activation="tanh"),
        PLANTED[name](),
        BatchNormalization(),
        Dropout(0.2),
        Dense(3, activation="softmax"),
    ]
    model = Sequential(layers, networks.SHAPE)
    guilty = model.nodes[3].name
    check = check_gradients(model, networks.pictures(model, 5), [0, 1, 2, 0, 1])
    assert not check.ok
    assert check.guilty == [guilty]
    text = str(check)
    assert text.splitlines()[-1] == f"the fault is in: {guilty}"
    assert [line.split()[0] for line in text.splitlines() if "WRONG" in line][-1] == guilty
    assert not check.nodes[guilty] <= 1e-6


def test_what_lies_before_a_wrong_backward_is_wrong_in_the_loss_but_not_guilty():
    model = Sequential([Dense(4), _WrongBackward(3), Dense(2)], (5,))
    check = check_gradients(model, np.random.default_rng(0).random((4, 5)), [0, 1, 1, 0])
    wrong = {key for key, error in check.params.items() if error > 1e-6}
    assert wrong == {"dense_1/weight", "dense_1/bias"}
    assert check.params["dense_1/weight"] == pytest.approx(1e-3, rel=0.9)


def test_the_texts_wrong_bias_is_found():
    model = Sequential([_TextsBias(3, 3), Flatten(), Dense(2)], networks.SHAPE)
    check = check_gradients(model, networks.pictures(model, 3), [0, 1, 0])
    assert len(check.guilty) == 1
    assert check.params[f"{check.guilty[0]}/bias"] == pytest.approx(0.5, rel=0.9)
    assert check.params[f"{check.guilty[0]}/weight"] <= 1e-6


def test_two_guilty_ones_are_named_in_order_also_where_they_are_one_layer():
    shared = _WrongBackward(4)
    x = Input((4,))
    model = Model(x, Dense(2)(shared(ReLU()(shared(x)))))
    check = check_gradients(model, np.random.default_rng(0).random((4, 4)), [0, 1, 1, 0])
    assert check.guilty == [n.name for n in model.nodes if n.layer is shared]
    assert len(check.guilty) == 2


def test_a_wrong_number_of_gradients_names_its_node():
    class _TwoForOne(ReLU):
        def backward(self, dy, call):
            return dy, dy

    model = Sequential([Dense(3), _TwoForOne(), Dense(2)], (4,))
    with pytest.raises(
        ArgumentError, match=r"gave 2 gradient\(s\), expected one for each of its 1"
    ):
        check_gradients(model, np.ones((2, 4)), [0, 1])


def test_a_students_own_error_comes_through():
    class _Breaks(Layer):
        def forward(self, *xs, mode):
            return xs[0] * 2, None

        def backward(self, dy, call):
            raise ZeroDivisionError("mine")

    model = Sequential([Dense(3), _Breaks(), Dense(2)], (4,))
    with pytest.raises(ZeroDivisionError, match="mine"):
        check_gradients(model, np.ones((2, 4)), [0, 1])


def test_what_the_report_of_a_check_looks_like():
    model = Sequential([_WrongGrads(2, name="mine")], (3,))
    x, t = np.random.default_rng(0).random((8, 3)), np.ones((8, 2))
    lines = str(check_gradients(model, x, t, loss="mse")).splitlines()
    assert lines[0].split() == ["gradient", "of", "the", "loss", "for", "relative", "error"]
    assert [line.split()[0] for line in lines[1:3]] == ["mine/weight", "mine/bias"]
    assert lines[2].endswith("WRONG")
    assert not lines[1].endswith("WRONG")
    assert lines[3] == "own gradients of"
    assert lines[4].startswith("mine ")
    assert lines[5] == "the fault is in: mine"
