"""Backward rules: captum's LRP and DeepLIFT, and LRP from the papers (`relevance`)."""

from __future__ import annotations

import numpy as np
import torch
from captum import attr
from captum.attr._utils import lrp_rules
from captum.attr._utils.custom_modules import Addition_Module
from torch import nn

from ..nets import RELU, Case
from ..twin import Twin, back
from . import relevance
from .entry import Entry
from .path import bases
from .relevance import COMPOSITES, lrp

BASELINE = 0.2


def captum_lrp(twin: Twin, case: Case) -> np.ndarray:
    """captum's LRP with ε = 1e-6 everywhere."""
    for module in twin.at.values():
        linear = (nn.Conv2d, nn.Linear, nn.AvgPool2d, nn.AdaptiveAvgPool2d, Addition_Module)
        if isinstance(module, (*linear, nn.BatchNorm2d)):
            module.rule = lrp_rules.EpsilonRule(1e-6)
        elif isinstance(module, nn.MaxPool2d):
            module.rule = lrp_rules.EpsilonRule(1e-9)
    return back(attr.LRP(twin).attribute(case.input, case.target))


def captum_folded(case: Case) -> np.ndarray:
    return captum_lrp(case.folded, case)


def captum_unfolded(case: Case) -> np.ndarray:
    return captum_lrp(Twin(case.model).eval(), case)


def deep_lift(case: Case) -> np.ndarray:
    found = attr.DeepLift(case.twin).attribute(case.input, case.ready(BASELINE), case.target)
    return back(found)


def own_deep_lift(case: Case) -> np.ndarray:
    return relevance.deep_lift(case, case.ready(BASELINE))


def own_deep_lift_shap(case: Case) -> np.ndarray:
    every = [relevance.deep_lift(case, case.ready(base)) for base in bases(case)]
    return np.mean(every, axis=0)


def deep_lift_shap(case: Case) -> np.ndarray:
    """captum repeats the baselines for all pictures."""
    parts = torch.cat([case.ready(base)[:1] for base in bases(case)])
    return back(attr.DeepLiftShap(case.twin).attribute(case.input, parts, case.target))


PAPERS = "the papers' formulas in PyTorch"
COPIES = (
    "right only where no pool reads a ReLU's own tensor, whose hooks else run first and the pool's "
    "rule is lost; the twin hands out copies"
)
ENTRIES = [
    *(Entry("lrp", lrp(name), PAPERS, {"composite": name}, nets=RELU) for name in COMPOSITES),
    Entry("lrp", captum_folded, "captum LRP", {"composite": "epsilon"}, nets=RELU),
    Entry(
        "lrp",
        captum_unfolded,
        "captum LRP",
        {"composite": "epsilon"},
        nets=("residual",),
        kind="other",
        note="captum takes a batch normalization as a layer with a bias; ours is folded into its "
        "convolution first",
    ),
    Entry("lrp_zero", lrp("zero"), PAPERS, nets=RELU),
    Entry("lrp_epsilon", lrp("epsilon"), PAPERS, nets=RELU),
    Entry("lrp_epsilon", captum_folded, "captum LRP", nets=RELU),
    Entry("lrp_gamma", lrp("gamma"), PAPERS, nets=RELU),
    Entry("lrp_alpha_beta", lrp("alpha_beta"), PAPERS, nets=RELU),
    Entry("deep_taylor", relevance.deep_taylor, PAPERS, nets=RELU),
    Entry("excitation_backprop", relevance.excitation, PAPERS, nets=RELU),
    Entry("deep_lift", own_deep_lift, PAPERS, {"baseline": BASELINE}),
    Entry("deep_lift", deep_lift, "captum DeepLift", {"baseline": BASELINE}, note=COPIES),
    Entry("deep_lift_shap", own_deep_lift_shap, PAPERS, lambda case: {"baselines": bases(case)}),
    Entry(
        "deep_lift_shap",
        deep_lift_shap,
        "captum DeepLiftShap",
        lambda case: {"baselines": bases(case)},
        note=COPIES,
    ),
]
