"""What the rules of relevance say of models and pictures that they were not made for."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from test_rewrite import lively

from nnviz.engine.input import InputSpec
from nnviz.engine.layer import Call
from nnviz.engine.layers import (
    ELU,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    LeakyReLU,
    LocalResponseNormalization,
    Normalization,
    ReLU,
    Softplus,
    Tanh,
)
from nnviz.engine.model import PREDICT
from nnviz.engine.sequential import Sequential
from nnviz.inspection.attribution import Channel, explain
from nnviz.inspection.attribution.composites import z_box
from nnviz.inspection.attribution.relevance import sharing

RELEVANCE = [
    "lrp",
    "lrp_zero",
    "lrp_epsilon",
    "lrp_gamma",
    "lrp_alpha_beta",
    "deep_taylor",
    "excitation_backprop",
]
SHARING = ("lrp_zero", "lrp_epsilon", "lrp_gamma")
"""They give what a normalization is given its share of it."""


def pre_activated():
    """A normalization between a ReLU and a padded convolution: it cannot be folded."""
    layers = [
        Conv2D(3, 3, activation="relu"),
        BatchNormalization(name="norm"),
        ReLU(),
        Conv2D(3, 3, padding="same", activation="relu"),
        Flatten(),
        Dense(2),
    ]
    model = Sequential(layers, (6, 5, 1))
    model.node("norm").layer.params["gamma"][:] = -1
    model.node("norm").layer.params["beta"][:] = 0.5
    return model


@pytest.mark.parametrize("method", RELEVANCE)
def test_a_normalization_that_cannot_be_folded_is_named(method):
    model = pre_activated()
    x = networks.pictures(model, 1)
    warned = " ".join(explain(model, x, Channel("conv2d_2", 0), method=method).warnings)
    if method in SHARING:
        assert "norm" not in warned
    else:
        assert f"{method} has no rule for a normalization that cannot be folded: norm " in warned
        assert "passed all relevance on, whatever it adds or turns round" in warned
    before = explain(model, x, Channel("conv2d_1", 0), method=method).warnings
    assert "norm" not in " ".join(before), "it does not lie on the way"


@pytest.mark.parametrize("method", RELEVANCE)
def test_what_prepares_the_pixels_is_no_such_normalization(method):
    layers = [Normalization(0.5, 0.25), Conv2D(3, 3, padding="same", activation="relu"), Flatten()]
    model = Sequential([*layers, Dense(2)], (5, 4, 1))
    assert explain(model, networks.pictures(model, 1), None, method=method).warnings == ()


@pytest.mark.parametrize("method", RELEVANCE)
@pytest.mark.parametrize("layer", [Softplus(), Tanh(), ELU(), LocalResponseNormalization(3)])
def test_activations_that_are_no_straight_lines_are_named(method, layer):
    model = Sequential([Conv2D(3, 3), layer, Flatten(), Dense(2)], (5, 4, 1))
    warnings = explain(model, networks.pictures(model, 1), None, method=method).warnings
    assert warnings, "it says nothing"
    assert f"{model.nodes[1].name} passed the relevance on as it was" in warnings[0]


@pytest.mark.parametrize("method", RELEVANCE)
def test_a_leaky_relu_is_a_straight_line_on_each_side(method):
    model = Sequential([Conv2D(3, 3), LeakyReLU(), Flatten(), Dense(2)], (5, 4, 1))
    warned = explain(model, networks.pictures(model, 1), None, method=method).warnings
    strict = method in ("deep_taylor", "excitation_backprop")
    assert any("passed the relevance on as it was" in text for text in warned) == strict


# Pixels beyond 0 … 1 --------------------------------------------------------------------------

BOXED = [
    ("deep_taylor", {}),
    ("lrp", {"composite": "epsilon_gamma_box"}),
    ("excitation_backprop", {}),
]


def beyond(model):
    """Three pictures of which the second has pixels from −2 to 2."""
    x = networks.pictures(model, 3, np.float64)
    x[1] = 4 * x[1] - 2
    x[1, 0, 0, 0], x[1, 0, 1, 0] = -2, 2
    return x


@pytest.mark.parametrize(("method", "options"), BOXED)
def test_pixels_beyond_their_bounds_are_named_and_widen_them(method, options):
    spec = InputSpec((6, 5, 1), (0, 255), (100.0,), (50.0,))
    model = Sequential(
        [Conv2D(3, 3, activation="relu"), Flatten(), Dense(2)], (6, 5, 1), input=spec
    ).astype(np.float64)
    x = beyond(model)
    got = explain(model, x, Channel("conv2d_1/relu", 1), method=method, **options)
    assert got.values.min() >= 0, "every relevance began above 0"
    named = [text for text in got.warnings if "beyond" in text]
    assert len(named) == 1
    assert named[0].startswith(f"picture 1: pixels from -2 to 2, beyond the 0 … 1 that {method} ")
    alone = explain(model, x[1:2], Channel("conv2d_1/relu", 1), method=method, **options)
    np.testing.assert_allclose(alone.values[0], got.values[1], rtol=1e-12)
    assert any(text.startswith("pixels from -2 to 2") for text in alone.warnings)
    # The formula with l = min(l, x) and h = max(h, x) at each pixel by itself.
    fine = explain(model, x[:1], Channel("conv2d_1/relu", 1), method=method, **options)
    np.testing.assert_array_equal(fine.values[0], got.values[0])
    assert not any("beyond" in text for text in fine.warnings)


def test_the_widened_box_is_the_box_rule_with_that_pixels_bounds():
    model = Sequential([Dense(1, use_bias=False, name="out")], (3,)).astype(np.float64)
    layer = model.node("out").layer
    w = layer.params["weight"][:, 0] = np.array([0.5, -0.25, 1.0])
    x = np.array([[-2.0, 3.0, 0.5]])
    low, high = np.minimum(x, 0), np.maximum(x, 1)
    shares = x * w - low * np.maximum(w, 0) - high * np.minimum(w, 0)
    y, saved = layer.forward(x, mode=PREDICT)
    rule = sharing(layer, z_box((np.zeros((1, 3)), np.ones((1, 3)))))
    (got,) = rule(layer, np.ones((1, 1)), Call((x,), y, saved, PREDICT, 0))
    np.testing.assert_allclose(got, shares / shares.sum(), rtol=1e-12)


def test_bounds_are_kept_to_rounding():
    model = lively(networks.normalized())
    x = np.stack([np.zeros((4, 4, 3)), np.ones((4, 4, 3))]).astype(np.float32)
    for given in (x, (x * 255).astype(np.uint8), x * np.float32(1 + 1e-6)):
        warned = explain(model, given, None, method="excitation_backprop").warnings
        assert not any("beyond" in text for text in warned)
