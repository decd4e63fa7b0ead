"""An nnviz model in PyTorch: the same graph with the same parameters, node by node.

Activations are channels first there, so pictures are turned on their way in and out (`there`,
`back`). Layers that captum knows are subclasses of PyTorch's own kinds; those that it would refuse
(Flatten, Concatenate) are kept where it does not look for them, and can still be hooked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType

import numpy as np
import torch
from captum.attr._utils.custom_modules import Addition_Module
from torch import Tensor, nn
from torch.nn import functional as F

import nnviz as nv
from nnviz.engine import layers as kinds
from nnviz.engine.graph import INPUT
from nnviz.engine.window import Pads, SlidingWindow


def there(x: np.ndarray) -> Tensor:
    """(N, rows, cols, channels) as PyTorch wants it; vectors as they are."""
    turned = np.moveaxis(x, -1, 1) if x.ndim == 4 else x
    return torch.tensor(np.ascontiguousarray(turned))


def back(x: Tensor) -> np.ndarray:
    """The way back."""
    array = x.detach().numpy()
    return np.moveaxis(array, 1, -1) if array.ndim == 4 else array


def padded(x: Tensor, window: SlidingWindow, value: float = 0.0) -> Tensor:
    """The input with what `window` pads: unlike PyTorch's own padding it may be uneven."""
    (top, bottom), (left, right) = pads_of(window, x)
    return F.pad(x, (left, right, top, bottom), value=value)


def pads_of(window: SlidingWindow, x: Tensor) -> Pads:
    return window.padding((x.shape[2], x.shape[3]))


class Conv(nn.Conv2d):
    """Any convolution of nnviz, depthwise ones as one group a channel."""

    def __init__(self, weight: Tensor, bias: Tensor | None, layer: nv.Layer, groups: int) -> None:
        out, inside, *kernel = weight.shape
        stride, dilation = layer.strides, layer.dilation_rate
        super().__init__(
            inside * groups, out, kernel, stride, 0, dilation, groups, bias is not None
        )
        self.window = layer.window()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(padded(x, self.window))


class PaddedMaxPool(nn.MaxPool2d):
    """With nnviz's padding. Without any it is PyTorch's own kind, which captum looks for."""

    def __init__(self, layer: nv.Layer) -> None:
        super().__init__(layer.pool_size, layer.strides)
        self.window = layer.window()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(padded(x, self.window, -torch.inf))


def _max_pool(layer: nv.Layer) -> nn.Module:
    if layer.padding == "valid":
        return nn.MaxPool2d(layer.pool_size, layer.strides)
    return PaddedMaxPool(layer)


class AveragePool(nn.AvgPool2d):
    """The mean over those cells of a window that lie in the picture."""

    def __init__(self, layer: nv.Layer) -> None:
        super().__init__(layer.pool_size, layer.strides)
        self.window = layer.window()

    def forward(self, x: Tensor) -> Tensor:
        inside = super().forward(padded(torch.ones_like(x[:1, :1]), self.window))
        return super().forward(padded(x, self.window)) / inside


class GlobalAverage(nn.AdaptiveAvgPool2d):
    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten(1)


class Flatten(nn.Module):
    """Channels last, as nnviz lays numbers out."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


class Concatenate(nn.Module):
    def forward(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, 1)


def _param(layer: nv.Layer, name: str) -> Tensor | None:
    return torch.tensor(layer.params[name]) if name in layer.params else None


def _conv(layer: nv.Layer) -> nn.Module:
    weight = torch.tensor(layer.params["weight"].transpose(3, 2, 0, 1).copy())
    return Conv(weight, _param(layer, "bias"), layer, layer.groups)


def _depthwise(layer: nv.Layer) -> nn.Module:
    kh, kw, channels, times = layer.params["weight"].shape
    laid = layer.params["weight"].transpose(2, 3, 0, 1).reshape(channels * times, 1, kh, kw)
    return Conv(torch.tensor(laid.copy()), _param(layer, "bias"), layer, channels)


def _dense(layer: nv.Layer) -> nn.Module:
    weight = torch.tensor(layer.params["weight"].T.copy())
    made = nn.Linear(weight.shape[1], weight.shape[0], bias="bias" in layer.params)
    made.weight = nn.Parameter(weight)
    if "bias" in layer.params:
        made.bias = nn.Parameter(_param(layer, "bias"))
    return made


def _norm(layer: nv.Layer) -> nn.Module:
    count = len(layer.params["gamma"])
    made = nn.BatchNorm2d(count, eps=layer.epsilon, momentum=1 - layer.momentum)
    made.weight = nn.Parameter(_param(layer, "gamma"))
    made.bias = nn.Parameter(_param(layer, "beta"))
    made.running_mean = torch.tensor(layer.buffers["moving_mean"])
    made.running_var = torch.tensor(layer.buffers["moving_variance"])
    return made


def _prelu(layer: nv.Layer) -> nn.Module:
    made = nn.PReLU(len(layer.params["slope"]))
    made.weight = nn.Parameter(_param(layer, "slope"))
    return made


MADE: Mapping[type[nv.Layer], Callable[[nv.Layer], nn.Module]] = {
    kinds.Conv2D: _conv,
    kinds.DepthwiseConv2D: _depthwise,
    kinds.Dense: _dense,
    kinds.BatchNormalization: _norm,
    kinds.MaxPooling2D: _max_pool,
    kinds.AveragePooling2D: AveragePool,
    kinds.GlobalAveragePooling2D: lambda layer: GlobalAverage(),
    kinds.Flatten: lambda layer: Flatten(),
    kinds.Concatenate: lambda layer: Concatenate(),
    kinds.Add: lambda layer: Addition_Module(),
    kinds.Dropout: lambda layer: nn.Dropout(layer.rate),
    kinds.ReLU: lambda layer: nn.ReLU(),
    kinds.PReLU: _prelu,
    kinds.LeakyReLU: lambda layer: nn.LeakyReLU(layer.negative_slope),
    kinds.ELU: lambda layer: nn.ELU(layer.alpha),
    kinds.SELU: lambda layer: nn.SELU(),
    kinds.GELU: lambda layer: nn.GELU(),
    kinds.Swish: lambda layer: nn.SiLU(),
    kinds.HardSwish: lambda layer: nn.Hardswish(),
    kinds.Sigmoid: lambda layer: nn.Sigmoid(),
    kinds.Tanh: lambda layer: nn.Tanh(),
    kinds.Softplus: lambda layer: nn.Softplus(),
    kinds.Linear: lambda layer: nn.Identity(),
}
"""A layer's kind -> the same in PyTorch."""


class Twin(nn.Module):
    """The model up to its logits. It stands in training mode as PyTorch's modules do: `.eval()`."""

    def __init__(self, model: nv.Model) -> None:
        super().__init__()
        last = model.place(model.logits_name)
        self.nodes = [(n.name, n.inputs) for n in model.nodes[: last + 1]]
        self.at = {n.name: MADE[type(n.layer)](n.layer) for n in model.nodes[: last + 1]}
        plain = (Flatten, Concatenate)
        self.parts = nn.ModuleList(m for m in self.at.values() if not isinstance(m, plain))

    def values(self, x: Tensor, instead: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Every node's output; `instead` replaces some before others read them.

        Every reader gets a copy. Otherwise captum's hooks for a curve's output and for the next
        pool's input sit on one tensor, the curve's runs first, and the pool's rule is lost.
        """
        values, given = {INPUT: x}, instead or {}
        for name, inputs in self.nodes:
            if name in given:
                values[name] = given[name]
            else:
                values[name] = self.at[name](*(values[i].clone() for i in inputs))
        return values

    def forward(self, x: Tensor) -> Tensor:
        return self.values(x)[self.nodes[-1][0]]


class Lean(nn.Module):
    """A twin as one would write it for speed: PyTorch's own padding, no copies, and a value is let
    go after its last reader."""

    def __init__(self, model: nv.Model) -> None:
        super().__init__()
        twin = Twin(model).eval()
        self.nodes, self.at, self.parts = twin.nodes, twin.at, twin.parts
        self.last = {i: name for name, inputs in self.nodes for i in inputs}
        for name, (source, *_) in self.nodes:
            module = self.at[name]
            if not isinstance(module, Conv):
                continue
            pads = module.window.padding(model.shapes[source][:2])
            if all(front == back_ for front, back_ in pads):
                module.padding = tuple(front for front, _ in pads)
                module.forward = MethodType(nn.Conv2d.forward, module)

    def forward(self, x: Tensor) -> Tensor:
        values = {INPUT: x}
        for name, inputs in self.nodes:
            values[name] = self.at[name](*(values[i] for i in inputs))
            for i in inputs:
                if self.last[i] == name:
                    values.pop(i, None)
        return values[self.nodes[-1][0]]


def folded(twin: Twin) -> Twin:
    """A batch normalization that alone reads a convolution is joined with it, by PyTorch's own
    formula, and stands there as an identity. Changes `twin`, which must be in eval mode."""
    for name, (source, *_) in twin.nodes:
        conv, norm = twin.at.get(source), twin.at[name]
        readers = [n for n, inputs in twin.nodes if source in inputs]
        if isinstance(norm, nn.BatchNorm2d) and isinstance(conv, Conv) and len(readers) == 1:
            joined = nn.utils.fuse_conv_bn_eval(conv, norm)
            joined.window = conv.window
            twin.at[source], twin.at[name] = joined, nn.Dropout().eval()
    plain = (Flatten, Concatenate)
    twin.parts = nn.ModuleList(m for m in twin.at.values() if not isinstance(m, plain))
    return twin
