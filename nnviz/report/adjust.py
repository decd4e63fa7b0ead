"""Chapter two: what to adjust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..draw import chart
from ..engine.layer import Array
from ..engine.layers.dropout import Dropout
from ..inspection.anatomy import Health, summary
from ..inspection.anatomy.health import Spread
from . import spare
from .figure import Figure
from .inside import few
from .study import Study
from .words import listing, say

LEVEL = 0.001
"""A change of the held-out accuracy below a tenth of a percent counts as none."""
LAST = 3
PANELS = 16
"""Histograms in one chart at the most."""
SMALL = 4
"""Histograms that stand in half of the page at the most."""
NAMED = 4
"""Layers whose share of zeros is named one by one at the most."""
GAP = 0.02
"""From which gap between learnt and held-out accuracy on the report speaks of overfitting."""


def curves(study: Study) -> Figure | None:
    """The training curves, where the model file has them."""
    epochs = _epochs(study)
    if not epochs:
        return None
    columns = {"learnt from": [e["accuracy"] for e in epochs]}
    held_out = [e["val_accuracy"] for e in epochs if e.get("val_accuracy") is not None]
    if held_out:
        columns["held out"] = held_out
    caption = say("curves.caption.held_out" if held_out else "curves.caption")
    reasons = {
        "curves.dropout": any(isinstance(node.layer, Dropout) for node in study.model.nodes),
        "curves.augment": bool(study.model.made.get("augment")),
    }
    if held_out and any(reasons.values()):
        what = say("and").join(say(key) for key, holds in reasons.items() if holds)
        caption += say("curves.caption.below", what=what)
    return Figure(
        id="training",
        title=_curves_title(held_out, len(epochs)),
        caption=caption,
        alt=say("list.semicolon").join(
            say("alt.curve", name=say(f"alt.{key.replace(' ', '_')}"), first=v[0], last=v[-1])
            for key, v in columns.items()
        ),
        chart=chart.curves(columns, "accuracy, %", percent=True),
        method=say("how.recorded"),
        settings=say(
            "how.batches",
            optimizer=study.model.made.get("optimizer", ""),
            batch=study.model.made.get("batch_size", "?"),
        ),
        seed=study.model.made.get("seed"),
        code=f'{study.model_code}\nmodel.made["history"]',
        numbers={name.replace(" ", "_"): np.array(values) for name, values in columns.items()},
    )


def _epochs(study: Study) -> list[dict[str, Any]]:
    """What the model file says of each epoch; nothing where that is no history of ours."""
    told = study.model.made.get("history")
    numbers = (int, float, type(None))
    if not isinstance(told, list) or not all(isinstance(e, dict) for e in told):
        return []
    ours = all(
        isinstance(e.get("accuracy"), int | float) and isinstance(e.get("val_accuracy"), numbers)
        for e in told
    )
    return told if ours else []


def trend(held_out: list[float]) -> str:
    """Whether the held-out accuracy at the end was "rising", "falling", "level", or "plain"
    (unknown)."""
    if len(held_out) <= LAST:
        return "plain"
    last = held_out[-LAST - 1 :]
    if max(last) - min(last) <= LEVEL:
        return "level"
    if max(held_out) - held_out[-1] > LEVEL:
        return "falling"
    return "rising" if held_out[-1] - held_out[-LAST - 1] > LEVEL else "level"


def _curves_title(held_out: list[float], n: int) -> str:
    last = held_out[-LAST - 1 :]
    return say(
        f"curves.title.{trend(held_out)}",
        n=n,
        k=LAST,
        change=100 * (max(last) - min(last)) if last else 0,
        best=held_out.index(max(held_out)) + 1 if held_out else 0,
    )


def weights(study: Study, health: Health) -> Figure | None:
    """A histogram of the weights of each layer, where there are any."""
    if not health.weights:
        return None
    shown = few(health.weights, PANELS)
    return Figure(
        id="weights",
        title=say("weights.title"),
        caption=say("weights.caption") + _limit(shown, health.weights),
        alt=say("list.semicolon").join(
            say("alt.spread", name=s.name, mean=s.mean, std=s.std) for s in shown
        ),
        chart=chart.histograms(shown, "weight", columns=4),
        wide=True,
        method=say("how.weights"),
        code=f"{study.model_code}\n{study.data_code}\nnv.health(model, data.x).weights",
        numbers=_histograms(health.weights),
    )


def _histograms(spreads: Sequence[Spread]) -> dict[str, Array]:
    """Counts and edges of each layer's histogram, by its name."""
    return {
        f"{spread.name}:{kind}": np.array(getattr(spread, kind))
        for spread in spreads
        for kind in ("counts", "edges")
    }


def answers(study: Study, health: Health) -> Figure | None:
    """Which channels do no work of their own; with ReLUs, a histogram of what each one answers."""
    table = spare.work(study, health)
    if table is None or not health.answers:
        return table
    shown = few(health.answers, PANELS)
    words = say("answers.caption", zeros=_zeros(health))
    return replace(
        table,
        caption=f"{table.caption} {words}{_limit(shown, health.answers)}",
        alt=say("list.semicolon").join(
            say("alt.zeros", name=s.name, zero=s.zero, mean=s.mean) for s in shown
        ),
        chart=chart.histograms(
            shown, "activation", logarithmic=True, columns=4 if len(shown) > SMALL else 2
        ),
        wide=len(shown) > SMALL,
        numbers=table.numbers | _histograms(health.answers),
    )


def _zeros(health: Health) -> str:
    """The share of exact zeros, layer by layer where there are few."""
    if len(health.answers) <= NAMED:
        return listing(say("answers.zeros", share=s.zero, node=s.name) for s in health.answers)
    order = sorted(health.answers, key=lambda s: s.zero)
    a, b = order[0], order[-1]
    return say("answers.zeros.many", low=a.zero, a=a.name, high=b.zero, b=b.name)


def _limit(shown: Sequence[Spread], every: Sequence[Spread]) -> str:
    """That not all layers are shown, where it is so."""
    if len(shown) == len(every):
        return ""
    return " " + say("limit.even", shown=len(shown), of=len(every))


def advice(study: Study, health: Health) -> list[str]:
    """What the numbers of this chapter suggest; nothing where they suggest nothing."""
    lines = []
    epochs = _epochs(study)
    held_out = [e["val_accuracy"] for e in epochs if e.get("val_accuracy") is not None]
    if held_out and epochs[-1]["accuracy"] - held_out[-1] > GAP:
        lines.append(say("todo.overfit", gap=epochs[-1]["accuracy"] - held_out[-1]))
    elif trend(held_out) == "rising":
        lines.append(say("todo.longer"))
    if health.dead:
        where = spare.where([node for node, _ in health.dead])
        lines.append(say("todo.dead", dead=len(health.dead), where=where))
    lines += spare.advice(health)
    table = summary(study.model)
    heaviest = max(table.rows, key=lambda row: row.params)
    if table.total and heaviest.params / table.total > 0.5:
        share = heaviest.params / table.total
        lines.append(say("todo.heavy", node=heaviest.name, share=share))
    return lines[:3]
