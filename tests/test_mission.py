"""The figures of the inventory, row by row: what the tutorials' exercises must come to.

Each test names its row and says where the text is wrong. What a row needs beyond its figures (every
padding, every dtype) is tested where the layer, the loss or the optimizer is.
"""

from __future__ import annotations

import math

import networks
import numpy as np
import pytest
import reference
import reference_layers as slow
import scipy.signal

import nnviz as nv
from nnviz.engine.layer import Call, Layer, Mode
from nnviz.engine.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    MaxPooling2D,
    Multiply,
    Normalization,
    ReLU,
    Sigmoid,
    Softmax,
    Step,
    Subsampling2D,
    TrueConv2D,
)
from nnviz.engine.sequential import Sequential
from nnviz.testing import check_layer
from nnviz.training import (
    CategoricalCrossentropy,
    HalfSumOfSquares,
    MeanSquaredError,
    check_gradients,
    gradient_descent,
    numerical_gradient,
)


def run(layer: Layer, *xs, train=False) -> Call:
    """The layer on float64 inputs, as the call that backward reads."""
    inputs = tuple(np.asarray(x, np.float64) for x in xs)
    y, saved = layer.forward(*inputs, mode=Mode(train=train))
    return Call(inputs, y, saved, Mode(train=train))


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def network(weights, biases, activations) -> nv.Model:
    """A chain of dense layers with these numbers."""
    layers = [
        Dense(len(b), activation=a).with_params(weight=np.array(w, float), bias=np.array(b, float))
        for w, b, a in zip(weights, biases, activations, strict=True)
    ]
    return Sequential(layers, (len(weights[0]),))


# A. The layer-by-layer library -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a1_random_stacks_have_the_numerical_gradient(seed):
    rng = np.random.default_rng(seed)
    curves = ["tanh", "sigmoid", "relu", "softplus", "elu", "gelu", "swish", None]
    sizes = rng.integers(2, 6, rng.integers(2, 6))
    layers = [Dense(int(s), activation=curves[rng.integers(len(curves))]) for s in sizes]
    model = Sequential(layers, (3,), seed=seed)
    targets = rng.standard_normal((5, int(sizes[-1])))
    check = check_gradients(model, rng.standard_normal((5, 3)), targets, loss="mse", seed=seed)
    assert check.ok, check


def test_a2_fully_connected():
    x, w, b, dy = random(4, 3), random(3, 2, seed=1), random(2, seed=2), random(4, 2, seed=3)
    layer = Dense(2).with_params(weight=w, bias=b)
    call = run(layer, x)
    np.testing.assert_allclose(call.y, [[row @ w[:, o] + b[o] for o in (0, 1)] for row in x])
    np.testing.assert_allclose(layer.backward(dy, call), dy @ w.T)
    np.testing.assert_allclose(layer.grads(dy, call)["weight"], x.T @ dy)
    np.testing.assert_allclose(layer.grads(dy, call)["bias"], [dy[:, 0].sum(), dy[:, 1].sum()])


def test_a4_mean_squared_error():
    y, t = random(6), random(6, seed=1)
    assert MeanSquaredError()(y, t) == pytest.approx(sum((y[i] - t[i]) ** 2 for i in range(6)) / 6)
    np.testing.assert_allclose(MeanSquaredError().gradient(y[None], t[None])[0], 2 * (y - t) / 6)


def test_a7_convolution_as_cross_correlation():
    """The text adds the bias once per input channel and multiplies its gradient by the depth."""
    x, w, b = random(1, 7, 6, 3), random(3, 2, 3, 4, seed=1), random(4, seed=2)
    layer = Conv2D(4, (3, 2)).with_params(weight=w, bias=b)
    call = run(layer, x)
    for o in range(4):
        maps = [scipy.signal.correlate2d(x[0, ..., k], w[..., k, o], "valid") for k in range(3)]
        np.testing.assert_allclose(call.y[0, ..., o], sum(maps) + b[o], rtol=1e-9)
    dy = random(*call.y.shape, seed=3)
    np.testing.assert_allclose(layer.grads(dy, call)["bias"], dy.sum((0, 1, 2)), rtol=1e-9)
    check_layer(Conv2D(4, (3, 2)), (7, 6, 3))


# B. From one neuron to a network -----------------------------------------------------------------


def test_b1_a_perceptron_decides():
    """Weather, company, distance with weights 8, 10 and 1, threshold 5: z > 5 goes."""
    layer = Dense(1).with_params(weight=np.array([[8.0], [10.0], [1.0]]), bias=np.array([-5.0]))
    every = np.array(list(np.ndindex(2, 2, 2)), float)
    decided = run(Step(), run(layer, every).y).y[:, 0]
    assert decided.tolist() == [0, 0, 1, 1, 1, 1, 1, 1]


def test_b2_sigmoid_relu_softmax():
    with np.errstate(all="raise", under="ignore"):
        y = run(Sigmoid(), [[-1000, -1, 0, 1, 1000]]).y[0]
        np.testing.assert_allclose(y, [0, 1 / (1 + math.e), 0.5, 1 / (1 + 1 / math.e), 1])
        assert run(ReLU(), [[-1000, 0, 1000]]).y.tolist() == [[0, 0, 1000]]
        y = run(Softmax(), [[1010, 1000, 990]]).y[0]
    np.testing.assert_allclose(y, [0.99995460, 4.53978686e-05, 2.06106005e-09], rtol=1e-8)


def test_b3_mean_squared_error_of_four():
    assert MeanSquaredError()([1, 0, 0, 1], [0, 0, 0, 0]) == 0.5


def test_b4_a_neuron():
    model = network([[[0], [1]]], [[4]], ["sigmoid"])
    assert model.predict([[2.0, 3.0]])[0, 0] == pytest.approx(0.9990889488055994, rel=1e-15)


def test_b5_a_network_of_neurons():
    model = network([[[0, 0], [1, 1]], [[0], [1]]], [[0, 0], [0]], ["sigmoid", "sigmoid"])
    assert model.predict([[2.0, 3.0]])[0, 0] == pytest.approx(0.7216325609518421, rel=1e-15)


# C. The textbook notes ---------------------------------------------------------------------------


def test_c1_gates_and_xor_from_them():
    every = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)

    def gate(w1, w2, b):
        return network([[[w1], [w2]]], [[b]], ["step"])

    def told(model, inputs):
        return model.predict(inputs)[:, 0]

    both, nand, either = gate(0.5, 0.5, -0.7), gate(-0.5, -0.5, 0.7), gate(0.5, 0.5, -0.2)
    assert told(both, every).tolist() == [0, 0, 0, 1]
    assert told(nand, every).tolist() == [1, 1, 1, 0]
    assert told(either, every).tolist() == [0, 1, 1, 1]
    inside = np.stack([told(nand, every), told(either, every)], axis=1)
    assert told(both, inside).tolist() == [0, 1, 1, 0]


def test_c3_three_layers_forward():
    weights = [
        [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
        [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
        [[0.1, 0.3], [0.2, 0.4]],
    ]
    biases = [[0.1, 0.2, 0.3], [0.1, 0.2], [0.1, 0.2]]
    model = network(weights, biases, ["sigmoid", "sigmoid", "linear"])
    y = model.predict([[1.0, 0.5]])[0]
    np.testing.assert_allclose(y, [0.31682708, 0.69627909], atol=5e-9)


def test_c4_losses():
    y, t = [0.1, 0.05, 0.6, 0, 0.05, 0.1, 0, 0.1, 0, 0], np.eye(10)[2]
    assert HalfSumOfSquares()(y, t) == pytest.approx(0.0975)
    assert CategoricalCrossentropy()(y, t) == pytest.approx(0.510825457, abs=5e-10)
    assert CategoricalCrossentropy()(y, 2) == pytest.approx(0.510825457, abs=5e-10)
    assert CategoricalCrossentropy()([y, y], [2, 2]) == pytest.approx(0.510825457, abs=5e-10)
    assert CategoricalCrossentropy()([y, y], [t, t]) == pytest.approx(0.510825457, abs=5e-10)
    assert CategoricalCrossentropy()(y, 3) == pytest.approx(-math.log(1e-7)), "safe at log 0"


def bowl(power):
    """(a − 1)² + (b − 2)^power + c²; with 3, as the text has it, there is no minimum."""
    return lambda v: (v[0] - 1) ** 2 + (v[1] - 2) ** power + v[2] ** 2


def test_c5_numerical_gradient_and_descent():
    np.testing.assert_allclose(numerical_gradient(bowl(3), (2, 3, 5)), [2, 3, 10], rtol=1e-7)
    path = gradient_descent(bowl(2), (2, 3, 5), learning_rate=0.1, steps=100)
    assert path.shape == (101, 3)
    np.testing.assert_allclose(path[-1], [1, 2, 0], atol=1e-8)
    with pytest.raises(nv.NnvizError, match="the descent ran away to infinity in step"):
        gradient_descent(bowl(3), (2, 1, 5), learning_rate=0.1, steps=100)


def test_c6_apples_and_tax():
    times = Multiply()
    apples = run(times, [[100.0]], [[2.0]])
    price = run(times, apples.y, [[1.1]])
    assert price.y == pytest.approx(220)
    d_apples, d_tax = times.backward(np.ones((1, 1)), price)
    d_price, d_count = times.backward(d_apples, apples)
    assert [float(d.item()) for d in (d_price, d_count, d_tax)] == pytest.approx([2.2, 110, 200])


def test_c6_apples_oranges_and_tax():
    """The text's second: 3 oranges at 150 as well, with an add node; 715."""
    times, plus = nv.Multiply(), nv.Add()
    apples, oranges = run(times, [[100.0]], [[2.0]]), run(times, [[150.0]], [[3.0]])
    fruit = run(plus, apples.y, oranges.y)
    price = run(times, fruit.y, [[1.1]])
    assert price.y == pytest.approx(715)
    d_fruit, d_tax = times.backward(np.ones((1, 1)), price)
    d_apples, d_oranges = plus.backward(d_fruit, fruit)
    got = [*times.backward(d_apples, apples), *times.backward(d_oranges, oranges), d_tax]
    assert [float(d.item()) for d in got] == pytest.approx([2.2, 110, 3.3, 165, 650])


def test_c7_softmax_with_cross_entropy():
    """The text's last backward subtracts the input instead of the label: (y − t) / batch."""
    model = Sequential([Dense(3, activation="softmax")], (4,)).astype(np.float64)
    x, labels = random(5, 4), np.array([0, 2, 1, 1, 0])
    y, t = model.predict(x), np.eye(3)[labels]
    loss = CategoricalCrossentropy()
    z = run(model.node("dense_1").layer, x).y
    np.testing.assert_allclose(loss.gradient_from_logits(z, t) / 5, (y - t) / 5, rtol=1e-9)
    slope = numerical_gradient(lambda z: loss.values_from_logits(z, t).mean(), z, h=1e-5)
    np.testing.assert_allclose(slope, (y - t) / 5, atol=1e-9)
    assert check_gradients(model, x, labels).ok
    for layer in (ReLU(), Sigmoid(), Softmax()):
        check_layer(layer, (5,))


def test_c10_batch_normalization():
    x, gamma, beta = random(6, 3, 2, 4), random(4, seed=1), random(4, seed=2)
    layer = BatchNormalization(momentum=0.0, epsilon=1e-3)
    layer.build(np.random.default_rng(0), (3, 2, 4))
    layer = layer.with_params(gamma=gamma, beta=beta).astype(np.float64)
    trained = run(layer, x, train=True)
    wanted = reference.batch_norm(x, gamma, beta, 1e-3)
    np.testing.assert_allclose(trained.y, wanted, rtol=1e-9)
    layer.buffers = layer.new_buffers([trained])
    np.testing.assert_allclose(run(layer, x).y, wanted, rtol=1e-9)  # inference, same statistics
    check_layer(BatchNormalization(), (3, 2, 4))


@pytest.mark.parametrize(("rows", "padding", "stride", "kernel"), [(7, 0, 2, 3), (28, 2, 1, 5)])
def test_c12_convolution_and_pooling_with_padding_and_stride(rows, padding, stride, kernel):
    pads = ((padding, padding),) * 2
    x, w = random(1, rows, rows, 2), random(kernel, kernel, 2, 3, seed=1)
    layer = Conv2D(3, kernel, strides=stride, padding=pads).with_params(weight=w, bias=np.zeros(3))
    y = run(layer, x).y
    size = (rows + 2 * padding - kernel) // stride + 1
    assert y.shape == (1, size, size, 3)
    np.testing.assert_allclose(
        y, reference.conv(x, w, np.zeros(3), (stride,) * 2, pads), rtol=1e-9, atol=1e-12
    )
    for pool, by_loops in (
        (MaxPooling2D, reference.max_pool),
        (AveragePooling2D, reference.average_pool),
    ):
        layer = pool(kernel, strides=stride, padding=pads)
        call = run(layer, x)
        dy = random(*call.y.shape, seed=2)
        wanted, dx = by_loops(x, dy, (kernel,) * 2, (stride,) * 2, pads)
        np.testing.assert_allclose(call.y, wanted, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(layer.backward(dy, call), dx, rtol=1e-9, atol=1e-12)


def test_c13_a_saved_model_carries_its_preprocessing(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3)).astype(np.uint8)
    spec = nv.InputSpec((6, 5, 3), mean=(x / 255).mean((0, 1, 2)), std=(x / 255).std((0, 1, 2)))
    tail = [nv.Flatten(), Dense(4, activation="softmax")]
    beside = Sequential(tail, (6, 5, 3), input=spec)
    inside = Sequential([Normalization.of(x), *tail], (6, 5, 3))
    np.testing.assert_allclose(beside.predict(x), inside.predict(x), rtol=1e-5)
    prepared = beside.input.prepare(x)
    np.testing.assert_allclose(prepared.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std((0, 1, 2)), 1, rtol=1e-5)
    for name, model in (("beside", beside), ("inside", inside)):
        model.save(tmp_path / name)
        again = nv.load(tmp_path / f"{name}.npz")
        np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.nodes[0].layer.mean == inside.nodes[0].layer.mean


# D. The hand-written MNIST CNN -------------------------------------------------------------------


@pytest.mark.parametrize("curve", ["sigmoid", "tanh"])
def test_d2_true_convolution_with_a_curve(curve):
    """The text multiplies matrices where it should multiply elements."""
    x, w, b = random(1, 8, 7, 2), random(3, 3, 2, 2, seed=1), random(2, seed=2)
    layer = TrueConv2D(2, 3, activation=curve).with_params(weight=w, bias=b)
    model = Sequential([layer], (8, 7, 2))
    y = model.predict(x)
    for o in range(2):
        maps = [scipy.signal.convolve2d(x[0, ..., k], w[..., k, o], "valid") for k in range(2)]
        z = sum(maps) + b[o]
        wanted = np.tanh(z) if curve == "tanh" else 1 / (1 + np.exp(-z))
        np.testing.assert_allclose(y[0, ..., o], wanted, rtol=1e-9)


def test_d3_max_pooling_remembers_where():
    x = np.array([[1, 5, 2, 0], [3, 4, 9, 8], [7, 7, 0, 0], [7, 6, 0, 1]], float)
    layer = MaxPooling2D(2)
    call = run(layer, x.reshape(1, 4, 4, 1))
    assert call.y[0, ..., 0].tolist() == [[5, 9], [7, 1]]
    dx = layer.backward(np.array([[10.0, 20.0], [30.0, 40.0]]).reshape(1, 2, 2, 1), call)
    wanted = [[0, 10, 0, 0], [0, 0, 20, 0], [30, 0, 0, 0], [0, 0, 0, 40]]
    assert dx[0, ..., 0].tolist() == wanted, "of three sevens, the first takes all"


def test_d4_subsampling_learns_a_weight_and_a_bias_a_channel():
    layer = Subsampling2D(2, activation="sigmoid")
    model = Sequential([layer], (6, 4, 3)).astype(np.float64)
    assert {k: v.shape for k, v in model.parameters().items()} == {
        "subsampling2d_1/weight": (3,),
        "subsampling2d_1/bias": (3,),
    }
    x = random(2, 6, 4, 3)
    own = model.node("subsampling2d_1").layer
    own.params.update(weight=random(3, seed=1), bias=random(3, seed=2))
    z = slow.subsampling(x, own.params["weight"], own.params["bias"], (2, 2), (2, 2), ((0, 0),) * 2)
    np.testing.assert_allclose(model.predict(x), 1 / (1 + np.exp(-z)), rtol=1e-9)
    assert check_gradients(model, x, random(2, 3, 2, 3, seed=3), loss="mse").ok
    check_layer(Subsampling2D(2), (6, 4, 3))


def test_d7_the_texts_whole_network_has_the_numerical_gradient():
    layers = [
        TrueConv2D(10, 3, activation="sigmoid"),
        MaxPooling2D(2),
        nv.Flatten(),
        Dense(16, activation="sigmoid"),
        Dense(3, activation="softmax"),
    ]
    model = Sequential(layers, networks.SHAPE)
    check = check_gradients(model, networks.pictures(model, 4), [0, 1, 2, 0])
    assert check.ok, check
