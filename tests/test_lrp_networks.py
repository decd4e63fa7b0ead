"""LRP over whole networks: deep Taylor, targets, normalization and products."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from test_lrp import bias_free
from test_rewrite import lively

from nnviz.engine.graph import Input
from nnviz.engine.input import InputSpec
from nnviz.engine.layer import Layer
from nnviz.engine.layers import (
    ELU,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    LocalResponseNormalization,
    Multiply,
    Normalization,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    ZeroPadding2D,
)
from nnviz.engine.model import Model
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    COMPOSITES,
    Channel,
    Direction,
    Logit,
    LogProbability,
    Norm,
    Probability,
    deep_taylor,
    input_x_gradient,
    lrp,
    lrp_zero,
)
from nnviz.inspection.attribution.relevance import first_layers, kind_of

# Deep Taylor ----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["z_box", "w_square"])
def test_deep_taylor_is_never_negative_and_conserves(first):
    model = bias_free()
    x = networks.pictures(model, 4, np.float64)
    params = model.parameters()
    params["dense_2/weight"][:, 2] = np.abs(params["dense_2/weight"][:, 2])
    got = deep_taylor(model, x, 2, first=first)
    assert got.scores.min() > 0
    assert got.values.min() >= 0
    assert np.abs(got.gap).max() < 1e-8
    assert got.warnings == ()
    params["dense_2/weight"][:, 2] *= -1
    below = deep_taylor(model, x, 2, first=first)
    assert not below.values.any()
    assert "deep Taylor explains what is above 0" in below.warnings[0]


def test_deep_taylor_says_what_it_is_not_made_for():
    model = networks.chain()
    x = networks.pictures(model, 1)
    warnings = deep_taylor(model, x, 0).warnings
    assert "deep_taylor is derived for ReLUs: dense_1/tanh passed the relevance on" in warnings[0]
    with pytest.raises(ArgumentError, match="no first rule named 'box'"):
        deep_taylor(model, x, 0, first="box")


def test_boxes_are_the_networks_inputs_for_black_and_white():
    spec = InputSpec((4, 4, 3), (0, 255), (104.0, 117.0, 123.0), (2.0, 3.0, 4.0), "BGR")
    model = Sequential(
        [ZeroPadding2D(1), Normalization(1.0, (2.0, 4.0, 8.0)), Conv2D(2, 3), Conv2D(2, 2)],
        (4, 4, 3), input=spec,
    )  # fmt: skip
    found = first_layers(model)
    assert list(found) == ["conv2d_1"]
    low, high = found["conv2d_1"]
    black = (np.array([-104.0, -117.0, -123.0]) / [2, 3, 4] - 1) / [2, 4, 8]
    white = (np.array([151.0, 138.0, 132.0]) / [2, 3, 4] - 1) / [2, 4, 8]
    np.testing.assert_allclose(low[0, 1, 1], black, rtol=1e-6)
    np.testing.assert_allclose(high[0, 1, 1], white, rtol=1e-6)
    np.testing.assert_allclose(low[0, 0, 0], [-0.5, -0.25, -0.125])
    np.testing.assert_array_equal(low[0, 0], high[0, 0])
    x = networks.pictures(model, 2)
    ready = model.run(x)["conv2d_1"].x
    assert (ready >= low - 1e-5).all()
    assert (ready <= high + 1e-5).all()


def test_a_scaling_below_zero_turns_the_box_round():
    model = lively(Sequential([BatchNormalization(), Conv2D(2, 3, padding="same")], (4, 4, 1)))
    model.node("batch_normalization_1").layer.params["gamma"][:] = -2
    low, high = first_layers(model)["conv2d_1"]
    assert (low < high).all()
    got = deep_taylor(model, networks.pictures(model, 2), Channel("conv2d_1", 0))
    assert got.values.min() >= 0


def test_without_a_first_layer_its_rule_is_named():
    model = Sequential([ReLU(), Conv2D(2, 3), Flatten(), Dense(2)], (5, 4, 1))
    x = networks.pictures(model, 1)
    warned = lrp(model, x, 0, composite="epsilon_plus_flat").warnings
    assert "nothing got the flat rule of the first layers" in warned[0]
    assert lrp(model, x, 0).warnings == ()


# Targets, normalization, products -------------------------------------------------------------


def test_relevance_starts_with_the_signed_parts_of_the_target():
    model = bias_free()
    x = networks.pictures(model, 2, np.float64)
    four, nine = lrp_zero(model, x, 1).raw, lrp_zero(model, x, 2).raw
    both = lrp_zero(model, x, Logit(1) - 2 * Logit(2))
    np.testing.assert_allclose(both.raw, four - 2 * nine, rtol=1e-8, atol=1e-12)
    for target in (Channel("conv2d_1", 1), Norm("conv2d_2"), Direction("conv2d_1", [1, 2, 0, -1])):
        got = lrp_zero(model, x, target)
        np.testing.assert_allclose(got.values.sum(axis=(1, 2)), got.scores, rtol=1e-9)


@pytest.mark.parametrize("target", [Probability(1), LogProbability(1), Logit(0) - Probability(1)])
def test_probabilities_are_refused(target):
    model = networks.chain()
    x = networks.pictures(model, 1)
    with pytest.raises(ArgumentError, match="a probability mixes all those of 'preds'"):
        lrp(model, x, target)


def test_folded_or_not_a_normalization_gives_the_same_zero_rule():
    """LRP-0 of y = s x + t by itself is exact, where the target wants the node as it is."""
    model = lively(networks.residual()).astype(np.float64)
    x = networks.pictures(model, 2, np.float64)
    got = lrp_zero(model, x, Channel("batch_normalization_1", 1))
    trace = model.run(x)
    total = trace["batch_normalization_1"].y[..., 1].mean(axis=(1, 2))
    np.testing.assert_allclose(got.scores, total, rtol=1e-12)
    product = input_x_gradient(model, x, Channel("batch_normalization_1", 1))
    np.testing.assert_allclose(got.raw, product.raw, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("composite", COMPOSITES)
def test_pixels_at_the_mean_of_a_normalization_get_no_endless_relevance(composite):
    model = Sequential(
        [Normalization(0.5, 0.25), Conv2D(3, 3, activation="relu"), Flatten(), Dense(2)], (5, 4, 1)
    )
    x = networks.pictures(model, 2)
    x[0, ::2] = 0.5
    x[0, 1::2] = np.nextafter(np.float32(0.5), 1)
    got = lrp(model, x, 0, composite=composite)
    assert np.isfinite(got.values).all()
    assert np.abs(got.values).max() < 1e3 * np.abs(got.scores).max()


def test_every_layer_of_ours_has_a_kind():
    """A new layer is decided about here, or it is refused: so is what has no derivative."""
    ours = [c for c in Layer.registry.values() if c.__module__.startswith("nnviz.")]
    left = [c.__name__ for c in ours if kind_of(c.examples()[0][0]) is None]
    assert left == [c.__name__ for c in ours if not c.differentiable]


def test_a_products_factors_share_alike():
    x = Input((4, 3, 2))
    way = Conv2D(3, 1, use_bias=False, name="way")(x)
    gate = Conv2D(3, 1, use_bias=False, activation="sigmoid", name="gate")(x)
    vector = GlobalAveragePooling2D()(way)
    y = Dense(2, use_bias=False)(
        Flatten()(Multiply(broadcast=True, name="product")(way, gate, vector))
    )
    model = Model(x, y).astype(np.float64)
    pixels = networks.pictures(model, 2, np.float64)
    got = lrp_zero(model, pixels, 1)
    np.testing.assert_allclose(got.values.sum(axis=(1, 2)), got.scores, rtol=1e-9)


def test_what_has_no_rule_is_refused():
    class Cube(Layer):
        """y = x³."""

        def forward(self, *xs, mode):
            return xs[0] ** 3, None

        def backward(self, dy, call):
            return 3 * call.x**2 * dy

    del Layer.registry["Cube"]
    x = np.ones((1, 4, 4, 1), np.float32)
    model = Sequential([Conv2D(2, 3), Cube(), Flatten(), Dense(2)], (4, 4, 1))
    message = r"lrp has no rule for node 'cube_1' \(Cube\): use a method that needs none, such as"
    with pytest.raises(ArgumentError, match=message):
        lrp(model, x, 0)
    assert lrp(model, x, Channel("conv2d_1", 0)).values.any(), "it does not lie on the way"
    inside = Sequential([Conv2D(2, 3), Softmax(), Flatten(), Dense(2)], (4, 4, 1))
    message = r"lrp_zero has no rule for node 'softmax_1' \(Softmax\): its outputs depend on each"
    with pytest.raises(ArgumentError, match=message):
        lrp_zero(inside, x, 0)


def test_curves_pass_relevance_on():
    layers = [Conv2D(3, 3, use_bias=False), LocalResponseNormalization(3), Tanh(), ELU(), Sigmoid()]
    model = Sequential([*layers, Flatten(), Dense(2, use_bias=False)], (5, 4, 1))
    model = model.astype(np.float64)
    got = lrp_zero(model, networks.pictures(model, 2, np.float64), 0)
    assert np.abs(got.gap).max() < 1e-9
