"""The picture is changed and run again: masks, and what is made of the answers."""

from .ablation import feature_ablation, feature_permutation
from .extremal import extremal_perturbation, meaningful_perturbation
from .hsic import hsic
from .masks import SegmentAttribution
from .rise import rise
from .shapley import shapley_exact, shapley_sampling
from .sobol import sobol
from .surrogate import kernel_shap, lime

__all__ = [
    "SegmentAttribution",
    "extremal_perturbation",
    "feature_ablation",
    "feature_permutation",
    "hsic",
    "kernel_shap",
    "lime",
    "meaningful_perturbation",
    "rise",
    "shapley_exact",
    "shapley_sampling",
    "sobol",
]
