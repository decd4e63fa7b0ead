"""Optimizers and schedules against steps worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnviz.engine.initializers import INITIALIZERS
from nnviz.errors import ArgumentError
from nnviz.training import OPTIMIZERS, SGD, Adam, CosineDecay, Optimizer, Schedule, optimizers
from nnviz.training.optimizers import get_optimizer

START = np.array([1.0, -2.0, 0.5])
GRADIENTS = [np.array([0.1, -0.2, 3.0]), np.array([-0.3, 0.0, 1.0]), np.array([0.2, 0.2, -1.0])]


def descend(optimizer, start=START, gradients=GRADIENTS):
    params = {"w": start.copy()}
    for gradient in gradients:
        optimizer.apply(params, {"w": gradient})
    return params["w"]


def sgd(w, momentum):
    v = 0.0
    for g in GRADIENTS:
        v = momentum * v - 0.1 * g
        w = w + v
    return w


def adam(w, rate=0.01, b1=0.9, b2=0.999, eps=1e-7):
    """Kingma and Ba, algorithm 1, with their efficient order (ε beside √v, not √v̂)."""
    m = v = 0.0
    for t, g in enumerate(GRADIENTS, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        w = w - rate * math.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)
    return w


@pytest.mark.parametrize("block", [1 << 15, 2], ids=["one block", "blocks of two"])
@pytest.mark.parametrize(
    ("optimizer", "wanted"),
    [
        (lambda: SGD(0.1), sgd(START, 0)),
        (lambda: SGD(0.1, momentum=0.9), sgd(START, 0.9)),
        (lambda: Adam(0.01), adam(START)),
        (lambda: Adam(0.01, beta_1=0.5, beta_2=0.9), adam(START, b1=0.5, b2=0.9)),
    ],
    ids=["sgd", "momentum", "adam", "other betas"],
)
def test_three_steps_by_hand(optimizer, wanted, block, monkeypatch):
    monkeypatch.setattr(optimizers, "BLOCK", block)
    np.testing.assert_allclose(descend(optimizer()), wanted, rtol=1e-12)


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


def test_a_gradient_that_is_a_view_is_read_right():
    w, gradient = np.zeros((2, 3)), np.arange(6.0).reshape(3, 2).T
    SGD(1.0).apply({"w": w}, {"w": gradient})
    np.testing.assert_array_equal(w, -gradient)


def test_a_parameter_that_is_no_flat_array_is_refused():
    with pytest.raises(ArgumentError, match="a parameter must be a contiguous array"):
        SGD(1.0).apply({"w": np.zeros((3, 2)).T}, {"w": np.zeros((2, 3))})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(0), "learning_rate must be above 0, got 0"),
        (lambda: Adam(math.nan), "learning_rate must be above 0, got nan"),
        (lambda: Adam("fast"), "learning_rate must be above 0, got 'fast'"),
        (lambda: SGD(0.1, momentum=1), r"momentum must lie in \[0, 1\), got 1"),
        (lambda: Adam(beta_1=1.0), r"Adam needs betas in \[0, 1\) and epsilon > 0, got 1.0"),
        (lambda: Adam(epsilon=0), "Adam needs betas"),
        (lambda: CosineDecay(0, 5), "CosineDecay needs start > 0"),
        (lambda: CosineDecay(1, 0), "CosineDecay needs start > 0"),
        (lambda: CosineDecay(1, 5, alpha=2), "CosineDecay needs start > 0"),
        (lambda: get_optimizer("adma"), r"no optimizer named 'adma' \(did you mean 'adam'\?\)"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_bases_say_what_they_lack():
    with pytest.raises(NotImplementedError, match="Optimizer has no update"):
        Optimizer(0.1).apply({"w": np.zeros(1)}, {"w": np.zeros(1)})
    with pytest.raises(NotImplementedError, match="Schedule gives no learning rate"):
        Schedule()(0)


def test_cosine_decay():
    decay = CosineDecay(0.2, 10, alpha=0.1)
    assert [decay(s) for s in (0, 5, 10, 99)] == pytest.approx([0.2, 0.11, 0.02, 0.02])
    optimizer = SGD(CosineDecay(1.0, 2))
    assert descend(optimizer, np.zeros(1), [np.ones(1)] * 3) == pytest.approx(-1.5)
    assert optimizer.rate() == pytest.approx(0)


def test_an_optimizer_says_how_it_is_set():
    assert repr(SGD(0.1, momentum=0.5)) == "SGD(learning_rate=0.1, momentum=0.5)"
    assert repr(Adam(CosineDecay(0.1, 9))).startswith(
        "Adam(learning_rate=CosineDecay(0.1, 9, alpha=0.0), beta_1=0.9"
    )
    own = SGD(1.0)
    assert get_optimizer(own) is own


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_have_their_variance(name):
    fan_in, fan_out = 300, 100
    draws = INITIALIZERS[name](np.random.default_rng(0), (fan_in, fan_out), fan_in, fan_out)
    wanted = 2 / fan_in if name.startswith("he") else 2 / (fan_in + fan_out)
    assert draws.dtype == np.float32
    assert draws.var() == pytest.approx(wanted, rel=0.05)  # 30,000 draws
    assert abs(draws.mean()) < 5 * math.sqrt(wanted / draws.size)
    if name.endswith("uniform"):
        assert np.abs(draws).max() <= math.sqrt(3 * wanted)
