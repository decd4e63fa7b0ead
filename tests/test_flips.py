"""Small changes that turn right answers wrong, and mistakes with their explanations."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from networks import SEEN, chain, pictures
from scipy.ndimage import affine_transform
from test_calibration import binary

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.evaluation import (
    SMALL_CHANGES,
    Change,
    as_classifier,
    changed,
    compare,
    explain_mistakes,
    flips,
    mistakes,
    wilson,
)
from nnviz.inspection.probability import probabilities

MODELS = {**SEEN, "binary": binary}


def sample(name, n=40):
    """A model, pictures, and labels of which most are what the model answers."""
    model = MODELS[name]()
    x = pictures(model, n)
    y = mistakes(model, x, np.zeros(n, int)).predicted
    y[::5] = 1 - np.minimum(y[::5], 1)
    return model, x, y


def apply(x, *change, model=None, seed=0, labels=None):
    labels = np.zeros(len(x), int) if labels is None else labels
    return changed(model or chain(), x, labels, Change(*change), seed=seed)


# The changes ----------------------------------------------------------------------------------


def test_shifts_repeat_the_edge():
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    down = apply(x, "shift_down", 1)[0, ..., 0]
    assert down.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7]]
    assert apply(x, "shift_down", -1)[0, ..., 0].tolist()[0] == [4, 5, 6, 7]
    assert apply(x, "shift_right", 1)[0, 0, :, 0].tolist() == [0, 0, 1, 2]
    assert apply(x, "shift_right", -2)[0, 0, :, 0].tolist() == [2, 3, 3, 3]
    np.testing.assert_array_equal(
        apply(x, "shift_down", 9)[0, ..., 0], np.tile(x[0, 0, :, 0], (3, 1))
    )


@pytest.mark.parametrize("degrees", [3, -10, 90, 180])
@pytest.mark.parametrize("shape", [(7, 7, 1), (6, 9, 3)])
def test_turning_agrees_with_scipy(degrees, shape):
    x = np.random.default_rng(0).random((2, *shape))
    sin, cos = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    matrix = np.array([[cos, -sin], [sin, cos]])
    middle = (np.array(shape[:2]) - 1) / 2
    got = apply(x, "rotate", degrees)
    for picture, turned in zip(x, got, strict=True):
        for k in range(shape[2]):
            wanted = affine_transform(
                picture[..., k], matrix, middle - matrix @ middle, order=1, mode="nearest"
            )
            np.testing.assert_allclose(turned[..., k], wanted, atol=1e-12)


def test_above_zero_is_clockwise():
    x = np.zeros((1, 9, 9, 1))
    x[0, 4, 8] = 1  # at the right
    assert apply(x, "rotate", 90)[0, 8, 4, 0] == pytest.approx(1)  # at the bottom


def test_brightness_and_contrast_stay_within_the_range():
    x = np.array([0.0, 0.5, 0.98, 1.0]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(apply(x, "brightness", 0.05).ravel(), [0.05, 0.55, 1, 1])
    np.testing.assert_allclose(apply(x, "brightness", -0.5).ravel(), [0, 0, 0.48, 0.5])
    mean = x.mean()
    np.testing.assert_allclose(apply(x, "contrast", 0.9).ravel(), mean + 0.9 * (x.ravel() - mean))
    wide = 255 * x
    assert apply(wide, "brightness", 300).max() == 255
    eight = np.array([0, 128, 250, 255], np.uint8).reshape(1, 2, 2, 1)
    got = apply(eight, "brightness", 0.05)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.ravel(), [0.05, 128 / 255 + 0.05, 1, 1], rtol=1e-6)


def test_noise_depends_on_the_seed_alone():
    x = np.full((3, 8, 7, 2), 0.5, np.float32)
    got = apply(x, "noise", 0.1, seed=4)
    np.testing.assert_array_equal(got[0], got[2])
    np.testing.assert_array_equal(apply(x[1:2], "noise", 0.1, seed=4)[0], got[1])
    assert np.abs(got - apply(x, "noise", 0.1, seed=5)).max() > 0.1
    assert (got - x).std() == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("name", MODELS)
def test_a_gradient_step_raises_the_loss_and_moves_each_pixel_so_far_at_most(name):
    model, x, y = sample(name)
    model = as_classifier(model)
    got = apply(x, "gradient", 0.002, model=model, labels=y)
    assert np.abs(got - x).max() <= 0.002 + 1e-6
    before, after = (
        np.log(probabilities(model, model.predict(v))[np.arange(len(x)), y]) for v in (x, got)
    )
    assert (after < before).mean() > 0.9
    assert after.mean() < before.mean()


def test_a_gradient_step_works_on_an_answer_that_rounds_to_certainty():
    model = chain()
    last = model.node("preds").layer
    model = model.with_layers({"preds": last.with_params(bias=np.array([200, 0, 0], np.float32))})
    x = pictures(model, 4)
    assert (model.predict(x)[:, 0] == 1).all()
    moved = apply(x, "gradient", 0.01, model=model) - x
    assert (np.abs(moved) > 0.005).mean() > 0.5


def test_the_models_own_channels_and_scale_are_kept_in_the_step():
    spec = nv.InputSpec((4, 4, 3), (0, 255), (104.0, 117.0, 123.0), (2.0, 3.0, 4.0), "BGR")
    model = nv.Sequential([nv.Flatten(), nv.Dense(2)], (4, 4, 3), input=spec)
    x = pictures(model, 1)
    weight = model.parameters()["dense_1/weight"].reshape(4, 4, 3, 2)[:, :, ::-1]
    moved = np.sign(apply(x, "gradient", 1e-3, model=model, labels=np.array([1])) - x)[0]
    inside = moved != 0  # not clipped
    np.testing.assert_array_equal(moved[inside], np.sign(weight[..., 0] - weight[..., 1])[inside])


SAID = {
    ("shift_down", 1): "moved 1 pixel down",
    ("shift_down", -2): "moved 2 pixels up",
    ("shift_right", -1): "moved 1 pixel to the left",
    ("rotate", 3): "turned 3° clockwise",
    ("rotate", -3): "turned 3° anticlockwise",
    ("brightness", -0.05): "-0.05 brightness",
    ("contrast", 1.1): "contrast × 1.1",
    ("gradient", 0.03): "a gradient step of 0.03",
}


@pytest.mark.parametrize("change", SAID)
def test_a_change_says_what_it_is(change):
    assert str(Change(*change)) == SAID[change]


BAD = [
    ("shake", 1, "no change named 'shake'; nnviz has shift_down, shift_right"),
    ("shift_down", 0.5, "0.5 is no amount for the change 'shift_down'"),
    ("shift_right", 0, "0 is no amount"),
    ("rotate", 0, "0 is no amount"),
    ("rotate", float("nan"), "nan is no amount"),
    ("brightness", True, "True is no amount"),
    ("contrast", 1, "1 is no amount"),
    ("contrast", -1, "-1 is no amount"),
    ("noise", -0.1, "-0.1 is no amount"),
    ("gradient", 0, "0 is no amount"),
    ("gradient", "much", "'much' is no amount"),
]


@pytest.mark.parametrize(("kind", "amount", "message"), BAD)
def test_changes_that_are_none(kind, amount, message):
    with pytest.raises(ArgumentError, match=message):
        Change(kind, amount)


# What flips -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_flips_are_counted(name):
    model, x, y = sample(name)
    big = [*SMALL_CHANGES, Change("brightness", 0.9), Change("gradient", 1)]
    got = flips(model, x, y, changes=big, seed=1)
    before = mistakes(model, x, y)
    np.testing.assert_array_equal(got.predicted, before.predicted)
    assert got.provenance.model == model.fingerprint()
    assert got.provenance.seed == 1
    right = before.predicted == y
    for c, (change, share) in enumerate(zip(big, got.shares, strict=True)):
        after = mistakes(model, changed(as_classifier(model), x, y, change, seed=1), y)
        np.testing.assert_array_equal(got.answers[c], after.predicted)
        count = int((right & (after.predicted != y)).sum())
        assert (share.change, share.flips, share.of) == (change, count, right.sum())
        assert share.share == count / right.sum()
        assert share.interval == wilson(count, int(right.sum()))
    assert got.flipped.any() == (name != "wide"), "untrained means over all places hardly move"
    assert got.total.flips == got.flipped.any(axis=0).sum() == len(got.fragile)
    times = got.flipped.sum(axis=0)[got.fragile]
    assert (np.diff(times) <= 0).all()
    for i in got.fragile[:1]:
        assert got.of(i) == tuple(c for c, f in zip(big, got.flipped[:, i], strict=True) if f)


def test_flips_do_not_depend_on_the_blocks_or_the_neighbours(monkeypatch):
    model, x, y = sample("digits")
    whole = flips(model, x, y)
    monkeypatch.setattr(sys.modules[flips.__module__], "BLOCK_BYTES", 1)
    single = flips(model, x, y)
    np.testing.assert_array_equal(whole.answers, single.answers)
    np.testing.assert_allclose(whole.sure, single.sure, rtol=1e-5)


def test_without_a_right_answer_there_is_no_share():
    model = chain()
    x = pictures(model, 3)
    y = (model.predict(x).argmax(axis=1) + 1) % 3
    got = flips(model, x, y, changes=[Change("noise", 0.5)])
    assert (got.total.flips, got.total.of, got.total.share, got.total.interval) == (
        0,
        0,
        None,
        None,
    )
    assert len(got.fragile) == 0


def test_flips_need_pictures_a_classifier_and_changes():
    flat = nv.Sequential([nv.Dense(3, activation="softmax")], (5,))
    with pytest.raises(
        ArgumentError, match=r"flips changes pictures, this model's input is \(5,\)"
    ):
        flips(flat, np.zeros((2, 5)), [0, 1])
    model = chain()
    for changes in ((), ["rotate"], Change("rotate", 3), 3):
        with pytest.raises(
            ArgumentError, match="changes must be a sequence of at least one Change"
        ):
            flips(model, pictures(model, 2), [0, 1], changes=changes)
    with pytest.raises(ArgumentError, match="label 3 is outside"):
        flips(model, pictures(model, 2), [0, 3])
    with pytest.raises(
        ArgumentError, match="need a classifier of two or more classes, or of one sigmoid"
    ):
        flips(nv.Sequential([nv.Conv2D(2, 3)], (9, 9, 1)), np.zeros((2, 9, 9, 1)), [0, 1])


# Mistakes with their reasons ------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("order", ["most confident", "least confident"])
def test_mistakes_are_explained_for_the_answer_and_the_truth(name, order):
    model, x, y = sample(name)
    found = mistakes(model, x, y)
    options = {"patch": 4, "stride": 4}
    got = explain_mistakes(
        model, x, y, most=3, order=order, method="occlusion", options=options, found=found
    )
    wanted = found.wrong[:3] if order == "most confident" else found.wrong[::-1][:3]
    np.testing.assert_array_equal(got.numbers, wanted)
    np.testing.assert_array_equal(got.predicted, found.predicted[wanted])
    np.testing.assert_array_equal(got.labels, y[wanted])
    np.testing.assert_array_equal(got.confidence, found.confidence[wanted])
    if name != "binary":
        for maps, classes in ((got.answer, got.predicted), (got.truth, got.labels)):
            alone = nv.occlusion(model, x[wanted], classes, **options)
            np.testing.assert_array_equal(maps.values, alone.values)
            np.testing.assert_array_equal(maps.scores, alone.scores)
    else:  # what speaks for one side speaks against the other
        np.testing.assert_allclose(got.for_answer, -got.for_truth, atol=1e-6)
    low, high = got.scale
    assert got.signed
    assert -low == high == max(np.abs(got.for_answer).max(), np.abs(got.for_truth).max())
    assert got.provenance.model == model.fingerprint()
    assert got.provenance.settings["order"] == order


def test_maps_without_sign_begin_at_zero():
    model, x, y = sample("digits")
    got = explain_mistakes(model, x, y)
    assert got.provenance.method == "grad_cam"
    assert got.scale == (0.0, max(got.for_answer.max(), got.for_truth.max()))
    assert len(got.numbers) == 6


def test_without_a_mistake_there_is_nothing_to_explain(tmp_path):
    model = chain()
    x = pictures(model, 4)
    got = explain_mistakes(model, x, model.predict(x).argmax(axis=1))
    assert got.for_answer.shape == (0, 8, 7)
    assert got.scale == (0.0, 0.0)


def test_bad_orders_and_models_are_refused():
    model, x, y = sample("digits", 6)
    with pytest.raises(ArgumentError, match="no order named 'best'; explain_mistakes has most"):
        explain_mistakes(model, x, y, order="best")
    with pytest.raises(ArgumentError, match="most must be a whole number"):
        explain_mistakes(model, x, y, most=0)
    with pytest.raises(ArgumentError, match="grad_cam has no option 'patch'"):
        explain_mistakes(model, x, y, options={"patch": 3})
    flat = nv.Sequential([nv.Dense(3, activation="softmax")], (5,))
    with pytest.raises(ArgumentError, match=r"needs a model for pictures, .* is \(5,\)"):
        explain_mistakes(flat, np.zeros((2, 5)), [0, 1])


def test_what_was_found_must_be_of_these_pictures():
    model, x, y = sample("digits", 20)
    found = mistakes(model, x, y)
    wanted = explain_mistakes(model, x, y, most=2)
    for labels in (y, None):
        got = explain_mistakes(model, x, labels, most=2, found=found)
        np.testing.assert_array_equal(got.for_truth, wanted.for_truth)
    other = MODELS["digits"](seed=1)
    for bad, message in (
        ((model, x[:5], y[:5], found), "found is of 20 pictures, but 5 are given"),
        ((model, x[::-1], y, found), "found is of other pictures, or of the same in another order"),
        ((model, x[::-1], y[::-1], found), "found is of other labels"),
        ((other, x, y, found), "found is of another model"),
        ((model, x, y, 3), "found must be what mistakes has given, got a int"),
    ):
        with pytest.raises(ArgumentError, match=message):
            explain_mistakes(*bad[:3], found=bad[3])


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("zz", {}, "no method named 'zz'; nnviz has"),
        ("grad_cam", ["node"], "options must be names with values"),
        ("grad_cam", {"patch": 3}, "grad_cam has no option 'patch'; it has node"),
    ],
)
def test_bad_methods_and_options_are_refused_also_where_nothing_is_drawn(method, options, message):
    model, x, _ = sample("digits", 6)
    right = model.predict(x).argmax(axis=1)
    with pytest.raises(ArgumentError, match=message):
        explain_mistakes(model, x, right, method=method, options=options)
    with pytest.raises(ArgumentError, match=message):
        compare(model, model, x, method=method, options=options, maps=0)
