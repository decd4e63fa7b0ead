"""Layers against loop-level versions of their formulas, and figures known from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import scipy.signal

from nnviz.engine import patches
from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)

CLOSE = {"rtol": 1e-12, "atol": 1e-12}  # float64 sums in another order


def run(layer, x, mode=Mode()):  # noqa: B008  (frozen)
    y, saved = layer.forward(x, mode=mode)
    return Call((x,), y, saved, mode)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


CONVOLUTIONS = [
    # size, channels, filters, kernel, stride, pads, dilation, groups
    ((5, 6), 2, 3, (3, 3), (1, 1), "valid", (1, 1), 1),
    ((5, 6), 2, 3, (3, 3), (1, 1), "same", (1, 1), 1),
    ((6, 5), 2, 2, (2, 4), (1, 1), "same", (1, 1), 1),
    ((7, 6), 2, 2, (3, 2), (2, 3), "same", (1, 1), 1),
    ((6, 7), 1, 2, (3, 3), (2, 2), ((0, 1), (2, 0)), (1, 1), 1),
    ((8, 7), 2, 2, (3, 2), (1, 1), "valid", (2, 3), 1),
    ((8, 7), 2, 2, (3, 3), (2, 1), "same", (2, 1), 1),
    ((5, 4), 4, 6, (3, 3), (1, 1), "same", (1, 1), 2),
    ((5, 4), 3, 6, (2, 2), (2, 1), ((1, 1), (0, 3)), (1, 1), 3),
    ((3, 4), 3, 2, (1, 1), (1, 1), "valid", (1, 1), 1),
    ((4, 5), 3, 2, (1, 1), (2, 2), "valid", (1, 1), 1),
    ((3, 3), 1, 1, (3, 3), (1, 1), ((4, 4), (4, 4)), (1, 1), 1),  # whole windows in the padding
    ((2, 2), 1, 1, (1, 1), (4, 4), "same", (1, 1), 1),  # a stride beyond the picture
]


@pytest.mark.parametrize("block_bytes", [1 << 20, 200], ids=["one block", "many blocks"])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_and_its_gradients(case, block_bytes, monkeypatch):
    monkeypatch.setattr(patches, "CACHE_BYTES", block_bytes)
    size, channels, filters, kernel, stride, padding, dilation, groups = case
    layer = Conv2D(
        filters, kernel, strides=stride, padding=padding, dilation_rate=dilation, groups=groups
    )
    x, w = random(2, *size, channels), random(*kernel, channels // groups, filters, seed=1)
    b = random(filters, seed=2)
    layer = layer.with_params(weight=w, bias=b)
    pads = {"valid": ((0, 0), (0, 0)), "same": reference.same_pads(size, kernel, stride, dilation)}
    setting = (stride, padding if isinstance(padding, tuple) else pads[padding], dilation, groups)
    call = run(layer, x)
    np.testing.assert_allclose(call.y, reference.conv(x, w, b, *setting), **CLOSE)
    dy = random(*call.y.shape, seed=3)
    dx, dw, db = reference.conv_gradients(x, w, dy, *setting)
    np.testing.assert_allclose(layer.backward(dy, call), dx, **CLOSE)
    grads = layer.grads(dy, call)
    np.testing.assert_allclose(grads["weight"], dw, **CLOSE)
    np.testing.assert_allclose(grads["bias"], db, **CLOSE)


def test_convolution_is_scipys_correlation_summed_over_channels():
    x, w = random(1, 9, 8, 3), random(3, 3, 3, 2, seed=1)
    layer = Conv2D(2, 3).with_params(weight=w, bias=np.array([0.5, -1]))
    y = run(layer, x).y[0]
    for o in range(2):
        parts = [
            scipy.signal.correlate2d(x[0, :, :, k], w[:, :, k, o], mode="valid") for k in range(3)
        ]
        np.testing.assert_allclose(y[:, :, o], sum(parts) + [0.5, -1][o], **CLOSE)


POOLS = [
    # size, pool, stride, padding
    ((6, 4), (2, 2), (2, 2), "valid"),
    ((7, 5), (2, 2), (2, 2), "valid"),
    ((7, 5), (2, 2), (2, 2), "same"),
    ((6, 5), (3, 3), (2, 2), "same"),
    ((6, 5), (3, 3), (1, 1), "same"),
    ((5, 6), (2, 3), (1, 2), ((1, 0), (0, 2))),
    ((7, 7), (1, 2), (3, 3), "same"),
]


@pytest.mark.parametrize("case", POOLS, ids=str)
@pytest.mark.parametrize(
    ("kind", "slow"),
    [(MaxPooling2D, reference.max_pool), (AveragePooling2D, reference.average_pool)],
    ids=["max", "average"],
)
def test_pooling_with_ties_and_borders(kind, slow, case):
    size, pool, stride, padding = case
    layer = kind(pool, strides=stride, padding=padding)
    # Whole numbers from −3 to −1: full of ties, and the padding's zero must not win.
    x = np.random.default_rng(0).integers(-3, 0, (2, *size, 2)).astype(np.float64)
    call = run(layer, x)
    dy = random(*call.y.shape, seed=1)
    pads = {"valid": ((0, 0), (0, 0)), "same": reference.same_pads(size, pool, stride)}
    framed = padding if isinstance(padding, tuple) else pads[padding]
    y, dx = slow(x, dy, pool, stride, framed)
    np.testing.assert_allclose(call.y, y, **CLOSE)
    np.testing.assert_allclose(layer.backward(dy, call), dx, **CLOSE)


def test_a_tie_of_all_four_goes_to_the_first():
    call = run(MaxPooling2D(2), np.ones((1, 2, 2, 1)))
    dx = MaxPooling2D(2).backward(np.full((1, 1, 1, 1), 5.0), call)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[5, 0], [0, 0]])


@pytest.mark.parametrize("shape", [(4, 3, 2, 3), (7, 3)], ids=["pictures", "vectors"])
def test_batch_normalization_in_training(shape):
    x, gamma, beta = random(*shape), random(3, seed=1), random(3, seed=2)
    layer = BatchNormalization(epsilon=1e-3)
    layer.build(np.random.default_rng(0), shape[1:])
    layer = layer.with_params(gamma=gamma, beta=beta)
    wanted = reference.batch_norm(x, gamma, beta, 1e-3)
    np.testing.assert_allclose(run(layer, x, Mode(train=True)).y, wanted, **CLOSE)
    moved = layer.new_buffers([run(layer, x, Mode(train=True))])
    mean, variance = x.reshape(-1, 3).mean(0), x.reshape(-1, 3).var(0)
    np.testing.assert_allclose(moved["moving_mean"], 0.01 * mean, rtol=1e-6)
    np.testing.assert_allclose(moved["moving_variance"], 0.99 + 0.01 * variance, rtol=1e-6)
    layer.buffers = {"moving_mean": mean, "moving_variance": variance}
    np.testing.assert_allclose(run(layer, x).y, wanted, **CLOSE)


def test_dense():
    x, w, b = random(4, 5), random(5, 3, seed=1), random(3, seed=2)
    layer = Dense(3).with_params(weight=w, bias=b)
    call = run(layer, x)
    np.testing.assert_allclose(call.y, reference.dense(x, w, b), **CLOSE)
    dy = random(4, 3, seed=3)
    np.testing.assert_allclose(layer.backward(dy, call), dy @ w.T, **CLOSE)
    np.testing.assert_allclose(layer.grads(dy, call)["weight"], x.T @ dy, **CLOSE)
    np.testing.assert_allclose(layer.grads(dy, call)["bias"], dy.sum(0), **CLOSE)


def test_softmax():
    x = random(3, 6) * 5
    y = run(Softmax(), x).y
    np.testing.assert_allclose(y, [reference.softmax(list(row)) for row in x], **CLOSE)
    y = run(Softmax(), np.array([[1010.0, 1000.0, 990.0]])).y
    np.testing.assert_allclose(y[0], [0.99995460, 4.53978686e-05, 2.06106005e-09], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_does_not_overflow(dtype):
    y = run(Sigmoid(), np.array([[-1000, -1, 0, 1, 1000]], dtype)).y
    np.testing.assert_allclose(y[0], [0, 0.26894142, 0.5, 0.73105858, 1], rtol=1e-6)


def test_the_other_activations():
    x = np.array([[-2.0, 0.0, 3.0]])
    np.testing.assert_array_equal(run(ReLU(), x).y, [[0, 0, 3]])
    np.testing.assert_array_equal(ReLU().backward(np.ones((1, 3)), run(ReLU(), x)), [[0, 0, 1]])
    np.testing.assert_allclose(run(Tanh(), x).y, np.tanh(x))


def test_flatten_is_row_major_with_channels_last_and_the_mean_is_over_places():
    x = random(2, 3, 4, 5)
    y = run(Flatten(), x).y
    assert y[1, (2 * 4 + 1) * 5 + 3] == x[1, 2, 1, 3]
    np.testing.assert_allclose(run(GlobalAveragePooling2D(), x).y, x.mean((1, 2)), **CLOSE)


def test_dropout_keeps_the_expected_value():
    x = np.ones((50, 20, 20, 1), np.float32)
    call = run(Dropout(0.25), x, Mode(train=True, rng=np.random.default_rng(0)))
    assert set(np.unique(call.y)) == {np.float32(0), np.float32(1 / 0.75)}
    share = float((call.y == 0).mean())
    assert abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / x.size)  # five standard deviations
    assert run(Dropout(0.25), x).y is x
    assert run(Dropout(0), x, Mode(train=True)).y is x
