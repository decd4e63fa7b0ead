"""Why did it decide so?"""

from .blur_ig import blur_ig
from .cam import grad_cam
from .explain import explain
from .forgrad import forgrad, low_pass
from .goal import Goal, as_goal
from .gradients import deconvnet, gradient, guided_backprop, input_x_gradient, saliency
from .guided_ig import guided_ig
from .layer import (
    internal_influence,
    layer_conductance,
    layer_gradient_x_activation,
    layer_integrated_gradients,
)
from .methods import METHODS, Method
from .occlusion import OCCLUSION_GUIDE, Occlusion, occlusion, occlusions
from .path import expected_gradients, integrated_gradients
from .rules import RULES
from .smooth import smooth_grad, smooth_grad_squared, var_grad
from .target import Channel, Direction, Logit, LogProbability, Norm, Probability, Target
from .xrai import xrai

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
    "blur_ig",
    "deconvnet",
    "expected_gradients",
    "explain",
    "forgrad",
    "grad_cam",
    "gradient",
    "guided_backprop",
    "guided_ig",
    "input_x_gradient",
    "integrated_gradients",
    "internal_influence",
    "layer_conductance",
    "layer_gradient_x_activation",
    "layer_integrated_gradients",
    "low_pass",
    "occlusion",
    "occlusions",
    "saliency",
    "smooth_grad",
    "smooth_grad_squared",
    "var_grad",
    "xrai",
]
