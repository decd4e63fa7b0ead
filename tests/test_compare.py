"""Two models on the same pictures: exact zeros, planted changes, other architectures, bad pairs."""

from __future__ import annotations

import numpy as np
import pytest
from networks import ALL, SEEN, chain, digits, pictures, residual
from test_calibration import binary

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.evaluation import compare, newcombe

MODELS = {**SEEN, "binary": binary, "residual": residual, "chain": chain}


def answers(model, n=30):
    """Pictures, and labels of which most are what the model answers."""
    x = pictures(model, n)
    p = model.predict(x)
    y = p.argmax(axis=1) if p.shape[1] > 1 else (p[:, 0] > 0.5).astype(int)
    y[::4] = 0
    return x, y


def planted(model, node, c, by):
    """The model with another bias for one class."""
    layer = model.node(node).layer
    bias = layer.params["bias"].copy()
    bias[c] += by
    return model.with_layers({node: layer.with_params(bias=bias)})


def all_numbers(got):
    """Every difference in a comparison."""
    yield from (one.norm for one in got.weights)
    yield from (one.relative for one in got.weights)
    yield np.abs(got.probabilities_b - got.probabilities_a).max()
    yield np.abs(got.map_difference).max()
    for one in (got.total, *got.classes):
        yield from (one.moved, one.lost, one.gained, one.difference or 0.0)
        yield from one.interval or (0.0,)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["grad_cam", "saliency", "occlusion"])
def test_identical_models_compare_to_exactly_zero(name, method):
    a, b = MODELS[name](), MODELS[name]()
    x, y = answers(a, 8)
    got = compare(a, b, x, y, method=method, maps=2)
    assert got.identical
    assert {float(value) for value in all_numbers(got)} == {0.0}
    assert {one.cosine for one in got.weights} <= {1.0, None}
    assert (got.only_a, got.only_b, got.reshaped) == ((), (), ())
    assert len(got.changed) == len(got.broken) == len(got.mended) == 0
    assert got.total.p == 1.0


@pytest.mark.parametrize("c", [0, 1, 2])
@pytest.mark.parametrize("by", [-5.0, -0.3, -0.001, 0.001, 0.3, 5.0])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_planted_change_in_one_class_is_named_first(c, by, labelled):
    a = digits()
    b = planted(a, "preds", c, by)
    x, y = answers(a)
    got = compare(a, b, x, y if labelled else None, maps=0)
    assert got.classes[0].label == c
    assert got.classes[0].name == a.classes[c]
    assert got.weights[0].name == "preds/bias"
    assert got.weights[0].norm == pytest.approx(abs(by), rel=1e-4)
    assert {one.norm for one in got.weights[1:]} == {0.0}
    assert not got.identical


def test_a_class_that_is_taken_for_another_is_named_before_the_other():
    """All of class 1 is answered as class 2: both moved as far, one of them lost its pictures."""
    colours = np.eye(3, dtype=np.float32)
    x = np.repeat(colours, 10, axis=0).reshape(30, 1, 1, 3)
    y = np.repeat([0, 1, 2], 10)

    def net(weight):
        model = nv.Sequential([nv.Flatten(), nv.Dense(3, activation="softmax")], (1, 1, 3))
        model.parameters()["dense_1/weight"][...] = 20 * weight
        return model

    taken = colours.copy()
    taken[1] = colours[2]
    got = compare(net(colours), net(taken), x, y, method="saliency")
    assert [one.label for one in got.classes] == [1, 2, 0]
    first = got.classes[0]
    assert (first.pictures, first.right_a, first.right_b, first.lost, first.gained) == (
        10,
        10,
        0,
        10,
        0,
    )
    assert first.difference == -1.0
    assert first.p < 0.01
    np.testing.assert_array_equal(got.broken, np.arange(10, 20))
    assert set(got.shown) <= set(range(10, 20)), "what broke is shown first"
    back = compare(net(taken), net(colours), x, y, method="saliency")
    np.testing.assert_array_equal(back.mended, np.arange(10, 20))
    assert back.classes[0].difference == 1.0


def test_everything_is_counted():
    a, b = digits(0), digits(1)
    x, y = answers(a, 60)
    got = compare(a, b, x, y)
    right_a, right_b = (m.predict(x).argmax(axis=1) == y for m in (a, b))
    np.testing.assert_array_equal(got.broken, np.flatnonzero(right_a & ~right_b))
    np.testing.assert_array_equal(got.mended, np.flatnonzero(right_b & ~right_a))
    np.testing.assert_array_equal(got.changed, np.flatnonzero(got.predicted_a != got.predicted_b))
    for one in (got.total, *got.classes):
        those = y == one.label if one.label >= 0 else np.ones(60, bool)
        if not those.any():
            assert one.difference is None
            continue
        lost, gained = len({*got.broken} & {*np.flatnonzero(those)}), sum(those[got.mended])
        assert (one.lost, one.gained) == (lost, gained)
        assert (one.right_a, one.right_b) == (right_a[those].sum(), right_b[those].sum())
        both = int((right_a & right_b & those).sum())
        rest = one.pictures - both - lost - int(gained)
        assert one.interval == newcombe(both, lost, int(gained), rest)
        assert one.difference == pytest.approx((one.right_b - one.right_a) / one.pictures)
    for one in got.weights:
        w, v = a.parameters()[one.name], b.parameters()[one.name]
        assert one.norm == pytest.approx(np.linalg.norm(v - w), rel=1e-5)
        if one.relative is not None and one.cosine is not None:
            assert one.relative == pytest.approx(
                np.linalg.norm(v - w) / np.linalg.norm(w), rel=1e-5
            )
            cosine = (w * v).sum() / (np.linalg.norm(w) * np.linalg.norm(v))
            assert one.cosine == pytest.approx(cosine, abs=1e-5)
    far = [np.inf if one.relative is None else one.relative for one in got.weights]
    assert far == sorted(far, reverse=True)


def test_maps_are_those_of_each_model_on_one_scale():
    a, b = digits(0), digits(1)
    x, y = answers(a)
    options = {"patch": 7, "stride": 7}
    got = compare(a, b, x, y, method="occlusion", options=options, maps=4)
    assert got.shown.shape == (4,)
    for model, maps in ((a, got.maps_a), (b, got.maps_b)):
        alone = nv.occlusion(model, x[got.shown], y[got.shown], **options)
        np.testing.assert_array_equal(maps, alone.values)
    np.testing.assert_array_equal(got.map_difference, got.maps_b - got.maps_a)
    assert got.signed
    assert got.scale == max(np.abs(v).max() for v in (got.maps_a, got.maps_b, got.map_difference))
    assert got.provenance.model == a.fingerprint()
    assert got.model_b == b.fingerprint()


def test_without_labels_the_answer_of_the_first_is_explained():
    a, b = digits(0), digits(1)
    x, _ = answers(a)
    got = compare(a, b, x)
    np.testing.assert_array_equal(got.targets, got.predicted_a[got.shown])
    assert got.labels is None
    assert len(got.broken) == len(got.mended) == 0
    differ = got.predicted_a[got.shown] != got.predicted_b[got.shown]
    assert list(differ) == sorted(differ, reverse=True), "other answers first"
    assert {one.difference for one in got.classes} == {None}


def test_running_statistics_count_as_well():
    a, b = chain(), chain()
    name = next(n.name for n in b.nodes if n.layer.buffers)
    b.node(name).layer.buffers["moving_mean"] += 1
    x, y = answers(a)
    got = compare(a, b, x, y, maps=0)
    assert [one.name for one in got.weights if one.norm] == [f"{name}/moving_mean"]
    assert got.weights[0].relative is None, "it was zero"


def test_other_architectures_are_compared_in_what_they_share():
    a, b = chain(), residual()
    x, y = answers(a)
    got = compare(a, b, x, y)
    assert "conv2d_1/weight" in got.only_a or "conv2d_1/weight" in {r.name for r in got.reshaped}
    assert "stem/weight" in got.only_b
    names = {one.name for one in got.weights} | {one.name for one in got.reshaped}
    assert names.isdisjoint({*got.only_a, *got.only_b})
    assert got.maps_a.shape == got.maps_b.shape == (6, 8, 7)
    assert got.classes[0].name in a.classes
    wider = nv.Sequential(
        [nv.Conv2D(5, 3, activation="relu"), nv.Flatten(), nv.Dense(3)], a.input.shape
    )
    got = compare(a, wider, x, y)
    assert [(r.name, r.shape_a, r.shape_b) for r in got.reshaped][:1] == [
        ("conv2d_1/weight", (3, 3, 2, 4), (3, 3, 2, 5))
    ]


def test_a_sigmoid_and_two_classes_answer_the_same_question():
    two = nv.Sequential(
        [nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(2, activation="softmax")], (9, 9, 1)
    )
    x, y = answers(two)
    got = compare(binary(), two, x, y)
    assert got.probabilities_a.shape == (30, 2)
    assert compare(two, binary(names=["cat"]), x, y).classes[0].name in ("cat", "not cat")


def test_models_of_vectors_have_no_maps(tmp_path):
    a, b = (nv.Sequential([nv.Dense(3, activation="softmax")], (5,), seed=s) for s in (0, 1))
    x = np.random.default_rng(0).random((7, 5), np.float32)
    got = compare(a, b, x)
    assert got.maps_a.shape == (0, 0, 0)
    assert got.scale == 0.0
    got.save(tmp_path / "a.npz")


def names(order):
    model = chain()
    model.classes = order
    return model


BAD = [
    (lambda: (chain(), digits()), {}, r"read different inputs, \(8, 7, 2\) and \(28, 28, 1\)"),
    (lambda: (chain(), ALL["inception"]()), {}, "tell 3 and 2 classes apart"),
    (
        lambda: (chain(), names(["bee", "ant", "cat"])),
        {},
        "same classes in another order, ant, bee, cat … and bee, ant, cat …",
    ),
    (lambda: (chain(), chain()), {"labels": [0, 1]}, r"labels must be class numbers \(30,\)"),
    (lambda: (chain(), chain()), {"maps": -1}, "maps must be a whole number of at least 0, got -1"),
    (lambda: (chain(), chain()), {"maps": True}, "maps must be a whole number"),
    (lambda: (chain(), chain()), {"maps": 1.5}, "maps must be a whole number"),
    (lambda: (chain(), chain()), {"method": "gaze"}, "no method named 'gaze'"),
    (lambda: (chain(), chain()), {"options": {"patch": 3}}, "grad_cam has no option 'patch'"),
]


@pytest.mark.parametrize(("pair", "more", "message"), BAD, ids=[m[:24] for *_, m in BAD])
def test_pairs_that_cannot_be_compared(pair, more, message):
    a, b = pair()
    with pytest.raises(ArgumentError, match=message):
        compare(a, b, pictures(a, 30), **more)


def test_names_that_differ_are_the_first_models():
    got = compare(chain(), names(["x", "y", "z"]), pictures(chain(), 5))
    assert {one.name for one in got.classes} == {"ant", "bee", "cat"}
