"""The embedding: principal components against their definition, t-SNE where it is installed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from networks import ALL, SEEN, chain, inception, pictures, residual

import nnviz as nv
from nnviz.data import Dataset
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy import embedding

module = sys.modules["nnviz.inspection.anatomy.embedding"]


def test_points_are_the_directions_of_most_variance():
    model = chain()
    x = pictures(model, 40)
    got = embedding(model, x)
    assert got.provenance.node == "dense_1/tanh", "what the last layer reads"
    features = model.run(x)["dense_1/tanh"].y.astype(float)
    centred = features - features.mean(axis=0)
    sizes, axes = np.linalg.eigh(centred.T @ centred)
    np.testing.assert_allclose(got.explained, sizes[::-1][:2] / sizes.sum(), rtol=1e-4)
    for i in (0, 1):
        axis = axes[:, -1 - i]
        axis = axis * np.sign(axis[np.abs(axis).argmax()])
        np.testing.assert_allclose(got.points[:, i], centred @ axis, atol=1e-4)
    assert got.points.dtype == got.explained.dtype == np.float32
    assert got.labels is None
    assert got.warnings == ()


def test_the_order_of_the_pictures_does_not_matter():
    model = SEEN["digits"]()
    x = pictures(model, 20)
    order = np.random.default_rng(0).permutation(20)
    a, b = embedding(model, x).points, embedding(model, x[order]).points
    np.testing.assert_allclose(a[order], b, atol=1e-4)
    np.testing.assert_array_equal(a, embedding(model, x).points)


@pytest.mark.parametrize("name", [*ALL, *SEEN])
def test_penultimate_layers(name):
    model = {**ALL, **SEEN}[name]()
    if name == "normalized":
        return  # its only layer with weights reads the flattened picture
    got = embedding(model, pictures(model, 8))
    assert got.points.shape == (8, 2)


def test_which_node_is_the_penultimate():
    assert embedding(residual(), pictures(residual(), 4)).provenance.node == (
        "global_average_pooling2d_1"
    )
    assert embedding(inception(), pictures(inception(), 4)).provenance.node == "flatten_1"
    model = nv.Sequential([nv.Flatten(), nv.Dense(2, activation="softmax")], (3, 3, 1))
    assert embedding(model, pictures(model, 4)).provenance.node == "flatten_1"
    bare = nv.Sequential([nv.Dense(2)], (3,))
    with pytest.raises(ArgumentError, match="no layer lies between the input and the last layer"):
        embedding(bare, np.eye(3))


def test_any_node_and_labels():
    model = SEEN["wide"]()
    x = pictures(model, 6)
    labels = np.array([0, 1, 2, 0, 1, 2])
    got = embedding(model, Dataset(x, labels), node="stem")
    assert got.provenance.node == "stem"
    np.testing.assert_array_equal(got.labels, labels)
    wide = embedding(model.astype(np.float64), x.astype(np.float64), [5] * 6, node="stem")
    assert wide.points.dtype == np.float64
    assert wide.labels.tolist() == [5] * 6
    np.testing.assert_allclose(wide.points, got.points, atol=1e-3)


def test_pictures_that_say_nothing_are_named():
    model = SEEN["digits"]()
    same = embedding(model, np.repeat(pictures(model, 1), 5, axis=0))
    assert not same.points.any()
    assert same.warnings[0].startswith("all pictures have the same features")
    one = nv.Sequential([nv.Flatten(), nv.Dense(1, name="one"), nv.Dense(2)], (3, 3, 1))
    line = embedding(one, pictures(one, 5))
    assert line.warnings == (
        "the features differ in one direction alone: the points lie on a line",
    )
    assert line.explained.tolist() == [1, 0]


def test_embedding_is_told_nonsense(monkeypatch):
    model = SEEN["digits"]()
    x = pictures(model, 4)
    with pytest.raises(ArgumentError, match="no method named 'umap'; embedding has pca, tsne"):
        embedding(model, x, method="umap")
    with pytest.raises(ArgumentError, match="no node named 'conv9'"):
        embedding(model, x, node="conv9")
    with pytest.raises(ArgumentError, match="an embedding needs at least 3 pictures, got 2"):
        embedding(model, x[:2])
    for wrong in ([0, 1], [0.5] * 4, [-1, 0, 0, 0]):
        with pytest.raises(ArgumentError, match="labels must be 4 class numbers, one for each"):
            embedding(model, x, wrong)
    monkeypatch.setattr(module, "ROOM", 1000)
    with pytest.raises(ArgumentError, match="features of node 'dropout_1', 605 numbers a picture"):
        embedding(model, x, node="dropout_1")


def test_without_scikit_learn_tsne_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    model = SEEN["digits"]()
    with pytest.raises(ArgumentError, match="needs scikit-learn: pip install scikit-learn, or use"):
        embedding(model, pictures(model, 8), method="tsne")


def test_tsne_keeps_groups_apart():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    model = nv.Sequential([nv.Flatten(name="flat"), nv.Dense(2)], (4, 4, 1))
    rng = np.random.default_rng(0)
    x = (0.02 * rng.random((40, 4, 4, 1))).astype(np.float32)
    x[20:, :2] += 0.9
    got = embedding(model, x, node="flat", method="tsne", seed=3)
    np.testing.assert_array_equal(
        got.points, embedding(model, x, node="flat", method="tsne", seed=3).points
    )
    assert got.explained is None
    assert got.provenance.seed == 3
    first, second = got.points[:20], got.points[20:]
    gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert gap > 2 * max(first.std(), second.std())
