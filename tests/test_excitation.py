"""Excitation backprop and the rectified gradient."""

from __future__ import annotations

import networks
import numpy as np
import pytest
import reference_lrp as loops
from test_lrp import bias_free
from test_rewrite import lively

from nnviz.engine.layers import (
    Conv2D,
    Dense,
    Flatten,
    Softmax,
)
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy.receptive import place_on_picture
from nnviz.inspection.attribution import (
    Channel,
    Logit,
    Probability,
    excitation_backprop,
    gradient,
    guided_backprop,
    rect_grad,
)


def small(seed=0):
    model = Sequential(
        [
            Conv2D(3, (3, 2), activation="relu"),
            Conv2D(4, 2, activation="relu"),
            Flatten(),
            Dense(3),
        ],
        (6, 5, 2),
        seed=seed,
    ).astype(np.float64)
    return model, networks.pictures(model, 1, np.float64)


def walked(model, x, stop, *, turned=False):
    """The walk by the loops, with the last layer's weights turned where asked."""
    trace = model.run(x)
    p = np.array([0.0, 1.0, 0.0])
    for name in ("dense_1", "conv2d_2", "conv2d_1"):
        w, _ = loops.matrix(model.node(name).layer, trace[name].x.shape[1:])
        sign = -1 if turned and name == "dense_1" else 1
        p = loops.marginal_winning(trace[name].x.ravel(), sign * w, p)
        if name == stop:
            return p.reshape(trace[name].x.shape)
    return p.reshape(x.shape)


def test_excitation_is_that_of_the_loops():
    model, x = small()
    got = excitation_backprop(model, x, 1)
    np.testing.assert_allclose(got.raw, walked(model, x, None), rtol=1e-10, atol=1e-14)
    assert got.values.min() >= 0
    there = excitation_backprop(model, x, 1, node="conv2d_1/relu")
    at_node = walked(model, x, "conv2d_2").sum(axis=-1)
    np.testing.assert_allclose(there.at_node, at_node, rtol=1e-10)
    np.testing.assert_allclose(
        there.values, place_on_picture(model, "conv2d_1/relu", there.at_node), rtol=1e-12
    )
    assert there.provenance.node == "conv2d_1/relu"
    assert there.raw is None


@pytest.mark.parametrize("stop", [None, "conv2d_2"])
def test_the_contrast_is_the_walk_less_that_of_the_turned_layer(stop):
    model, x = small(1)
    node = {None: None, "conv2d_2": "conv2d_1/relu"}[stop]
    got = excitation_backprop(model, x, 1, contrastive=True, node=node)
    wanted = walked(model, x, stop) - walked(model, x, stop, turned=True)
    found = got.raw if stop is None else got.at_node
    np.testing.assert_allclose(found, wanted if stop is None else wanted.sum(axis=-1), atol=1e-12)
    assert got.signed
    assert got.values.min() < 0


def test_it_adds_up_to_one_on_positive_nets():
    model = bias_free()
    x = networks.pictures(model, 3, np.float64)
    for array in model.parameters().values():
        np.abs(array, out=array)
    for target, total in ((1, 1), (Logit(0) - 3 * Logit(2), -2), (Channel("conv2d_2", 1), 1)):
        got = excitation_backprop(model, x, target)
        np.testing.assert_allclose(got.values.sum(axis=(1, 2)), total, rtol=1e-9)


def test_pixels_count_from_black():
    """The network sees −1 … 1; from −1 on, every pixel above black excites."""
    model = networks.normalized().astype(np.float64)
    x = networks.pictures(model, 2, np.float64)
    got = excitation_backprop(model, x, 1)
    a = model.input.prepare(x) - model.input.prepare(np.zeros_like(x))
    w = np.maximum(model.parameters()["dense_1/weight"][:, 1], 0).reshape(4, 4, 3)
    wanted = a * w / (a * w).sum(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(got.raw, wanted, rtol=1e-9)


def test_normalizations_pass_everything_on():
    model = lively(networks.twice()).astype(np.float64)
    x = networks.pictures(model, 2, np.float64)
    got = excitation_backprop(model, x, 1)
    assert np.isfinite(got.values).all()
    assert got.values.min() >= 0
    assert (got.values.sum(axis=(1, 2)) <= 1 + 1e-9).all()


def test_what_excitation_refuses():
    model = networks.chain()
    x = networks.pictures(model, 1)
    with pytest.raises(
        ArgumentError, match="contrastive of excitation_backprop must be True or False, got 'yes'"
    ):
        excitation_backprop(model, x, 0, contrastive="yes")
    with pytest.raises(
        ArgumentError, match=r"node 'max_pooling2d_1' \(MaxPooling2D\) has none: ch"
    ):
        excitation_backprop(model, x, Channel("max_pooling2d_1", 0), contrastive=True)
    with pytest.raises(ArgumentError, match="a probability mixes all those of 'preds'"):
        excitation_backprop(model, x, Probability(0))
    with pytest.raises(ArgumentError, match="which has no rows and cols"):
        excitation_backprop(model, x, 0, node="preds")
    inside = Sequential([Conv2D(2, 3), Softmax(), Flatten(), Dense(2)], (4, 4, 1))
    with pytest.raises(
        ArgumentError, match=r"excitation_backprop has no rule for node 'softmax_1'"
    ):
        excitation_backprop(inside, np.ones((1, 4, 4, 1), np.float32), 0)


def test_nothing_excites():
    model = Sequential([Conv2D(2, 3, activation="relu"), Flatten(), Dense(2)], (5, 5, 1))
    model.parameters()["dense_1/weight"][...] = -1
    got = excitation_backprop(model, networks.pictures(model, 1), 0)
    assert "nothing excites the target" in got.warnings[0]


# The rectified gradient -----------------------------------------------------------------------


def rectified_by_loops(model, x, class_, percentile):
    trace = model.run(x)
    r = np.zeros(3)
    r[class_] = 1
    for name in ("dense_1", "conv2d_2", "conv2d_1"):
        w, _ = loops.matrix(model.node(name).layer, trace[name].x.shape[1:])
        r = w @ r
        if name != "conv2d_1":
            a = trace[name].x.ravel()
            least = np.percentile(a * r, percentile)
            r = np.array([r[i] if a[i] * r[i] > least else 0 for i in range(len(a))])
    return r.reshape(x.shape)


@pytest.mark.parametrize("percentile", [0, 50, 90.0])
def test_the_rectified_gradient_is_that_of_the_loops(percentile):
    model, x = small(3)
    got = rect_grad(model, x, 1, percentile=percentile)
    wanted = rectified_by_loops(model, x, 1, percentile)
    np.testing.assert_allclose(got.raw, wanted, rtol=1e-10, atol=1e-14)
    assert wanted.any()


def test_a_threshold_of_zero_is_guided_backprop(monkeypatch):
    model, x = small(2)
    monkeypatch.setattr(np, "percentile", lambda a, q, axis, keepdims: np.zeros((len(a), 1)))
    np.testing.assert_array_equal(rect_grad(model, x, 1).raw, guided_backprop(model, x, 1).raw)


def test_each_picture_has_its_own_threshold():
    model, _ = small(3)
    x = networks.pictures(model, 4, np.float64)
    together = rect_grad(model, x, 1, percentile=80)
    for i in range(4):
        alone = rect_grad(model, x[i], 1, percentile=80)
        np.testing.assert_allclose(together.raw[i], alone.raw[0], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("function", [rect_grad, guided_backprop])
def test_without_a_relu_it_is_the_gradient(function):
    model = networks.inception()
    x = networks.pictures(model, 2)
    got = function(model, x, 1)
    np.testing.assert_array_equal(got.raw, gradient(model, x, 1).raw)
    assert "this model has no ReLU, so the" in got.warnings[0]


@pytest.mark.parametrize("percentile", [-1, 100, float("nan"), "most", True, None])
def test_bad_percentiles_are_refused(percentile):
    model = networks.chain()
    with pytest.raises(ArgumentError, match="must be a finite number of at least 0 and below 100"):
        rect_grad(model, networks.pictures(model, 1), 0, percentile=percentile)


def test_it_joins_channels_as_the_gradient_does():
    model = networks.colour()
    x = networks.pictures(model, 1)
    got = rect_grad(model, x, 1, percentile=50, channels="absolute")
    assert not got.signed
    np.testing.assert_array_equal(got.values, np.abs(got.raw).max(axis=-1))
