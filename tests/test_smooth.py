"""Gradients under noise, and gradients without their high frequencies."""

from __future__ import annotations

import numpy as np
import pytest
import reference_paths as reference
from networks import SEEN, inception, pictures
from path_networks import CLASSES, kinked, linear, prepared_linear, smooth

from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    deconvnet,
    explain,
    forgrad,
    gradient,
    guided_backprop,
    input_x_gradient,
    low_pass,
    smooth_grad,
    smooth_grad_squared,
    var_grad,
)
from nnviz.inspection.attribution.draws import Moments

SMOOTHING = [smooth_grad, smooth_grad_squared, var_grad]
every_smoothing = pytest.mark.parametrize("method", SMOOTHING)


def draws_of(samples=7, noise=0.4, seed=2):
    """A model, its pictures, and the loops' slopes at the noisy copies, (N, samples, …)."""
    model, x, slopes = kinked()
    noisy = [reference.noisy_slopes(x[n], slopes[n], noise, samples, seed) for n in range(len(x))]
    return model, x, np.array(noisy), {"samples": samples, "noise": noise, "seed": seed}


def test_smooth_grad_is_the_mean_of_the_loops():
    model, x, g, options = draws_of()
    got = smooth_grad(model, x, list(CLASSES), **options)
    np.testing.assert_allclose(got.raw, g.mean(axis=1), rtol=1e-9, atol=1e-14)
    sums = g.sum(axis=-1)
    np.testing.assert_allclose(got.values, sums.mean(axis=1), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(got.error, sums.std(axis=1, ddof=1) / np.sqrt(7), atol=1e-14)
    assert got.provenance.seed == 2
    assert got.provenance.settings["noise"] == 0.4


def test_smooth_grad_squared_is_the_mean_square_of_the_loops():
    model, x, g, options = draws_of()
    got = smooth_grad_squared(model, x, list(CLASSES), **options)
    np.testing.assert_allclose(got.raw, (g**2).mean(axis=1), rtol=1e-9, atol=1e-14)
    squares = (g**2).sum(axis=-1)
    np.testing.assert_allclose(got.values, squares.mean(axis=1), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(got.error, squares.std(axis=1, ddof=1) / np.sqrt(7), atol=1e-14)


def test_var_grad_is_the_variance_of_the_loops():
    model, x, g, options = draws_of()
    got = var_grad(model, x, list(CLASSES), **options)
    np.testing.assert_allclose(got.raw, g.var(axis=1), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(got.values, g.var(axis=1).sum(axis=-1), rtol=1e-9, atol=1e-14)
    off = ((g - g.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1)
    np.testing.assert_allclose(got.error, off.std(axis=1, ddof=1) / np.sqrt(7), atol=1e-12)


def test_the_three_belong_together():
    model = SEEN["colour"]().astype(np.float64)
    x = pictures(model, 2, np.float64)
    mean, square, spread = (method(model, x, 1, samples=6, seed=5) for method in SMOOTHING)
    np.testing.assert_allclose(spread.raw, square.raw - mean.raw**2, atol=1e-14)


FLAT = (
    "the picture has the same value everywhere, and noise that is a share of its range is 0: the "
    "map is that of the picture alone"
)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("smooth_grad", {}),
        ("smooth_grad_squared", {}),
        ("var_grad", {}),
        ("smooth_full_grad", {}),
        ("smooth_grad_cam_plus_plus", {}),
        ("ss_cam", {"smooth": "input"}),
    ],
)
def test_a_flat_picture_has_no_noise_and_that_is_said(method, options):
    model = SEEN["colour"]()
    x = pictures(model, 2)
    x[1] = 0.5
    got = explain(model, x, 1, method=method, samples=3, **options)
    assert f"picture 1: {FLAT}" in got.warnings
    assert not any(text.startswith("picture 0") for text in got.warnings)
    alone = explain(model, x[1:], 1, method=method, samples=3, **options)
    assert alone.warnings[0] == FLAT
    calm = explain(model, x, 1, method=method, samples=3, noise=0.0, **options)
    assert not any(FLAT in text for text in calm.warnings), "no noise was asked for"


def test_var_grad_of_a_flat_picture_does_not_ask_for_more_noise_alone():
    model = SEEN["digits"]()
    got = var_grad(model, np.full((1, 28, 28, 1), 0.5, np.float32), 1, samples=3)
    assert not got.values.any()
    assert got.warnings[0] == FLAT
    assert "or the picture has no range for noise to be a share of" in got.warnings[1]


@pytest.mark.parametrize("channels", ["sum", "mean", "largest", "absolute"])
def test_channels_join_with_their_errors(channels):
    model, x, g, options = draws_of()
    got = smooth_grad(model, x, list(CLASSES), channels=channels, **options)
    mean = g.mean(axis=1)
    chosen = np.abs(mean).argmax(axis=-1)[:, None, ..., None]
    picked = np.take_along_axis(g, np.broadcast_to(chosen, (*g.shape[:4], 1)), axis=-1)[..., 0]
    joined = {"sum": g.sum(axis=-1), "mean": g.mean(axis=-1)}.get(channels, picked)
    wanted = joined.mean(axis=1)
    wanted = np.abs(wanted) if channels == "absolute" else wanted
    np.testing.assert_allclose(got.values, wanted, atol=1e-14)
    np.testing.assert_allclose(got.error, joined.std(axis=1, ddof=1) / np.sqrt(7), atol=1e-14)
    assert got.signed == (channels != "absolute")


def test_without_noise_it_is_the_gradient():
    model = SEEN["wide"]()
    x = pictures(model, 2)
    for rule in ("plain", "guided", "rectified"):
        plain = gradient(model, x, 1, rule=rule)
        got = smooth_grad(model, x, 1, samples=3, noise=0, rule=rule)
        np.testing.assert_allclose(got.raw, plain.raw, rtol=1e-6, atol=1e-9)
        assert got.warnings == plain.warnings
    product = input_x_gradient(model, x, 1)
    got = smooth_grad(model, x, 1, samples=2, noise=0, of="input_x_gradient")
    np.testing.assert_allclose(got.values, product.values, rtol=1e-5, atol=1e-9)
    flat = np.full_like(x, 0.5)  # no range, so no noise
    np.testing.assert_allclose(
        smooth_grad(model, flat, 1, samples=2).raw, gradient(model, flat, 1).raw, atol=1e-9
    )


def test_a_linear_model_has_no_variance():
    model = prepared_linear()
    x = pictures(model, 2, np.float64)
    got = var_grad(model, x, 1, samples=5)
    assert not got.values.any()
    assert not got.error.any()
    assert "picture 1: the map is zero everywhere: the gradient is the same" in got.warnings[1]
    mean = smooth_grad(model, x, 1, samples=5)
    np.testing.assert_allclose(mean.raw, gradient(model, x, 1).raw, rtol=1e-12)
    assert not mean.error.any()


def test_the_noise_is_a_share_of_the_networks_input():
    """A noisy copy times the constant slope of a linear model tells the noise itself."""
    model = prepared_linear()
    x = pictures(model, 2, np.float64)
    got = smooth_grad(model, x, 1, samples=4000, noise=0.2, of="input_x_gradient")
    ready, slope = model.input.prepare(x), gradient(model, x, 1).raw
    spread = ready.reshape(2, -1).max(axis=1) - ready.reshape(2, -1).min(axis=1)
    sigma = np.sqrt((slope**2).sum(axis=-1)) * 0.2 * spread[:, None, None]
    np.testing.assert_allclose(got.error * np.sqrt(4000), sigma, rtol=0.06)
    assert (np.abs(got.values - (ready * slope).sum(axis=-1)) < 5 * got.error).all()


def test_the_errors_are_those_of_repeated_maps():
    model = smooth(scale=1.5)
    x = pictures(model, 1, np.float64)
    for method in SMOOTHING:
        maps = [method(model, x, 1, samples=40, seed=seed) for seed in range(60)]
        spread = np.std([m.values for m in maps], axis=0, ddof=1)
        said = np.mean([m.error for m in maps], axis=0)
        assert np.median(said / spread) == pytest.approx(1, abs=0.12)


@every_smoothing
def test_the_noise_depends_on_the_seed_alone(method):
    model = SEEN["digits"]()
    x = pictures(model, 1)
    three = method(model, np.concatenate([x, 1 - x, x]), 1, samples=5)
    alone = method(model, x, 1, samples=5)
    scale = np.abs(alone.values).max()
    np.testing.assert_allclose(three.values[[0, 2]], alone.values[[0, 0]], atol=1e-6 * scale)
    np.testing.assert_allclose(three.error[2], alone.error[0], atol=1e-5 * alone.error.max())
    other = method(model, x, 1, samples=5, seed=1)
    assert np.abs(other.values - alone.values).max() > 0.01 * scale


@every_smoothing
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples of .* must be a whole number from [12] to 100,000, got 0"),
        ({"samples": 1.0}, r"samples of .* must be a whole number from [12] to 100,000, got 1\.0"),
        ({"noise": -0.1}, r"noise of .* of at least 0 and at most 1e.09, got -0\.1"),
        ({"noise": np.inf}, "noise of .* of at least 0 and at most 1e.09, got inf"),
        ({"noise": "much"}, "noise of .* of at least 0 and at most 1e.09, got 'much'"),
        ({"seed": 1.5}, r"seed of .* must be a whole number from 0 to .*, got 1\.5"),
        ({"of": "gradints"}, r"no map to smooth named 'gradints' \(did you mean 'gradient'"),
        ({"rule": "guide"}, "no rule named 'guide'"),
    ],
)
def test_bad_options_are_refused(method, options, message):
    model = linear()
    with pytest.raises(ArgumentError, match=message):
        method(model, pictures(model, 1, np.float64), 1, **options)


def test_one_sample_has_no_error_and_no_variance():
    model = linear()
    x = pictures(model, 1, np.float64)
    assert smooth_grad(model, x, 1, samples=1).error is None
    assert smooth_grad_squared(model, x, 1, samples=1).error is None
    with pytest.raises(ArgumentError, match=r"samples of .* must be a whole number from 2"):
        var_grad(model, x, 1, samples=1)
    with pytest.raises(ArgumentError, match="no way to join channels named 'all'"):
        smooth_grad(model, x, 1, samples=1, channels="all")


def test_a_rule_with_nothing_to_act_on_says_so():
    model = inception()
    got = smooth_grad(model, pictures(model, 1), 1, samples=2, rule="guided")
    assert "this model has no ReLU, so the guided rule changes nothing" in got.warnings[0]


def test_moments_do_not_lose_digits():
    draws = 1e8 + np.random.default_rng(0).random((50, 3))
    one, crossed = Moments(), Moments(crossed=True)
    for draw in draws:
        one.add(draw)
        crossed.add(draw)
    np.testing.assert_allclose(one.mean, draws.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(one.error(), draws.std(axis=0, ddof=1) / np.sqrt(50), rtol=1e-6)
    np.testing.assert_allclose(crossed.products / 49, np.cov(draws.T), rtol=1e-6)


# Without the high frequencies -----------------------------------------------------------------


@pytest.mark.parametrize("size", [(7, 7), (8, 8), (5, 12), (9, 6)])
@pytest.mark.parametrize("cutoff", [0, 1.0, 2.5, 4])
def test_the_filter_is_that_of_the_sums(size, cutoff):
    map_ = np.random.default_rng(0).standard_normal(size)
    wanted = reference.low_pass(map_, cutoff)
    got = low_pass(map_[None], cutoff)[0]
    # at the highest frequency of an even size the two signs are one wave, so it is real as well
    np.testing.assert_allclose(got, wanted.real, atol=1e-12)
    np.testing.assert_allclose(low_pass(got[None], cutoff)[0], got, atol=1e-12)


def test_the_filter_at_its_ends():
    maps = np.random.default_rng(1).standard_normal((2, 6, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(low_pass(maps, 100), maps, atol=1e-6)
    flat = maps.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(low_pass(maps, 0), np.broadcast_to(flat, maps.shape), atol=1e-6)
    assert low_pass(maps, 2).dtype == np.float32
    with pytest.raises(ArgumentError, match=r"low_pass filters floating maps .* int64 \(2, 6, 9"):
        low_pass(maps.astype(np.int64), 2)
    with pytest.raises(ArgumentError, match="low_pass filters floating maps"):
        low_pass(maps[0, :, :, 0], 2)
    with pytest.raises(
        ArgumentError, match=r"cutoff of low_pass must be .* of at least 0 .* got -1"
    ):
        low_pass(maps, -1)


def test_forgrad_filters_the_gradient_maps():
    model = SEEN["wide"]().astype(np.float64)
    x = pictures(model, 2, np.float64)
    maps = {
        "gradient": gradient,
        "input_x_gradient": input_x_gradient,
        "guided_backprop": guided_backprop,
        "deconvnet": deconvnet,
    }
    for name, method in maps.items():
        plain = method(model, x, 1)
        got = forgrad(model, x, 1, of=name, cutoff=5)
        np.testing.assert_allclose(got.values, low_pass(plain.values, 5), atol=1e-12)
        whole = forgrad(model, x, 1, of=name, cutoff=45)
        np.testing.assert_allclose(whole.values, plain.values, atol=1e-12)
        np.testing.assert_allclose(got.values.sum(), plain.values.sum(), rtol=1e-9)
    assert forgrad(model, x, 1).provenance.settings == {"of": "gradient", "cutoff": 45 / 8}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutoff": -1}, "cutoff of .* must be a finite number of at least 0 .*, got -1"),
        ({"cutoff": np.nan}, "cutoff of forgrad must be a finite number"),
        ({"of": "grad_cam"}, "no map to filter named 'grad_cam'; forgrad has gradient"),
    ],
)
def test_forgrad_refuses_bad_options(options, message):
    model = linear()
    with pytest.raises(ArgumentError, match=message):
        forgrad(model, pictures(model, 1, np.float64), 1, **options)
