"""The battery that every layer must pass: `check_layer(MyReLU(), (6, 5, 4))`.

Each check is one small function with one question: does it leave alone what it was given, are its
gradients those that central differences give, does it say truly which places read which. The first
check that fails raises a `CheckError` that says what, where, and what was expected. Your layer is
asked what nnviz's own are asked.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.layer import Array, Call, Layer, Shape
from ..engine.mode import Notes
from ..engine.scratch import Scratch, ScratchShelf
from ..errors import ArgumentError
from .gradients import check_gradients
from .subject import SAMPLES, Subject, backward, kind, said
from .windows import check_windows

CHUNKS = (slice(0, 2), slice(2, SAMPLES))


def check_layer(layer: Layer, *shapes: Shape, seed: int = 0) -> None:
    """Run the whole battery on a layer for inputs of these shapes (one sample each, without N).

    Raises a `CheckError` at the first part of the contract that the layer does not keep. The layer
    given is not changed.
    """
    if not shapes:
        raise ArgumentError(
            "check_layer needs the shape of each input: check_layer(layer, (6, 5, 4))"
        )
    subject = Subject.of(layer, shapes, seed)
    for check in CHECKS:
        check(subject)


def check_shapes(s: Subject) -> None:
    """out_shape, param_shapes and buffer_shapes say what is there; gradients have their shapes."""
    call, layer = s.run(), s.layer
    _equal(s, "the shape of one output", call.y.shape[1:], layer.out_shape(*s.shapes))
    _equal(s, "the shapes of params", _shapes(layer.params), layer.param_shapes(*s.shapes))
    _equal(s, "the shapes of buffers", _shapes(layer.buffers), layer.buffer_shapes(*s.shapes))
    got = [dx.shape for dx in backward(layer, s.dy, call)]
    _equal(s, "the shapes that backward gives", got, [x.shape for x in s.xs])
    grads = layer.grads(s.dy, call)
    if not isinstance(grads, Mapping):
        s.fail(f"grads must return a dict of arrays by parameter, got {kind(grads)}")
    _equal(s, "the shapes that grads gives", _shapes(grads), _shapes(layer.params))


def check_purity(s: Subject) -> None:
    """Nothing given is written to, nothing is kept on the layer, a second run changes nothing."""
    for train in (False, True):
        layer = s.layer.astype(np.float64)
        xs, dy = tuple(x.copy() for x in s.xs), s.dy.copy()
        _lock([layer.params, layer.buffers, xs, dy])
        before = _belongings(layer)
        with _reading(s, "forward", layer, before):
            call = s.run(train=train, layer=layer, xs=xs)
        _lock([call.y, call.saved])
        first = call.y.copy()
        with _reading(s, "backward", layer, before):
            dxs = backward(layer, dy, call)
        with _reading(s, "grads", layer, before):
            layer.grads(dy, call)
        with _reading(s, "new_buffers", layer, before):
            if train:
                layer.new_buffers([call])
        again = s.run(train=train, layer=layer, xs=tuple(x[::-1] for x in xs))
        backward(layer, dy, again)
        if not np.array_equal(first, call.y):
            s.fail(f"running it twice {said(train)} changed the output of the first run")
        _same(s, dxs, backward(layer, dy, call), f"backward {said(train)}, asked twice,")


def check_dtypes(s: Subject) -> None:
    """Results follow the input's dtype, whatever the parameters' dtype is."""
    floats: tuple[np.dtype[Any], ...] = (np.dtype(np.float32), np.dtype(np.float64))
    for train, own, wanted in itertools.product((False, True), floats, floats):
        layer = s.layer.astype(own)
        call = s.run(train=train, layer=layer, xs=tuple(x.astype(wanted) for x in s.xs))
        dy = s.dy.astype(wanted)
        results = {"y": call.y, **layer.grads(dy, call)}
        results |= {f"dx of input {i}": dx for i, dx in enumerate(backward(layer, dy, call))}
        for name, array in results.items():
            _equal(s, f"the dtype of {name} {said(train)} for {wanted} inputs", array.dtype, wanted)
        for name, array in (layer.new_buffers([call]) if train else {}).items():
            _equal(s, f"the dtype of the new {name}", array.dtype, own)


class _PoisonedScratch(Scratch):
    """Memory that is full of NaN when it is lent and again when it is given back."""

    def _take(self, shape: Sequence[int], dtype: Any, lent: list[Array]) -> Array:
        array = super()._take(shape, dtype, lent)
        lent[-1][:] = 0xFF
        return array

    def layer_done(self) -> None:
        for buffer in self._temps:
            buffer[:] = 0xFF
        super().layer_done()


def check_scratch(s: Subject) -> None:
    """With reused memory the results are the same as with fresh memory."""
    for train in (False, True):
        scratch = _PoisonedScratch()
        scratch.arena = True
        plain = s.run(train=train)
        call = s.run(train=train, scratch=scratch)
        scratch.layer_done()
        borrowed = replace(call, mode=replace(call.mode, scratch=scratch))
        grads = s.layer.grads(s.dy, borrowed)
        scratch.layer_done()
        dxs = backward(s.layer, s.dy, borrowed)
        scratch.layer_done()
        hint = (
            "with reused memory (mode.temp dies when the layer returns, y and saved need mode.new)"
        )
        _same(s, [call.y], [plain.y], f"forward {said(train)} {hint}")
        _same(s, dxs, backward(s.layer, s.dy, plain), f"backward {said(train)} {hint}")
        _same(s, grads, s.layer.grads(s.dy, plain), f"grads {said(train)} {hint}")
        if not s.layer.differentiable:
            continue
        dx, together = s.layer.gradients(s.dy, borrowed)
        scratch.layer_done()
        both = f"gradients, which takes both at once, {said(train)} {hint}"
        _same(s, dx if isinstance(dx, tuple) else (dx,), dxs, both)
        _same(s, together, grads, both)


def check_private(s: Subject) -> None:
    """The quickest way, where memory may be written over, gives the same."""
    for train in (False, True):
        plain = s.run(train=train)
        xs = tuple(x.copy() for x in s.xs)
        call = s.run(train=train, xs=xs, private=True, spare=True)
        _same(s, [call.y], [plain.y], f"forward {said(train)}, private, its input spare,")
        if s.layer.forgets:
            call = replace(call, y=np.full_like(call.y, np.nan))
        hint = f"{said(train)} when its input was spare, or y gone (does it not forget?)"
        _same(s, backward(s.layer, s.dy, call), backward(s.layer, s.dy, plain), f"backward {hint}")
        _same(s, s.layer.grads(s.dy, call), s.layer.grads(s.dy, plain), f"grads {hint}")
        wanted, spare = backward(s.layer, s.dy, plain), replace(plain.mode, spare=True)
        dxs = backward(s.layer, s.dy.copy(), replace(plain, mode=spare))
        _same(s, dxs, wanted, f"backward {said(train)}, its gradient spare,")


def check_repeats(s: Subject) -> None:
    """A layer that `repeats` gives the right numbers when its noted calls are made again, for other
    inputs, gradients and parameters in the same memory, and in training for other draws."""
    for train in (False, True) if s.layer.repeats else ():
        layer = s.layer.with_params(**{name: p.copy() for name, p in s.layer.params.items()})
        xs, dy, notes, scratch = (
            tuple(x.copy() for x in s.xs),
            s.dy.copy(),
            Notes(),
            ScratchShelf().take(arena=True),
        )
        rng, other = (np.random.Generator(np.random.SFC64(seed)) for seed in (0, 1))
        call = s.run(train=train, layer=layer, xs=xs, notes=notes, scratch=scratch, rng=rng)
        scratch.layer_done()
        noting = replace(call, mode=replace(call.mode, notes=notes, scratch=scratch))
        learns = train and not layer.gathers
        grads = layer.grads(dy, noting) if learns else {}
        dxs = backward(layer, dy, noting) if layer.differentiable else ()
        for array in (*xs, dy, *layer.params.values()):
            array[...] = np.flip(array) * 0.9
        rng.bit_generator.state = other.bit_generator.state
        notes.play()
        wanted = s.run(train=train, layer=layer, xs=xs, rng=other)
        hint = f"{said(train)} made again by its noted calls (does all go through mode.do?)"
        _same(s, [call.y], [wanted.y], f"forward {hint}")
        _same(s, grads, layer.grads(dy, wanted) if learns else {}, f"grads {hint}")
        _same(s, dxs, backward(layer, dy, wanted) if dxs else (), f"backward {hint}")
        if train:
            _same(s, layer.new_buffers([call]), layer.new_buffers([wanted]), f"new_buffers {hint}")


def check_saves(s: Subject) -> None:
    """A layer that `saves` goes back by what it saved, whatever became of its inputs and output."""
    if not s.layer.saves:
        return
    wanted = backward(s.layer, s.dy, s.run())
    call = s.run(xs=tuple(x.copy() for x in s.xs), lean=True)
    for array in (*call.xs, call.y):
        array[...] = np.nan
    _same(s, backward(s.layer, s.dy, call), wanted, "backward of a lean run, by `saved` alone")


def check_chunks(s: Subject) -> None:
    """A batch cut into chunks gives what the whole batch gives; gradients add up."""
    for train in (False,) if s.layer.random else (False, True):
        whole, calls = s.run(train=train), _run_chunks(s, train)
        hint = f"{said(train)} on a batch cut in two (does the layer lack couples = True?)"
        _same(s, [np.concatenate([c.y for c in calls])], [whole.y], f"forward {hint}")
        dys = [s.dy[rows] for rows in CHUNKS]
        parts = [s.layer.grads(dy, call) for dy, call in zip(dys, calls, strict=True)]
        summed = {name: sum(part[name] for part in parts) for name in parts[0]}
        _same(s, summed, s.layer.grads(s.dy, whole), f"grads, added, {hint}")
        if train and s.layer.couples:
            both = zip(dys, calls, strict=True)
            total = s.layer.backward_total([s.layer.backward_part(dy, c) for dy, c in both])
            calls = [replace(c, mode=replace(c.mode, totals=total)) for c in calls]
        dxs = [backward(s.layer, dy, call) for dy, call in zip(dys, calls, strict=True)]
        joined = [np.concatenate(parts) for parts in zip(*dxs, strict=True)]
        _same(s, joined, backward(s.layer, s.dy, whole), f"backward {hint}")
        if train:
            _same(s, s.layer.new_buffers(calls), s.layer.new_buffers([whole]), "new_buffers")


def _run_chunks(s: Subject, train: bool) -> list[Call]:
    """One call a chunk, with the batch's totals where the layer couples samples."""
    cut = [tuple(x[rows] for x in s.xs) for rows in CHUNKS]
    total = None
    if train and s.layer.couples:
        mode = s.run(train=True).mode
        total = s.layer.forward_total([s.layer.forward_part(*xs, mode=mode) for xs in cut])
    return [s.run(train=train, xs=xs, totals=total) for xs in cut]


def check_config(s: Subject) -> None:
    """A layer made anew from config() (as a model file keeps it, in JSON) computes the same."""
    config = s.layer.config()
    made = type(s.layer)(**json.loads(json.dumps(config)))
    made.params, made.buffers = s.layer.params, s.layer.buffers
    _equal(s, "config() of a layer made from config()", made.config(), config)
    _same(s, [s.run(layer=made).y], [s.run().y], "a layer made from config()")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    check_shapes,
    check_purity,
    check_dtypes,
    check_gradients,
    check_windows,
    check_scratch,
    check_private,
    check_repeats,
    check_saves,
    check_chunks,
    check_config,
)
"""What a layer is asked, in this order."""


def _equal(s: Subject, what: str, got: Any, wanted: Any) -> None:
    if got != wanted:
        s.fail(f"{what}: got {got}, expected {wanted}")


def _same(s: Subject, got: Any, wanted: Any, what: str) -> None:
    """Arrays (by name or in a row) that agree to rounding."""
    names = wanted if isinstance(wanted, Mapping) else range(len(wanted))
    for name in names:
        if not np.allclose(got[name], wanted[name], rtol=1e-9, atol=1e-12):
            gap = np.abs(got[name] - wanted[name]).max()
            s.fail(f"{what} gives another result ({name}): farthest by {gap:.3g}")


def _shapes(arrays: Mapping[str, Array]) -> dict[str, Shape]:
    return {name: np.shape(array) for name, array in arrays.items()}


def _lock(value: Any) -> None:
    """Make every array in `value` read-only."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, Mapping):
        _lock(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            _lock(item)


def _belongings(layer: Layer) -> dict[str, Any]:
    """All that a layer holds: its attributes, and its dictionaries' own items."""
    return {k: copy.copy(v) if isinstance(v, dict) else v for k, v in vars(layer).items()}


@contextmanager
def _reading(s: Subject, what: str, layer: Layer, before: dict[str, Any]) -> Iterator[None]:
    """Turn a write to a locked array, or to the layer, into what it means."""
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        s.fail(f"{what} writes to an array that it was given: make a new one")
    for name, value in vars(layer).items():
        old = before.get(name)
        held = value is old or (
            isinstance(value, dict)
            and isinstance(old, dict)
            and value.keys() == old.keys()
            and all(value[k] is old[k] for k in value)
        )
        if name not in before or not held:
            s.fail(f"{what} stores {name!r} on the layer: return it as `saved` instead")
