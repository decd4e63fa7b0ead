"""The table: as text, as JSON and as a chart."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .race import Outcome

RESULTS = Path(__file__).resolve().parents[1] / "results"
HEAD = (
    f"{'what':<48} {'ours':>9} {'theirs':>9} {'unit':<10} {'ratio':>6} {'middle half':<13} "
    f"{'goal':<7} {'':<4}against"
)
TICKS = (0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 50)
"""Of the chart, as plain numbers: 4×10⁻¹ beside 3×10⁻¹ would overlap it."""
COLOURS = {True: "#2f9e44", False: "#c2255c", None: "#767676"}


def line(outcome: Outcome) -> str:
    """One row."""
    row, (low, high) = outcome.row, outcome.spread
    ours, theirs = (row.unit.shown(statistics.median(c)) for c in (outcome.ours, outcome.theirs))
    goal, mark = (str(row.goal), "yes" if outcome.met else "NO") if row.is_goal else ("", "")
    return (
        f"{row.what:<48} {_short(ours):>9} {_short(theirs):>9} {row.unit.name:<10} "
        f"{outcome.ratio:>6.2f} {f'{low:.2f}-{high:.2f}':<13} {goal:<7} {mark:<4}{row.against}"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def score(outcomes: Sequence[Outcome]) -> str:
    """How many goals are met."""
    asked = [o for o in outcomes if o.met is not None]
    return f"{sum(bool(o.met) for o in asked)} of {len(asked)} goals met"


def write(
    outcomes: Sequence[Outcome], machine: dict[str, Any], head: str, folder: Path = RESULTS
) -> list[Path]:
    """The table as `speed.txt`, all rounds as `speed.json`, the chart as `speed.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"speed.{kind}" for kind in ("txt", "json", "png")]
    lines = [head, HEAD, *map(line, outcomes), score(outcomes)]
    paths[0].write_text("\n".join(lines) + "\n", encoding="utf-8")
    page = {"machine": machine, "rows": [entry(o) for o in outcomes], "summary": score(outcomes)}
    paths[1].write_text(json.dumps(page, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    chart(outcomes, machine["processor"], paths[2])
    return paths


def entry(outcome: Outcome) -> dict[str, Any]:
    """A row with all its rounds, in the row's unit."""
    row = outcome.row
    return {
        "race": outcome.race,
        "what": row.what,
        "against": row.against,
        "unit": row.unit.name,
        "ours": row.unit.shown(statistics.median(outcome.ours)),
        "theirs": row.unit.shown(statistics.median(outcome.theirs)),
        "ratio": outcome.ratio,
        "spread": outcome.spread,
        "goal": str(row.goal) if row.is_goal else None,
        "met": outcome.met,
        "rounds": {
            "ours": [row.unit.shown(cost) for cost in outcome.ours],
            "theirs": [row.unit.shown(cost) for cost in outcome.theirs],
            "ratio": outcome.ratios,
        },
    }


def chart(outcomes: Sequence[Outcome], machine: str, path: Path) -> None:
    """A bar for each row: how far past its goal it is; a line for the middle half of the rounds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    figure = Figure(figsize=(10, 1.2 + 0.32 * len(outcomes)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    for place, outcome in enumerate(outcomes):
        goal = outcome.row.goal
        reached = goal.reached(outcome.ratio)
        ax.barh(place, reached - 1, left=1, color=COLOURS[outcome.met])
        ax.hlines(place, *map(goal.reached, outcome.spread), "black")
        words = f"{outcome.ratio:.2f}" + (f" (goal {goal})" if outcome.row.is_goal else "")
        ax.annotate(words, (1, place), (1.01, 0), textcoords=("axes fraction", "offset points"),
                    xycoords=("axes fraction", "data"), va="center", fontsize=8)  # fmt: skip
    ax.axvline(1, color="black", linewidth=1)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(TICKS))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(
        range(len(outcomes)), [f"{o.row.what} | {o.row.against}" for o in outcomes], fontsize=8
    )
    ax.invert_yaxis()
    ax.set_xlabel(
        "ratio as a multiple of its goal: to the right of the line it is reached; grey: none"
    )
    ax.set_title(machine, fontsize=9)
    figure.savefig(path)
