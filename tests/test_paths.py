"""Path methods: against the loops of their papers, and by what must be so."""

from __future__ import annotations

import numpy as np
import pytest
import reference_paths as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import ALL, SEEN, pictures
from path_networks import CLASSES, kinked, linear, prepared_linear, smooth

from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    METHODS,
    blur_ig,
    expected_gradients,
    explain,
    guided_ig,
    integrated_gradients,
)
from nnviz.inspection.attribution.baseline import baseline_scores, baselines, references
from nnviz.inspection.attribution.blur_ig import Blurred
from nnviz.inspection.attribution.gap import completeness
from nnviz.inspection.attribution.guided_ig import advance
from nnviz.inspection.attribution.path import drawn
from nnviz.inspection.attribution.quadrature import QUADRATURES, quadrature_points
from nnviz.inspection.attribution.question import Question

PATHS = {
    "integrated_gradients": integrated_gradients,
    "guided_ig": guided_ig,
    "blur_ig": blur_ig,
    "expected_gradients": expected_gradients,
}


def weights_of(model, class_):
    return model.parameters()["dense_1/weight"][:, class_].reshape(model.input.shape)


# Adding up ------------------------------------------------------------------------------------


@given(st.sampled_from(QUADRATURES), st.integers(2, 60))
def test_the_weights_add_up_to_one_and_the_points_lie_on_the_way(name, steps):
    points, weights = quadrature_points(name, steps)
    assert len(points) == len(weights) == steps
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (points >= 0).all()
    assert (points <= 1).all()
    assert (np.diff(points) > 0).all()


@pytest.mark.parametrize(
    ("name", "degree"),
    [("gauss_legendre", 7), ("midpoint", 1), ("trapezoid", 1), ("left", 0), ("right", 0)],
)
def test_polynomials_are_exact_up_to_the_rules_degree(name, degree):
    points, weights = quadrature_points(name, 4)
    for power in range(degree + 1):
        assert (weights * points**power).sum() == pytest.approx(1 / (power + 1), abs=1e-14)
    assert abs((weights * points ** (degree + 1)).sum() - 1 / (degree + 2)) > 1e-6


@pytest.mark.parametrize(
    ("name", "order"), [("left", 1), ("right", 1), ("midpoint", 2), ("trapezoid", 2)]
)
def test_the_gap_falls_as_the_quadrature_should(name, order):
    model = smooth()
    x = pictures(model, 3, np.float64)
    counts = (40, 80, 160)
    gap = [np.abs(integrated_gradients(model, x, 1, steps=n, quadrature=name).gap) for n in counts]
    intervals = np.array(counts) - (name == "trapezoid")
    for i in (0, 1):
        measured = np.log(gap[i] / gap[i + 1]) / np.log(intervals[i + 1] / intervals[i])
        np.testing.assert_allclose(measured, order, atol=0.1)
    assert (gap[0] > 1e-6).all()


def test_gauss_legendre_is_nearly_exact():
    model = smooth()
    x = pictures(model, 3, np.float64)
    gap = [np.abs(integrated_gradients(model, x, 1, steps=n).gap).max() for n in (4, 16, 50)]
    assert gap[0] > 1e-6
    assert gap[1] < 1e-7
    assert gap[2] < 1e-12


def test_a_large_gap_is_named_with_its_remedy():
    model = smooth()
    x = pictures(model, 2, np.float64)
    got = integrated_gradients(model, x, 1, steps=2, quadrature="left")
    difference = got.scores - integrated_gradients(model, 0 * x, 1).scores
    wanted = (got.raw.sum(axis=(1, 2, 3)) - difference) / difference
    np.testing.assert_allclose(got.gap, wanted, rtol=1e-12)
    assert (np.abs(got.gap) > 0.05).all()
    assert len(got.warnings) == 2
    assert got.warnings[0].startswith("picture 0: the map adds up to ")
    assert got.warnings[0].endswith("%): raise steps")
    alone = integrated_gradients(model, x[:1], 1, steps=2, quadrature="left")
    assert alone.warnings[0].startswith("the map adds up to ")
    assert integrated_gradients(model, x, 1).warnings == ()


def test_what_a_gap_is_where_nothing_differs():
    one = np.array([1.0, 1.0, 2.0])
    gap, warnings = completeness(np.array([0.0, 0.5, 1.5]), one, np.array([1.0, 1.0, 1.0]), "do so")
    np.testing.assert_array_equal(gap, [0, np.inf, 0.5])
    assert [w.split(":")[0] for w in warnings] == ["picture 1", "picture 2"]
    # differences of rounding's size are not spoken of
    small = np.float32(1) + np.float32(1e-7)
    gap, warnings = completeness(np.zeros(1), np.array([small]), np.ones(1, np.float32), "do so")
    assert gap[0] == -1
    assert warnings == ()


# Integrated gradients -------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "offset"), [("left", 0), ("midpoint", 0.5), ("right", 1)])
def test_integrated_gradients_are_those_of_the_loops(name, offset):
    model, x, slopes = kinked()
    base = np.random.default_rng(1).random(x.shape[1:])
    got = integrated_gradients(model, x, list(CLASSES), baseline=base, steps=7, quadrature=name)
    for n, slope in enumerate(slopes):
        wanted = reference.riemann(x[n], base, slope, 7, offset)
        np.testing.assert_allclose(got.raw[n], wanted, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(got.values[n], wanted.sum(axis=-1), rtol=1e-9, atol=1e-14)
    said = got.provenance.settings
    assert said["quadrature"] == name
    assert said["steps"] == 7
    assert said["baseline"].startswith("float64 (6, 5, 2), sha256 ")


@pytest.mark.parametrize("name", QUADRATURES)
def test_a_linear_model_needs_one_step(name):
    model = prepared_linear()
    x = pictures(model, 2, np.float64)
    steps = 2 if name == "trapezoid" else 1
    got = integrated_gradients(model, x, 1, baseline="white", steps=steps, quadrature=name)
    scale = 255 / np.array([50.0, 60.0, 70.0])
    wanted = (x - 1)[..., ::-1] * scale * weights_of(model, 1)
    np.testing.assert_allclose(got.raw, wanted, rtol=1e-10)
    assert np.abs(got.gap).max() < 1e-12


def test_several_baselines_are_the_mean_of_each():
    model = smooth()
    x = pictures(model, 2, np.float64)
    own = np.random.default_rng(2).random(x.shape)
    several = ["black", 0.25, (0.1, 0.9), own[0], own]
    got = integrated_gradients(model, x, [0, 2], baseline=several)
    each = [integrated_gradients(model, x, [0, 2], baseline=one) for one in several]
    np.testing.assert_allclose(got.raw, np.mean([e.raw for e in each], axis=0), rtol=1e-10)
    assert np.abs(got.gap).max() < 1e-10
    said = got.provenance.settings["baseline"]
    assert said[:3] == ("black", 0.25, (0.1, 0.9))
    assert said[3] != said[4]


def test_baselines_are_pixels_and_go_through_the_models_preparation():
    model = prepared_linear()
    x = pictures(model, 2, np.float64)
    question = Question.of(model, x, 0, "integrated_gradients")
    spec = model.input
    named = {"black": 0.0, "grey": 0.5, "white": 1.0}
    for name, level in named.items():
        (got,) = baselines(question, name)
        np.testing.assert_array_equal(got[0], spec.prepare(np.full(spec.shape, level)))
        np.testing.assert_array_equal(got, baselines(question, level)[0])
    np.testing.assert_allclose(
        baselines(question, (1.0, 0.5, 0.0))[0][0, 0, 0],
        [(0 - 104) / 50, (127.5 - 117) / 60, (255 - 123) / 70],
    )
    assert not baselines(question, "zero")[0].any()
    mean = baselines(question, "mean")[0]
    np.testing.assert_allclose(
        mean, np.broadcast_to(question.x.mean((1, 2))[:, None, None], x.shape)
    )
    as_bytes = np.full(spec.shape, 255, np.uint8)
    np.testing.assert_allclose(
        baselines(question, as_bytes)[0], baselines(question, "white")[0], rtol=1e-6
    )
    assert len(baselines(question, x)[0]) == 2
    assert [len(b) for b in references(question, np.concatenate([x, x]))] == [1] * 4
    assert len(references(question, None)) == 5
    np.testing.assert_array_equal(references(question, x[0])[0], baselines(question, x[0])[0])


def test_the_scores_of_shared_baselines_are_those_of_single_runs():
    model = smooth()
    x = pictures(model, 3, np.float64)
    for target in (1, [0, 2, 1]):
        question = Question.of(model, x, target, "integrated_gradients")
        bases = baselines(question, ["black", "mean", 0.5, x, "white"])
        got = baseline_scores(question, bases)
        wanted = list(question.scores(np.array(np.broadcast_to(b, x.shape)) for b in bases))
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("method", [m.name for m in METHODS.values() if "baseline" in m.options])
def test_every_method_takes_its_baseline_in_all_words(method):
    model = SEEN["colour"]()
    x = pictures(model, 2)
    options = {"steps": 3} if "steps" in METHODS[method].options else {}
    options |= {"segments": "grid"} if method == "xrai" else {}
    shape = model.input.shape

    def values(baseline):
        return explain(model, x, 1, method=method, baseline=baseline, **options).values

    black = values("black")
    for same in (0.0, (0.0, 0.0, 0.0), np.zeros(shape), np.zeros((2, *shape)), ["black"]):
        np.testing.assert_array_equal(values(same), black)
    both = values(("black", "grey"))
    np.testing.assert_array_equal(values(["black", 0.5]), both)
    np.testing.assert_array_equal(values((np.zeros(shape), "grey")), both)
    if method != "internal_influence":  # below a linear head its slope is the same everywhere
        assert np.abs(both - black).max() > 0


BAD_BASELINES = [
    ("blak", r"no baseline named 'blak' \(did you mean 'black'"),
    (np.nan, "needs finite pixel values, got nan"),
    ([], "needs at least one baseline, got an empty list"),
    (True, "needs finite pixel values, got "),
    (np.zeros((4, 2)), r"needs pixels of shape \(6, 5, 2\)"),
    ((1, (2, 3)), "baseline of .* must be one array, got rows of different shapes"),
    ({"a": 1}, "needs finite pixel values"),
]


@pytest.mark.parametrize("method", ["integrated_gradients", "guided_ig", "expected_gradients"])
@pytest.mark.parametrize(("given", "message"), BAD_BASELINES)
def test_bad_baselines_are_refused(method, given, message):
    model = linear()
    x = pictures(model, 2, np.float64)
    key = "baselines" if method == "expected_gradients" else "baseline"
    with pytest.raises(ArgumentError, match=message):
        PATHS[method](model, x, 1, **{key: given})


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (
            "integrated_gradients",
            {"steps": 0},
            "steps of integrated_gradients with gauss_leg",
        ),
        ("integrated_gradients", {"steps": 2000}, "from 1 to 1,000, got 2000"),
        ("integrated_gradients", {"steps": 2.5}, "whole number from 1 to 1,000, got 2.5"),
        ("integrated_gradients", {"steps": True}, "got True"),
        (
            "integrated_gradients",
            {"steps": 1, "quadrature": "trapezoid"},
            "with trapezoid must be a whole number from 2 to 100,000, got 1",
        ),
        ("integrated_gradients", {"quadrature": "simpson"}, "no quadrature named 'simpson'"),
        (
            "expected_gradients",
            {"samples": 0},
            "samples of expected_gradients must be a whole",
        ),
        ("expected_gradients", {"samples": 10**9}, "from 1 to 100,000, got 1000000000"),
        (
            "expected_gradients",
            {"seed": -1},
            "seed of expected_gradients must .*, got -1",
        ),
        ("expected_gradients", {"seed": None}, "seed of expected_gradients must be a whole number"),
        (
            "blur_ig",
            {"max_sigma": -1},
            "max_sigma of blur_ig must be .* of at least 0",
        ),
        ("blur_ig", {"max_sigma": "a"}, "max_sigma of blur_ig must be a finite number"),
        (
            "guided_ig",
            {"fraction": 2},
            "fraction of guided_ig .* and at most 1, got 2",
        ),
        (
            "guided_ig",
            {"max_distance": np.nan},
            "max_distance of guided_ig must be a finite",
        ),
        ("guided_ig", {"quadrature": "simpson"}, "no quadrature named 'simpson'; guided_ig has"),
        (
            "guided_ig",
            {"within": 0},
            "within of guided_ig with gauss_legendre must be",
        ),
    ],
)
def test_bad_options_are_refused(method, options, message):
    model = linear()
    with pytest.raises(ArgumentError, match=message):
        PATHS[method](model, pictures(model, 1, np.float64), 1, **options)


@pytest.mark.parametrize("method", PATHS)
def test_the_baseline_itself_has_an_empty_map(method):
    model = smooth()
    options = {"baselines": 0.5} if method == "expected_gradients" else {"baseline": 0.5}
    got = PATHS[method](
        model, np.full((1, 6, 5, 2), 0.5), 1, **({} if method == "blur_ig" else options)
    )
    assert np.abs(got.values).max() < 1e-12
    assert np.isfinite(got.gap).all() or method == "blur_ig"
    if method != "blur_ig":  # blurring leaves rounding
        assert got.warnings == (got.warnings[0],)
        assert got.warnings[0].startswith("the map is zero everywhere: the picture is the baseline")


@pytest.mark.parametrize("method", PATHS)
def test_maps_follow_the_floats_that_came_in(method):
    model = SEEN["digits"]()
    x = pictures(model, 2)
    few = {"samples": 3} if method == "expected_gradients" else {"steps": 3}
    for dtype in (np.float32, np.float64):
        got = PATHS[method](model.astype(dtype), x.astype(dtype), 1, **few)
        arrays = [got.values, got.raw, got.gap, got.scores, got.error]
        assert {a.dtype for a in arrays if a is not None} == {np.dtype(dtype)}


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
