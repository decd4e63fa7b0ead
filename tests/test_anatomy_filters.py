"""Filters of every layer that has some, and their orders."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, chain, pictures

import nnviz as nv
from nnviz.engine.input import InputSpec
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy import filters


def test_every_kind_of_layer():
    x = nv.Input((12, 11, 3))
    y = nv.DepthwiseConv2D((3, 2), depth_multiplier=2, name="deep")(x)
    y = nv.Conv2DTranspose(4, 2, name="back")(y)
    y = nv.Conv2D(6, 3, groups=2, name="grouped")(y)
    model = nv.Model(x, nv.Dense(2, name="last")(nv.Dense(5, name="flat")(nv.Flatten()(y))))
    w = {name: model.node(name).layer.params["weight"] for name in ("deep", "back", "flat", "last")}
    deep = filters(model)
    assert deep.provenance.node == "deep"
    assert deep.values.shape == (6, 3, 2, 1)
    np.testing.assert_array_equal(deep.values[3, :, :, 0], w["deep"][:, :, 1, 1])
    assert not deep.is_colour, "each of its kernels reads one colour"
    back = filters(model, "back")
    assert back.values.shape == (4, 2, 2, 6)
    np.testing.assert_array_equal(back.values[1, ..., 5], w["back"][:, :, 1, 5])
    assert filters(model, "grouped").values.shape == (6, 3, 3, 2)
    rows, cols, channels = model.shapes["grouped"]
    flat = filters(model, "flat").values
    assert flat.shape == (5, rows, cols, channels)
    np.testing.assert_array_equal(flat[3].ravel(), w["flat"][:, 3])
    assert filters(model, "last").values.shape == (2, 1, 5, 1)
    assert not filters(model, "flat").is_colour


def test_only_the_pictures_own_channels_are_colours():
    assert filters(SEEN["colour"](), "near").is_colour
    layers = [nv.Conv2D(3, 3, name="a"), nv.Conv2D(2, 3, name="b"), nv.Flatten(), nv.Dense(2)]
    model = nv.Sequential(layers, (9, 9, 3))
    assert filters(model, "a").is_colour
    assert not filters(model, "b").is_colour
    flat = nv.Sequential([nv.Flatten(), nv.Dense(2, name="d")], (9, 8, 3))
    assert filters(flat, "d").is_colour
    assert filters(flat, "d").values.shape == (2, 9, 8, 3)


def test_colours_are_red_green_blue_also_of_a_network_that_reads_bgr():
    spec = InputSpec((6, 5, 3), channel_order="BGR")
    model = nv.Sequential([nv.Conv2D(2, 3, name="a")], (6, 5, 3), input=spec)
    weight = model.node("a").layer.params["weight"]
    np.testing.assert_array_equal(filters(model).values[1, :, :, 0], weight[:, :, 2, 1])


def test_sorted_by_norm():
    model = SEEN["digits"]()
    plain, got = filters(model, "conv2d_2"), filters(model, "conv2d_2", sort="norm")
    norms = np.linalg.norm(plain.values.reshape(5, -1), axis=1)
    np.testing.assert_array_equal(got.order, np.argsort(-norms))
    np.testing.assert_allclose(got.keys, np.sort(norms)[::-1], rtol=1e-6)
    np.testing.assert_array_equal(got.values, plain.values[got.order])
    assert got.provenance.settings == {"sort": "norm"}
    assert plain.order is plain.keys is None


def test_sorted_by_what_they_answer():
    model = SEEN["digits"]()
    x = pictures(model, 7)
    got = filters(model, "conv2d_2", sort="activation", x=x)
    means = model.run(x)["conv2d_2/relu"].y.mean(axis=(0, 1, 2))
    np.testing.assert_array_equal(got.order, np.argsort(-means))
    np.testing.assert_allclose(got.keys, np.sort(means)[::-1], rtol=1e-5)
    assert filters(chain(), "preds", sort="activation", x=pictures(chain(), 2)).order.shape == (3,)


def test_clusters_stand_together():
    conv = nv.Conv2D(6, 3, name="a")
    model = nv.Sequential([conv], (6, 5, 1))
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(2, 3, 3, 1))
    for i in range(6):
        shaken = kinds[i % 2] + 0.1 * rng.normal(size=(3, 3, 1))
        conv.params["weight"][..., i] = shaken * (i + 1)
    got = filters(model, sort="cluster")
    assert sorted(got.order.tolist()) == list(range(6))
    assert got.keys.tolist() == [1, 1, 1, 2, 2, 2]
    assert len({i % 2 for i in got.order[:3].tolist()}) == 1
    np.testing.assert_array_equal(got.order, filters(model, sort="cluster").order)


def test_clusters_of_one_filter_and_of_an_empty_one():
    one = nv.Sequential([nv.Conv2D(1, 3)], (6, 5, 1))
    assert filters(one, sort="cluster").keys.tolist() == [1]
    model = SEEN["digits"]()
    model.node("conv2d_1").layer.params["weight"][..., 2] = 0
    assert sorted(filters(model, sort="cluster").order.tolist()) == [0, 1, 2, 3]


def test_filters_are_told_nonsense():
    model = SEEN["digits"]()
    with pytest.raises(ArgumentError, match="no sort named 'size'; filters has norm, activation"):
        filters(model, sort="size")
    for wrong in ({"sort": "activation"}, {"x": pictures(model, 1)}):
        with pytest.raises(ArgumentError, match='x, pictures to answer to, belongs to sort="activ'):
            filters(model, **wrong)
    with pytest.raises(ArgumentError, match=r"no convolution, so it has no filters to show$"):
        filters(nv.Sequential([nv.Flatten()], (3, 3, 1)))
