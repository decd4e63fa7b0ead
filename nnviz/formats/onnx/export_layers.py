"""Writers of the layers, by family: each a few lines of ONNX operators.

In all of them `site.op` adds an operator and gives the name of its output; the last one is called
after the node.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...engine.layers import (
    ELU,
    GELU,
    SELU,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    HardSwish,
    LeakyReLU,
    Linear,
    LocalResponseNormalization,
    MaxPooling2D,
    Normalization,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    SpatialDropout2D,
    Step,
    Subsampling2D,
    Swish,
    Tanh,
    TrueConv2D,
    UpSampling2D,
)
from ...engine.layers.lp_pool import GlobalLpPooling2D, LpPooling2D
from .export_graph import ANY, Site, pads, writes

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


@writes(Dense)
def _dense(site: Site, x: str) -> str:
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


@writes(AveragePooling2D)
def _average_pooling(site: Site, x: str) -> str:
    """What counts though it is padding becomes a frame of zeros, so that the rest does not."""
    settings = _window(site)
    if site.layer.count_include_pad:
        (top, bottom), (left, right) = replace(site.layer.window(), ceil=False).padding(
            site.shapes[0][:2]
        )
        frame = [top, left, bottom, right]
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


# Activations --------------------------------------------------------------------------------------

PLAIN: dict[type, tuple[str, dict[str, str]]] = {
    ReLU: ("Relu", {}),
    Sigmoid: ("Sigmoid", {}),
    Tanh: ("Tanh", {}),
    Softplus: ("Softplus", {}),
    HardSwish: ("HardSwish", {}),
    SELU: ("Selu", {}),
    ELU: ("Elu", {"alpha": "alpha"}),
    LeakyReLU: ("LeakyRelu", {"alpha": "negative_slope"}),
    Linear: ("Identity", {}),
    SpatialDropout2D: ("Identity", {}),
}
"""Layers that are one operator: its name, and its attributes with our names for them."""


@writes(*PLAIN, layout=ANY)
def _plain(site: Site, *xs: str) -> str:
    kind, names = PLAIN[type(site.layer)]
    return site.op(kind, *xs, **{theirs: getattr(site.layer, ours) for theirs, ours in
                                 names.items()})  # fmt: skip


@writes(PReLU, layout=ANY)
def _prelu(site: Site, x: str) -> str:
    return site.op("PRelu", x, site.array("slope", site.stretched))


@writes(Swish, layout=ANY)
def _swish(site: Site, x: str) -> str:
    return site.op("Mul", x, site.op("Sigmoid", x))


@writes(GELU, layout=ANY)
def _gelu(site: Site, x: str) -> str:
    return site.op("Gelu", x)


@writes(Step, layout=ANY)
def _step(site: Site, x: str) -> str:
    from onnx import TensorProto

    above = site.op("Greater", x, site.constant(0, "zero"))
    return site.op("Cast", above, to=TensorProto.FLOAT)


@writes(Softmax, layout=ANY)
def _softmax(site: Site, x: str) -> str:
    return site.op("Softmax", x, axis=site.axis(-1))


@writes(Dropout, layout=ANY)
def _dropout(site: Site, x: str) -> str:
    return site.op("Dropout", x, site.constant(site.layer.rate, "rate"))


# Normalization ------------------------------------------------------------------------------------


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


@writes(UpSampling2D)
def _up_sampling(site: Site, x: str) -> str:
    modes = {
        "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
                    "nearest_mode": "floor"},
        "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    }  # fmt: skip
    scales = site.constant([1, 1, *site.layer.size], "scales")
    return site.op("Resize", x, "", scales, **modes[site.layer.interpolation])
