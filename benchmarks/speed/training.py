"""A training step, beside PyTorch in both its layouts and beside NumPy's own product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .machine import product_rate
from .nets import BATCH, DIGITS, RESIDUAL, Subject, exported, mult_adds, pictures, stepper
from .race import Goal, Race, Row, Runner, Unit, timed

DEFAULT, LAST = "PyTorch", "PyTorch, channels last"
STEPS = 3


def runners(subject: Subject, net: str, optimizer: str) -> Mapping[str, Runner]:
    """Ours, theirs, and the seconds that the step's arithmetic would take at the product's rate."""
    from . import plain_nets
    from .same import need_same_logits

    model = subject.make()
    x, labels = pictures(model, BATCH)
    arrays, product = exported(model), product_rate()
    work = 2 * BATCH * mult_adds(model, training=True)

    def theirs(channels_last: bool) -> Callable[[], None]:
        import torch

        made = getattr(plain_nets, net)()
        plain_nets.fill(made, arrays)
        need_same_logits(model, made, x)
        if channels_last:
            made = made.to(memory_format=torch.channels_last)
        made.train()
        ready = plain_nets.channels_first(x, channels_last)
        return plain_nets.stepper(made, getattr(plain_nets, optimizer)(made), ready, labels)

    return {
        "theirs": timed(theirs(False), STEPS),
        "theirs, last": timed(theirs(True), STEPS),
        "ours": timed(stepper(model, subject.optimizer()), STEPS),
        "product": lambda: work * product(),
    }


def race(subject: Subject, name: str, goals: Mapping[str, Any]) -> Race:
    """goals: for PyTorch, PyTorch in channels last, and the share of the product's rate."""
    what, unit = f"training step, {subject.name}", Unit("pictures/s", BATCH)
    work = 2e-9 * BATCH * mult_adds(subject.make(), training=True)
    rates = Unit("GFLOP/s", work)
    share, asked = goals["share"]
    return Race(
        f"train-{name}",
        partial(runners, subject, goals["net"], goals["optimizer"]),
        (
            Row(what, DEFAULT, Goal("≥", goals["default"]), unit),
            Row(what, LAST, Goal("≥", goals["last"]), unit, theirs="theirs, last"),
            Row(what, "NumPy's 2048³ product", Goal("≥", share), rates, theirs="product",
                is_goal=asked),
        ),
    )  # fmt: skip


RACES = (
    race(DIGITS, "digits", {
        "net": "digits_net", "optimizer": "adam", "default": 1.5, "last": 1.1, "share": (0.7, True),
    }),
    race(RESIDUAL, "residual", {
        "net": "residual_net", "optimizer": "sgd", "default": 1.0, "last": 1.0,
        "share": (1.0, False),
    }),
)  # fmt: skip
