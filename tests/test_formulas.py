"""The later layers against loop-level versions of their formulas, or SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import reference
import reference_layers as slow
import scipy.signal
import scipy.stats

from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers import (
    GELU,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Dropout,
    LocalResponseNormalization,
    Normalization,
    SpatialDropout2D,
    Subsampling2D,
    TrueConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from nnviz.engine.layers.named import ACTIVATIONS
from nnviz.errors import ArgumentError
from nnviz.testing import check_layer

CLOSE = {"rtol": 1e-12, "atol": 1e-12}  # float64 sums in another order
NONE = ((0, 0), (0, 0))


def run(layer, x, mode=Mode()):  # noqa: B008  (frozen)
    y, saved = layer.forward(x, mode=mode)
    return Call((x,), y, saved, mode)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# Activations -------------------------------------------------------------------------------------


def test_every_activation_has_its_formula_here():
    assert set(ACTIVATIONS) == {*slow.CURVES, "softmax"}


@pytest.mark.parametrize("name", slow.CURVES)
def test_activations_and_their_slopes(name):
    layer, curve = ACTIVATIONS[name](), slow.CURVES[name]
    x = np.concatenate([random(3, 7, seed=1) * 4, [[-8.0, -2.9, -1e-3, 1e-3, 0.5, 2.9, 8.0]]])
    layer.build(np.random.default_rng(0), (7,))
    call = run(layer.astype(np.float64), x)
    wanted = [[curve(float(v)) for v in row] for row in x]
    np.testing.assert_allclose(call.y, wanted, rtol=1e-12, atol=1e-15)
    h = 1e-5
    slopes = [[(curve(float(v) + h) - curve(float(v) - h)) / (2 * h) for v in row] for row in x]
    dy = random(*x.shape, seed=2)
    np.testing.assert_allclose(layer.backward(dy, call), dy * slopes, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "softmax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_activation_overflows_on_either_side(name, dtype):
    layer = ACTIVATIONS[name]()
    layer.build(np.random.default_rng(0), (2,))
    call = run(layer, np.array([[-1000, 1000]], dtype))
    dx = layer.backward(np.ones((1, 2), dtype), call)
    assert np.isfinite(call.y).all()
    assert np.isfinite(dx).all()
    low = {"linear": -1000, "leaky_relu": -300, "prelu": -250, "elu": -1, "selu": -1.7580993}
    assert call.y[0, 0] == pytest.approx(low.get(name, -1 if name == "tanh" else 0), abs=1e-6)
    bounded = {"sigmoid": 1, "tanh": 1, "step": 1, "selu": 1050.701}
    assert call.y[0, 1] == pytest.approx(bounded.get(name, 1000), rel=1e-6)


def test_gelu_is_x_times_the_normal_distribution():
    x = np.linspace(-6, 6, 41)[None]
    call = run(GELU(), x)
    np.testing.assert_allclose(call.y, x * scipy.stats.norm.cdf(x), rtol=1e-12, atol=1e-15)
    wanted = scipy.stats.norm.cdf(x) + x * scipy.stats.norm.pdf(x)
    np.testing.assert_allclose(GELU().backward(np.ones_like(x), call), wanted, **CLOSE)


def test_prelu_learns_a_slope_for_each_channel():
    layer = ACTIVATIONS["prelu"]().with_params(slope=np.array([0.1, 0.0, 2.0]))
    x = -np.ones((2, 2, 2, 3))
    call = run(layer, x)
    np.testing.assert_allclose(call.y[0, 0, 0], [-0.1, 0, -2])
    grads = layer.grads(np.full(x.shape, 0.5), call)
    np.testing.assert_allclose(grads["slope"], [-4, -4, -4])  # Σ dy · x over 8 places


# Convolutions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 1)], ids=str)
def test_true_convolution_is_scipys_summed_over_channels(kernel):
    x, w, b = random(2, 7, 8, 3), random(*kernel, 3, 2, seed=1), np.array([0.5, -1])
    y = run(TrueConv2D(2, kernel).with_params(weight=w, bias=b), x).y
    for n, o in np.ndindex(2, 2):
        parts = [scipy.signal.convolve2d(x[n, ..., k], w[..., k, o], "valid") for k in range(3)]
        np.testing.assert_allclose(y[n, ..., o], sum(parts) + b[o], **CLOSE)


def test_true_convolution_is_correlation_with_turned_kernels_in_everything():
    settings = {"strides": (2, 1), "padding": "same", "groups": 2}
    x, w, b = random(2, 7, 6, 4), random(3, 2, 2, 6, seed=1), random(6, seed=2)
    true = TrueConv2D(6, (3, 2), **settings).with_params(weight=w, bias=b)
    plain = Conv2D(6, (3, 2), **settings).with_params(weight=w[::-1, ::-1], bias=b)
    calls = run(true, x), run(plain, x)
    np.testing.assert_allclose(calls[0].y, calls[1].y, **CLOSE)
    dy = random(*calls[0].y.shape, seed=3)
    np.testing.assert_allclose(true.backward(dy, calls[0]), plain.backward(dy, calls[1]), **CLOSE)
    got, wanted = true.grads(dy, calls[0]), plain.grads(dy, calls[1])
    np.testing.assert_allclose(got["weight"], wanted["weight"][::-1, ::-1], **CLOSE)
    np.testing.assert_allclose(got["bias"], wanted["bias"], **CLOSE)


DEPTHWISE = [
    # size, channels, multiplier, kernel, stride, padding, dilation
    ((5, 6), 3, 1, (3, 3), (1, 1), "valid", (1, 1)),
    ((7, 6), 2, 3, (2, 3), (2, 1), "same", (1, 1)),
    ((6, 7), 2, 2, (3, 2), (1, 2), ((1, 0), (0, 2)), (2, 1)),
    ((4, 4), 1, 1, (1, 1), (1, 1), "same", (1, 1)),
]


@pytest.mark.parametrize("case", DEPTHWISE, ids=str)
def test_depthwise_convolution(case):
    size, channels, many, kernel, stride, padding, dilation = case
    x, w = random(2, *size, channels), random(*kernel, channels, many, seed=1)
    b = random(channels * many, seed=2)
    settings = {"strides": stride, "padding": padding, "dilation_rate": dilation}
    layer = DepthwiseConv2D(kernel, depth_multiplier=many, **settings)
    layer = layer.with_params(weight=w, bias=b)
    same = reference.same_pads(size, kernel, stride, dilation)
    pads = padding if isinstance(padding, tuple) else {"same": same, "valid": NONE}[padding]
    call = run(layer, x)
    np.testing.assert_allclose(call.y, slow.depthwise(x, w, b, stride, pads, dilation), **CLOSE)
    # The same as a convolution in as many groups as there are channels.
    grouped = Conv2D(channels * many, kernel, groups=channels, **settings)
    grouped = grouped.with_params(weight=w.reshape(*kernel, 1, channels * many), bias=b)
    other = run(grouped, x)
    np.testing.assert_allclose(call.y, other.y, **CLOSE)
    dy = random(*call.y.shape, seed=3)
    np.testing.assert_allclose(layer.backward(dy, call), grouped.backward(dy, other), **CLOSE)
    got, wanted = layer.grads(dy, call), grouped.grads(dy, other)
    np.testing.assert_allclose(got["weight"].reshape((*w.shape[:2], 1, -1)), wanted["weight"])
    np.testing.assert_allclose(got["bias"], wanted["bias"], **CLOSE)


TRANSPOSED = [
    # size, kernel, stride, padding, dilation
    ((3, 4), (3, 3), (1, 1), "valid", (1, 1)),
    ((3, 4), (3, 2), (2, 2), "valid", (1, 1)),
    ((3, 4), (3, 2), (2, 2), "same", (1, 1)),
    ((2, 3), (4, 4), (2, 2), "same", (1, 1)),
    ((2, 3), (2, 2), (3, 3), "same", (1, 1)),
    ((2, 3), (2, 1), (3, 2), "valid", (1, 1)),
    ((3, 2), (3, 2), (2, 1), "same", (2, 2)),
    ((3, 2), (2, 2), (1, 3), "valid", (2, 1)),
    ((3, 4), (3, 3), (2, 2), ((1, 1), (0, 2)), (1, 1)),
]


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_transposed_convolution(case):
    size, kernel, stride, padding, dilation = case
    layer = Conv2DTranspose(3, kernel, strides=stride, padding=padding, dilation_rate=dilation)
    x, w, b = random(2, *size, 2), random(*kernel, 3, 2, seed=1), random(3, seed=2)
    layer = layer.with_params(weight=w, bias=b)
    call = run(layer, x)
    out = call.y.shape[1:3]
    if isinstance(padding, str):
        assert out == slow.transposed_size(size, kernel, stride, padding, dilation)
    assert layer.out_shape((*size, 2)) == (*out, 3)
    cut = layer.window().padding(size)
    wanted = slow.transposed(x, w, b, stride, cut, dilation, out)
    np.testing.assert_allclose(call.y, wanted, **CLOSE)
    dy = random(*call.y.shape, seed=3)

    def forward(x, w=w):
        return slow.transposed(x, w, b, stride, cut, dilation, out)

    dx = slow.linear_gradient(forward, x, dy)
    np.testing.assert_allclose(layer.backward(dy, call), dx, rtol=1e-9, atol=1e-12)
    dw = slow.linear_gradient(lambda w: forward(x, w), w, dy)
    np.testing.assert_allclose(layer.grads(dy, call)["weight"], dw, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.grads(dy, call)["bias"], dy.sum((0, 1, 2)), **CLOSE)


@pytest.mark.parametrize("padding", ["valid", "same", ((1, 1), (0, 1))], ids=str)
def test_transposed_convolution_is_the_transpose_of_the_convolutions_matrix(padding):
    large, w = (7, 5), random(3, 2, 2, 4, seed=1)
    conv = Conv2D(4, (3, 2), strides=(2, 1), padding=padding, use_bias=False)
    conv = conv.with_params(weight=w)
    small = conv.window().out_size(large)
    units = np.eye(large[0] * large[1] * 2).reshape(-1, *large, 2)
    matrix = run(conv, units).y.reshape(len(units), -1).T  # (small · 4, large · 2)
    pads = conv.window().padding(large)
    back = Conv2DTranspose(2, (3, 2), strides=(2, 1), padding=pads, use_bias=False)
    back = back.with_params(weight=w)
    x = random(1, *small, 4, seed=2)
    np.testing.assert_allclose(run(back, x).y.ravel(), matrix.T @ x.ravel(), **CLOSE)


def test_a_transposed_convolution_that_is_cut_to_nothing_is_refused():
    with pytest.raises(ArgumentError, match=r"leaves nothing of an input of 1×2: pad less"):
        Conv2DTranspose(1, 1, padding=((1, 0), (0, 0))).out_shape((1, 2, 1))


# Sizes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", [(2, 2), (3, 1), (1, 4)], ids=str)
def test_up_sampling(factors):
    x = random(2, 3, 4, 2)
    call = run(UpSampling2D(factors), x)
    for n, r, c, k in np.ndindex(call.y.shape):
        assert call.y[n, r, c, k] == x[n, r // factors[0], c // factors[1], k]
    smooth = run(UpSampling2D(factors, interpolation="bilinear"), x)
    np.testing.assert_allclose(smooth.y, slow.bilinear(x, factors), **CLOSE)
    dy = random(*call.y.shape, seed=1)
    dx = slow.linear_gradient(lambda x: slow.bilinear(x, factors), x, dy)
    layer = UpSampling2D(factors, interpolation="bilinear")
    np.testing.assert_allclose(layer.backward(dy, smooth), dx, rtol=1e-9, atol=1e-12)
    tiles = dy.reshape(2, 3, factors[0], 4, factors[1], 2).sum((2, 4))
    np.testing.assert_allclose(UpSampling2D(factors).backward(dy, call), tiles, **CLOSE)


def test_bilinear_up_sampling_of_a_row_by_hand():
    x = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)
    y = run(UpSampling2D((1, 2), interpolation="bilinear"), x).y
    np.testing.assert_allclose(y.ravel(), [0, 1, 3, 4])  # Keras's half-pixel centres


def test_zero_padding():
    x = random(2, 2, 3, 2)
    layer = ZeroPadding2D(((1, 0), (2, 3)))
    call = run(layer, x)
    assert call.y.shape == (2, 3, 8, 2)
    np.testing.assert_array_equal(call.y[:, 1:3, 2:5], x)
    assert np.abs(call.y).sum() == pytest.approx(np.abs(x).sum())
    dy = random(*call.y.shape, seed=1)
    np.testing.assert_array_equal(layer.backward(dy, call), dy[:, 1:3, 2:5])
    assert ZeroPadding2D(2).padding == ((2, 2), (2, 2))
    assert ZeroPadding2D(np.int64(2)).padding == ((2, 2), (2, 2))
    assert ZeroPadding2D((1, 2)).padding == ((1, 1), (2, 2))
    assert ZeroPadding2D([[0, 1], [2, 3]]).padding == ((0, 1), (2, 3))


@pytest.mark.parametrize("padding", [1.5, None, "same", -1, (1, 2, 3), ((1, -1), (0, 0))])
def test_a_zero_padding_that_cannot_be_is_refused(padding):
    with pytest.raises(ArgumentError, match="padding"):
        ZeroPadding2D(padding)


SUBSAMPLINGS = [
    ((6, 4), (2, 2), (2, 2), "valid"),
    ((7, 5), (2, 2), (2, 2), "same"),
    ((5, 6), (2, 3), (1, 2), ((1, 0), (0, 2))),
]


@pytest.mark.parametrize("case", SUBSAMPLINGS, ids=str)
def test_subsampling_and_its_numerical_gradient(case):
    size, pool, stride, padding = case
    layer = Subsampling2D(pool, strides=stride, padding=padding)
    x, w, b = random(2, *size, 3), random(3, seed=1), random(3, seed=2)
    same = reference.same_pads(size, pool, stride)
    pads = padding if isinstance(padding, tuple) else {"same": same, "valid": NONE}[padding]
    got = run(layer.with_params(weight=w, bias=b), x).y
    np.testing.assert_allclose(got, slow.subsampling(x, w, b, pool, stride, pads), **CLOSE)
    check_layer(layer, (*size, 3))
    layer.build(np.random.default_rng(0), (*size, 3))
    assert layer.params["weight"].tolist() == [np.float32(1 / math.prod(pool))] * 3


# Normalization and dropout -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12])
def test_local_response_normalization(size):
    x = random(2, 2, 3, 5) * 3
    settings = {"alpha": 0.7, "beta": 0.6, "bias": 1.5}
    layer = LocalResponseNormalization(size, **settings)
    wanted = slow.response_norm(x, size, *settings.values())
    np.testing.assert_allclose(run(layer, x).y, wanted, **CLOSE)
    check_layer(layer, (2, 3, 5))


def test_normalization_of_pictures_brings_their_channels_to_mean_0_and_std_1():
    x = random(20, 4, 3, 2) * [2, 5] + [1, -3]
    layer = Normalization.of(x)
    y = run(layer, x).y
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, rtol=1e-12)
    np.testing.assert_allclose(layer.std, x.std((0, 1, 2)), rtol=1e-12)
    dy = random(*x.shape, seed=1)
    np.testing.assert_allclose(layer.backward(dy, run(layer, x)), dy / layer.std, **CLOSE)


def test_normalization_of_uint8_pictures_counts_as_a_model_does():
    x = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 3)).astype(np.uint8)
    layer, same = Normalization.of(x), Normalization.of(x / 255)
    np.testing.assert_allclose([layer.mean, layer.std], [same.mean, same.std], rtol=1e-12)
    assert max(layer.mean) < 1


def test_normalization_of_a_channel_that_never_changes_only_centres_it():
    x = np.stack([np.full(9, 7.0), np.arange(9.0)], axis=1)
    layer = Normalization.of(x, name="mine")
    y = run(layer, x).y
    assert (y[:, 0] == 0).all()
    assert y[:, 1].std() == pytest.approx(1)
    assert layer.name == "mine"
    black = Normalization.of(np.zeros((2, 3, 3, 1), np.uint8))
    assert (black.mean, black.std) == ((0.0,), (1.0,))


def test_normalizations_that_cannot_be_are_refused():
    for mean, std in ((0, 0), (math.nan, 1), (0, (1, -1)), (0, math.inf)):
        with pytest.raises(ArgumentError, match="needs finite means and stds above 0"):
            Normalization(mean, std)
    with pytest.raises(ArgumentError, match="Normalization has 2 numbers for 3 channels"):
        Normalization((0, 1)).out_shape((4, 4, 3))


def test_spatial_dropout_drops_whole_channels_of_single_pictures():
    x = np.ones((60, 4, 5, 8), np.float32)
    call = run(SpatialDropout2D(0.25), x, Mode(train=True, rng=np.random.default_rng(0)))
    flat = call.y.transpose(0, 3, 1, 2).reshape(480, 20)
    assert (flat == flat[:, :1]).all(), "a channel goes or stays as a whole"
    assert set(np.unique(flat)) == {np.float32(0), np.float32(1 / 0.75)}
    share = (flat[:, 0] == 0).mean()
    assert abs(share - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 480)
    kept = call.y[:, 0, 0]
    assert (kept != kept[:1]).any(), "pictures draw by themselves"
    dy = np.full_like(x, 3)
    np.testing.assert_array_equal(SpatialDropout2D(0.25).backward(dy, call), 3 * call.y)
    assert run(SpatialDropout2D(0.25), x).y is x
    single = run(Dropout(0.25), x, Mode(train=True, rng=np.random.default_rng(0))).y
    assert (single != single[:, :1, :1]).any()
