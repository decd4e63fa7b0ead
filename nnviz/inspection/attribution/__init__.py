"""Why did it decide so?"""

from .cam import grad_cam
from .explain import explain
from .goal import Goal, as_goal
from .gradients import deconvnet, gradient, guided_backprop, input_x_gradient, saliency
from .methods import METHODS, Method
from .occlusion import OCCLUSION_GUIDE, Occlusion, occlusion, occlusions
from .perturbation import (
    SegmentAttribution,
    extremal_perturbation,
    feature_ablation,
    feature_permutation,
    hsic,
    kernel_shap,
    lime,
    meaningful_perturbation,
    rise,
    shapley_exact,
    shapley_sampling,
    sobol,
)
from .rules import RULES
from .segments import segments
from .target import Channel, Direction, Logit, LogProbability, Norm, Probability, Target

__all__ = [
    "METHODS",
    "OCCLUSION_GUIDE",
    "RULES",
    "Channel",
    "Direction",
    "Goal",
    "LogProbability",
    "Logit",
    "Method",
    "Norm",
    "Occlusion",
    "Probability",
    "SegmentAttribution",
    "Target",
    "as_goal",
    "deconvnet",
    "explain",
    "extremal_perturbation",
    "feature_ablation",
    "feature_permutation",
    "grad_cam",
    "gradient",
    "guided_backprop",
    "hsic",
    "input_x_gradient",
    "kernel_shap",
    "lime",
    "meaningful_perturbation",
    "occlusion",
    "occlusions",
    "rise",
    "saliency",
    "segments",
    "shapley_exact",
    "shapley_sampling",
    "sobol",
]
