"""What a layer may be told, and what it refuses; settings as numbers or pairs."""

from __future__ import annotations

import numpy as np
import pytest

from nnviz.engine.layer import Layer, snake
from nnviz.engine.layers import (
    ELU,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    LeakyReLU,
    LocalResponseNormalization,
    MaxPooling2D,
    SpatialDropout2D,
    Subsampling2D,
    TrueConv2D,
    UpSampling2D,
)
from nnviz.errors import ArgumentError

REFUSED = [
    (lambda: Conv2D(0, 3), "filters of Conv2D must be a whole number of at least 1, got 0"),
    (lambda: Conv2D((3, 5), 3), "filters of Conv2D must be a whole number"),
    (lambda: Conv2D(True, 3), "filters of Conv2D must be a whole number of at least 1, got True"),
    (lambda: Conv2D(4, 1.5), "kernel_size must be one or two whole numbers of at least 1, got 1.5"),
    (lambda: Conv2D(4, (1, 2, 3)), r"kernel_size must be one or two whole numbers .* \(1, 2, 3\)"),
    (lambda: Conv2D(4, 3, strides=0), "strides must be one or two whole numbers"),
    (lambda: Conv2D(4, 3, dilation_rate=None), "dilation_rate must be one or two whole numbers"),
    (lambda: Conv2D(4, 3, groups=3), "filters must be a multiple of groups, got 4 filters in 3"),
    (lambda: Conv2D(4, 3, groups="2"), "groups must be a whole number of at least 1, got '2'"),
    (lambda: Conv2D(4, 3, padding="full"), "padding must be 'valid', 'same' or .*, got 'full'"),
    (lambda: Conv2D(4, 3, padding=1), "padding must be 'valid', 'same' or .*, got 1"),
    (lambda: Conv2D(4, 3, padding=((1, 1),)), "padding must be 'valid', 'same' or"),
    (lambda: Conv2D(4, 3, padding=((1, -1), (0, 0))), "padding must be one or two whole numbers"),
    (
        lambda: Conv2D(4, 3, weight_init="zeros"),
        "no initializer named 'zeros'; nnviz has he_",
    ),
    (lambda: Dense(2.5), "units of Dense must be a whole number of at least 1, got 2.5"),
    (lambda: Dense(3, weight_init="he"), "no initializer named 'he'"),
    (lambda: MaxPooling2D(0), "pool_size must be one or two whole numbers"),
    (lambda: MaxPooling2D(2, padding=((2, 0), (0, 0))), "without a picture: it must be smaller"),
    (lambda: AveragePooling2D(2, padding=((0, 0), (0, 5))), "it must be smaller than pool_size"),
    (lambda: Dropout(1), r"rate of Dropout must lie in \[0, 1\), got 1"),
    (lambda: Dropout("half"), r"rate of Dropout must lie in \[0, 1\), got 'half'"),
    (lambda: BatchNormalization(momentum=2), r"momentum must lie in \[0, 1\] and epsilon above 0"),
    (lambda: BatchNormalization(epsilon=0), r"momentum must lie in \[0, 1\] and epsilon above 0"),
    (lambda: LeakyReLU("0.1"), "negative_slope of LeakyReLU must be a finite number, got '0.1'"),
    (lambda: LeakyReLU(True), "negative_slope of LeakyReLU must be a finite number, got True"),
    (lambda: ELU(float("inf")), "alpha of ELU must be a finite number, got inf"),
    (lambda: SpatialDropout2D(1.5), r"rate of SpatialDropout2D must lie in \[0, 1\), got 1.5"),
    (lambda: LocalResponseNormalization(0), "size of LocalResponseNormalization must be a whole"),
    (lambda: LocalResponseNormalization(bias=0), "needs alpha ≥ 0, beta ≥ 0 and bias > 0, got"),
    (lambda: LocalResponseNormalization(alpha=-1), "needs alpha ≥ 0, beta ≥ 0 and bias > 0, got"),
    (lambda: UpSampling2D(0), "size of UpSampling2D must be one or two whole numbers of at least"),
    (lambda: UpSampling2D(interpolation="cubic"), "no interpolation named 'cubic'; UpSampling2D"),
    (lambda: DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier must be a whole number"),
    (lambda: DepthwiseConv2D(0), "kernel_size must be one or two whole numbers"),
    (lambda: Conv2DTranspose(0, 3), "filters of Conv2DTranspose must be a whole number"),
    (lambda: TrueConv2D(2, 3, padding="full"), "padding must be 'valid', 'same' or"),
    (lambda: Subsampling2D(2, padding=((2, 0), (0, 0))), "it must be smaller than pool_size"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_a_setting_that_cannot_be_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_numbers_and_pairs_and_lists_mean_the_same():
    one = Conv2D(np.int64(4), 3, strides=2, padding=((1, 1), (0, 2)))
    same = Conv2D(4, [3, 3], strides=(2, 2), padding=[[1, 1], [0, 2]])
    assert one.config() == same.config()
    assert repr(one).startswith("Conv2D(filters=4, kernel_size=(3, 3), strides=(2, 2), padding=((1")
    assert MaxPooling2D(2).strides == (2, 2)
    assert MaxPooling2D(3, strides=2).strides == (2, 2)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Conv2D", "conv2d"),
        ("MaxPooling2D", "max_pooling2d"),
        ("BatchNormalization", "batch_normalization"),
        ("ReLU", "re_lu"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
    ],
)
def test_names_are_kerass(name, wanted):
    assert snake(name) == wanted


def test_a_layer_without_extras_has_none():
    layer, x = Layer(), np.zeros((2, 3))
    assert layer.window() is None
    assert layer.out_shape((2, 3)) == (2, 3)
    assert layer.grads(x, None) == layer.new_buffers([]) == layer.param_shapes((3,)) == {}
    assert layer.forward_part(x, mode=None) is layer.forward_total([]) is None
    assert layer.backward_part(x, None) is layer.backward_total([]) is None
    assert not layer.initial("anything", (2, 3), np.random.default_rng(0)).any()
    assert layer.initial("anything", (2, 3), np.random.default_rng(0)).dtype == np.float32


def test_a_changed_copy_leaves_the_layer_as_it_was():
    layer = Dense(2)
    layer.build(np.random.default_rng(0), (3,))
    weight = layer.params["weight"]
    other = layer.with_params(bias=np.ones(2))
    assert other.params["weight"] is weight
    assert other.params["bias"].all()
    assert not layer.params["bias"].any()
    assert layer.astype(np.float64).params["weight"].dtype == np.float64
    layer.build(np.random.default_rng(1), (3,))
    assert layer.params["weight"] is weight, "what is there already is not made anew"


@pytest.mark.parametrize(
    ("layer", "shape", "fan_in", "fan_out"),
    [
        (Dense(200), (300,), 300, 200),
        (Conv2D(64, (3, 5)), (9, 9, 32), 3 * 5 * 32, 3 * 5 * 64),
        (Conv2D(64, 3, groups=4), (9, 9, 32), 3 * 3 * 8, 3 * 3 * 16),
    ],
    ids=["dense", "conv", "grouped"],
)
@pytest.mark.parametrize("scheme", ["he_normal", "glorot_uniform"])
def test_first_weights_have_the_spread_for_their_fans(layer, shape, fan_in, fan_out, scheme):
    made = type(layer)(**{**layer.config(), "weight_init": scheme})
    made.build(np.random.default_rng(0), shape)
    wanted = 2 / fan_in if scheme == "he_normal" else 2 / (fan_in + fan_out)
    assert made.params["weight"].var() == pytest.approx(wanted, rel=0.1)  # 4,600 draws and more
    assert not made.params["bias"].any()
