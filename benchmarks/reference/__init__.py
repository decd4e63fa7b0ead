"""What the same maps are elsewhere: captum's, and short versions in PyTorch from the papers."""

from . import cam, cam_more, gradient, layer, path, perturbation, rule
from .entry import Entry

ENTRIES: list[Entry] = [
    *gradient.ENTRIES,
    *path.ENTRIES,
    *rule.ENTRIES,
    *cam.ENTRIES,
    *cam_more.ENTRIES,
    *layer.ENTRIES,
    *perturbation.ENTRIES,
]
