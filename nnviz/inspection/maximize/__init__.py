"""What would it like to see?"""

from .climb import Maximized, maximize

__all__ = ["Maximized", "maximize"]
