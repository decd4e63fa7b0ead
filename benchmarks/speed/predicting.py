"""Prediction in batches, in one big batch, and of a single picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from .nets import DIGITS, exported, pictures
from .race import FASTER, Goal, Race, Row, Runner, Unit, timed

TIMES = {32: 20, 1024: 1, 1: 200}
"""How often a batch of this size is predicted in one measurement."""


def runners(n: int) -> Mapping[str, Runner]:
    import torch

    from . import plain_nets
    from .same import need_same_logits

    model = DIGITS.make()
    x, _ = pictures(model, n)

    def theirs(channels_last: bool) -> Callable[[], object]:
        net = plain_nets.digits_net()
        plain_nets.fill(net, exported(model))
        need_same_logits(model, net, x)
        if channels_last:
            net = net.to(memory_format=torch.channels_last)
        ready = plain_nets.channels_first(x, channels_last)

        def work() -> object:
            with torch.no_grad():
                return torch.softmax(net(ready), 1)

        return work

    return {
        "theirs": timed(theirs(False), TIMES[n]),
        "theirs, last": timed(theirs(True), TIMES[n]),
        "ours": timed(lambda: model.predict(x), TIMES[n]),
    }


def race(n: int, goal: float) -> Race:
    few = "one picture" if n == 1 else f"batch of {n:,}"
    what, unit = f"prediction, {few}", Unit("pictures/s", n)
    rows = (
        Row(what, "PyTorch", Goal("≥", goal), unit),
        Row(what, "PyTorch, channels last", FASTER, unit, theirs="theirs, last",
            is_goal=False),
    )  # fmt: skip
    return Race(f"predict-{n}", partial(runners, n), rows)


RACES = (race(32, 1.5), race(1024, 1.5), race(1, 1.0))
