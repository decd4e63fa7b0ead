"""Data sets: read, checked, and handed on as arrays."""

from .dataset import Dataset
from .idx import read_idx
from .load import load
from .picture import background, read_picture, resize
from .sample import sample

__all__ = ["Dataset", "background", "load", "read_idx", "read_picture", "resize", "sample"]
