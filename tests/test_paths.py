"""Path methods: against the loops of their papers, and by what must be so."""

from __future__ import annotations

import numpy as np
import pytest
import reference_paths as reference
from hypothesis import given
from hypothesis import strategies as st
from networks import SEEN, pictures
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
from nnviz.inspection.attribution.gap import completeness
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
