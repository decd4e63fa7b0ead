"""Losses against figures from elsewhere and numerical gradients; labels as targets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import reference

from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers import Sigmoid, Softmax
from nnviz.errors import ArgumentError
from nnviz.testing.gradients import relative_error
from nnviz.training import (
    LOSSES,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    HalfSumOfSquares,
    Loss,
    MeanSquaredError,
)
from nnviz.training.losses import as_targets, get_loss

RNG = np.random.default_rng(0)
SHAPES = [(4, 5), (3, 2, 2, 4)]
CLASSES = sorted(set(LOSSES.values()), key=lambda cls: cls.__name__)
HEADS = {"softmax": Softmax(), "sigmoid": Sigmoid()}


def settings(cls, classes):
    """A loss of this class plain, and with each of its settings."""
    if not issubclass(cls, CategoricalCrossentropy | BinaryCrossentropy):
        return [cls()]
    weights = tuple(0.5 + i for i in range(classes))
    return [
        cls(),
        cls(label_smoothing=0.2),
        cls(class_weights=weights),
        cls(label_smoothing=0.1, class_weights=weights, epsilon=1e-5),
    ]


CASES = [(loss, shape) for cls in CLASSES for shape in SHAPES for loss in settings(cls, shape[-1])]


def probabilities(shape):
    z = np.random.default_rng(1).standard_normal(shape)
    return Softmax().forward(z, mode=Mode())[0]


def test_all_losses_of_the_inventory_are_there():
    wanted = {"mse", "half_sum_of_squares", "cross_entropy", "binary_crossentropy"}
    assert wanted <= set(LOSSES)
    assert len(CLASSES) == 4


@pytest.mark.parametrize(("loss", "shape"), CASES, ids=str)
def test_the_gradient_is_the_numerical_one(loss, shape):
    y, t = probabilities(shape), probabilities(shape)[::-1]
    assert loss.values(y, t).shape == shape[:1], "one number for each sample"

    def total(at):
        return float(loss.values(at, t).sum())

    direction = RNG.standard_normal(shape)
    assert relative_error(total, y, loss.gradient(y, t), direction) <= 1e-6


@pytest.mark.parametrize(("loss", "shape"), [c for c in CASES if c[0].fuses], ids=str)
def test_together_with_its_head_it_is_the_same(loss, shape):
    t = probabilities(shape)[::-1]
    z = np.random.default_rng(2).standard_normal(shape)
    y, _ = HEADS[loss.fuses].forward(z, mode=Mode())
    # The plain way has an epsilon inside the logarithm, the fused one has none.
    close = {"rtol": 100 * loss.epsilon}
    np.testing.assert_allclose(loss.values_from_logits(z, t), loss.values(y, t), **close)
    plain = HEADS[loss.fuses].backward(loss.gradient(y, t), Call((z,), y, None, Mode()))
    fused = loss.gradient_from_logits(z, t)
    np.testing.assert_allclose(fused, plain, rtol=1e-3, atol=100 * loss.epsilon)

    def total(at):
        return float(loss.values_from_logits(at, t).sum())

    assert relative_error(total, z, fused, RNG.standard_normal(shape)) <= 1e-6


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


def test_half_the_sum_of_squares_by_hand():
    y, t = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(HalfSumOfSquares().values(y, t), [2.5, 2.5])
    np.testing.assert_allclose(HalfSumOfSquares().gradient(y, t), [[1, 2], [-1, 2]])


def test_binary_cross_entropy_by_hand():
    y, t = np.array([[0.8, 0.3]]), np.array([[1.0, 0.0]])
    wanted = -(math.log(0.8) + math.log(0.7)) / 2
    assert BinaryCrossentropy(epsilon=1e-15).values(y, t)[0] == pytest.approx(wanted)
    one = BinaryCrossentropy().values(np.array([[0.25]]), np.array([[0.0]]))
    assert one[0] == pytest.approx(-math.log(0.75), rel=1e-6)
    for edge in (0.0, 1.0):
        assert np.isfinite(BinaryCrossentropy().values(np.full((1, 1), edge), 1 - y[:, :1])).all()


def test_label_smoothing_by_hand():
    y, t = np.array([[0.7, 0.2, 0.1]]), np.eye(3)[[0]]
    # 0.3 of indifference: the targets are 0.8, 0.1, 0.1.
    wanted = -(0.8 * math.log(0.7) + 0.1 * math.log(0.2) + 0.1 * math.log(0.1))
    loss = CategoricalCrossentropy(label_smoothing=0.3, epsilon=1e-15)
    assert loss.values(y, t)[0] == pytest.approx(wanted)
    np.testing.assert_allclose(
        loss.gradient_from_logits(np.log(y), t), [[-0.1, 0.1, 0.0]], atol=1e-12
    )
    # For a yes or no, indifference is a half: 1 becomes 0.85.
    binary = BinaryCrossentropy(label_smoothing=0.3, epsilon=1e-15)
    wanted = -(0.85 * math.log(0.7) + 0.15 * math.log(0.3))
    assert binary.values(np.array([[0.7]]), np.ones((1, 1)))[0] == pytest.approx(wanted)


def test_class_weights_by_hand():
    y, t = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]), np.eye(3)[[0, 2]]
    loss = CategoricalCrossentropy(class_weights=[1, 2, 3], epsilon=1e-15)
    wanted = [math.log(2), 3 * math.log(4)]
    np.testing.assert_allclose(loss.values(y, t), wanted)
    np.testing.assert_allclose(loss.values_from_logits(np.log(y), t), wanted)
    np.testing.assert_allclose(
        loss.gradient_from_logits(np.log(y), t), [[-0.5, 0.25, 0.25], [1.5, 0.75, -2.25]]
    )
    binary = BinaryCrossentropy(class_weights=[1, 4], epsilon=1e-15)
    got = binary.values(np.array([[0.5, 0.25]]), np.array([[1.0, 1.0]]))
    assert got[0] == pytest.approx((math.log(2) + 4 * math.log(4)) / 2)


@pytest.mark.parametrize("weights", [[1, -1], [], [1, math.nan], {0: 1.0, 1: 5.0}, "12", 3, ["a"]])
def test_class_weights_that_cannot_be_are_refused(weights):
    with pytest.raises(ArgumentError, match="class_weights are numbers of at least 0 in the order"):
        CategoricalCrossentropy(class_weights=weights)


@pytest.mark.parametrize("cls", [CategoricalCrossentropy, BinaryCrossentropy])
def test_other_settings_that_cannot_be_are_refused(cls):
    for bad in ({"epsilon": 0}, {"label_smoothing": 1}, {"label_smoothing": -0.1}):
        with pytest.raises(ArgumentError, match=rf"{cls.__name__} needs epsilon > 0 and label_smo"):
            cls(**bad)
    y = probabilities((2, 3))
    with pytest.raises(ArgumentError, match="2 class weights for 3 classes"):
        cls(class_weights=[1, 2]).values(y, y)


def test_a_loss_says_how_it_is_set_and_where_it_lies_in_memory_does_not_matter():
    for cls in CLASSES:
        assert repr(cls()) == repr(cls())
    assert repr(MeanSquaredError()) == "MeanSquaredError()"
    assert "class_weights=(1.0, 2.0)" in repr(BinaryCrossentropy(class_weights=[1, 2]))


# Asked for with plain numbers --------------------------------------------------------------------


def test_a_loss_takes_one_sample_a_batch_one_hot_or_class_numbers():
    y = [[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]]
    one, both = -math.log(0.7), -(math.log(0.7) + math.log(0.5)) / 2
    loss = CategoricalCrossentropy(epsilon=1e-12)
    assert loss(y[0], 1) == pytest.approx(one)
    assert loss(y[0], [0, 1, 0]) == pytest.approx(one)
    assert loss(y, [1, 0]) == pytest.approx(both)
    assert loss(y, [[0, 1, 0], [1, 0, 0]]) == pytest.approx(both)
    assert loss(np.float32(y), np.uint8([1, 0])) == pytest.approx(both, rel=1e-6)
    assert isinstance(loss(y, [1, 0]), float)
    assert MeanSquaredError()([1, 0, 0, 1], [0, 0, 0, 0]) == 0.5
    assert MeanSquaredError()(2, 0.5) == 2.25
    assert BinaryCrossentropy()([[0.5], [0.5]], [0, 1]) == pytest.approx(math.log(2), rel=1e-6)


def test_a_loss_refuses_what_does_not_fit():
    loss = CategoricalCrossentropy()
    with pytest.raises(ArgumentError, match="label 3 is outside the model's 3 classes"):
        loss([0.1, 0.7, 0.2], 3)
    with pytest.raises(ArgumentError, match="2 pictures but 3 labels"):
        loss([[0.5, 0.5], [0.5, 0.5]], [0, 1, 0])
    with pytest.raises(ArgumentError, match="the outputs must be one array, got rows of different"):
        loss([[0.5, 0.5], [0.5]], [0, 1])


def test_large_logits_do_not_overflow():
    z, t = np.array([[1000.0, 0.0], [-1000.0, 0.0]], np.float32), np.eye(2, dtype=np.float32)
    loss = CategoricalCrossentropy()
    np.testing.assert_allclose(loss.values_from_logits(z, t), [0, 0], atol=1e-6)
    np.testing.assert_allclose(loss.values_from_logits(z, t[::-1]), [1000, 1000])
    binary, yes = BinaryCrossentropy(), np.ones((2, 1), np.float32)
    np.testing.assert_allclose(binary.values_from_logits(z[:, :1], yes), [0, 1000])
    np.testing.assert_allclose(binary.gradient_from_logits(z[:, :1], yes), [[0], [-1]])


def test_losses_are_found_by_name():
    assert isinstance(get_loss("cross_entropy"), CategoricalCrossentropy)
    assert isinstance(get_loss("mse"), MeanSquaredError)
    own = MeanSquaredError()
    assert get_loss(own) is own
    with pytest.raises(ArgumentError, match=r"no loss named 'crossentropy'.*did you mean"):
        get_loss("crossentropy")
    with pytest.raises(ArgumentError, match="no loss named"):
        get_loss(["mse"])


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
