"""Resizing: Resize as it is since opset 10, and Upsample before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ....engine import layers as L
from ....errors import ArgumentError
from ..graph import Step
from ..importer import Importer, operator
from ..values import BATCH, NotBatched, Value

KINDS = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "cubic": "cubic"}


@operator("Resize", "Upsample")
def resize(imp: Importer, step: Step) -> Value:
    """Sizes or factors for all axes, or (since opset 18) for some; those that stay are left out."""
    value = imp.settled(step, imp.value(step, 0))
    old = step.op == "Upsample" or step.opset < 11
    places = (-1, 1, -1) if old else (1, 2, 3)  # of roi, scales, sizes
    roi, scales, sizes = (numbers(imp, step, i) for i in places)
    if scales is None and "scales" in step.attributes:
        scales = [float(v) for v in step.get("scales")]
    if scales is None and {"height_scale", "width_scale"} <= set(step.attributes):
        scales = [1.0, 1.0, float(step.get("height_scale")), float(step.get("width_scale"))]
    axes = [value.axis(int(a)) for a in step.get("axes") or range(value.rank)]
    told = scales if sizes is None else sizes
    if told is None or len(told) != len(axes):
        raise ArgumentError(f"it has neither sizes nor scales for {len(axes)} axes")
    lengths = {a: value.shape[a] for a in axes}
    if sizes is not None:
        sizes = kept_ratio(step, [lengths[a] for a in axes], [int(s) for s in sizes])
    crops = [(0.0, 1.0)] * len(axes)
    if roi is not None and step.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        crops = list(zip(roi[: len(axes)], roi[len(axes) :], strict=True))
    used = []
    for i, axis in enumerate(axes):
        stays = crops[i] == (0.0, 1.0) and (
            told[i] == 1.0 if sizes is None else sizes[i] == lengths[axis]
        )
        if axis == 0 and value.batched and (stays or (sizes is not None and sizes[i] in (1, -1))):
            continue
        if axis == 0 and value.batched:
            raise NotBatched("it resizes the batch")
        if not stays:
            used.append(i)
    if not used:
        return imp.pointwise(step, L.Linear())
    gone = {axes[i] for i in used}
    value = value if gone <= set(value.order) else imp.raw(step, value)
    layer = L.Resize(
        [value.ours(axes[i]) for i in used],
        sizes=None if sizes is None else [sizes[i] for i in used],
        scales=None if scales is None or sizes is not None else [scales[i] for i in used],
        crop=[crops[i] for i in used] if gone and roi is not None and crops else None,
        **options(step, old),
    )
    shape = list(value.shape)
    for i in used:
        out = sizes[i] if sizes is not None else int(np.floor(lengths[axes[i]] * told[i]))
        imp.budget.allow((out, lengths[axes[i]]), 8, "its matrix")
        shape[axes[i]] = out
    return replace(value, node=imp.emit(step, layer, value.node), shape=tuple(shape))


def numbers(imp: Importer, step: Step, i: int) -> list[float] | None:
    """Input i as a list; None where it is left out or empty."""
    if i < 0 or not imp.has(step, i):
        return None
    return [float(v) for v in imp.const(step, i).reshape(-1)] or None


def options(step: Step, old: bool) -> dict[str, object]:
    """The rules of resizing, in our layer's words. Old files know one: asymmetric."""
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


def kept_ratio(step: Step, lengths: Sequence[int], sizes: list[int]) -> list[int]:
    """Sizes with one factor for all axes, where the file wants the picture's shape kept."""
    policy = step.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return sizes
    pick = {"not_larger": min, "not_smaller": max}.get(policy)
    if pick is None or BATCH in lengths:
        raise ArgumentError(f"its keep_aspect_ratio_policy is {policy!r}")
    factor = pick(s / n for s, n in zip(sizes, lengths, strict=True))
    return [int(np.floor(n * factor + 0.5)) for n in lengths]
