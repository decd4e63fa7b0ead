"""Perturbation methods against loop-level references and by their identities, in float64."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import reference_perturbation as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import digits, normalized, pictures

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    Direction,
    Logit,
    explain,
    feature_ablation,
    feature_permutation,
    hsic,
    kernel_shap,
    lime,
    occlusion,
    rise,
    shapley_exact,
    shapley_sampling,
    sobol,
)
from nnviz.inspection.attribution.perturbation.hsic import balanced, median_difference
from nnviz.inspection.attribution.perturbation.rise import random_masks
from nnviz.inspection.attribution.perturbation.shapley import orders
from nnviz.inspection.attribution.perturbation.sobol import designs
from nnviz.inspection.attribution.perturbation.surrogate import lasso, ridge, shap_coalitions
from nnviz.inspection.results import load_result

SHAPE = (6, 5, 2)
LABELS = np.array([[0, 0, 1, 1, 2], [0, 3, 3, 1, 2], [4, 3, 3, 5, 5],
                   [4, 4, 3, 5, 5], [4, 6, 6, 6, 5], [6, 6, 6, 6, 6]])  # fmt: skip
FILL = 0.3
SHAPLEY = {"exact": shapley_exact, "sampling": shapley_sampling, "kernel": kernel_shap}
PIXELS = np.arange(30).reshape(6, 5)


def curved(seed=0):
    """A small net with a bend, one picture and the class that is explained."""
    model = nv.Sequential(
        [nv.Conv2D(3, (3, 2), activation="relu"), nv.Flatten(), nv.Dense(4, activation="tanh"),
         nv.Dense(3)], SHAPE, seed=seed)  # fmt: skip
    model = model.astype(np.float64)
    return model, pictures(model, 1, np.float64, seed=seed + 7)


def straight(seed=0, shape=SHAPE):
    """A linear net, two pictures, and each pixel's part of the rise from the fill."""
    model = nv.Sequential([nv.Flatten(), nv.Dense(2)], shape, seed=seed).astype(np.float64)
    model.parameters()["dense_1/bias"][:] = [0.4, -0.7]
    x = pictures(model, 2, np.float64, seed=seed)
    slope = model.parameters()["dense_1/weight"][:, 1].reshape(shape)
    return model, x, ((x - FILL) * slope).sum(axis=-1)


def loops(model, x, labels=LABELS, target=1):
    """The reference's game of a picture."""
    fill = np.full(x.shape[1:], FILL)
    return reference.game(lambda p: model.run(p[None]).output[0, target], x[0], fill, labels)


def by_segment(pixels, labels=LABELS):
    """Pixels' numbers summed over segments."""
    return np.bincount(labels.ravel(), pixels.ravel())


# Shapley values -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_shapley_values_are_those_of_the_loops(seed):
    model, x = curved(seed)
    wanted = reference.shapley(loops(model, x), 7)
    options = {"segments": LABELS, "fill": FILL}
    exact = shapley_exact(model, x, 1, **options)
    np.testing.assert_allclose(exact.parts[0], wanted, rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(exact.values[0], exact.parts[0][LABELS])
    np.testing.assert_array_equal(exact.labels[0], LABELS)
    kernel = kernel_shap(model, x, 1, **options, samples=2**7 - 2)
    np.testing.assert_allclose(kernel.parts[0], wanted, rtol=1e-9, atol=1e-13)
    assert abs(exact.gap[0]) < 1e-12
    assert abs(kernel.gap[0]) < 1e-12


@pytest.mark.parametrize("antithetic", [True, False])
def test_sampled_orders_give_the_rises_of_the_loops(antithetic):
    model, x = curved(2)
    got = shapley_sampling(
        model, x, 1, segments=LABELS, fill=FILL, samples=6, antithetic=antithetic, seed=3
    )
    taken = list(orders(7, 6, antithetic, 3))
    rises = reference.shapley_by_orders(loops(model, x), 7, taken)
    np.testing.assert_allclose(got.parts[0], rises.mean(axis=0), rtol=1e-10, atol=1e-14)
    draws = (rises[::2] + rises[1::2]) / 2 if antithetic else rises
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    np.testing.assert_allclose(got.error[0], error[LABELS], rtol=1e-8, atol=1e-14)


def test_the_standard_error_is_the_right_size():
    model, x = curved(4)
    exact = shapley_exact(model, x, 1, segments=LABELS, fill=FILL).parts[0]
    off = []
    for seed in range(60):
        got = shapley_sampling(
            model, x, 1, segments=LABELS, fill=FILL, samples=16, antithetic=False, seed=seed
        )
        error = [got.error[0][j == LABELS][0] for j in range(7)]
        off.append((got.parts[0] - exact) / error)
    assert 0.8 < np.sqrt(np.mean(np.square(off))) < 1.3


@pytest.mark.parametrize("samples", [14, 40, 126])
def test_kernel_shap_solves_its_least_squares(samples):
    model, x = curved(3)
    coalitions, weights = shap_coalitions(7, samples, seed=5)
    assert len(coalitions) <= samples
    got = kernel_shap(model, x, 1, segments=LABELS, fill=FILL, samples=samples, seed=5)
    wanted = reference.constrained_least_squares(loops(model, x), coalitions, weights, 7)
    np.testing.assert_allclose(got.parts[0], wanted, rtol=1e-9, atol=1e-13)


def test_kernel_shaps_coalitions():
    every, weights = shap_coalitions(5, 30, 0)
    assert len({tuple(row) for row in every}) == 30
    wanted = [reference.shap_weight(5, int(row.sum())) for row in every]
    np.testing.assert_allclose(weights, wanted)
    for count, samples in [(8, 100), (12, 200), (50, 1000), (3, 2), (2, 1), (40, 80), (9, 511)]:
        rows, weights = shap_coalitions(count, samples, 1)
        size = rows.sum(axis=1)
        assert len(rows) == len(weights) <= samples
        assert (size > 0).all()
        assert (size < count).all()
        assert (weights > 0).all()
        if samples >= 2 * count:
            assert np.linalg.matrix_rank(rows.astype(float)) == count
            # Single segments and their complements carry their exact weight.
            mass = weights[(size == 1) | (size == count - 1)].sum()
            assert mass == pytest.approx(2, rel=1e-12)


@pytest.mark.parametrize("name", SHAPLEY)
@given(seed=st.integers(0, 50), samples=st.sampled_from([1, 2, 5]))
@settings(max_examples=8)
def test_shapley_values_of_a_linear_model_are_exact(name, seed, samples):
    model, x, pixels = straight(seed)
    options = {"exact": {}, "sampling": {"samples": samples, "antithetic": False, "seed": seed},
               "kernel": {"samples": 14 * samples, "seed": seed}}[name]  # fmt: skip
    got = SHAPLEY[name](model, x, 1, segments=LABELS, fill=FILL, **options)
    wanted = [by_segment(one) for one in pixels]
    np.testing.assert_allclose(got.parts, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(got.gap, 0, atol=1e-10)
    if name == "sampling" and samples > 1:
        np.testing.assert_allclose(got.error, 0, atol=1e-12)


@pytest.mark.parametrize("name", SHAPLEY)
@given(seed=st.integers(0, 100), dummy=st.integers(0, 6), twin=st.integers(0, 6))
@settings(max_examples=10)
def test_axioms(name, seed, dummy, twin):
    """A segment that shows what the fill is has no share; two that are alike have the same."""
    model, x = curved(seed)
    x[0][dummy == LABELS] = FILL
    other = (twin + 1) % 7
    made = np.array([1.0, 2, 3, 4, 5, 6, 7])
    made[other] = made[twin]
    made[dummy] = 0 if dummy not in (twin, other) else made[dummy]
    game = nv.Sequential([nv.Flatten(), nv.Dense(3, activation="tanh"), nv.Dense(1)], (1, 7, 1),
                         seed=seed).astype(np.float64)  # fmt: skip
    first = game.parameters()["dense_1/weight"]
    first[other] = first[twin]
    options = {"exact": {}, "sampling": {"samples": 4, "seed": seed}, "kernel": {"samples": 126}}
    got = SHAPLEY[name](model, x, 1, segments=LABELS, fill=FILL, **options[name])
    assert abs(got.parts[0, dummy]) < 1e-12
    if name != "sampling":  # which is symmetric in the mean alone
        row = SHAPLEY[name](
            game, made.reshape(1, 1, 7, 1) / 7, 0, segments=np.arange(7)[None], **options[name]
        )
        assert row.parts[0, twin] == pytest.approx(row.parts[0, other], abs=1e-12)
        assert dummy in (twin, other) or abs(row.parts[0, dummy]) < 1e-12


def test_shapley_values_add_up_over_targets():
    model, x = curved(5)
    options = {"segments": LABELS, "samples": 4}
    one, two = (shapley_sampling(model, x, c, **options).parts for c in (0, 1))
    both = shapley_sampling(model, x, Logit(0) - 2 * Logit(1), **options).parts
    np.testing.assert_allclose(both, one - 2 * two, atol=1e-12)


def test_too_few_coalitions_are_named():
    model, x, _ = straight()
    got = kernel_shap(model, x, 1, segments=LABELS, fill=FILL, samples=4)
    assert got.warnings[0] == (
        "4 coalitions do not settle 7 segments, and the map is one of many that fit: raise samples "
        "to 14 or more"
    )
    np.testing.assert_allclose(got.gap, 0, atol=1e-10)
    assert len(kernel_shap(model, x, 1, segments=LABELS, samples=1).warnings) == 1


@pytest.mark.parametrize("method", ["shapley_exact", "shapley_sampling", "kernel_shap", "lime",
                                    "feature_ablation", "sobol", "hsic"])  # fmt: skip
def test_one_segment_takes_it_all(method):
    model, x, pixels = straight()
    options = {"lime": {"alpha": 0}, "sobol": {"samples": 8}}.get(method, {})
    got = explain(model, x, 1, method=method, segments=0 * LABELS, fill=FILL, **options)
    assert (got.values == got.values[:, :1, :1]).all()
    if got.signed:
        np.testing.assert_allclose(got.parts[:, 0], pixels.sum(axis=(1, 2)), rtol=1e-9)
    assert got.warnings[0].startswith("picture 0: the map has the same value everywhere")


# One segment at a time ------------------------------------------------------------------------


def test_ablation_of_single_pixels_is_occlusion_with_a_patch_of_one():
    model, x = curved(1)
    got = feature_ablation(model, x, 1, segments=PIXELS, fill=FILL)
    wanted = occlusion(model, x, 1, patch=1, stride=1, fill=FILL)
    np.testing.assert_allclose(got.values, wanted.values, rtol=1e-10, atol=1e-15)
    cells = feature_ablation(model, x, 1, segments="grid", count=30, fill=FILL)
    np.testing.assert_array_equal(cells.values, got.values)


def test_ablation_is_that_of_the_loops():
    model, x = curved(2)
    v = loops(model, x)
    wanted = [v((1,) * 7) - v(tuple(i != j for i in range(7))) for j in range(7)]
    got = feature_ablation(model, x, 1, segments=LABELS, fill=FILL)
    np.testing.assert_allclose(got.parts[0], wanted, rtol=1e-10, atol=1e-15)


def test_permutation_is_the_mean_over_references():
    model, x = curved(3)
    references = pictures(model, 4, np.float64, seed=99)
    every = feature_permutation(
        model, x, 1, segments=LABELS, references=references, samples=9, seed=1
    )
    falls = [feature_ablation(model, x, 1, segments=LABELS, fill=one).parts for one in references]
    np.testing.assert_allclose(every.parts, np.mean(falls, axis=0), rtol=1e-10, atol=1e-15)
    error = np.std(falls, axis=0, ddof=1)[0] / 2
    np.testing.assert_allclose(every.error[0], error[LABELS], rtol=1e-8)
    two = feature_permutation(model, x, 1, segments=LABELS, references=references, samples=2)
    pairs = [(falls[i] + falls[j]) / 2 for i in range(4) for j in range(i)]
    assert min(np.abs(two.parts - pair).max() for pair in pairs) < 1e-14
    assert feature_permutation(model, x, 1, references=[FILL]).error is None


# Surrogates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "alpha"), [(0.25, 1.0), (0.6, 0.01), (5.0, 30.0)])
def test_lime_is_that_of_the_loops(width, alpha):
    model, x = curved(1)
    shown = np.random.default_rng(4).random((60, 7)) < 0.5
    shown[0] = True
    got = lime(
        model, x, 1, segments=LABELS, fill=FILL, samples=60, width=width, alpha=alpha, seed=4
    )
    wanted = reference.lime_ridge(loops(model, x), shown, width, alpha)
    np.testing.assert_allclose(got.parts[0], wanted, rtol=1e-9, atol=1e-13)


def test_lime_finds_a_linear_models_coefficients():
    model, x, pixels = straight(3)
    wanted = np.array([by_segment(one) for one in pixels])
    free = lime(model, x, 1, segments=LABELS, fill=FILL, samples=100, alpha=0)
    np.testing.assert_allclose(free.parts, wanted, rtol=1e-9, atol=1e-12)
    for penalty, alpha in (("ridge", None), ("lasso", 0.001)):
        held = lime(
            model, x, 1, segments=LABELS, fill=FILL, samples=500, penalty=penalty, alpha=alpha
        )
        for part, right in zip(held.parts, wanted, strict=True):
            cosine = part @ right / np.linalg.norm(part) / np.linalg.norm(right)
            assert cosine > 0.99
            assert np.linalg.norm(part) < np.linalg.norm(right)


@given(seed=st.integers(0, 1000), alpha=st.sampled_from([0.01, 0.5, 3.0]))
def test_penalised_fits_are_at_their_minimum(seed, alpha):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(20, 4)), rng.normal(size=20)
    beta = ridge(a, b, alpha)
    np.testing.assert_allclose(a.T @ (a @ beta - b) + alpha * beta, 0, atol=1e-10)
    beta = lasso(a, b, alpha)
    slope = a.T @ (b - a @ beta)
    np.testing.assert_allclose(slope[beta != 0], alpha * np.sign(beta[beta != 0]), atol=1e-8)
    assert (np.abs(slope[beta == 0]) <= alpha + 1e-8).all()
    np.testing.assert_array_equal(lasso(a, b, 1e6), np.zeros(4))


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


# What they share ------------------------------------------------------------------------------


def test_fills_are_pixels():
    """With a network that has its own idea of pixels: range, mean, spread and channel order."""
    model = normalized().astype(np.float64)
    x = pictures(model, 2, np.float64)
    labels = np.arange(16).reshape(4, 4) // 8
    colour = (0.1, 0.5, 0.9)
    got = feature_ablation(model, x, 0, segments=labels, fill=colour)
    seen = x.copy()
    seen[:, :2] = colour
    wanted = model.run(x).output[:, 0] - model.run(seen).output[:, 0]
    np.testing.assert_allclose(got.parts[:, 0], wanted, rtol=1e-9)
    same = feature_ablation(model, x, 0, segments=labels, fill=x)
    assert not same.values.any()
    assert "try another fill" in same.warnings[0]
    each = np.stack([np.full(x.shape[1:], 0.2), x[1]])
    assert feature_ablation(model, x, 0, segments=labels, fill=each).values[0].any()
    assert got.provenance.settings["fill"] == (0.1, 0.5, 0.9)
    assert same.provenance.settings["fill"].startswith("float64 (2, 4, 4, 3), sha256")


def test_of_several_fills_the_mean_counts():
    model = digits()
    x = pictures(model, 2)
    fills = ["black", 0.7, x[::-1].copy()]
    for method in (shapley_exact, feature_ablation):
        each = [method(model, x, 1, count=4, fill=fill).parts for fill in fills]
        got = method(model, x, 1, count=4, fill=fills)
        np.testing.assert_allclose(got.parts, np.mean(each, axis=0), atol=1e-6)
    assert got.provenance.settings["fill"][:2] == ("black", 0.7)


def test_a_blurred_fill():
    model = digits()
    flat = np.full((1, 28, 28, 1), 0.5, np.float32)
    assert np.abs(feature_ablation(model, flat, 1, fill="blur").values).max() < 1e-6
    assert np.abs(feature_ablation(model, pictures(model, 1), 1, fill="blur").values).max() > 1e-3


def test_each_picture_may_have_its_own_segments():
    model, x, pixels = straight()
    maps = np.stack([LABELS, LABELS // 3 * 7 - 2])
    got = shapley_sampling(model, x, 1, segments=maps, fill=FILL, samples=2)
    assert got.parts.shape == (2, 7)
    np.testing.assert_array_equal(got.labels[1], LABELS // 3)
    np.testing.assert_allclose(got.parts[1, :3], by_segment(pixels[1], LABELS // 3), rtol=1e-9)
    assert np.isnan(got.parts[1, 3:]).all()
    assert np.isfinite(got.values).all()


def test_a_batch_is_its_pictures_one_by_one_to_the_last_bit():
    model = digits()
    x = pictures(model, 3)
    for method in ("rise", "kernel_shap", "hsic", "meaningful_perturbation"):
        options = {"steps": 4} if method.startswith("mean") else {"samples": 60}
        together = explain(model, x, [0, 1, 2], method=method, **options)
        for i in range(3):
            one = explain(model, x[i : i + 1], i, method=method, **options)
            np.testing.assert_array_equal(together.values[i], one.values[0])


def test_targets_without_a_class():
    model, x = curved()
    got = shapley_exact(model, x, Direction("conv2d_1", np.array([1.0, -2, 3])), segments=LABELS)
    assert abs(got.gap[0]) < 1e-10


def test_results_are_saved_and_come_back(tmp_path):
    model, x, _ = straight()
    got = shapley_sampling(model, x, 1, segments=LABELS, samples=4)
    got.save(tmp_path / "map.npz")
    back = load_result(tmp_path / "map.npz")
    assert type(back) is type(got)
    np.testing.assert_array_equal(back.labels, got.labels)
    np.testing.assert_array_equal(back.parts, got.parts)
    np.testing.assert_array_equal(back.error, got.error)
    for method in ("rise", "extremal_perturbation", "feature_permutation", "lime"):
        options = {"steps": 2, "cells": 3} if method.startswith("extremal") else {"samples": 4}
        if method != "feature_permutation":
            options["fill"] = (0.1, 0.2)
        made = explain(model, x, 1, method=method, **options)
        made.save(tmp_path / "map.npz")
        assert load_result(tmp_path / "map.npz").provenance == made.provenance


BAD = [
    ("feature_ablation", {"fill": "blak"}, r"no fill named 'blak' .* feature_ablation has bl"),
    ("feature_ablation", {"fill": np.nan}, "needs finite pixel values"),
    ("feature_permutation", {"references": []}, "needs at least one reference, got an empty list"),
    ("feature_permutation", {"references": [np.inf]}, "needs finite pixel values"),
    ("feature_permutation", {"samples": 0}, "samples of .* from 1 to 100,000, got 0"),
    ("shapley_sampling", {"samples": 3}, "samples of shapley_sampling must be even, got 3"),
    ("shapley_sampling", {"samples": 2.0}, "samples of .* must be a whole number"),
    ("shapley_sampling", {"samples": 10**12}, "samples of .* must be a whole number"),
    (
        "shapley_sampling",
        {"antithetic": 1},
        "antithetic of .* must be True or False, got 1",
    ),
    ("shapley_sampling", {"seed": -1}, "seed of shapley_sampling must be a whole number from 0"),
    ("shapley_sampling", {"seed": None}, "seed of .* must be a whole number"),
    ("shapley_exact", {"count": 25}, r"asks 2\^25 coalitions for 25 segments: use at most 16"),
    ("kernel_shap", {"samples": True}, "samples of .* must be a whole number"),
    (
        "lime",
        {"width": 0},
        "width of lime must be a finite number of at least 1e-06 and at most 1e",
    ),
    ("lime", {"width": np.nan}, "width of lime must be a finite number"),
    ("lime", {"alpha": -1}, "alpha of lime must be a finite number of at least 0"),
    ("lime", {"alpha": "1"}, "alpha of lime must be a finite number of at least 0"),
    ("lime", {"penalty": "rigde"}, r"no penalty named 'rigde' \(did you mean 'ridge'\?\)"),
    (
        "rise",
        {"probability": 0},
        "probability of rise must be .* above 0 and at most 1, got 0",
    ),
    ("rise", {"probability": 1.5}, "probability of rise must be .* number above 0 and at most 1"),
    ("rise", {"cells": 0}, "cells of rise must be one or two whole numbers of at least 1"),
    ("rise", {"divisor": "mask"}, "no divisor named 'mask'"),
    ("rise", {"centred": 1}, "centred of rise must be True or False, got 1"),
    ("sobol", {"samples": 12}, "samples of .* must be a power of two such as 32, got 12"),
    ("sobol", {"samples": 1}, "samples of sobol must be a whole number from 2"),
    ("sobol", {"order": "second"}, "no order named 'second'"),
    ("hsic", {"samples": 3}, "samples of hsic must be a whole number from 4 to 20,000"),
]


@pytest.mark.parametrize(("method", "options", "message"), BAD)
def test_bad_options_are_refused(method, options, message):
    model = digits()
    with pytest.raises(ArgumentError, match=message):
        explain(model, pictures(model, 1), 1, method=method, **options)


def test_sobol_has_a_largest_number_of_segments():
    with pytest.raises(ArgumentError, match="sobol takes at most 10600 segments, got 10601"):
        designs(10_601, 2, 0)


@pytest.mark.parametrize("method", ["rise", "meaningful_perturbation", "extremal_perturbation",
                                    "sobol", "feature_ablation"])  # fmt: skip
def test_there_are_no_more_parts_than_pixels(method):
    model = nv.Sequential([nv.Flatten(), nv.Dense(2)], (2, 3, 1))
    options = {"steps": 3} if method.endswith("perturbation") else {}
    got = explain(model, pictures(model, 1), 1, method=method, **options)
    assert got.values.shape == (1, 2, 3)
    assert got.provenance.settings.get("cells", (2, 3)) == (2, 3)
