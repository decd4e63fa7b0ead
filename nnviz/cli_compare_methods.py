"""The command `compare-methods`: which method to trust on one's own network and pictures."""

from __future__ import annotations

import argparse
import math
import sys

import numpy as np

from .cli_data import data_options, load_for, printable
from .cli_explain import MODEL_HELP
from .cli_input import input_options, model_for
from .errors import ArgumentError
from .files import make_folder
from .inspection.evaluation import MethodRanking
from .inspection.evaluation import compare_methods as ranked
from .inspection.evaluation.intervals import Interval


def compare_methods(args: argparse.Namespace) -> None:
    """Rank attribution methods on a model and pictures, with intervals, controls and time."""
    from .draw import save_picture

    if args.pictures < 1:
        raise ArgumentError(f"--pictures must be at least 1, got {args.pictures}")
    model = model_for(args)
    data = load_for(model, args)
    chosen = np.unique(np.linspace(0, len(data) - 1, min(args.pictures, len(data))).astype(int))
    shown = data[chosen]
    quiet = args.quiet or not sys.stderr.isatty()

    def tell(words: str) -> None:
        if not quiet:  # pragma: no cover - tests have no terminal
            print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)

    result = ranked(
        model, shown.x, methods=args.methods, masks=shown.masks, fill=args.fill, seed=args.seed,
        tell=tell,
    )  # fmt: skip
    tell("")
    folder = make_folder(args.out)
    written = [folder / "methods.npz", folder / "methods.png"]
    result.save(written[0])
    print(printable(f"{args.model}: {len(shown)} pictures of {data.name}"))
    for line in table(result):
        print(printable(line))
    for name, reason in result.failed:
        print(printable(f"{name} cannot explain this model: {reason}"))
    if result.rows:
        save_picture(result, written[1])
    for path in written[: 2 if result.rows else 1]:
        print(path)


def table(result: MethodRanking) -> list[str]:
    """A line for each method, the best first, and one for each control."""
    extra = [n for n in ("pointing", "mass") if result.rows and n in result.rows[0].scores]
    head = ["", "method", "ins-del", "95 % interval", "deletion", "insertion", *extra,
            "sensitivity", "survives", "ms/picture", "mark"]  # fmt: skip
    lines = [head]
    for place, row in enumerate(result.rows, 1):
        marks = list(row.marks)
        if row.unbeaten:
            marks.append(f"does not surely beat: {', '.join(row.unbeaten)}")
        low, high = row.interval or (float("nan"),) * 2
        lines.append([
            f"{place}{'=' if row.as_good and place > 1 else ''}", row.method, f"{row.quality:.3f}",
            f"{low:.3f} to {high:.3f}" if row.interval else "-",
            *(f"{row.scores[name]:.3f}" for name in ("deletion", "insertion", *extra)),
            "-" if row.sensitivity is None else f"{row.sensitivity:.2f}",
            "-" if row.survival is None else survival_words(row.survival, row.survival_interval),
            f"{1e3 * row.seconds:.1f}", "; ".join(marks),
        ])  # fmt: skip
    blank = [""] * (len(head) - 3)
    lines += [["", f"({name})", f"{value:.3f}", *blank] for name, value in result.controls]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rows = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
    return [*(row.rstrip() for row in rows),
            "ins-del: insertion minus deletion, higher is better; =: not surely behind the best; "
            "(…): maps that know nothing of the network"]  # fmt: skip


def survival_words(mean: float, interval: Interval | None) -> str:
    """What survives the destruction of the network, with its interval; `blank` where nothing is
    left to compare."""
    if math.isnan(mean):
        return "blank"
    return f"{mean:.2f}" + ("" if interval is None else " [{:.2f} to {:.2f}]".format(*interval))


def compare_methods_options(sub: argparse.ArgumentParser) -> None:
    """The options of `compare-methods`."""
    sub.add_argument("model", nargs="?", default="mnist-cnn", help=MODEL_HELP)
    data_options(sub, "--data", default="sample", told=True)
    input_options(sub)
    sub.add_argument("--methods", nargs="+", metavar="NAME", help="these, or all; default: 21")
    sub.add_argument("--pictures", type=int, default=20, help="how many; default: 20")
    sub.add_argument("--fill", type=float, default=0.0, help="an empty pixel, 0..1; default: 0")
    sub.add_argument("--seed", type=int, default=0, help="of everything random; default: 0")
    sub.add_argument("--out", default="methods", help="the folder to write; default: methods")
    sub.add_argument("--quiet", action="store_true", help="no progress")
