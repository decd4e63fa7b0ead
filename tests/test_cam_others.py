"""CAMs without gradients' weights, with curvature, and made of other maps."""

from __future__ import annotations

import numpy as np
import pytest
import reference_cam as reference
from networks import SEEN, pictures, residual
from test_cam import CLASSES, curved, maps_and_slopes

import nnviz as nv
from nnviz.inspection import attribution as at
from nnviz.inspection.attribution.target import Logit

# Without weights ------------------------------------------------------------------------------


def test_eigen_maps_are_the_first_singular_vectors():
    model, x = curved()
    maps, slopes = maps_and_slopes(model, x, "maps")
    plain, grad = (
        f(model, x, CLASSES, node="maps").at_node for f in (at.eigen_cam, at.eigen_grad_cam)
    )
    for i in range(3):
        wanted = np.maximum(reference.first_component(maps[i]), 0)
        np.testing.assert_allclose(plain[i], wanted, rtol=1e-9, atol=1e-12)
        wanted = np.maximum(reference.first_component(maps[i] * slopes[i]), 0)
        np.testing.assert_allclose(grad[i], wanted, rtol=1e-9, atol=1e-12)


def test_eigen_cam_with_more_channels_than_places_and_after_a_relu():
    model = nv.Sequential(
        [nv.Conv2D(12, 3, activation="relu"), nv.GlobalAveragePooling2D(), nv.Dense(2)], (4, 5, 1)
    ).astype(np.float64)
    x = pictures(model, 2, np.float64)
    got = at.eigen_cam(model, x, 0).at_node
    for map_, maps in zip(got, model.run(x)["conv2d_1/relu"].y, strict=True):
        np.testing.assert_allclose(map_, reference.first_component(maps), rtol=1e-9, atol=1e-12)


KERNELS = {
    "sigmoid": lambda p, q: np.tanh(0.25 * (p @ q) + 1),
    "rbf": lambda p, q: np.exp(-0.25 * ((p - q) ** 2).sum()),
    "linear": lambda p, q: p @ q,
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_kpca_cam_is_that_of_the_loops(kernel):
    model, x = curved()
    got = at.kpca_cam(model, x, node="maps", kernel=kernel)
    for map_, maps in zip(got.at_node, model.run(x)["maps"].y, strict=True):
        wanted = np.maximum(reference.kernel_component(maps, KERNELS[kernel]), 0)
        np.testing.assert_allclose(map_, wanted, rtol=1e-8, atol=1e-10)
    same = at.kpca_cam(model, x, node="maps", kernel=kernel, gamma=0.25)
    np.testing.assert_array_equal(same.values, got.values)


@pytest.mark.parametrize("k", [0, 0.5, 1.5])
def test_fem_is_that_of_the_loops(k):
    model, x = curved(4)
    got = at.fem(model, x, node="maps", k=k)
    for map_, maps in zip(got.at_node, model.run(x)["maps"].y, strict=True):
        np.testing.assert_allclose(map_, reference.fem(maps, k), rtol=1e-12, atol=1e-13)


def test_maps_of_a_blank_picture_are_named():
    model = residual()
    x = np.zeros((1, 8, 7, 2), np.float32)
    for method in (at.eigen_cam, at.kpca_cam, at.fem):
        got = method(model, x, 0)
        assert not got.values.any()
        assert "the node's channels are zero everywhere" in got.warnings[0] or method is at.fem
        assert got.warnings[0].startswith("the map is zero everywhere")


# Curvature ------------------------------------------------------------------------------------


def test_shapley_cam_is_the_second_order_formula():
    """u = z_c + log p_c over one dense layer: g = W (2 e_c − p), H = −W (diag p − p pᵀ) Wᵀ."""
    layers = [nv.Conv2D(3, 2, name="maps"), nv.Flatten(), nv.Dense(3, activation="softmax")]
    model = nv.Sequential(layers, (4, 5, 2)).astype(np.float64)
    x = pictures(model, 3, np.float64)
    got = at.shapley_cam(model, x, CLASSES, node="maps")
    trace, w = model.run(x), model.parameters()["dense_1/weight"]
    for i, c in enumerate(CLASSES):
        maps, p = trace["maps"].y[i], trace.output[i]
        slope = w @ (2 * np.eye(3)[c] - p)
        bend = -w @ (np.diag(p) - np.outer(p, p)) @ w.T @ maps.ravel()
        weights = (slope - bend / 2).reshape(maps.shape).mean(axis=(0, 1))
        np.testing.assert_allclose(
            got.at_node[i], reference.weighted(maps, weights), rtol=1e-7, atol=1e-10
        )
    np.testing.assert_allclose(got.scores, trace[model.logits_name].y[range(3), CLASSES])


def test_shapley_cam_sees_curved_layers_and_no_kinks():
    """z = vᵀ tanh(Wᵀ a) : H a = W (v · tanh'' · Wᵀ a); above ReLUs and pools it is Grad-CAM."""
    layers = [nv.Conv2D(2, 2, name="maps"), nv.Flatten(), nv.Dense(4, activation="tanh")]
    model = nv.Sequential([*layers, nv.Dense(3)], (4, 4, 1)).astype(np.float64)
    x = pictures(model, 3, np.float64)
    got = at.shapley_cam(model, x, 1, node="maps", utility="target")
    params = model.parameters()
    w, v = params["dense_1/weight"], params["dense_2/weight"][:, 1]
    for map_, maps in zip(got.at_node, model.run(x)["maps"].y, strict=True):
        h = maps.ravel() @ w
        slope = w @ (v * (1 - np.tanh(h) ** 2))
        bend = w @ (v * -2 * np.tanh(h) * (1 - np.tanh(h) ** 2) * h)
        weights = (slope - bend / 2).reshape(maps.shape).mean(axis=(0, 1))
        np.testing.assert_allclose(map_, reference.weighted(maps, weights), rtol=1e-7, atol=1e-10)
    straight = residual().astype(np.float64)
    x = pictures(straight, 4, np.float64)
    one = at.shapley_cam(straight, x, 1, node="stem/relu", utility="target")
    two = at.grad_cam(straight, x, 1, node="stem/relu")
    np.testing.assert_allclose(one.at_node, two.at_node, atol=1e-9 * two.at_node.max())


def test_a_unit_that_sits_on_its_kink_is_no_curvature():
    layers = [nv.Conv2D(1, 1, name="maps", use_bias=False), nv.Flatten()]
    model = nv.Sequential([*layers, nv.Dense(1, activation="relu"), nv.Dense(1)], (1, 2, 1))
    model = model.astype(np.float64)
    params = model.parameters()
    params["maps/weight"][...], params["dense_1/weight"][:] = 1, [[1.0], [1.0]]
    params["dense_1/bias"][:], params["dense_2/weight"][:] = -3 + 1e-9, 1
    x = np.array([1.0, 2.0]).reshape(1, 1, 2, 1)
    one = at.shapley_cam(model, x, 0, node="maps", utility="target")
    np.testing.assert_allclose(one.at_node, at.grad_cam(model, x, 0, node="maps").at_node)


def test_the_utility_is_the_target_where_there_are_no_probabilities():
    model, x = curved()
    summed = Logit(0) + Logit(1)
    one, two = (at.shapley_cam(model, x, summed, utility=u).values for u in ("rest", "target"))
    np.testing.assert_array_equal(one, two)
    single = nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(1)], (5, 5, 1))
    x = pictures(single, 1)
    one, two = (at.shapley_cam(single, x, 0, utility=u).values for u in ("rest", "target"))
    np.testing.assert_array_equal(one, two)


# Made of other maps ---------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["grad_cam", "hires_cam", "ablation_cam", "group_cam"])
def test_finer_cam_is_the_base_of_the_contrast(base):
    layers = [nv.Conv2D(4, 3, activation="relu"), nv.Flatten(), nv.Dense(5)]
    model = nv.Sequential(layers, (6, 6, 1), seed=2).astype(np.float64)
    x = pictures(model, 3, np.float64)
    got = at.finer_cam(model, x, [4, 0, 1], alpha=0.8, classes=2, base=base)
    logits = model.run(x).output
    for i, c in enumerate([4, 0, 1]):
        others = sorted((abs(logits[i, d] - logits[i, c]), d) for d in range(5) if d != c)
        contrast = Logit(c) - 0.4 * Logit(others[0][1]) - 0.4 * Logit(others[1][1])
        wanted = getattr(at, base)(model, x[i : i + 1], contrast)
        np.testing.assert_allclose(got.values[i], wanted.values[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(got.scores, logits[range(3), [4, 0, 1]])
    alone = at.finer_cam(model, x, 1, alpha=0, base=base)
    np.testing.assert_allclose(alone.values, getattr(at, base)(model, x, 1).values, atol=1e-12)
    every = at.finer_cam(model, x, 1, classes=99, base=base)
    four = at.finer_cam(model, x, 1, classes=4, base=base)
    np.testing.assert_array_equal(every.values, four.values)


def test_finer_cam_takes_bytes_as_they_are():
    model = SEEN["digits"]()
    x = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), np.uint8)
    one, two = at.finer_cam(model, x, 1), at.finer_cam(model, x / np.float32(255), 1)
    np.testing.assert_allclose(one.values, two.values, atol=1e-6 * one.values.max())


def test_refine_cam_multiplies_maps_brought_to_one():
    model = SEEN["digits"]().astype(np.float64)
    x = pictures(model, 2, np.float64)
    nodes = ["conv2d_1/relu", "conv2d_2/relu"]
    got = at.refine_cam(model, x, 1, nodes=nodes, base="layer_cam")
    wanted = np.ones((2, 28, 28))
    for node in nodes:
        values = at.layer_cam(model, x, 1, node=node).values
        for i in range(2):
            wanted[i] *= values[i] / values[i].max()
    np.testing.assert_allclose(got.values, wanted, rtol=1e-12)
    assert 0 < got.values.max() <= 1
    assert got.provenance.settings["nodes"] == tuple(nodes)
    every = at.refine_cam(model, x, 1)
    assert every.provenance.settings["nodes"] == (
        "conv2d_1/relu", "max_pooling2d_1", "conv2d_2/relu",
    )  # fmt: skip


@pytest.mark.parametrize("method", ["grad_cam", "layer_cam", "hires_cam", "element_wise_cam"])
def test_channels_that_cancel_are_added_up_in_float64(method):
    """Two channels that are alike and speak against each other, but for one part in 100,000."""
    layers = [nv.Conv2D(2, 3, activation="relu", name="conv"), nv.GlobalAveragePooling2D()]
    model = nv.Sequential([*layers, nv.Dense(2)], (9, 8, 1), seed=4)
    params = model.parameters()
    params["conv/weight"][...] = np.abs(params["conv/weight"][..., :1])
    params["dense_1/weight"][:, 1] = 1, -1 + 1e-5
    x = pictures(model, 3)
    explained = getattr(at, method)
    got = explained(model, x, 1, node="conv/relu")
    wanted = explained(model.astype(np.float64), x.astype(np.float64), 1, node="conv/relu")
    np.testing.assert_allclose(got.values, wanted.values, rtol=1e-6)
    assert got.values.dtype == np.float32
    assert got.values.max() > 0
