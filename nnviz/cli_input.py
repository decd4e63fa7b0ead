"""What the command line says of a model from elsewhere: how its pictures are prepared, and what its
classes are called."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import data
from .engine.input import FITS, InputSpec
from .engine.model import Model
from .engine.preprocess import PREPARATIONS, prepared
from .engine.rewrite import with_input
from .errors import ArgumentError, FileError, listing
from .formats import load
from .formats.onnx.opening import from_onnx
from .formats.shipped import find_model

UNTOLD = (
    "the file does not say how its pictures were prepared; they go in as 0..1, RGB: give "
    "--preprocess (none, if that is right)"
)
SETTINGS = ("preprocess", "mean", "scale", "channel_order", "fit")
"""The options of `prepared`, which have the same names here."""
ONNX_SETTINGS = ("size", "output", "input", "value")
"""What `onnx_options` adds."""
BACKGROUND = 1001
"""Networks with so many outputs have ImageNet's thousand classes, and none of them as number 0."""


def onnx_options(sub: argparse.ArgumentParser) -> None:
    """Add what an ONNX file leaves open."""
    group = sub.add_argument_group("what an ONNX file leaves open")
    group.add_argument(
        "--size", type=size, metavar="ROWSxCOLS", help="of the pictures, where the file leaves it "
        "free",
    )  # fmt: skip
    group.add_argument("--output", metavar="NAME", help="which of its outputs; default: the first")
    group.add_argument(
        "--input", metavar="NAME", help="which of its inputs the pictures are; default: the first "
        "of floats",
    )  # fmt: skip
    group.add_argument(
        "--value", type=named_value, action="append", default=[], metavar="NAME=NUMBER|FILE.npy",
        help="what another input gets, the same for every picture; once for each of them",
    )  # fmt: skip


def input_options(sub: argparse.ArgumentParser) -> None:
    """Add what says how pictures become the network's input, and the classes' names."""
    onnx_options(sub)
    ways = "; ".join(f"{name}: {way.what}" for name, way in PREPARATIONS.items())
    group = sub.add_argument_group(
        "how pictures become the network's input",
        "A file from elsewhere does not say it; a model of nnviz does, and these take its place.",
    )
    group.add_argument("--preprocess", metavar="NAME", help=ways)
    group.add_argument(
        "--mean", type=_numbers, metavar="M[,M,M]", help="in numbers: (pixel - mean) * scale, of "
        "pixels 0..255; one number or one for each channel, in the network's order",
    )  # fmt: skip
    group.add_argument("--scale", type=_numbers, metavar="S[,S,S]", help="the same; default: 1")
    group.add_argument("--channel-order", metavar="RGB|BGR", help="how the network wants colours")
    group.add_argument(
        "--fit", metavar="|".join(FITS), help="what happens to pictures of another size: crop "
        "takes the largest part in the middle that has the network's shape, stretch takes all and "
        "bends, and both resize (cells averaged where it shrinks); exact refuses them; default: "
        "crop where any of these options is given, else what the model says",
    )  # fmt: skip
    group.add_argument(
        "--labels", metavar="FILE", help="the classes' names, one a line in the order of the "
        "outputs; a number and a WordNet id before each are left out; or JSON",
    )  # fmt: skip


def size(word: str) -> tuple[int, int]:
    """`ROWSxCOLS` as two numbers."""
    found = re.fullmatch(r"([0-9]{1,6})[x×]([0-9]{1,6})", word)
    if not found:
        raise argparse.ArgumentTypeError(f"expected ROWSxCOLS, such as 28x28, got {word!r}")
    return int(found[1]), int(found[2])


def named_value(word: str) -> tuple[str, float | str]:
    """`NAME=0.5` or `NAME=file.npy` as the name and the number or the file."""
    name, sign, what = word.partition("=")
    if not name or not sign or not what:
        raise argparse.ArgumentTypeError(f"expected NAME=NUMBER or NAME=FILE.npy, got {word!r}")
    try:
        return name, float(what)
    except ValueError:
        return name, what


def _values(pairs: Sequence[tuple[str, float | str]]) -> dict[str, Any]:
    """The arrays of `--value`."""
    if again := [name for name, n in Counter(name for name, _ in pairs).items() if n > 1]:
        raise ArgumentError(f"--value gives {listing(again)} more than once")
    return {name: _array(what) if isinstance(what, str) else what for name, what in pairs}


def _array(path: str) -> np.ndarray:
    """The array of a .npy file; nothing but numbers is read."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FileError(f"cannot read an array from {path}: {error}") from None
    if not isinstance(found, np.ndarray):
        raise FileError(f"{path} must be a .npy file, which holds one array")
    return found


def _numbers(word: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in word.split(","))
    except ValueError:
        values = ()
    if not values or not all(math.isfinite(value) for value in values):
        raise argparse.ArgumentTypeError(f"expected numbers such as 104,117,123, got {word!r}")
    return values


def model_for(args: argparse.Namespace, path: str | None = None, *, partial: bool = False) -> Model:
    """The model that the arguments name (or the one at this path), prepared and named as they say.

    partial: see `bare_model`.
    """
    path = args.model if path is None else path
    model = as_told(bare_model(args, path, partial=partial), args)
    plain = len(model.input.shape) == 3 and model.input.is_plain
    if is_onnx(path) and plain and not told(args):
        print(f"nnviz: {UNTOLD}", file=sys.stderr)
    return model


def bare_model(args: argparse.Namespace, path: str, *, partial: bool = False) -> Model:
    """The model of a file, an ONNX file's as `onnx_options` say.

    partial: of an ONNX file that cannot be read whole what can be; what is left out is told.
    """
    if is_onnx(path):
        return read_onnx(
            path, partial, args.size, args.output, input=args.input, values=_values(args.value)
        )
    given = [f"--{name}" for name in ONNX_SETTINGS if getattr(args, name)]
    if given:
        raise ArgumentError(f"for ONNX files alone: {', '.join(given)}; got {path}")
    return load(path)


def is_onnx(path: str) -> bool:
    """Whether a word names an ONNX file."""
    return Path(path).suffix.lower() == ".onnx"


def read_onnx(
    path: str,
    partial: bool,
    size: tuple[int, int] | None = None,
    output: str | None = None,
    *,
    input: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Model:
    """A model from an ONNX file; a line for what is left out of it, each with the reason."""
    found = find_model(path)
    model = from_onnx(found, size=size, output=output, input=input, values=values, partial=partial)
    left_out = model.made.get("onnx", {}).get("left_out", {}) if partial else {}
    for place, why in list(left_out.items())[:MOST]:
        print(f"nnviz: left out: {place}: {why}", file=sys.stderr)
    if len(left_out) > MOST:
        print(f"nnviz: left out: {len(left_out) - MOST} more", file=sys.stderr)
    return model


MOST = 12
"""Lines about what is left out of a file at the most."""


def as_told(model: Model, args: argparse.Namespace) -> Model:
    """A model with the preparation and the class names of the arguments."""
    settings = told(args)
    spec = prepared(model.input, **settings) if settings else None
    names = None if args.labels is None else class_names(args.labels, model.class_count)
    return model if spec is None and names is None else with_input(model, spec, classes=names)


def told(args: argparse.Namespace) -> dict[str, Any]:
    """What the arguments say of the preparation, as the options of `prepared`."""
    settings = {name: getattr(args, name) for name in SETTINGS if getattr(args, name) is not None}
    return {"fit": "crop", **settings} if settings else {}


def class_names(path: str, count: int) -> tuple[str, ...]:
    """The names in a file for so many outputs."""
    names = data.read_class_names(path)
    if count == BACKGROUND and len(names) == BACKGROUND - 1:
        print(
            f"nnviz: {count} outputs, {len(names)} names: output 0 is background", file=sys.stderr
        )
        return ("background", *names)
    if len(names) != count:
        raise ArgumentError(f"{path} has {len(names)} class names, the model has {count} outputs")
    return names


def model_line(args: argparse.Namespace) -> str:
    """The lines of Python that make the same model."""
    named = {"size": args.size, "output": args.output, "input": args.input}
    extra = "".join(f", {key}={value!r}" for key, value in named.items() if value is not None)
    arrays = [f"{name!r}: {_told_value(value)}" for name, value in args.value]
    extra += f", values={{{', '.join(arrays)}}}" if arrays else ""
    read = "nv.from_onnx" if extra else "nv.load"
    above = "import numpy as np\n" if any(isinstance(v, str) for _, v in args.value) else ""
    lines = [f"{above}import nnviz as nv\nmodel = {read}({args.model!r}{extra})"]
    settings, words = told(args), []
    if settings:
        given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        words.append(f"nv.prepared(model.input, {given})")
    if args.labels is not None:
        words.append(f"classes=nv.data.read_class_names({args.labels!r})")
    if words:
        lines.append(f"model = nv.with_input(model, {', '.join(words)})")
    return "\n".join(lines)


def _told_value(value: float | str) -> str:
    return f"np.load({value!r})" if isinstance(value, str) else repr(value)


def needs_fitting(spec: InputSpec) -> bool:
    """Whether pictures of any size are brought to the network's."""
    return spec.fit != "exact" and len(spec.shape) == 3
