"""Drawing: results and data as pictures. Nothing here computes anything about a network."""

from . import judged  # noqa: F401 - it registers the pictures of judgements
from .results import picture, save_picture
from .samples import samples

__all__ = ["picture", "samples", "save_picture"]
