"""The training loop.

A step cuts its batch into chunks; each chunk runs forward, meets the loss and walks back while its
activations are still in cache, then lets them go. The chunks' gradients are added in their order and
the optimizer makes one step. Everything random comes from the seed: the same seed gives the same
weights, bit for bit, with any number of threads.
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
from ..engine.trace import Trace
from ..engine.walk import Draw, Sums, backward, forward, live_nodes
from ..errors import ArgumentError
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
    callbacks: Sequence[Callback] = (),
    seed: int = 0,
    verbose: bool = True,
) -> History:
    """Train a model in place on pictures `x` (N, *input shape) and labels `y`.

    y: class numbers (N,), one-hot rows (N, classes), or any targets of the output's shape.
    validation_data: `(x, y)` measured after each epoch, never learnt from.
    seed: of the shuffling and of dropout. verbose: a progress bar on a terminal and a line an epoch.
    `model.made` keeps the settings and the history.
    """
    for label, number in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ArgumentError(f"{label} must be a whole number of at least 1, got {number!r}")
    pictures = model.input.check(x)
    dtype = pictures.dtype if pictures.dtype.kind == "f" else np.dtype(np.float32)
    targets = as_targets(y, len(pictures), model.output_shape, dtype)
    chosen, rule = get_loss(loss), get_optimizer(optimizer)
    if validation_data is not None:
        evaluate(model, validation_data[0][:1], validation_data[1][:1], loss=chosen)
    history, step = History(), 0
    for epoch in range(epochs):
        began = time.perf_counter()
        total_loss, right, seen, rate = 0.0, 0, 0, rule.rate()
        bar = _progress(len(pictures), f"epoch {epoch + 1}/{epochs}", verbose)
        for batch in _batches(len(pictures), batch_size, seed, epoch):
            got = train_step(model, pictures, targets, batch, chosen, rule, Draw(seed, step))
            step += 1
            total_loss, right, seen = total_loss + got[0], right + got[1], seen + len(batch)
            if not math.isfinite(total_loss):
                raise ArgumentError(
                    f"the loss became {total_loss} in epoch {epoch + 1}, step {step}: "
                    "try a smaller learning rate; the weights are those of the step before"
                )
            bar.update(len(batch))
            bar.set_postfix(loss=f"{total_loss / seen:.4f}", acc=f"{right / seen:.4f}")
        bar.close()
        seconds = time.perf_counter() - began
        checked = (
            None
            if validation_data is None
            else evaluate(model, validation_data[0], validation_data[1], loss=chosen)
        )
        history.epochs.append(
            Epoch(
                loss=total_loss / seen,
                accuracy=right / seen,
                val_loss=None if checked is None else checked.loss,
                val_accuracy=None if checked is None else checked.accuracy,
                learning_rate=rate,
                seconds=seconds,
                pictures_per_second=seen / seconds,
            )
        )
        model.made = _made(history, epochs, batch_size, rule, chosen, seed)
        if verbose:
            print(_line(epoch + 1, epochs, history.epochs[-1]), flush=True)
        for callback in callbacks:
            callback.epoch_end(model, history)
    return history


def train_step(
    model: Model,
    x: Array,
    targets: Array,
    batch: Array,
    loss: Loss,
    optimizer: Optimizer,
    draw: Draw,
) -> tuple[float, int]:
    """One step on the pictures numbered `batch`; the batch's summed loss and its right answers.

    Nothing is changed where the loss is not finite.
    """
    fused = loss.fuses is not None and loss.fuses == model.head
    end = model.logits_name if fused else model.output_name
    stop = next(i for i, node in enumerate(model.nodes) if node.name == end) + 1
    nodes = list(enumerate(model.nodes[:stop]))
    live = live_nodes(model.nodes, (), params=True)
    chunks = chunk_slices(len(batch), model._sample_bytes)

    def program(i: int) -> Program[tuple[float, int, dict[str, Array]]]:
        rows = batch[chunks[i]]
        with shelf.borrow(arena=True) as scratch:
            values = {INPUT: model.input.prepare(x[rows])}
            calls = yield from forward(
                nodes, values, chunk=i, train=True, draw=draw, scratch=scratch, keep=None
            )
            yield from _follow(model, calls)
            y, t = calls[end].y, targets[rows]
            each = loss.values_from_logits(y, t) if fused else loss.values(y, t)
            seed = loss.gradient_from_logits(y, t) if fused else loss.gradient(y, t)
            _, grads = yield from backward(
                model.nodes[:stop],
                calls,
                {end: seed / y.dtype.type(len(batch))},
                until=(),
                live=live,
                homes=model._homes,
                params=True,
                rule_for=None,
                scratch=scratch,
            )
            return float(each.sum(dtype=np.float64)), _right(y, t), grads

    done = lockstep([program(i) for i in range(len(chunks))])
    total = sum(part for part, _, _ in done)
    if math.isfinite(total):
        sums = Sums()
        for _, _, grads in done:
            for key, grad in grads.items():
                sums.add(key, grad)
        optimizer.apply(model.parameters(), sums.arrays)
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
    fused = chosen.fuses is not None and chosen.fuses == model.head
    pictures = model.input.check(x)
    targets = as_targets(y, len(pictures), model.output_shape, np.float64)
    if fused:
        trace: Trace = model.run(pictures, keep=(model.logits_name,))
        outputs = trace[model.logits_name].y
        values = chosen.values_from_logits(outputs.astype(np.float64), targets)
    else:
        outputs = model.predict(pictures)
        values = chosen.values(outputs.astype(np.float64), targets)
    return Evaluation(
        loss=float(values.mean()),
        accuracy=_right(outputs, targets) / len(pictures),
        pictures=len(pictures),
    )


def _progress(total: int, label: str, verbose: bool) -> Any:
    from tqdm import tqdm

    # disable=None: shown on a terminal, silent in a pipe.
    return tqdm(total=total, desc=label, unit="pictures", leave=False, disable=None if verbose else True)


def _line(epoch: int, epochs: int, figures: Epoch) -> str:
    text = f"epoch {epoch}/{epochs}  loss {figures.loss:.4f}  accuracy {figures.accuracy:.4f}"
    if figures.val_loss is not None:
        text += f"  val_loss {figures.val_loss:.4f}  val_accuracy {figures.val_accuracy:.4f}"
    return f"{text}  {figures.pictures_per_second:,.0f} pictures/s"


def _made(
    history: History, epochs: int, batch_size: int, optimizer: Optimizer, loss: Loss, seed: int
) -> dict[str, Any]:
    """What a later reader needs to know of this training."""
    return {
        "history": [asdict(epoch) for epoch in history.epochs],
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": repr(optimizer),
        "loss": type(loss).__name__,
        "seed": seed,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
