"""Optimizers against steps worked out by hand, number by number."""

from __future__ import annotations

import math

import networks
import numpy as np
import pytest

from nnviz.engine.layers import Conv2D, Dense, Flatten
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError
from nnviz.training import (
    OPTIMIZERS,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    CosineDecay,
    Optimizer,
    RMSProp,
    StepDecay,
    WarmUp,
    optimizers,
)
from nnviz.training.optimizers import get_optimizer

START = np.array([1.0, -2.0, 0.5])
GRADIENTS = [np.array([0.1, -0.2, 3.0]), np.array([-0.3, 0.0, 1.0]), np.array([0.2, 0.2, -1.0])]


def descend(optimizer, start=START, gradients=GRADIENTS, key="node/weight"):
    params = {key: start.copy()}
    for gradient in gradients:
        optimizer.apply(params, {key: gradient})
    return params[key]


# Each of these follows one number of the parameter through the three steps, as one would on paper.


def by_hand(step, decay=0.0, rate=None, gradients=GRADIENTS):
    """step(w, g, t, memory) -> w, for each number by itself; decay first shrinks w."""
    out = []
    for i, w in enumerate(START.tolist()):
        memory = {}
        for t, g in enumerate((float(g[i]) for g in gradients), 1):
            w = step(w * (1 - decay * (rate or 0)), g, t, memory)
        out.append(w)
    return out


def sgd(rate, momentum, nesterov=False):
    def step(w, g, t, memory):
        v = memory["v"] = momentum * memory.get("v", 0.0) - rate * g
        return w + momentum * v - rate * g if nesterov else w + v

    return step


def adagrad(rate, start, epsilon=1e-7):
    def step(w, g, t, memory):
        h = memory["h"] = memory.get("h", start) + g**2
        return w - rate * g / math.sqrt(h + epsilon)

    return step


def rmsprop(rate, rho, epsilon=1e-7):
    def step(w, g, t, memory):
        h = memory["h"] = rho * memory.get("h", 0.0) + (1 - rho) * g**2
        return w - rate * g / math.sqrt(h + epsilon)

    return step


def adam(rate, b1=0.9, b2=0.999, epsilon=1e-7):
    """Kingma and Ba, algorithm 1, with their efficient order (ε beside √v, not √v̂)."""

    def step(w, g, t, memory):
        m = memory["m"] = b1 * memory.get("m", 0.0) + (1 - b1) * g
        v = memory["v"] = b2 * memory.get("v", 0.0) + (1 - b2) * g**2
        pace = rate * math.sqrt(1 - b2**t) / (1 - b1**t)
        return w - pace * m / (math.sqrt(v) + epsilon)

    return step


CUT = [np.clip(g, -0.25, 0.25) for g in GRADIENTS]
SHORT = [g * min(1, 0.5 / math.sqrt(sum(v * v for v in g))) for g in GRADIENTS]

BY_HAND = {
    "sgd": (lambda: SGD(0.1), by_hand(sgd(0.1, 0))),
    "momentum": (lambda: SGD(0.1, momentum=0.9), by_hand(sgd(0.1, 0.9))),
    "nesterov": (
        lambda: SGD(0.1, momentum=0.9, nesterov=True),
        by_hand(sgd(0.1, 0.9, nesterov=True)),
    ),
    "momentum by name": (lambda: get_optimizer("momentum"), by_hand(sgd(0.01, 0.9))),
    "nesterov by name": (
        lambda: get_optimizer("nesterov"),
        by_hand(sgd(0.01, 0.9, nesterov=True)),
    ),
    "adagrad": (lambda: AdaGrad(0.1), by_hand(adagrad(0.1, 0.1))),
    "adagrad from 0": (
        lambda: AdaGrad(0.1, initial_accumulator_value=0.0, epsilon=1e-3),
        by_hand(adagrad(0.1, 0.0, 1e-3)),
    ),
    "rmsprop": (lambda: RMSProp(0.01), by_hand(rmsprop(0.01, 0.9))),
    "rmsprop, rho": (lambda: RMSProp(0.01, rho=0.5), by_hand(rmsprop(0.01, 0.5))),
    "adam": (lambda: Adam(0.01), by_hand(adam(0.01))),
    "adam, betas": (
        lambda: Adam(0.01, beta_1=0.5, beta_2=0.9),
        by_hand(adam(0.01, b1=0.5, b2=0.9)),
    ),
    "adamw": (lambda: AdamW(0.01), by_hand(adam(0.01), decay=0.004, rate=0.01)),
    "sgd, decay": (
        lambda: SGD(0.1, momentum=0.9, weight_decay=0.5),
        by_hand(sgd(0.1, 0.9), decay=0.5, rate=0.1),
    ),
    "clipvalue": (lambda: SGD(0.1, clipvalue=0.25), by_hand(sgd(0.1, 0), gradients=CUT)),
    "clipnorm": (lambda: Adam(0.1, global_clipnorm=0.5), by_hand(adam(0.1), gradients=SHORT)),
}


@pytest.mark.parametrize("block", [1 << 15, 2], ids=["one block", "blocks of two"])
@pytest.mark.parametrize("name", BY_HAND)
def test_three_steps_by_hand(name, block, monkeypatch):
    monkeypatch.setattr(optimizers, "BLOCK", block)
    make, wanted = BY_HAND[name]
    np.testing.assert_allclose(descend(make()), wanted, rtol=1e-12)


def test_the_hand_and_the_paper_agree_on_a_first_step():
    """Figures that need no program: the first step of each on w = 1, g = 2."""
    one, two = np.ones(1), [np.full(1, 2.0)]
    firsts = {
        SGD(0.1): 1 - 0.1 * 2,
        SGD(0.1, momentum=0.9, nesterov=True): 1 - 0.1 * 2 * 1.9,
        AdaGrad(0.1): 1 - 0.1 * 2 / math.sqrt(4.1),
        RMSProp(0.1): 1 - 0.1 / math.sqrt(0.1),
        Adam(0.1): 1 - 0.1,
        AdamW(0.1): 1 - 0.1 * 0.004 - 0.1,
    }
    for optimizer, wanted in firsts.items():
        got = descend(optimizer, one, two)
        assert got == pytest.approx(wanted, rel=1e-5), optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_downhill_in_place_and_keeps_the_dtype(name):
    optimizer = get_optimizer(name)
    w = np.ones((2, 3), np.float32)
    params, gradient = {"w": w, "untouched": np.ones(1)}, np.full((2, 3), 0.5, np.float32)
    optimizer.apply(params, {"w": gradient})
    assert params["w"] is w
    assert (w < 1).all()
    assert w.dtype == np.float32
    assert {slot.dtype for slot in optimizer.slots.values()} <= {np.dtype(np.float32)}
    assert set(optimizer.slots) == {f"w:{slot}" for slot in optimizer.slot_names}
    assert (gradient == 0.5).all()
    assert params["untouched"] == 1
    assert optimizer.steps == 1


def test_every_optimizer_is_among_those_followed_by_hand():
    assert {type(make()) for make, _ in BY_HAND.values()} == set(OPTIMIZERS.values())


# Decay and clipping ------------------------------------------------------------------------------


def test_weight_decay_shrinks_weights_and_nothing_else():
    model = networks.residual()
    before = {k: v.copy() for k, v in model.parameters().items()}
    for array in before.values():
        array += 1  # so that biases and betas have something to lose
    for key, array in model.parameters().items():
        array[...] = before[key]
    zeros = {key: np.zeros_like(v) for key, v in before.items()}
    SGD(0.1, weight_decay=0.5).apply(model.parameters(), zeros)
    kinds = set()
    for key, array in model.parameters().items():
        kind = key.rsplit("/", 1)[1]
        kinds.add(kind)
        share = 0.95 if kind == "weight" else 1.0
        np.testing.assert_allclose(array, share * before[key], rtol=1e-6, err_msg=key)
    assert kinds == {"weight", "bias", "gamma", "beta"}


def test_weight_decay_follows_the_schedule():
    optimizer = SGD(StepDecay(0.1, 1, 0.5), weight_decay=1.0)
    got = descend(optimizer, np.ones(1), [np.zeros(1)] * 3)
    assert got == pytest.approx(0.9 * 0.95 * 0.975)


def test_the_global_norm_is_that_of_all_parameters_together():
    params = {"a/weight": np.zeros(2), "b/bias": np.zeros(1)}
    grads = {"a/weight": np.array([3.0, 0.0]), "b/bias": np.array([4.0])}
    SGD(1.0, global_clipnorm=1.0).apply(params, grads)
    np.testing.assert_allclose(params["a/weight"], [-0.6, 0])
    np.testing.assert_allclose(params["b/bias"], [-0.8])
    assert grads["b/bias"] == 4, "the gradients given stay as they are"
    short = {"w": np.zeros(1)}
    SGD(1.0, global_clipnorm=9.0).apply(short, {"w": np.ones(1)})
    assert short["w"] == -1, "a shorter gradient is left alone"
    SGD(1.0, global_clipnorm=9.0).apply(short, {"w": np.zeros(1)})
    assert short["w"] == -1


def test_the_norm_of_large_float32_gradients_does_not_overflow():
    params, grads = {"w": np.zeros(2, np.float32)}, {"w": np.full(2, 2e38, np.float32)}
    SGD(1.0, global_clipnorm=1.0).apply(params, grads)
    np.testing.assert_allclose(params["w"], -math.sqrt(0.5), rtol=1e-6)
    assert params["w"].dtype == np.float32


def test_a_gradient_that_is_a_view_is_read_right():
    w, gradient = np.zeros((2, 3)), np.arange(6.0).reshape(3, 2).T
    SGD(1.0).apply({"w": w}, {"w": gradient})
    np.testing.assert_array_equal(w, -gradient)


def test_a_parameter_that_is_no_flat_array_is_refused():
    with pytest.raises(ArgumentError, match="a parameter must be a contiguous array"):
        SGD(1.0).apply({"w": np.zeros((3, 2)).T}, {"w": np.zeros((2, 3))})


def test_an_optimizer_that_remembers_another_model_is_refused():
    optimizer = Adam()
    optimizer.apply({"w": np.zeros(3)}, {"w": np.ones(3)})
    with pytest.raises(ArgumentError, match=r"Adam remembers w:m of shape \(3,\), now it has"):
        optimizer.apply({"w": np.zeros((3, 1))}, {"w": np.ones((3, 1))})


# Settings ----------------------------------------------------------------------------------------

REFUSED = [
    (lambda: SGD(0), "learning_rate of SGD must be a number above 0, got 0"),
    (lambda: SGD(-0.1), "learning_rate of SGD must be a number above 0, got -0.1"),
    (lambda: Adam(math.nan), "learning_rate of Adam must be a number above 0, got nan"),
    (lambda: Adam(math.inf), "learning_rate of Adam must be a number above 0, got inf"),
    (lambda: Adam("fast"), "learning_rate of Adam must be a number above 0, got 'fast'"),
    (lambda: Adam(True), "learning_rate of Adam must be a number above 0, got True"),
    (lambda: Adam(None), "learning_rate of Adam must be a number above 0, got None"),
    (lambda: SGD(0.1, momentum=1), r"momentum of SGD must be a number in \[0, 1\), got 1"),
    (lambda: SGD(0.1, momentum=None), r"momentum of SGD must be a number in \[0, 1\), got None"),
    (lambda: Adam(beta_1=1.0), r"beta_1 of Adam must be a number in \[0, 1\), got 1.0"),
    (lambda: AdamW(beta_2=-1), r"beta_2 of AdamW must be a number in \[0, 1\), got -1"),
    (lambda: Adam(epsilon=0), "epsilon of Adam must be a number above 0, got 0"),
    (lambda: RMSProp(rho=1.5), r"rho of RMSProp must be a number in \[0, 1\), got 1.5"),
    (
        lambda: AdaGrad(initial_accumulator_value=-1),
        r"initial_accumulator_value of AdaGrad must be a number in \[0, inf\), got -1",
    ),
    (lambda: SGD(weight_decay=-1), r"weight_decay of SGD must be a number in \[0, inf\), got -1"),
    (lambda: SGD(clipvalue=0), "clipvalue of SGD must be a number above 0, got 0"),
    (
        lambda: SGD(global_clipnorm=CosineDecay(1, 2)),
        "global_clipnorm of SGD must be a number above 0, got CosineDecay",
    ),
    (lambda: get_optimizer(["sgd"]), "no optimizer named"),
    (lambda: get_optimizer("adma"), r"no optimizer named 'adma' \(did you mean 'adam'\?\)"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_the_base_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Optimizer has no update"):
        Optimizer(0.1).apply({"w": np.zeros(1)}, {"w": np.zeros(1)})


def test_an_optimizer_says_how_it_is_set():
    assert repr(SGD(0.1, momentum=0.5)) == "SGD(learning_rate=0.1, momentum=0.5)"
    assert repr(Adam()) == "Adam(learning_rate=0.001)"
    assert repr(AdamW(weight_decay=0.1)) == "AdamW(learning_rate=0.001, weight_decay=0.1)"
    schedule = WarmUp(5, CosineDecay(0.1, 9))
    assert repr(RMSProp(schedule, clipvalue=1.0)) == (
        "RMSProp(learning_rate=WarmUp(steps=5, then=CosineDecay(start=0.1, decay_steps=9, "
        "alpha=0.0)), clipvalue=1.0)"
    )
    own = SGD(1.0)
    assert get_optimizer(own) is own


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_users_settings_are_not_shared_between_optimizers(name):
    one, other = get_optimizer(name), get_optimizer(name)
    one.apply({"w": np.ones(1)}, {"w": np.ones(1)})
    assert other.slots == {}
    assert other.steps == 0


def test_frozen_weights_do_not_decay():
    model = Sequential([Conv2D(2, 3), Flatten(), Dense(2, activation="softmax")], (5, 5, 1))
    model.nodes[0].layer.trainable = False
    kept = model.nodes[0].layer.params["weight"].copy()
    x = np.random.default_rng(0).random((6, 5, 5, 1))
    model.fit(x, np.arange(6) % 2, epochs=1, optimizer=AdamW(0.1, weight_decay=0.5), verbose=False)
    np.testing.assert_array_equal(model.nodes[0].layer.params["weight"], kept)
