"""The command line, thin: parse, call, print the paths written.

Exit codes: 0, 2 for the user's mistake (one line on stderr), 3 where a check that was asked for says
no, 1 for a bug.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .errors import ArgumentError, NnvizError, unknown


class _Parser(argparse.ArgumentParser):
    """argparse with the project's manners: a mistake is one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise ArgumentError(f"{message}; see: {self.prog} --help")


def train(args: argparse.Namespace) -> None:
    """Train a recipe's network on a data set and write the model file."""
    from . import data
    from .files import make_folder
    from .training.recipes import RECIPES

    if args.recipe not in RECIPES:
        raise unknown("recipe", args.recipe, RECIPES, "nnviz")
    recipe = RECIPES[args.recipe]
    out = Path(args.out)
    make_folder(out.parent)  # before an hour of training, not after it
    train_set = data.load(args.data, "train")
    held_out = data.load(args.data, "test")
    names = train_set.classes
    epochs = args.epochs or recipe.epochs
    steps = epochs * math.ceil(len(train_set) / recipe.batch_size)
    model = recipe.build(train_set.x.shape[1:], len(names or ()), names, args.seed)
    began = time.perf_counter()
    model.fit(
        train_set.x,
        train_set.y,
        epochs=epochs,
        batch_size=recipe.batch_size,
        optimizer=recipe.optimizer(steps),
        loss=recipe.loss,
        validation_data=(held_out.x, held_out.y),
        seed=args.seed,
        verbose=not args.quiet,
    )
    model.made |= {
        "recipe": recipe.name,
        "command": f"python -m nnviz {shlex.join(args.words)}",
        "trained_on": f"{len(train_set):,} pictures of {train_set.name}",
        "seconds": round(time.perf_counter() - began),
    }
    model.save(out)
    print(out)


def evaluate(args: argparse.Namespace) -> None:
    """Print a model's accuracy and loss on a data set."""
    from . import data
    from .formats import load

    model, pictures = load(args.model), data.load(args.data, args.split)
    if pictures.y is None:
        raise ArgumentError(f"{pictures.name} has no labels: nothing to evaluate against")
    got = model.evaluate(pictures.x, pictures.y)
    print(
        f"{pictures.name}: accuracy {got.accuracy:.2%} of {got.pictures:,} pictures, "
        f"loss {got.loss:.4f}"
    )


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = _Parser(prog="python -m nnviz", description="See what a convolutional network learned.")
    commands = top.add_subparsers(dest="command", required=True, parser_class=_Parser)

    sub = commands.add_parser("train", help="train a network and write the model file")
    sub.add_argument("--data", required=True)
    sub.add_argument("--out", required=True)
    sub.add_argument("--recipe", default="mnist-cnn")
    sub.add_argument("--epochs", type=int)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--quiet", action="store_true")
    sub.set_defaults(run=train)

    sub = commands.add_parser("evaluate", help="print a model's accuracy on a data set")
    sub.add_argument("model")
    sub.add_argument("--data", required=True)
    sub.add_argument("--split", default="test")
    sub.set_defaults(run=evaluate)
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = sys.argv[1:] if words is None else list(words)
    try:
        args = parser().parse_args(words)
        args.words = words
        args.run(args)
    except NnvizError as error:
        print(f"nnviz: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nnviz: stopped", file=sys.stderr)
        return 130
    return 0
