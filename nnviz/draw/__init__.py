"""Drawing: results as pictures. Nothing here computes anything about a network."""

from .results import picture, save_picture

__all__ = ["picture", "save_picture"]
