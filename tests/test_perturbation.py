"""Perturbation methods against loop-level references and by their identities, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import reference_perturbation as reference
from hypothesis import given
from hypothesis import strategies as st
from networks import digits, normalized, pictures

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    Direction,
    explain,
    feature_ablation,
    feature_permutation,
    kernel_shap,
    lime,
    occlusion,
    shapley_exact,
    shapley_sampling,
)
from nnviz.inspection.attribution.perturbation.sobol import designs
from nnviz.inspection.attribution.perturbation.surrogate import lasso, ridge
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
