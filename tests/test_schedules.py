"""Learning rates worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnviz.errors import ArgumentError
from nnviz.training import SGD, CosineDecay, Schedule, StepDecay, WarmUp


def rates(schedule, steps):
    return [schedule(s) for s in steps]


def test_cosine_decay():
    decay = CosineDecay(0.2, 10, alpha=0.1)
    assert rates(decay, (0, 5, 10, 99)) == pytest.approx([0.2, 0.11, 0.02, 0.02])
    third = 0.2 * (0.1 + 0.9 * 0.75)  # ½ (1 + cos 60°) = ¾
    assert CosineDecay(0.2, 9, alpha=0.1)(3) == pytest.approx(third)
    assert rates(CosineDecay(1.0, 4), range(5)) == pytest.approx(
        [1, 0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125), 0]
    )


def test_step_decay():
    decay = StepDecay(0.8, 3, 0.5)
    assert rates(decay, range(8)) == pytest.approx([0.8] * 3 + [0.4] * 3 + [0.2] * 2)
    assert StepDecay(1.0, 10)(25) == pytest.approx(0.01)
    assert rates(StepDecay(0.3, 1, 1.0), (0, 5)) == [0.3, 0.3]


def test_warm_up():
    assert rates(WarmUp(4, 0.2), range(6)) == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2, 0.2])
    slow = WarmUp(2, CosineDecay(1.0, 4))
    wanted = [0.5, 1.0, *(CosineDecay(1.0, 4)(s) for s in range(5))]
    assert rates(slow, range(7)) == pytest.approx(wanted), "the second begins where it was left"
    assert rates(WarmUp(1, StepDecay(0.4, 2, 0.5)), range(5)) == pytest.approx(
        [0.4, 0.4, 0.4, 0.2, 0.2]
    )


def test_an_optimizer_asks_for_the_rate_of_the_step_to_come():
    optimizer = SGD(CosineDecay(1.0, 2))
    params = {"w": np.zeros(1)}
    seen = []
    for _ in range(3):
        seen.append(optimizer.rate())
        optimizer.apply(params, {"w": np.ones(1)})
    assert seen == pytest.approx([1, 0.5, 0])
    assert params["w"] == pytest.approx(-1.5)


REFUSED = [
    (lambda: CosineDecay(0, 5), "CosineDecay needs start > 0"),
    (lambda: CosineDecay(math.nan, 5), "CosineDecay needs start > 0"),
    (lambda: CosineDecay(1, 0), "CosineDecay needs start > 0, decay_steps ≥ 1 .* got 1, 0, 0.0"),
    (lambda: CosineDecay(1, 5, alpha=2), "CosineDecay needs start > 0"),
    (lambda: StepDecay(0, 5), "StepDecay needs start > 0"),
    (lambda: StepDecay(0.1, 0), "StepDecay needs start > 0, every ≥ 1 .* got 0.1, 0, 0.1"),
    (lambda: StepDecay(0.1, 5, 0), "StepDecay needs start > 0"),
    (lambda: StepDecay(0.1, 5, 1.5), "StepDecay needs start > 0"),
    (lambda: WarmUp(0, 0.1), "WarmUp needs steps ≥ 1 and a schedule or a rate above 0, got 0, 0.1"),
    (lambda: WarmUp(5, 0), "WarmUp needs steps ≥ 1"),
    (lambda: WarmUp(5, True), "WarmUp needs steps ≥ 1"),
    (lambda: WarmUp(5, "cosine"), "WarmUp needs steps ≥ 1"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_the_base_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Schedule gives no learning rate"):
        Schedule()(0)


def test_a_schedule_says_how_it_is_set():
    assert repr(WarmUp(3, 0.5)) == "WarmUp(steps=3, then=0.5)"
    assert repr(StepDecay(1, 2)) == "StepDecay(start=1.0, every=2, factor=0.1)"
