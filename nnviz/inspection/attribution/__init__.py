"""Why did it decide so?"""

from .cam import grad_cam
from .composites import COMPOSITES
from .deep_lift import deep_lift, deep_lift_shap
from .excitation import excitation_backprop
from .explain import explain
from .goal import Goal, as_goal
from .gradients import deconvnet, gradient, guided_backprop, input_x_gradient, saliency
from .lrp import deep_taylor, lrp, lrp_alpha_beta, lrp_epsilon, lrp_gamma, lrp_zero
from .methods import METHODS, Method
from .occlusion import OCCLUSION_GUIDE, Occlusion, occlusion, occlusions
from .rect_grad import rect_grad
from .rules import RULES
from .target import Channel, Direction, Logit, LogProbability, Norm, Probability, Target

__all__ = [
    "COMPOSITES",
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
    "Target",
    "as_goal",
    "deconvnet",
    "deep_lift",
    "deep_lift_shap",
    "deep_taylor",
    "excitation_backprop",
    "explain",
    "grad_cam",
    "gradient",
    "guided_backprop",
    "input_x_gradient",
    "lrp",
    "lrp_alpha_beta",
    "lrp_epsilon",
    "lrp_gamma",
    "lrp_zero",
    "occlusion",
    "occlusions",
    "rect_grad",
    "saliency",
]
