"""How a model is put together: nodes, symbols and the two ways to build.

`Sequential([...], input_shape=…)` chains layers; Keras's functional style (`x = Input(shape)`,
`y = Conv2D(8, 3)(x)`, `Model(x, y)`) draws any graph without circles. Both end as a list of nodes
in topological order. `Conv2D(32, 3, activation="relu")` becomes two nodes, `conv2d_1` and
`conv2d_1/relu`, so that rules can reach the ReLU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError, unknown
from .layer import RANKS, Layer, Shape, snake
from .layers.named import ACTIVATIONS

INPUT = "input"
"""The name by which nodes, traces and gradients speak of the model's input."""


@dataclass(frozen=True)
class Node:
    """A layer's place in a model: its name, its layer, and the names of the nodes it reads."""

    name: str
    layer: Layer
    inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Symbol:
    """A value that is not computed yet: what a layer gives when it is applied to another symbol."""

    shape: Shape
    layer: Layer | None = None
    inputs: tuple[Symbol, ...] = ()


def check_shape(shape: Sequence[int], what: str) -> Shape:
    """One sample's shape: a picture's, a vector's, or up to 6 axes of any meaning."""
    given = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    whole = all(isinstance(s, int | np.integer) and s > 0 for s in given)
    if len(given) > RANKS or not whole:
        raise ArgumentError(
            f"{what} must be (rows, cols, channels), (features,) or another shape of up to {RANKS} "
            f"axes, without N, got {shape!r}"
        )
    return tuple(int(s) for s in given)


def Input(shape: Sequence[int]) -> Symbol:
    """Where a functional model begins; `shape` is one sample's, without N."""
    return Symbol(check_shape(shape, "shape of Input"))


def apply_layer(layer: Layer, inputs: Sequence[Symbol]) -> Symbol:
    """The symbol for `layer` applied to symbols; checks shapes at once and adds the activation."""
    flat = list(inputs[0]) if len(inputs) == 1 and isinstance(inputs[0], list | tuple) else inputs
    for item in flat:
        if not isinstance(item, Symbol):
            raise ArgumentError(
                f"{type(layer).__name__} was called with {type(item).__name__}, expected the "
                "result of Input(...) or of another layer; to compute, use model.predict"
            )
    symbol = Symbol(out_shape(layer, [s.shape for s in flat]), layer, tuple(flat))
    if layer.activation is None:
        return symbol
    return apply_layer(activation_layer(layer), [symbol])


def out_shape(layer: Layer, shapes: Sequence[Shape]) -> Shape:
    """`layer.out_shape` after a check of how many inputs it takes."""
    fits = len(shapes) == layer.arity if layer.arity is not None else len(shapes) >= 2
    if not fits:
        wanted = "two or more inputs" if layer.arity is None else f"{layer.arity} input(s)"
        raise ArgumentError(f"{type(layer).__name__} takes {wanted}, got {len(shapes)}")
    return layer.out_shape(*shapes)


def activation_layer(layer: Layer) -> Layer:
    """The layer of a node that stands for `activation="…"`."""
    if layer.activation not in ACTIVATIONS:
        raise unknown("activation", layer.activation, ACTIVATIONS, "nnviz")
    made = ACTIVATIONS[layer.activation]()
    made.name = layer.activation
    return made


def topological(last: Symbol, first: Symbol) -> list[Symbol]:
    """All symbols between `first` (left out) and `last`, each after what it reads."""
    order: list[Symbol] = []
    done: set[int] = {id(first)}
    stack: list[tuple[Symbol, bool]] = [(last, False)]
    while stack:
        symbol, ready = stack.pop()
        if id(symbol) in done:
            continue
        if ready:
            done.add(id(symbol))
            order.append(symbol)
            continue
        if symbol.layer is None:
            raise ArgumentError(
                "the model's output also depends on another Input than the one given to Model"
            )
        stack.append((symbol, True))
        stack.extend((s, False) for s in reversed(symbol.inputs))
    return order


def nodes_of(last: Symbol, first: Symbol) -> list[Node]:
    """Symbols as named nodes. A name asked for (`name="preds"`) is kept; others are counted by
    kind: `conv2d_1`, `conv2d_2`. A layer at a second place becomes `name_2`."""
    names: dict[int, str] = {id(first): INPUT}
    taken: set[str] = {INPUT}
    kinds: Counter[str] = Counter()
    homes: dict[int, str] = {}
    nodes: list[Node] = []
    for symbol in topological(last, first):
        layer = symbol.layer
        assert layer is not None
        name = _name_for(symbol, layer, names, kinds, homes, taken)
        taken.add(name)
        homes.setdefault(id(layer), name)
        names[id(symbol)] = name
        nodes.append(Node(name, layer, tuple(names[id(s)] for s in symbol.inputs)))
    if not nodes:
        raise ArgumentError("a model needs at least one layer between its input and its output")
    return nodes


def _name_for(
    symbol: Symbol,
    layer: Layer,
    names: dict[int, str],
    kinds: Counter[str],
    homes: dict[int, str],
    taken: set[str],
) -> str:
    """One node's name; an `ArgumentError` where a wished one is taken."""
    owner = symbol.inputs[0].layer
    if owner is not None and owner.activation is not None and layer.name == owner.activation:
        return _free(f"{names[id(symbol.inputs[0])]}/{layer.name}", taken)
    if id(layer) in homes:
        return _free(homes[id(layer)], taken)
    if layer.name is not None:
        if layer.name in taken:
            raise ArgumentError(f"two nodes want the name {layer.name!r}: names must be unique")
        return layer.name
    kind = snake(type(layer).__name__)
    while True:
        kinds[kind] += 1
        if (name := f"{kind}_{kinds[kind]}") not in taken:
            return name


def _free(name: str, taken: set[str]) -> str:
    """`name`, or `name_2`, `name_3` … where it is taken."""
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free


def chain(layers: Iterable[Layer], first: Symbol) -> Symbol:
    """The layers applied one after the other, with the place named where one does not fit."""
    symbol = first
    for place, layer in enumerate(layers, 1):
        if not isinstance(layer, Layer):
            raise ArgumentError(f"layer {place} is no layer but {type(layer).__name__}")
        try:
            symbol = layer(symbol)
        except ArgumentError as error:
            label = layer.name or type(layer).__name__
            raise ArgumentError(f"layer {place} ({label}): {error}") from None
    return symbol
