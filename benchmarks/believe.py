"""What the scores cost, and what the sanity check says of the shipped network:
`python -m benchmarks.believe`.

Time: deletion and insertion (49 steps each), average drop, complexity and the random control of one
map of a 28×28 digit (the other scores come with them), and the same with all controls; times are
those of the machine as it was, shared or not. Sanity: four methods (on the shipped network Grad-CAM
with its other rules, too) on 50 of the shipped digits and on 50 planted pictures of each kind, 20
destructions each.
Draws: how many samples the stopping rule takes, beside the methods' fixed numbers, and which share
of the highest 5 % a long run finds again.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import nnviz as nv
from nnviz.inspection.attribution import DRAWN
from nnviz.inspection.evaluation.selftest import FULL, trained

DESTRUCTIONS, PICTURES = 20, 50
METHODS: list[tuple[str, dict[str, str]]] = [
    (name, {}) for name in ("gradient", "grad_cam", "guided_backprop", "deconvnet")
]
RULES = [("grad_cam", {"rule": rule}) for rule in ("guided", "rectified")]
OUT = Path(__file__).parent / "results" / "believe.txt"


def main() -> None:
    model, digits = nv.load("mnist-cnn"), nv.data.load("sample")
    lines = [
        *_times(model, digits.x[:1]),
        *_sane(model, digits.x[:: len(digits) // PICTURES][:PICTURES], "mnist-cnn", RULES),
        *_planted(),
        *_draws(model, digits.x),
    ]
    OUT.write_text("\n".join(lines) + "\n")


def said(line: str) -> str:
    """Printed at once."""
    print(line, flush=True)
    return line


def _times(model: nv.Model, x: np.ndarray) -> list[str]:
    map_ = nv.grad_cam(model, x)
    lines = []
    for controls in (("random",), ("random", "centre", "edges")):
        took = []
        for _ in range(11):
            start = time.perf_counter()
            nv.score(model, x, map_, controls=controls)
            took.append(time.perf_counter() - start)
        middle = 1e3 * float(np.median(took))
        lines.append(said(f"score of one digit's map with {', '.join(controls)}: {middle:.0f} ms"))
    return lines


def _sane(
    model: nv.Model, x: np.ndarray, name: str, more: list[tuple[str, dict[str, str]]] | None = None
) -> list[str]:
    """What survives the destruction of a network, with 95 % intervals for other pictures and other
    destructions."""
    lines = []
    for method, options in [*METHODS, *(more or [])]:
        found = nv.sanity(
            model, x, method=method, options=options, stages=1, independent=False,
            repeats=DESTRUCTIONS,
        )  # fmt: skip
        mean, interval = found.survival
        words = "nothing to compare"
        if interval is not None:
            words = f"{mean:.2f} ({interval[0]:.2f} to {interval[1]:.2f})"
        other = found.other_class[0]
        lines.append(said(
            f"{name}: {' '.join((method, *options.values()))}: rank correlation with the network "
            f"destroyed {words}, {found.blank:.0%} of the maps blank, with another class "
            f"{other:.2f}: {'; '.join(found.marks) or 'passes'}"
        ))  # fmt: skip
    return lines


def _planted() -> list[str]:
    """The same on a network for each kind of planted pictures, those of `selftest --full`."""
    lines = []
    for spec in FULL[: len(nv.data.PLANTED)]:
        model, test, learnt = trained(spec, PICTURES)
        lines += _sane(model, test.x[:PICTURES], learnt.name)
    return lines


def _draws(model: nv.Model, x: np.ndarray, n: int = 8, seeds: int = 5) -> list[str]:
    """How many samples the stopping rule takes, and which share of the highest 5 % it has right;
    the truth is a run of eight times the fixed number."""
    lines = []
    x = x[::100][:n]
    for name, drawn in DRAWN.items():
        long = {drawn.option: 8 * drawn.fixed, "seed": 12345, **drawn.options}
        truth = _tops(nv.explain(model, x, method=name, **long).values)
        found = [nv.until_steady(model, x, method=name, seed=seed) for seed in range(seeds)]
        share = np.mean([
            len(a & b) / 40 for one in found for a, b in zip(_tops(one.values), truth, strict=True)
        ])  # fmt: skip
        samples = np.array([one.samples for one in found])
        lines.append(said(
            f"{name}: {samples.mean():.0f} {drawn.option} in place of {drawn.fixed} (at most "
            f"{samples.max()}); {share:.2f} of the highest 5 % are those of a long run"
        ))  # fmt: skip
    return lines


def _tops(maps: np.ndarray) -> list[set[int]]:
    """The 40 highest pixels of each map."""
    return [set(np.argsort(-v.ravel(), kind="stable")[:40].tolist()) for v in maps]


if __name__ == "__main__":
    main()
