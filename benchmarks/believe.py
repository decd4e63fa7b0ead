"""What the scores cost, and what the sanity check says of the shipped network:
`python -m benchmarks.believe`.

Time: deletion and insertion (49 steps each), average drop, complexity and the random control of one
map of a 28×28 digit (the other scores come with them), and the same with all controls. Sanity: four
methods on 100 of the shipped digits. Draws: how many samples the stopping rule takes, beside the
methods' fixed numbers, and which share of the highest 5 % a long run finds again.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import nnviz as nv
from nnviz.inspection.attribution import DRAWN

OUT = Path(__file__).parent / "results" / "believe.txt"


def main() -> None:
    model, digits = nv.load("mnist-cnn"), nv.data.load("sample")
    lines = [*_times(model, digits.x[:1]), *_sane(model, digits.x), *_draws(model, digits.x)]
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


def _sane(model: nv.Model, x: np.ndarray) -> list[str]:
    lines = []
    for method in ("gradient", "grad_cam", "guided_backprop", "deconvnet"):
        found = nv.sanity(model, x[:100], method=method, stages=1, independent=False, repeats=3)
        mean, (low, high) = found.survival
        other = found.other_class[0]
        lines.append(said(
            f"{method}: rank correlation with the network destroyed {mean:.2f} ({low:.2f} to "
            f"{high:.2f}), with another class {other:.2f}: {'; '.join(found.marks) or 'passes'}"
        ))  # fmt: skip
    return lines


def _draws(model: nv.Model, x: np.ndarray, n: int = 6) -> list[str]:
    lines = []
    for name, drawn in DRAWN.items():
        found = nv.until_steady(model, x[:n], method=name)
        long = {drawn.option: 4 * drawn.fixed, "seed": 99, **drawn.options}
        other = nv.explain(model, x[:n], method=name, **long).values
        top = [set(np.argsort(-v.ravel())[:40].tolist()) for v in found.values]
        again = [set(np.argsort(-v.ravel())[:40].tolist()) for v in other]
        share = np.mean([len(a & b) / 40 for a, b in zip(top, again, strict=True)])
        lines.append(said(
            f"{name}: {found.samples.mean():.0f} {drawn.option} in place of {drawn.fixed}, "
            f"confidence {found.firm.mean():.2f}; {share:.2f} found again by a long run"
        ))  # fmt: skip
    return lines


if __name__ == "__main__":
    main()
