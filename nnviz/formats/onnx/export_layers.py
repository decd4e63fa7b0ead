"""Writers of the layers with weights, and of pools: each a few lines of ONNX operators.

In all of them `site.op` adds an operator and gives the name of its output; the last one is called
after the node.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ...engine.layers import (
    AveragePooling2D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Subsampling2D,
    TrueConv2D,
)
from ...engine.layers.lp_pool import GlobalLpPooling2D, LpPooling2D
from ...engine.layers.places import MaxPlaces2D
from .export_graph import FIRST, LAST, Site, pads, writes

# Layers with weights ------------------------------------------------------------------------------


def _bias(site: Site) -> list[str]:
    return [site.array("bias")] if site.layer.use_bias else []


@writes(Conv2D, TrueConv2D)
def _conv(site: Site, x: str) -> str:
    layer = site.layer
    weight = site.array("weight", lambda w: layer.laid(w).transpose(3, 2, 0, 1))
    return site.op(
        "Conv",
        x,
        weight,
        *_bias(site),
        kernel_shape=layer.kernel_size,
        strides=layer.strides,
        dilations=layer.dilation_rate,
        group=layer.groups,
        pads=pads(site),
    )


@writes(DepthwiseConv2D)
def _depthwise(site: Site, x: str) -> str:
    layer = site.layer

    def laid(w: np.ndarray) -> np.ndarray:
        return w.transpose(2, 3, 0, 1).reshape(-1, 1, *w.shape[:2])

    return site.op(
        "Conv",
        x,
        site.array("weight", laid),
        *_bias(site),
        kernel_shape=layer.kernel_size,
        strides=layer.strides,
        dilations=layer.dilation_rate,
        group=site.shapes[0][2],
        pads=pads(site),
    )


@writes(Conv2DTranspose)
def _transposed(site: Site, x: str) -> str:
    layer = site.layer
    top, left, bottom, right = pads(site)
    gaps = [  # what the output has more than the last input reaches
        out - ((n - 1) * stride + reach - cut)
        for out, n, stride, reach, cut in zip(
            site.out,
            site.shapes[0][:2],
            layer.strides,
            layer.window().reach,
            (top + bottom, left + right),
            strict=False,
        )
    ]
    return site.op(
        "ConvTranspose",
        x,
        site.array("weight", lambda w: w.transpose(3, 2, 0, 1)),
        *_bias(site),
        kernel_shape=layer.kernel_size,
        strides=layer.strides,
        dilations=layer.dilation_rate,
        pads=[top, left, bottom, right],
        output_padding=gaps,
    )


@writes(Dense, layout=lambda layer: LAST if layer.everywhere else FIRST)
def _dense(site: Site, x: str) -> str:
    if len(site.out) > 1:  # at every place, along the channels
        y = site.op("MatMul", x, site.array("weight"))
        return site.op("Add", y, site.array("bias")) if site.layer.use_bias else y
    return site.op("Gemm", x, site.array("weight"), *_bias(site))


# Pooling ------------------------------------------------------------------------------------------


def _window(site: Site) -> dict[str, Any]:
    """Kernel, steps and padding; what rounding up adds at the end is padding as well."""
    layer = site.layer
    return {
        "kernel_shape": layer.pool_size,
        "strides": layer.strides,
        "dilations": layer.dilation_rate,
        "pads": pads(site),
    }


@writes(MaxPooling2D)
def _max_pooling(site: Site, x: str) -> str:
    return site.op("MaxPool", x, **_window(site))


@writes(MaxPlaces2D)
def _max_places(site: Site, x: str) -> str:
    """The operator's second output; it counts through the batch, ours through each sample."""
    from onnx import TensorProto

    order = int(site.layer.columns_first)
    places = site.op("MaxPool", x, place=1, storage_order=order, **_window(site))
    size = site.integers(math.prod(site.shapes[0]), "size")
    return site.op("Cast", site.op("Mod", places, size), to=TensorProto.FLOAT)


@writes(AveragePooling2D)
def _average_pooling(site: Site, x: str) -> str:
    """What counts though it is padding becomes a frame of zeros, so that the rest does not."""
    settings = _window(site)
    if site.layer.count_include_pad:
        (top, bottom), (left, right) = replace(site.layer.window(), ceil=False).padding(
            site.shapes[0][:2]
        )
        # What no window reaches need not be there.
        whole = zip((top, left, bottom, right), settings["pads"], strict=True)
        top, left, bottom, right = frame = [min(pair) for pair in whole]
        x = site.op("Pad", x, site.integers([0, 0, top, left, 0, 0, bottom, right], "pads"))
        settings["pads"] = [a - b for a, b in zip(settings["pads"], frame, strict=True)]
    return site.op("AveragePool", x, count_include_pad=0, **settings)


@writes(LpPooling2D)
def _lp_pooling(site: Site, x: str) -> str:
    """LpPool for whole p; ONNX has no others, so their powers are added by a convolution."""
    p, channels = site.layer.p, site.out[2]
    if p == int(p):
        return site.op("LpPool", x, p=int(p), **_window(site))
    powers = site.op("Pow", site.op("Abs", x), site.constant(p, "p"))
    ones = site.constant(np.ones((channels, 1, *site.layer.pool_size)), "ones")
    total = site.op("Conv", powers, ones, group=channels, **_window(site))
    return site.op("Pow", total, site.constant(1 / p, "root"))


@writes(GlobalLpPooling2D)
def _global_lp(site: Site, x: str) -> str:
    p, axes = site.layer.p, site.integers([2, 3], "axes")
    powers = site.op("Pow", site.op("Abs", x), site.constant(p, "p"))
    total = site.op("ReduceSum", powers, axes, keepdims=int(site.layer.keepdims))
    return site.op("Pow", total, site.constant(1 / p, "root"))


@writes(Subsampling2D)
def _subsampling(site: Site, x: str) -> str:
    """The sum of a window times a number: a depthwise convolution whose weights are all alike."""
    size = site.layer.pool_size
    weight = site.array("weight", lambda w: np.tile(w[:, None, None, None], (1, 1, *size)))
    return site.op("Conv", x, weight, site.array("bias"), group=site.out[2], **_window(site))


@writes(GlobalAveragePooling2D)
def _global_average(site: Site, x: str) -> str:
    y = site.op("GlobalAveragePool", x)
    return y if site.layer.keepdims else site.op("Flatten", y)
