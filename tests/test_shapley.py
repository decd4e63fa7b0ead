"""Shapley values: exact, sampled and by a kernel, against the loops and the axioms."""

from __future__ import annotations

import numpy as np
import pytest
import reference_perturbation as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from test_perturbation import FILL, LABELS, SHAPLEY, by_segment, curved, loops, straight

import nnviz as nv
from nnviz.inspection.attribution import (
    Logit,
    explain,
    kernel_shap,
    shapley_exact,
    shapley_sampling,
)
from nnviz.inspection.attribution.perturbation.shapley import orders
from nnviz.inspection.attribution.perturbation.surrogate import shap_coalitions


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
