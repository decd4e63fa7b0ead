"""Losses against figures from elsewhere and numerical gradients; labels as targets."""

from __future__ import annotations

import numpy as np
import pytest
import reference

from nnviz.engine.layer import Mode
from nnviz.engine.layers import Softmax
from nnviz.errors import ArgumentError
from nnviz.testing.gradients import relative_error
from nnviz.training import LOSSES, CategoricalCrossentropy, Loss, MeanSquaredError
from nnviz.training.losses import as_targets, get_loss

RNG = np.random.default_rng(0)
SHAPES = [(4, 5), (3, 2, 2, 4)]
CLASSES = sorted(set(LOSSES.values()), key=lambda cls: cls.__name__)


def probabilities(shape):
    z = np.random.default_rng(1).standard_normal(shape)
    return Softmax().forward(z, mode=Mode())[0]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cls", CLASSES)
def test_the_gradient_is_the_numerical_one(cls, shape):
    loss, y, t = cls(), probabilities(shape), probabilities(shape)[::-1]
    assert loss.values(y, t).shape == shape[:1], "one number for each sample"

    def total(at):
        return float(loss.values(at, t).sum())

    direction = RNG.standard_normal(shape)
    assert relative_error(total, y, loss.gradient(y, t), direction) <= 1e-6


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls.fuses == "softmax"])
def test_together_with_its_head_it_is_the_same(cls, shape):
    loss, t = cls(), probabilities(shape)[::-1]
    z = np.random.default_rng(2).standard_normal(shape)
    y, _ = Softmax().forward(z, mode=Mode())
    # The plain way has an epsilon of 1e-7 inside the logarithm, the fused one has none.
    np.testing.assert_allclose(loss.values_from_logits(z, t), loss.values(y, t), rtol=1e-5)

    def total(at):
        return float(loss.values_from_logits(at, t).sum())

    gradient = loss.gradient_from_logits(z, t)
    assert relative_error(total, z, gradient, RNG.standard_normal(shape)) <= 1e-6


@pytest.mark.parametrize("cls", CLASSES)
def test_results_follow_the_dtype(cls):
    y = probabilities((4, 5)).astype(np.float32)
    loss = cls()
    assert loss.values(y, y).dtype == loss.gradient(y, y).dtype == np.float32
    if cls.fuses:
        assert loss.values_from_logits(y, y).dtype == np.float32
        assert loss.gradient_from_logits(y, y).dtype == np.float32


def test_mean_squared_error_by_hand():
    y, t = np.array([[1.0, 0, 0, 1]]), np.zeros((1, 4))
    assert MeanSquaredError().values(y, t) == 0.5
    np.testing.assert_allclose(MeanSquaredError().gradient(y, t), [[0.5, 0, 0, 0.5]])


def test_cross_entropy_by_hand():
    y = np.array([[0.1, 0.05, 0.6, 0, 0.05, 0.1, 0, 0.1, 0, 0]])
    t = np.eye(10)[[2]]
    loss = CategoricalCrossentropy()
    assert loss.values(y, t)[0] == pytest.approx(0.510825457, abs=1e-9)
    assert loss.values(y, t)[0] == pytest.approx(reference.cross_entropy(y[0], t[0], 1e-7))
    z = np.log(y + 1e-30)
    np.testing.assert_allclose(loss.gradient_from_logits(z, t), y - t, atol=1e-12)
    assert np.isfinite(loss.values(y, np.eye(10)[[3]])).all(), "safe at log 0"


def test_large_logits_do_not_overflow():
    z, t = np.array([[1000.0, 0.0], [-1000.0, 0.0]], np.float32), np.eye(2, dtype=np.float32)
    loss = CategoricalCrossentropy()
    np.testing.assert_allclose(loss.values_from_logits(z, t), [0, 0], atol=1e-6)
    np.testing.assert_allclose(loss.values_from_logits(z, t[::-1]), [1000, 1000])


def test_losses_are_found_by_name():
    assert isinstance(get_loss("cross_entropy"), CategoricalCrossentropy)
    assert isinstance(get_loss("mse"), MeanSquaredError)
    own = MeanSquaredError()
    assert get_loss(own) is own
    with pytest.raises(ArgumentError, match=r"no loss named 'crossentropy'.*did you mean"):
        get_loss("crossentropy")


def test_a_loss_without_a_body_says_so():
    y = np.zeros((1, 1))
    for do, what in (
        (Loss().values, "values"),
        (Loss().gradient, "gradient"),
        (Loss().values_from_logits, "fuses no head"),
        (Loss().gradient_from_logits, "fuses no head"),
    ):
        with pytest.raises(NotImplementedError, match=what):
            do(y, y)


def test_labels_become_targets():
    one_hot = as_targets([2, 0], 2, (3,), np.float32)
    np.testing.assert_array_equal(one_hot, [[0, 0, 1], [1, 0, 0]])
    assert one_hot.dtype == np.float32
    np.testing.assert_array_equal(as_targets(one_hot, 2, (3,), float), one_hot)
    np.testing.assert_array_equal(as_targets([0, 1, 1], 3, (1,), float), [[0], [1], [1]])
    pictures = np.random.default_rng(0).random((2, 3, 3, 1))
    np.testing.assert_array_equal(as_targets(pictures, 2, (3, 3, 1), float), pictures)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "3 pictures but 2 labels: expected one label for each picture"),
        (5, "3 pictures but a single value labels"),
        ([0, 1, 3], "label 3 is outside the model's 3 classes 0 … 2"),
        ([0, -1, 1], "label -1 is outside the model's 3 classes"),
        ([0.0, 1.0, 2.0], r"labels have shape \(3,\) and type float64, expected class numbers"),
        (["a", "b", "c"], r"expected class numbers \(3,\) or targets \(3, 3\)"),
        (np.zeros((3, 4)), r"labels have shape \(3, 4\)"),
        (np.full((3, 3), np.nan), "the labels have values that are NaN or infinite"),
        ([[1], [1, 2], [1]], "the labels must be one array, got rows of different shapes"),
    ],
    ids=str,
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(ArgumentError, match=message):
        as_targets(labels, 3, (3,), np.float32)
