"""What can be worked out while a file is read: constants, and the arithmetic of shapes.

Exporters leave chains like Shape-Gather-Concat-Reshape behind; they are folded away here, in NumPy.
A small file can ask for a huge array (Expand, ConstantOfShape, or Concat of a thing with itself,
again and again), so each result's size is known and allowed before it is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError
from .cast import cast_to
from .graph import Step
from .tensors import element_type
from .values import Array, Const

Evaluate = Callable[..., Any]
FOLDED: dict[str, Evaluate] = {}
"""Operator -> function (step, budget, *arrays) -> array or arrays."""


class Budget:
    """The bytes that reading a file may take."""

    def __init__(self, memory: int) -> None:
        self.memory, self.spent = memory, 0

    def allow(self, shape: Sequence[int], itemsize: int, what: str) -> None:
        """An error where an array of this shape is larger than what is left."""
        if any(size < 0 for size in shape):
            raise ArgumentError(f"{what} has a negative size in its shape {tuple(shape)}")
        size = math.prod(int(s) for s in shape) * itemsize
        if self.spent + size > self.memory:
            raise ArgumentError(
                f"{what} of shape {tuple(shape)} would take {size:,} bytes, and memory= allows "
                f"{self.memory:,} in all"
            )

    def spend(self, size: int, what: str) -> None:
        """Take bytes away from what is left."""
        self.allow((size,), 1, what)
        self.spent += size


def folds(*names: str) -> Callable[[Evaluate], Evaluate]:
    """Enter an evaluator under these operators."""

    def enter(evaluate: Evaluate) -> Evaluate:
        FOLDED.update(dict.fromkeys(names, evaluate))
        return evaluate

    return enter


def fold(step: Step, given: Sequence[Const | None], budget: Budget) -> list[Const]:
    """A step's outputs from constant inputs, once for each length of batch that they tell apart."""
    times = max((len(c.arrays) for c in given if c is not None), default=1)
    results = []
    for i in range(times):
        arrays = [None if c is None else c.arrays[i if len(c.arrays) > 1 else 0] for c in given]
        with np.errstate(all="ignore"):
            made = FOLDED[step.op](step, budget, *arrays)
        every = made if isinstance(made, list) else [made]
        for array in every:
            budget.spend(np.asarray(array).nbytes, "a constant")
        results.append([np.asarray(a) for a in every])
    return [Const.tried(list(arrays)) for arrays in zip(*results, strict=True)]


# Constants ---------------------------------------------------------------------------------------


@folds("Constant")
def _constant(step: Step, budget: Budget) -> Array:
    kinds = {"value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}
    if "value" in step.attributes:
        return step.get("value")
    for key, kind in kinds.items():
        if key in step.attributes:
            return np.asarray(step.get(key), kind)
    raise ArgumentError("it holds no numbers: only tensors, floats and ints are read")


@folds("ConstantOfShape")
def _constant_of_shape(step: Step, budget: Budget, shape: Array) -> Array:
    value = np.asarray(step.get("value", np.zeros(1, np.float32))).reshape(-1)[:1]
    budget.allow(shape.tolist(), value.itemsize, "a constant")
    return np.broadcast_to(value, shape.tolist()).copy()


@folds("Range")
def _range(step: Step, budget: Budget, start: Array, stop: Array, delta: Array) -> Array:
    count = max(0, math.ceil((float(stop) - float(start)) / float(delta)))
    budget.allow((count,), start.itemsize, "a constant")
    return (start + np.arange(count) * delta).astype(start.dtype).reshape(-1)


@folds("ShapeOf", "Shape")
def _shape(step: Step, budget: Budget, x: Array) -> Array:
    shape = x if step.op == "ShapeOf" else np.array(x.shape, np.int64)
    return shape[slice(step.get("start", 0), step.get("end"))]


@folds("SizeOf", "Size")
def _size(step: Step, budget: Budget, x: Array) -> Array:
    shape = x.tolist() if step.op == "SizeOf" else x.shape
    return np.array(math.prod(shape), np.int64)


# Number by number --------------------------------------------------------------------------------


def _divide(a: Array, b: Array) -> Array:
    """Whole numbers are divided towards zero, as in C."""
    if a.dtype.kind == "f":
        return np.divide(a, b)
    quotient = np.floor_divide(np.abs(a), np.maximum(np.abs(b), 1))
    return (quotient * np.sign(a) * np.sign(b)).astype(a.dtype)


ELEMENTWISE: dict[str, Callable[..., Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _divide,
    "Pow": lambda a, b: np.power(a.astype(np.float64), b).astype(a.dtype),
    "Neg": np.negative,
    "Abs": np.abs,
    "Sqrt": np.sqrt,
    "Exp": np.exp,
    "Log": np.log,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.round,
    "Sign": np.sign,
    "Reciprocal": np.reciprocal,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
    "Not": np.logical_not,
    "Where": np.where,
    "Relu": lambda a: np.maximum(a, 0),
    "Tanh": np.tanh,
    "Identity": lambda a: a,
}
"""Functions of arrays that are stretched to one shape. The names of ONNX, the meaning of NumPy."""

SEVERAL: dict[str, Callable[[Array, Array], Array]] = {
    "Sum": np.add,
    "Max": np.maximum,
    "Min": np.minimum,
}


@folds(*ELEMENTWISE, *SEVERAL)
def _elementwise(step: Step, budget: Budget, *arrays: Array) -> Array:
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    budget.allow(shape, 8, "a constant")
    if step.op in ELEMENTWISE:
        return np.asarray(ELEMENTWISE[step.op](*arrays))
    total = arrays[0]
    for array in arrays[1:]:
        total = SEVERAL[step.op](total, array)
    return total


@folds("Mod")
def _mod(step: Step, budget: Budget, a: Array, b: Array) -> Array:
    budget.allow(np.broadcast_shapes(a.shape, b.shape), 8, "a constant")
    return np.fmod(a, b) if step.get("fmod", 0) else np.mod(a, b)


@folds("Clip")
def _clip(step: Step, budget: Budget, x: Array, low: Any = None, high: Any = None) -> Array:
    low = step.get("min") if low is None else low
    high = step.get("max") if high is None else high
    x = x if low is None else np.maximum(x, low).astype(x.dtype)
    return x if high is None else np.minimum(x, high).astype(x.dtype)


@folds("Cast")
def _cast(step: Step, budget: Budget, x: Array) -> Array:
    dtype = element_type(int(step.get("to", 0)))
    if dtype is None:
        raise ArgumentError(f"it casts to element type {step.get('to')}, which holds no numbers")
    return cast_to(x, dtype, step)


@folds("CastLike")
def _cast_like(step: Step, budget: Budget, x: Array, like: Array) -> Array:
    return cast_to(x, like.dtype, step)


@folds("Dropout")
def _dropout(step: Step, budget: Budget, x: Array, *_: Array) -> list[Array]:
    return [x, np.ones(x.shape, bool)]


# Laying out --------------------------------------------------------------------------------------


def axes_of(step: Step, given: Array | None) -> tuple[int, ...] | None:
    """Axes from an input, or from the attribute of older opsets."""
    found = step.get("axes") if given is None else given.reshape(-1).tolist()
    return None if found is None else tuple(int(a) for a in found)


def new_shape(shape: Sequence[int], wanted: Sequence[int], allow_zero: bool) -> tuple[int, ...]:
    """The shape that a Reshape asks for: 0 keeps a size (unless zero is meant), −1 is the rest."""
    every = [
        shape[i] if s == 0 and not allow_zero and i < len(shape) else int(s)
        for i, s in enumerate(wanted)
    ]
    if every.count(-1) > 1 or any(s < -1 for s in every):
        raise ArgumentError(f"it asks for the shape {tuple(wanted)}")
    count, known = math.prod(shape), math.prod(s for s in every if s != -1)
    if -1 in every:
        if known == 0 or count % known:
            raise ArgumentError(f"{count:,} numbers do not fit the shape {tuple(wanted)}")
        every[every.index(-1)] = count // known
    elif count != known:
        raise ArgumentError(f"{count:,} numbers do not fit the shape {tuple(wanted)}")
    return tuple(every)


@folds("Reshape")
def _reshape(step: Step, budget: Budget, x: Array, shape: Array | None = None) -> Array:
    wanted = step.get("shape") if shape is None else shape.tolist()
    return x.reshape(new_shape(x.shape, wanted, bool(step.get("allowzero", 0))))


@folds("Flatten")
def _flatten(step: Step, budget: Budget, x: Array) -> Array:
    axis = step.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@folds("Squeeze")
def _squeeze(step: Step, budget: Budget, x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, axes_of(step, axes))


@folds("Unsqueeze")
def _unsqueeze(step: Step, budget: Budget, x: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(x, axes_of(step, axes) or ())


@folds("Transpose")
def _transpose(step: Step, budget: Budget, x: Array) -> Array:
    return x.transpose(step.get("perm"))


@folds("Pad")
def _pad(
    step: Step, budget: Budget, x: Array, pads: Array | None = None, filler: Array | None = None,
    axes: Array | None = None,
) -> Array:  # fmt: skip
    amounts = step.get("pads") if pads is None else pads.reshape(-1).tolist()
    which = range(x.ndim) if axes is None else axes.reshape(-1).tolist()
    if step.get("mode", "constant") != "constant" or min(amounts, default=0) < 0:
        raise ArgumentError("of a constant only paddings with a constant are read")
    pairs = [(0, 0)] * x.ndim
    for i, axis in enumerate(which):
        pairs[axis] = amounts[i], amounts[i + len(amounts) // 2]
    shape = [n + sum(pair) for n, pair in zip(x.shape, pairs, strict=True)]
    budget.allow(shape, x.itemsize, "a constant")
    number = step.get("value", 0.0) if filler is None else filler.reshape(-1)[0]
    return np.pad(x, pairs, constant_values=number)


@folds("Expand")
def _expand(step: Step, budget: Budget, x: Array, shape: Array) -> Array:
    full = np.broadcast_shapes(x.shape, tuple(shape.tolist()))
    budget.allow(full, x.itemsize, "a constant")
    return np.broadcast_to(x, full)


@folds("Tile")
def _tile(step: Step, budget: Budget, x: Array, repeats: Array) -> Array:
    times = repeats.tolist()
    budget.allow([s * t for s, t in zip(x.shape, times, strict=True)], x.itemsize, "a constant")
    return np.tile(x, times)


@folds("Concat")
def _concat(step: Step, budget: Budget, *arrays: Array) -> Array:
    budget.allow((sum(a.nbytes for a in arrays),), 1, "a constant")
    return np.concatenate(arrays, axis=step.get("axis", 1))


@folds("Split")
def _split(step: Step, budget: Budget, x: Array, sizes: Array | None = None) -> list[Array]:
    axis = step.get("axis", 0)
    parts = split_sizes(step, x.shape[axis], None if sizes is None else sizes.tolist())
    return np.split(x, np.cumsum(parts)[:-1].tolist(), axis=axis)


def split_sizes(step: Step, length: int, given: Sequence[int] | None) -> list[int]:
    """How long each part of a Split is."""
    given = step.get("split") if given is None else given
    if given is None:
        count = int(step.get("num_outputs", len(step.outputs)))
        if not 1 <= count <= max(length, 1):
            raise ArgumentError(f"it splits a length of {length} into {count} parts")
        size = -(-length // count)
        given = [size] * (count - 1) + [length - size * (count - 1)]
    if sum(given) != length or min(given, default=0) < 0:
        raise ArgumentError(f"it splits a length of {length} into parts of {list(given)}")
    return [int(n) for n in given]


@folds("Slice")
def _slice(step: Step, budget: Budget, x: Array, *given: Array | None) -> Array:
    return x[tuple(slice(*cut) for cut in slices(step, x.ndim, given))]


def slices(
    step: Step, rank: int, given: Sequence[Array | None]
) -> list[tuple[int | None, int | None, int | None]]:
    """(start, stop, step) for each axis, from the inputs, or the attributes before opset 10."""
    lists = [None if g is None else [int(v) for v in g.reshape(-1)] for g in given]
    starts, stops, axes, steps = [*lists, None, None, None, None][:4]
    starts = step.get("starts") if starts is None else starts
    stops = step.get("ends") if stops is None else stops
    axes = step.get("axes") if axes is None else axes
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(axes) if steps is None else steps
    cuts: list[tuple[int | None, int | None, int | None]] = [(None, None, None)] * rank
    for axis, start, stop, by in zip(axes, starts, stops, steps, strict=True):
        if not -rank <= axis < rank or by == 0:
            raise ArgumentError(f"it slices axis {axis} of {rank} by steps of {by}")
        # Backwards "to the very front" is written as a number far below 0.
        to_front = by < 0 and stop < -(1 << 31) + 1
        cuts[axis] = (start, None if to_front else stop, by)
    return cuts


@folds("Gather")
def _gather(step: Step, budget: Budget, x: Array, indices: Array) -> Array:
    axis = step.get("axis", 0)
    inner = math.prod(x.shape) // max(1, x.shape[axis])
    budget.allow((indices.size, inner), x.itemsize, "a constant")
    return np.take(x, indices, axis=axis)


# Sums and the like -------------------------------------------------------------------------------

REDUCTIONS: dict[str, Callable[..., Array]] = {
    "ReduceSum": np.sum,
    "ReduceMean": np.mean,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceL2": lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
}


LEAST = {"ReduceMax": np.max}
"""Reductions of nothing that have a value: -inf is below all numbers."""


@folds(*REDUCTIONS)
def _reduce(step: Step, budget: Budget, x: Array, axes: Array | None = None) -> Array:
    wanted = axes_of(step, axes)
    if not wanted and step.get("noop_with_empty_axes", 0):
        return x
    keep = bool(step.get("keepdims", 1))
    if not x.size and step.op in LEAST:
        return LEAST[step.op](x, axis=wanted or None, keepdims=keep, initial=-np.inf)
    return np.asarray(REDUCTIONS[step.op](x, axis=wanted or None, keepdims=keep), x.dtype)


@folds("ArgMax", "ArgMin")
def _arg(step: Step, budget: Budget, x: Array) -> Array:
    axis, find = step.get("axis", 0), np.argmax if step.op == "ArgMax" else np.argmin
    if step.get("select_last_index", 0):
        places = x.shape[axis] - 1 - find(np.flip(x, axis), axis)
    else:
        places = find(x, axis)
    return np.expand_dims(places, axis) if step.get("keepdims", 1) else np.asarray(places)


@folds("MatMul")
def _matmul(step: Step, budget: Budget, a: Array, b: Array) -> Array:
    budget.allow((*a.shape[:-1], b.shape[-1]), 8, "a constant")
    return np.matmul(a, b)
