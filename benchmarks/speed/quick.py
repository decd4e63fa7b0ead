"""The quick form, without PyTorch: each layer's time and its share of the product's rate."""

from __future__ import annotations

import statistics

from nnviz.inspection.anatomy import NodeTime, Profile, profile

from .machine import product_rate
from .nets import BATCH, DIGITS, RESIDUAL, pictures
from .race import Runner

PARTS = ("forward", "backward", "grads")
COLUMNS = ("µs", "GFLOP/s", "share")


def rate_of(product: Runner, repeats: int) -> float:
    """GFLOP/s of NumPy's own product."""
    product()
    return 1e-9 / statistics.median(product() for _ in range(repeats))


def show(repeats: int) -> None:
    """Print a table for each network, and how a whole step compares with the product."""
    product = product_rate()
    for subject in (DIGITS, RESIDUAL):
        model = subject.make()
        x, _ = pictures(model, BATCH)
        before = rate_of(product, repeats)
        made = profile(model, x, repeats=repeats)
        rate = statistics.mean((before, rate_of(product, repeats)))  # the machine's pace drifts
        print(f"\n{subject.name}: microseconds for one picture, training, batch of {BATCH}, medians"
              f" of {repeats}; shares of NumPy's product, {rate:.0f} GFLOP/s\n")  # fmt: skip
        print(table(made, rate))
        print(foot(made, rate), flush=True)


def table(made: Profile, rate: float) -> str:
    """A line a node: time, GFLOP/s and share of the product's rate for each part."""
    width = max(len(node.name) for node in made.nodes)
    head = "".join(f"{part:>11}{COLUMNS[1]:>9}{COLUMNS[2]:>7}" for part in PARTS)
    lines = [f"{'':<{width}}{head}{'of all':>9}"]
    for node in made.nodes:
        cells = "".join(_cell(node, part, rate) for part in PARTS)
        lines.append(f"{node.name:<{width}}{cells}{node.share:>9.1%}")
    return "\n".join(lines)


def _cell(node: NodeTime, part: str, rate: float) -> str:
    seconds, speed = getattr(node, part), node.rate(part)
    took = f"{1e6 * seconds:,.1f}" if seconds else "–"
    if speed is None:
        return f"{took:>11}{'':>16}"
    return f"{took:>11}{speed:>9.1f}{speed / rate:>7.0%}"


def foot(made: Profile, rate: float) -> str:
    """The whole step, its loss included, without the optimizer."""
    work = 2e-9 * sum(
        (node.mult_adds or 0) * sum(getattr(node, part) > 0 for part in PARTS)
        for node in made.nodes
    )
    speed = work / made.wall
    return (
        f"all nodes {1e6 * made.total:,.0f} µs; the whole step without the optimizer "
        f"{1e6 * made.wall:,.0f} µs, {1 / made.wall:,.0f} pictures/s, {speed:.0f} GFLOP/s, "
        f"{speed / rate:.0%} of the product"
    )
