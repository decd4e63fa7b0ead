"""Where a network is wrong: counts by loops, the interval, the order, bad labels."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, chain, inception, pictures

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.evaluation import mistakes, wilson


def found(n=60, model=None):
    model = model or chain()
    y = np.random.default_rng(1).integers(0, model.output_shape[0], n)
    return model, y, mistakes(model, pictures(model, n), y)


def test_the_confusion_is_counted():
    model, y, got = found()
    predicted = model.predict(pictures(model, 60)).argmax(axis=1)
    wanted = [[0] * 3 for _ in range(3)]
    for true, answer in zip(y, predicted, strict=True):
        wanted[true][answer] += 1
    assert got.confusion.tolist() == wanted
    assert got.accuracy == (predicted == y).mean()
    assert got.confusion.sum() == 60
    np.testing.assert_array_equal(got.labels, y)


def test_mistakes_come_the_most_confident_first():
    _, y, got = found()
    wrong = got.wrong
    assert set(wrong) == set(np.flatnonzero(got.predicted != y))
    sure = got.confidence[wrong]
    assert (np.diff(sure) <= 0).all()
    np.testing.assert_array_equal(got.confidence, got.probabilities.max(axis=1))


def test_pairs_are_counted_either_way():
    _, y, got = found()
    pairs = got.mixed_up()
    for a, b, count in pairs:
        assert a < b
        assert count == sum({t, p} == {a, b} for t, p in zip(y, got.predicted, strict=True))
    assert [count for _, _, count in pairs] == sorted((c for _, _, c in pairs), reverse=True)
    assert sum(count for _, _, count in pairs) == len(got.wrong)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [  # Newcombe 1998, table I, and the closed forms at the ends: n / (n + z²)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilsons_interval(right, n, low, high):
    got = wilson(right, n)
    assert got == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_of_logits_the_confidence_is_a_probability():
    model = inception()
    _, _, got = found(model=model)
    assert ((got.probabilities >= 0) & (got.probabilities <= 1)).all()
    np.testing.assert_allclose(got.probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(got.predicted, model.predict(pictures(model, 60)).argmax(axis=1))


def test_it_agrees_with_evaluate():
    model, y, got = found(model=SEEN["digits"]())
    assert got.accuracy == pytest.approx(model.evaluate(pictures(model, 60), y).accuracy)
    assert got.interval[0] < got.accuracy < got.interval[1]


BAD = [
    ([0, 1, 2, 3, 0, 0, 0, 0, 0], "label 3 is outside the model's 3 classes 0 … 2"),
    ([0, 1, 2, -1, 0, 0, 0, 0, 0], "label -1 is outside the model's 3 classes"),
    ([0, 1], r"labels must be class numbers \(9,\), got int64 of shape \(2,\)"),
    ([0.0] * 9, r"labels must be class numbers \(9,\), got float64"),
    ([True] * 9, r"labels must be class numbers \(9,\), got bool"),
    ([[0]] * 9, r"got int64 of shape \(9, 1\)"),
    (["a"] * 9, r"labels must be class numbers \(9,\), got <U1"),
]


@pytest.mark.parametrize(("labels", "message"), BAD, ids=[m[:25] for _, m in BAD])
def test_bad_labels_are_refused(labels, message):
    model = chain()
    with pytest.raises(ArgumentError, match=message):
        mistakes(model, pictures(model), labels)


def test_only_classifiers_make_mistakes():
    model = nv.Sequential([nv.Flatten(), nv.Dense(1)], (3, 3, 1))
    with pytest.raises(
        ArgumentError, match=r"a classifier of two or more classes, .* gives \(1,\)"
    ):
        mistakes(model, pictures(model), np.zeros(9, int))
    with pytest.raises(ArgumentError, match="the input is empty"):
        mistakes(chain(), pictures(chain())[:0], np.zeros(0, int))
