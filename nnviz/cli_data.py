"""What the command line says of data: the options that read it, and `data list`, `get`, `show`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import data
from .cli_input import needs_fitting, size
from .engine.model import Model
from .errors import ArgumentError, readable

DATA_HELP = (
    "a name (sample, mnist, fashion-mnist, cifar-10, planted-glyph and others: see data list), a "
    "folder or a file: IDX, CIFAR-10's binary form, .npz, a digit-recognizer CSV, "
    "class/picture.png, pictures"
)
READING = ("resize", "channels", "rows", "cols", "classes", "n")
"""The options of `data.load`, which have the same names here."""


def data_options(
    sub: argparse.ArgumentParser, *names: str, split: bool = True, told: bool = False, **more: Any
) -> None:
    """Add the argument for data, called by these names, and all options that say how to read it;
    told: but those that the command's model tells."""
    extra = f"; default: {more['default']}" if "default" in more else ""
    sub.add_argument(*names, help=f"{DATA_HELP}{extra}", **more)
    if split:
        sub.add_argument("--split", default="test", help="train or test; default: test")
    group = sub.add_argument_group("how the data is read")
    group.add_argument("--resize", type=size, metavar="ROWSxCOLS", help="bring pictures to a size")
    group.add_argument("--channels", type=int, help="1 for grey, 3 for colour; default: by looking")
    group.add_argument("--rows", type=int, help="of a CSV's pictures, where they are not square")
    group.add_argument("--cols", type=int, help="the same")
    group.add_argument("--n", type=int, help="how many planted pictures; default: 1000")
    if not told:
        group.add_argument("--classes", type=int, help="how many classes a CSV has; default: 10")
        group.add_argument(
            "--size", type=size, dest="drawn", metavar="ROWSxCOLS",
            help="of planted pictures; default: 28x28",
        )  # fmt: skip


def load_data(args: argparse.Namespace, split: str) -> data.Dataset:
    """The data that these arguments name."""
    return data.load(args.data, split, **_reading(args))


def load_for(model: Model, args: argparse.Namespace) -> data.Dataset:
    """The same for a model: where both name their classes, the labels count as the model does."""
    pictures = data.load(args.data, args.split, **{**_fitting(model, args), **_reading(args)})
    known = tuple(model.classes or ())
    if len(known) == 1 and pictures.classes is not None and len(pictures.classes) == 2:
        # One sigmoid: what it speaks for is class 1, the other class 0.
        known = (*(name for name in pictures.classes if name not in known), *known)
    if pictures.y is None or pictures.classes is None or not {*known} & {*pictures.classes}:
        return pictures
    return pictures.in_order(known)


def _fitting(model: Model, args: argparse.Namespace) -> dict[str, Any]:
    """What the model says of reading that no option does: how many classes a CSV has, and how
    pictures of any size are brought to its own."""
    counted = {}
    if not hasattr(args, "classes") and "rows" in data.options_of(args.data):
        counted["classes"] = max(2, model.class_count)  # a CSV does not say how many it has
    if len(model.input.shape) != 3:
        return counted
    rows, cols, channels = model.input.shape
    if not hasattr(args, "drawn") and "size" in data.options_of(args.data):
        return {"size": (rows, cols), "channels": channels}
    if args.resize is not None or not needs_fitting(model.input):
        return counted
    size = counted | {"resize": (rows, cols), "fit": model.input.fit}
    return {"channels": channels, **size} if channels in (1, 3) else size


def load_line(model: Model, args: argparse.Namespace) -> str:
    """The line of Python that loads the same."""
    words = [repr(args.data)]
    if args.split != "test":
        words.append(repr(args.split))
    reading = _fitting(model, args) | _reading(args)
    words += [f"{name}={value!r}" for name, value in reading.items()]
    return f"data = nv.data.load({', '.join(words)})"


def _reading(args: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name, None) for name in READING}
    given["size"] = getattr(args, "drawn", None)
    return {name: value for name, value in given.items() if value is not None}


def learnt_and_held_out(args: argparse.Namespace) -> tuple[data.Dataset, data.Dataset]:
    """What is learnt from and what is held out: the test set, or the last of the training set."""
    learnt = load_data(args, "train")
    if learnt.y is None:
        raise ArgumentError(f"{learnt.name} has no labels: nothing to learn from")
    if args.holdout is None:
        held_out = load_data(args, "test")
        if learnt.split is None or held_out.y is None:
            lacks = "a test set of its own" if learnt.split is None else "labels in its test set"
            raise ArgumentError(f"{args.data} lacks {lacks}: give --holdout N to hold some out")
        return learnt, held_out
    if not 0 < args.holdout < len(learnt):
        raise ArgumentError(
            f"--holdout must lie between 1 and {len(learnt) - 1}, got {args.holdout}"
        )
    return learnt[: -args.holdout], learnt[-args.holdout :]


def list_names(args: argparse.Namespace) -> None:
    """List the data sets that can be had by name, and which of them are in the cache."""
    rows = [("name", "download", "cached", "licence", "what")]
    rows.append(("sample", "ships", "yes", "CC BY-SA 3.0", "1,000 of MNIST's test digits"))
    for name, entry in data.CATALOGUE.items():
        cached = "yes" if data.is_cached(name) else "no"
        rows.append((name, f"{entry.size / 1e6:.1f} MB", cached, entry.licence, entry.what))
    rows += [(name, "drawn", "-", "-", kind.what) for name, kind in data.PLANTED.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(printable("  ".join(cells).rstrip()))
    print(f"cache: {data.cache()}")


def get(args: argparse.Namespace) -> None:
    """Download a data set into the cache, if it is not there yet; print its folder."""
    print(data.fetch(args.dataset))


def show(args: argparse.Namespace) -> None:
    """Count a data set's pictures by class, and draw some of each as a sheet."""
    from .draw import samples
    from .draw.png import write_png

    pictures = load_data(args, args.split)
    drawn = samples(pictures, args.each)
    size = "×".join(map(str, pictures.x.shape[1:]))
    print(printable(f"{pictures.name}: {len(pictures):,} pictures, {size} (rows, cols, channels)"))
    if pictures.y is None:
        print("no labels")
    else:
        counts = pictures.counts()
        names = pictures.classes or ("",) * len(counts)
        for number, (count, name) in enumerate(zip(counts, names, strict=True)):
            print(printable(f"{number:>5} {count:>9,}  {name}"))
    out = Path(args.out if args.out.endswith(".png") else f"{args.out}.png")
    write_png(out, drawn)
    print(out)


def printable(words: str) -> str:
    """Without what would move a terminal's cursor, and within what the output can write."""
    encoding = sys.stdout.encoding or "utf-8"
    return readable(words).encode(encoding, "replace").decode(encoding)


def _get_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("dataset", metavar="NAME", help=", ".join(data.CATALOGUE))


def _show_options(sub: argparse.ArgumentParser) -> None:
    data_options(sub, "data", metavar="WHERE")
    sub.add_argument("--each", type=int, default=10, help="pictures of a class; default: 10")
    sub.add_argument("--out", default="sheet.png", help="the picture; default: sheet.png")


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], None], Callable[[Any], None] | None]] = {
    "list": (list_names, None),
    "get": (get, _get_options),
    "show": (show, _show_options),
}


def add_commands(commands: Any) -> None:
    """Add `data` with its three commands to the top parser's commands."""
    words = "List, download and look at data sets."
    top = commands.add_parser("data", help=words.rstrip("."), description=words)
    inner = top.add_subparsers(dest="name_of_data_command", required=True)
    for name, (run, options) in COMMANDS.items():
        sub = inner.add_parser(name, help=(run.__doc__ or "").rstrip("."), description=run.__doc__)
        sub.set_defaults(run=run)
        if options:
            options(sub)
