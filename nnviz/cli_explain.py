"""The command `explain`: why a model answers as it does, for one picture, by any method."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from . import data
from .cli_input import input_options, model_for, needs_fitting
from .engine.model import Model
from .errors import ArgumentError, unknown
from .files import make_folder, with_suffix

MODEL_HELP = "a model file (.npz or .onnx), or the name of a shipped model (mnist-cnn)"
OPTIONS = ("node", "rule", "patch", "stride", "steps", "samples", "seed")
"""The options of methods that have a word of their own here; all others go by --set."""
SCORES = ("logit", "probability", "log-probability")


FITTED = {"stretch": ", which changes its shape", "crop": ", its middle"}
"""What becomes of a picture of another shape."""


class _List(argparse.Action):
    """--list: the methods, and no more."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from .inspection.attribution import METHODS
        from .inspection.attribution.methods import FAMILIES

        width = max(map(len, METHODS))
        for method in sorted(METHODS.values(), key=lambda m: FAMILIES.index(m.family)):
            print(f"{method.name:{width}}  {method.family:12}  {method.cost}; {method.reference}")
        parser.exit(0)


def explain_options(sub: argparse.ArgumentParser) -> None:
    """The options of `explain`."""
    sub.add_argument("image", help="a picture file")
    sub.add_argument("--model", default="mnist-cnn", help=MODEL_HELP)
    sub.add_argument("--method", default="grad_cam", help="by name; default: grad_cam; see --list")
    sub.add_argument("--list", action=_List, nargs=0, help="print all methods and stop")
    sub.add_argument("--target", help="a class by name or number; default: the network's answer")
    sub.add_argument("--against", help="a class to tell it from: why the target and not this one")
    sub.add_argument(
        "--score", default=SCORES[0], help=f"{', '.join(SCORES)}; default: {SCORES[0]}"
    )
    group = sub.add_argument_group("options of methods; each method takes its own")
    group.add_argument("--node", help="where class activation maps are taken, say")
    group.add_argument("--rule", help="plain, guided or rectified")
    group.add_argument("--patch", type=int, help="the patch's size, for occlusion")
    group.add_argument("--stride", type=int, help="the patch's steps, for occlusion")
    group.add_argument("--steps", type=int, help="of a path")
    group.add_argument("--samples", type=int, help="how many random draws")
    group.add_argument("--seed", type=int, help="of the random draws")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other; repeatable",
    )
    sub.add_argument("--cmap", help="a colour map by name, such as jet")
    sub.add_argument("--resize", action="store_true", help="bring the picture to the model's size")
    sub.add_argument(
        "--invert", action="store_true", help="turn dark into light and light into dark"
    )
    input_options(sub)
    sub.add_argument("--out", default="explanation.png", help="default: explanation.png")
    sub.add_argument("--numbers", help="also write the map's numbers into this .npz")


def explain(args: argparse.Namespace) -> None:
    """Explain a model's answer to one picture."""
    from .draw import save_picture
    from .inspection.attribution import explain as by_name

    model = model_for(args)
    picture, notes = _picture(model, args)
    target = _target(model, picture, args)
    result = by_name(model, picture[None], target, method=args.method, **_options(args))
    written = [Path(args.out)]
    if written[0].suffix != ".png":
        raise ArgumentError(f"cannot draw into {args.out!r}: --out must end in .png")
    if args.numbers:
        written.append(with_suffix(args.numbers, ".npz"))
    for path in written:  # both can be written, or neither is
        make_folder(path.parent)
    for path in written[1:]:
        result.save(path)
    save_picture(result, written[0], pictures=picture[None], cmap=args.cmap)
    for note in (*notes, *(f"warning: {warning}" for warning in result.warnings)):
        print(f"nnviz: {note}", file=sys.stderr)
    print(_answer(model, picture))
    for path in written:
        print(path)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """The method's options: those with a word of their own, and NAME=VALUE with JSON's numbers,
    lists and words, or plain text."""
    given = {name: getattr(args, name) for name in OPTIONS if getattr(args, name) is not None}
    for word in args.set:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise ArgumentError(f"--set wants NAME=VALUE, such as --set steps=50, got {word!r}")
        try:
            given[name] = json.loads(value)
        except ValueError:
            given[name] = value
    return given


def _target(model: Model, picture: Any, args: argparse.Namespace) -> Any:
    """What --target, --against and --score ask for; None for the network's own answer's logit."""
    from .inspection.attribution import Logit, LogProbability, Probability

    kinds = dict(zip(SCORES, (Logit, Probability, LogProbability), strict=True))
    if args.score not in kinds:
        raise unknown("score", args.score, SCORES, "nnviz")
    kind = kinds[args.score]
    if args.target is None and args.against is None and kind is Logit:
        return None
    if args.target is None:
        chosen: Any = int(model.predict(picture[None]).argmax())
    else:
        chosen = _class(model, args.target)
    return kind(chosen) - kind(_class(model, args.against)) if args.against else kind(chosen)


def _class(model: Model, word: str) -> str | int:
    """A class by name, or by number where no class has that name."""
    return word if not word.isdecimal() or word in (model.classes or ()) else int(word)


def _answer(model: Model, picture: Any) -> str:
    """What the network makes of a picture: its three surest classes, or its plain output."""
    from .inspection.probability import probabilities

    output = probabilities(model, model.predict(picture[None]))[0]
    if model.head == "none" or output.ndim != 1:
        return f"output: from {output.min():.4g} to {output.max():.4g}"
    best = output.argsort()[::-1][:3]
    return ", ".join(f"{model.class_name(int(c))}: {output[c]:.1%}" for c in best)


def _picture(model: Model, args: argparse.Namespace) -> tuple[Any, list[str]]:
    """The picture to explain, in the model's size, and what to say about it.

    Other sizes are taken only where --resize says so.
    """
    import numpy as np

    notes = []
    if len(model.input.shape) != 3:
        raise ArgumentError(f"explain needs a model for pictures, got {model.input.shape}")
    rows, cols, channels = model.input.shape
    picture = data.read_picture(args.image, channels)
    if picture.shape[:2] != (rows, cols):
        if not args.resize and not needs_fitting(model.input):
            raise ArgumentError(
                f"{args.image} has {picture.shape[0]}×{picture.shape[1]} pixels (rows × cols), the "
                f"model wants {rows}×{cols}: give --resize to have it resized"
            )
        was = picture.shape[:2]
        fit = "crop" if model.input.fit == "crop" and not args.resize else "stretch"
        picture = data.resize(picture, rows, cols, fit)
        bent = FITTED[fit] if was[0] * cols != was[1] * rows else ""
        notes.append(f"resized from {was[0]}×{was[1]} to {rows}×{cols} (rows × cols){bent}")
    if args.invert:
        return np.subtract(255, picture, dtype=np.uint8), notes
    usual, here = model.input.background, data.background(picture)
    if usual is not None and abs(here - usual) > 0.5:
        kinds = ("dark", "light")
        want, have = kinds[usual > 0.5], kinds[here > 0.5]
        notes.append(
            f"warning: the picture's background is {have}, but the model learnt from pictures on a "
            f"{want} one: give --invert to turn it round"
        )
    return picture, notes
