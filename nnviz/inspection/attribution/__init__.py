"""Why did it decide so?"""

from .cam import grad_cam
from .explain import explain
from .goal import Goal, as_goal
from .gradients import deconvnet, gradient, guided_backprop, input_x_gradient, saliency
from .methods import METHODS, Method
from .occlusion import OCCLUSION_GUIDE, Occlusion, occlusion, occlusions
from .rules import RULES
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
    "Target",
    "as_goal",
    "deconvnet",
    "explain",
    "grad_cam",
    "gradient",
    "guided_backprop",
    "input_x_gradient",
    "occlusion",
    "occlusions",
    "saliency",
]
