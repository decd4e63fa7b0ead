"""Drawing: results and data as pictures. Nothing here computes anything about a network."""

from . import anatomy  # registers its pictures
from .results import picture, save_picture
from .samples import samples

__all__ = ["anatomy", "picture", "samples", "save_picture"]
