"""One step of training: forward, loss, backward, and the optimizer's move.

A step cuts its batch into chunks; each chunk runs forward, meets the loss and walks back while its
activations are still in cache, then lets them go. The chunks' gradients are added in their order
and the optimizer makes one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..engine.executor import Program, chunk_slices, lockstep, one_blas_thread, shelf
from ..engine.folding import pooled_first
from ..engine.graph import INPUT
from ..engine.layer import Array, Call, Layer
from ..engine.model import Model
from ..engine.walk import Draw, Gather, Sums, backward, forward, live_nodes
from .augment import Augmentation, augmented
from .losses import Loss
from .optimizers import Optimizer


class Meeting(NamedTuple):
    """Where a model and a loss meet: the node whose output the loss takes, and how it takes it."""

    node: str
    values: Callable[[Array, Array], Array]
    gradient: Callable[[Array, Array], Array]


def meeting(model: Model, loss: Loss) -> Meeting:
    """The output and the loss's plain form, or the logits and its fused one.

    A loss that fuses the head takes what goes into it, or the model's own logits. Where a
    flattening after the head mixes places and classes, it takes the output.
    """
    plain = Meeting(model.output_name, loss.values, loss.gradient)
    if loss.fuses is None:
        return plain
    fused = Meeting(model.logits_name, loss.values_from_logits, loss.gradient_from_logits)
    if model.head == "logits" and loss.fuses == "softmax":
        return fused._replace(node=model.output_name)
    if loss.fuses != model.head or fused.node in (INPUT, model.output_name):
        return plain
    return fused if model.shapes[fused.node][-1] == model.output_shape[-1] else plain


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

    Where the loss or a gradient is not finite, nothing is changed."""
    end, values, gradient = meeting(model, loss)
    numbered = pooled_first(list(enumerate(model.nodes[: model.place(end) + 1])), {end})
    nodes = [node for _, node in numbered]
    live = live_nodes(nodes, (), params=True)
    chunks = chunk_slices(len(batch), model.sample_bytes)

    def program(i: int) -> Program[tuple[float, int, dict[str, Array]]]:
        given, t = x[batch[chunks[i]]], targets[batch[chunks[i]]]
        if augment is not None:  # its stream is that of one more node after the last
            given = augmented(augment, given, draw.generator(len(model.nodes), i))
        with shelf.borrow(arena=True) as scratch:
            start = {INPUT: model.input.prepare(given)}
            calls = yield from forward(
                numbered, start, chunk=i, train=True, draw=draw, scratch=scratch, private=True
            )
            yield from _follow(model, calls)
            y = calls[end].y.reshape(t.shape)
            dy = (gradient(y, t) / y.dtype.type(len(batch))).reshape(calls[end].y.shape)
            _, grads = yield from backward(
                nodes,
                calls,
                {end: dy},
                until=(),
                live=live,
                homes=model.homes,
                params=True,
                rule_for=None,
                scratch=scratch,
                rows=chunks[i],
                gather=gather,
            )
            return float(values(y, t).sum(dtype=np.float64)), right_answers(y, t), grads

    before = [(node.layer, dict(node.layer.buffers)) for node in model.nodes]
    # What overflows shows in the loss and the gradients, which are checked.
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
    with quiet, one_blas_thread, shelf.borrow(arena=True) as shared:
        gather = Gather(nodes, model.shapes, len(batch), targets.dtype, shared)
        done = lockstep([program(i) for i in range(len(chunks))])
        total = sum(part for part, _, _ in done)
        grads = _added([*(part for _, _, part in done), gather.grads(model.homes)])
        fine = math.isfinite(total) and all(map(finite, grads.values()))
        if fine:
            optimizer.apply(model.parameters(), grads)
    if not fine:
        _put_back(before)
    return (total if fine else math.nan), sum(right for _, right, _ in done)


def _put_back(before: Sequence[tuple[Layer, dict[str, Array]]]) -> None:
    """The running statistics as they were."""
    for layer, buffers in before:
        layer.buffers.update(buffers)


def _added(parts: Iterable[dict[str, Array]]) -> dict[str, Array]:
    """The chunks' gradients, added in the order of the chunks."""
    sums = Sums()
    for part in parts:
        for key, grad in part.items():
            sums.add(key, grad)
    return sums.arrays


def finite(array: Array) -> bool:
    """Whether all numbers are; the sum of their squares, one quick product, finds all that are not,
    and only where it overflows is each looked at."""
    return bool(np.isfinite(np.vdot(array, array)) or np.isfinite(array).all())


def _follow(model: Model, calls: Mapping[str, Call]) -> Program[None]:
    """Let running statistics follow the batch, in the order of the nodes, where all chunks meet."""
    kept = [n for n in model.nodes if n.layer.buffers and n.layer.trainable and n.name in calls]

    def follow(met: Sequence[Mapping[str, Call]]) -> None:
        for node in kept:
            found = node.layer.new_buffers([calls[node.name] for calls in met])
            node.layer.buffers.update(found)

    if kept:  # every meeting costs all threads a wait
        yield follow, calls


def right_answers(y: Array, t: Array) -> int:
    """How many samples have their largest output where the target has its own."""
    if y.ndim != 2:
        return 0
    if y.shape[1] == 1:
        return int(((y > 0.5) == (t > 0.5)).sum())
    return int((y.argmax(axis=1) == t.argmax(axis=1)).sum())
