"""Activation maximization: repeatable, rising, within bounds; its priors against differences."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, chain, normalized

import nnviz as nv
from nnviz.engine.rewrite import up_to
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import Channel, Logit
from nnviz.inspection.attribution.goal import as_goal
from nnviz.inspection.maximize import maximize
from nnviz.inspection.maximize.climb import _climb
from nnviz.inspection.maximize.priors import brightness, total_variation

QUICK = {"steps": 20, "smooth": 0.5, "dark": 0.1}


@pytest.mark.parametrize("name", SEEN)
def test_the_target_rises_within_bounds(name):
    model = SEEN[name]()
    classes = list(range(model.output_shape[0]))
    before = model.fingerprint()
    got = maximize(model, classes, **QUICK)
    assert model.fingerprint() == before
    assert got.values.shape == (len(classes), *model.input.shape)
    assert got.values.dtype == np.float32
    assert got.values.min() >= 0
    assert got.values.max() <= 1
    assert (got.activation > got.start).all()
    assert got.warnings == ()
    assert got.path.shape == (20, len(classes))
    np.testing.assert_array_equal(got.path[0], got.start)
    trace = model.run(got.values)
    np.testing.assert_array_equal(got.activation, np.diag(trace[model.logits_name].y))
    np.testing.assert_array_equal(got.probability, np.diag(trace.output))


def test_the_same_seed_gives_the_same_bits():
    model = SEEN["digits"]()
    one, two = (maximize(model, [0, 1], seed=7, **QUICK) for _ in range(2))
    assert one.values.tobytes() == two.values.tobytes()
    assert one.path.tobytes() == two.path.tobytes()
    other = maximize(model, [0, 1], seed=8, **QUICK)
    assert other.values.tobytes() != one.values.tobytes()


@pytest.mark.parametrize("count", [1, 2])
def test_as_many_threads_as_one_likes(count):
    model = SEEN["digits"]()
    with nv.threads(count):
        got = maximize(model, [0, 1], seed=7, **QUICK)
    assert got.values.tobytes() == maximize(model, [0, 1], seed=7, **QUICK).values.tobytes()


def test_channels_and_neurons_as_targets():
    model = SEEN["digits"]()
    target = Channel("conv2d_2", (0, 3), at=(5, 5))
    got = maximize(model, target, shift=0, **QUICK)
    assert got.values.shape == (2, 28, 28, 1)
    assert (got.activation > got.start).all()
    assert got.probability is None
    assert got.provenance.target == "place (5, 5) of channel (0, 3) of conv2d_2"
    assert got.provenance.settings["shift"] == 0
    # What a neuron cannot see gets darker: nothing but the prior acts there.
    field = nv.receptive_field(model, "conv2d_2").reads[5, 5]
    outside = np.ones((28, 28), bool)
    outside[field[0] : field[2], field[1] : field[3]] = False
    assert got.values[:, outside].max() < 0.3


def test_pixels_are_pixels_also_for_a_model_that_wants_another_range():
    model = nv.Sequential([nv.Flatten(), nv.Dense(2)], (4, 4, 3), input=normalized().input)
    got = maximize(model, 0, steps=60, rate=0.3, shift=0, smooth=0, dark=0)
    assert got.values.max() <= 1
    # The score is linear in the pixels, so the best picture is black or white in each channel,
    # by the sign of its weight; the weights speak of BGR, the picture is RGB.
    weight = model.parameters()["dense_1/weight"][:, 0].reshape(4, 4, 3)[..., ::-1]
    np.testing.assert_array_equal(got.values[0] > 0.5, weight > 0)


def test_a_shifted_step_still_climbs_the_unshifted_picture():
    model, target = chain().astype(np.float64), Logit(1)
    rng, h, move = np.random.default_rng(0), 1e-6, (2, -1)
    x = rng.random((1, *model.input.shape))
    part = up_to(model, "preds")
    goal = as_goal(model, target)
    score, gradient = _climb(part, goal, x, move)
    assert score == target.values(model.run(np.roll(x, move, axis=(1, 2)))["preds"].y)
    way = rng.standard_normal(x.shape)
    ends = [_climb(part, goal, x + side * h * way, move)[0] for side in (1, -1)]
    assert (gradient * way).sum() == pytest.approx((ends[0] - ends[1]).item() / (2 * h), rel=1e-6)


def test_a_large_rate_overflows_nothing():
    got = maximize(SEEN["digits"](), 0, steps=40, rate=30, smooth=0, dark=0)
    assert np.isfinite(got.values).all()


def test_a_target_that_cannot_rise_is_told():
    model = SEEN["digits"]()
    model.parameters()["preds/weight"][...] = 0
    got = maximize(model, [0, 1], steps=3)
    assert len(got.warnings) == 2
    assert "picture 1: the target did not rise above the noise it began with" in got.warnings[1]


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_few_steps_keep_the_best_of_them(steps):
    got = maximize(SEEN["digits"](), 0, steps=steps, smooth=0, dark=0, shift=0)
    assert got.activation[0] == pytest.approx(got.path[-1, 0])


def test_of_logits_the_probability_is_their_softmax():
    model = nv.Sequential(
        [nv.Conv2D(2, 3, activation="relu"), nv.Flatten(), nv.Dense(3)], (8, 8, 1)
    )
    got = maximize(model, [0, 1, 2], **QUICK)
    output = model.predict(got.values).astype(np.float64)
    wanted = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got.probability, np.diag(wanted), rtol=1e-5)


BAD = [
    ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
    ({"steps": 2.5}, "steps must be a whole number of at least 1, got 2.5"),
    ({"shift": -1}, "shift must be a whole number of at least 0, got -1"),
    ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
    ({"rate": 0}, "rate must be above 0, smooth and dark at least 0, got 0, 3.0, 0.5"),
    ({"rate": float("nan")}, "rate must be above 0, smooth and dark at least 0, got nan"),
    ({"smooth": -1}, "rate must be above 0, smooth and dark at least 0, got 0.1, -1"),
    ({"dark": float("inf")}, "rate must be above 0, smooth and dark at least 0"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=str)
def test_maximize_is_told_nonsense(settings, message):
    with pytest.raises(ArgumentError, match=message):
        maximize(chain(), 0, **settings)


def test_what_cannot_be_maximized():
    with pytest.raises(ArgumentError, match="class 9 is not among the model's 3"):
        maximize(chain(), [0, 9])
    with pytest.raises(ArgumentError, match="no node named 'conv9'"):
        maximize(chain(), Channel("conv9", 0))
    with pytest.raises(ArgumentError, match=r"conv2d_1' has 4 channels 0 … 3, got \(\)"):
        maximize(chain(), Channel("conv2d_1", ()))
    flat = nv.Sequential([nv.Dense(2)], (3,))
    with pytest.raises(ArgumentError, match=r"maximize makes pictures, .* has shape \(3,\)"):
        maximize(flat, 0)


@pytest.mark.parametrize("prior", [total_variation, brightness])
@pytest.mark.parametrize("shape", [(2, 5, 4, 1), (1, 3, 6, 3)])
def test_the_priors_gradients_are_the_numerical_ones(prior, shape):
    rng = np.random.default_rng(0)
    x, way, h = rng.random(shape), rng.standard_normal(shape), 1e-6
    values, gradient = prior(x)
    assert values.shape == shape[:1]
    numerical = (prior(x + h * way)[0] - prior(x - h * way)[0]) / (2 * h)
    np.testing.assert_allclose((gradient * way).sum(axis=(1, 2, 3)), numerical, rtol=1e-8)


def test_the_priors_by_hand():
    x = np.array([[0.0, 1.0], [0.0, 0.5]]).reshape(1, 2, 2, 1)
    assert total_variation(x)[0][0] == pytest.approx((0 + 0.25 + 1 + 0.25) / 4)
    assert brightness(x)[0][0] == pytest.approx(1.25 / 4)
    assert not total_variation(np.full((1, 4, 4, 3), 0.7))[0].any()


def test_the_shipped_models_classes_are_recognized(shipped):
    got = maximize(shipped, list(range(10)))
    assert (got.probability > 0.99).all()
    assert (got.activation > got.start).all()
