"""Shares and their intervals, precision and recall, calibration; and two classes by one sigmoid."""

from __future__ import annotations

import math

import numpy as np
import pytest
from networks import SEEN, chain, pictures

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.evaluation import (
    Mistakes,
    as_classifier,
    calibration,
    is_classifier,
    mcnemar,
    mistakes,
    newcombe,
    wilson,
)
from nnviz.inspection.results import Provenance


def binary(head="sigmoid", seed=3, names=None):
    layers = [nv.Conv2D(3, 3, activation="relu"), nv.Flatten(), nv.Dense(1)]
    if head == "sigmoid":
        layers.append(nv.Sigmoid())
    model = nv.Sequential(layers, (9, 9, 1), seed=seed, classes=names)
    model.head = head
    return model


def judged(sure, labels):
    """A `Mistakes` of given probabilities."""
    sure, labels = np.asarray(sure), np.asarray(labels)
    predicted = sure.argmax(axis=1)
    confusion = np.zeros((sure.shape[1],) * 2, np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    accuracy = float((predicted == labels).mean())
    return Mistakes(sure, predicted, labels, confusion, accuracy, (0.0, 1.0), Provenance("m", "t"))


# Intervals ------------------------------------------------------------------------------------


def test_of_nothing_nothing_is_known():
    assert wilson(0, 0) == (0.0, 1.0)
    assert newcombe(0, 0, 0, 0) == (-1.0, 1.0)
    assert mcnemar(0, 0) == 1.0


def test_the_paired_interval_and_test_of_the_literature():
    # Bentur et al. 2009, as in Fagerland, Lydersen and Laake 2014, Statistics in Medicine 33:2850.
    assert newcombe(1, 7, 1, 12) == (
        pytest.approx(-0.507, abs=5e-4),
        pytest.approx(-0.026, abs=5e-4),
    )
    assert mcnemar(7, 1) == pytest.approx(0.0391, abs=5e-5)


def test_the_paired_interval_holds_what_it_should():
    assert newcombe(5, 3, 8, 4) == tuple(-end for end in reversed(newcombe(5, 8, 3, 4)))
    for counts in [(10, 0, 0, 0), (0, 0, 0, 10), (5, 0, 0, 5), (0, 10, 0, 0), (0, 5, 5, 0)]:
        low, high = newcombe(*counts)
        theta = (counts[2] - counts[1]) / 10
        assert -1 <= low <= theta <= high <= 1
    # In 95 of 100 samples from known shares the true difference lies inside.
    rng = np.random.default_rng(0)
    shares = np.array([0.7, 0.12, 0.05, 0.13])
    inside = [
        low <= shares[2] - shares[1] <= high
        for low, high in (
            newcombe(*map(int, counts)) for counts in rng.multinomial(80, shares, 2000)
        )
    ]
    assert 0.935 <= np.mean(inside) <= 0.98


def test_mcnemar_is_the_sign_test_less_half_of_what_was_seen():
    for lost, gained in [(3, 1), (0, 6), (10, 4), (1, 2)]:
        m, k = lost + gained, min(lost, gained)
        chances = [math.comb(m, i) / 2**m for i in range(m + 1)]
        assert mcnemar(lost, gained) == pytest.approx(2 * sum(chances[: k + 1]) - chances[k])
        assert mcnemar(lost, gained) == mcnemar(gained, lost)
    assert mcnemar(2000, 1) < 1e-300
    assert mcnemar(4, 4) == 1.0


# Precision and recall -------------------------------------------------------------------------


def test_precision_and_recall_are_counted():
    model = chain()
    y = np.random.default_rng(1).integers(0, 2, 60)  # class 2 has no picture
    got = mistakes(model, pictures(model, 60), y)
    assert got.classes == ("ant", "bee", "cat")
    for score in got.per_class():
        right = sum(p == t == score.label for p, t in zip(got.predicted, y, strict=True))
        assert (score.right, score.pictures) == (right, (y == score.label).sum())
        assert score.answered == (got.predicted == score.label).sum()
        if score.pictures:
            assert score.recall == right / score.pictures
            assert score.recall_interval == wilson(right, score.pictures)
        if score.answered:
            assert score.precision == right / score.answered
            assert score.precision_interval == wilson(right, score.answered)
    cat = got.per_class()[2]
    assert (cat.name, cat.recall, cat.recall_interval) == ("cat", None, None)


def test_a_class_that_is_never_answered_has_no_precision():
    got = judged([[0.9, 0.1], [0.8, 0.2]], [0, 1]).per_class()
    assert (got[1].precision, got[1].precision_interval, got[1].recall) == (None, None, 0.0)
    assert got[0].precision == 0.5


# Calibration ----------------------------------------------------------------------------------


def ece(sure, right, bins):
    """Guo et al. 2017, eq. 3, by loops."""
    total = 0.0
    for m in range(bins):
        inside = [i for i, c in enumerate(sure) if m / bins < c <= (m + 1) / bins]
        if inside:
            gap = abs(np.mean(right[inside]) - np.mean(sure[inside]))
            total += len(inside) / len(sure) * gap
    return total


@pytest.mark.parametrize("bins", [1, 2, 10, 15])
def test_the_calibration_error_by_loops(bins):
    rng = np.random.default_rng(bins)
    sure = rng.dirichlet(np.ones(4), 300)
    found = judged(sure, rng.integers(0, 4, 300))
    got = calibration(found, bins=bins)
    right = found.predicted == found.labels
    assert got.ece == pytest.approx(ece(found.confidence, right, bins))
    assert got.counts.sum() == 300
    assert (got.counts > 0).all()
    assert ((got.edges[:, 0] <= got.confidence) & (got.confidence <= got.edges[:, 1])).all()
    assert got.mce == np.abs(got.accuracy - got.confidence).max() >= got.ece
    assert ((got.intervals[:, 0] <= got.accuracy) & (got.accuracy <= got.intervals[:, 1])).all()
    assert got.overconfidence == pytest.approx(found.confidence.mean() - right.mean())


def test_a_network_that_says_what_is_so_is_calibrated_and_one_that_brags_is_not():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 20000)
    sure = np.stack([p, 1 - p], axis=1)
    honest = calibration(judged(sure, (rng.random(20000) > p).astype(int)))
    assert honest.ece < 0.01
    brags = calibration(judged(sure, rng.integers(0, 2, 20000)))
    assert brags.ece == pytest.approx(0.25, abs=0.01)
    assert brags.overconfidence == pytest.approx(brags.ece)


def test_the_last_bin_holds_certainty():
    got = calibration(judged([[1.0, 0.0], [0.0, 1.0]], [0, 0]), bins=10)
    assert got.edges.tolist() == [[0.9, 1.0]]
    assert (got.ece, got.mce, got.overconfidence) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("bins", [0, -1, 1.5, True, "ten"])
def test_bins_that_are_none(bins):
    with pytest.raises(ArgumentError, match="bins must be a whole number of at least 1, got"):
        calibration(judged([[0.9, 0.1]], [0]), bins=bins)


# One sigmoid ----------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["sigmoid", "logits"])
def test_one_sigmoid_is_two_classes(head):
    model = binary(head)
    x = pictures(model, 20)
    z = model.run(x, keep=["dense_1"])["dense_1"].y[:, 0].astype(float)
    both = as_classifier(model)
    p = both.predict(x)
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-z)), rtol=1e-5)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    logits = both.run(x, keep=[both.logits_name])[both.logits_name].y
    np.testing.assert_allclose(logits, np.stack([-z, z], axis=1), rtol=1e-6)
    assert both.parameters()["conv2d_1/weight"] is model.parameters()["conv2d_1/weight"]
    y = np.arange(20) % 2
    got = mistakes(model, x, y)
    assert got.confusion.shape == (2, 2)
    np.testing.assert_array_equal(got.predicted, z > 0)
    assert got.provenance.model == model.fingerprint()
    assert [score.name for score in got.per_class()] == ["0", "1"]
    assert calibration(got).counts.sum() == 20


def test_the_sides_of_a_sigmoid_have_names():
    assert as_classifier(binary(names=["cat"])).classes == ["not cat", "cat"]
    assert mistakes(binary(names=["cat"]), np.zeros((1, 9, 9, 1)), [1]).classes == (
        "not cat",
        "cat",
    )


def test_a_sigmoid_that_no_layer_makes_and_a_node_called_sides():
    layers = [nv.Flatten(), nv.Dense(1, name="sides"), nv.Tanh()]
    model = nv.Sequential(layers, (4, 4, 1))
    model.head = "sigmoid"
    x = pictures(model, 5)
    p = model.predict(x)
    np.testing.assert_allclose(
        as_classifier(model).predict(x), np.concatenate([1 - p, p], axis=1), rtol=1e-6
    )


def test_a_classifier_of_classes_is_itself():
    model = SEEN["digits"]()
    assert as_classifier(model) is model
    assert is_classifier(model)
    assert is_classifier(binary())
    assert is_classifier(binary("logits"))
    assert not is_classifier(nv.Sequential([nv.Flatten(), nv.Dense(1)], (3, 3, 1)))
    assert not is_classifier(nv.Sequential([nv.Conv2D(2, 3)], (9, 9, 1)))
    with pytest.raises(ArgumentError, match=r"need a classifier of two .* gives \(7, 7, 2\)"):
        as_classifier(nv.Sequential([nv.Conv2D(2, 3)], (9, 9, 1)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2], "label 2 is outside the model's 2 classes 0 … 1"),
        ([[0], [1, 2]], "labels must be one"),
    ],
)
def test_labels_of_a_sigmoid_are_0_and_1(labels, message):
    with pytest.raises(ArgumentError, match=message):
        mistakes(binary(), np.zeros((2, 9, 9, 1)), labels)
