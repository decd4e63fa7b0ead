"""Drawing: results and data as pictures. Nothing here computes anything about a network."""

from . import anatomy, judged, profile, trust  # noqa: F401 - they register their pictures
from .gif import save_animation
from .results import picture, save_picture
from .samples import samples

__all__ = ["anatomy", "picture", "samples", "save_animation", "save_picture"]
