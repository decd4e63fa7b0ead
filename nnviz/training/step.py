"""One step of training: forward, loss, backward, and the optimizer's move.

A step cuts its batch into chunks; each chunk runs forward, meets the loss and walks back while its
activations are still in cache, then lets them go. The chunks' gradients are added in their order
and the optimizer makes one step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.executor import Program, chunk_slices, lockstep, shelf
from ..engine.graph import INPUT
from ..engine.layer import Array, Call
from ..engine.model import Model
from ..engine.walk import Draw, Sums, backward, forward, live_nodes
from .augment import Augmentation
from .losses import Loss
from .optimizers import Optimizer


def meeting(model: Model, loss: Loss) -> tuple[str, bool]:
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
    end, fused = meeting(model, loss)
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
            return float(each.sum(dtype=np.float64)), right_answers(y, t), grads

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
        if node.layer.buffers and node.layer.trainable and node.name in calls:
            layer = node.layer

            def follow(met: Sequence[Call], layer: Any = layer) -> None:
                layer.buffers.update(layer.new_buffers(met))

            yield follow, calls[node.name]


def right_answers(y: Array, t: Array) -> int:
    """How many samples have their largest output where the target has its own."""
    if y.ndim != 2:
        return 0
    if y.shape[1] == 1:
        return int(((y > 0.5) == (t > 0.5)).sum())
    return int((y.argmax(axis=1) == t.argmax(axis=1)).sum())
