"""Exact occlusion beside Captum's, measured in one run: `python -m benchmarks.exact [ROW …]`.

Both sides answer for the same picture, patch, stride and fill, on the same threads, and their maps
are compared. Captum's best batching is looked for first; then ours, Captum's best and Captum's
default take turns, and ratios are medians of the pairs. The share of multiply-adds is counted from
the plan, so that the reader sees where the gain comes from: places × touched windows, whichever way
a layer multiplies. Memory is the peak of fresh processes. The row `full` sets our patches against
our own full passes of the same copies, `growth` is our time by places and by the picture's size.
Text and numbers go into benchmarks/results/exact.txt and exact.json; with rows named, the others
stay as they are there.
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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import nnviz as nv
from nnviz.engine.alike import together
from nnviz.engine.boxes import Plan, plan
from nnviz.engine.executor import thread_count
from nnviz.engine.graph import INPUT
from nnviz.engine.rerun import rerun_boxes
from nnviz.engine.rewrite import fold_batch_norm
from nnviz.inspection.anatomy.operations import operations
from nnviz.inspection.attribution.occlusion import places

RESULTS = Path(__file__).parent / "results"
BATCHINGS = (1, 16, 64, 256)
DEFAULT = 1
"""Captum's own perturbations_per_eval."""
FILL = 0.5
SIDES = (0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Patches that are set against full passes, as shares of the picture's side."""
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


def shares(model: nv.Model, boxes: np.ndarray) -> tuple[float, int]:
    """Multiply-adds for one place: of the plans, in the mean, and of a full pass."""
    want = [model.output_name]
    sorts = together(model, INPUT, boxes, want)
    plans = [plan(model, INPUT, boxes[some], want) for some in sorts]
    done = sum(len(some) * mult_adds(made) for some, made in zip(sorts, plans, strict=True))
    ours = done / len(boxes)
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
    """The median of the runs that half a second has room for, after a rest: PyTorch's threads go on
    spinning for a while when their work is done, and would take ours' processors."""
    time.sleep(0.1)
    took, end = [], time.perf_counter() + 0.5
    while not took or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def compare(name: str, repeats: int, batchings: tuple[int, ...]) -> dict:
    """One network: times, ratios, multiply-adds, agreement, memory."""
    from .nets import TIMED, drawn

    grid = TIMED[name]
    patch, stride = grid.patch, grid.stride
    model = drawn(grid.build(0), 0)
    x = np.random.default_rng(0).random((1, *model.input.shape)).astype(np.float32)
    boxes, _ = places(model.input.shape[:2], (patch,) * 2, (stride,) * 2, "inside")
    mine = ours(model, x, patch, stride)
    runs = {per: theirs(model, x, patch, stride, per) for per in batchings}
    maps = mine(), next(iter(runs.values()))()
    score = np.abs(nv.occlusion(model, x, 0, patch=patch, stride=patch).scores).max()
    apart = float(np.abs(maps[0] - maps[1]).max() / score)
    once = {per: seconds(run) for per, run in runs.items()}
    best = min(once, key=once.__getitem__)
    turns: dict[str, list[float]] = {"ours": [], "best": [], "default": []}
    for turn in range(repeats):
        turns["ours"].append(seconds(mine))
        turns["best"].append(seconds(runs[best]))
        if DEFAULT in runs and turn < 3:
            turns["default"].append(seconds(runs[DEFAULT]))
    done, every = shares(model, boxes)

    def ratio(side: str) -> float | None:
        pairs = list(zip(turns[side], turns["ours"], strict=False))
        return statistics.median(a / b for a, b in pairs) if pairs else None

    return {
        "positions": len(boxes), "patch": patch, "stride": stride,
        "ours ms": 1e3 * statistics.median(turns["ours"]), "best batching": best,
        "best ms": 1e3 * statistics.median(turns["best"]),
        "captum once ms": {str(k): 1e3 * v for k, v in once.items()},
        "ratio to best": ratio("best"), "ratio to default": ratio("default"),
        "mult-adds full / done": every / done, "maps apart": apart,
        "memory": memory(model, x, patch, stride, best),
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
    for stride in (16, 8, 4, 2):
        count = len(places((128, 128), (16, 16), (stride, stride), "inside")[0])
        by_places[str(count)] = timed(ours(model, x, 16, stride))
    by_size = {}
    for side in (64, 128, 256, 512):
        layers = [nv.Conv2D(32, 3, padding="same", activation="relu") for _ in range(4)]
        early = nv.Sequential(
            [*layers, nv.GlobalAveragePooling2D(), nv.Dense(10)], (side, side, 3), seed=0
        )
        x = np.random.default_rng(0).random((1, side, side, 3)).astype(np.float32)
        trace = early.run(x)
        boxes, _ = places((side, side), (8, 8), ((side - 8) // 13,) * 2, "inside")
        want = [early.output_name]
        by_size[str(side)] = timed(partial(rerun_boxes, early, trace, boxes[:196], FILL, want))
    return {"ms by places": by_places, "ms by side, 196 places": by_size}


def timed(run: Callable[[], Any]) -> float:
    """The median of three, in milliseconds."""
    return 1e3 * statistics.median(seconds(run) for _ in range(3))


def full() -> dict[str, dict[str, float]]:
    """Our time over that of our own full passes, by the patch's side; both make their copies."""
    from .nets import TIMED, drawn

    found: dict[str, dict[str, float]] = {}
    for name, grid in TIMED.items():
        model = fold_batch_norm(drawn(grid.build(0), 0))
        side = model.input.shape[0]
        most = len(places((side, side), (grid.patch,) * 2, (grid.stride,) * 2, "inside")[0])
        x = np.random.default_rng(0).random((1, *model.input.shape)).astype(np.float32)
        trace, want = model.run(x, prepared=True), [model.output_name]
        found[name] = {}
        for patch in sorted({max(1, round(side * share)) for share in SIDES}):
            boxes, _ = places((side, side), (patch,) * 2, (max(1, (side - patch) // 6),) * 2,
                              "inside")  # fmt: skip
            boxes = np.resize(boxes, (most if side < 64 else 96, 4))
            part = partial(rerun_boxes, model, trace, boxes, FILL, want)
            whole = partial(passes, model, x, boxes)
            pairs = [(seconds(part), seconds(whole)) for _ in range(3)]
            found[name][str(patch)] = statistics.median(a / b for a, b in pairs)
    return found


def passes(model: nv.Model, x: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The outputs of all copies by full passes."""
    copies = np.repeat(x, len(boxes), axis=0)
    for copy, (top, left, bottom, right) in zip(copies, boxes, strict=True):
        copy[top:bottom, left:right] = FILL
    return model.run(copies, prepared=True, keep=()).output


# Words ------------------------------------------------------------------------------------------


def told(name: str, row: dict) -> str:
    """A row of the table in words."""
    if name == "growth":
        return "; ".join(f"{what}: " + ", ".join(f"{k}: {v:.1f}" for k, v in line.items())
                         for what, line in row.items())  # fmt: skip
    if name == "full":
        most = max(ratio for line in row.values() for ratio in line.values())
        lines = "; ".join(f"{net} " + ", ".join(f"{k}: {v:.2f}" for k, v in line.items())
                          for net, line in row.items())  # fmt: skip
        return f"time over our own full passes, by the patch's side (at most {most:.2f}, goal ≤ " \
               f"1.10): {lines}"  # fmt: skip
    near, far = GOALS[name]
    goal = near if far else near * row["mult-adds full / done"]
    default = row["ratio to default"]
    rest = f", {default:.1f}× its default" if default else ""
    rest += f" (goal ≥ {far}×)" if far else ""
    held = row["memory"]["ours"] / row["memory"]["captum"]
    return (
        f"{name}: {row['positions']} places in {row['ours ms']:.1f} ms, Captum "
        f"{row['best ms']:.0f}: "
        f"{row['ratio to best']:.1f}× its best (batches of {row['best batching']}; goal ≥ "
        f"{goal:.1f}×){rest}; multiply-adds 1/{row['mult-adds full / done']:.1f} of full passes; "
        f"peak memory {row['memory']['ours']:.0f} of {row['memory']['captum']:.0f} MB "
        f"({held:.2f}×, goal ≤ 0.5×); maps apart by {row['maps apart']:.1e} of the score"
    )


def main() -> None:
    names = [*GOALS, "full", "growth"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(names)}; default: all")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batchings", type=int, nargs="+", default=list(BATCHINGS))
    parser.add_argument("--peak", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        side, folder, *numbers = args.peak
        peak(side, folder, *map(int, numbers))
        return
    file = RESULTS / "exact.json"
    rows = json.loads(file.read_text())["rows"] if file.exists() and args.rows else {}
    for name in args.rows or names:
        load = os.getloadavg()[0]
        row = (compare(name, args.repeats, tuple(args.batchings)) if name in GOALS
               else {"full": full, "growth": growth}[name]())  # fmt: skip
        line = f"{told(name, row)} [{thread_count()} threads, load before {load:.1f}]"
        rows[name] = {"told": line, **row}
        print(line, flush=True)
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    lines = [rows[name]["told"] for name in names if name in rows]
    (RESULTS / "exact.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
