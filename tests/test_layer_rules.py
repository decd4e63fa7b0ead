"""Rule methods at a node are the same methods on the network's tail, given the node's output."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from test_lrp import bias_free
from test_rewrite import lively

from nnviz.engine.graph import INPUT, Node
from nnviz.engine.input import InputSpec
from nnviz.engine.model import Model
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy.receptive import has_places, place_on_picture, receptive_field
from nnviz.inspection.attribution import (
    COMPOSITES,
    METHODS,
    Norm,
    Probability,
    deep_lift,
    expected_gradients,
    explain,
    gradient_shap,
    layer_deep_lift,
    layer_gradient_shap,
    layer_gradient_x_activation,
    layer_integrated_gradients,
    layer_lrp,
    lrp,
)
from nnviz.inspection.attribution.path import drawn


def tail(model, name):
    """What follows a node of a chain, as a model of its own that is given the node's output."""
    names = [node.name for node in model.nodes]
    rest = model.nodes[names.index(name) + 1 :]
    nodes = [
        Node(n.name, n.layer, tuple(INPUT if i == name else i for i in n.inputs)) for n in rest
    ]
    return Model.from_nodes(nodes, input=InputSpec(model.shapes[name]), head=model.head)


def cut(name):
    """(model, pictures, the tail, the node's output)."""
    model = lively(networks.digits(seed=4)).astype(np.float64)
    x = networks.pictures(model, 3, np.float64)
    return model, x, tail(model, name), model.run(x)[name].y


@pytest.mark.parametrize("composite", [c for c in COMPOSITES if not COMPOSITES[c].first])
def test_relevance_at_a_node_is_that_of_the_tail(composite):
    name = "max_pooling2d_1"
    model, x, rest, inside = cut(name)
    got = layer_lrp(model, x, 1, node=name, composite=composite)
    wanted = lrp(rest, inside, 1, composite=composite)
    np.testing.assert_allclose(got.at_node, wanted.values, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(got.gap, wanted.gap, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(got.values, place_on_picture(model, name, got.at_node))
    assert got.provenance.node == name


def test_relevance_is_kept_at_every_node():
    model = bias_free()
    x = networks.pictures(model, 2, np.float64)
    whole = 0
    for node in model.nodes:
        if len(model.shapes[node.name]) == 3 and has_places(receptive_field(model, node.name)):
            got = layer_lrp(model, x, 2, node=node.name, composite="zero")
            if got.gap is not None:
                whole += 1
                assert np.abs(got.gap).max() < 1e-8
            product = layer_gradient_x_activation(model, x, 2, node=node.name)
            np.testing.assert_allclose(got.at_node, product.at_node, rtol=1e-7, atol=1e-12)
    assert whole > 2


@pytest.mark.parametrize("baseline", [0.2, [0.1, "white"]])
def test_deep_lift_at_a_node_is_that_of_the_tail(baseline):
    name = "max_pooling2d_1"
    model, x, rest, inside = cut(name)
    got = layer_deep_lift(model, x, Probability(1), node=name, baseline=baseline)
    wanted = 0
    pixels = baseline if isinstance(baseline, list) else [baseline]
    for value in pixels:
        start = model.run(np.full_like(x, {"white": 1.0}.get(value, value)))[name].y
        wanted = wanted + deep_lift(rest, inside, Probability(1), baseline=start).values
    np.testing.assert_allclose(got.at_node, wanted / len(pixels), rtol=1e-8, atol=1e-14)
    assert np.abs(got.gap).max() < 1e-8
    assert got.warnings == ()


def test_expected_gradients_at_a_node_are_those_of_the_loops():
    name = "conv2d_1/relu"
    model, x, rest, inside = cut(name)
    got = layer_gradient_shap(model, x, 1, node=name, baselines=[0.2, "white"], samples=30, seed=3)
    bases = [np.full_like(x, 0.2), np.ones_like(x)]
    rounds = drawn(np.random.default_rng(3), 30, 2)
    wanted = np.zeros(inside.shape[:3])
    for one in rounds:
        for j, alpha in one:
            point = model.run(bases[j] + alpha * (x - bases[j]))[name].y
            slope = explain(rest, point, 1, method="gradient").raw
            change = inside - model.run(bases[j])[name].y
            wanted += (slope * change).sum(axis=-1) / len(one) / len(rounds)
    np.testing.assert_allclose(got.at_node, wanted, rtol=1e-9, atol=1e-14)
    assert got.provenance.seed == 3


def test_on_a_linear_way_it_tends_to_integrated_gradients_at_the_node():
    """Up to the first convolution the network is linear: a straight way stays straight."""
    model, x, *_ = cut("conv2d_1")
    way = {"node": "conv2d_1"}
    got = layer_gradient_shap(model, x, 1, baselines="black", samples=2000, **way)
    wanted = layer_integrated_gradients(model, x, 1, steps=400, quadrature="midpoint", **way)
    np.testing.assert_allclose(got.at_node, wanted.at_node, atol=2e-3 * np.abs(got.at_node).max())


@pytest.mark.parametrize("function", [layer_lrp, layer_deep_lift])
def test_a_node_that_is_only_a_part_says_so(function):
    model = networks.residual()
    x = networks.pictures(model, 1)
    got = function(model, x, 0, node="batch_normalization_1")
    assert got.gap is None
    assert any("ways lead round batch_normalization_1, so" in text for text in got.warnings)
    assert function(model, x, 0, node="join").gap is not None


def test_what_they_refuse():
    model = networks.chain()
    x = networks.pictures(model, 1)
    with pytest.raises(ArgumentError, match="alpha − beta of layer_lrp must be 1"):
        layer_lrp(model, x, 0, alpha=3)
    with pytest.raises(ArgumentError, match=r"no composite named 'plus' .* layer_lrp has"):
        layer_lrp(model, x, 0, composite="plus")
    with pytest.raises(ArgumentError, match="layer_lrp shares out a value of the network"):
        layer_lrp(model, x, Probability(0))
    with pytest.raises(
        ArgumentError, match="samples of layer_gradient_shap must be a whole number"
    ):
        layer_gradient_shap(model, x, 0, samples=0)
    assert layer_deep_lift(model, x, Norm("dense_1")).values.any()


def test_a_second_name_is_the_same_method():
    assert gradient_shap is expected_gradients
    assert METHODS["gradient_shap"].function is expected_gradients
    model = networks.chain()
    x = networks.pictures(model, 1)
    one, two = (
        explain(model, x, 0, method=name, samples=5)
        for name in ("gradient_shap", "expected_gradients")
    )
    np.testing.assert_array_equal(one.values, two.values)
    assert one.provenance == two.provenance
