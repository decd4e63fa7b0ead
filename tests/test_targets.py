"""Targets: what is explained, its gradient, and what cannot be a target."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, chain, inception, pictures

import nnviz as nv
from nnviz.engine.graph import INPUT
from nnviz.engine.input import InputSpec
from nnviz.engine.model import Model
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    Channel,
    Direction,
    Logit,
    LogProbability,
    Norm,
    Probability,
)
from nnviz.inspection.attribution.goal import as_goal, as_target
from nnviz.inspection.probability import probabilities

TARGETS = {
    "logit": Logit(1),
    "logit by name": Logit("cat"),
    "log probability": LogProbability((0, 2, 1)),
    "norm": Norm("conv2d_1"),
    "direction": Direction("conv2d_1", [1.0, -2.0, 0.5, 0.0]),
    "direction of places": Direction("dense_1/tanh", np.arange(6) - 2.5),
    "why 1 and not 2": Logit(1) - Logit("cat"),
    "combined": 0.5 * (Logit((0, 1, 2)) - Channel("conv2d_1", 2)) / 3 + -LogProbability(1),
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
        goal = as_goal(model, target)
        return goal.values({node: model.run(pixels)[node].y for node in goal.nodes})

    trace = model.run(x)
    goal = as_goal(model, target, 3)
    outputs = {node: trace[node].y for node in goal.nodes}
    grads = model.backward(trace, goal.seeds(outputs))[INPUT]
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
        goal = as_goal(model, given)
        assert goal.terms == ((1.0, "preds", Logit(1)),)
        np.testing.assert_array_equal(
            goal.values({"preds": trace["preds"].y}), trace["preds"].y[:, 1]
        )
    assert as_goal(model, ["cat", 0, np.int8(1)]).terms[0][2] == Logit((2, 0, 1))
    assert as_target(model, np.array([2, 0])) == Logit((2, 0))
    assert as_target(model, None, model.predict(x)) == Logit(
        tuple(model.predict(x).argmax(axis=1).tolist())
    )
    mine = Channel("conv2d_1", 0)
    assert as_target(model, mine) is mine
    assert Probability(1).node(model) == "preds"


def test_targets_speak():
    model = chain()
    assert Logit(1).describe(model) == "logit of class bee"
    assert Logit((2, 2, 0)).describe(model) == "logit of class cat, ant"
    assert Probability(1).describe(model) == "probability of class bee"
    assert Logit(0).describe(inception()) == "output of class 0"
    assert Probability(0).describe(inception()) == "probability of class 0"
    assert Channel("conv2d_1", 2).describe(model) == "mean of channel 2 of conv2d_1"
    assert "place (1, 2) of channel" in Channel("conv2d_1", 2, (1, 2)).describe(model)


def test_one_for_all_or_one_for_each():
    model = chain()
    assert Logit(1).count is None
    assert Channel("conv2d_1", np.array([0, 1, 2])).count == 3
    assert Logit([2, 0]).take([1, 1, 0]) == Logit((0, 0, 2))
    assert Logit(2).take([1]) == Logit(2)
    with pytest.raises(ArgumentError, match="2 targets for 3 pictures: give one for all, or one"):
        nv.saliency(model, pictures(model, 3), [0, 1])


class Mine(nv.Target):
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
    (Channel("conv2d_1", ()), r"has 4 channels 0 … 3, got \(\)"),
    (Norm("nope"), "no node named 'nope'"),
    (Direction("conv2d_1", [1, 2]), r"has shape \(4,\) or \(6, 5, 4\), got \(2,\)"),
    (Logit((0, 1)) + Logit((0, 1, 2)), "3 targets for 2 pictures"),
    (Channel("conv2d_1", 0, at=(6, 0)), r"shape \(6, 5, 4\) has no place \(6, 0\)"),
    (Channel("preds", 0, at=(0, 0)), r"shape \(3,\) has no place \(0, 0\)"),
    (Channel("conv2d_1", 0, at=3), r"shape \(6, 5, 4\) has no place 3"),
    (Channel("conv2d_1", 0, at=(0.5, 0)), r"has no place \(0\.5, 0\)"),
    (Channel("conv2d_1", 0, at=(True, 0)), r"has no place \(True, 0\)"),
    (Channel("conv2d_1", 0, at=(1, 2, 3)), r"has no place \(1, 2, 3\)"),
    (Channel("conv2d_1", 0, at="12"), r"has no place 12"),
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


def test_targets_add_subtract_and_scale():
    model = chain()
    x = pictures(model, 2)
    z = model.run(x)["preds"].y
    why = Logit("bee") - 0.5 * Logit("cat")
    got = nv.gradient(model, x, why)
    np.testing.assert_allclose(got.scores, z[:, 1] - 0.5 * z[:, 2], rtol=1e-5)
    assert got.provenance.target == "logit of class bee − 0.5 · logit of class cat"
    one, other = (nv.gradient(model, x, c) for c in ("bee", "cat"))
    np.testing.assert_allclose(got.raw, one.raw - 0.5 * other.raw, atol=1e-6)
    two_nodes = Logit(0) + Channel("conv2d_1", 1)
    parts = [nv.gradient(model, x, t).raw for t in (Logit(0), Channel("conv2d_1", 1))]
    np.testing.assert_allclose(nv.gradient(model, x, two_nodes).raw, sum(parts), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Logit(0) * float("nan"), "a target is scaled by a finite number, .* got nan"),
        (lambda: Logit(0) * "2", "a target is scaled by a finite number, .* got '2'"),
        (lambda: Logit(0) * True, "a target is scaled by a finite number, .* got True"),
        (lambda: Logit(0) * 1e300, "a target is scaled by .* at most 1e\\+09, got 1e\\+300"),
        (lambda: Logit(0) * 10**400, "a target is scaled by a finite number, in all at most"),
        (lambda: Logit(0) / 0, "a target is divided by a number other than 0, got 0"),
        (lambda: Logit(0) / 2**-1000, "a target is scaled by .* at most 1e\\+09, got 1.07"),
        (lambda: Logit(0) / np.bool_(True), "a target is divided by a number other than 0"),
        (lambda: Logit(0) / float("nan"), "a target is divided by a number .* got nan"),
        (lambda: Logit(0) * 1e9 * 2, "scaled by a finite number, in all at most 1e\\+09, got 2"),
        (lambda: Direction("a", [[1], [1, 2]]), "a Direction must be one array, got rows of diff"),
        (lambda: Direction("a", [0.0, 0.0]), "a Direction needs finite numbers that are not all"),
        (lambda: Direction("a", ["x"]), "a Direction needs finite numbers"),
        (
            lambda: as_goal(chain(), Logit((0, 1)) + Logit((0, 1, 2))),
            "the target's parts speak of 2 and of 3 pictures",
        ),
    ],
)
def test_what_cannot_be_combined(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
    with pytest.raises(TypeError):
        Logit(0) + 3


@pytest.mark.parametrize("two", [2, 2.0, np.float32(2), np.int8(2), np.float16(2)])
def test_numbers_of_every_kind_scale(two):
    for target in (Logit(1) * two, two * Logit(1), Logit(1) / (1 / two)):
        assert target.terms == ((2.0, Logit(1)),)
        assert type(target.terms[0][0]) is float


def test_a_place_may_be_numpys():
    model = chain()
    x = pictures(model, 2)
    one, two = (Channel("conv2d_1", 0, at=at) for at in ((1, 2), np.array([1, 2])))
    np.testing.assert_array_equal(nv.saliency(model, x, one).raw, nv.saliency(model, x, two).raw)


def test_no_target_of_a_model_whose_output_is_a_picture():
    model = nv.Sequential([nv.Conv2D(2, 3)], (6, 6, 1))
    with pytest.raises(ArgumentError, match=r"a class as target needs a vector of outputs, .*Chan"):
        nv.saliency(model, pictures(model, 1))


@pytest.mark.parametrize("head", ["softmax", "sigmoid", "logits"])
def test_probabilities_are_the_models_own(head):
    last = {"softmax": "softmax", "sigmoid": "sigmoid", "logits": None}[head]
    model = nv.Sequential([nv.Flatten(), nv.Dense(3, activation=last)], (3, 3, 1), seed=2)
    assert model.head == head
    x = pictures(model, 4)
    wanted = probabilities(model, model.predict(x))[:, 2]
    for target, value in ((Probability(2), wanted), (LogProbability(2), np.log(wanted))):
        got = nv.gradient(model, x, target)
        np.testing.assert_allclose(got.scores, value, rtol=2e-6)


def test_a_log_probability_is_finite_where_the_probability_is_zero():
    model = nv.Sequential([nv.Flatten(), nv.Dense(2, activation="softmax")], (1, 1, 1))
    model.parameters()["dense_1/bias"][...] = [0, 1000]
    got = nv.gradient(model, np.zeros((1, 1, 1, 1)), LogProbability(0))
    np.testing.assert_allclose(got.scores, -1000)
    assert np.isfinite(got.values).all()


@pytest.mark.parametrize("method", ["saliency", "occlusion", "deep_lift", "grad_cam"])
def test_a_log_probability_of_what_is_no_probability_is_refused(method):
    nodes = nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(3)], (5, 4, 1)).nodes
    model = Model.from_nodes(nodes, input=InputSpec((5, 4, 1)), head="none")
    for target in (LogProbability(1), Logit(0) - 2 * LogProbability(1)):
        with pytest.raises(ArgumentError, match="a log-probability needs a model that gives prob"):
            nv.explain(model, pictures(model, 1), target, method=method)
    assert nv.explain(model, pictures(model, 1), Probability(1), method="saliency").values.any()
    assert nv.explain(model, pictures(model, 1), 1, method="shapley_cam").scores.shape == (1,)


def test_a_log_probability_without_logits_is_finite():
    """Where the softmax is all there is, the probabilities are what the target reads."""
    nodes = nv.Sequential([nv.Conv2D(2, 1, use_bias=False), nv.Flatten()], (1, 1, 2)).nodes
    model = Model.from_nodes(nodes, input=InputSpec((1, 1, 2)), head="softmax")
    assert (model.head, model.logits_name) == ("softmax", model.output_name)
    target = LogProbability(0).bound(model)
    y = np.array([[0, 1], [0.5, 0.5]], np.float32)
    np.testing.assert_allclose(target.values(y), [np.log(np.finfo(np.float32).tiny), np.log(0.5)])
    assert np.isfinite(target.gradient(y)).all()
