"""Gradients at the picture: captum's, and RectGrad by hooks."""

from __future__ import annotations

import numpy as np
import torch
from captum import attr
from torch import Tensor, nn

from ..nets import RELU, Case
from ..twin import Twin, back
from .entry import Entry, picked


def saliency(case: Case) -> np.ndarray:
    return back(attr.Saliency(case.twin).attribute(case.input, case.target)).max(-1)


def gradient(case: Case) -> np.ndarray:
    return back(attr.Saliency(case.twin).attribute(case.input, case.target, abs=False))


def input_x_gradient(case: Case) -> np.ndarray:
    return back(attr.InputXGradient(case.twin).attribute(case.input, case.target))


def guided_backprop(case: Case) -> np.ndarray:
    return back(attr.GuidedBackprop(case.twin).attribute(case.input, case.target))


def deconvolution(case: Case) -> np.ndarray:
    return back(attr.Deconvolution(case.twin).attribute(case.input, case.target))


def rect_grad(case: Case) -> np.ndarray:
    """Kim et al. 2019: a ReLU passes dy where a · dy lies above its 90th percentile."""
    outputs: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, xs: tuple[Tensor], y: Tensor) -> None:
        outputs[module] = y.detach()

    def choose(module: nn.Module, dx: tuple[Tensor], dy: tuple[Tensor]) -> tuple[Tensor]:
        weight = outputs[module] * dy[0]
        limit = torch.quantile(weight.flatten(1), 0.9, dim=1)
        return (dy[0] * (weight > limit.reshape(-1, *[1] * (weight.ndim - 1))),)

    twin = Twin(case.model).eval()
    for module in twin.parts:
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(keep)
            module.register_full_backward_hook(choose)
    x = case.input.requires_grad_()
    picked(case, twin(x)).sum().backward()
    return back(x.grad)


ENTRIES = [
    Entry("rect_grad", rect_grad, "Kim et al. 2019, by hooks", {"percentile": 90.0}, nets=RELU),
    Entry("gradient", gradient, "captum Saliency(abs=False)"),
    Entry("saliency", saliency, "captum Saliency, largest channel", part="values"),
    Entry("input_x_gradient", input_x_gradient, "captum InputXGradient"),
    Entry("guided_backprop", guided_backprop, "captum GuidedBackprop", nets=RELU),
    Entry("deconvnet", deconvolution, "captum Deconvolution", nets=RELU),
]
