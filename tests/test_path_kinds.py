"""Expected, blurred and guided integrated gradients, against the loops."""

from __future__ import annotations

import numpy as np
import pytest
import reference_paths as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import ALL, pictures
from path_networks import CLASSES, kinked, linear, smooth
from test_paths import weights_of

from nnviz.inspection.attribution import (
    blur_ig,
    expected_gradients,
    guided_ig,
    integrated_gradients,
)
from nnviz.inspection.attribution.blur_ig import Blurred
from nnviz.inspection.attribution.guided_ig import advance
from nnviz.inspection.attribution.path import drawn

# Expected gradients ---------------------------------------------------------------------------


def test_expected_gradients_are_those_of_the_loops():
    model, x, slopes = kinked()
    bases = np.random.default_rng(4).random((5, *x.shape[1:]))
    got = expected_gradients(model, x, list(CLASSES), baselines=bases, samples=45, seed=3)
    rounds = drawn(np.random.default_rng(3), 45, 5)
    for n, slope in enumerate(slopes):
        wanted, error = reference.expected_gradients(x[n], bases, slope, rounds)
        np.testing.assert_allclose(got.raw[n], wanted, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(got.error[n], error, rtol=1e-8, atol=1e-14)
    assert expected_gradients(model, x, 1, samples=1).error is None


@given(st.integers(1, 70), st.integers(1, 30), st.integers(0, 2**16))
def test_the_draws_are_spread_evenly_within_each_round(samples, bases, seed):
    rounds = drawn(np.random.default_rng(seed), samples, bases)
    assert sum(map(len, rounds)) == samples
    assert len(rounds) == min(samples, 20)
    assert max(map(len, rounds)) - min(map(len, rounds)) <= 1
    for one in rounds:
        chosen, alphas = zip(*one, strict=True)
        counts = np.bincount(chosen, minlength=bases)
        assert len(counts) == bases
        assert counts.max() - counts.min() <= 1
        assert sorted(int(alpha * len(one)) for alpha in alphas) == list(range(len(one)))


def test_every_draw_is_uniform():
    rounds = [drawn(np.random.default_rng(seed), 3, 4)[0] for seed in range(2000)]
    chosen, alphas = zip(*(one[0] for one in rounds), strict=True)
    np.testing.assert_allclose(np.bincount(chosen), 500, atol=80)
    assert np.mean(alphas) == pytest.approx(0.5, abs=0.03)
    assert np.var(alphas) == pytest.approx(1 / 12, abs=0.01)


def test_expected_gradients_of_a_linear_model():
    model = linear()
    x = pictures(model, 2, np.float64)
    base = np.random.default_rng(0).random(x.shape[1:])
    got = expected_gradients(model, x, 1, baselines=base, samples=3)
    np.testing.assert_allclose(got.raw, (x - base) * weights_of(model, 1), rtol=1e-12)
    assert np.abs(got.gap).max() < 1e-12
    assert np.abs(got.error).max() < 1e-15


def test_expected_gradients_approach_the_mean_of_integrated_gradients():
    model = smooth(scale=1.5)
    x = pictures(model, 2, np.float64)
    bases = np.random.default_rng(7).random((4, *x.shape[1:]))
    got = expected_gradients(model, x, 1, baselines=bases, samples=3000)
    wanted = integrated_gradients(model, x, 1, baseline=list(bases))
    off = np.abs(got.values - wanted.values) / got.error
    assert off.max() < 5
    assert 0.6 < np.sqrt((off**2).mean()) < 1.6
    difference = wanted.raw.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(
        got.gap, got.raw.sum(axis=(1, 2, 3)) / difference - 1, rtol=1e-6, atol=1e-9
    )


def test_a_large_gap_of_draws_says_what_helps():
    model = smooth()
    got = expected_gradients(model, pictures(model, 1, np.float64), 1, samples=2)
    assert "raise samples" in got.warnings[0]
    assert got.provenance.settings["baselines"] == "flat"


def test_the_draws_do_not_depend_on_the_place_in_the_batch():
    model = ALL["chain"]()
    x = pictures(model, 1)
    got = expected_gradients(model, np.concatenate([x, x, x]), 1, samples=20)
    scale = np.abs(got.values).max()
    np.testing.assert_allclose(got.values[2], got.values[0], atol=1e-6 * scale)
    other = expected_gradients(model, x, 1, samples=20, seed=1)
    assert np.abs(other.values - got.values[:1]).max() > 1e-3 * scale


# Blur integrated gradients --------------------------------------------------------------------


def test_blurring_is_a_gaussian_over_the_mirrored_picture():
    x = np.random.default_rng(0).random((1, 6, 9, 2))
    pictures_ = Blurred(x)
    np.testing.assert_allclose(pictures_.at(0), x, atol=1e-14)
    for sigma in (2.0, 3.0, 8.0):
        # at these widths the sampled Gaussian is the continuous one to many digits
        np.testing.assert_allclose(
            pictures_.at(sigma)[0], reference.blurred(x[0], sigma), atol=1e-6
        )
        numerical = (pictures_.at(sigma + 1e-5) - pictures_.at(sigma - 1e-5)) / 2e-5
        np.testing.assert_allclose(pictures_.slope(sigma), numerical, atol=1e-9)
    far = pictures_.at(1e4)
    np.testing.assert_allclose(far, np.broadcast_to(x.mean((1, 2))[:, None, None], x.shape))


def test_blur_ig_is_that_of_the_loops():
    """By finite differences along the way, as in the paper's own sum."""
    model, x, slopes = kinked()
    sigma, steps = 3.0, 400
    got = blur_ig(model, x, list(CLASSES), max_sigma=sigma, steps=steps, quadrature="midpoint")
    wanted = np.zeros_like(x[0])
    edges = sigma * (np.arange(steps + 1) / steps) ** 2
    pictures_ = Blurred(x[:1])
    for i in range(steps):
        ends = [pictures_.at(e)[0] for e in (edges[i], edges[i + 1])]
        middle = pictures_.at(sigma * ((i + 0.5) / steps) ** 2)[0]
        wanted -= slopes[0](middle) * (ends[1] - ends[0])
    np.testing.assert_allclose(got.raw[0], wanted, atol=2e-4 * np.abs(wanted).max())


def test_blur_ig_is_complete():
    model = smooth()
    x = pictures(model, 3, np.float64)
    got = blur_ig(model, x, 1)
    assert np.abs(got.gap).max() < 1e-8
    assert got.provenance.settings["max_sigma"] == 3
    blurred = Blurred(x).at(3.0)
    difference = got.scores - blur_ig(model, blurred, 1).scores
    np.testing.assert_allclose(got.raw.sum(axis=(1, 2, 3)), difference, rtol=1e-8)
    order = [np.abs(blur_ig(model, x, 1, steps=n, quadrature="midpoint").gap) for n in (40, 80)]
    np.testing.assert_allclose(np.log2(order[0] / order[1]), 2, atol=0.1)


def test_blur_ig_of_a_linear_model_is_the_lost_detail():
    model = linear()
    x = pictures(model, 2, np.float64)
    got = blur_ig(model, x, 1, max_sigma=2.0)
    np.testing.assert_allclose(got.raw, (x - Blurred(x).at(2.0)) * weights_of(model, 1), atol=1e-10)


# Guided integrated gradients ------------------------------------------------------------------


@pytest.mark.parametrize(("fraction", "window"), [(0.25, 0.1), (0.1, 1.0), (0.5, 0.0), (0, 0.3)])
def test_guided_ig_is_that_of_the_loops(fraction, window):
    model, x, slopes = kinked(2)
    base = np.random.default_rng(3).random(x.shape[1:])
    got = guided_ig(
        model,
        x,
        list(CLASSES),
        baseline=base,
        steps=8,
        fraction=fraction,
        max_distance=window,
        within=1,
        quadrature="left",
    )
    for n, slope in enumerate(slopes):
        wanted, passed = reference.guided_ig(x[n], base, slope, 8, fraction, window)
        np.testing.assert_allclose(passed[-1], x[n], atol=1e-10)
        np.testing.assert_allclose(got.raw[n], wanted, rtol=1e-8, atol=1e-11)


def test_without_room_the_guided_way_is_the_straight_one():
    model = smooth()
    x = pictures(model, 2, np.float64)
    for rule in ("left", "midpoint", "right"):
        guided = guided_ig(model, x, 1, steps=5, max_distance=0, within=2, quadrature=rule)
        straight = integrated_gradients(model, x, 1, steps=10, quadrature=rule)
        np.testing.assert_allclose(guided.raw, straight.raw, rtol=1e-9, atol=1e-12)


def test_guided_ig_is_complete():
    """The integral along the way is, whatever the way and however few its steps."""
    model = smooth()
    x = pictures(model, 2, np.float64)
    for options in ({"steps": 50}, {"steps": 10, "max_distance": 1, "within": 12}):
        assert np.abs(guided_ig(model, x, 1, **options).gap).max() < 1e-6
    counts = (8, 16)
    gap = [
        np.abs(guided_ig(model, x, 1, steps=4, within=n, quadrature="midpoint").gap) for n in counts
    ]
    np.testing.assert_allclose(np.log2(gap[0] / gap[1]), 2, atol=0.3)
    exact = guided_ig(linear(), x, 1, steps=3, fraction=0.1, max_distance=1)
    assert np.abs(exact.gap).max() < 1e-12


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 30), st.integers(0, 2**16), st.floats(0, 1), st.floats(0, 1), st.integers(1, 6)
)
def test_every_step_reaches_its_share_and_stays_in_its_window(size, seed, fraction, window, steps):
    rng = np.random.default_rng(seed)
    weight = rng.random(size) * (rng.random(size) > 0.2)
    weight = weight / weight.sum() if weight.any() else weight
    gone = np.zeros(size)
    for step in range(1, steps + 1):
        before, wanted = gone, step / steps
        slope = np.round(rng.random(size), 1)  # with ties
        gone = advance(gone, slope, weight, wanted, fraction, window)
        assert (gone >= before).all()
        assert (gone >= wanted - window - 1e-12).all()
        assert (gone <= wanted + window + 1e-12).all()
        if weight.any():
            assert weight @ gone == pytest.approx(wanted, abs=1e-9)
    assert (gone == 1).all()
