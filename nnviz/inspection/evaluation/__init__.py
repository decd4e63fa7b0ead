"""How good is it, and where is it wrong?"""

from .mistakes import Mistakes, mistakes, wilson

__all__ = ["Mistakes", "mistakes", "wilson"]
