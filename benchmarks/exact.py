"""Exact occlusion beside Captum's, measured in one run: `python -m benchmarks.exact [NET …]`.

Both sides answer for the same picture, patch, stride and fill, on the same threads, and their maps
are compared. Captum's best batching is looked for first; then ours, Captum's best and Captum's
default take turns, and ratios are medians. The share of multiply-adds is counted from the plan, so
that the reader sees where the gain comes from. Memory is the peak of fresh processes. Text and
numbers go into benchmarks/results/exact.txt and exact.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import nnviz as nv
from nnviz.engine.boxes import Plan, plan
from nnviz.engine.executor import thread_count
from nnviz.engine.graph import INPUT
from nnviz.inspection.anatomy.operations import operations
from nnviz.inspection.attribution.occlusion import places

RESULTS = Path(__file__).parent / "results"
BATCHINGS = (1, 16, 64, 256)
DEFAULT = 1
"""Captum's own perturbations_per_eval."""
FILL = 0.5
GOALS = {"digits": (10, 15), "resnet": (0.8, None), "narrow": (0.8, None), "wide": (0.8, None)}
"""At least this many times Captum's best (others than digits: of the ratio of multiply-adds), and
its default."""


def mult_adds(made: Plan) -> int:
    """The multiply-adds of one copy by the plan."""
    total = 0
    for step in made.steps:
        layer, name = step.node.layer, step.node.name
        out = made.shapes[name]
        ins = tuple(made.shapes[n] for n in step.node.inputs)
        if step.how == "patches" and len(out) == 3 and step.region is not None:
            ins = tuple((*r.size, s[-1]) for r, s in zip(step.needed, ins, strict=True))
            out = (*step.region.size, out[-1])
        counted = operations(layer, ins, out)
        found = 0 if counted is None else counted.mult_adds
        if step.how == "difference":  # only the changed inputs of a dense layer
            before = next(s for s in made.steps if s.node.name == step.node.inputs[0])
            assert before.region is not None
            found = round(found * before.region.share)
        total += found
    return total


def shares(model: nv.Model, boxes: np.ndarray) -> tuple[int, int]:
    """Multiply-adds for one place: of the plan, and of a full pass."""
    ours = mult_adds(plan(model, INPUT, boxes, [model.output_name]))
    every = 0
    for node in model.nodes:
        counted = operations(
            node.layer, tuple(model.shapes[n] for n in node.inputs), model.shapes[node.name]
        )
        every += 0 if counted is None else counted.mult_adds
    return ours, every


# The two sides ----------------------------------------------------------------------------------


def ours(model: nv.Model, x: np.ndarray, patch: int, stride: int) -> Callable[[], np.ndarray]:
    return lambda: nv.occlusion(model, x, 0, patch=patch, stride=stride, fill=FILL).values[0]


def theirs(
    model: nv.Model, x: np.ndarray, patch: int, stride: int, per: int
) -> Callable[[], np.ndarray]:
    import torch
    from captum.attr import Occlusion

    from .twin import Lean, there

    method, picture = Occlusion(Lean(model).eval()), there(x)
    channels = picture.shape[1]

    def run() -> np.ndarray:
        with torch.no_grad():
            map_ = method.attribute(
                picture, target=0, baselines=FILL, perturbations_per_eval=per,
                sliding_window_shapes=(channels, patch, patch), strides=(channels, stride, stride),
            )  # fmt: skip
        return map_[0, 0].numpy()

    return run


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(name: str, repeats: int, stride: int | None, batchings: tuple[int, ...]) -> dict:
    """One network: times, ratios, multiply-adds, agreement, memory."""
    from .nets import TIMED, drawn

    grid = TIMED[name]
    stride = stride or grid.stride
    model = drawn(grid.build(0), 0)
    x = np.random.default_rng(0).random((1, *model.input.shape)).astype(np.float32)
    boxes, _ = places(model.input.shape[:2], (grid.patch,) * 2, (stride,) * 2, "inside")
    mine = ours(model, x, grid.patch, stride)
    runs = {per: theirs(model, x, grid.patch, stride, per) for per in batchings}
    maps = mine(), next(iter(runs.values()))()
    score = np.abs(nv.occlusion(model, x, 0, patch=grid.patch, stride=grid.patch).scores).max()
    apart = float(np.abs(maps[0] - maps[1]).max() / score)
    once = {per: seconds(run) for per, run in runs.items()}
    best = min(once, key=once.__getitem__)
    turns: dict[str, list[float]] = {"ours": [], "best": [], "default": []}
    for _ in range(repeats):
        turns["ours"].append(seconds(mine))
        turns["best"].append(seconds(runs[best]))
        if DEFAULT in runs:
            turns["default"].append(seconds(runs[DEFAULT]))
    done, every = shares(model, boxes)

    def ratio(side: str) -> float | None:
        pairs = list(zip(turns[side], turns["ours"], strict=False))
        return statistics.median(a / b for a, b in pairs) if pairs else None

    return {
        "net": name, "positions": len(boxes), "patch": grid.patch, "stride": stride,
        "ours ms": 1e3 * statistics.median(turns["ours"]), "best batching": best,
        "captum once ms": {str(k): 1e3 * v for k, v in once.items()},
        "ratio to best": ratio("best"), "ratio to default": ratio("default"),
        "mult-adds full / done": every / done, "maps apart": apart,
        "memory": memory(model, x, grid.patch, stride, best),
    }  # fmt: skip


# Memory and growth --------------------------------------------------------------------------------


def memory(model: nv.Model, x: np.ndarray, patch: int, stride: int, per: int) -> dict[str, float]:
    """Peak MB of fresh processes that do one map each."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "model.npz"))
        np.save(Path(folder, "x.npy"), x)
        found = {}
        for side in ("ours", "captum"):
            words = [sys.executable, "-m", "benchmarks.exact", "--peak", side, folder]
            words += [str(patch), str(stride), str(per)]
            told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            found[side] = float(told.split()[-1])
    return found


def peak(side: str, folder: str, patch: int, stride: int, per: int) -> None:
    """What a fresh process of `memory` does."""
    model, x = nv.load(Path(folder, "model.npz")), np.load(Path(folder, "x.npy"))
    if side == "ours":
        ours(model, x, patch, stride)()
    else:
        theirs(model, x, patch, stride, per)()
    # Not getrusage: its peak is handed down from the process that started this one.
    told = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    print(int(told) / 1024)


def growth() -> dict[str, dict[str, float]]:
    """Milliseconds by the number of places, and by the picture's size with 196 places."""
    from .nets import TIMED, drawn

    model = drawn(TIMED["narrow"].build(0), 0)
    x = np.random.default_rng(0).random((1, 128, 128, 3)).astype(np.float32)
    by_places = {}
    for stride in (32, 16, 8, 4):
        run = ours(model, x, 16, stride)
        count = len(places((128, 128), (16, 16), (stride, stride), "inside")[0])
        by_places[str(count)] = 1e3 * statistics.median(seconds(run) for _ in range(3))
    by_size = {}
    for side in (64, 128, 256):
        layers = [nv.Conv2D(32, 3, padding="same", activation="relu") for _ in range(4)]
        early = nv.Sequential(
            [*layers, nv.GlobalAveragePooling2D(), nv.Dense(10)], (side, side, 3), seed=0
        )
        x = np.random.default_rng(0).random((1, side, side, 3)).astype(np.float32)
        run = ours(early, x, 8, (side - 8) // 13)
        by_size[str(side)] = 1e3 * statistics.median(seconds(run) for _ in range(3))
    return {"ms by places": by_places, "ms by side, 196 places": by_size}


def told(row: dict) -> str:
    """A row of the table in words."""
    near, far = GOALS[row["net"]]
    goal = near if far else near * row["mult-adds full / done"]
    default = row["ratio to default"]
    rest = f", {default:.1f}× its default" if default else ""
    rest += f" (goal ≥ {far}×)" if far else ""
    held = row["memory"]["ours"] / row["memory"]["captum"]
    return (
        f"{row['net']}: {row['positions']} places in {row['ours ms']:.1f} ms, "
        f"{row['ratio to best']:.1f}× Captum's best (batches of {row['best batching']}; goal ≥ "
        f"{goal:.1f}×){rest}; multiply-adds 1/{row['mult-adds full / done']:.1f} of full passes; "
        f"peak memory {row['memory']['ours']:.0f} of {row['memory']['captum']:.0f} MB "
        f"({held:.2f}×, goal ≤ 0.5×); maps apart by {row['maps apart']:.1e} of the score"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", help=f"of {', '.join(GOALS)}; default: all")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--stride", type=int, help="another stride, for a quick look")
    parser.add_argument("--batchings", type=int, nargs="+", default=list(BATCHINGS))
    parser.add_argument("--peak", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        side, folder, *numbers = args.peak
        peak(side, folder, *map(int, numbers))
        return
    load = os.getloadavg()
    lines = [f"{thread_count()} threads, load before {load[0]:.1f}"]
    rows = []
    for name in args.nets or GOALS:
        rows.append(compare(name, args.repeats, args.stride, tuple(args.batchings)))
        lines.append(told(rows[-1]))
        print(lines[-1], flush=True)
    if args.nets:
        return
    grown = growth()
    lines += [f"{what}: " + ", ".join(f"{k}: {v:.0f}" for k, v in line.items())
              for what, line in grown.items()]  # fmt: skip
    lines.append(f"load after {os.getloadavg()[0]:.1f}")
    text = "\n".join(lines) + "\n"
    print(text)
    (RESULTS / "exact.txt").write_text(text)
    page = {"rows": rows, "growth": grown, "load": [load[0], os.getloadavg()[0]]}
    (RESULTS / "exact.json").write_text(json.dumps(page, indent=1) + "\n")


if __name__ == "__main__":
    main()
