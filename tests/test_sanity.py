"""Sanity checks: what the network has learnt is destroyed, and maps must notice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import reference_scores as ref
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import ALL, SEEN, pictures

import nnviz as nv
from nnviz import draw
from nnviz.data import Dataset
from nnviz.errors import ArgumentError
from nnviz.inspection.evaluation.intervals import mean_there
from nnviz.inspection.evaluation.sanity import (
    ANY_CLASS,
    BLANK,
    EMPTY,
    PICTURE,
    noticed,
    rank_correlation,
    sanity,
    ssim,
)
from nnviz.inspection.evaluation.sanity.checks import SURVIVES
from nnviz.inspection.evaluation.sanity.randomize import forgotten, learnt

whole_map = arrays(np.int64, (4, 5), elements=st.integers(-3, 3)).filter(lambda a: np.ptp(a) > 0)


def test_the_short_check_is_the_long_one_with_all_layers_destroyed_once():
    model = SEEN["digits"]()
    x = pictures(model, 3)
    target = model.predict(x).argmax(axis=1).tolist()
    whole = sanity(
        model, x[:2], target[:2], method="gradient", stages=1, independent=False, repeats=1
    )
    ruin = forgotten(model, learnt(model), 0)
    first = nv.explain(model, x, target, method="gradient")
    short = noticed(model, x[:2], target[:2], first, [ruin], options={})
    np.testing.assert_allclose(short.cascading, whole.cascading, atol=1e-4)
    np.testing.assert_allclose(short.logit, whole.logit, atol=1e-4)
    assert (short.nodes, short.marks) == (whole.nodes, whole.marks)


@given(whole_map, whole_map)
def test_rank_correlation_by_loops(one, other):
    got = rank_correlation(one[None].astype(float), other[None].astype(float))[0]
    assert got == pytest.approx(ref.spearman(one, other), abs=1e-12)


def test_rank_correlation_as_scipy_has_it():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3, 9, 9)).round(1)
    want = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(rank_correlation(one, other), want, atol=1e-12)
    assert np.isnan(rank_correlation(np.ones((1, 3, 3)), one[:1, :3, :3])).all()


@pytest.mark.parametrize("signed", [False, True])
def test_ssim_as_scikit_image_has_it(signed):
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3, 20, 31)) if signed else rng.random((2, 3, 20, 31))
    other = 0.5 * one + other
    scale = [m / np.abs(m).max(axis=(1, 2), keepdims=True) for m in (one, other)]
    want = [
        metrics.structural_similarity(a, b, win_size=7, data_range=2 if signed else 1)
        for a, b in zip(*scale, strict=True)
    ]
    np.testing.assert_allclose(ssim(one, other, signed), want, atol=1e-10)
    np.testing.assert_allclose(ssim(one, one, signed), 1)
    assert np.isnan(ssim(one, 0 * other)).all()
    assert ssim(one[:, :3, :3], other[:, :3, :3]).shape == (3,)


@pytest.mark.parametrize("name", ["chain", "residual", "twice"])
def test_forgetting(name):
    """The numbers stay, their places do not; shared layers stay shared; the model is as it was."""
    model = ALL[name]()
    before = model.fingerprint()
    homes = learnt(model)
    other = forgotten(model, homes, 3)
    assert model.fingerprint() == before
    assert other.fingerprint() != before
    assert forgotten(model, homes, 3).fingerprint() == other.fingerprint()
    assert other.homes == model.homes
    for home in homes:
        for key, array in model.node(home).layer.params.items():
            new = other.node(home).layer.params[key]
            np.testing.assert_array_equal(np.sort(new.ravel()), np.sort(array.ravel()))
    top = forgotten(model, homes[:1], 3)
    key = "weight"
    np.testing.assert_array_equal(
        top.node(homes[0]).layer.params[key], other.node(homes[0]).layer.params[key]
    )
    assert model.place(homes[0]) > model.place(homes[-1])


@pytest.fixture(scope="module")
def digits():
    """A network that has learnt a little, and pictures."""
    train = nv.data.load("planted-line", "train", n=600, seed=9)
    layers = [
        nv.Conv2D(6, 5, activation="relu"),
        nv.MaxPooling2D(2),
        nv.Conv2D(8, 3, activation="relu"),
        nv.GlobalAveragePooling2D(),
        nv.Dense(4, activation="softmax"),
    ]
    model = nv.Sequential(layers, (28, 28, 1), seed=9)
    model.fit(train.x, train.y, epochs=2, optimizer=nv.Adam(5e-3), verbose=False)
    return model, nv.data.load("planted-line", n=4, seed=9)


def test_maps_of_the_picture_are_marked(digits):
    model, data = digits
    found = sanity(model, data.x, method="random_cam", repeats=1)
    assert PICTURE in found.marks or found.survival[0] < 0.5
    assert ANY_CLASS in found.marks, "it leaves the target aside"
    assert not found.passes
    plain = sanity(model, data.x, method="integrated_gradients", options={"steps": 5})
    assert plain.nodes == ("dense_1", "conv2d_2", "conv2d_1")
    assert plain.cascading.shape == plain.independent.shape == (2, 3, 4)
    assert plain.passes, str(plain)
    assert plain.other_class[0] < 0.5
    assert "integrated_gradients: passes" in str(plain)
    assert draw.picture(plain).ndim == 3


@pytest.mark.parametrize(("method", "surely"), [
    ("guided_backprop", "survives"), ("deconvnet", "passes"), ("gradient", "passes"),
    ("grad_cam", "passes"),
])  # fmt: skip
def test_what_the_check_says_of_the_shipped_network(method, surely):
    """The whole 95 % interval, for other digits and other destructions, lies on one side."""
    model, digits = nv.load("mnist-cnn"), nv.data.load("sample")
    found = sanity(
        model, digits.x[::50], method=method, stages=1, independent=False, repeats=8, seed=11
    )
    assert found.each.shape == (8, 20)
    np.testing.assert_allclose(mean_there(found.each, 0), found.cascading[0, -1])
    low, high = found.survival[1]
    assert low > SURVIVES if surely == "survives" else high < SURVIVES
    assert found.marks == ((PICTURE,) if surely == "survives" else ())


def test_a_map_that_goes_blank_does_not_pass():
    """Rectified Grad-CAM is empty on each destroyed network: that is no likeness, and no pass."""
    model, digits = nv.load("mnist-cnn"), nv.data.load("sample")
    found = sanity(
        model, digits.x[::250], options={"rule": "rectified"}, stages=1, independent=False
    )
    assert np.isnan(found.each).all()
    assert np.isnan(found.survival[0])
    assert (found.survival[1], found.blank, found.marks) == (None, 1, (BLANK,))
    assert not found.passes
    assert "100% of the maps are blank" in str(found)
    assert draw.picture(found).ndim == 3


def test_blank_maps_are_left_out_of_the_mean(digits):
    """Else a method could hide in them: 0.8 where there is a map, 0.48 with the blanks as zeros."""
    model, data = digits
    whole = sanity(model, data.x, method="saliency", stages=1, independent=False)
    each = np.full((5, 4), 0.8)
    each[3:, :] = np.nan
    found = replace(whole, each=each)
    assert found.survival[0] == pytest.approx(0.8)
    assert found.blank == pytest.approx(0.4)
    assert found.marks == (PICTURE,)
    assert replace(found, each=0 * each).marks == ()
    each[2] = np.nan
    assert found.marks == (PICTURE, BLANK)


@pytest.mark.parametrize("value", [np.nan, 0.0, 3.0])
def test_maps_that_show_nothing_do_not_pass(value):
    model = SEEN["digits"]()
    x, target = pictures(model, 2), [0, 1]
    first = nv.explain(model, x, target, method="gradient")
    first = replace(first, values=np.full_like(first.values, value))
    ruins = [forgotten(model, learnt(model), seed) for seed in range(2)]
    found = noticed(model, x, target, first, ruins, options={})
    assert found.marks == (EMPTY,)
    assert not found.shown.any()
    assert "nan" in str(found)


def test_the_first_stage_alone_and_in_the_cascade(digits):
    model, data = digits
    found = sanity(model, data.x, method="saliency", repeats=2, seed=4)
    np.testing.assert_array_equal(found.cascading[:, 0], found.independent[:, 0])
    again = sanity(model, data.x[2:3], method="saliency", repeats=2, seed=4, target=(
        int(model.predict(data.x[2:3]).argmax()),
    ))  # fmt: skip
    np.testing.assert_allclose(again.cascading[:, :, 0], found.cascading[:, :, 2], atol=1e-3)
    np.testing.assert_allclose(again.logit[:, 0], found.logit[:, 2], atol=1e-3)
    few = sanity(model, data.x, method="saliency", stages=1, independent=False, repeats=1)
    assert few.nodes == ("conv2d_1",)
    assert few.independent is None
    assert few.survival[1] is None, "of other destructions one says nothing"
    low, high = found.survival[1]
    assert -1 <= low <= found.survival[0] <= high <= 1


def test_trained_on_shuffled_labels(digits):
    model, data = digits
    before = model.fingerprint()
    train = nv.data.load("planted-line", "train", n=64)
    found = sanity(model, data.x, method="saliency", repeats=1, trained_on=train, epochs=1)
    assert model.fingerprint() == before
    assert found.labels.shape == (2, 4)
    assert 0 <= found.learnt <= 1
    assert "shuffled labels" in str(found)


def test_what_is_refused(digits):
    model, data = digits
    with pytest.raises(ArgumentError, match="repeats of sanity"):
        sanity(model, data.x, repeats=0)
    with pytest.raises(ArgumentError, match="options of sanity must be a dict such as"):
        sanity(model, data.x, options="ab")
    with pytest.raises(ArgumentError, match="grad_cam has no option 'target'"):
        sanity(model, data.x, options={"target": 1})
    with pytest.raises(ArgumentError, match="epochs of sanity"):
        sanity(model, data.x, trained_on=data, epochs=0)
    with pytest.raises(ArgumentError, match="trained_on must be a Dataset, got a str"):
        sanity(model, data.x, trained_on="cat")
    with pytest.raises(ArgumentError, match="has no labels to shuffle"):
        sanity(model, data.x, trained_on=Dataset(data.x))
    bare = nv.Sequential([nv.Flatten()], (4, 5, 1))
    with pytest.raises(ArgumentError, match="no parameters: there is nothing to destroy"):
        sanity(bare, np.zeros((1, 4, 5, 1)), 0)


def test_a_target_that_is_no_class():
    model = SEEN["digits"]()
    found = sanity(model, pictures(model, 2), nv.Channel("conv2d_1", 0), method="gradient")
    assert found.logit is None
    assert found.other_class is None
