"""Real networks from ONNX files, beside onnxruntime: `python -m benchmarks.onnx_models`.

First what they say: the differences from the recorded outputs, and the scores that the networks
must have. Then what that costs: prediction, peak memory, and the occlusion of one picture, each
beside onnxruntime in turn. It needs the folder of real data (see `speed.real_nets`) and
onnxruntime. Text and numbers go into benchmarks/results/onnx.txt and onnx.json; with `--only` the
table is printed alone.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

import nnviz as nv

from .speed import foreign, machine, table
from .speed.race import THREADS, run
from .speed.real_nets import REAL, folder, held, network

GOLDEN = 1e-4


def apart(name: str, model: nv.Model) -> float:
    """The largest difference from the recorded output, as a share of its largest value."""
    golden = held(name)
    x, want = golden["pixels"], golden["output"]
    far = np.abs(model.predict(x.reshape(len(x), *model.input.shape)) - want).max()
    return float(far / max(1.0, np.abs(want).max()))


def right(model: nv.Model, x: np.ndarray, y: np.ndarray, n: int = 500) -> int:
    """How many pictures get their own class."""
    parts = range(0, len(x), n)
    return sum(int((model.predict(x[i : i + n]).argmax(1) == y[i : i + n]).sum()) for i in parts)


def cifar(model: nv.Model) -> tuple[str, str]:
    with np.load(folder() / "cifar10" / "cifar10_small.npz") as file:
        x, y = file["test_x"], file["test_y"].reshape(-1)
    return f"{right(model, x, y) / len(x):.1%} of {len(x):,} pictures", "92.8%"


def digits(model: nv.Model) -> tuple[str, str]:
    held_out = nv.data.load(folder() / "mnist", split="test")
    return f"{right(model, held_out.x, held_out.y) / len(held_out.y):.2%} of MNIST", "98.91%"


def vgg(model: nv.Model) -> tuple[str, str]:
    """Its own pictures, whose files are named by the first word or the last of their class."""
    golden = held("tiny_vgg")
    names = [str(name).split("_")[0] for name in golden["files"]]
    y = np.array([_place(name, [str(c) for c in golden["classes"]]) for name in names])
    return f"{right(model, golden['pixels'], y)} of {len(y)} pictures", "14"


def _place(word: str, classes: list[str]) -> int:
    return next(i for i, name in enumerate(classes) if word in name)


def imagenet(name: str, model: nv.Model) -> tuple[str, str]:
    """The two recorded pictures, a cat and a cup."""
    names = nv.data.read_class_names(str(folder() / "models" / "imagenet_classes.txt"))
    first = model.class_count - len(names)  # 1: number 0 is the background
    given = model.predict(held(name)["pixels"])
    told = [f"{names[row.argmax() - first]} {row.max():.3f}" for row in given]
    want = {"squeezenet": (0.353, 0.335), "mobilenet": (0.464, 0.639)}[name]
    return ", ".join(told), f"Egyptian_cat {want[0]}, espresso {want[1]}"


def score(name: str, model: nv.Model) -> tuple[str, str]:
    """What the network scores, and what it must."""
    if name in ("squeezenet", "mobilenet"):
        return imagenet(name, model)
    return {"resnet20": cifar, "tiny_vgg": vgg, "opt-mnist": digits}[name](model)


def said() -> list[str]:
    """A line for each network, printed at once."""
    lines = []
    for name in REAL:
        model = network(name)
        far, (got, want) = apart(name, model), score(name, model)
        mark = "yes" if far <= GOLDEN and want in got else "NO"
        lines.append(f"{name:<12} {mark:<4} from the recorded output {far:.1e}; {got} "
                     f"(it must be {want})")  # fmt: skip
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    names = [race.name for race in foreign.RACES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.onnx_models", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME",
                        help=f"those that begin so: scores, {', '.join(names)}")  # fmt: skip
    parser.add_argument("--repeats", type=int, default=7, help="rounds of each race (default: 7)")
    args = parser.parse_args()
    begin = tuple(args.only or [""])
    with nv.threads(THREADS):
        lines = said() if "scores".startswith(begin) else []
        known, outcomes = machine.facts(), []
        head = f"{machine.told(known)}\nmedians of {args.repeats} rounds in turn"
        print(f"{head}\n{table.HEAD}", flush=True)
        for race in foreign.RACES:
            if race.name.startswith(begin):
                outcomes += run(race, args.repeats)
                print(table.line(outcomes[-1]), flush=True)
    if args.only:
        return
    told = [*lines, head, table.HEAD, *map(table.line, outcomes), table.score(outcomes)]
    page = {"machine": known, "scores": lines, "rows": [table.entry(o) for o in outcomes]}
    (table.RESULTS / "onnx.txt").write_text("\n".join(told) + "\n", encoding="utf-8")
    text = json.dumps(page, indent=1, ensure_ascii=False)
    (table.RESULTS / "onnx.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
