"""What a layer is.

A layer is an operation with its parameters. It never remembers a picture: what a run leaves behind
goes into a `Call`, so one layer can sit at two places of a model, run on several threads at once,
and be explained by many rules from a single run. To write one, give `forward`, `backward`, `grads`
and `out_shape`; the batteries in `nnviz.testing` then check all of it.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ArgumentError
from .mode import Array, Call, Mode
from .window import POINTWISE, Window

if TYPE_CHECKING:
    from .graph import Symbol

Shape = tuple[int, ...]
"""The shape of one sample, without N: a picture's `(rows, cols, channels)`, a vector's
`(features,)`, or anything of up to `RANKS` axes."""
RANKS = 6
"""How many axes a sample may have."""


class Layer:
    """Base of all layers; what a subclass does not say is right for a layer without parameters."""

    registry: ClassVar[dict[str, type[Layer]]] = {}
    arity: ClassVar[int | None] = 1
    """How many inputs it takes; None: two or more."""
    random: ClassVar[bool] = False
    """Whether training draws random numbers from `mode.rng`."""
    couples: ClassVar[bool] = False
    """Whether training's result for one picture depends on the others of the batch."""

    gathers: ClassVar[bool] = False
    """Whether its parameters' gradients are taken once for the whole batch, from `call.x` and `dy`
    alone: worth it where they are larger than a chunk's activations."""

    forgets: ClassVar[bool] = False
    """Whether backward and grads do without `call.y`, so that the next layer may write over it."""

    repeats: ClassVar[bool] = False
    """Whether in the dtype of its parameters all that it does is for all inputs of one shape the
    same calls, all made by `mode.do`: on nothing but the inputs, the parameters themselves, `rng`,
    `totals` and memory of `mode`. Where it `gathers`, this does not hold for grads."""

    saves: ClassVar[bool] = False
    """Whether backward reads nothing of `call.xs` and `call.y` but their shapes where the run was
    `mode.lean`: what it needs lies in `saved`, as small as can be."""

    constant: ClassVar[bool] = False
    """Whether its arrays are constants that nobody has learnt: these may be infinite, as masks
    are."""

    chooses: ClassVar[bool] = False
    """Whether its gradient goes to the largest of several numbers, so that ties must be true."""

    crops: bool = False
    """Whether forward without padding, on all that a box of outputs reads, gives this box: so it is
    for convolutions and pools, which have a `padding`."""
    grows: bool = False
    """Whether forward on what a box of outputs reads gives a box that holds it and begins at
    `origin`: so it is for layers that make pictures larger."""
    beside: float = 0.0
    """What stands for the cells beside the map where such a box sticks out of it."""
    linear: bool = False
    """Whether it has `answer_to`."""
    elementwise: bool = False
    """Whether each number goes its own way at prediction, whatever its channel."""
    by_channel: bool = False
    """Whether at prediction a channel of the output reads the same channel of the inputs alone,
    where they have as many (see `channels`); so it is for what is `elementwise` as well."""
    differentiable: bool = True
    """Whether it has a backward; where not, a gradient that is asked for is an error by name."""
    later: ClassVar[tuple[str, ...]] = ()
    """Settings that came after the first model files: left out of `config` where they stand at
    their default, so that old models keep their fingerprint."""
    domain: tuple[float, float] = (-2.0, 2.0)
    """The numbers that the batteries try it on: where it is defined and changes smoothly."""

    params: dict[str, Array]
    buffers: dict[str, Array]
    trainable: bool
    name: str | None
    activation: str | None

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ours = Layer.registry.get(cls.__name__)
        # A user's class of the same name must not take the place of one of ours in model files.
        replaces = ours is None or not ours.__module__.startswith("nnviz.")
        if replaces and not abstract and not cls.__name__.startswith("_"):
            Layer.registry[cls.__name__] = cls

    def __init__(self, *, name: str | None = None, activation: str | None = None) -> None:
        self.params = {}
        self.buffers = {}
        self.trainable = True
        self.name = name
        self.activation = activation

    # What it does with shapes -----------------------------------------------------------------

    def window(self, i: int = 0) -> Window | None:
        """How places of input i and of the output belong together; None: every output may read
        every input."""
        return None

    def out_shape(self, *shapes: Shape) -> Shape:
        """The shape of one sample's output; an `ArgumentError` where the inputs do not fit."""
        return shapes[0]

    def param_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        """Names and shapes of the parameters for inputs of these shapes."""
        return {}

    def buffer_shapes(self, *shapes: Shape) -> dict[str, Shape]:
        """Names and shapes of the buffers (running statistics)."""
        return {}

    def initial(self, name: str, shape: Shape, rng: np.random.Generator) -> Array:
        """The first value of one parameter or buffer, float32."""
        return np.zeros(shape, np.float32)

    # What it computes -------------------------------------------------------------------------

    def forward(self, *xs: Array, mode: Mode) -> tuple[Array, Any]:
        """`(y, saved)`. Writes neither to the layer nor to what it was given."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: Array, call: Call) -> Array | tuple[Array, ...]:
        """The gradient of the input (a tuple where there are several): what a rule replaces."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def grads(self, dy: Array, call: Call) -> dict[str, Array]:
        """The gradient of each parameter; needed for training alone. Where the samples are coupled,
        `call.mode.totals` is this chunk's own `backward_part`."""
        return {}

    def gradients(self, dy: Array, call: Call) -> tuple[Any, dict[str, Array]]:
        """`backward` and `grads` of one call, for layers that save work by taking both at once; a
        subclass may have others of its own, so they must look whether these are theirs."""
        grads = self.grads(dy, call)
        return self.backward(dy, call), grads

    def new_buffers(self, calls: Sequence[Call]) -> dict[str, Array]:
        """The buffers after one training step, from its calls."""
        return {}

    # Where only a part of the input has changed (see `boxes`) ---------------------------------

    @property
    def has_patches(self) -> bool:
        """Whether a box of outputs can be computed from what it reads, by `on_patches`."""
        return self.crops or self.grows or self.window() == POINTWISE

    def on_patches(self, *xs: Array, inside: Callable[[], Array | None], mode: Mode) -> Array:
        """Boxes of outputs (P, h, w, channels) from all that they read, xs (P, h', w', …).

        inside: gives (P, h', w', 1), which cells of the last of the xs lie on the map, where the
        others hold `beside`; None where all do.
        """
        layer = self
        if self.crops:
            layer = copy.copy(self)
            layer.padding = ((0, 0), (0, 0))  # type: ignore[attr-defined]
        return layer.forward(*xs, mode=mode)[0]

    def origin(self, first: Array, axis: int) -> Array:
        """Where along an axis the outputs begin that `on_patches` gives for inputs from `first`
        on, for a layer that grows."""
        raise NotImplementedError(f"{type(self).__name__} has no origin")

    def answer_to(
        self, change: Array, top: Array, left: Array, size: tuple[int, int], mode: Mode
    ) -> Array:
        """By how much the output (P, …) of a linear layer moves where the input moves by `change`
        (P, h, w, channels), which begins at (top, left) of a map of this size."""
        raise NotImplementedError(f"{type(self).__name__} has no answer_to")

    def moves_by(self, size: tuple[int, int]) -> bool:
        """Whether `moved_by` is quicker than `on_patches` for a region of this size."""
        return False

    def moved_by(self, change: Array, mode: Mode) -> Array:
        """By how much all outputs that read a region (P, h, w, channels) move where the region
        moves by `change`; with a window, at stride 1."""
        raise NotImplementedError(f"{type(self).__name__} has no moved_by")

    # Layers that couple the samples of a batch: each chunk gives a part, the parts become a total.

    def forward_part(self, *xs: Array, mode: Mode) -> Any:
        """What one chunk adds to the batch's statistics."""
        return None

    def forward_total(self, parts: Sequence[Any]) -> Any:
        """All chunks' parts, in the order of the chunks, as the `mode.totals` of forward."""
        return None

    def backward_part(self, dy: Array, call: Call) -> Any:
        """What one chunk adds to the batch's sums in backward."""
        return None

    def backward_total(self, parts: Sequence[Any]) -> Any:
        """All chunks' parts as the `call.mode.totals` of backward."""
        return None

    # What every layer can do ------------------------------------------------------------------

    def param(self, name: str, dtype: Any) -> Array:
        """A parameter in the dtype of the activations, so that results follow the input's dtype."""
        return self.params[name].astype(dtype, copy=False)

    def buffer(self, name: str, dtype: Any) -> Array:
        """A buffer in the dtype of the activations."""
        return self.buffers[name].astype(dtype, copy=False)

    def build(self, rng: np.random.Generator, *shapes: Shape) -> None:
        """Fill params and buffers for inputs of these shapes, unless they are there already."""
        wanted = {"params": self.param_shapes(*shapes), "buffers": self.buffer_shapes(*shapes)}
        for kind, table in wanted.items():
            store: dict[str, Array] = getattr(self, kind)
            for name, shape in table.items():
                if name not in store:
                    store[name] = self.initial(name, shape, rng)
                elif store[name].shape != shape:
                    raise ArgumentError(
                        f"{name} has shape {store[name].shape}, expected {shape} for inputs of "
                        f"shape {', '.join(map(str, shapes))}: a layer used twice needs the same "
                        "number of channels at both places"
                    )

    def with_params(self, **arrays: Array) -> Layer:
        """A copy with these parameters in place of its own; the rest is shared."""
        other = copy.copy(self)
        other.params = {**self.params, **arrays}
        return other

    def astype(self, dtype: Any) -> Layer:
        """A copy with parameters and buffers in this dtype."""
        other = copy.copy(self)
        other.params = {k: v.astype(dtype) for k, v in self.params.items()}
        other.buffers = {k: v.astype(dtype) for k, v in self.buffers.items()}
        return other

    def config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data: what a model file keeps of the layer.

        The name belongs to the node, and an activation is a node of its own."""
        wanted = _arguments(type(self).__init__)
        config = {k: getattr(self, k) for k in wanted}
        new = {k: wanted[k] for k in self.later if k in wanted}
        return {k: v for k, v in config.items() if k not in new or v != new[k]}

    @classmethod
    def examples(cls) -> list[tuple[Layer, tuple[Shape, ...]]]:
        """Layers of this class with input shapes: what the batteries run on."""
        return [(cls(), ((6, 5, 4),)), (cls(), ((7,),))]

    def __call__(self, *inputs: Symbol) -> Symbol:
        """Keras's functional style: apply the layer to symbols, `y = Conv2D(8, 3)(x)`."""
        from .graph import apply_layer  # the builder knows layers, so layers meet it late

        return apply_layer(self, inputs)

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self.config().items())
        return f"{type(self).__name__}({inside})"


@cache
def _arguments(init: Callable[..., None]) -> dict[str, Any]:
    """The constructor's arguments that stand in a layer's config, and their defaults."""
    wanted = inspect.signature(init).parameters
    return {k: v.default for k, v in wanted.items() if k not in ("self", "name", "activation")}


Rule = Callable[[Layer, Array, Call], Array | tuple[Array, ...]]
"""A replacement for a layer's backward; it has the signature of an unbound `Layer.backward`."""


def snake(name: str) -> str:
    """`MaxPooling2D` -> `max_pooling2d`, as Keras names its layers."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def need_picture(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """`shape` as `(rows, cols, channels)`, or an error that says which layer wanted it."""
    if len(shape) != 3:
        raise ArgumentError(
            f"{type(layer).__name__} needs pictures (rows, cols, channels), got {shape}"
        )
    return shape[0], shape[1], shape[2]


def pair(value: int | Sequence[int], what: str, least: int = 1) -> tuple[int, int]:
    """`3` or `(3, 5)` as two whole numbers of at least `least`."""
    both = tuple(value) if isinstance(value, Sequence) else (value, value)
    whole = all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in both)
    if len(both) != 2 or not whole or min(both) < least:
        raise ArgumentError(
            f"{what} must be one or two whole numbers of at least {least}, got {value!r}"
        )
    return int(both[0]), int(both[1])


def sizes(shape: Sequence[int], what: str) -> Shape:
    """A sample's shape, of any rank: whole numbers of at least 1."""
    fits = isinstance(shape, Sequence) and len(shape) <= RANKS
    if not fits or any(not isinstance(s, int | np.integer) or s < 1 for s in shape):
        raise ArgumentError(
            f"{what} must be up to {RANKS} whole numbers of at least 1, got {shape!r}"
        )
    return tuple(int(s) for s in shape)


def whole(value: int, what: str) -> int:
    """`value` as a whole number of at least 1."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{what} must be a whole number of at least 1, got {value!r}")
    return int(value)
