"""First values: their spread, and how it carries a signal through ten layers (row C9)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnviz.engine.initializers import INITIALIZERS, check_initializer, initializer
from nnviz.engine.layers import Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D
from nnviz.engine.layers.activation import sigmoid
from nnviz.errors import ArgumentError

FAN_IN, FAN_OUT = 300, 100
VARIANCES = {
    "he_normal": 2 / FAN_IN,
    "he_uniform": 2 / FAN_IN,
    "glorot_normal": 2 / (FAN_IN + FAN_OUT),
    "glorot_uniform": 2 / (FAN_IN + FAN_OUT),
    "xavier_normal": 2 / (FAN_IN + FAN_OUT),
    "xavier_uniform": 2 / (FAN_IN + FAN_OUT),
    "lecun_normal": 1 / FAN_IN,
    "lecun_uniform": 1 / FAN_IN,
    "orthogonal": 1 / FAN_IN,
    ("uniform", 0.5): 0.25 / 3,
    ("normal", 0.01): 1e-4,
}


def test_every_initializer_has_its_variance_here():
    assert set(INITIALIZERS) == {spec for spec in VARIANCES if isinstance(spec, str)}


@pytest.mark.parametrize("spec", VARIANCES, ids=str)
def test_initializers_have_their_variance(spec):
    wanted = VARIANCES[spec]
    rng = np.random.default_rng(0)
    draws = initializer(check_initializer(spec))(rng, (FAN_IN, FAN_OUT), FAN_IN, FAN_OUT)
    assert draws.dtype == np.float32
    assert draws.shape == (FAN_IN, FAN_OUT)
    assert draws.var() == pytest.approx(wanted, rel=0.05)  # 30,000 draws
    assert abs(draws.mean()) < 5 * math.sqrt(wanted / draws.size)
    if "uniform" in str(spec):
        limit = math.sqrt(3 * wanted)
        assert 0.99 * limit < np.abs(draws).max() <= np.float32(limit)
    again = initializer(spec)(np.random.default_rng(0), (FAN_IN, FAN_OUT), FAN_IN, FAN_OUT)
    np.testing.assert_array_equal(draws, again)


@pytest.mark.parametrize("shape", [(60, 20), (20, 60), (7, 7), (3, 3, 4, 16), (3, 3, 2, 64)])
def test_orthogonal_rows_or_columns(shape):
    q = INITIALIZERS["orthogonal"](np.random.default_rng(0), shape, 1, 1).astype(np.float64)
    q = q.reshape(-1, shape[-1])
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-6)


def test_orthogonal_matrices_are_drawn_evenly():
    """Without the signs of R, the diagonal of Q would lean to one side."""
    make = INITIALIZERS["orthogonal"]
    corners = [make(np.random.default_rng(s), (3, 3), 3, 3)[0, 0] for s in range(400)]
    assert abs(np.mean(corners)) < 5 * math.sqrt(1 / 3 / 400)
    assert 0.4 < np.mean(np.array(corners) > 0) < 0.6


FANS = [
    # layer, input shape, fan in, fan out
    (lambda spec: Dense(40, weight_init=spec), (60,), 60, 40),
    (lambda spec: Conv2D(40, (3, 2), weight_init=spec), (5, 5, 20), 120, 240),
    (lambda spec: Conv2D(40, (3, 2), groups=2, weight_init=spec), (5, 5, 20), 60, 120),
    (lambda spec: Conv2DTranspose(40, (3, 2), weight_init=spec), (5, 5, 20), 120, 240),
    (
        lambda spec: DepthwiseConv2D(3, depth_multiplier=2, weight_init=spec),
        (5, 5, 200),
        9,
        18,
    ),
]


@pytest.mark.parametrize("case", FANS, ids=lambda case: type(case[0]("he_normal")).__name__)
def test_layers_count_what_goes_in_and_out(case):
    make, shape, fan_in, fan_out = case
    for spec, wanted in (("lecun_normal", 1 / fan_in), ("xavier_normal", 2 / (fan_in + fan_out))):
        layer = make(spec)
        layer.build(np.random.default_rng(0), shape)
        draws = layer.params["weight"]
        spread = 5 * math.sqrt(2 / draws.size)  # of a variance, relative to it
        assert draws.var() == pytest.approx(wanted, rel=spread), spec
        assert not layer.params["bias"].any()


REFUSED = [
    ("zeros", r"no initializer named 'zeros'; nnviz has he_normal"),
    ("he_norml", r"no initializer named 'he_norml' \(did you mean 'he_normal'\?\)"),
    (("uniform", 0), r"weight_init is a name, .*got \('uniform', 0\)"),
    (("uniform", math.nan), "weight_init is a name"),
    (("normal", math.inf), "weight_init is a name"),
    (("normal", "0.1"), "weight_init is a name"),
    (("normal", True), "weight_init is a name"),
    (("gauss", 0.1), "weight_init is a name"),
    (([], 0.1), "weight_init is a name"),
    (("normal", 0.1, 2), "weight_init is a name"),
    (5, "weight_init is a name"),
    (None, "weight_init is a name"),
]


@pytest.mark.parametrize(("spec", "message"), REFUSED, ids=lambda v: str(v)[:30])
def test_specs_that_cannot_be_are_refused(spec, message):
    with pytest.raises(ArgumentError, match=message):
        Dense(3, weight_init=spec)


def test_a_pair_comes_back_from_a_model_file_as_it_was():
    assert Dense(3, weight_init=["uniform", 1]).weight_init == ("uniform", 1.0)
    assert Dense(3, weight_init=["uniform", 1]).config()["weight_init"] == ("uniform", 1.0)


# How the spread carries a signal (C9) -------------------------------------------------------------

WIDTH, LAYERS = 1000, 10
CURVES = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": sigmoid}


def spread(spec, curve, seeds, samples=100):
    """The activations of ten layers of 1,000, a mean over seeds of (second moment, std, the share
    beyond ± 0.99) by layer."""
    figures = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((samples, WIDTH), np.float32)
        rows = []
        for _ in range(LAYERS):
            layer = Dense(WIDTH, weight_init=spec, use_bias=False)
            layer.build(rng, (WIDTH,))
            x = CURVES[curve](x @ layer.params["weight"])
            rows.append((np.square(x).mean(), x.std(), (np.abs(x) > 0.99).mean()))
        figures.append(rows)
    moments, stds, beyond = np.mean(figures, axis=0).T
    return moments, stds, beyond


def test_he_keeps_the_second_moment_in_one_seed():
    moments, _, _ = spread("he_normal", "relu", seeds=1)
    assert np.abs(moments - 1).max() < 0.2


@pytest.mark.slow
def test_row_c9_how_the_first_values_carry_a_signal():
    moments, _, _ = spread("he_normal", "relu", seeds=10)
    assert np.abs(moments - 1).max() < 0.2, "He with ReLU keeps the second moment within 20 %"

    _, stds, beyond = spread("xavier_normal", "tanh", seeds=10)
    assert (np.diff(stds) < 0).all(), "Xavier with tanh shrinks …"
    assert (stds[1:] / stds[:-1] > 0.75).all(), "… slowly,"
    assert stds[[0, -1]] == pytest.approx([0.627, 0.229], abs=0.005)
    assert beyond.max() < 0.01, "… and saturates nowhere"

    _, stds, _ = spread(("normal", 0.01), "tanh", seeds=10)
    np.testing.assert_allclose(stds[1:] / stds[:-1], math.sqrt(WIDTH) * 0.01, atol=0.02)
    assert stds[-1] < 2e-5, "0.01 collapses"

    _, _, beyond = spread(("normal", 1.0), "tanh", seeds=10)
    np.testing.assert_allclose(beyond, 0.932, atol=0.005)  # 1.0 saturates: nearly all are ± 1


@pytest.mark.slow
def test_the_wrong_spread_for_a_curve():
    moments, _, _ = spread("he_uniform", "relu", seeds=2)
    assert np.abs(moments - 1).max() < 0.2
    moments, _, _ = spread("xavier_normal", "relu", seeds=2)
    np.testing.assert_allclose(moments[1:] / moments[:-1], 0.5, atol=0.07)  # ReLU halves it
    _, stds, beyond = spread(("normal", 1.0), "sigmoid", seeds=2)
    np.testing.assert_allclose(beyond, 0.42, atol=0.05)  # sigmoids are 0 or 1
    np.testing.assert_allclose(stds, 0.482, atol=0.008)
    _, stds, _ = spread(("normal", 0.01), "sigmoid", seeds=2)
    assert stds[1:].max() < 0.045, "with a small spread all sigmoids say nearly the same"
