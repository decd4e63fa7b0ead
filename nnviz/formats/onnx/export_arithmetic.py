"""Writers of the layers that take several inputs, or one and a fixed array."""

from __future__ import annotations

from ...engine.layers import Add, Concatenate, Multiply
from ...engine.layers.arithmetic import Arithmetic, WithConstant
from ...engine.layers.merge import MatMul, Where
from .export_graph import ANY, LAST, TO_FIRST, Site, writes

OPERATORS = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "power": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "mean": "Mean",
    "equal": "Equal",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_xor": "Xor",
}
"""Our names of operations, and ONNX's."""
LOGIC = ("And", "Or", "Xor")
QUESTIONS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", *LOGIC)
"""Operators that answer with a truth value, and (the first) take such values."""
FLOAT, BOOL = 1, 9
"""Element types of the file."""
MANY = ("Max", "Min", "Mean")
"""Operators of any number of inputs; the others take two."""


def joined(site: Site, kind: str, xs: tuple[str, ...]) -> str:
    """An operator over all inputs, brought to one number of axes."""
    first, *others = [lined(site, x, i) for i, x in enumerate(xs)]
    if kind in MANY:
        return site.op(kind, first, *others)
    for other in others:
        first = between(site, kind, first, other)
    return first


def between(site: Site, kind: str, a: str, b: str) -> str:
    """An operator of two; truth values are 1 and 0 outside of it."""
    if kind in LOGIC:
        a, b = (site.op("Cast", x, to=BOOL) for x in (a, b))
    made = site.op(kind, a, b)
    return site.op("Cast", made, to=FLOAT) if kind in QUESTIONS else made


def lined(site: Site, x: str, i: int) -> str:
    """Input i with as many axes as the output; the new ones come after N, as in NumPy."""
    have, want = len(site.shapes[i]), len(site.out)
    if have == want:
        return x
    turned = want == 3 and site.layout != LAST
    # A vector's channels become axis 1 of a picture by new axes behind them.
    axes = (2, 3) if turned and have == 1 else range(1, 1 + want - have)
    longer = site.op("Unsqueeze", x, site.integers(list(axes), f"axes_{i}"))
    return site.op("Transpose", longer, perm=TO_FIRST) if turned and have == 2 else longer


@writes(Add, layout=ANY)
def _add(site: Site, *xs: str) -> str:
    return joined(site, "Add", xs)


@writes(Multiply, layout=ANY)
def _multiply(site: Site, *xs: str) -> str:
    return joined(site, "Mul", xs)


@writes(Arithmetic, layout=ANY)
def _arithmetic(site: Site, *xs: str) -> str:
    return joined(site, OPERATORS[site.layer.operation], xs)


@writes(WithConstant, layout=ANY)
def _with_constant(site: Site, x: str) -> str:
    layer = site.layer
    value = site.array("value", site.stretched)
    sides = (value, lined(site, x, 0))
    a, b = sides if layer.first else sides[::-1]
    return between(site, OPERATORS[layer.operation], a, b)


@writes(Where, layout=ANY)
def _where(site: Site, *xs: str) -> str:
    c, a, b = (lined(site, x, i) for i, x in enumerate(xs))
    return site.op("Where", site.op("Greater", c, site.constant(0.0)), a, b)


@writes(Concatenate, layout=ANY)
def _concatenate(site: Site, *xs: str) -> str:
    return site.op("Concat", *xs, axis=site.axis(site.layer.axis))


@writes(MatMul, layout=LAST)
def _matmul(site: Site, a: str, b: str) -> str:
    """A vector is one row as a, one column as b; the samples' stacks get as many axes."""
    shapes = [site.shapes[0], site.shapes[1]]
    new: list[list[int]] = [[], []]
    for i, shape in enumerate(shapes):
        if len(shape) == 1:
            new[i] = [1 + i]
            shapes[i] = (1, *shape) if i == 0 else (*shape, 1)
    rank = max(map(len, shapes))
    for i, shape in enumerate(shapes):  # axes of the stack come first, so what is there moves on
        more = rank - len(shape)
        new[i] = [*range(1, 1 + more), *(axis + more for axis in new[i])]
    a, b = (
        site.op("Unsqueeze", x, site.integers(axes, f"axes_{i}")) if axes else x
        for i, (x, axes) in enumerate(zip((a, b), new, strict=True))
    )
    y = site.op("MatMul", a, b)
    return (
        y
        if len(site.out) == rank
        else site.op("Reshape", y, site.integers([-1, *site.out], "shape"))
    )
