"""The command `selftest`: does every method find what is known to be there?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .cli_compare_methods import survival_words
from .cli_data import printable
from .errors import ArgumentError
from .files import make_folder
from .inspection.evaluation import SelfTest
from .inspection.evaluation import selftest as tested

WRONG = 3
"""The exit code where a check says no."""


def selftest(args: argparse.Namespace) -> int:
    """Train small networks on planted pictures and check what every method finds there."""
    from .draw import save_picture

    out = Path(args.out)
    if out.suffix != ".png":
        raise ArgumentError(f"cannot draw into {args.out!r}: --out must end in .png")
    make_folder(out.parent)
    result = tested(full=args.full, methods=args.methods, tell=_told(args.quiet))
    for line in (*_networks(result), "", *_table(result), "", *_checks(result)):
        print(printable(line))
    save_picture(result, out)
    result.save(out.with_suffix(".npz"))
    print(out)
    print(out.with_suffix(".npz"))
    return 0 if result.passed else WRONG


def _told(quiet: bool) -> Any:
    """What is being done, on one line of a terminal."""
    if quiet or not sys.stderr.isatty():
        return lambda words: None

    def tell(words: str) -> None:  # pragma: no cover - tests have no terminal
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)

    return tell


def _networks(result: SelfTest) -> list[str]:
    return [
        f"{one.name}: test accuracy {one.accuracy:.1%}"
        + (" (its cue tells nothing there)" if one.spurious else "")
        + f"; a random map hits {one.random:.1%}, by chance {one.chance:.1%}"
        for one in result.networks
    ]


def _table(result: SelfTest) -> list[str]:
    """A line for each method: hits (and hits of decoys) with intervals, mass, sanity, time."""
    names = dict.fromkeys(one.method for one in result.found)
    head = ["method", *(f"{n.name.removeprefix('planted-')}" for n in result.networks), "mass",
            "survives", "ms/picture", "mark"]  # fmt: skip
    lines = [head]
    for name in names:
        every = [result.of(name, n.name) for n in result.networks]
        done = [one for one in every if one.hits is not None]
        masses = [one.mass for one, n in zip(every, result.networks, strict=True)
                  if one.mass is not None and not n.spurious]  # fmt: skip
        lines.append([
            name,
            *(_cell(one) for one in every),
            f"{sum(masses) / len(masses):.2f}" if masses else "-",
            _survival(result, name),
            f"{1e3 * sum(one.seconds or 0 for one in done) / len(done):.1f}" if done else "-",
            "; ".join(result.marks.get(name, ())),
        ])  # fmt: skip
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rows = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
    return [
        "how often the highest pixel lies at the true place (at the decoy), 95 % interval",
        *(row.rstrip() for row in rows),
    ]


def _survival(result: SelfTest, name: str) -> str:
    mean = result.survival.get(name)
    return "-" if mean is None else survival_words(mean, result.survival_interval[name])


def _cell(one: Any) -> str:
    if one.hits is None:
        return "cannot"
    low, high = one.interval
    decoy = "" if one.decoys is None else f" ({one.decoys:.0%})"
    return f"{one.hits:.0%}{decoy} [{low:.0%}-{high:.0%}]"


def _checks(result: SelfTest) -> list[str]:
    lines = [f"{'ok' if c.passed else 'NO'}  {c.words}" for c in result.checks]
    failed = sum(not c.passed for c in result.checks)
    verdict = "all checks passed" if not failed else f"{failed} of {len(lines)} checks failed"
    return [*lines, f"{verdict}, {result.seconds:.0f} s"]


def selftest_options(sub: argparse.ArgumentParser) -> None:
    """The options of `selftest`."""
    sub.add_argument("--full", action="store_true", help="more networks and pictures: minutes")
    sub.add_argument("--methods", nargs="+", metavar="NAME", help="only these, and those expected")
    sub.add_argument("--out", default="selftest.png", help="the drawing; default: selftest.png")
    sub.add_argument("--quiet", action="store_true", help="no progress")
