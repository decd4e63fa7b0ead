"""Class activation maps against loop-level references and by their identities, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import reference_cam as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import SEEN, chain, pictures, residual, twice

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection import attribution as at
from nnviz.inspection.anatomy.receptive import place_on_picture
from nnviz.inspection.attribution.target import Logit, Probability

CLASSES = [2, 0, 1]


def curved(seed=0):
    """Curved layers behind the node "maps", whose channels have both signs and one is constant."""
    layers = [
        nv.Conv2D(4, 3, name="maps"),
        nv.Conv2D(3, 2, activation="tanh"),
        nv.AveragePooling2D(2),
        nv.Flatten(),
        nv.Dense(5, activation="swish"),
        nv.Dense(3),
    ]
    model = nv.Sequential(layers, (9, 8, 2), seed=seed).astype(np.float64)
    params = model.parameters()
    params["maps/weight"][..., 2], params["maps/bias"][:] = 0, [0.3, -0.1, 0.7, 0.2]
    params["dense_1/weight"][...] *= 2
    return model, pictures(model, 3, np.float64)


def maps_and_slopes(model, x, node, classes=CLASSES):
    """What the references need, by the engine's own walk."""
    trace = model.run(x)
    dz = np.zeros_like(trace[model.logits_name].y)
    dz[np.arange(len(x)), classes] = 1
    return trace[node].y, model.backward(trace, {model.logits_name: dz}, until=(node,))[node]


def pooled(seed=0):
    """A ReLU net with a pooled head, with dropout and a flattening on the way."""
    layers = [
        nv.Conv2D(5, 3, padding="same", activation="relu", name="maps"),
        nv.Dropout(0.5),
        nv.AveragePooling2D((7, 6)),
        nv.Flatten(),
        nv.Dropout(0.5),
        nv.Dense(3, activation="softmax"),
    ]
    model = nv.Sequential(layers, (7, 6, 2), seed=seed).astype(np.float64)
    model.parameters()["dense_1/bias"][:] = [0.5, -1, 2]
    return model, pictures(model, 3, np.float64)


# The formulas ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method",
    ["grad_cam", "grad_cam_plus_plus", "xgrad_cam", "layer_cam", "hires_cam", "element_wise_cam"],
)
@pytest.mark.parametrize("seed", range(3))
def test_maps_of_one_walk_are_those_of_the_loops(method, seed):
    model, x = curved(seed)
    got = getattr(at, method)(model, x, CLASSES, node="maps")
    maps, slopes = maps_and_slopes(model, x, "maps")
    for i, map_ in enumerate(got.at_node):
        wanted = getattr(reference, method)(maps[i], slopes[i])
        np.testing.assert_allclose(map_, wanted, rtol=1e-10, atol=1e-13)
    placed = place_on_picture(model, "maps", got.at_node)
    np.testing.assert_array_equal(got.values, placed)
    assert got.provenance.node == "maps"


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(2, 6), st.integers(2, 6)),
    channels=st.integers(1, 4),
    scale=st.sampled_from([1e-6, 1.0, 1e3]),
)
def test_any_maps_and_slopes_give_what_the_loops_give(seed, size, channels, scale):
    """One dense layer behind a convolution that is the identity: maps and slopes are anything."""
    rng = np.random.default_rng(seed)
    layers = [nv.Conv2D(channels, 1, use_bias=False, name="maps"), nv.Flatten(), nv.Dense(1)]
    model = nv.Sequential(layers, (*size, channels)).astype(np.float64)
    model.parameters()["maps/weight"][...] = np.eye(channels)
    weight = model.parameters()["dense_1/weight"]
    weight[...] = scale * rng.standard_normal(weight.shape) * (rng.random(weight.shape) > 0.3)
    x = rng.standard_normal((1, *size, channels))
    slopes = weight.reshape(1, *size, channels)
    for method in ("grad_cam", "grad_cam_plus_plus", "xgrad_cam", "layer_cam", "hires_cam"):
        got = getattr(at, method)(model, x, 0, node="maps").at_node[0]
        wanted = getattr(reference, method)(x[0], slopes[0])
        np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-9 * np.abs(wanted).max())


def test_grad_cam_plus_plus_keeps_its_normalization_and_tiny_gradients():
    """The known mistake: dividing a copy, so that α stays g². Two channels tell them apart."""
    layers = [nv.Conv2D(2, 1, use_bias=False, name="maps"), nv.Flatten(), nv.Dense(1)]
    model = nv.Sequential(layers, (1, 2, 1)).astype(np.float64)
    params = model.parameters()
    params["maps/weight"][...] = [[[[1, 3]]]]
    params["dense_1/weight"][:, 0] = [2, 0, 0, 1]  # g_0 = (2, 0), g_1 = (0, 1)
    x = np.array([1.0, 2.0]).reshape(1, 1, 2, 1)  # A_0 = (1, 2), A_1 = (3, 6)
    w = [2 / (2 + 3 * 2), 1 / (2 + 9 * 1)]
    wanted = [[w[0] * 1 + w[1] * 3, w[0] * 2 + w[1] * 6]]
    got = at.grad_cam_plus_plus(model, x, 0, node="maps")
    np.testing.assert_allclose(got.at_node[0], wanted, rtol=1e-14)
    params["dense_1/weight"][...] *= 1e-30  # α → 1/2, and g² would vanish in float32
    small = at.grad_cam_plus_plus(model, x.astype(np.float32), 0, node="maps")
    np.testing.assert_allclose(small.at_node[0], [[2.5e-30, 5e-30]], rtol=1e-6)


def test_smooth_grad_cam_plus_plus_averages_powers_of_the_gradient():
    model, x = curved()
    got = at.smooth_grad_cam_plus_plus(model, x, CLASSES, node="maps", samples=4, noise=0.2, seed=7)
    rng, walks = np.random.default_rng(7), []
    for _ in range(4):
        eps = rng.standard_normal(x.shape[1:])
        size = 0.2 * np.array([p.max() - p.min() for p in x])
        walks.append(maps_and_slopes(model, x + size[:, None, None, None] * eps, "maps")[1])
    maps = model.run(x)["maps"].y
    for i in range(3):
        d = [np.mean([w[i] ** p for w in walks], axis=0) for p in (1, 2, 3)]
        wanted = reference.grad_cam_plus_plus(maps[i], *d)
        np.testing.assert_allclose(got.at_node[i], wanted, rtol=1e-9, atol=1e-13)
    plain = at.grad_cam_plus_plus(model, x, CLASSES, node="maps")
    still = at.smooth_grad_cam_plus_plus(model, x, CLASSES, node="maps", samples=2, noise=0)
    np.testing.assert_allclose(still.values, plain.values, rtol=1e-10, atol=1e-13)


def test_random_cam_is_a_seeded_sum():
    model, x = curved()
    got = at.random_cam(model, x, node="maps", seed=3)
    weights = np.random.default_rng(3).uniform(-1, 1, 4)
    maps = model.run(x)["maps"].y
    for i in range(3):
        np.testing.assert_allclose(got.at_node[i], reference.weighted(maps[i], weights), atol=1e-13)
    assert not np.array_equal(at.random_cam(model, x, node="maps", seed=4).values, got.values)
    assert got.provenance.seed == 3


def test_guided_grad_cam_is_the_product():
    model = residual().astype(np.float64)
    x = pictures(model, 3, np.float64)
    got = at.guided_grad_cam(model, x, 1, node="stem/relu")
    guided, cam = (
        nv.saliency(model, x, 1, rule="guided"),
        nv.grad_cam(model, x, 1, node="stem/relu"),
    )
    np.testing.assert_allclose(got.raw, guided.raw * cam.values[..., None], rtol=1e-12)
    np.testing.assert_allclose(got.values, got.raw.sum(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(got.at_node, cam.at_node, rtol=1e-12)
    unsigned = at.guided_grad_cam(model, x, 1, node="stem/relu", channels="absolute")
    np.testing.assert_allclose(unsigned.values, np.abs(got.raw).max(axis=-1), rtol=1e-12)
    assert got.signed
    assert not unsigned.signed


# CAM, and what the others are where it works --------------------------------------------------


def test_cam_is_the_weighted_sum_whose_mean_is_the_logit():
    model, x = pooled()
    got = at.cam(model, x, CLASSES)
    maps, weight = model.run(x)["maps/relu"].y, model.parameters()["dense_1/weight"]
    for i, c in enumerate(CLASSES):
        wanted = reference.weighted(maps[i], weight[:, c], rectified=False)
        np.testing.assert_allclose(got.at_node[i], wanted, rtol=1e-12, atol=1e-14)
    bias = model.parameters()["dense_1/bias"][CLASSES]
    np.testing.assert_allclose(got.at_node.mean(axis=(1, 2)) + bias, got.scores, rtol=1e-12)
    assert got.signed
    assert got.provenance.node == "maps/relu"


@pytest.mark.parametrize("build", [pooled, lambda: (residual().astype(np.float64), None)])
def test_where_cam_works_the_others_equal_it_up_to_the_pooled_area(build):
    model, x = build()
    x = pictures(model, 3, np.float64) if x is None else x
    cam = at.cam(model, x, CLASSES)
    area, positive = cam.at_node[0].size, np.maximum(cam.at_node, 0)
    np.testing.assert_allclose(
        at.grad_cam(model, x, CLASSES).at_node * area, positive, rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(
        at.hires_cam(model, x, CLASSES).at_node * area, cam.at_node, rtol=1e-10, atol=1e-12
    )
    ablated = at.ablation_cam(model, x, CLASSES)  # S − S_k = w_k · mean(A_k)
    maps = model.run(x)[cam.provenance.node].y
    weight = model.parameters()["dense_1/weight"][:, CLASSES].T
    for i in range(3):
        wanted = reference.weighted(maps[i], weight[i] * maps[i].mean(axis=(0, 1)))
        np.testing.assert_allclose(ablated.at_node[i], wanted, rtol=1e-9, atol=1e-12)


def test_cam_of_a_difference_is_the_difference_of_cams():
    model, x = pooled()
    one, two = (at.cam(model, x, c).values for c in (0, 2))
    got = at.cam(model, x, Logit(0) - 0.5 * Logit(2))
    np.testing.assert_allclose(got.values, one - 0.5 * two, atol=1e-13)


def test_cam_refuses_what_it_is_not_made_for():
    model, x = pooled()
    with pytest.raises(ArgumentError, match="cam explains classes, or sums and differences"):
        at.cam(model, x, Probability(1))
    for other in (chain(), SEEN["digits"](), twice()):
        with pytest.raises(ArgumentError, match=r"ends in global average pooling.*use grad_cam"):
            at.cam(other, pictures(other, 1), 0)
    halved = nv.Sequential(
        [nv.Conv2D(2, 3), nv.AveragePooling2D(3), nv.Flatten(), nv.Dense(2)], (8, 8, 1)
    )
    with pytest.raises(ArgumentError, match="'dense_1' is not fed that way"):
        at.cam(halved, pictures(halved, 1), 0)
    bare = nv.Sequential([nv.GlobalAveragePooling2D(), nv.Dense(2)], (4, 4, 1))
    with pytest.raises(ArgumentError, match="ends in global average pooling"):
        at.cam(bare, pictures(bare, 1), 0)


def test_hires_cam_with_constant_gradients_is_grad_cam():
    model, x = pooled(1)
    hires = at.hires_cam(model, x, 2, node="maps/relu")
    grad = at.grad_cam(model, x, 2, node="maps/relu")
    np.testing.assert_allclose(np.maximum(hires.at_node, 0), grad.at_node, rtol=1e-12)


def test_hires_cam_adds_up_to_the_logit_before_one_dense_layer():
    model = chain().astype(np.float64)
    layers = [nv.Conv2D(4, 3, activation="relu"), nv.Flatten(), nv.Dense(3)]
    model = nv.Sequential(layers, (6, 7, 2)).astype(np.float64)
    model.parameters()["dense_1/bias"][:] = [1, 2, 3]
    got = at.hires_cam(model, pictures(model, 3, np.float64), CLASSES)
    bias = np.array([1.0, 2, 3])[CLASSES]
    np.testing.assert_allclose(got.at_node.sum(axis=(1, 2)) + bias, got.scores, rtol=1e-12)


def test_layer_cam_with_constant_positive_gradients_is_grad_cam():
    model, x = pooled(2)
    model.parameters()["dense_1/weight"][...] = np.abs(model.parameters()["dense_1/weight"])
    layer, grad = at.layer_cam(model, x, 1), at.grad_cam(model, x, 1)
    np.testing.assert_allclose(layer.at_node, grad.at_node, rtol=1e-12)
    element = at.element_wise_cam(model, x, 1)
    np.testing.assert_allclose(element.at_node, grad.at_node, rtol=1e-12)


def test_xgrad_cam_keeps_the_target_where_relus_without_biases_follow():
    layers = [
        nv.Conv2D(3, 3, activation="relu", name="maps"),
        nv.Conv2D(4, 3, use_bias=False, activation="relu"),
        nv.MaxPooling2D(2),
        nv.Flatten(),
        nv.Dense(2, use_bias=False),
    ]
    model = nv.Sequential(layers, (9, 9, 1)).astype(np.float64)
    for key in ("conv2d_1/weight", "dense_1/weight"):  # positive, so that nothing is cut off
        model.parameters()[key][...] = np.abs(model.parameters()[key])
    got = at.xgrad_cam(model, pictures(model, 3, np.float64), 1, node="maps/relu")
    np.testing.assert_allclose(got.at_node.sum(axis=(1, 2)), got.scores, rtol=1e-12)


# What is refused ------------------------------------------------------------------------------

BAD = [
    ("grad_cam_plus_plus", {"node": "preds"}, "has no rows and cols"),
    (
        "random_cam",
        {"seed": -1},
        r"seed of random_cam must be .* from 0 to 2\^63 − 1, got -1",
    ),
    ("random_cam", {"seed": 0.5}, "seed of random_cam must be a whole number"),
    ("kpca_cam", {"kernel": "rbg"}, "no kernel named 'rbg'"),
    ("kpca_cam", {"gamma": 0}, "gamma of kpca_cam must be a finite number above 0"),
    ("fem", {"k": -1}, "k of fem must be a finite number of at least 0"),
    ("fem", {"k": float("nan")}, "k of fem must be a finite number .* got nan"),
    ("fem", {"k": True}, "k of fem must be a finite number"),
    ("smooth_grad_cam_plus_plus", {"samples": 0}, "samples of .* from 1 to 100,000, got 0"),
    ("smooth_grad_cam_plus_plus", {"samples": 10**9}, "must be a whole number from 1 to 100,000"),
    ("smooth_grad_cam_plus_plus", {"noise": "much"}, "noise of .* must be a finite number"),
    ("shapley_cam", {"utility": "ReST"}, "no utility named 'ReST'"),
    ("finer_cam", {"alpha": -1}, "alpha of finer_cam must be a finite number of at least 0"),
    ("finer_cam", {"classes": 1.5}, "classes of finer_cam must be a whole number"),
    ("finer_cam", {"base": "finer_cam"}, "no base named 'finer_cam'"),
    ("finer_cam", {"base": "saliency"}, "no base named 'saliency'"),
    ("refine_cam", {"nodes": []}, r"nodes of refine_cam must be a list of node names, got \[\]"),
    ("refine_cam", {"nodes": "conv2d_1"}, "nodes of refine_cam must be a list"),
    ("refine_cam", {"nodes": ["conv9"]}, "no node named 'conv9'"),
    ("refine_cam", {"base": None}, "no base named 'None'"),
    ("guided_grad_cam", {"channels": "some"}, "no way to join channels named 'some'"),
]


@pytest.mark.parametrize(("method", "options", "message"), BAD)
def test_bad_options_are_one_clear_error(method, options, message):
    model = SEEN["digits"]()
    with pytest.raises(ArgumentError, match=message):
        getattr(at, method)(model, pictures(model, 1), 1, **options)


def test_finer_cam_needs_a_class_and_others():
    model = SEEN["digits"]()
    for target in (Probability(1), Logit(1) - Logit(0), 2 * Logit(1), nv.Channel("preds", 1)):
        with pytest.raises(ArgumentError, match="give a class as target"):
            at.finer_cam(model, pictures(model, 1), target)
    single = nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(1)], (5, 5, 1))
    with pytest.raises(ArgumentError, match="at least two classes, this model has one output"):
        at.finer_cam(single, pictures(single, 1), 0)


def test_kpca_cam_refuses_tables_that_fill_the_memory():
    model = nv.Sequential([nv.Conv2D(1, 1), nv.GlobalAveragePooling2D(), nv.Dense(2)], (65, 64, 1))
    with pytest.raises(ArgumentError, match=r"4160 places of node 'conv2d_1'.*choose a later node"):
        at.kpca_cam(model, pictures(model, 1), 0)


@pytest.mark.parametrize("base", ["eigen_cam", "fem", "kpca_cam", "random_cam"])
def test_what_leaves_the_target_aside_tells_no_classes_apart(base):
    model = SEEN["digits"]()
    with pytest.raises(ArgumentError, match=f"no base named {base!r}"):
        at.finer_cam(model, pictures(model, 1), 1, base=base)
