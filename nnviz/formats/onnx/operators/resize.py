"""Resizing: Resize as it is since opset 10, and Upsample before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ....engine import layers as L
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator
from ..values import BATCH, NotBatched, Value

KINDS = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "cubic": "cubic"}


class Along(NamedTuple):
    """What happens along one axis of the file: how many cells come out, by what factor (None: as
    the sizes say), of which part of the input."""

    axis: int
    size: int
    scale: float | None
    crop: tuple[float, float]


@operator("Resize", "Upsample")
def resize(imp: Importer, step: Step) -> Value:
    """Sizes or factors for all axes, or (since opset 18) for some; those that stay are left out."""
    value = imp.settled(step, imp.value(step, 0).plain())
    old = step.op == "Upsample" or step.opset < 11
    rules = options(step, old)
    moved = [a for a in every_axis(imp, step, value, old) if changes(imp, value, a)]
    if not moved:
        return imp.pointwise(step, L.Linear())
    if not old:
        return resized(imp, step, value, moved, rules)
    grows = [a for a in moved if (a.scale or 1.0) >= 1]
    for part, rounding in ((grows, "floor"), ([a for a in moved if a not in grows], "ceil")):
        if part:
            value = resized(imp, step, value, part, {**rules, "rounding": rounding})
    return value


def resized(
    imp: Importer, step: Step, value: Value, moved: list[Along], rules: dict[str, Any]
) -> Value:
    """The value, resized along these axes by one layer."""
    axes = [a.axis for a in moved]
    value = value if set(axes) <= set(value.order) else imp.raw(step, value)
    shape = list(value.shape)
    for along in moved:
        imp.budget.allow((along.size, value.shape[along.axis]), 8, "its matrix")
        shape[along.axis] = along.size
    by_size = moved[0].scale is None
    layer = L.Resize(
        [value.ours(a) for a in axes],
        sizes=[a.size for a in moved],
        scales=None if by_size else [a.scale or 1.0 for a in moved],
        crop=[a.crop for a in moved] if any(a.crop != (0.0, 1.0) for a in moved) else None,
        **rules,
    )
    return replace(value, node=imp.emit(step, layer, value.node), shape=tuple(shape))


def every_axis(imp: Importer, step: Step, value: Value, old: bool) -> list[Along]:
    """What the inputs (roi, scales, sizes; of old files scales alone) ask for."""
    roi, scales, sizes = (numbers(imp, step, i) for i in ((-1, 1, -1) if old else (1, 2, 3)))
    if scales is None and "scales" in step.attributes:
        scales = [float(v) for v in step.get("scales")]
    axes = [value.axis(int(a)) for a in step.get("axes") or range(value.rank)]
    told = scales if sizes is None else sizes
    if told is None or len(told) != len(axes):
        raise ArgumentError(f"it has neither sizes nor scales for {len(axes)} axes")
    if not all(math.isfinite(v) for v in told):
        raise ArgumentError(f"its sizes or scales are {told}")
    crops = [(0.0, 1.0)] * len(axes)
    if roi is not None and step.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        crops = list(zip(roi[: len(axes)], roi[len(axes) :], strict=True))
    lengths = [value.shape[a] for a in axes]
    if sizes is None:
        counts = [n if n == BATCH else times(n, s) for n, s in zip(lengths, told, strict=True)]
        factors: list[float | None] = list(told)
    else:
        counts, factor = kept_ratio(step, lengths, [int(s) for s in sizes])
        factors = [factor] * len(axes)
    return [Along(*each) for each in zip(axes, counts, factors, crops, strict=True)]


def times(length: int, factor: float) -> int:
    """How many cells a factor makes of so many: multiplied in single precision, as the file's own
    format has it (5 · 2.6 are 13 there, and in double precision 12.9999999)."""
    return math.floor(np.float32(length) * np.float32(factor))


def changes(imp: Importer, value: Value, along: Along) -> bool:
    """Whether an axis is resized at all; the batch may only stay."""
    whole = along.crop == (0.0, 1.0)
    if along.axis == value.batch:
        lengths = (BATCH, *imp.fixed_batches)
        stays = along.scale == 1.0 or (along.scale is None and along.size in lengths)
        if not (stays and whole):
            raise NotBatched("it resizes the batch")
        return False
    stays = along.scale == 1.0 or (along.scale is None and along.size == value.shape[along.axis])
    return not (stays and whole)


def numbers(imp: Importer, step: Step, i: int) -> list[float] | None:
    """Input i as a list; None where it is left out or empty."""
    if i < 0 or not imp.has(step, i):
        return None
    return [float(v) for v in imp.sizes(step, i)] or None


def options(step: Step, old: bool) -> dict[str, Any]:
    """The rules of resizing, in our layer's words. Old files know one: asymmetric, and of the
    nearest cells the one in front where an axis grows, the next one where it shrinks."""
    kind = step.get("mode", "nearest")
    if kind not in KINDS:
        raise ArgumentError(f"its mode is {kind!r}")
    if old:
        return {"interpolation": KINDS[kind], "coordinates": "asymmetric", "rounding": "floor"}
    return {
        "interpolation": KINDS[kind],
        "coordinates": step.get("coordinate_transformation_mode", "half_pixel"),
        "rounding": step.get("nearest_mode", "round_prefer_floor"),
        "cubic": float(step.get("cubic_coeff_a", -0.75)),
        "exclude_outside": bool(step.get("exclude_outside", 0)),
        "antialias": bool(step.get("antialias", 0)),
        "outside": float(step.get("extrapolation_value", 0.0)),
    }


def kept_ratio(
    step: Step, lengths: Sequence[int], sizes: list[int]
) -> tuple[list[int], float | None]:
    """Sizes with one factor for all axes, and that, where the file wants the picture's shape
    kept."""
    policy = step.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return sizes, None
    pick = {"not_larger": min, "not_smaller": max}.get(policy)
    if pick is None or BATCH in lengths:
        raise ArgumentError(f"its keep_aspect_ratio_policy is {policy!r}")
    factor = pick(s / n for s, n in zip(sizes, lengths, strict=True))
    return [math.floor(n * factor + 0.5) for n in lengths], factor
