"""Does a method's map show the network, or the picture?"""

from .checks import ANY_CLASS, BLANK, EMPTY, PICTURE, Sanity, noticed, sanity
from .randomize import forgotten, learnt
from .similarity import rank_correlation, ssim

__all__ = [
    "ANY_CLASS",
    "BLANK",
    "EMPTY",
    "PICTURE",
    "Sanity",
    "forgotten",
    "learnt",
    "noticed",
    "rank_correlation",
    "sanity",
    "ssim",
]
