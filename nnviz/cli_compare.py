"""What the command line says of two models: `compare`, as tables, pictures and numbers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from .cli_data import data_options, load_for, printable
from .cli_input import input_options, model_for
from .errors import ArgumentError, listing
from .files import make_folder
from .inspection.evaluation import ClassChange, Comparison
from .inspection.evaluation import compare as compared

MOST = 20
"""Lines of a table; what changed no more than these is counted."""


def compare(args: argparse.Namespace) -> None:
    """Hold two models against each other on the same pictures."""
    from .draw import save_picture
    from .draw.png import write_png
    from .draw.scores import class_changes

    if args.maps < 0:
        raise ArgumentError(f"--maps must be at least 0, got {args.maps}")
    a, b = (model_for(args, path) for path in (args.a, args.b))
    pictures = load_for(a, args)
    result = compared(a, b, pictures.x, pictures.y, method=args.method, maps=args.maps)
    folder = make_folder(args.out)
    written = [folder / "comparison.npz", folder / "classes.png"]
    result.save(written[0])
    write_png(written[1], class_changes(result.classes))
    if len(result.shown):
        written.append(save_picture(result, folder / "maps.png", pictures=pictures.x))
    for warning in result.warnings:
        print(f"nnviz: warning: {printable(warning)}", file=sys.stderr)
    print(printable(f"a: {args.a}, b: {args.b}, {len(pictures):,} pictures of {pictures.name}"))
    for line in (*_answers(result), "", *_classes(result), "", *_weights(result)):
        print(printable(line))
    for path in written:
        print(path)


def _answers(result: Comparison) -> list[str]:
    """How the answers differ, over all classes."""
    lines = ["the two models are one and the same: every difference is zero"]
    lines = lines if result.identical else []
    total = result.total
    if total.difference is not None:
        low, high = total.interval or (0.0, 0.0)
        lines += [
            f"accuracy: a {total.right_a / total.pictures:.2%}, b "
            f"{total.right_b / total.pictures:.2%}, b - a {_points(total.difference)} percentage "
            f"points ({_points(low)} to {_points(high)} with 95 % confidence; "
            f"McNemar's mid-p {total.p:.2g})",
            f"from right to wrong: {_numbers(result.broken)}",
            f"from wrong to right: {_numbers(result.mended)}",
        ]
    return [*lines, f"answered differently: {_numbers(result.changed)}"]


def _points(share: float) -> str:
    """A difference of shares in percentage points, never `-0.0`."""
    return f"{100 * share + 0.0:+.1f}" if round(100 * share, 1) else "0.0"


def _numbers(chosen: Any, limit: int = 12) -> str:
    """How many pictures, and the numbers of the first of them."""
    if not len(chosen):
        return "none"
    more = ", ..." if len(chosen) > limit else ""
    return f"{len(chosen)} (pictures {', '.join(map(str, chosen[:limit].tolist()))}{more})"


def _classes(result: Comparison) -> list[str]:
    """A line for each class, the one that changed most first."""
    head = ["class", "moved"]
    labelled = result.labels is not None
    if labelled:
        head += ["pictures", "a", "b", "b - a", "95 % interval", "to wrong", "to right"]
    rows = [_class(one, labelled) for one in result.classes[:MOST]]
    return _table(head, rows, len(result.classes) - len(rows))


def _class(one: ClassChange, labelled: bool) -> list[str]:
    cells = [one.name, f"{one.moved:.2%}"]
    if not labelled:
        return cells
    if one.difference is None or one.interval is None:
        return [*cells, "0", *["-"] * 6]
    low, high = one.interval
    return [
        *cells,
        str(one.pictures),
        f"{one.right_a / one.pictures:.1%}",
        f"{one.right_b / one.pictures:.1%}",
        _points(one.difference),
        f"{_points(low)} to {_points(high)}",
        str(one.lost),
        str(one.gained),
    ]


def _weights(result: Comparison) -> list[str]:
    """A line for each array that both models have, and the names of the others."""
    rows = [
        [
            one.name,
            "x".join(map(str, one.shape)),
            f"{one.norm:.4g}",
            "-" if one.relative is None else f"{one.relative:.2%}",
            "-" if one.cosine is None else f"{one.cosine:.4f}",
        ]
        for one in result.weights[:MOST]
    ]
    head = ["array", "shape", "distance", "relative", "cosine"]
    lines = _table(head, rows, len(result.weights) - len(rows)) if rows else []
    for which, names in (("a", result.only_a), ("b", result.only_b)):
        if names:
            lines.append(f"only in {which}: {listing(names, MOST)}")
    for one in result.reshaped:
        shapes = ["x".join(map(str, shape)) for shape in (one.shape_a, one.shape_b)]
        lines.append(f"of another shape: {one.name}, {shapes[0]} in a, {shapes[1]} in b")
    return lines


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], more: int) -> list[str]:
    """Columns as wide as their widest cell; all but the first stand at the right."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    out = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        out.append("  ".join(cells).rstrip())
    return [*out, f"... and {more} more that changed no more than these"] if more else out


def add_compare(commands: Any) -> None:
    """Add `compare` to the top parser's commands."""
    sub = commands.add_parser(
        "compare", help=(compare.__doc__ or "").rstrip("."), description=compare.__doc__
    )
    sub.set_defaults(run=compare)
    sub.add_argument("a", metavar="A", help="a model file or checkpoint, or a shipped model's name")
    sub.add_argument("b", metavar="B", help="the same, held against A")
    data_options(sub, "--data", required=True, told=True)
    sub.add_argument("--method", default="grad_cam", help="of the maps; default: grad_cam")
    sub.add_argument("--maps", type=int, default=6, help="pictures with maps; default: 6")
    input_options(sub)
    sub.add_argument("--out", default="comparison", help="the folder to write; default: comparison")
