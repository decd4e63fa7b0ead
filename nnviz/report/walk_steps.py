"""The walk-through's steps: what a layer does for one output place, in so few numbers that a page
can carry them and a script can do it again.

A step is plain data. Where two layers do the same under different names they share one operation:
a dense layer is a 1×1 convolution over one place, a depthwise convolution one of many groups,
LeNet's subsampling one whose kernel is a single number, and global pooling a pool whose window is
the map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..engine.layer import Array, Layer, Mode, Shape
from ..engine.layers import (
    ELU,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Clip,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    LeakyReLU,
    Linear,
    MaxPooling2D,
    ReLU,
    ReLU6,
    Reshape,
    Sigmoid,
    Softmax,
    SpatialDropout2D,
    Subsampling2D,
    Tanh,
    TrueConv2D,
)
from ..engine.window import POINTWISE, SlidingWindow

Room = tuple[int, int, int]
"""(rows, cols, channels)."""
PART = 1 << 22
"""How many weights are brought to float64 at a time."""


@dataclass(frozen=True)
class Step:
    """What one layer does for the output at (row, col) of channel k.

    op: "sum" (window × kernel + bias), "pool", "affine" (batch normalization), "curve", "softmax",
        "same" (the number is passed on), "add", "concat".
    window: which inputs the place reads. settings: plain data that the op needs besides.
    arrays: what it has learnt, float32; the last axis goes with the output's channels.
    groups: of how many groups of channels the output reads one alone (0: the same channel).
    """

    op: str
    window: SlidingWindow = POINTWISE
    settings: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    groups: int = 1

    def reads(self, channels: Array, inside: int, outside: int) -> Array | None:
        """Which of `inside` input channels these of `outside` output channels read; None: all."""
        if self.op in ("softmax", "concat", "same"):
            return None
        if self.op != "sum":
            return channels
        if self.groups == 1:
            return None
        each = inside // self.groups
        groups = np.unique(channels // (outside // self.groups))
        return (groups[:, None] * each + np.arange(each)).ravel()

    def plain(self, size: tuple[int, int]) -> dict[str, Any]:
        """The step for the page, for inputs of this size, without its arrays."""
        window, (top, left) = self.window, (pads[0] for pads in self.window.padding(size))
        moved = {
            "kernel": list(window.kernel),
            "stride": list(window.stride),
            "dilation": list(window.dilation),
            "pads": [top, left],
        }
        return {"op": self.op, "groups": self.groups, **moved, **self.settings}


def room(shape: Shape) -> Room:
    """A sample's shape as rows, cols, channels: a vector lies at one place."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    last = (1, *shape)[-1] if shape else 1
    before = shape[:-1]
    return int(np.prod(before[:-1], dtype=int)), (1, *before)[-1], last


def step_of(layer: Layer, shapes: list[Shape]) -> Step | None:
    """The step of a layer that reads inputs of these shapes; None where the walk has none."""
    make = STEPS.get(type(layer))
    return make(layer, shapes) if make else None


def careful(layer: Layer, *xs: Array) -> Array:
    """The layer's answer to float32 inputs, computed with 16 digits and then rounded to float32.

    The ordinary run adds float32 numbers up and so is off by a few units of the seventh digit;
    who adds up the same numbers by hand must find the same."""
    exact = [x.astype(np.float64) for x in xs]
    with np.errstate(all="ignore"):  # what overflows is shown as it is
        if isinstance(layer, Dense):
            return _product(layer, exact[0])
        y = layer.astype(np.float64).forward(*exact, mode=Mode())[0]
        return np.asarray(y, np.float32)


def _product(layer: Dense, x: Array) -> Array:
    """A dense layer's answer, a few units at a time: its weights may be most of the model, and
    twice as large in float64."""
    weight = layer.params["weight"]
    each = max(1, PART // len(weight))
    y = np.concatenate(
        [x @ weight[:, i : i + each].astype(np.float64) for i in range(0, layer.units, each)],
        axis=-1,
    )
    return np.asarray(y + layer.params.get("bias", 0.0), np.float32)


def _params(layer: Layer) -> dict[str, Array]:
    return {name: np.asarray(array, np.float32) for name, array in layer.params.items()}


def _conv(layer: Any, shapes: list[Shape]) -> Step:
    arrays = _params(layer)
    arrays["weight"] = layer.laid(arrays["weight"])
    return Step("sum", layer.window(), arrays=arrays, groups=layer.groups)


def _depthwise(layer: Any, shapes: list[Shape]) -> Step:
    arrays = _params(layer)
    kh, kw, channels, times = arrays["weight"].shape
    arrays["weight"] = arrays["weight"].reshape(kh, kw, 1, channels * times)
    return Step("sum", layer.window(), arrays=arrays, groups=channels)


def _dense(layer: Any, shapes: list[Shape]) -> Step:
    arrays = _params(layer)
    arrays["weight"] = arrays["weight"][None, None]
    return Step("sum", arrays=arrays)


def _subsampling(layer: Any, shapes: list[Shape]) -> Step:
    arrays, channels = _params(layer), shapes[0][2]
    arrays["weight"] = np.broadcast_to(arrays["weight"], (*layer.pool_size, 1, channels))
    return Step("sum", layer.window(), arrays=arrays, groups=channels)


def _pool(layer: Any, shapes: list[Shape]) -> Step:
    """counts: the box of input places of which the mean counts the cells."""
    window, (rows, cols) = layer.window(), shapes[0][:2]
    settings: dict[str, Any] = {"how": "max"}
    if isinstance(layer, AveragePooling2D):
        (top, bottom), (left, right) = ((0, 0), (0, 0))
        if layer.count_include_pad:
            (top, bottom), (left, right) = replace(window, ceil=False).padding((rows, cols))
        settings = {"how": "mean", "counts": [-top, -left, rows + bottom, cols + right]}
    return Step("pool", window, settings, groups=0)


def _global(layer: Any, shapes: list[Shape]) -> Step:
    rows, cols = shapes[0][:2]
    mean = isinstance(layer, GlobalAveragePooling2D)
    settings = {"how": "mean", "counts": [0, 0, rows, cols]} if mean else {"how": "max"}
    return Step("pool", SlidingWindow((rows, cols), (rows, cols)), settings, groups=0)


def _norm(layer: Any, shapes: list[Shape]) -> Step:
    named = {
        "gamma": layer.params["gamma"],
        "beta": layer.params["beta"],
        "mean": layer.buffers["moving_mean"],
        "variance": layer.buffers["moving_variance"],
    }
    arrays = {name: np.asarray(array, np.float32) for name, array in named.items()}
    return Step("affine", settings={"epsilon": layer.epsilon}, arrays=arrays, groups=0)


def _softmax(layer: Any, shapes: list[Shape]) -> Step | None:
    last = layer.axis in (-1, len(shapes[0])) and len(shapes[0]) in (1, 3)
    return Step("softmax") if last else None


def _add(layer: Any, shapes: list[Shape]) -> Step | None:
    return Step("add", groups=0) if len(set(shapes)) == 1 else None


def _concat(layer: Any, shapes: list[Shape]) -> Step | None:
    fits = layer.axis in (-1, len(shapes[0])) and len(shapes[0]) in (1, 3)
    return Step("concat", settings={"sizes": [s[-1] for s in shapes]}) if fits else None


def _curve(name: str, *numbers: str) -> Callable[[Any, list[Shape]], Step]:
    def make(layer: Any, shapes: list[Shape]) -> Step:
        values = {key: getattr(layer, key) for key in numbers}
        return Step("curve", settings={"curve": name, **values}, groups=0)

    return make


def _ceiling(layer: Any, shapes: list[Shape]) -> Step:
    return Step("curve", settings={"curve": "clip", "low": 0.0, "high": 6.0}, groups=0)


def _passed(layer: Any, shapes: list[Shape]) -> Step:
    return Step("same", groups=0)


STEPS: dict[type[Layer], Callable[[Any, list[Shape]], Step | None]] = {
    **dict.fromkeys((Conv2D, TrueConv2D), _conv),
    DepthwiseConv2D: _depthwise,
    Dense: _dense,
    Subsampling2D: _subsampling,
    **dict.fromkeys((MaxPooling2D, AveragePooling2D), _pool),
    **dict.fromkeys((GlobalAveragePooling2D, GlobalMaxPooling2D), _global),
    BatchNormalization: _norm,
    Softmax: _softmax,
    Add: _add,
    Concatenate: _concat,
    ReLU: _curve("relu"),
    ReLU6: _ceiling,
    Clip: _curve("clip", "low", "high"),
    LeakyReLU: _curve("leaky", "negative_slope"),
    ELU: _curve("elu", "alpha"),
    Sigmoid: _curve("sigmoid"),
    Tanh: _curve("tanh"),
    **dict.fromkeys((Dropout, SpatialDropout2D, Linear, Flatten, Reshape), _passed),
}
"""The layers that the walk explains; of the others it shows what comes out alone."""
