"""RISE and the sensitivity methods: random masks, designs, and what they estimate."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import reference_perturbation as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import digits, pictures
from test_perturbation import FILL, LABELS, SHAPE, by_segment, curved, loops, straight

import nnviz as nv
from nnviz.inspection.attribution import (
    Logit,
    explain,
    hsic,
    rise,
    sobol,
)
from nnviz.inspection.attribution.perturbation.hsic import balanced, median_difference
from nnviz.inspection.attribution.perturbation.rise import random_masks
from nnviz.inspection.attribution.perturbation.sobol import designs

# RISE -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("divisor", ["masks", "probability"])
def test_rise_is_that_of_the_loops(divisor, centred):
    model, x = curved(1)
    rng = np.random.default_rng(8)
    masks = []
    for _ in range(12):  # cells of 2×2 pixels: ⌈6 / 3⌉ and ⌈5 / 3⌉, stretched to 4 cells each way
        grid = rng.random((3, 3)) < 0.4
        first = rng.integers(2), rng.integers(2)
        masks.append(reference.rise_mask(grid, (8, 8), first, (6, 5)))
    got = rise(model, x, 1, samples=12, cells=3, probability=0.4, fill=FILL, divisor=divisor,
               centred=centred, seed=8)  # fmt: skip
    assert got.signed == centred

    def f(picture):
        return model.run(picture[None]).output[0, 1]

    fixed = 0.4 if divisor == "probability" else None
    draws = np.array(masks)
    scores = np.array([f(x[0] * m[..., None] + FILL * (1 - m[..., None])) for m in masks])

    def map_(kept=slice(None)):
        level = scores[kept].mean() if centred else 0.0
        return reference.rise(lambda p: f(p) - level, x[0], FILL, draws[kept], fixed)

    np.testing.assert_allclose(got.values[0], map_(), rtol=1e-9, atol=1e-13)
    # The jackknife: each mask's influence by leaving it out, exact but for terms in 1 / n.
    without = np.array([map_(np.arange(12) != i) for i in range(12)])
    jackknife = np.sqrt(((without - without.mean(axis=0)) ** 2).sum(axis=0) * 11 / 12)
    np.testing.assert_allclose(got.error[0], jackknife, rtol=0.5)
    mean, gone = draws.mean(axis=0), scores[:, None, None] - (scores.mean() if centred else 0.0)
    if fixed:
        influence = gone * (draws - mean if centred else draws) / fixed
        influence -= influence.mean(axis=0)
    else:
        influence = (draws * (gone - map_()) - (mean * gone if centred else 0)) / mean
    np.testing.assert_allclose(
        got.error[0], np.sqrt((influence**2).sum(axis=0) / (12 * 11)), rtol=1e-7
    )


def test_the_standard_error_of_rise_is_the_right_size():
    model, x = curved(1)
    options = {"cells": 3, "probability": 0.4, "fill": FILL}
    every = [rise(model, x, 1, samples=40, seed=seed, **options) for seed in range(60)]
    spread = np.std([one.values[0] for one in every], axis=0, ddof=1)
    ratio = spread / np.mean([one.error[0] for one in every], axis=0)
    assert (np.abs(ratio - 1) < 0.35).all(), ratio


def test_rise_is_0_where_the_target_does_not_care():
    """Whatever the target's own level: a logit far below zero is no evidence against anything."""
    model, x, _ = straight(3)
    model.parameters()["dense_1/weight"][5:] = 0  # one pixel and a half speak
    model.parameters()["dense_1/bias"][:] = -1000
    got = rise(model, x, 1, samples=300, cells=(6, 5), fill=FILL)
    assert got.signed
    far = np.abs(got.values[:, 2:, :]) <= 4 * got.error[:, 2:, :]
    assert far.mean() > 0.99
    moved = rise(model, x, Logit(1) * -1, samples=300, cells=(6, 5), fill=FILL)
    np.testing.assert_allclose(moved.values, -got.values, atol=1e-10)
    plain = rise(model, x, 1, samples=300, cells=(6, 5), fill=FILL, centred=False)
    assert not plain.signed
    assert plain.values.max() < -990
    away = plain.values - got.values
    np.testing.assert_allclose(away - away[:, :1, :1], 0, atol=1e-9)


def test_rise_of_a_linear_model_comes_near_its_expectation():
    # With one cell a pixel and no shift m is independent everywhere: E[f | u shows] − E[f]
    # is (1 − p) times the pixel's own part, where a mask is 0 or 1.
    model, x, _ = straight(1, (1, 4, 2))
    got = rise(model, x, 1, samples=4000, cells=(1, 4), probability=0.5, fill=FILL, seed=2)
    masks = np.array(list(random_masks((1, 4), (1, 4), 0.5, 4000, 2))).reshape(4000, 4)
    slope = model.parameters()["dense_1/weight"][:, 1].reshape(1, 4, 2)
    parts = ((x - FILL) * slope).sum(axis=-1)[:, 0]
    floor = model.run(np.full((1, 1, 4, 2), FILL)).output[0, 1]
    # E[m_u m_w] / E[m_u] by the masks themselves
    together = masks.T @ masks / masks.sum(axis=0)[:, None]
    mean = floor + parts @ masks.mean(axis=0)
    np.testing.assert_allclose(
        got.values[:, 0], floor + parts @ together.T - mean[:, None], rtol=1e-9, atol=1e-12
    )
    # and by theory: a stretch from 4 cells to 5 places, of which the first four are seen
    weights = np.array([[1, 0, 0, 0], [0.3, 0.7, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.7, 0.3]])
    second = 0.25 * (weights @ weights.T + weights.sum(axis=1)[:, None] * weights.sum(axis=1))
    expected = parts @ (second / 0.5 - 0.5 * weights.sum(axis=1)).T
    assert (np.abs(got.values[:, 0] - expected) < 5 * got.error[:, 0]).all()


def test_rise_names_what_says_nothing():
    model = digits()
    x = pictures(model, 2)
    whole = rise(model, x, 1, samples=5, probability=1)
    assert len(whole.warnings) == 2
    assert "everywhere: the target is the same behind every mask" in whole.warnings[0]
    assert np.abs(whole.values).max() < 1e-6  # each run's rounding
    whole = rise(model, x, 1, samples=5, probability=1, centred=False)
    assert "the map has the same value everywhere" in whole.warnings[0]
    np.testing.assert_allclose(whole.values[:, 0, 0], whole.scores, rtol=1e-5)
    rare = rise(model, x, 1, samples=1, probability=0.02)
    assert "pixels show in no mask and have the value 0: raise" in rare.warnings[0]
    assert rare.error is None


# Sensitivity ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["total", "first"])
def test_sobol_is_that_of_the_loops(order):
    model, x = curved(1)
    a, b = designs(7, 8, 3)
    assert a.shape == b.shape == (8, 7)
    got = sobol(model, x, 1, segments=LABELS, fill=FILL, samples=8, order=order, seed=3)
    wanted = reference.jansen(loops(model, x), a, b, order)
    np.testing.assert_allclose(got.parts[0], np.maximum(wanted, 0), rtol=1e-9, atol=1e-13)


def test_shares_below_0_are_noise_and_said_to_be():
    model, x = curved(0)
    got = sobol(model, x, 1, segments=LABELS, fill=FILL, samples=4, order="first", seed=0)
    wanted = reference.jansen(loops(model, x), *designs(7, 4, 0), "first")
    below = [part for part in wanted if part < 0]
    assert below, "this draw has shares below 0"
    assert not got.signed
    assert got.values.min() == got.parts.min() == 0
    assert got.warnings[0] == (
        f"{len(below)} of 7 shares came out below 0 (down to {min(below):.2g}), which only noise "
        "can do, and are shown as 0: raise samples"
    )
    total = sobol(model, x, 1, segments=LABELS, fill=FILL, samples=4, order="total")
    assert total.warnings == ()


@pytest.mark.parametrize("order", ["total", "first"])
def test_sobol_of_an_additive_function_is_its_variances(order):
    model, x, pixels = straight(2)
    got = sobol(model, x, 1, segments=LABELS, fill=FILL, samples=512, order=order)
    variance = np.array([by_segment(one) for one in pixels]) ** 2  # of c·z for uniform z: c² / 12
    wanted = variance / variance.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got.parts, wanted, atol=0.01)
    np.testing.assert_allclose(got.parts.sum(axis=1), 1, atol=0.02)


def test_hsic_is_that_of_the_loops():
    model, x = curved(1)
    shown = balanced(7, 30, 3)
    assert (shown.sum(axis=0) == 15).all()
    got = hsic(model, x, 1, segments=LABELS, fill=FILL, samples=30, seed=3)
    np.testing.assert_allclose(got.parts[0], reference.hsic(loops(model, x), shown), rtol=1e-9)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 40), kinds=st.sampled_from([1, 3, 1000]))
@settings(max_examples=60)
def test_the_median_difference_is_that_of_all_pairs(seed, n, kinds):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=kinds)[rng.integers(kinds, size=n)] * 10.0 ** rng.integers(-9, 9)
    pairs = np.abs(values[:, None] - values)[np.triu_indices(n, 1)]
    assert median_difference(values) == np.median(pairs)
    apart = pairs[pairs > 0]
    wanted = np.median(apart) if len(apart) else 0.0
    assert median_difference(values, unequal=True) == wanted


@pytest.mark.parametrize(("method", "options", "most"), [
    ("hsic", {"samples": 3000, "count": 4}, 40),  # 69 MB for each of the kernel's matrices
    ("feature_ablation", {"count": 90 * 90}, 40),  # 63 MB for all coalitions at once
])  # fmt: skip
def test_memory_does_not_grow_with_the_square(method, options, most):
    model = nv.Sequential(
        [nv.Flatten(), nv.Dense(2)], (90, 90, 1) if method != "hsic" else (4, 4, 1)
    )
    x = pictures(model, 1)
    explain(model, x, 1, method=method, **{**options, "count": 4})
    tracemalloc.start()
    try:
        explain(model, x, 1, method=method, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most << 20


def test_hsic_is_near_0_where_a_segment_has_no_part():
    model, x, _ = straight(4)
    slope = model.parameters()["dense_1/weight"].reshape(*SHAPE, 2)
    slope[(LABELS == 2) | (LABELS == 5)] = 0
    got = hsic(model, x, 1, segments=LABELS, fill=FILL, samples=1000)
    assert (got.parts[:, [2, 5]] < 3 / 1000).all()
    assert got.parts[:, [0, 1, 3, 4, 6]].max() > 0.02


def test_hsic_of_a_target_that_mostly_stands_still():
    model, x, _ = straight(4)
    slope = model.parameters()["dense_1/weight"].reshape(*SHAPE, 2)
    slope[LABELS != 3] = 0  # two values only: half of the pairs are equal
    got = hsic(model, x, 1, segments=LABELS, fill=FILL, samples=100)
    assert got.parts[0].argmax() == 3
    assert got.parts[0, 3] > 10 * np.delete(got.parts[0], 3).max()
