"""The training loop.

Everything random comes from the seed, the epoch and the step: the same seed gives the same weights,
bit for bit, with any number of threads, and a run that was killed and resumed from its checkpoint
ends where the uninterrupted one would have.
"""

from __future__ import annotations

import hashlib
import math
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.layer import Array
from ..engine.model import Model
from ..engine.walk import Draw
from ..errors import ArgumentError
from ..formats.npz import with_ending
from .augment import Augmentation
from .callbacks import Callback
from .checkpoint import restore
from .history import Epoch, Evaluation, History
from .losses import Loss, as_targets, get_loss
from .optimizers import Optimizer, get_optimizer
from .step import Steps, meeting, right_answers

SHUFFLE = 0xD1CE
"""Keeps the shuffle's random stream apart from the layers' (whose keys begin with the step)."""


def fit(
    model: Model,
    x: Any,
    y: Any,
    *,
    epochs: int,
    batch_size: int = 128,
    optimizer: str | Optimizer = "adam",
    loss: str | Loss = "categorical_crossentropy",
    validation_data: tuple[Any, Any] | None = None,
    augment: Augmentation | None = None,
    callbacks: Sequence[Callback] = (),
    resume: str | Path | None = None,
    seed: int = 0,
    verbose: bool = True,
) -> History:
    """Train a model in place on pictures `x` (N, *input shape) and labels `y`.

    y: class numbers (N,), one-hot rows (N, classes), or any targets of the output's shape.
    validation_data: `(x, y)` measured after each epoch, never learnt from.
    augment: what is done to the pictures each time they are learnt from, such as `Shift(2)`.
    callbacks: what happens between epochs. resume: a checkpoint's file: where it exists, training
    goes on from it (with the same settings and pictures, else an error), where not, it begins.
    seed: of the shuffling, of augmentation and of dropout. verbose: a progress bar on a terminal
    and a line an epoch. `model.made` keeps the settings and the history.
    """
    _check_numbers(epochs=(epochs, 1), batch_size=(batch_size, 1), seed=(seed, 0))
    _check_kinds(augment, callbacks, validation_data)
    pictures = model.input.check(x)
    dtype = pictures.dtype if pictures.dtype.kind == "f" else np.dtype(np.float32)
    targets = as_targets(y, len(pictures), model.output_shape, dtype)
    if validation_data is not None:
        held_out = model.input.check(validation_data[0])
        as_targets(validation_data[1], len(held_out), model.output_shape, dtype)
    training = Training(
        model=model,
        pictures=pictures,
        targets=targets,
        loss=get_loss(loss),
        optimizer=get_optimizer(optimizer),
        augment=augment,
        validation_data=validation_data,
        batch_size=batch_size,
        epochs=epochs,
        seed=seed,
        verbose=verbose,
    )
    if resume is not None:
        # Checkpoint adds the ending to its path, so the same path must find it here.
        path = Path(resume) if Path(resume).is_file() else with_ending(resume)
        if path.exists():
            restore(training, path)
    training.run(callbacks)
    return training.history


def _check_numbers(**given: tuple[object, int]) -> None:
    """Each is a whole number, and not below its least value."""
    for name, (number, least) in given.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise ArgumentError(
                f"{name} must be a whole number of at least {least}, got {number!r}"
            )


def _check_kinds(augment: object, callbacks: object, validation_data: object) -> None:
    """What is neither a number nor an array is of the kind it should be: `Flip()`, not `Flip`."""
    if not isinstance(augment, Augmentation | None):
        raise ArgumentError(f"augment must be an augmentation such as Shift(2), got {augment!r}")
    given = callbacks if isinstance(callbacks, Sequence) else [callbacks]
    if given is not callbacks or not all(isinstance(item, Callback) for item in given):
        raise ArgumentError(
            f"callbacks must be a list of callbacks such as [EarlyStopping()], got {callbacks!r}"
        )
    pair = isinstance(validation_data, tuple | list) and len(validation_data) == 2
    if validation_data is not None and not pair:
        raise ArgumentError("validation_data must be a pair of pictures and labels, (x, y)")


@dataclass
class Training:
    """A training under way: what callbacks see.

    step, and the length of `history.epochs`, say how far it has come. Setting `stop` ends it after
    this epoch.
    """

    model: Model
    pictures: Array
    targets: Array
    loss: Loss
    optimizer: Optimizer
    augment: Augmentation | None
    validation_data: tuple[Any, Any] | None
    batch_size: int
    epochs: int
    seed: int
    verbose: bool
    step: int = 0
    stop: bool = False
    history: History = field(default_factory=History)

    def run(self, callbacks: Sequence[Callback]) -> None:
        """All epochs that are left."""
        for callback in callbacks:
            callback.train_begin(self)
        if self.history.epochs:  # resumed, perhaps with nothing left to do
            self.model.made = {**self.settings(), **self._later()}
        steps = Steps(self.model, self.loss, self.optimizer)
        while len(self.history.epochs) < self.epochs and not self.stop:
            self.history.epochs.append(self._epoch(len(self.history.epochs), steps))
            self.model.made = {**self.settings(), **self._later()}
            if self.verbose:
                print(_line(self.history, self.epochs), flush=True)
            for callback in callbacks:
                callback.epoch_end(self)

    def settings(self) -> dict[str, Any]:
        """What must be the same for a run to be resumed."""
        return {
            "batch_size": self.batch_size,
            "optimizer": repr(self.optimizer),
            "loss": repr(self.loss),
            "augment": None if self.augment is None else repr(self.augment),
            "seed": self.seed,
        }

    def data_hash(self) -> str:
        """A sha256 over pictures and targets."""
        digest = hashlib.sha256(np.ascontiguousarray(self.pictures).data)
        digest.update(np.ascontiguousarray(self.targets).data)
        for part in self.validation_data or ():
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def _later(self) -> dict[str, Any]:
        """What a later reader needs to know besides the settings."""
        return {
            "epochs": len(self.history.epochs),
            "history": self.history.as_rows(),
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
        }

    def _epoch(self, epoch: int, steps: Steps) -> Epoch:
        """All batches of one epoch, then the validation."""
        began, rate = time.perf_counter(), self.optimizer.rate()
        total, right, seen = 0.0, 0, 0
        bar = _progress(len(self.pictures), f"epoch {epoch + 1}/{self.epochs}", self.verbose)
        for batch in _batches(len(self.pictures), self.batch_size, self.seed, epoch):
            draw = Draw(self.seed, self.step)
            got = steps.step(self.pictures, self.targets, batch, draw, self.augment)
            self.step += 1
            total, right, seen = total + got[0], right + got[1], seen + len(batch)
            if not math.isfinite(total):
                head = self.loss.fuses
                other = head is not None and head != self.model.head and self.step == 1
                advice = (
                    f"or end the model with the {head} that this loss expects; " if other else ""
                )
                raise ArgumentError(
                    f"the loss became {total} in epoch {epoch + 1}, step {self.step}: "
                    f"try a smaller learning rate; {advice}the weights are those of the step before"
                )
            bar.update(len(batch))
            bar.set_postfix(loss=f"{total / seen:.4f}", acc=f"{right / seen:.4f}")
        bar.close()
        seconds = time.perf_counter() - began
        checked = None
        if self.validation_data is not None:
            checked = evaluate(self.model, *self.validation_data, loss=self.loss)
        return Epoch(
            loss=total / seen,
            accuracy=right / seen,
            val_loss=None if checked is None else checked.loss,
            val_accuracy=None if checked is None else checked.accuracy,
            learning_rate=rate,
            seconds=seconds,
            pictures_per_second=seen / seconds,
        )


def _batches(n: int, size: int, seed: int, epoch: int) -> Iterator[Array]:
    """The pictures' numbers in this epoch's order, batch by batch; the last one may be smaller."""
    key = np.random.SeedSequence(seed, spawn_key=(SHUFFLE, epoch, 0, 0))
    order = np.random.default_rng(key).permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]


def evaluate(
    model: Model, x: Any, y: Any, *, loss: str | Loss = "categorical_crossentropy"
) -> Evaluation:
    """Mean loss and accuracy of a model on pictures and labels, as at prediction."""
    end, values, _ = meeting(model, get_loss(loss))
    pictures = model.input.check(x)
    targets = as_targets(y, len(pictures), model.output_shape, np.float64)
    outputs = model.run(pictures, keep=(end,))[end].y.reshape(targets.shape)
    return Evaluation(
        loss=float(values(outputs.astype(np.float64), targets).mean()),
        accuracy=right_answers(outputs, targets) / len(pictures),
        pictures=len(pictures),
    )


def _progress(total: int, label: str, verbose: bool) -> Any:
    from tqdm import tqdm

    # disable=None: shown on a terminal, silent in a pipe.
    disable = None if verbose else True
    return tqdm(total=total, desc=label, unit="pictures", leave=False, disable=disable)


def _line(history: History, epochs: int) -> str:
    last = history.epochs[-1]
    text = f"epoch {len(history.epochs)}/{epochs}  loss {last.loss:.4f}"
    text += f"  accuracy {last.accuracy:.4f}"
    if last.val_loss is not None:
        text += f"  val_loss {last.val_loss:.4f}  val_accuracy {last.val_accuracy:.4f}"
    return f"{text}  {last.pictures_per_second:,.0f} pictures/s"
