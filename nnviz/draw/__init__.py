"""Drawing: results and data as pictures. Nothing here computes anything about a network."""

from .results import picture, save_picture
from .samples import samples

__all__ = ["picture", "samples", "save_picture"]
