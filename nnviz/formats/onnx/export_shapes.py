"""Writers of the layers that lay numbers out otherwise, take some of them, or reduce them."""

from __future__ import annotations

import numpy as np

from ...engine.layer import Layer
from ...engine.layers.axes import placed
from ...engine.layers.blocks import DepthToSpace, SpaceToDepth
from ...engine.layers.constant import Constant
from ...engine.layers.reduction import ArgMax, ArgMin, GlobalMaxPooling2D, Reduce
from ...engine.layers.reshape import BroadcastTo, Flatten, Permute, Reshape
from ...engine.layers.resize import ZeroPadding2D
from ...engine.layers.select import Gather, Pad, Slice
from .export_graph import ANY, LAST, Site, pads, writes

END = np.iinfo(np.int64).max
"""What ONNX takes for "to the end"."""


@writes(Flatten, layout=LAST)
def _flatten(site: Site, x: str) -> str:
    return site.op("Flatten", x)


@writes(Reshape, layout=LAST)
def _reshape(site: Site, x: str) -> str:
    return site.op("Reshape", x, site.integers([-1, *site.out], "shape"))


@writes(Permute, layout=LAST)
def _permute(site: Site, x: str) -> str:
    return site.op("Transpose", x, perm=site.layer.order)


@writes(BroadcastTo, layout=LAST)
def _broadcast_to(site: Site, x: str) -> str:
    new = len(site.out) - len(site.shapes[0])
    if new:
        x = site.op("Unsqueeze", x, site.integers(list(range(1, 1 + new)), "axes"))
    return site.op("Expand", x, site.integers([1, *site.out], "shape"))


@writes(Constant, layout=LAST)
def _constant(site: Site, x: str) -> str:
    """As often as there are samples, which the input says."""
    value = site.array("value", lambda v: v[None])
    count = site.op("Shape", x, start=0, end=1)
    shape = site.op("Concat", count, site.integers([*site.out], "shape"), axis=0)
    return site.op("Expand", value, shape)


@writes(SpaceToDepth)
def _space_to_depth(site: Site, x: str) -> str:
    return site.op("SpaceToDepth", x, blocksize=site.layer.block)


@writes(DepthToSpace)
def _depth_to_space(site: Site, x: str) -> str:
    return site.op("DepthToSpace", x, blocksize=site.layer.block, mode=site.layer.mode)


# Taking a part, and framing -----------------------------------------------------------------------


@writes(Slice, layout=ANY)
def _slice(site: Site, x: str) -> str:
    layer = site.layer
    ends = [
        stop if stop is not None else END if step > 0 else -END
        for stop, step in zip(layer.stops, layer.steps, strict=True)
    ]
    axes = [site.axis(axis) for axis in layer.axes]
    parts = {"starts": layer.starts, "ends": ends, "axes": axes, "steps": layer.steps}
    return site.op("Slice", x, *(site.integers(list(v), key) for key, v in parts.items()))


def _gather_layout(layer: Layer) -> str:
    """A row of places keeps the axes; fewer or more of them make another rank."""
    return ANY if np.ndim(layer.indices) == 1 else LAST  # type: ignore[attr-defined]


@writes(Gather, layout=_gather_layout)
def _gather(site: Site, x: str) -> str:
    places = site.integers(site.layer.indices, "indices")
    return site.op("Gather", x, places, axis=site.axis(site.layer.axis))


@writes(ZeroPadding2D)
def _zero_padding(site: Site, x: str) -> str:
    top, left, bottom, right = pads(site)
    return site.op("Pad", x, site.integers([0, 0, top, left, 0, 0, bottom, right], "pads"))


@writes(Pad, layout=ANY)
def _pad(site: Site, x: str) -> str:
    layer, sizes = site.layer, site.shapes[0]
    if layer.mode == "constant":
        x = _less(site, x)
    elif any(not 0 <= n < size for pair, size in zip(layer.amounts, sizes, strict=True)
             for n in pair):  # fmt: skip
        return _taken(site, x)  # runtimes differ in what they take of these
    around = [(0, 0), *((max(a, 0), max(b, 0)) for a, b in layer.amounts)]
    frame = [list(side) for side in zip(*site.order(around), strict=True)]
    amounts = site.integers(frame[0] + frame[1], "pads")
    value = [site.constant(layer.value, "value")] if layer.mode == "constant" else []
    return site.op("Pad", x, amounts, *value, mode=layer.mode)


def _less(site: Site, x: str) -> str:
    """Without what a padding below 0 takes away."""
    cuts = {
        site.axis(axis): (max(-before, 0), min(after, 0) or END)
        for axis, (before, after) in enumerate(site.layer.amounts, 1)
        if min(before, after) < 0
    }
    if not cuts:
        return x
    starts, ends = (list(side) for side in zip(*cuts.values(), strict=True))
    parts = {"starts": starts, "ends": ends, "axes": list(cuts)}
    return site.op("Slice", x, *(site.integers(v, key) for key, v in parts.items()))


def _taken(site: Site, x: str) -> str:
    """Mirrored, repeated or wrapped, axis by axis, by the places that stand there in the end."""
    for axis, size in enumerate(site.shapes[0]):
        places = site.integers(site.layer.places(size, axis), f"places_{axis}")
        x = site.op("Gather", x, places, axis=site.axis(axis + 1))
    return x


# Reductions ---------------------------------------------------------------------------------------

REDUCTIONS = {
    "mean": "ReduceMean",
    "sum": "ReduceSum",
    "max": "ReduceMax",
    "min": "ReduceMin",
    "prod": "ReduceProd",
    "l1": "ReduceL1",
    "l2": "ReduceL2",
    "sum_square": "ReduceSumSquare",
    "log_sum": "ReduceLogSum",
    "log_sum_exp": "ReduceLogSumExp",
}
"""Our names of reductions, and ONNX's."""


@writes(Reduce, layout=ANY)
def _reduce(site: Site, x: str) -> str:
    layer, rank = site.layer, len(site.shapes[0])
    every = tuple(range(1, rank + 1))
    axes = every if layer.axes is None else placed(layer.axes, site.shapes[0], layer)
    kind = REDUCTIONS[layer.operation]
    if not axes:  # one number a sample: it is reduced along an axis of its own
        axis = site.integers([1], "axes")
        return site.op(kind, site.op("Unsqueeze", x, axis), axis, keepdims=0)
    where = site.integers(sorted(site.axis(axis) for axis in axes), "axes")
    return site.op(kind, x, where, keepdims=int(layer.keepdims))


@writes(GlobalMaxPooling2D)
def _global_max(site: Site, x: str) -> str:
    y = site.op("GlobalMaxPool", x)
    return y if site.layer.keepdims else site.op("Flatten", y)


@writes(ArgMax, ArgMin, layout=ANY)
def _arg(site: Site, x: str) -> str:
    from onnx import TensorProto

    layer = site.layer
    place = site.op(
        type(layer).__name__,
        x,
        axis=site.axis(layer.axis),
        keepdims=int(layer.keepdims),
        select_last_index=int(layer.last),
    )
    return site.op("Cast", place, to=TensorProto.FLOAT)
