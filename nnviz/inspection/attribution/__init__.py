"""Why did it decide so?"""

from .cam import grad_cam
from .explain import explain
from .goal import Goal, as_goal
from .gradients import deconvnet, gradient, guided_backprop, input_x_gradient, saliency
from .methods import METHODS, Method, method
from .occlusion import OCCLUSION_GUIDE, Occlusion, occlusion, occlusions
from .question import Question
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
    "Question",
    "Target",
    "as_goal",
    "deconvnet",
    "explain",
    "grad_cam",
    "gradient",
    "guided_backprop",
    "input_x_gradient",
    "method",
    "occlusion",
    "occlusions",
    "saliency",
]
