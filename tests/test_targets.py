"""Targets: what is explained, its gradient, and what cannot be a target."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, chain, inception, pictures

import nnviz as nv
from nnviz.engine.graph import INPUT
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import Channel, Logit, Probability
from nnviz.inspection.attribution.target import as_target, check_target, count_of, for_one

TARGETS = {
    "logit": Logit(1),
    "logits": Logit((2, 0, 1)),
    "probability": Probability((0, 2, 2)),
    "channel": Channel("conv2d_1", 2),
    "channels": Channel("max_pooling2d_1", (3, 0, 1)),
    "neuron": Channel("conv2d_1", (0, 1, 2), at=(3, 4)),
    "feature": Channel("dense_1/tanh", 4),
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_gradient_is_the_numerical_one(name):
    model, target = chain().astype(np.float64), TARGETS[name]
    x = pictures(model, 3, np.float64)
    rng = np.random.default_rng(0)

    def score(pixels):
        return target.values(model.run(pixels)[target.node(model)].y)

    trace = model.run(x)
    node = check_target(target, model, 3)
    grads = model.backward(trace, {node: target.gradient(trace[node].y)})[INPUT]
    for _ in range(3):
        way, h = rng.standard_normal(x.shape), 1e-6
        numerical = (score(x + h * way) - score(x - h * way)) / (2 * h)
        exact = (grads * way).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(exact, numerical, rtol=1e-6, atol=1e-9)


def test_a_channels_gradient_is_found_in_any_memory_order():
    y = np.asfortranarray(np.random.default_rng(0).random((2, 3, 4, 5)))
    for target, sum_ in ((Channel("a", 2), 1), (Channel("a", (0, 1), at=(1, 2)), 1)):
        gradient = target.gradient(y)
        np.testing.assert_allclose(gradient.sum(axis=(1, 2, 3)), sum_)
        np.testing.assert_allclose((gradient * y).sum(axis=(1, 2, 3)), target.values(y))


def test_a_class_means_its_logit():
    model = chain()
    x = pictures(model, 3)
    trace = model.run(x)
    for given in (1, np.int64(1), "bee", np.array(1)):
        goal = as_target(model, given)
        assert goal == Logit(1)
        np.testing.assert_array_equal(goal.values(trace["preds"].y), trace["preds"].y[:, 1])
    assert as_target(model, ["cat", 0, np.int8(1)]) == Logit((2, 0, 1))
    assert as_target(model, np.array([2, 0])) == Logit((2, 0))
    assert as_target(model, None, model.predict(x)) == Logit(
        tuple(model.predict(x).argmax(axis=1).tolist())
    )
    mine = Channel("conv2d_1", 0)
    assert as_target(model, mine) is mine
    assert Probability(1).node(model) == "preds/softmax"


def test_targets_speak():
    model = chain()
    assert Logit(1).describe(model) == "logit of class bee"
    assert Logit((2, 2, 0)).describe(model) == "logit of class cat, ant"
    assert Probability(1).describe(model) == "probability of class bee"
    assert Logit(0).describe(inception()) == "output of class 0"
    assert Probability(0).describe(inception()) == "value of class 0"
    assert Channel("conv2d_1", 2).describe(model) == "mean of channel 2 of conv2d_1"
    assert "place (1, 2) of channel" in Channel("conv2d_1", 2, (1, 2)).describe(model)


def test_one_for_all_or_one_for_each():
    model = chain()
    assert count_of(Logit(1)) == 1
    assert count_of(Channel("conv2d_1", np.array([0, 1, 2]))) == 3
    assert for_one(Logit([2, 0]), 1) == Logit(0)
    assert for_one(Logit(2), 1) == Logit(2)
    with pytest.raises(ArgumentError, match="2 targets for 3 pictures: give one for all, or one"):
        nv.saliency(model, pictures(model, 3), [0, 1])


class Mine:
    """A target of the user's own: the sum of all outputs."""

    def node(self, model):
        return model.output_name

    def values(self, y):
        return y.sum(axis=1)

    def gradient(self, y):
        return np.ones_like(y)

    def describe(self, model):
        return "all of it"


def test_a_target_of_ones_own():
    model = inception()
    x = pictures(model, 2)
    got = nv.saliency(model, x, Mine())
    np.testing.assert_allclose(got.scores, model.predict(x).sum(axis=1), rtol=1e-6)
    assert got.provenance.target == "all of it"
    covered = nv.occlusion(model, x, Mine(), patch=3, stride=3)
    assert covered.drop.shape == (2, len(covered.boxes))


BAD = [
    (3, "class 3 is not among the model's 3: 0 … 2"),
    (-1, "class -1 is not among the model's 3"),
    ("dog", "no class named 'dog'; this model has ant, bee, cat"),
    (True, "a target is a class number or name, one of them for each picture, or a Target, got Tr"),
    (1.5, "a target is a class number or name, .* got 1.5"),
    (np.array(1.5), "got 1.5"),
    ([0, 1.5], "a class is a number or a name, got 1.5"),
    ([[0, 1], [2, 0]], r"a class is a number or a name, got \[0, 1\]"),
    ([], r"a target is .* got \[\]"),
    (Logit(3), "class 3 is not among the model's 3"),
    (Logit((0, -1)), "class -1 is not among"),
    (Logit(0.5), "a class is a number or a name, got 0.5"),
    (Probability(7), "class 7 is not among"),
    (Channel("nope", 0), "no node named 'nope'"),
    (Channel("conv2d_1", 4), r"node 'conv2d_1' has 4 channels 0 … 3, got 4"),
    (Channel("conv2d_1", -1), "has 4 channels"),
    (Channel("conv2d_1", 1.5), "has 4 channels 0 … 3, got 1.5"),
    (Channel("conv2d_1", ()), "0 targets for 2 pictures"),
    (Channel("conv2d_1", 0, at=(6, 0)), r"shape \(6, 5, 4\) has no place \(6, 0\)"),
    (Channel("preds", 0, at=(0, 0)), r"shape \(3,\) has no place \(0, 0\)"),
]


@pytest.mark.parametrize(("target", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
@pytest.mark.parametrize("method", [nv.saliency, nv.grad_cam, nv.occlusion])
def test_what_cannot_be_a_target(method, target, message):
    model = chain()
    with pytest.raises(ArgumentError, match=message):
        method(model, pictures(model, 2), target)


def test_no_target_at_all():
    with pytest.raises(ArgumentError, match="a target is needed: a class number or name, or a Ta"):
        nv.maximize(chain(), None)


def test_a_class_of_a_model_whose_output_is_a_picture():
    model = nv.Sequential([nv.Conv2D(2, 3)], (6, 6, 1))
    with pytest.raises(ArgumentError, match=r"a class as target needs a vector of outputs, .*Chan"):
        nv.saliency(model, pictures(model, 2), 0)
    got = nv.saliency(model, pictures(model, 2), Channel("conv2d_1", 1))
    assert got.values.shape == (2, 6, 6)


def test_saliency_of_the_sure_softmax_is_that_of_the_logit():
    model = SEEN["digits"]()
    model.node("preds").layer.params["bias"][1] = 200  # a probability of one, its slope is zero
    x = pictures(model, 2)
    assert nv.saliency(model, x, 1).values.any()
    flat = nv.saliency(model, x, Probability(1))
    assert flat.warnings
    assert "zero everywhere" in flat.warnings[0]
