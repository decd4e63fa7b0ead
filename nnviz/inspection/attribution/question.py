"""The question that every attribution method answers: why does this model give this target the
value that it has for these pictures?

A method asks for the target's value, or for its gradient, at points of its own choosing (noisy
copies, steps of a path, masked pictures). Many points go through the network together, as many as
memory allows, and come back one after the other; so a method is written as a loop over points, and
its answer does not depend on what else was in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.input import as_array
from ...engine.layer import Array
from ...engine.model import Model
from ...engine.passes import outputs_of
from ...engine.sweep import sweep, swept_chunks
from ...engine.trace import Trace
from ...engine.walk import RuleFor
from ...errors import ArgumentError
from ..results import Attribution, Provenance, degenerate
from .checks import LARGEST
from .goal import Goal, as_goal
from .methods import METHODS

BATCH_BYTES = 64 << 20
"""What goes into one run, and comes out of it, is held to about this much."""
TRACE_BYTES = 256 << 20
"""Whole traces, where a method needs them, are held to about this much."""

BLIND = (
    "leaves the target aside and shows what the network sees in the picture; for the reasons of "
    "one class try grad_cam"
)

SeedOf = Callable[[Array, Array], Array]
"""(the target's gradient, a node's output) -> what a walk back starts with there."""


@dataclass(frozen=True)
class Walk:
    """What one array of points gave: scores (N,), gradients and outputs by node, each (N, …)."""

    scores: Array
    gradients: Mapping[str, Array]
    outputs: Mapping[str, Array]

    @property
    def gradient(self) -> Array:
        """The gradient for the network's input."""
        return self.gradients[INPUT]


@dataclass(frozen=True)
class Question:
    """A model, pictures and a target, checked.

    x: what the network is given, (N, rows, cols, channels), after `Model.input` was applied.
    """

    model: Model
    x: Array
    goal: Goal
    method: str

    @classmethod
    def of(cls, model: Model, x: Any, target: Any, method: str) -> Question:
        """Check pixels and target; None as target means each picture's predicted class."""
        pixels = model.input.check(x)
        if pixels.ndim != 4:
            raise ArgumentError(
                f"{method} explains pictures, this model's input has shape {model.input.shape}"
            )
        ready = model.input.prepare(pixels)
        if ready.dtype.kind != "f":
            ready = ready.astype(np.float32)
        predictions = None
        if target is None:
            predictions = model.run(ready, prepared=True, keep=()).output
        return cls(model, ready, as_goal(model, target, len(ready), predictions), method)

    def __len__(self) -> int:
        return len(self.x)

    def slices(self, most: int) -> Iterator[Question]:
        """The question, at most so many pictures at a time."""
        for start in range(0, len(self), most):
            rows = range(start, min(len(self), start + most))
            yield replace(self, x=self.x[start : rows.stop], goal=self.goal.take(rows))

    def with_model(self, model: Model) -> Question:
        """The same question to a rewritten model, which must still have the target's nodes."""
        for node in self.goal.nodes:
            model.node(node)
        return replace(self, model=model)

    def ready(self, pixels: Any) -> Array:
        """Other pixels (a number, a colour, one picture or N of them) as the network's input,
        (N or 1, rows, cols, channels)."""
        values = as_array(pixels, "the pixels")
        if values.dtype.kind not in "uif" or not np.isfinite(values).all():
            raise ArgumentError(f"{self.method} needs finite pixel values, got {pixels!r}")
        if np.abs(values).max(initial=0) > LARGEST:
            raise ArgumentError(
                f"{self.method} needs pixel values of at most {LARGEST:g} in size, got {pixels!r}"
            )
        shape, given = self.model.input.shape, values.shape
        if values.dtype.kind != "f" and values.dtype != np.uint8:
            values = values.astype(self.x.dtype)
        if values.ndim < 4:
            try:
                values = np.broadcast_to(values, shape)[None]
            except ValueError:
                values = values[..., None]  # grey pictures without their axis of channels
                values = values[None] if values.ndim == 3 else values
        if values.shape[1:] != shape or len(values) not in (1, len(self)):
            raise ArgumentError(
                f"{self.method} needs pixels of shape {shape}, or something that stretches to it, "
                f"for one picture or for {len(self)}; got shape {given}"
            )
        return self.model.input.prepare(np.array(values)).astype(self.x.dtype, copy=False)

    # Asking the network ------------------------------------------------------------------------

    def walks(
        self,
        points: Iterable[Array],
        *,
        at: Collection[str] = (INPUT,),
        rule_for: RuleFor | None = None,
        seed_of: SeedOf | None = None,
    ) -> Iterator[Walk]:
        """For each array of points (N, …), in order: the target, and its gradient at `at`.

        seed_of: what the walk back starts with at a node that the target reads, from the target's
        gradient there and the node's output; None: the gradient itself.
        """
        for name in {*at} - {INPUT}:
            self.model.node(name)

        def run(batch: Array, goal: Goal) -> Walk:
            def seeds_for(outputs: Mapping[str, Array], rows: slice) -> Mapping[str, Array]:
                seeds = goal.take(range(len(batch))[rows]).seeds(outputs)
                if seed_of is None:
                    return seeds
                return {node: seed_of(dy, outputs[node]) for node, dy in seeds.items()}

            read = tuple(dict.fromkeys((*goal.nodes, *at)))
            swept = sweep(self.model, batch, seeds_for, read=read, until=at, rule_for=rule_for)
            kept = {name: swept.outputs[name] for name in at}
            return Walk(goal.values(swept.outputs), swept.gradients, kept)

        yield from self._batched(points, self._most(at), run, _joined)

    def walk(
        self,
        *,
        at: Collection[str] = (INPUT,),
        rule_for: RuleFor | None = None,
        seed_of: SeedOf | None = None,
    ) -> Walk:
        """The same for the pictures themselves."""
        return next(self.walks([self.x], at=at, rule_for=rule_for, seed_of=seed_of))

    def taken(
        self,
        take: Callable[[Array, Array], tuple[Array, ...]],
        *,
        at: str,
        rule_for: RuleFor | None = None,
    ) -> tuple[Array, ...]:
        """The scores of the pictures themselves, and what `take` makes of the node's outputs and
        gradients, some pictures at a time: arrays (N, …)."""
        read = tuple(dict.fromkeys((*self.goal.nodes, at)))

        def run(some: Question) -> list[tuple[Array, ...]]:
            def goal(rows: slice) -> Goal:
                return some.goal.take(range(len(some))[rows])

            return swept_chunks(
                self.model,
                some.x,
                lambda outputs, rows: goal(rows).seeds(outputs),
                lambda outputs, gradients, rows: (
                    np.array(goal(rows).values(outputs)),
                    *take(outputs[at], gradients[at]),
                ),
                read=read,
                until=(at,),
                rule_for=rule_for,
            )

        made = [chunk for some in self.slices(self._most((at,))) for chunk in run(some)]
        return tuple(np.concatenate(arrays) for arrays in zip(*made, strict=True))

    def contrasts(
        self,
        baselines: Iterable[Array],
        *,
        rule_for: Callable[[Trace], RuleFor],
        seeds: Callable[[Goal, Mapping[str, Array], Mapping[str, Array]], Mapping[str, Array]],
        at: str = INPUT,
    ) -> Iterator[Walk]:
        """For each array of baselines (N or 1, …), in order: the pictures walked back by rules that
        see what the network makes of the baselines.

        rule_for: the rules, given the baselines' trace, which has the same chunks. seeds: what the
        walk starts with, given the goal and the nodes' outputs for pictures and baselines. at:
        where the walk ends. Its scores are (N, 2), of the pictures and of the baselines, and its
        outputs the differences between both there.
        """

        def run(batch: Array, goal: Goal) -> Walk:
            trace, base = (self.model.run(batch[:, i], prepared=True) for i in (0, 1))
            outputs, others = ({node: t[node].y for node in goal.nodes} for t in (trace, base))
            grads = self.model.backward(
                trace, seeds(goal, outputs, others), until=(at,), rule_for=rule_for(base)
            )
            ends = [t.input if at == INPUT else t[at].y for t in (trace, base)]
            scores = np.stack([goal.values(outputs), goal.values(others)], axis=1)
            return Walk(scores, {at: grads[at]}, {at: ends[0] - ends[1]})

        pairs = (np.stack([self.x, np.broadcast_to(b, self.x.shape)], axis=1) for b in baselines)
        yield from self._batched(pairs, self.most_traces(3), run, _joined)

    def scores(self, points: Iterable[Array]) -> Iterator[Array]:
        """For each array of points (N, …), in order: the target's value, (N,)."""

        def run(batch: Array, goal: Goal) -> Array:
            return goal.values(outputs_of(self.model, batch, goal.nodes))

        yield from self._batched(points, self._most(), run, np.concatenate)

    def score(self) -> Array:
        """The target's value for the pictures themselves, (N,)."""
        return next(self.scores([self.x]))

    def _most(self, at: Collection[str] = ()) -> int:
        """How many pictures may run together, going in and coming out at `at`."""
        numbers = sum(2 * math.prod(self.model.shapes[name]) for name in {INPUT, *at})
        return max(1, BATCH_BYTES // (numbers * self.x.itemsize))

    def most_traces(self, size: int = 2) -> int:
        """How many pictures may run together where each takes `size` times its activations."""
        values = sum(math.prod(shape) for shape in self.model.shapes.values())
        return max(1, TRACE_BYTES // (size * values * self.x.itemsize))

    def _batched(
        self,
        points: Iterable[Array],
        most: int,
        run: Callable[[Array, Goal], Any],
        join: Callable[[list[Any]], Any],
    ) -> Iterator[Any]:
        """Results of `run` for each array of points: several arrays a batch where they are small,
        several batches an array where they are large. At most `most` pictures run together."""
        n, source = len(self), iter(points)
        if n > most:
            for array in source:
                cuts = [range(i, min(n, i + most)) for i in range(0, n, most)]
                yield join([run(array[c.start : c.stop], self.goal.take(c)) for c in cuts])
            return
        # A few hundred at a time fill all threads; more would only make the caller wait.
        group = max(1, min(most, 256) // n)
        while arrays := list(islice(source, group)):
            batch = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
            together = run(batch, self.goal.take([*range(n)] * len(arrays)))
            yield from (_part(together, i * n, n) for i in range(len(arrays)))

    # Answering it ------------------------------------------------------------------------------

    def answer(
        self,
        values: Array,
        *,
        scores: Array,
        cause: str,
        signed: bool = False,
        raw: Array | None = None,
        node: str | None = None,
        at_node: Array | None = None,
        gap: Array | None = None,
        error: Array | None = None,
        settings: Mapping[str, Any] | None = None,
        seed: int | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Attribution:
        """The map with its provenance, in the input's dtype; `cause` says why this method's map
        may be degenerate, and what to try then. Where the method leaves the target aside, no target
        is named, and a warning says so."""
        entry = METHODS.get(self.method)
        blind = entry is not None and not entry.targeted
        notes = (f"this map is the same for every class: {self.method} {BLIND}",) if blind else ()
        made = Provenance.of(
            self.model,
            self.method,
            target=None if blind else self.goal.words,
            node=node,
            settings=dict(settings or {}),
            seed=None if seed is None else int(seed),
        )

        alone = node is not None and self.model.shapes[node][:-1] == (1, 1)
        flat = f"node {node!r} has a single place; try an earlier node" if alone else None

        blank = degenerate(values, cause, scores=scores, flat=flat)

        def fit(array: Array | None) -> Array | None:
            with np.errstate(over="ignore"):
                return None if array is None else array.astype(self.x.dtype, copy=False)

        return Attribution(
            values=values.astype(self.x.dtype, copy=False),
            scores=scores.astype(self.x.dtype, copy=False),
            raw=fit(raw),
            at_node=fit(at_node),
            gap=fit(gap),
            error=fit(error),
            warnings=tuple(dict.fromkeys(warnings + blank + notes)),
            provenance=made,
            signed=signed,
        )


def _joined(walks: list[Walk]) -> Walk:
    first = walks[0]
    return Walk(
        np.concatenate([w.scores for w in walks]),
        {k: np.concatenate([w.gradients[k] for w in walks]) for k in first.gradients},
        {k: np.concatenate([w.outputs[k] for w in walks]) for k in first.outputs},
    )


def _part(result: Any, start: int, n: int) -> Any:
    """Rows start … start + n of what a run gave."""
    if isinstance(result, np.ndarray):
        return result[start : start + n]
    return Walk(
        result.scores[start : start + n],
        {k: v[start : start + n] for k, v in result.gradients.items()},
        {k: v[start : start + n] for k, v in result.outputs.items()},
    )
