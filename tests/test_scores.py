"""Scores of maps: by hand on a linear model, against loops, and beside controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import reference_scores as ref
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import SEEN, pictures

import nnviz as nv
from nnviz import draw
from nnviz.engine.layers import Dense, Flatten
from nnviz.errors import ArgumentError
from nnviz.inspection.evaluation.scores import CONTROLS, MEASURES, Judge, score, scored, sensitivity
from nnviz.inspection.evaluation.scores.curves import area, infidelity, steps_of
from nnviz.inspection.evaluation.scores.measures import (
    against_mask,
    chance_of,
    entropy,
    evidence,
    gini,
    order,
)
from nnviz.inspection.results import Attribution, Provenance

SIZE = (5, 6)
WEIGHT = np.random.default_rng(1).normal(size=(30, 1))
some_map = arrays(np.float64, SIZE, elements=st.floats(-10, 10).map(lambda v: round(v, 3))).filter(
    lambda a: abs(a).max() > 0.1
)


def linear():
    """f(x) = w · x, one output that is no probability."""
    model = nv.Sequential([Flatten(), Dense(1, use_bias=False)], (*SIZE, 1))
    dense = model.nodes[-1]
    return model.with_layers({dense.name: dense.layer.with_params(weight=WEIGHT)})


def given_map(model, values, x, target=0):
    """An attribution with these values for this model."""
    words = nv.explain(model, x, target, method="gradient").provenance
    made = Provenance(model.fingerprint(), "given", target=words.target)
    return Attribution(values, np.zeros(len(values)), made, signed=True)


def a_linear_case(n=3):
    rng = np.random.default_rng(5)
    model, x = linear(), rng.random((n, *SIZE, 1))
    return model, x, given_map(model, rng.normal(size=(n, *SIZE)), x)


# By hand, on a linear model -----------------------------------------------------------------------


def test_curves_of_a_linear_model_by_loops():
    """f is w · x, so every point of both curves is a partial sum."""
    model, x, result = a_linear_case()
    got = score(model, x, result, 0, steps=7, fill=0.25)

    def f(picture):
        return float(picture.ravel() @ WEIGHT[:, 0])

    empty = np.full((*SIZE, 1), 0.25)
    for i in range(3):
        away = ref.removal(f, x[i], empty, result.values[i], 7)
        coming = ref.removal(f, x[i], empty, result.values[i], 7, insert=True)
        np.testing.assert_allclose(got.deletion[0, i], away, atol=1e-12)
        np.testing.assert_allclose(got.insertion[0, i], coming, atol=1e-12)
        assert got.of("deletion")[i] == pytest.approx(ref.trapezia(away))
        assert got.of("insertion")[i] == pytest.approx(ref.trapezia(coming))
        assert got.of("pixel_flipping")[i] == pytest.approx(np.mean([away[0] - v for v in away]))
        both = ref.trapezia(coming) - ref.trapezia(away)
        assert got.of("insertion_minus_deletion")[i] == pytest.approx(both)
        shown = np.maximum(result.values[i], 0)
        shown = (shown / shown.max())[..., None]
        left = f(shown * x[i] + (1 - shown) * 0.25)
        before = f(x[i])
        if before > 0:
            assert got.of("average_drop")[i] == pytest.approx(max(0, before - left) / before)
        assert got.of("average_increase")[i] == (left > before)


def test_a_map_of_the_truth_is_best():
    """Of a linear model the contributions w · (x − fill) explain every fall: no other order has a
    lower deletion curve anywhere, and nothing is left unexplained."""
    model, x, result = a_linear_case()
    truth = (x[..., 0] - 0.25) * WEIGHT.reshape(SIZE)
    mine = score(model, x, replace(result, values=truth), 0, steps=30, fill=0.25)
    for other in range(len(CONTROLS)):
        assert (mine.deletion[0] <= mine.deletion[1 + other] + 1e-12).all()
        assert (mine.insertion[0] >= mine.insertion[1 + other] - 1e-12).all()
    np.testing.assert_allclose(mine.of("infidelity"), 0, atol=1e-20)
    assert not mine.marks


def test_infidelity_by_hand():
    masks = np.zeros((2, 1, 2), bool)
    masks[0, 0, 0] = masks[1, 0, 1] = True
    falls = np.array([2.0, 4.0])
    one = infidelity(np.array([[[1.0, 2.0]], [[1.0, 0.0]], [[-1.0, -2.0]]]), falls, masks)
    np.testing.assert_allclose(one, [0, 16 / 20, 1], atol=1e-12)
    assert np.isnan(infidelity(np.ones((1, 1, 2)), np.zeros(2), masks)).all()


def test_every_pixel_goes_once():
    rng = np.random.default_rng(0)
    gone = steps_of(np.stack([rng.permutation(30) for _ in range(4)]), 7)
    assert (np.sort(gone, axis=1) == gone[0][np.argsort(gone[0])]).all()
    assert gone.min() == 1
    assert gone.max() == 7
    assert area(np.array([1.0, 0.5, 0.0])) == 0.5


# Of a map alone, and against masks ----------------------------------------------------------------


@given(some_map)
def test_gini_and_entropy_by_loops(map_):
    assert gini(map_[None])[0] == pytest.approx(ref.gini(map_), abs=1e-9)
    assert entropy(map_[None])[0] == pytest.approx(ref.entropy(map_), abs=1e-9)


def test_complexity_at_its_ends():
    flat, single, blank = np.ones(SIZE), np.zeros(SIZE), np.zeros(SIZE)
    single[2, 3] = -4
    maps = np.stack([flat, single, blank])
    np.testing.assert_allclose(gini(maps), [0, 1 - 1 / 30, 0], atol=1e-12)
    np.testing.assert_allclose(entropy(maps), [np.log(30), 0, np.log(30)], atol=1e-12)


def test_masks_by_hand():
    map_ = np.array([[3.0, 1.0], [-5.0, 2.0]])
    mask = np.array([[True, False], [True, False]])
    orders = order(map_, np.random.default_rng(0))[None]
    assert orders.tolist() == [[0, 3, 1, 2]]
    got = {k: v[0] for k, v in against_mask(map_[None], orders, mask[None]).items()}
    assert got == {"pointing": 1, "mass": 0.5, "rank": 0.5, "iou": pytest.approx(1 / 3)}
    assert chance_of(mask[None])[0] == 0.5
    none = against_mask(map_[None], orders, np.zeros((1, 2, 2), bool))
    assert all(np.isnan(v).all() for v in none.values())
    blank = against_mask(np.zeros((1, 2, 2)), orders, mask[None])
    assert blank["mass"] == 0


def test_a_random_map_reaches_what_chance_says():
    data = nv.data.load("planted-texture", n=400)
    maps = CONTROLS["random"](data.x / np.float32(255), 0)
    orders = np.stack([order(m, np.random.default_rng(0)) for m in maps])
    chance = float(chance_of(data.masks).mean())
    for name in ("pointing", "mass", "rank"):
        found = against_mask(maps, orders, data.masks)[name]
        wide = 4 * found.std() / np.sqrt(len(found))
        assert abs(found.mean() - chance) < wide, name


def test_equal_pixels_go_by_chance():
    firsts = {int(order(np.zeros(SIZE), np.random.default_rng(k))[0]) for k in range(40)}
    assert len(firsts) > 15


# The controls, and the whole ----------------------------------------------------------------------


def test_controls_know_their_pictures_alone():
    x = np.zeros((2, 6, 8, 1))
    x[1, :, 4:] = 1
    edges, centre = CONTROLS["edges"](x, 0), CONTROLS["centre"](x, 0)
    assert (edges[0] == 0).all()
    assert (edges[1, :, 3:5] == 4).all()
    assert (edges[1, :, :3] == 0).all()
    assert centre[0].argmax() in (2 * 8 + 3, 2 * 8 + 4, 3 * 8 + 3, 3 * 8 + 4)
    noise = CONTROLS["random"](x, 0)
    assert (noise[0] != noise[1]).any()
    np.testing.assert_array_equal(noise[1:], CONTROLS["random"](x[1:], 0))
    flat = CONTROLS["centre"](np.zeros((1, 1, 1, 1)), 0)
    assert flat.shape == (1, 1, 1)


@pytest.mark.parametrize("name", ["digits", "colour", "wide"])
def test_a_batch_equals_its_pictures(name):
    model = SEEN[name]()
    x = pictures(model, 3)
    y = (0, 1, 0)
    masks = np.zeros(x.shape[:3], bool)
    masks[:, 2:9, 3:8] = True
    whole = score(model, x, nv.grad_cam(model, x, y), y, masks=masks, steps=6, draws=5)
    assert whole.controls == tuple(CONTROLS)
    assert set(whole.names) == set(MEASURES) - {"completeness_gap"}
    for i in range(3):
        own = (slice(i, i + 1),)
        one = score(
            model, x[own], nv.grad_cam(model, x[own], y[i]), y[i], masks=masks[own], steps=6,
            draws=5,
        )  # fmt: skip
        np.testing.assert_allclose(one.values[:, :, 0], whole.values[:, :, i], atol=1e-4)
    np.testing.assert_array_equal(
        whole.of("pointing", "centre"), whole.values[2, whole.names.index("pointing")]
    )


def test_intervals_marks_and_words():
    model, x, result = a_linear_case(4)
    got = score(model, x, result, 0, steps=5)
    one = got["insertion"]
    assert one.mean == pytest.approx(got.of("insertion").mean())
    low, high = one.interval
    assert low < one.mean < high
    assert one.direction == "higher is better"
    random = next(c for c in one.controls if c.control == "random")
    lead = got.of("insertion") - got.of("insertion", "random")
    assert random.lead == pytest.approx(lead.mean())
    assert random.beaten == (random.interval[0] > 0)
    worst = replace(result, values=-(x[..., 0] * WEIGHT.reshape(SIZE)))
    marks = score(model, x, worst, 0, steps=5).marks
    assert any("does not surely beat the random control" in words for words in marks)
    before, after = got.fall(1, 0.2)
    assert before == got.deletion[0, 1, 0]
    assert after[0] == pytest.approx(got.deletion[0, 1, 1])
    assert "insertion_minus_deletion" in str(got)
    single = score(model, x[:1], given_map(model, result.values[:1], x[:1]), 0, steps=5)
    assert single["insertion"].interval is None


def test_slopes_count_by_their_size():
    model = SEEN["digits"]()
    x = pictures(model, 1)
    slope = nv.explain(model, x, 1, method="gradient")
    np.testing.assert_allclose(evidence(slope), np.abs(slope.values))
    share = nv.explain(model, x, 1, method="input_x_gradient")
    np.testing.assert_allclose(evidence(share), share.values)


def test_an_attribution_carries_its_quality(tmp_path):
    model = SEEN["digits"]()
    x = pictures(model, 2)
    result = nv.explain(model, x, 1, method="integrated_gradients", steps=4)
    with_it = scored(model, x, result, 1, steps=4, draws=3, controls=["random"])
    assert with_it.quality.of("completeness_gap") == pytest.approx(np.abs(result.gap))
    with_it.save(tmp_path / "map.npz")
    again = nv.load_result(tmp_path / "map.npz")
    np.testing.assert_array_equal(again.quality.values, with_it.quality.values)
    assert again.quality.provenance == with_it.quality.provenance
    assert draw.picture(with_it.quality).ndim == 3


def test_masks_come_with_a_data_set():
    data = nv.data.load("planted-glyph", n=3)
    model = SEEN["digits"]()
    got = Judge.of(model, data, 0, steps=3, draws=2).scores(nv.grad_cam(model, data.x, 0))
    assert "pointing" in got.names
    np.testing.assert_allclose(got.covered, 49 / 784)


def test_what_is_refused():
    model, x, result = a_linear_case()
    other = SEEN["digits"]()
    for words, call in [
        ("score judges an Attribution, got a int", lambda: score(model, x, 3)),
        ("the maps have shape .* give the pictures", lambda: score(model, x[:1], result, 0)),
        ("the maps explain the gradient of nothing, but the target given is", lambda: score(
            model, x, replace(result, provenance=replace(
                result.provenance, target="gradient of nothing")), 0)),
        ("the maps are of another model", lambda: score(
            model, x, replace(result, provenance=replace(result.provenance, model="?")), 0)),
        ("controls must name at least one of random", lambda: score(
            model, x, result, 0, controls=())),
        ("controls must name at least one", lambda: score(
            model, x, result, 0, controls="random")),
        ("no control named 'cat'; score has", lambda: score(model, x, result, 0, controls=["cat"])),
        (r"no control named '\[\]'", lambda: score(model, x, result, 0, controls=[[]])),
        ("picture of fall must be a whole number from 0 to 2", lambda: score(
            model, x, result, 0, steps=2).fall(3)),
        ("share of fall must be a finite number", lambda: score(
            model, x, result, 0, steps=2).fall(0, 10)),
        ("options of sensitivity must be a dict such as", lambda: sensitivity(
            other, pictures(other, 1), options=[1])),
        ("steps of score must be a whole number from 2", lambda: score(
            model, x, result, 0, steps=1)),
        ("draws of score", lambda: score(model, x, result, 0, draws=0)),
        (r"masks must be truth values \(3, 5, 6\)", lambda: score(
            model, x, result, 0, masks=np.ones((3, 5, 6)))),
        ("fill of score is one for all", lambda: score(model, x, result, 0, fill=[0.0, 1.0])),
        ("radius of sensitivity", lambda: sensitivity(other, pictures(other, 1), radius=0)),
        ("no score named 'cat'", lambda: score(model, x, result, 0, steps=2).of("cat")),
        ("no control named 'cat'", lambda: score(model, x, result, 0, steps=2).of("gini", "cat")),
    ]:  # fmt: skip
        with pytest.raises(ArgumentError, match=words):
            call()


def test_sensitivity():
    """A linear model's gradient never moves; of a curved one it does, alike in any batch."""
    model, x, _ = a_linear_case()
    np.testing.assert_array_equal(sensitivity(model, x, 0, method="gradient", draws=2), 0)
    curved = SEEN["digits"]()
    photos = (pictures(curved, 2) * 255).astype(np.uint8)
    whole = sensitivity(curved, photos, method="saliency", draws=3)
    assert (whole > 0).all()
    one = sensitivity(curved, photos[1:], method="saliency", draws=3)
    np.testing.assert_allclose(one, whole[1:], rtol=1e-4)
