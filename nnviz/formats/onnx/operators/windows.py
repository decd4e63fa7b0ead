"""Convolutions, and how ONNX tells windows: kernel, strides, dilations and pads, in its words.

Signals (N, channels, length) are taken as pictures of one row; volumes are not read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ....engine import layers as L
from ....engine.window import Pads, SlidingWindow
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator, told
from ..values import PICTURE, Shape, Value

Two = tuple[int, int]
MOST_CELLS = 1 << 31
"""What no kernel, stride or padding reaches."""
MOST_EXTRA = 10_000
"""Cells of a kernel that may lie beside a small input: each costs a step, whatever it reads."""


@dataclass(frozen=True)
class Windows:
    """Settings of a step's windows for two axes. pads: "same", or in cells."""

    kernel: Two
    strides: Two
    dilation: Two
    pads: str | Pads

    @property
    def sliding(self) -> SlidingWindow:
        return SlidingWindow(self.kernel, self.strides, self.pads, self.dilation)


class Laid(NamedTuple):
    """A step's input as pictures; `is_line`: it was a signal, and becomes one again."""

    value: Value
    is_line: bool

    @property
    def size(self) -> Two:
        return self.value.shape[2], self.value.shape[3]


def laid(imp: Importer, step: Step) -> Laid:
    """Input 0 as pictures (rows, cols, channels)."""
    value = imp.value(step, 0).plain()
    if value.rank > 4:
        raise ArgumentError(
            f"it works on volumes, shape {told(value.shape)}: nnviz reads pictures (N, channels, "
            "rows, cols) and signals (N, channels, length)"
        )
    is_line = value.rank == 3
    if is_line:
        n, channels, length = value.shape
        value = value.named((n, channels, 1, length), (0, 1, -1, 2))
    return Laid(imp.picture(step, value), is_line)


def finish(imp: Importer, was: Laid, node: str) -> Value:
    """The value of a node that gives pictures: a signal where the input was one."""
    rows, cols, channels = imp.shapes[node]
    shape: Shape = (was.value.shape[0], channels, rows, cols)
    value = Value(node, shape, PICTURE)
    return value.named((shape[0], channels, cols), (0, 1, 3)) if was.is_line else value


def windows(imp: Importer, step: Step, was: Laid, kernel: Two | None = None) -> Windows:
    """The windows that a step's attributes speak of; `kernel` where a weight tells it."""
    given = _two(step.get("kernel_shape"), was.is_line, 1, "kernel_shape")
    if given is None and kernel is None:
        raise ArgumentError("it has no kernel_shape")
    if given is not None and kernel is not None and given != kernel:
        raise ArgumentError(f"its kernel_shape is {given}, its weight has {kernel}")
    size = given or kernel
    assert size is not None
    strides = _two(step.get("strides"), was.is_line, 1, "strides") or (1, 1)
    dilation = _two(step.get("dilations"), was.is_line, 1, "dilations") or (1, 1)
    if math.prod(size) > 4 * math.prod(was.size) + MOST_EXTRA:
        raise ArgumentError(f"its kernel {size} is far larger than its input {was.size}")
    told = Windows(size, strides, dilation, _pads(step, was, size, strides, dilation))
    padded = [n + sum(p) for n, p in zip(was.size, told.sliding.padding(was.size), strict=True)]
    imp.budget.allow((*padded, was.value.shape[1]), 4, "its padded input")
    return told


def _two(values: list[int] | None, is_line: bool, front: int, what: str) -> Two | None:
    """Two whole numbers; one in front where the input is a signal."""
    if values is None:
        return None
    every = ([front] if is_line else []) + [int(v) for v in values]
    if len(every) != 2 or min(every) < 1 or max(every) > MOST_CELLS:
        raise ArgumentError(f"its {what} is {list(values)}")
    return every[0], every[1]


def explicit_pads(step: Step, is_line: bool) -> Pads:
    """The attribute `pads`: ((top, bottom), (left, right))."""
    values = [int(v) for v in step.get("pads") or ([0, 0] if is_line else [0] * 4)]
    if is_line:
        values = [0, *values[:1], 0, *values[1:]]
    if len(values) != 4 or min(values) < 0 or max(values) > MOST_CELLS:
        raise ArgumentError(f"its pads are {step.get('pads')}")
    top, left, bottom, right = values
    return (top, bottom), (left, right)


def _pads(step: Step, was: Laid, kernel: Two, strides: Two, dilation: Two) -> str | Pads:
    auto = step.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        return explicit_pads(step, was.is_line)
    if auto == "VALID":
        return (0, 0), (0, 0)
    if auto == "SAME_UPPER":
        return "same"
    if auto == "SAME_LOWER":  # the odd cell in front
        pads = SlidingWindow(kernel, strides, "same", dilation).padding(was.size)
        return (pads[0][1], pads[0][0]), (pads[1][1], pads[1][0])
    raise ArgumentError(f"its auto_pad is {auto!r}")


@operator("Conv")
def conv(imp: Importer, step: Step) -> Value:
    """Weights (filters, channels / groups, kh, kw) -> (kh, kw, channels / groups, filters)."""
    was = laid(imp, step)
    weight = imp.weight(step, 1)
    if was.is_line and weight.ndim == 3:
        weight = weight[:, :, None]
    if weight.ndim != 4:
        raise ArgumentError(f"its weight has the shape {weight.shape}")
    filters, inside, kh, kw = weight.shape
    settings = windows(imp, step, was, (kh, kw))
    groups, channels = int(step.get("group", 1)), was.value.shape[1]
    if groups < 1 or inside * groups != channels or filters % groups:
        raise ArgumentError(
            f"its weight {weight.shape} in {groups} group(s) does not fit {channels} channels"
        )
    common: dict[str, Any] = {
        "strides": settings.strides,
        "padding": settings.pads,
        "dilation_rate": settings.dilation,
        "use_bias": imp.has(step, 2),
    }
    layer: L.Conv2D | L.DepthwiseConv2D
    if groups == channels and groups > 1:
        layer = L.DepthwiseConv2D((kh, kw), depth_multiplier=filters // groups, **common)
        kernel = weight.reshape(groups, -1, kh, kw).transpose(2, 3, 0, 1)
    else:
        layer = L.Conv2D(filters, (kh, kw), groups=groups, **common)
        kernel = weight.transpose(2, 3, 1, 0)
    layer.params["weight"] = np.ascontiguousarray(kernel)
    if imp.has(step, 2):
        layer.params["bias"] = imp.weight(step, 2).reshape(filters)
    return finish(imp, was, imp.emit(step, layer, was.value.node))


@operator("ConvTranspose")
def conv_transpose(imp: Importer, step: Step) -> Value:
    """Weights (channels, filters / groups, kh, kw) -> (kh, kw, filters, channels).

    Groups become one kernel that is 0 between them, and output padding rows and cols of zeros at
    the kernel's end: both are rare, and it is the same function.
    """
    was = laid(imp, step)
    weight = imp.weight(step, 1)
    if was.is_line and weight.ndim == 3:
        weight = weight[:, :, None]
    channels, groups = was.value.shape[1], int(step.get("group", 1))
    if weight.ndim != 4 or len(weight) != channels or groups < 1 or channels % groups:
        raise ArgumentError(
            f"its weight {weight.shape} in {groups} group(s) does not fit {channels} channels"
        )
    filters = weight.shape[1] * groups
    told = windows(imp, replace(step, attributes={**step.attributes, "auto_pad": "NOTSET"}), was,
                   (weight.shape[2], weight.shape[3]))  # fmt: skip
    pads, more = cut_off(step, was, told)
    rows, cols = (k + m for k, m in zip(told.kernel, more, strict=True))
    imp.budget.allow((rows, cols, filters, channels), 4, "its weight")
    reach = ((n - 1) * s + r + m * d for n, s, r, m, d in zip(
        was.size, told.strides, told.sliding.reach, more, told.dilation, strict=True
    ))  # fmt: skip
    imp.budget.allow((*reach, filters), 4, "what it spreads")
    kernel = np.zeros((rows, cols, filters, channels), weight.dtype)
    for group in range(groups):
        mine = slice(group * channels // groups, (group + 1) * channels // groups)
        made = slice(group * filters // groups, (group + 1) * filters // groups)
        kernel[: told.kernel[0], : told.kernel[1], made, mine] = weight[mine].transpose(2, 3, 1, 0)
    layer = L.Conv2DTranspose(
        filters,
        kernel.shape[:2],
        strides=told.strides,
        padding=pads,
        dilation_rate=told.dilation,
        use_bias=imp.has(step, 2),
    )
    layer.params["weight"] = kernel
    if imp.has(step, 2):
        layer.params["bias"] = imp.weight(step, 2).reshape(filters)
    return finish(imp, was, imp.emit(step, layer, was.value.node))


def cut_off(step: Step, was: Laid, told: Windows) -> tuple[Pads, Two]:
    """What is cut off the sides of a transposed convolution, and by how many rows and cols of zeros
    its kernel must grow so that as much comes out as the file asks for."""
    extra = [0] * was.is_line + [int(v) for v in step.get("output_padding") or (0, 0)]
    sizes = step.get("output_shape")
    wanted = None if sizes is None else ([1] * was.is_line + [int(v) for v in sizes])[-2:]
    auto = step.get("auto_pad", "NOTSET")
    explicit = explicit_pads(step, was.is_line)
    pads, more = [], []
    for axis in (0, 1):
        stride, reach = told.strides[axis], told.sliding.reach[axis]
        whole = stride * (was.size[axis] - 1) + extra[axis] + reach
        front, back = explicit[axis]
        if wanted is not None or auto in ("SAME_UPPER", "SAME_LOWER"):
            out = was.size[axis] * stride if wanted is None else wanted[axis]
            half, odd = divmod(max(0, whole - out), 2)
            front, back = (half, half + odd) if auto == "SAME_UPPER" else (half + odd, half)
            extra[axis] += max(0, out - whole)
        elif auto == "VALID":
            front = back = 0
        lacking = max(0, extra[axis] - back)
        cells = -(-lacking // told.dilation[axis])
        more.append(cells)
        pads.append((front, back - extra[axis] + cells * told.dilation[axis]))
    return (pads[0], pads[1]), (more[0], more[1])
