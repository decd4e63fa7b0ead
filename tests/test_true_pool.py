"""A pool after the quick convolution chooses the places that it chooses after patch matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnviz as nv
from nnviz.engine import winograd
from nnviz.engine.layers import true_pool
from nnviz.engine.sweep import sweep
from nnviz.engine.way import Way


def stripes(rows, cols, period, slope):
    """Values that are equal along diagonals of one direction."""
    lines = np.add.outer(np.arange(rows), slope * np.arange(cols)) % period
    return (lines / period)[None, :, :, None]


def chosen(model, x, seed=0):
    """(quick, plain): the gradient at the convolution's output, there and back."""
    rng = np.random.default_rng(seed)
    dy = rng.random((len(x), *model.output_shape)).astype(x.dtype) + 0.1
    name, conv = model.output_name, model.nodes[0].name
    swept = sweep(model, x, lambda _, rows: {name: dy[rows]}, read=(name,), until=(conv,))
    return swept.gradients[conv], model.backward(model.run(x), {name: dy}, until=(conv,))[conv]


def pooled(size, padding="valid", channels=8, filters=8, seed=0):
    model = nv.Sequential(
        [nv.Conv2D(filters, 3, padding=padding, activation="relu"), nv.MaxPooling2D(2)],
        (*size, channels), seed=seed,
    )  # fmt: skip
    way = Way.of(model, (model.output_name,), ("input",), None)
    assert way.untied >= {"conv2d_1"}
    return model


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("slope", [1, -1, 0])
def test_ties_along_diagonals_rows_and_grounds_go_to_the_first(dtype, padding, slope):
    model = pooled((22, 25), padding).astype(dtype)
    weights = np.random.default_rng(2).random(8)
    for period in (2, 3, 5, 7):
        x = (stripes(22, 25, period, slope) * weights).astype(dtype)
        x[:, :9] = 0.4
        quick, plain = chosen(model, x)
        assert quick.any()
        np.testing.assert_array_equal(quick != 0, plain != 0)
        np.testing.assert_allclose(quick, plain, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 3, 4, 100]), st.sampled_from(["valid", "same"]))
def test_pictures_of_few_and_of_many_values(seed, values, padding):
    model = pooled((14, 16), padding, seed=seed)
    rng = np.random.default_rng(seed)
    x = (rng.integers(0, values, (3, 14, 16, 8)) / values).astype(np.float32)
    quick, plain = chosen(model, x, seed)
    np.testing.assert_array_equal(quick != 0, plain != 0)


def test_some_windows_are_in_doubt_and_would_be_chosen_by_chance(monkeypatch):
    model = pooled((22, 25))
    x = (stripes(22, 25, 7, 1) * np.random.default_rng(2).random(8)).astype(np.float32)
    monkeypatch.setattr(true_pool, "AT_ONCE", 3)
    quick, plain = chosen(model, x)
    np.testing.assert_array_equal(quick != 0, plain != 0)
    monkeypatch.setattr(true_pool._TruePool, "_settle", lambda *_: None)
    quick, plain = chosen(pooled((22, 25)), x)
    assert ((quick != 0) != (plain != 0)).any()


def test_saliency_is_that_of_patch_matrices(monkeypatch):
    model, rng = nv.load("mnist-cnn"), np.random.default_rng(0)
    x = nv.data.load("sample").x[:40]
    for rule in ("plain", "guided"):
        quick = nv.saliency(model, x, rng.integers(0, 10, 40), rule=rule)
        with monkeypatch.context() as patch:
            patch.setattr(winograd, "suits", lambda *a, **k: False)
            rng = np.random.default_rng(0)
            plain = nv.saliency(nv.load("mnist-cnn"), x, rng.integers(0, 10, 40), rule=rule)
        rng = np.random.default_rng(0)
        top = plain.values.max(axis=(1, 2), keepdims=True)
        assert (np.abs(quick.values - plain.values) <= 2e-5 * top).all()


def test_a_pool_of_another_kind_keeps_the_patch_matrices():
    for pool in (
        nv.MaxPooling2D(3),
        nv.MaxPooling2D(2, strides=1),
        nv.MaxPooling2D(2, padding="same"),
    ):
        model = nv.Sequential([nv.Conv2D(8, 3), pool], (15, 15, 8))
        assert not Way.of(model, (model.output_name,), ("input",), None).untied
