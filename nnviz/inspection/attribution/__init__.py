"""Why did it decide so?"""

from .cam import grad_cam
from .explain import METHODS, Method, explain
from .gradients import saliency
from .occlusion import OCCLUSION_GUIDE, Occlusion, occlusion, occlusions
from .rules import RULES
from .target import Channel, Logit, Probability, Target

__all__ = [
    "METHODS",
    "OCCLUSION_GUIDE",
    "RULES",
    "Channel",
    "Logit",
    "Method",
    "Occlusion",
    "Probability",
    "Target",
    "explain",
    "grad_cam",
    "occlusion",
    "occlusions",
    "saliency",
]
