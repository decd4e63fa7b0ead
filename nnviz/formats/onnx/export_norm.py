"""Writers of normalizations and of resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.layer import Array, Layer
from ...engine.layers import (
    BatchNormalization,
    LocalResponseNormalization,
    Normalization,
    UpSampling2D,
)
from ...engine.layers.axes import check_axes, placed
from ...engine.layers.group_norm import (
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
)
from ...engine.layers.interpolate import Resize
from .export_graph import ANY, FIRST, LAST, Site, writes


@writes(BatchNormalization)
def _batch_normalization(site: Site, x: str) -> str:
    layer = site.layer
    if len(site.out) in (1, 3):
        keys = ("gamma", "beta", "moving_mean", "moving_variance")
        arrays = [site.array(key) for key in keys]
        return site.op("BatchNormalization", x, *arrays, epsilon=layer.epsilon)
    # ONNX has channels at axis 1 alone; elsewhere it is the affine map that it is.
    mean, variance = (layer.buffers[f"moving_{key}"].astype(float) for key in ("mean", "variance"))
    scale = layer.params["gamma"] / np.sqrt(variance + layer.epsilon)
    scaled = site.op("Mul", x, site.constant(scale, "scale"))
    return site.op("Add", scaled, site.constant(layer.params["beta"] - mean * scale, "shift"))


@writes(LocalResponseNormalization)
def _local_response(site: Site, x: str) -> str:
    """LRN; as onnxruntime has it for odd sizes alone, a 1×1 convolution for even ones, which adds
    the neighbours' squares."""
    layer = site.layer
    if layer.size % 2:
        settings = {key: getattr(layer, key) for key in ("size", "alpha", "beta", "bias")}
        return site.op("LRN", x, **settings)
    channels = np.arange(site.out[2])
    away = channels - channels[:, None]  # of each channel, how far behind it each other one is
    near = (away >= -((layer.size - 1) // 2)) & (away <= layer.size // 2)
    weight = site.constant(near[..., None, None] * (layer.alpha / layer.size), "neighbours")
    bias = site.constant(np.full(len(channels), layer.bias), "bias")
    base = site.op("Conv", site.op("Mul", x, x), weight, bias)
    return site.op("Mul", x, site.op("Pow", base, site.constant(-layer.beta, "power")))


@writes(Normalization, layout=ANY)
def _normalization(site: Site, x: str) -> str:
    mean, std = (site.stretched(np.array(v)) for v in (site.layer.mean, site.layer.std))
    centred = site.op("Sub", x, site.constant(mean, "mean"))
    return site.op("Div", centred, site.constant(std, "std"))


# Within a sample ----------------------------------------------------------------------------------


def standardized(site: Site, x: str, axes: list[int]) -> str:
    """(x − μ) / √(σ² + ε) along axes of the file, taken apart."""
    where = site.integers(axes, "axes")
    centred = site.op("Sub", x, site.op("ReduceMean", x, where))
    variance = site.op("ReduceMean", site.op("Mul", centred, centred), where)
    safe = site.op("Add", variance, site.constant(site.layer.epsilon, "epsilon"))
    return site.op("Div", centred, site.op("Sqrt", safe))


def scaled(site: Site, x: str, gamma: str, beta: str) -> str:
    """γ x + β."""
    return site.op("Add", site.op("Mul", x, gamma), beta)


def _own(site: Site) -> tuple[str, str]:
    """γ and β by channel, as NumPy would stretch them."""
    return site.array("gamma", site.stretched), site.array("beta", site.stretched)


@writes(InstanceNormalization)
def _instance_normalization(site: Site, x: str) -> str:
    if len(site.out) == 3:
        arrays = (site.array("gamma"), site.array("beta"))
        return site.op("InstanceNormalization", x, *arrays, epsilon=site.layer.epsilon)
    return scaled(site, standardized(site, x, list(range(1, len(site.out)))), *_own(site))


@writes(GroupNormalization)
def _group_normalization(site: Site, x: str) -> str:
    """Each group as one channel of all its numbers, and back."""
    groups, out = site.layer.groups, site.out
    first = len(out) in (1, 3)  # then a group's numbers lie together in the file
    cut = [0, groups, -1] if first else [0, -1, groups, out[-1] // groups]
    parts = site.op("Reshape", x, site.integers(cut, "groups"))
    normal = standardized(site, parts, [2] if first else [1, 3])
    shape = site.order([0, *out])
    whole = site.op("Reshape", normal, site.integers(shape, "shape"))
    return scaled(site, whole, *_own(site))


def _layer_layout(layer: Layer) -> str:
    """Along the channels alone ONNX's own operator wants them last."""
    return LAST if layer.axis in (-1, 3) else ANY  # type: ignore[attr-defined]


@writes(LayerNormalization, layout=_layer_layout)
def _layer_normalization(site: Site, x: str) -> str:
    layer, shape = site.layer, site.shapes[0]
    ours = sorted(placed(check_axes(layer.axis, "axis"), shape, layer))
    axes = sorted(site.axis(axis) for axis in ours)

    def stretched(weight: Array) -> Array:
        return site.stretched(
            weight.reshape([n if a in ours else 1 for a, n in enumerate(shape, 1)])
        )

    rank = len(shape) + 1
    if axes == list(range(axes[0], rank)):  # the last ones
        own = [site.array(key, lambda w: stretched(w).reshape(stretched(w).shape[axes[0] - 1 :]))
               for key in ("gamma", "beta")]  # fmt: skip
        return site.op("LayerNormalization", x, *own, axis=axes[0], epsilon=layer.epsilon)
    gamma, beta = (site.array(key, stretched) for key in ("gamma", "beta"))
    return scaled(site, standardized(site, x, axes), gamma, beta)


# Resizing -----------------------------------------------------------------------------------------


@writes(UpSampling2D)
def _up_sampling(site: Site, x: str) -> str:
    modes: dict[str, dict[str, Any]] = {
        "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
                    "nearest_mode": "floor"},
        "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    }  # fmt: skip
    scales = site.constant([1, 1, *site.layer.size], "scales")
    return site.op("Resize", x, "", scales, **modes[site.layer.interpolation])


COMMON = ("half_pixel", "pytorch_half_pixel", "asymmetric")
"""Coordinates that runtimes agree on; on align_corners they do where the sizes are given."""


@writes(Resize, layout=ANY)
def _resize(site: Site, x: str) -> str:
    """ONNX's operator where runtimes agree on what it gives; else the matrices themselves."""
    layer, shape = site.layer, site.shapes[0]
    axes = placed(layer.axes, shape, layer)
    plain = not (layer.exclude_outside or layer.antialias or layer.crop)
    picture = site.layout == FIRST and len(shape) == 3 and set(axes) <= {1, 2}
    known = COMMON if layer.sizes is None else (*COMMON, "align_corners")
    agreed = layer.coordinates in known and (layer.sizes is None or layer.scales is None)
    if not (plain and picture and agreed):
        return _by_matrices(site, x, axes)
    settings: dict[str, Any] = {
        "mode": layer.interpolation,
        "coordinate_transformation_mode": layer.coordinates,
        "nearest_mode": layer.rounding,
    }
    if layer.interpolation == "cubic":
        settings["cubic_coeff_a"] = layer.cubic
    if layer.scales is None:
        # N is free: its size is taken from the input.
        count = site.op("Shape", x, start=0, end=1)
        rest = site.integers(site.order([0, *site.out])[1:], "sizes")
        return site.op("Resize", x, "", "", site.op("Concat", count, rest, axis=0), **settings)
    factors = [1.0] * 4
    for axis, scale in zip(axes, layer.scales, strict=True):
        factors[axis] = scale
    return site.op("Resize", x, "", site.constant(site.order(factors), "scales"), **settings)


def _by_matrices(site: Site, x: str, axes: tuple[int, ...]) -> str:
    """Along each axis a product with its weights; what lies beside the input is added."""
    layer, rank = site.layer, len(site.out) + 1
    for place, axis in enumerate(axes):
        size = site.shapes[0][axis - 1]
        there = site.axis(axis)
        order = [*range(rank)]
        order[there], order[-1] = order[-1], order[there]
        turned = x if there == rank - 1 else site.op("Transpose", x, perm=order)
        weights = site.constant(layer.matrix(size, place).T, f"weights_{place}")
        y = site.op("MatMul", turned, weights)
        missed = layer.missed(size, place)
        if missed.any():
            y = site.op("Add", y, site.constant(layer.outside * missed, f"outside_{place}"))
        x = y if there == rank - 1 else site.op("Transpose", y, perm=order)
    return x
