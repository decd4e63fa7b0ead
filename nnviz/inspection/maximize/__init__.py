"""What would it like to see?"""

from .climb import maximize
from .image import Fourier, Image, Pixels
from .priors import Decay, LpNorm, Prior, TotalVariation
from .result import Maximized
from .transforms import Blur, Jitter, Padding, Rotation, Scaling, Transform

__all__ = [
    "Blur",
    "Decay",
    "Fourier",
    "Image",
    "Jitter",
    "LpNorm",
    "Maximized",
    "Padding",
    "Pixels",
    "Prior",
    "Rotation",
    "Scaling",
    "TotalVariation",
    "Transform",
    "maximize",
]
