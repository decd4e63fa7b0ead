"""The command line, thin: parse, call, print the paths written.

Exit codes: 0, 2 for the user's mistake (one line on stderr), 3 where a check that was asked for
says no, 1 for a bug.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from . import __version__
from .cli_compare import add_compare
from .cli_compare_methods import compare_methods, compare_methods_options
from .cli_convert import convert, convert_options
from .cli_data import (
    add_commands,
    data_options,
    learnt_and_held_out,
    load_for,
    load_line,
)
from .cli_explain import MODEL_HELP, explain, explain_options
from .cli_input import bare_model, input_options, model_for, model_line, onnx_options
from .cli_selftest import selftest, selftest_options
from .engine.model import Model
from .errors import ArgumentError, FileError, NnvizError, readable, unknown
from .files import make_folder, with_suffix
from .training import Callback, Checkpoint, CSVLog


class _Parser(argparse.ArgumentParser):
    """argparse with the project's manners: a mistake is one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise ArgumentError(f"{message}; see: {self.prog} --help")


def report(args: argparse.Namespace) -> None:
    """Write a gallery: index.html, pictures, numbers and a manifest."""
    from .report import write_report

    model = model_for(args)
    pictures = load_for(model, args)
    name = args.name or Path(args.model).stem
    code = (model_line(args), load_line(model, args))
    written = write_report(
        model,
        pictures,
        args.out,
        seed=args.seed,
        name=name,
        command=_command(args),
        code=code,
        classes=[_class(model, word) for word in args.shown_classes],
        layers=[_layer(model, word) for word in args.layers],
        chapters=_words(args.chapters),
        methods=_words(args.methods),
        pick=_numbers(args.pick),
        lang=args.lang,
        verbose=not args.quiet,
    )
    for path in written:
        print(path)
    if args.open:
        _open(written[-1])


def _open(page: Path) -> None:
    """Show the page in the reader's browser; one line where there is none."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        print(f"nnviz: found no browser to open {page} with", file=sys.stderr)


def _words(given: str | None) -> list[str]:
    """`a,b,c` as a list; nothing where nothing was said."""
    return [] if given is None else [word.strip() for word in given.split(",")]


def _numbers(given: str | None) -> list[int]:
    """`3,17,42` as numbers."""
    words = _words(given)
    if not all(word.isdecimal() for word in words):
        raise ArgumentError(f"--pick wants numbers of pictures like 3,17,42, got {given!r}")
    return [int(word) for word in words]


def _class(model: Model, word: str) -> str | int:
    """A class by name, or by number where no class has that name."""
    return int(word) if word.isdecimal() and word not in (model.classes or ()) else word


def _layer(model: Model, word: str) -> str | tuple[str, list[int]]:
    """`NODE`, or `NODE:0,5,17` for some of its channels; a node's name may have a colon itself."""
    name, colon, channels = word.rpartition(":")
    if not colon or word in model.shapes:
        return word
    numbers = channels.split(",")
    if not all(number.isdecimal() for number in numbers):
        raise ArgumentError(f"--layers wants NODE or NODE:CHANNEL,CHANNEL, got {word!r}")
    return name, [int(number) for number in numbers]


def train(args: argparse.Namespace) -> None:
    """Train a recipe's network on a data set and write the model file."""
    from .training.recipes import RECIPES

    if args.recipe not in RECIPES:
        raise unknown("recipe", args.recipe, RECIPES, "nnviz")
    recipe = RECIPES[args.recipe]
    out = _model_file(args.out)
    if out == _checkpoint(args):
        raise ArgumentError(f"--out and --checkpoint are both {out}: give two files")
    learnt, held_out = learnt_and_held_out(args)
    names = learnt.classes
    epochs = recipe.epochs if args.epochs is None else args.epochs
    steps = max(1, epochs * math.ceil(len(learnt) / recipe.batch_size))
    model = recipe.model(learnt.x, len(names or ()), names, args.seed)
    history = model.fit(
        learnt.x,
        learnt.y,
        epochs=epochs,
        batch_size=recipe.batch_size,
        optimizer=recipe.optimizer(steps),
        loss=recipe.loss,
        validation_data=(held_out.x, held_out.y),
        augment=recipe.augment,
        callbacks=_callbacks(args),
        resume=_checkpoint(args),
        seed=args.seed,
        verbose=not args.quiet,
    )
    model.made |= {
        "recipe": recipe.name,
        "command": _command(args),
        "trained_on": f"{len(learnt):,} pictures of {learnt.name}",
        "seconds": round(sum(history["seconds"])),
    }
    model.save(out)
    print(out)


def _model_file(word: str) -> Path:
    """A file to write a model into, made sure of before an hour of training, not after it."""
    path = with_suffix(word, ".npz")
    for folder in (Path(word), path):
        if folder.is_dir():
            raise FileError(f"cannot write {folder}: it is a folder; give the model file's name")
    make_folder(path.parent)
    return path


def _checkpoint(args: argparse.Namespace) -> Path | None:
    return None if args.checkpoint is None else _model_file(args.checkpoint)


def _callbacks(args: argparse.Namespace) -> list[Callback]:
    """What the options ask for after each epoch; the checkpoint last, when all else is written."""
    made: list[Callback] = []
    if args.log:
        made.append(CSVLog(args.log))
    if args.curves:
        from .report.live import Curves

        made.append(Curves(with_suffix(args.curves, ".png")))
    if (path := _checkpoint(args)) is not None:
        made.append(Checkpoint(path))
    return made


def evaluate(args: argparse.Namespace) -> None:
    """Print a model's accuracy and loss on a data set."""
    model = model_for(args)
    pictures = load_for(model, args)
    if pictures.y is None:
        raise ArgumentError(f"{pictures.name} has no labels: nothing to evaluate against")
    got = model.evaluate(pictures.x, pictures.y)
    print(
        f"{pictures.name}: accuracy {got.accuracy:.2%} of {got.pictures:,} pictures, "
        f"loss {got.loss:.4f}"
    )


def summary(args: argparse.Namespace) -> None:
    """Print a model's layers, shapes and parameters."""
    from .inspection.anatomy.table import COLUMNS

    model = bare_model(args, args.model, partial=True)
    every = tuple(COLUMNS) if args.columns == "all" else (args.columns or "").split(",")
    print(model.summary(None if args.columns is None else every))


def diagram(args: argparse.Namespace) -> None:
    """Draw a model's structure."""
    from .draw import save_picture
    from .inspection.anatomy import diagram as draw

    print(save_picture(draw(bare_model(args, args.model, partial=True)), args.out))


def _command(args: argparse.Namespace) -> str:
    return f"python -m nnviz {shlex.join(args.words)}"


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = _Parser(prog="python -m nnviz", description="See what a convolutional network learned.")
    top.add_argument("--version", action="version", version=f"nnviz {__version__}")
    commands = top.add_subparsers(dest="name_of_command", required=True, parser_class=_Parser)
    for run, options in OPTIONS.items():
        words = (run.__doc__ or "").rstrip(".")
        sub = commands.add_parser(
            run.__name__.replace("_", "-"), help=words, description=run.__doc__
        )
        sub.set_defaults(run=run)
        options(sub)
    add_compare(commands)
    add_commands(commands)
    return top


def _report_options(sub: argparse.ArgumentParser) -> None:
    _model_option(sub)
    data_options(sub, "--data", default="sample", told=True)
    input_options(sub)
    _seed_option(sub)
    group = sub.add_argument_group("what is shown")
    group.add_argument(
        "--classes", nargs="+", default=[], dest="shown_classes", metavar="CLASS",
        help="whose ideal pictures are made, by name or number; default: all, or those that the "
        "pictures show where there are many",
    )  # fmt: skip
    group.add_argument(
        "--layers", nargs="+", default=[], metavar="NODE[:CHANNEL,CHANNEL]",
        help="whose channels are shown; default: the first convolution and the last one before "
        "the answer",
    )  # fmt: skip
    group.add_argument(
        "--chapters", metavar="NAME,NAME",
        help="of works, adjust, fails and why; default: all four",
    )  # fmt: skip
    group.add_argument(
        "--methods", metavar="NAME,NAME",
        help="which attribution methods stand beside each other and are judged, by the names that "
        "`explain` knows; default: the usual ones",
    )  # fmt: skip
    group.add_argument(
        "--pick", metavar="NUMBER,NUMBER",
        help="which pictures of --data are explained, counted from 0; default: the first of each "
        "class",
    )  # fmt: skip
    sub.add_argument(
        "--out", default="gallery",
        help="the folder to write; default: gallery. What was computed stays in its .nnviz-cache, "
        "so that a report goes on where it was; safe to delete",
    )  # fmt: skip
    sub.add_argument("--open", action="store_true", help="open the page in the browser")
    sub.add_argument("--name", help="what to call the model on the page")
    sub.add_argument(
        "--lang", default="en", metavar="LANGUAGE",
        help="of the page's own words: en or zh (simplified Chinese); default: en",
    )  # fmt: skip
    sub.add_argument("--quiet", action="store_true", help="no progress bar")


def _train_options(sub: argparse.ArgumentParser) -> None:
    data_options(sub, "--data", required=True, split=False)
    sub.add_argument("--out", required=True, help="the model file to write (.npz)")
    sub.add_argument(
        "--recipe", default="mnist-cnn", help="network and settings; default: mnist-cnn"
    )
    sub.add_argument("--epochs", type=int, help="rounds; default: the recipe's")
    sub.add_argument(
        "--holdout",
        type=int,
        metavar="N",
        help="hold out the last N training pictures, not the test set, to choose settings by",
    )
    sub.add_argument(
        "--checkpoint",
        metavar="PATH",
        help="write the training's state here after each epoch; go on from it where it is there",
    )
    sub.add_argument("--log", metavar="CSV", help="the figures of each epoch as a CSV file")
    sub.add_argument("--curves", metavar="PNG", help="the curves as a picture, after each epoch")
    _seed_option(sub)
    sub.add_argument("--quiet", action="store_true", help="no progress, no line per epoch")


def _evaluate_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model", help=MODEL_HELP)
    data_options(sub, "--data", required=True, told=True)
    input_options(sub)


def _diagram_options(sub: argparse.ArgumentParser) -> None:
    _model_option(sub)
    sub.add_argument("--out", default="diagram.svg", help=".svg or .png; default: diagram.svg")
    onnx_options(sub)


def _model_option(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model", nargs="?", default="mnist-cnn", help=MODEL_HELP)


def _summary_options(sub: argparse.ArgumentParser) -> None:
    _model_option(sub)
    onnx_options(sub)
    sub.add_argument(
        "--columns",
        help="kernel,parameters,trainable,mult_adds,flops,memory,receptive_field,stride,centre, or "
        "all; default: parameters",
    )


def _seed_option(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--seed", type=_natural, default=0, help="of everything random; default: 0")


def _natural(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {word!r}")
    return int(word)


Run = Callable[[argparse.Namespace], int | None]
"""A command; it may give an exit code of its own."""
OPTIONS: dict[Run, Callable[[argparse.ArgumentParser], None]] = {
    report: _report_options,
    train: _train_options,
    evaluate: _evaluate_options,
    summary: _summary_options,
    diagram: _diagram_options,
    explain: explain_options,
    convert: convert_options,
    compare_methods: compare_methods_options,
    selftest: selftest_options,
}
"""Command -> what adds its options to its parser."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    for stream in (sys.stdout, sys.stderr):  # a name may have signs that the terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = parser().parse_args(words)
        args.words = words
        code = args.run(args)
        sys.stdout.flush()
    except NnvizError as error:
        # One line that moves no cursor, whatever names stand in it.
        print(f"nnviz: {readable(' '.join(str(error).split()))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nnviz: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader has seen enough; nothing more may be flushed at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code or 0
