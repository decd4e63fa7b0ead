"""The training loop.

A step cuts its batch into chunks; each chunk runs forward, meets the loss and walks back while its
activations are still in cache, then lets them go. The chunks' gradients are added in their order
and the optimizer makes one step. Everything random comes from the seed: the same seed gives the
same weights, bit for bit, with any number of threads.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..engine.executor import Program, chunk_slices, lockstep, shelf
from ..engine.graph import INPUT
from ..engine.layer import Array, Call
from ..engine.model import Model
from ..engine.walk import Draw, Sums, backward, forward, live_nodes
from ..errors import ArgumentError
from .augment import Augmentation
from .callbacks import Callback
from .losses import Loss, as_targets, get_loss
from .optimizers import Optimizer, get_optimizer

SHUFFLE = 0xD1CE
"""Keeps the shuffle's random stream apart from the layers' (whose keys begin with the step)."""


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; the validation's are None where there was none."""

    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    pictures_per_second: float


@dataclass
class History:
    """What `fit` returns: `history.epochs` in order, or one column of it by `history["loss"]`."""

    epochs: list[Epoch] = field(default_factory=list)

    def __getitem__(self, column: str) -> list[Any]:
        return [getattr(epoch, column) for epoch in self.epochs]


@dataclass(frozen=True)
class Evaluation:
    """Loss and accuracy over `pictures` pictures."""

    loss: float
    accuracy: float
    pictures: int


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
    seed: int = 0,
    verbose: bool = True,
) -> History:
    """Train a model in place on pictures `x` (N, *input shape) and labels `y`.

    y: class numbers (N,), one-hot rows (N, classes), or any targets of the output's shape.
    validation_data: `(x, y)` measured after each epoch, never learnt from.
    augment: what is done to the pictures each time they are learnt from, such as `Shift(2)`.
    seed: of the shuffling, of augmentation and of dropout. verbose: a progress bar on a terminal
    and a line an epoch. `model.made` keeps the settings and the history.
    """
    for label, number in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ArgumentError(f"{label} must be a whole number of at least 1, got {number!r}")
    pictures = model.input.check(x)
    dtype = pictures.dtype if pictures.dtype.kind == "f" else np.dtype(np.float32)
    targets = as_targets(y, len(pictures), model.output_shape, dtype)
    chosen, rule = get_loss(loss), get_optimizer(optimizer)
    if validation_data is not None:
        held_out = model.input.check(validation_data[0])
        as_targets(validation_data[1], len(held_out), model.output_shape, dtype)
    training = _Training(
        model, pictures, targets, chosen, rule, augment, batch_size, epochs, seed, verbose
    )
    history = History()
    for epoch in range(epochs):
        history.epochs.append(training.epoch(epoch, validation_data))
        model.made = _made(history, epochs, batch_size, rule, chosen, augment, seed)
        if verbose:
            print(_line(epoch + 1, epochs, history.epochs[-1]), flush=True)
        for callback in callbacks:
            callback.epoch_end(model, history)
    return history


@dataclass
class _Training:
    """What stays the same from step to step, and the number of the next step."""

    model: Model
    pictures: Array
    targets: Array
    loss: Loss
    optimizer: Optimizer
    augment: Augmentation | None
    batch_size: int
    epochs: int
    seed: int
    verbose: bool
    step: int = 0

    def epoch(self, epoch: int, validation_data: tuple[Any, Any] | None) -> Epoch:
        """All batches of one epoch, then the validation."""
        began, rate = time.perf_counter(), self.optimizer.rate()
        total, right, seen = 0.0, 0, 0
        bar = _progress(len(self.pictures), f"epoch {epoch + 1}/{self.epochs}", self.verbose)
        for batch in _batches(len(self.pictures), self.batch_size, self.seed, epoch):
            draw = Draw(self.seed, self.step)
            got = train_step(
                self.model,
                self.pictures,
                self.targets,
                batch,
                self.loss,
                self.optimizer,
                draw,
                self.augment,
            )
            self.step += 1
            total, right, seen = total + got[0], right + got[1], seen + len(batch)
            if not math.isfinite(total):
                raise ArgumentError(
                    f"the loss became {total} in epoch {epoch + 1}, step {self.step}: "
                    "try a smaller learning rate; the weights are those of the step before"
                )
            bar.update(len(batch))
            bar.set_postfix(loss=f"{total / seen:.4f}", acc=f"{right / seen:.4f}")
        bar.close()
        seconds = time.perf_counter() - began
        checked = None
        if validation_data is not None:
            checked = evaluate(self.model, *validation_data, loss=self.loss)
        return Epoch(
            loss=total / seen,
            accuracy=right / seen,
            val_loss=None if checked is None else checked.loss,
            val_accuracy=None if checked is None else checked.accuracy,
            learning_rate=rate,
            seconds=seconds,
            pictures_per_second=seen / seconds,
        )


def _meeting(model: Model, loss: Loss) -> tuple[str, bool]:
    """The node whose output the loss takes, and whether that is the logits.

    A loss that fuses the head takes what goes into it, or the model's own logits. Where a
    flattening after the head mixes places and classes, it takes the output.
    """
    if loss.fuses is None:
        return model.output_name, False
    logits = model.logits_name
    if model.head == "logits" and loss.fuses == "softmax":
        return model.output_name, True
    fused = loss.fuses == model.head and logits not in (INPUT, model.output_name)
    fused = fused and model.shapes[logits][-1] == model.output_shape[-1]
    return (logits if fused else model.output_name), fused


def train_step(
    model: Model,
    x: Array,
    targets: Array,
    batch: Array,
    loss: Loss,
    optimizer: Optimizer,
    draw: Draw,
    augment: Augmentation | None = None,
) -> tuple[float, int]:
    """One step on the pictures numbered `batch`; the batch's summed loss and its right answers.

    Nothing is changed where the loss or a gradient is not finite; the loss is then NaN.
    """
    end, fused = _meeting(model, loss)
    stop = next(i for i, node in enumerate(model.nodes) if node.name == end) + 1
    nodes = list(enumerate(model.nodes[:stop]))
    live = live_nodes(model.nodes, (), params=True)
    chunks = chunk_slices(len(batch), model.sample_bytes)
    before = [(node.layer, dict(node.layer.buffers)) for node in model.nodes]

    def program(i: int) -> Program[tuple[float, int, dict[str, Array]]]:
        rows = batch[chunks[i]]
        with shelf.borrow(arena=True) as scratch:
            given = x[rows]
            if augment is not None:  # its stream is that of one more node after the last
                given = augment(given, draw.generator(len(model.nodes), i))
            values = {INPUT: model.input.prepare(given)}
            calls = yield from forward(
                nodes, values, chunk=i, train=True, draw=draw, scratch=scratch, keep=None
            )
            yield from _follow(model, calls)
            t = targets[rows]
            y = calls[end].y.reshape(t.shape)
            each = loss.values_from_logits(y, t) if fused else loss.values(y, t)
            seed = loss.gradient_from_logits(y, t) if fused else loss.gradient(y, t)
            _, grads = yield from backward(
                model.nodes[:stop],
                calls,
                {end: (seed / y.dtype.type(len(batch))).reshape(calls[end].y.shape)},
                until=(),
                live=live,
                homes=model.homes,
                params=True,
                rule_for=None,
                scratch=scratch,
            )
            return float(each.sum(dtype=np.float64)), _right(y, t), grads

    # What overflows shows in the loss, which is checked.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        done = lockstep([program(i) for i in range(len(chunks))])
        total = sum(part for part, _, _ in done)
        sums = Sums()
        for _, _, grads in done:
            for key, grad in grads.items():
                sums.add(key, grad)
        if not all(np.isfinite(grad).all() for grad in sums.arrays.values()):
            total = math.nan
        if math.isfinite(total):
            optimizer.apply(model.parameters(), sums.arrays)
        else:
            for layer, buffers in before:
                layer.buffers.update(buffers)
    return total, sum(right for _, right, _ in done)


def _follow(model: Model, calls: dict[str, Call]) -> Program[None]:
    """Let running statistics follow the batch, node by node: all chunks meet at each."""
    for node in model.nodes:
        if node.layer.buffers and node.name in calls:
            layer = node.layer

            def follow(met: Sequence[Call], layer: Any = layer) -> None:
                layer.buffers.update(layer.new_buffers(met))

            yield follow, calls[node.name]


def _right(y: Array, t: Array) -> int:
    """How many samples have their largest output where the target has its own."""
    if y.ndim != 2:
        return 0
    if y.shape[1] == 1:
        return int(((y > 0.5) == (t > 0.5)).sum())
    return int((y.argmax(axis=1) == t.argmax(axis=1)).sum())


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
    chosen = get_loss(loss)
    end, fused = _meeting(model, chosen)
    pictures = model.input.check(x)
    targets = as_targets(y, len(pictures), model.output_shape, np.float64)
    outputs = model.run(pictures, keep=(end,))[end].y.reshape(targets.shape)
    exact = outputs.astype(np.float64)
    values = (chosen.values_from_logits if fused else chosen.values)(exact, targets)
    return Evaluation(
        loss=float(values.mean()),
        accuracy=_right(outputs, targets) / len(pictures),
        pictures=len(pictures),
    )


def _progress(total: int, label: str, verbose: bool) -> Any:
    from tqdm import tqdm

    # disable=None: shown on a terminal, silent in a pipe.
    disable = None if verbose else True
    return tqdm(total=total, desc=label, unit="pictures", leave=False, disable=disable)


def _line(epoch: int, epochs: int, figures: Epoch) -> str:
    text = f"epoch {epoch}/{epochs}  loss {figures.loss:.4f}  accuracy {figures.accuracy:.4f}"
    if figures.val_loss is not None:
        text += f"  val_loss {figures.val_loss:.4f}  val_accuracy {figures.val_accuracy:.4f}"
    return f"{text}  {figures.pictures_per_second:,.0f} pictures/s"


def _made(
    history: History,
    epochs: int,
    batch_size: int,
    optimizer: Optimizer,
    loss: Loss,
    augment: Augmentation | None,
    seed: int,
) -> dict[str, Any]:
    """What a later reader needs to know of this training."""
    return {
        "history": [asdict(epoch) for epoch in history.epochs],
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": repr(optimizer),
        "loss": type(loss).__name__,
        "augment": None if augment is None else repr(augment),
        "seed": seed,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
