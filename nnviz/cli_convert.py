"""The command `convert`: from one kind of model file to another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .cli_input import input_options, model_for
from .errors import ArgumentError, FileError
from .files import make_folder

KINDS = (".npz", ".onnx")


def convert_options(sub: argparse.ArgumentParser) -> None:
    """The options of `convert`."""
    sub.add_argument("model", help="the file to read: .onnx or .npz, or a shipped model's name")
    sub.add_argument("out", help="the file to write: .npz (nnviz's own) or .onnx (for others)")
    sub.add_argument(
        "--partial",
        action="store_true",
        help="of an ONNX file with operators that nnviz does not know, write what can be read",
    )
    sub.add_argument(
        "--outputs",
        nargs="+",
        metavar="NODE",
        help="what the ONNX file that is written gives; default: the model's output, and after it "
        "the other outputs of the file that it was read from (a .npz keeps them all, too)",
    )
    input_options(sub)


def convert(args: argparse.Namespace) -> None:
    """Write a model file in the other format: ONNX from anywhere to .npz, or .npz to ONNX."""
    out = Path(args.out)
    if out.suffix not in KINDS:
        raise ArgumentError(f"cannot write {args.out!r}: it must end in {' or '.join(KINDS)}")
    if args.outputs and out.suffix != ".onnx":
        raise ArgumentError(f"--outputs is for an ONNX file that is written, got {args.out}")
    if out.is_dir():
        raise FileError(f"cannot write {out}: it is a folder; give the model file's name")
    model = model_for(args, partial=args.partial)
    make_folder(out.parent)
    if out.suffix == ".npz":
        model.save(out)
    else:
        model.to_onnx(out, outputs=args.outputs)
        if not model.input.is_plain:
            print(f"nnviz: {FOREIGN}", file=sys.stderr)
        if wide := sum(a.dtype.itemsize > 4 for a in model.parameters().values()):
            print(f"nnviz: {SINGLE.format(wide)}", file=sys.stderr)
    print(out)


SINGLE = (
    "{} parameters are float64, and the file has them as float32: runtimes have convolutions in "
    "nothing wider (a .npz keeps them)"
)
FOREIGN = (
    "the file takes pictures that are prepared already; how is kept in its metadata (nnviz.input), "
    "which nnviz reads and other programs do not"
)
