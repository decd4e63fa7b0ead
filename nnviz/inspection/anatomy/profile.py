"""Where the time goes: how long each node takes, forward and backward, and how fast it computes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ...engine.boundary import of_model
from ...engine.executor import chunk_slices, thread_count
from ...engine.layer import Array, Shape, whole
from ...engine.model import Model
from ...engine.walk import Draw
from ...errors import ArgumentError
from ...training.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
)
from ...training.optimizers import Optimizer
from ...training.step import train_step
from ..results import Part, Provenance, Result
from .operations import operations
from .stopwatch import PARTS, Stopwatch

LOSS: Mapping[str, type[Loss]] = {"softmax": CategoricalCrossentropy, "sigmoid": BinaryCrossentropy}
"""The loss that a head is trained with; others take the mean squared error."""
NONE = "–"


@dataclass(frozen=True)
class NodeTime(Part):
    """One node's seconds for one picture, each the median over the repeats; 0 where it did not run.

    forward: in a training step with what batch normalization gathers. backward: the gradient of the
    input. grads: the gradient of the parameters. mult_adds: of one picture's forward pass, as in
    `summary`; None for a layer whose operations nobody has counted. share: of the sum of all nodes.
    """

    name: str
    kind: str
    shape: Shape
    forward: float
    backward: float
    grads: float
    mult_adds: int | None
    share: float

    @property
    def seconds(self) -> float:
        """All three together."""
        return self.forward + self.backward + self.grads

    def rate(self, *parts: str) -> float | None:
        """GFLOP/s of these parts ("forward", "backward", "grads"; none named: of all that ran).

        Two operations for each multiply-add, and as many in each part: the gradients of a weighted
        sum take as many products as the sum itself. None where nothing is counted, or nothing ran.
        """
        ran = [seconds for part in parts or PARTS if (seconds := getattr(self, part)) > 0]
        if not self.mult_adds or not ran:
            return None
        return 2e-9 * self.mult_adds * len(ran) / sum(ran)

    @property
    def gflops(self) -> float | None:
        """`rate` of all that ran."""
        return self.rate()


@dataclass(frozen=True)
class Profile(Result):
    """`print(profile)` shows the table.

    nodes: a `NodeTime` for every node, in order. wall: seconds for one picture of the whole run,
    the median over the repeats: the nodes, the loss and all that happens between them, but no
    optimizer. pictures: how many there were. threads: on how many the chunks ran.
    """

    nodes: tuple[NodeTime, ...]
    wall: float
    pictures: int
    repeats: int
    threads: int
    provenance: Provenance

    @property
    def total(self) -> float:
        """Seconds for one picture, all nodes together."""
        return sum(node.seconds for node in self.nodes)

    def __str__(self) -> str:
        head = ("Node (type)", "Forward", "Backward", "Grads", "Mult-Adds", "GFLOP/s", "Share")
        lines = [head, *(_cells(node) for node in self.nodes)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        text = ["  ".join([line[0].ljust(widths[0]),
                           *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
                for line in lines]  # fmt: skip
        rule = "=" * len(text[0])
        what = f"{self.pictures:,} picture{'' if self.pictures == 1 else 's'}"
        where = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return "\n".join(
            [
                "Microseconds for one picture: medians of "
                f"{self.repeats} runs of {what} on {where}",
                text[0],
                rule,
                *text[1:],
                rule,
                f"All nodes: {1e6 * self.total:,.1f}; the whole run: {1e6 * self.wall:,.1f}, "
                f"{1 / self.wall:,.0f} pictures a second",
            ]
        )


def _cells(node: NodeTime) -> tuple[str, ...]:
    times = [f"{1e6 * t:,.1f}" if t else NONE for t in (node.forward, node.backward, node.grads)]
    count = f"{node.mult_adds:,}" if node.mult_adds else NONE
    rate = NONE if node.gflops is None else f"{node.gflops:,.1f}"
    return (f"{node.name} ({node.kind})", *times, count, rate, f"{node.share:.1%}")


@of_model
def profile(model: Model, x: Any, *, repeats: int = 7, backward: bool = True) -> Profile:
    """How long each node takes for pictures `x`, and how fast it computes.

    x: pictures (N, …) or a `Dataset`, taken as one batch; the times are for one picture, t / N.
    repeats: how often it is run after a first time that does not count; medians are given.
    backward: True runs the steps of a training (forward with dropout and batch statistics, the loss
        that belongs to the head, back to the parameters) that change nothing: neither parameters
        nor running statistics, and there is no optimizer. As in training, the loss takes the head's
        softmax or sigmoid together with itself, and nobody asks for the first layer's gradient of
        the input, so these take no time. A convolution's two gradients, which training may take at
        once, are taken one by one. False runs forward alone, as `model.predict` does.

    Where chunks run on T threads at once, a node's time is the sum over its chunks divided by T:
    its part of the time that passes. Each step walks from node to node; `fit` makes the same calls
    without the walk from its second step on, and is quicker by that. Memory is that of a training
    step. Times vary from run to run and with what else the machine does. Raises `ArgumentError` for
    pictures that do not fit, for repeats below 1 and for a `backward` that is not True or False.
    """
    repeats = whole(repeats, "repeats of profile")
    if not isinstance(backward, bool):
        raise ArgumentError(f"backward must be True or False, got {backward!r}")
    batch = model.input.check(x)
    watch = Stopwatch(model)
    run = _training(watch.model, batch) if backward else _prediction(watch.model, batch)
    run(0)
    watch.take()
    walls, laps = [], []
    for i in range(repeats):
        began = time.perf_counter()
        run(i + 1)
        walls.append(time.perf_counter() - began)
        laps.append(watch.take())
    threads = min(thread_count(), len(chunk_slices(len(batch), model.sample_bytes)))
    each = 1 / (len(batch) * threads)
    times = {
        node.name: {
            part: each * float(np.median([lap.get((node.name, part), 0.0) for lap in laps]))
            for part in PARTS
        }
        for node in model.nodes
    }
    return Profile(
        nodes=_nodes(model, times),
        wall=float(np.median(walls)) / len(batch),
        pictures=len(batch),
        repeats=repeats,
        threads=threads,
        provenance=Provenance.of(
            model, "profile", settings={"repeats": repeats, "backward": backward}
        ),
    )


def _nodes(model: Model, times: Mapping[str, Mapping[str, float]]) -> tuple[NodeTime, ...]:
    """The times beside what the nodes are."""
    total = sum(sum(parts.values()) for parts in times.values())
    made = []
    for node in model.nodes:
        shapes = tuple(model.shapes[name] for name in node.inputs)
        cost = operations(node.layer, shapes, model.shapes[node.name])
        parts = times[node.name]
        made.append(
            NodeTime(
                node.name,
                type(node.layer).__name__,
                model.shapes[node.name],
                **parts,
                mult_adds=None if cost is None else cost.mult_adds,
                share=sum(parts.values()) / (total or 1.0),
            )
        )
    return tuple(made)


def _prediction(model: Model, batch: Array) -> Callable[[int], object]:
    return lambda step: model.run(batch, keep=())


def _training(model: Model, batch: Array) -> Callable[[int], object]:
    """A step of training; its number decides over the dropout's masks."""
    dtype = batch.dtype if batch.dtype.kind == "f" else np.float32
    size = model.output_shape[-1]
    targets = np.full((len(batch), *model.output_shape), 1 / size, dtype)
    loss, every = LOSS.get(model.head, MeanSquaredError)(), np.arange(len(batch))
    idle = cast(Optimizer, _Idle())  # a subclass would be found by name, like any optimizer
    return lambda step: train_step(model, batch, targets, every, loss, idle, Draw(0, step))


class _Idle:
    """Stands where the optimizer does, and changes nothing."""

    def apply(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        pass
