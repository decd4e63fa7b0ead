"""Does a method's map show the network, or the picture?"""

from .checks import ANY_CLASS, PICTURE, Sanity, sanity
from .similarity import rank_correlation, ssim

__all__ = ["ANY_CLASS", "PICTURE", "Sanity", "rank_correlation", "sanity", "ssim"]
