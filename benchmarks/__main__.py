"""How fast we are: `python -m benchmarks`. It needs the `bench` extra and some minutes of peace.

Everything is measured beside its rival in the same run, in turn. Each race has a process of its
own, so that what one leaves behind does not change the next. The table is printed row by row
and written with all rounds and a chart into `benchmarks/results/`; with `--only` it is printed
alone. The table there is of a processor with AVX-512; the one in its `avx2` is of one without
(`--into benchmarks/results/avx2`). `--quick` needs no PyTorch: it shows each layer's time and its
share of the machine's own product rate.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import nnviz as nv

from .speed import machine, quick, table
from .speed.race import THREADS
from .speed.races import RACES, measured


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="layer by layer, without PyTorch")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help=f"only those that begin so: {', '.join(RACES)}"
    )
    parser.add_argument("--repeats", type=int, default=7, help="rounds of each race (default: 7)")
    parser.add_argument(
        "--into", type=Path, default=table.RESULTS, metavar="FOLDER",
        help="where the table is written, for a machine of another kind (default: %(default)s)",
    )  # fmt: skip
    args = parser.parse_args()
    if args.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {args.repeats}")
    if args.quick:
        print(machine.told(machine.facts()))
        with nv.threads(THREADS):
            quick.show(args.repeats)
        return
    chosen = [name for name in RACES if name.startswith(tuple(args.only or [""]))]
    if not chosen:
        parser.error(f"nothing is named {' or '.join(args.only)}: there is {', '.join(RACES)}")
    known = machine.facts()
    head = f"{machine.told(known)}\nmedians of {args.repeats} rounds in turn"
    print(f"{head}\n{table.HEAD}", flush=True)
    began, outcomes = time.perf_counter(), []
    for name in chosen:
        for outcome in measured(name, args.repeats):
            outcomes.append(outcome)
            print(table.line(outcome), flush=True)
    print(f"{table.score(outcomes)}, in {time.perf_counter() - began:.0f} s")
    if not args.only:
        for path in table.write(outcomes, known, head, args.into):
            print(path)


if __name__ == "__main__":
    main()
