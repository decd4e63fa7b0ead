"""Gradients at the picture: captum's."""

from __future__ import annotations

import numpy as np
from captum import attr

from ..nets import RELU, Case
from ..twin import back
from .entry import Entry


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


ENTRIES = [
    Entry("gradient", gradient, "captum Saliency(abs=False)"),
    Entry("saliency", saliency, "captum Saliency, largest channel", part="values"),
    Entry("input_x_gradient", input_x_gradient, "captum InputXGradient"),
    Entry("guided_backprop", guided_backprop, "captum GuidedBackprop", nets=RELU),
    Entry("deconvnet", deconvolution, "captum Deconvolution", nets=RELU),
]
