"""Data sets: read, checked, and handed on as arrays."""

from .catalogue import CATALOGUE
from .dataset import Dataset
from .download import cache, fetch, is_cached
from .idx import read_idx
from .load import load, options_of
from .names import read_class_names
from .picture import background, read_picture, resize
from .planted import PLANTED, planted
from .sample import sample

__all__ = [
    "CATALOGUE",
    "PLANTED",
    "Dataset",
    "background",
    "cache",
    "fetch",
    "is_cached",
    "load",
    "options_of",
    "planted",
    "read_class_names",
    "read_idx",
    "read_picture",
    "resize",
    "sample",
]
