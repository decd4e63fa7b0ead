"""Maps at a node inside the network, and XRAI's regions."""

from __future__ import annotations

import sys
import tracemalloc
import types
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
import reference_paths as reference
from networks import SEEN, pictures
from path_networks import kinked, smooth, two_ways

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy.receptive import place_on_picture
from nnviz.inspection.attribution import (
    input_x_gradient,
    integrated_gradients,
    internal_influence,
    layer_conductance,
    layer_gradient_x_activation,
    layer_integrated_gradients,
    xrai,
)
from nnviz.inspection.attribution.question import Question
from nnviz.inspection.attribution.xrai import by_label, felzenszwalb, grids, ranked

LAYERS = [
    internal_influence,
    layer_conductance,
    layer_gradient_x_activation,
    layer_integrated_gradients,
]
every_layer_method = pytest.mark.parametrize("method", LAYERS)


def at(model, x, class_, node):
    """A node's output and the target's slope there, (N, r, c, channels), by one plain walk."""
    trace = model.run(x)
    seed = np.zeros_like(trace[model.logits_name].y)
    seed[:, class_] = 1
    return trace[node].y, model.backward(trace, {model.logits_name: seed}, until=(node,))[node]


def test_gradient_x_activation_is_the_product_at_the_node():
    model = smooth()
    x = pictures(model, 2, np.float64)
    got = layer_gradient_x_activation(model, x, 1, node="second")
    y, slope = at(model, x, 1, "second")
    np.testing.assert_allclose(got.at_node, (y * slope).sum(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(got.values, place_on_picture(model, "second", got.at_node))
    assert got.provenance.node == "second"
    assert got.raw is None


@pytest.mark.parametrize(("name", "offset"), [("left", 0), ("midpoint", 0.5), ("right", 1)])
def test_internal_influence_is_the_mean_slope_on_the_way(name, offset):
    model = smooth()
    x = pictures(model, 2, np.float64)
    bases = [np.full_like(x, 0.5), np.zeros_like(x)]
    got = internal_influence(
        model, x, 2, node="first", baseline=["grey", "black"], steps=5, quadrature=name
    )
    wanted = 0
    for base in bases:
        for i in range(5):
            point = base + (i + offset) / 5 * (x - base)
            wanted = wanted + at(model, point, 2, "first")[1] / 10
    np.testing.assert_allclose(got.at_node, wanted.sum(axis=-1), rtol=1e-10)
    assert got.gap is None


def test_conductance_is_that_of_each_neuron():
    model = smooth()
    x = pictures(model, 1, np.float64)
    got = layer_conductance(model, x, 0, node="second", baseline=0.5, steps=9)
    base = np.full_like(x, 0.5)
    both = [at(model, base + a * (x - base), 0, "second") for a in np.linspace(0, 1, 9)]
    wanted = np.zeros(model.shapes["second"])
    for place in np.ndindex(wanted.shape):
        wanted[place] = reference.conductance(*([b[i][0][place] for b in both] for i in (0, 1)))
    np.testing.assert_allclose(got.at_node[0], wanted.sum(axis=-1), rtol=1e-10)


@pytest.mark.parametrize(("name", "order"), [("trapezoid", 2), ("left", 1), ("right", 1)])
@pytest.mark.parametrize("node", ["first", "second", "soft"])
def test_conductance_adds_up_in_the_limit(name, order, node):
    model = smooth()
    x = pictures(model, 2, np.float64)
    counts = (81, 161)
    gap = [
        np.abs(layer_conductance(model, x, 1, node=node, steps=n, quadrature=name).gap)
        for n in counts
    ]
    if node == "soft":  # all that follows is linear: the differences of it are exact
        assert np.max(gap) < 1e-12
        return
    np.testing.assert_allclose(np.log2(gap[0] / gap[1]), order, atol=0.15)


def test_conductance_of_the_first_layer_of_a_linear_path_is_integrated_gradients():
    """Where a 1×1 convolution with one channel copies the picture, its node is the picture."""
    layers = [nv.Conv2D(1, 1), nv.Conv2D(3, 3, activation="tanh"), nv.Flatten(), nv.Dense(2)]
    model = nv.Sequential(layers, (6, 7, 1), seed=1).astype(np.float64)
    model.parameters()["conv2d_1/weight"][...] = 1
    x = pictures(model, 2, np.float64)
    wanted = integrated_gradients(model, x, 1, steps=400, quadrature="trapezoid")
    flow = layer_conductance(model, x, 1, node="conv2d_1", steps=400)
    np.testing.assert_allclose(flow.at_node, wanted.values, atol=1e-6)
    inside = layer_integrated_gradients(model, x, 1, node="conv2d_1", steps=20)
    exact = integrated_gradients(model, x, 1, steps=20)
    np.testing.assert_allclose(inside.at_node, exact.values, atol=1e-12)
    np.testing.assert_allclose(inside.gap, exact.gap, atol=1e-10)
    product = layer_gradient_x_activation(model, x, 1, node="conv2d_1")
    np.testing.assert_allclose(product.at_node, input_x_gradient(model, x, 1).values, atol=1e-12)


def test_where_ways_lead_round_the_node_there_is_no_gap():
    model = two_ways()
    x = pictures(model, 2, np.float64)
    got = layer_conductance(model, x, 1, node="way/tanh", steps=5)
    assert got.gap is None
    assert got.warnings == (
        "ways lead round way/tanh, so its map is only a part of the target's change",
    )
    cut = layer_conductance(model, x, 1, node="join", steps=5)
    assert np.abs(cut.gap).max() < 1e-12
    assert cut.warnings == ()


def test_layer_integrated_gradients_go_straight_at_the_node():
    model = two_ways()
    x = pictures(model, 2, np.float64)
    got = layer_integrated_gradients(model, x, [0, 2], node="way", baseline="grey", steps=12)
    trace = model.run(x)
    start = model.run(np.full_like(x, 0.5))["way"].y
    changed = model.rerun(trace, {"way": start})
    rows = (np.arange(2), [0, 2])
    difference = trace.output[rows] - changed.output[rows]
    np.testing.assert_allclose(got.at_node.sum(axis=(1, 2)), difference, rtol=1e-9)
    np.testing.assert_allclose(got.scores, trace.output[rows])
    assert np.abs(got.gap).max() < 1e-9
    several = layer_integrated_gradients(
        model, x, [0, 2], node="way", baseline=["grey", x], steps=12
    )
    np.testing.assert_allclose(several.at_node, got.at_node / 2, atol=1e-14)


def test_large_batches_are_cut(monkeypatch):
    model = smooth()
    x = pictures(model, 5, np.float64)
    options = {"baseline": [x[::-1].copy(), "black"], "steps": 3}
    whole = layer_integrated_gradients(model, x, [0, 1, 2, 0, 1], **options)
    monkeypatch.setattr("nnviz.inspection.attribution.question.TRACE_BYTES", 2 * 4 * 8 * 1000)
    parts = layer_integrated_gradients(model, x, [0, 1, 2, 0, 1], **options)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(parts.gap, whole.gap, rtol=1e-6, atol=1e-12)


@every_layer_method
def test_the_node_is_the_last_one_with_places_or_by_name(method):
    model = SEEN["colour"]()
    x = pictures(model, 2)
    few = {} if method is layer_gradient_x_activation else {"steps": 3}
    assert method(model, x, 1, **few).provenance.node == "max_pooling2d_1"
    got = method(model, x, 1, node="near", **few)
    assert got.at_node.shape == (2, 32, 32)
    assert got.at_node.dtype == got.values.dtype == np.float32
    with pytest.raises(ArgumentError, match="no node named 'nearer'"):
        method(model, x, 1, node="nearer", **few)
    with pytest.raises(ArgumentError, match="which has no rows and cols"):
        method(model, x, 1, node="flatten_1", **few)


def test_bad_options_of_the_layer_methods_are_refused():
    model = smooth()
    x = pictures(model, 1, np.float64)
    with pytest.raises(
        ArgumentError, match="steps of layer_conductance must be a whole number from 2"
    ):
        layer_conductance(model, x, 1, steps=1)
    with pytest.raises(ArgumentError, match="no quadrature named 'midpoint'; layer_conductance"):
        layer_conductance(model, x, 1, quadrature="midpoint")
    for method in (internal_influence, layer_integrated_gradients):
        with pytest.raises(ArgumentError, match="no quadrature named 'middle'"):
            method(model, x, 1, quadrature="middle")
    for method in (internal_influence, layer_integrated_gradients, layer_conductance):
        with pytest.raises(ArgumentError, match="no baseline named 'dark'"):
            method(model, x, 1, baseline="dark")


# XRAI -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_ranking_is_that_of_the_loops(seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((9, 7))
    covers = rng.random((12, 9, 7)) < rng.random((12, 1, 1)) * 0.6
    sets = [{tuple(p) for p in np.argwhere(c).tolist()} for c in covers]
    numbers = [np.flatnonzero(c) for c in covers]
    got = ranked(values, numbers)
    np.testing.assert_allclose(got, reference.xrai(values, sets, 1), rtol=1e-10, atol=1e-12)
    few = ranked(values, numbers, 5)
    np.testing.assert_allclose(few, reference.xrai(values, sets, 5), rtol=1e-10, atol=1e-12)
    assert got.sum() == pytest.approx(values.sum())


def test_regions_come_in_the_order_of_their_gain():
    values = np.zeros((4, 6))
    values[:2, :3], values[2:, 3:] = 3, -1
    labels = np.zeros((4, 6), int)
    labels[:2, :3], labels[2:, 3:] = 1, 2
    got = ranked(values, by_label(labels[None]))
    np.testing.assert_array_equal(got, values)


def test_ranking_many_regions_takes_little_memory():
    values = np.random.default_rng(0).standard_normal((48, 48))
    labels = np.stack([np.arange(48 * 48).reshape(48, 48), np.arange(48 * 48).reshape(48, 48) // 2])
    tracemalloc.start()
    try:
        got = ranked(values, by_label(labels))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20, "a truth value for each pixel and region would be 8 MB"
    assert got.sum() == pytest.approx(values.sum())


def test_xrai_tells_integrated_gradients_by_regions():
    model, x, _ = kinked()
    pixels = integrated_gradients(model, x, 1, baseline=["black", "white"], steps=20)
    single = np.arange(30).reshape(6, 5)  # every pixel a region
    got = xrai(model, x, 1, segments=single, steps=20)
    np.testing.assert_allclose(got.values, pixels.values, rtol=1e-9, atol=1e-14)
    halves = np.stack([single // 15, single % 5 // 3])
    got = xrai(model, x, 1, segments=halves, steps=20)
    np.testing.assert_allclose(got.values.sum(axis=(1, 2)), pixels.values.sum(axis=(1, 2)))
    np.testing.assert_allclose(got.gap, pixels.gap)
    assert all(len(np.unique(np.round(map_, 12))) <= 4 for map_ in got.values)
    assert xrai(model, x, 1, segments="grid").provenance.settings["segments"] == "grid"


def test_grids_have_cells_of_several_sizes():
    assert [len(np.unique(map_)) for map_ in grids((28, 28))] == [4, 16, 64]
    assert [len(np.unique(map_)) for map_ in grids((32, 32))] == [4, 16, 64, 256]
    assert [len(np.unique(map_)) for map_ in grids((3, 3))] == [4]
    assert len(np.unique(grids((1, 40))[0])) == 2
    for map_ in grids((20, 45)):
        counts = np.bincount(map_.ravel())
        assert counts[counts > 0].min() >= counts.max() / 3  # a row and a column more or less


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("slic", r"no kind of segments named 'slic'; nnviz has auto, felzenszwalb, grid"),
        (np.zeros((6, 5)), r"segments of xrai must be .* of shape \(6, 5\) .* got float64"),
        (np.zeros((5, 6), int), r"got int64 \(5, 6\)"),
        (np.zeros((0, 6, 5), int), r"got int64 \(0, 6, 5\)"),
        ([[1], [1, 2]], "got rows of different shapes"),
    ],
)
def test_bad_segments_are_refused(given, message):
    model, x, _ = kinked()
    with pytest.raises(ArgumentError, match=message):
        xrai(model, x, 1, segments=given)


def test_without_scikit_image_there_are_grids(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    model, x, _ = kinked()
    assert xrai(model, x, 1, steps=3).provenance.settings["segments"] == "grid"
    with pytest.raises(ArgumentError, match="segments='felzenszwalb' needs scikit-image: pip"):
        xrai(model, x, 1, segments="felzenszwalb")


def test_with_scikit_image_the_picture_is_cut_at_six_scales(monkeypatch):
    """The library itself may be missing, so a stand-in says what it was asked."""
    asked = []

    def segment(image, *, scale, sigma, min_size, channel_axis):
        asked.append((scale, sigma, min_size, channel_axis))
        assert (image.min(), image.max()) == (-1, 1)
        return (image[..., 0] > 0).astype(int)

    package, part = types.ModuleType("skimage"), types.ModuleType("skimage.segmentation")
    package.__spec__ = ModuleSpec("skimage", None)
    part.felzenszwalb = segment
    monkeypatch.setitem(sys.modules, "skimage", package)
    monkeypatch.setitem(sys.modules, "skimage.segmentation", part)
    model = SEEN["colour"]()
    x = pictures(model, 2)
    got = xrai(model, x, 1, steps=2)
    assert got.provenance.settings["segments"] == "felzenszwalb"
    assert [a[0] for a in asked] == [50, 100, 150, 250, 500, 1200] * 2
    assert {a[1:] for a in asked} == {(0.8, 4, -1)}
    found = felzenszwalb(x[0])
    assert len(found) == 12
    times = np.bincount(np.concatenate(found), minlength=32 * 32)
    assert times.min() >= 6
    assert times.max() > 6  # grown, so they overlap


def test_with_the_real_scikit_image():
    pytest.importorskip("skimage")
    model = SEEN["wide"]()
    x = pictures(model, 1)
    found = felzenszwalb(Question.of(model, x, 1, "xrai").x[0])
    assert len(np.unique(np.concatenate(found))) == model.input.shape[0] * model.input.shape[1]
    pixels = integrated_gradients(model, x, 1, baseline=["black", "white"], steps=4)
    got = xrai(model, x, 1, steps=4)
    np.testing.assert_allclose(got.values.sum(), pixels.values.sum(), rtol=1e-4)
